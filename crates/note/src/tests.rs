use crate::*;

/// Key and note published with Go's `golang.org/x/mod/sumdb/note` documentation.
const GO_VKEY: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const GO_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
then you don't know what your problem is.\n\
\n\
— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn signer() -> StaticSigner {
    StaticSigner::from_seed("test", &[7; 32]).unwrap()
}

#[test]
fn reads_the_note_that_go_publishes() {
    let key: VerifierKey = GO_VKEY.parse().unwrap();
    assert_eq!(key.to_string(), GO_VKEY);
    SignedNote::parse(GO_NOTE).unwrap().verify(&key).unwrap();
    let altered = GO_NOTE.replace("answer", "Answer");
    assert_eq!(SignedNote::parse(&altered).unwrap().verify(&key), Err(NoteError::Forged));
}

#[test]
fn signs_what_it_verifies_the_same_each_time() {
    let mut signer = signer();
    let note = signer.sign("line\n");
    assert_eq!(note, signer.sign("line\n"));
    let parsed = SignedNote::parse(&note).unwrap();
    assert_eq!(parsed.text(), "line\n");
    parsed.verify(signer.key()).unwrap();
    let other = StaticSigner::from_seed("test", &[8; 32]).unwrap();
    assert_eq!(parsed.verify(other.key()), Err(NoteError::OtherKey));
    let renamed = StaticSigner::from_seed("other", &[7; 32]).unwrap();
    assert_eq!(parsed.verify(renamed.key()), Err(NoteError::OtherKey));
}

#[test]
fn refuses_every_other_shape() {
    let good = signer().sign("line\n");
    let signature = good.rsplit_once("\n\n").unwrap().1.to_owned();
    let cases = [
        (good.trim_end().to_owned(), NoteError::Unsigned),
        ("line\n".to_owned(), NoteError::Unsigned),
        (format!("{good}{signature}"), NoteError::Signatures),
        (format!("{good}\n"), NoteError::Signatures),
        (format!("a\n\n{good}"), NoteError::Signatures),
        (good.replace('—', "-"), NoteError::Signature),
        (good.replace("— test ", "— te+st "), NoteError::Signature),
        (good.replace("— test ", "— test  "), NoteError::Signature),
        (good.replace("line", "li\tne"), NoteError::Control),
        (format!("\n\n{signature}"), NoteError::Text),
        (format!("line\n\n{}=\n", signature.trim_end()), NoteError::Signature),
        (
            format!("line\n\n{}AAAA\n", signature.trim_end().trim_end_matches('=')),
            NoteError::Signature,
        ),
    ];
    for (note, error) in cases {
        assert_eq!(SignedNote::parse(&note).unwrap_err(), error, "{note:?}");
    }
}

#[test]
fn private_text_round_trips_and_mistakes_have_names() {
    let text = StaticSigner::private_text("test", &[7; 32]).unwrap();
    assert!(text.starts_with("PRIVATE+KEY+test+"));
    let signer = StaticSigner::from_private_text(&format!("{}\n", *text)).unwrap();
    assert_eq!(signer.key(), StaticSigner::from_seed("test", &[7; 32]).unwrap().key());
    assert!(!format!("{signer:?}").contains(text.rsplit('+').next().unwrap()));

    assert_eq!(text.parse::<VerifierKey>(), Err(KeyError::Half));
    let vkey = signer.key().to_string();
    assert_eq!(StaticSigner::from_private_text(&vkey).unwrap_err(), KeyError::Half);
    assert_eq!(StaticSigner::from_private_text("nonsense").unwrap_err(), KeyError::Shape);
    let wrong_id = text.replace(&vkey[5..13], "00000000");
    assert_eq!(StaticSigner::from_private_text(&wrong_id).unwrap_err(), KeyError::Id);
}

#[test]
fn a_vkey_has_one_spelling() {
    let long = VerifierKey::new(&"n".repeat(737), [7; 32]).unwrap();
    assert_eq!(long.to_string().parse(), Ok(long));
    let good = signer().key().to_string();
    let (name, rest) = good.split_once('+').unwrap();
    let (id, data) = rest.split_once('+').unwrap();
    for (text, error) in [
        (String::new(), KeyError::Shape),
        (format!("+{id}+{data}"), KeyError::Name),
        (format!("a b+{id}+{data}"), KeyError::Name),
        (format!("{}+{id}+{data}", "n".repeat(738)), KeyError::Name),
        (format!("tést+{id}+{data}"), KeyError::Name),
        (format!("{name}+{}+{data}", id.to_uppercase() + "0"), KeyError::Shape),
        (format!("{name}+00000000+{data}"), KeyError::Id),
        (format!("{name}+{id}+{}", data.trim_end_matches('=').to_owned() + "!"), KeyError::Shape),
        (format!("{name}+{id}+Ag=="), KeyError::Algorithm),
        (format!("{name}+{id}+AQ=="), KeyError::Shape),
        (format!("{good}\n"), KeyError::Shape),
    ] {
        assert_eq!(text.parse::<VerifierKey>().unwrap_err(), error, "{text:?}");
    }
}

#[test]
fn sha256_is_sha256() {
    let hex: String = sha256(b"abc").iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
