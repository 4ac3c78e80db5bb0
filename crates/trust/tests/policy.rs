//! Making, changing and comparing trust files.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use auditseal_format::{Origin, VerifierKey};
use auditseal_trust::{
    Acceptable, Acceptance, Change, RetentionRule, Silence, Trend, TrustFile, Unfit,
};

fn good(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/trust");
    let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    text.split_once('\n').unwrap().1.to_owned()
}

fn key(name: &str, byte: u8) -> VerifierKey {
    VerifierKey::new(name, [byte; 32]).unwrap()
}

fn origins(names: &[&str]) -> BTreeSet<Origin> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn first(names: &[&str], keys: &[VerifierKey]) -> Result<TrustFile, Unfit> {
    TrustFile::first(&origins(names), keys, Silence::After(600), None)
}

#[test]
fn the_first_file_has_one_key_for_each_chain_or_there_is_none() {
    let keys = [key("prod/cp-1", 1), key("prod/cp-2", 2), key("prod/cp-10", 3)];
    let file = first(&["prod/cp-2/audit", "prod/cp-1/audit"], &keys).unwrap();
    let named: Vec<String> =
        file.origins().map(|(_, trusted)| trusted.keys[0].vkey.to_string()).collect();
    assert_eq!(named, [keys[0].to_string(), keys[1].to_string()]);
    assert_eq!(TrustFile::parse(&file.to_string()).as_ref(), Ok(&file));
    // The same key twice is one.
    assert!(first(&["prod/cp-1/audit"], &[keys[0].clone(), keys[0].clone()]).is_ok());
    // Another node's, or a node's whose name only begins so.
    for name in ["prod/cp-3/audit", "prod/cp/audit", "test/cp-1/audit"] {
        let why = first(&["prod/cp-1/audit", name], &keys).unwrap_err();
        assert_eq!(why, Unfit::NoKey(name.parse().unwrap()));
    }
    // Two keys of one name, or one for the node and one for the chain: nothing is guessed.
    for other in [key("prod/cp-1", 9), key("prod/cp-1/audit", 9)] {
        let why = first(&["prod/cp-1/audit"], &[keys[0].clone(), other]).unwrap_err();
        assert!(matches!(&why, Unfit::Several(_, several) if several.len() == 2), "{why}");
    }
    assert!(matches!(
        TrustFile::first(&origins(&["prod/cp-1/audit"]), &keys, Silence::After(0), None),
        Err(Unfit::Refused(_))
    ));
}

fn acceptance(seq: u64, verdict: Acceptable) -> Acceptance {
    let seal = format!("{seq}:{}", "ab".repeat(32)).parse().unwrap();
    Acceptance { seal, verdict, reason: "looked, ticket 9".to_owned() }
}

#[test]
fn a_change_is_made_and_remarks_stay() {
    let origin: Origin = "prod/cp-1/audit".parse().unwrap();
    let text =
        first(&["prod/cp-1/audit", "prod/cp-2/audit"], &[key("prod/cp-1", 1), key("prod/cp-2", 2)])
            .unwrap()
            .to_string();
    let text = text.replacen("  begin", "# from the beginning\n\n  begin", 1) + "# end\n";
    let more =
        TrustFile::changed(&text, &origin, Change::Accept(acceptance(5, Acceptable::SourceGap)));
    let more = more.unwrap();
    let before =
        TrustFile::changed(&more, &origin, Change::Accept(acceptance(3, Acceptable::WeakWorm)));
    let before = before.unwrap();
    let lines: Vec<&str> = before.lines().collect();
    assert!(lines[2] == "# from the beginning" && lines[3].is_empty() && lines[4] == "  begin 0");
    assert!(
        lines[6].starts_with("  accept WEAK_WORM 3:")
            && lines[7].starts_with("  accept SOURCE_GAP 5:")
    );
    assert_eq!((lines.len(), *lines.last().unwrap()), (12, "# end"));
    // The same once more says so once.
    let again =
        TrustFile::changed(&before, &origin, Change::Accept(acceptance(5, Acceptable::SourceGap)));
    assert_eq!(again.as_ref(), Ok(&before));
    // What is before the new beginning is forgotten.
    let seal = acceptance(4, Acceptable::Fork).seal;
    let later = TrustFile::changed(&before, &origin, Change::Begin(seal)).unwrap();
    assert!(later.contains(&format!("\n  begin {seal}\n")) && !later.contains("WEAK_WORM"));
    assert!(later.contains("SOURCE_GAP") && later.contains("# from the beginning"));
    // And what the format doesn't allow isn't done.
    let early = Change::Accept(acceptance(3, Acceptable::WeakWorm));
    assert!(TrustFile::changed(&later, &origin, early).is_err());
    let other = Change::Begin(seal);
    assert!(TrustFile::changed(&later, &"prod/cp-3/audit".parse().unwrap(), other).is_err());
    let spoilt = Acceptance { reason: "a\nb".to_owned(), ..acceptance(9, Acceptable::Fork) };
    assert!(TrustFile::changed(&later, &origin, Change::Accept(spoilt)).is_err());
    assert!(TrustFile::changed("nothing\n", &origin, Change::Begin(seal)).is_err());
}

#[test]
fn what_is_trusted_more_and_less_is_said_and_the_other_way_round() {
    let file = TrustFile::parse(&good("good-most")).unwrap();
    assert!(file.differences(&file).is_empty());
    let origin: Origin = "prod/cp-1/audit".parse().unwrap();
    let with = |change: fn(&mut auditseal_trust::TrustedOrigin)| {
        let all = file.origins().map(|(origin, trusted)| (origin.clone(), trusted.clone()));
        let mut all: std::collections::BTreeMap<_, _> = all.collect();
        change(all.get_mut(&origin).unwrap());
        TrustFile::new(all, Vec::new()).unwrap()
    };
    let days = |days| Some(RetentionRule { days, compliance: true });
    assert_eq!(file.get(&origin).unwrap().retention, days(400), "what the cases below stand on");
    let cases = [
        (with(|of| of.silence = Silence::After(3600)), Trend::More, "silent-after 1h"),
        (with(|of| of.silence = Silence::After(60)), Trend::Less, "silent-after 1m"),
        (with(|of| of.retention = None), Trend::More, "no retention"),
        (with(|of| of.retention.as_mut().unwrap().days = 500), Trend::Less, "500d"),
        (with(|of| of.retention.as_mut().unwrap().compliance = false), Trend::More, "governance"),
        (
            with(|of| of.retention = Some(RetentionRule { days: 900, compliance: false })),
            Trend::Other,
            "900d",
        ),
        (with(|of| drop(of.accepted.pop())), Trend::Less, "no longer there: accept"),
    ];
    for (other, trend, word) in cases {
        let one = |from: &TrustFile, to: &TrustFile| {
            let mut found = from.differences(to);
            assert_eq!(found.len(), 1, "{found:?}");
            found.remove(0)
        };
        let there = one(&file, &other);
        assert!(there.trend == trend && there.to_string().contains(word), "{there}");
        let back = one(&other, &file).trend;
        let opposite = match trend {
            Trend::More => Trend::Less,
            Trend::Less => Trend::More,
            Trend::Other => Trend::Other,
        };
        assert_eq!(back, opposite, "{word}");
    }
    let none = TrustFile::default();
    let keys: usize = file.origins().map(|(_, of)| of.keys.len()).sum();
    let appeared = none.differences(&file);
    assert!(appeared.len() == keys && appeared.iter().all(|one| one.trend == Trend::More));
    let gone = file.differences(&none);
    assert!(gone.len() == 3 && gone.iter().all(|one| one.trend == Trend::Less));
}
