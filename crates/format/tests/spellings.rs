//! Every type of value has one spelling; all others are refused.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use auditseal_format::seal::{Uuid, Word};
use auditseal_format::{Alternate, Date, FileId, FileName, Hash, ObjectKey, Origin, Time, hash};
use auditseal_note::StaticSigner;
use proptest::prelude::*;

/// What is accepted prints as it was; what isn't is refused.
fn judge<T: std::fmt::Display>(read: impl Fn(&str) -> Option<T>, good: &[&str], bad: &[&str]) {
    for text in good {
        assert_eq!(read(text).map(|value| value.to_string()).as_deref(), Some(*text));
    }
    for text in bad {
        assert!(read(text).is_none(), "{text:?} was accepted");
    }
}

#[test]
fn uuids() {
    let good = "01234567-89ab-cdef-0123-456789abcdef";
    let read = |text: &str| text.parse::<Uuid>().ok();
    judge(
        read,
        &[good, "00000000-0000-0000-0000-000000000000"],
        &[
            "",
            &good.to_uppercase(),
            &good.replace('-', ""),
            &good.replace('-', "_"),
            "0123456789-ab-cdef-0123-456789abcdef",
            "012345678-9ab-cdef-0123-456789abcdef",
            "+1234567-89ab-cdef-0123-456789abcdef",
            &format!("{{{good}}}"),
            &format!("{good} "),
            &good[1..],
            "0123456é-89ab-cdef-0123-456789abcde",
        ],
    );
}

#[test]
fn hashes() {
    let good = hash(b"x").to_string();
    judge(
        |text: &str| text.parse::<Hash>().ok(),
        &[&good],
        &[
            "",
            "-",
            &good.to_uppercase(),
            &good[..63],
            &format!("{good}0"),
            &format!("0x{}", &good[2..]),
        ],
    );
}

#[test]
fn files() {
    let hash = hash(b"first line").to_string();
    judge(
        |text: &str| text.parse::<FileId>().ok(),
        &[&format!("{hash}:0:0"), &format!("{hash}:18446744073709551615:4294967295")],
        &[
            &hash,
            &format!("{hash}:0"),
            &format!("{hash}:0:0:0"),
            &format!("{hash}:00:0"),
            &format!("{hash}:0:01"),
            &format!("{hash}:+0:0"),
            &format!("{hash}:0:-0"),
            &format!("{hash}:0: 0"),
            &format!("{hash}::0"),
            &format!("{hash}:0:"),
            &format!("{hash}:18446744073709551616:0"),
            &format!("{hash}:0:4294967296"),
            &format!("{}:0:0", hash.to_uppercase()),
            &format!("{}:0:0", &hash[1..]),
        ],
    );
}

#[test]
fn names() {
    let long = "a".repeat(255);
    let escaped = "%00".repeat(255);
    judge(
        |text: &str| text.parse::<FileName>().ok(),
        &["audit.log", "--", ".", "%2D", "%2F", "%25", "%C3%A9", "a%20b_c-D.9", &long, &escaped],
        &[
            "",
            "a b",
            "a/b",
            "é",
            "%41",
            "%2E",
            "-",
            "%2D%2D",
            "a%2D",
            "%5F",
            "%2f",
            "%",
            "%2",
            "%+F",
            "% F",
            "%GG",
            "100%",
            "a\n",
            &format!("{long}a"),
            &format!("{escaped}%00"),
        ],
    );
    assert_eq!(FileName::new(b"").as_bytes(), b"?");
    assert_eq!(FileName::new(&[b'x'; 300]).as_bytes().len(), FileName::MAX);
}

#[test]
fn words() {
    let long = "a".repeat(64);
    judge(
        Word::new,
        &["a", "state-lost", "0", "-", &long],
        &["", "A", "a b", "a_b", "é", "a\n", &format!("{long}a")],
    );
}

#[test]
fn times() {
    judge(
        |text: &str| text.parse::<Time>().ok(),
        &[
            "1970-01-01T00:00:00.000000Z",
            "2024-02-29T23:59:59.999999Z",
            "9999-12-31T23:59:59.999999Z",
        ],
        &[
            "",
            "-",
            "2026-11-21",
            "2026-11-21T08:00:00Z",
            "2026-11-21T08:00:00.000Z",
            "2026-11-21T08:00:00.0000000Z",
            "2026-11-21 08:00:00.000000Z",
            "2026-11-21t08:00:00.000000z",
            "2026-11-21T08:00:00.000000",
            "2026-11-21T08:00:00.000000+",
            "2026-11-21T24:00:00.000000Z",
            "2026-11-21T08:60:00.000000Z",
            "2026-12-31T23:59:60.000000Z",
            "2026-02-29T08:00:00.000000Z",
            "2026-11-31T08:00:00.000000Z",
            "2026-00-01T08:00:00.000000Z",
            "1969-12-31T23:59:59.999999Z",
            "10000-01-01T00:00:00.000000Z",
            "+026-11-21T08:00:00.000000Z",
        ],
    );
}

