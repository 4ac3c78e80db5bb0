//! What is claimed of a proof, and that nothing else ever is.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use auditseal_evidence::{CheckedProof, check};
use auditseal_format::{EventProof, ObjectSeal};
use auditseal_vectors::{Chain, Piece, ProofVector, TestSigner};
use common::knowledge;

/// A proof of the first line of a batch, and what its reader knows.
fn proof_of(line: &[u8]) -> ProofVector {
    let source = [line, b"\n{}\n{}\n"].concat();
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", source.clone())]);
    let seal = ObjectSeal::open(&chain.head().bytes).unwrap();
    ProofVector {
        origin: Some("c/n/s".to_owned()),
        vkeys: vec![chain.current_signer().identity().to_string()],
        file: EventProof::make(&seal, &source, 1).unwrap().bytes(),
        ..ProofVector::default()
    }
}

fn checked(vector: &ProofVector) -> CheckedProof {
    check(&vector.file, &knowledge(vector)).unwrap()
}

fn text(checked: &CheckedProof) -> String {
    let mut out = Vec::new();
    checked.text(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn html(checked: &CheckedProof) -> String {
    let mut out = Vec::new();
    checked.html(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn json(checked: &CheckedProof) -> serde_json::Value {
    let mut out = Vec::new();
    checked.json(&mut out).unwrap();
    assert_eq!(out.pop(), Some(b'\n'));
    serde_json::from_slice(&out).unwrap()
}

fn event(agent: &str) -> Vec<u8> {
    let agent = serde_json::to_string(agent).unwrap();
    format!(
        "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\"stage\":\
         \"ResponseComplete\",\"verb\":\"delete\",\"user\":{{\"username\":\"mallory\"}},\"userAgent\":{agent},\
         \"stageTimestamp\":\"2026-11-21T08:00:01.000000Z\"}}"
    )
    .into_bytes()
}

#[test]
fn all_three_forms_say_what_is_proved_and_what_is_not() {
    let checked = checked(&proof_of(&event("kubectl")));
    assert!(checked.holds());
    let (text, html, json) = (text(&checked), html(&checked), json(&checked));
    assert!(text.ends_with("\nPROVED c/n/s 1:1\n"), "{text}");
    assert!(text.contains("  user              mallory\n"), "{text}");
    assert_eq!((&json["proved"], &json["event"]["line"]), (&true.into(), &1.into()));
    assert_eq!(json["event"]["fields"][1]["value"], "mallory");
    assert_eq!(json["event"]["time"], "2026-11-21T08:00:01.000000Z");
    for sentence in
        ["These exact ", "nothing else was logged", "Who held the key", "no verified head"]
    {
        assert!(text.contains(sentence) && html.contains(sentence), "{sentence}");
        let all = [&json["proves"], &json["does_not_prove"]];
        let said = |list: &&serde_json::Value| list.to_string().contains(sentence);
        assert!(all.iter().any(said), "{sentence}");
    }
}

#[test]
fn of_a_bad_proof_nothing_is_claimed() {
    let good = proof_of(&event("kubectl"));
    let at = good.file.len() - 9;
    let mut file = good.file.clone();
    file[at] ^= 1;
    let checked = checked(&ProofVector { file, ..good });
    assert!(!checked.holds() && checked.proof().is_none());
    let said = text(&checked);
    assert!(said.starts_with("TAMPERED: ") && said.ends_with("\nNOT PROVED\n"), "{said}");
    let (json, html) = (json(&checked), html(&checked));
    assert_eq!((&json["verdict"], &json["event"]), (&"TAMPERED".into(), &serde_json::Value::Null));
    assert!(html.contains("This file proves nothing") && !html.contains("mallory"), "{html}");
}

/// Of every file with another bit no more is said than that it proves nothing.
#[test]
fn every_flipped_bit_of_the_file_changes_nothing_that_is_claimed() {
    let good = proof_of(&event("kubectl \u{1f600}"));
    let known = knowledge(&good);
    let mut file = good.file.clone();
    let (mut refused, mut unknown) = (0, 0);
    for at in 0..file.len() * 8 {
        file[at / 8] ^= 1 << (at % 8);
        match check(&file, &known) {
            Ok(checked) => {
                assert!(!checked.holds(), "bit {at} was flipped and the proof holds");
                refused += 1;
            }
            Err(_) => unknown += 1,
        }
        file[at / 8] ^= 1 << (at % 8);
    }
    assert_eq!((refused, unknown), (8 * file.len(), 0));
    assert_eq!(file, good.file);
}

#[test]
fn hostile_events_stay_text() {
    let hostile = [
        "</td></tr></table><script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "--></style><svg onload=alert(1)>",
        "&lt;script&gt;&#x3c;b&#x3e;",
        "' onmouseover='x",
        "\u{1b}]0;title\u{7}\u{202e}gnp.exe\u{0}\r\n\u{85}",
        "{{7*7}}${7*7}<%= 7 %>",
        "javascript:alert(1)",
    ];
    for agent in hostile {
        for line in [event(agent), agent.replace(['\n', '\r', '\0'], "").into_bytes()] {
            let checked = checked(&proof_of(&line));
            assert!(checked.holds());
            let (text, html, json) = (text(&checked), html(&checked), json(&checked));
            let acts =
                |c: char| (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{85}');
            assert!(!text.contains(acts) && !html.contains(acts), "{agent:?}");
            assert!(!json.to_string().contains(acts), "{agent:?}");
            only_our_markup(&html);
        }
    }
    let bytes = checked(&proof_of(b"\xff\xc3\x28<b>\x80"));
    assert!(html(&bytes).contains("\\xff\\xc3(&lt;b&gt;\\x80"));
    only_our_markup(&html(&bytes));
}

/// Every `<` of the page begins a tag of ours, none of which has an attribute of somebody else's.
fn only_our_markup(page: &str) {
    let (_, body) = page.split_once("</style>").unwrap();
    let ours = [
        "/head",
        "body",
        "/body",
        "/html",
        "h1",
        "/h1",
        "h2",
        "/h2",
        "p",
        "/p",
        "strong",
        "/strong",
        "table",
        "/table",
        "tr",
        "/tr",
        "th",
        "/th",
        "td",
        "/td",
        "code",
        "/code",
        "pre",
        "/pre",
        "ul",
        "/ul",
        "li",
        "/li",
        "footer",
        "/footer",
        "p class=\"result\"",
        "p class=\"result refused\"",
    ];
    for piece in body.split('<').skip(1) {
        let tag = piece.split_once('>').map(|(tag, _)| tag);
        assert!(tag.is_some_and(|tag| ours.contains(&tag)), "<{piece}");
    }
    assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"));
}

#[test]
fn the_page_forbids_all_but_its_own_style() {
    use base64::Engine as _;
    let page = html(&checked(&proof_of(&event("kubectl"))));
    let (_, rest) = page.split_once("<style>").unwrap();
    let (style, _) = rest.split_once("</style>").unwrap();
    let hash = auditseal_format::sha256(style.as_bytes());
    let hash = base64::engine::general_purpose::STANDARD.encode(hash);
    let policy = format!(
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'sha256-{hash}'; \
         base-uri 'none'; form-action 'none'\">"
    );
    assert!(page.contains(&policy), "{policy}");
}

#[test]
fn a_long_event_is_shown_in_part_and_proved_in_full() {
    let checked = checked(&proof_of(&event(&"x".repeat(1 << 20))));
    assert!(checked.holds());
    let (text, html) = (text(&checked), html(&checked));
    assert!(text.len() < 10_000, "{}", text.len());
    assert!(html.len() < 300_000 && html.contains(" more bytes, which are in the file"));
}
