//! Objects removed, moved, copied, altered or added by whoever holds the bucket.

use super::{
    LOG, ORIGIN, four, neighbour, signer, small, started, stranger, with_last, with_last_needed,
};
use crate::text::{set, substitute};
use crate::{Archive, Chain, Parts, Piece, TestSigner, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    [removed(), moved(), copied(), altered(), added(), signed_again()].concat()
}

/// [`four`] after something was done to its archive.
fn case(name: &str, about: &str, edit: impl FnOnce(&Chain, &mut Archive)) -> Vector {
    let chain = four();
    let mut archive = chain.archive();
    edit(&chain, &mut archive);
    Vector::new(name, about, &chain).objects(archive)
}

fn take(archive: &mut Archive, key: &str) -> Vec<u8> {
    archive.remove(key).expect("an object at this key")
}

/// A key of the same object that nobody who has its signer's key would come to.
fn alternate(key: &str) -> String {
    substitute(key, ".jsonl", ".0123456789abcdef.jsonl")
}

fn removed() -> Vec<Vector> {
    let without = |seqs: &'static [usize]| {
        move |chain: &Chain, archive: &mut Archive| {
            seqs.iter().for_each(|seq| drop(take(archive, &chain.key(*seq))));
        }
    };
    let known = four();
    let mut ratchet = started(TestSigner::ratchet(3));
    for _ in 0..3 {
        ratchet.heartbeat();
    }
    let mut objects = ratchet.archive();
    take(&mut objects, &ratchet.key(2));
    let nothing = || case("empty", "no object at all", |_, archive| archive.clear());
    let renamed = |verdict: &str, mut vector: Vector| {
        verdict.clone_into(&mut vector.name);
        vector
    };
    let mut empty = nothing();
    empty.exit = 2;
    let mut foreign = renamed("empty-but-for-other-names", nothing());
    foreign.exit = 2;
    foreign.objects.insert("README.md".to_owned(), b"hello".to_vec());
    foreign.infos.push("UNEXPECTED_OBJECT - -".to_owned());
    vec![
        case("removed-genesis", "the genesis is gone", without(&[0])).finding("MISSING c/n/s 0"),
        case("removed-first-batch", "a batch is gone: its lines too", without(&[1]))
            .finding("MISSING c/n/s 1"),
        case("removed-several", "two in a row are gone", without(&[1, 2]))
            .finding("MISSING c/n/s 1")
            .finding("MISSING c/n/s 2"),
        case("removed-all-but-the-last", "only the newest is left", without(&[0, 1, 2]))
            .finding("MISSING c/n/s 0")
            .finding("MISSING c/n/s 1")
            .finding("MISSING c/n/s 2"),
        case("removed-last-head-known", "the newest is gone; the head is known", without(&[3]))
            .head_of(&known)
            .finding("TRUNCATED c/n/s 3"),
        case("removed-last-overdue", "the newest is gone; the next is overdue", without(&[3]))
            .now(known.head().seal.next_by.expect("a promise"))
            .finding("SILENT c/n/s 2"),
        Vector::new("removed-in-a-ratchet", "behind the hole nobody vouches for the key", &ratchet)
            .objects(objects)
            .head_of(&ratchet)
            .finding("TRUNCATED c/n/s 2")
            .finding("WRONG_KEY c/n/s 3"),
        empty,
        foreign,
        renamed("empty-origin-asked", nothing()).origin(ORIGIN).finding("MISSING c/n/s -"),
        case("origin-absent", "another chain than the one asked for", |_, _| {})
            .origin(ORIGIN)
            .origin("c/other/s")
            .trust(TestSigner::named("c/other", 2).identity())
            .finding("MISSING c/other/s -"),
    ]
}