#[test]
fn origins() {
    let long = "x".repeat(245);
    judge(
        |text: &str| text.parse::<Origin>().ok(),
        &["c/n/s", "a.b/C_d/9-", &format!("{long}/{long}/{long}")],
        &[
            "",
            "c",
            "c/n",
            "c/n/s/",
            "/c/n/s",
            "c/n/s/t",
            "c//s",
            "./n/s",
            "../n/s",
            "c/-n/s",
            "c/n/_s",
            "c/n/s t",
            "c/n/s%20",
            "c/n=1/s",
            "c/n/é",
            "c/n/s\n",
            &format!("{long}x/n/s"),
        ],
    );
}

#[test]
fn keys_of_objects() {
    let chain = "cluster=c/node=n/source=s";
    let good = format!("{chain}/date=2026-11-21/000000000001.jsonl.zst");
    let genesis = format!("{chain}/date=1970-01-01/000000000000.jsonl.zst");
    let last = format!("{chain}/date=9999-12-31/999999999999.ffffffffffffffff.jsonl.zst");
    let change = |from: &str, to: &str| good.replace(from, to);
    judge(
        ObjectKey::parse,
        &[&good, &genesis, &last, &change(".jsonl", ".00c0ffee00c0ffee.jsonl")],
        &[
            "",
            &change("000000000001", "1"),
            &change("000000000001", "00000000001"),
            &change("000000000001", "0000000000001"),
            &change("000000000001", "1000000000000"),
            &change("000000000001", "+00000000001"),
            &change("000000000001", "00000000000a"),
            &change(".jsonl", ".e0.jsonl"),
            &change(".jsonl", ".e1.jsonl"),
            &change(".jsonl", "..jsonl"),
            &change(".jsonl", ".0.jsonl"),
            &change(".jsonl", ".00c0ffee00c0ffe.jsonl"),
            &change(".jsonl", ".+0c0ffee00c0ffee.jsonl"),
            &change(".jsonl", ".00C0FFEE00C0FFEE.jsonl"),
            &change(".jsonl", ".00c0ffee00c0ffee0.jsonl"),
            &change(".jsonl", ".000c0ffee00c0ffee.jsonl"),
            &change(".jsonl", ".00c0ffee00c0ffeg.jsonl"),
            &change(".jsonl", ".00c0ffee00c0ffee.00c0ffee00c0ffee.jsonl"),
            &change("2026-11-21", "2026-11-31"),
            &change("2026-11-21", "2026-1-21"),
            &change("2026-11-21", "1969-12-31"),
            &change("date=", "day="),
            &change("cluster=c", "cluster="),
            &change("cluster=c", "Cluster=c"),
            &change("cluster=c", "c"),
            &change("node=n", "node=.."),
            &change("node=n/source=s", "source=s/node=n"),
            &change(".zst", ""),
            &change(".jsonl.zst", ".jsonl.gz"),
            &change(".jsonl.zst", ".jsonl.zst/"),
            &format!("{good}/x"),
            &format!("/{good}"),
            &format!("prefix/{good}"),
        ],
    );
}

proptest! {
    #[test]
    fn any_key_round_trips(
        part in "[A-Za-z0-9][A-Za-z0-9._-]{0,40}",
        seq in 0..=999_999_999_999_u64,
        k in prop::option::of(any::<u32>()),
        day in 0..2_932_897_i64,
    ) {
        let date: Date = Time::from_micros(day * 86_400_000_000).date();
        let origin = Origin::new(&part, "n", "s").unwrap();
        let signer = StaticSigner::from_seed("c/n", &[1; 32]).unwrap();
        let alternate = k.map(|k| Alternate::new(&signer, &origin, seq, None, k));
        let key = ObjectKey { origin, seq, alternate, date };
        prop_assert_eq!(ObjectKey::parse(&key.to_string()), Some(key));
    }

    #[test]
    fn any_name_round_trips(bytes in prop::collection::vec(any::<u8>(), 1..=255)) {
        let name = FileName::new(&bytes);
        prop_assert_eq!(name.as_bytes(), &bytes[..]);
        prop_assert_eq!(name.to_string().parse(), Ok(name));
    }
}