fn moved() -> Vec<Vector> {
    let date = |key: &str| substitute(key, "2026-11-21", "2026-11-22");
    vec![
        case("swapped", "two objects change places", |chain, archive| {
            let (one, two) = (take(archive, &chain.key(1)), take(archive, &chain.key(2)));
            archive.insert(chain.key(1), two);
            archive.insert(chain.key(2), one);
        })
        .finding("REORDERED c/n/s 1")
        .finding("REORDERED c/n/s 2"),
        case("moved-behind", "an object moves behind the newest", |chain, archive| {
            let object = take(archive, &chain.key(2));
            archive.insert(chain.next_key().to_string(), object);
        })
        .finding("MISSING c/n/s 2")
        .finding("REORDERED c/n/s 4"),
        case("moved-to-another-date", "an object moves to the next day", |chain, archive| {
            let object = take(archive, &chain.key(2));
            archive.insert(date(&chain.key(2)), object);
        })
        .finding("MISSING c/n/s 2")
        .finding("REORDERED c/n/s 2"),
        case(
            "moved-to-an-alternate",
            "an object moves to another of its keys",
            |chain, archive| {
                let object = take(archive, &chain.key(2));
                archive.insert(alternate(&chain.key(2)), object);
            },
        )
        .complete(four().head().seal.sealed)
        .restores(&four().restored()),
        case("moved-genesis", "the genesis moves to the day of its sealing", |chain, archive| {
            let object = take(archive, &chain.key(0));
            archive.insert(substitute(&chain.key(0), "1970-01-01", "2026-11-21"), object);
        })
        .finding("MISSING c/n/s 0")
        .finding("REORDERED c/n/s 0"),
        case("moved-to-another-name", "a name with 11 digits", |chain, archive| {
            let object = take(archive, &chain.key(2));
            archive.insert(substitute(&chain.key(2), "/0", "/"), object);
        })
        .finding("MISSING c/n/s 2")
        .info("UNEXPECTED_OBJECT - -"),
    ]
}

/// Three objects of another node's chain.
fn three_of_another() -> Chain {
    let mut other = Chain::new("c/m/s", neighbour());
    other.genesis();
    other.heartbeat();
    other.heartbeat();
    other
}

fn copied() -> Vec<Vector> {
    let copy = |to: &'static dyn Fn(&Chain) -> String| {
        move |chain: &Chain, archive: &mut Archive| {
            archive.insert(to(chain), chain.get(1).bytes.clone());
        }
    };
    let other = three_of_another();
    let mut both = other.archive();
    both.extend(four().archive());
    both.insert(other.key(1), four().get(1).bytes.clone());
    let elsewhere = |name, from: &str, to: &str, origin: &str| {
        let chain = four();
        let mut archive = chain.archive();
        let copy = substitute(&chain.key(0), from, to);
        archive.insert(copy, chain.get(0).bytes.clone());
        Vector::new(name, "the genesis is copied to another chain's key", &chain)
            .objects(archive)
            .finding(&format!("WRONG_ORIGIN {origin} 0"))
    };
    vec![
        case(
            "copied-behind",
            "an object once more, behind the newest",
            copy(&|chain| chain.next_key().to_string()),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 4"),
        case(
            "copied-over-another",
            "an object once more, in place of the next",
            copy(&|chain| chain.key(2)),
        )
        .finding("REPLAY c/n/s 2"),
        case(
            "copied-to-another-date",
            "an object once more, a day later",
            copy(&|chain| substitute(&chain.key(1), "2026-11-21", "2026-11-22")),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 1"),
        case(
            "copied-to-an-alternate",
            "an object once more, at another of its keys",
            copy(&|chain| alternate(&chain.key(1))),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 1"),
        case(
            "copied-to-an-alternate-of-another",
            "an object once more, at a key of the next",
            copy(&|chain| alternate(&chain.key(2))),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 2"),
        elsewhere("copied-to-another-cluster", "cluster=c/", "cluster=d/", "d/n/s"),
        elsewhere("copied-to-another-node", "node=n/", "node=m/", "c/m/s"),
        elsewhere("copied-to-another-source", "source=s/", "source=t/", "c/n/t"),
        case(
            "copied-into-another-chain-alone",
            "seq 1 at an absent chain's key",
            copy(&|chain| substitute(&chain.key(1), "node=n/", "node=m/")),
        )
        .finding("MISSING c/m/s 0")
        .finding("WRONG_ORIGIN c/m/s 1"),
        Vector::new("copied-into-another-chain", "in place of that chain's object", &four())
            .objects(both)
            .trust(neighbour().identity())
            .finding("WRONG_ORIGIN c/m/s 1"),
    ]
}

fn altered() -> Vec<Vector> {
    let flip = |name: &str, about: &str, verdict: &str, pattern: &'static [u8], offset: isize| {
        case(&format!("flipped-{name}"), about, |chain, archive| {
            let object = archive.get_mut(&chain.key(2)).expect("an object");
            let at = object.windows(pattern.len()).rposition(|window| window == pattern);
            let at = at.and_then(|at| at.checked_add_signed(offset));
            object[at.expect("the pattern is in the object")] ^= 1;
        })
        .finding(&format!("{verdict} c/n/s 2"))
    };
    let at = |name: &str, about: &str, verdict: &str, place: usize| {
        case(&format!("flipped-{name}"), about, |chain, archive| {
            archive.get_mut(&chain.key(2)).expect("an object")[place] ^= 1;
        })
        .finding(&format!("{verdict} c/n/s 2"))
    };
    vec![
        at("magic", "a bit of the magic number", "TAMPERED", 0),
        at("content-size", "a bit of the content size", "TAMPERED", 13),
        at("payload", "a bit of the blocks", "TAMPERED", 40),
        flip(
            "final-block",
            "a bit of the final block's header",
            "MALFORMED",
            b"{\"kind\":\"BatchSeal",
            -3,
        ),
        flip("seal-prefix", "a bit of the seal's first bytes", "UNSEALED", b"BatchSeal", 0),
        flip("note-number", "another number: `seq 3`", "BAD_SIGNATURE", b"nseq 2", 5),
        flip("note-keyword", "a letter of a keyword", "MALFORMED", b"nseq 2", 1),
        flip("note-escape", "the n of a `\\n`", "MALFORMED", b"\\nseq 2", 1),
        flip("sealed", "another time", "BAD_SIGNATURE", b"nsealed 2026", 11),
        flip("signature", "a letter of the signature", "BAD_SIGNATURE", b"\\n\"}\n", -11),
        flip("newline", "the last byte", "MALFORMED", b"\"}\n", 2),
    ]
}

fn added() -> Vec<Vector> {
    let garbage = |key: &'static dyn Fn(&Chain) -> String| {
        move |chain: &Chain, archive: &mut Archive| {
            archive.insert(key(chain), b"garbage".to_vec());
        }
    };
    let mut forged = four();
    forged.signer(stranger()).heartbeat();
    let mut longer = four();
    longer.heartbeat();
    vec![
        case(
            "added-garbage-behind",
            "garbage at the next key",
            garbage(&|chain| chain.next_key().to_string()),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 4"),
        case(
            "added-garbage-behind-head-ahead",
            "garbage at the next key, which is known to have been sealed",
            garbage(&|chain| chain.next_key().to_string()),
        )
        .head_of(&longer)
        .finding("TRUNCATED c/n/s 4")
        .finding("UNSEALED c/n/s 4"),
        case(
            "added-garbage-at-an-alternate",
            "garbage at another key of an object",
            garbage(&|chain| alternate(&chain.key(2))),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 2"),
        case(
            "added-garbage-at-another-date",
            "garbage at the seq of an object, a day later",
            garbage(&|chain| substitute(&chain.key(2), "2026-11-21", "2026-11-22")),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 2"),
        case("added-garbage-in-a-hole", "an object is gone, garbage is there", |chain, archive| {
            take(archive, &chain.key(2));
            archive.insert(alternate(&chain.key(2)), b"garbage".to_vec());
        })
        .finding("UNSEALED c/n/s 2"),
        case(
            "added-garbage-far-behind",
            "garbage at a later key, nothing between",
            garbage(&|chain| substitute(&chain.key(3), "000003", "000006")),
        )
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 6"),
        Vector::new(
            "added-forged-heartbeat",
            "a heartbeat of another key doesn't keep the chain alive",
            &four(),
        )
        .objects(forged.archive())
        .complete(four().head().seal.sealed)
        .info("UNEXPECTED_OBJECT c/n/s 4"),
        Vector::new("added-forged-heartbeat-overdue", "the chain is overdue all the same", &four())
            .objects(forged.archive())
            .now(four().head().seal.next_by.expect("a promise").saturating_add(1))
            .finding("SILENT c/n/s 3")
            .info("UNEXPECTED_OBJECT c/n/s 4"),
    ]
}

/// Whole notes replaced, under other keys.
fn signed_again() -> Vec<Vector> {
    let chain = four();
    let stranger_key = auditseal_format::Signer::key(&stranger()).to_string();
    let own_key = auditseal_format::Signer::key(&signer()).to_string();
    let again = |object: &[u8], next: &str| {
        Parts::of(object)
            .edit(&mut stranger(), |text| {
                let text = set(text, "key", &stranger_key);
                if next == own_key { text } else { set(&text, "next", next) }
            })
            .bytes()
    };
    let mut middle = chain.archive();
    middle.insert(chain.key(1), again(&chain.get(1).bytes, &own_key));
    let key_kept = Parts::of(&chain.head().bytes);
    let note = crate::resign(key_kept.text(), &mut stranger());
    let mismatched = Parts { note, ..key_kept.clone() }.bytes();
    let signature_of = |note: &str| note.rsplit(' ').next().unwrap_or_default().to_owned();
    let forged = Parts {
        note: substitute(
            &key_kept.note,
            &signature_of(&key_kept.note)[8..],
            &signature_of(&crate::resign(key_kept.text(), &mut stranger()))[8..],
        ),
        ..key_kept.clone()
    };
    let mut usurped = Chain::new(ORIGIN, stranger());
    usurped.genesis();
    usurped.batch(&[Piece::new(LOG, events(0..1))]);
    let mut all = Vector::new("signed-again-all", "the whole chain under another key", &usurped)
        .finding("FOREIGN_CHAIN c/n/s 0")
        .finding("MISSING c/n/s 0")
        .finding("MISSING c/n/s 1");
    all.vkeys = vec![own_key.clone()];
    let reanchor = |by: TestSigner| {
        let mut chain = started(TestSigner::ratchet(3));
        chain.signer(by).reanchor("state-lost");
        chain.signer(TestSigner::ratchet(3)).heartbeat();
        chain
    };
    let untrusted = reanchor(stranger());
    let mut vector = Vector::new("reanchor-by-a-stranger", "a reanchor of another key", &untrusted)
        .finding("WRONG_KEY c/n/s 1");
    vector.vkeys = vec![TestSigner::ratchet(3).identity().to_string()];
    vec![
        Vector::new("signed-again-last", "the newest note under another key", &chain)
            .objects(with_last(&chain, again(&chain.head().bytes, &stranger_key)))
            .head_of(&chain)
            .finding("TRUNCATED c/n/s 3")
            .finding("WRONG_KEY c/n/s 3"),
        Vector::new("signed-again-middle", "a note under another key, which hands back", &chain)
            .objects(middle)
            .finding("FORK c/n/s 2")
            .finding("WRONG_KEY c/n/s 1"),
        Vector::new("signed-again-key-kept", "another key signs and isn't named", &chain)
            .objects(with_last_needed(&chain, mismatched))
            .finding("BAD_SIGNATURE c/n/s 3"),
        Vector::new("signed-again-forged", "another key's signature under this key's name", &chain)
            .objects(with_last_needed(&chain, forged.bytes()))
            .finding("BAD_SIGNATURE c/n/s 3"),
        all,
        vector,
        untrusted_small(),
    ]
}

/// Nothing was done; the reader trusts another key.
fn untrusted_small() -> Vector {
    let mut vector = Vector::new("untrusted", "the reader trusts another key", &small())
        .finding("FOREIGN_CHAIN c/n/s 0")
        .finding("MISSING c/n/s 0")
        .finding("MISSING c/n/s 1");
    vector.vkeys = vec![stranger().identity().to_string()];
    vector
}
