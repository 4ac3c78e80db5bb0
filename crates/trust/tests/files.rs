//! What the two files may say: vectors in `testdata/trust`, and random changes of good ones.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use auditseal_format::{Origin, VerifierKey};
use auditseal_trust::{Heads, KnownHead, Refused, Silence, TrustFile};
use proptest::prelude::*;
use proptest::sample::Index;

/// By name: the error, or `good`; and the file.
static VECTORS: LazyLock<BTreeMap<String, (String, String)>> = LazyLock::new(|| {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../testdata/trust");
    let mut vectors = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let text = fs::read_to_string(&path).unwrap();
            let (expected, file) = text.split_once('\n').unwrap();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            vectors.insert(name, (expected.to_owned(), file.to_owned()));
        }
    }
    vectors
});

/// Reads a file as what its first line says it is, and gives what it prints.
fn printed(file: &str) -> Result<String, Refused> {
    if file.starts_with("auditseal/heads/") {
        Heads::parse(file).map(|heads| heads.to_string())
    } else {
        TrustFile::parse(file).map(|trust| trust.to_string())
    }
}

/// What a file says, without its remarks.
fn without_remarks(file: &str) -> String {
    let said = file.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    said.map(|line| format!("{line}\n")).collect()
}

#[test]
fn every_file_is_judged_as_its_vector_says() {
    let vectors = &*VECTORS;
    let good = vectors.values().filter(|(expected, _)| expected == "good").count();
    assert!(good >= 5 && vectors.len() >= 60, "{good} of {}", vectors.len());
    let mut wrong = Vec::new();
    for (name, (expected, file)) in vectors {
        match printed(file) {
            Ok(text) if expected == "good" && text == without_remarks(file) => {
                assert_eq!(printed(&text).as_ref(), Ok(&text), "{name}");
            }
            Err(refused) if refused.to_string() == *expected => {}
            got => wrong.push(format!("{name}: want {expected}, got {got:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn good(name: &str) -> String {
    VECTORS[name].1.clone()
}

#[test]
fn a_key_is_trusted_for_its_origin_from_and_until() {
    let file = TrustFile::parse(&good("good-most")).unwrap();
    let origin: Origin = "prod/cp-1/audit".parse().unwrap();
    let trusted = file.get(&origin).unwrap();
    let [first, second]: [VerifierKey; 2] = [0, 1].map(|at: usize| trusted.keys[at].vkey.clone());
    for (key, seq, held) in [
        (&first, 0, true),
        (&first, 4411, true),
        (&first, 4412, false),
        (&second, 4411, false),
        (&second, 4412, true),
        (&second, 999_999_999_999, true),
    ] {
        assert_eq!(trusted.trusts(key, seq), held, "{} at {seq}", key.name());
    }
    // The same bytes under another name are another key, and so is a key of the same name.
    let other = file.get(&"prod/cp-10/audit".parse().unwrap()).unwrap();
    assert!(!other.trusts(&first, 0) && !trusted.trusts(&other.keys[0].vkey, 0));
    assert!(matches!(trusted.silence, Silence::After(600)));
    assert_eq!(file.get(&"prod/cp-2/audit".parse().unwrap()), None);
    let names: Vec<String> = file.origins().map(|(origin, _)| origin.to_string()).collect();
    assert_eq!(names, ["prod/cp-1/audit", "prod/cp-1/kube", "prod/cp-10/audit"]);
}

#[test]
fn what_a_program_makes_is_held_to_the_same_rules() {
    let file = TrustFile::parse(&good("good-most")).unwrap();
    let all = || -> BTreeMap<_, _> {
        file.origins().map(|(origin, trusted)| (origin.clone(), trusted.clone())).collect()
    };
    assert_eq!(TrustFile::new(all(), file.auditors().to_vec()).as_ref(), Ok(&file));
    let origin: Origin = "prod/cp-1/audit".parse().unwrap();
    let spoilt = |spoil: fn(&mut auditseal_trust::TrustedOrigin)| {
        let mut origins = all();
        spoil(origins.get_mut(&origin).unwrap());
        TrustFile::new(origins, Vec::new())
    };
    assert!(spoilt(|origin| origin.keys.swap(0, 1)).is_err());
    assert!(spoilt(|origin| origin.keys.clear()).is_err());
    assert!(spoilt(|origin| origin.silence = Silence::After(0)).is_err());
    assert!(spoilt(|origin| origin.accepted.reverse()).is_err());
    assert!(spoilt(|origin| origin.accepted[0].reason = "a\nb".to_owned()).is_err());
    assert!(spoilt(|origin| origin.accepted[0].reason = "a\"b".to_owned()).is_err());
    // A key of another origin moves over.
    let mut origins = all();
    let other = origins.remove(&"prod/cp-10/audit".parse().unwrap()).unwrap();
    origins.insert(origin, other);
    assert!(TrustFile::new(origins, Vec::new()).is_err());
}

#[test]
fn heads_move_and_forks_stay() {
    let mut heads = Heads::parse(&good("good-heads")).unwrap();
    let origin: Origin = "prod/cp-1/audit".parse().unwrap();
    let other: Origin = "prod/cp-2/audit".parse().unwrap();
    let before = heads.get(&origin).unwrap();
    assert_eq!((before.seal.seq, heads.get(&other)), (4411, None));
    assert_eq!(heads.forked(&origin).into_iter().collect::<Vec<_>>(), [812]);
    let later = KnownHead {
        seal: format!("4412:{}", "ab".repeat(32)).parse().unwrap(),
        verified: "2026-11-22T08:00:00.000000Z".parse().unwrap(),
    };
    heads.set(origin.clone(), later);
    heads.set(other.clone(), before);
    assert!(!heads.fork(&other, [before, before]), "one seal is no fork");
    assert!(!heads.fork(&other, [before, later]), "nor are two of two seqs");
    let rival = KnownHead { seal: format!("4411:{}", "cd".repeat(32)).parse().unwrap(), ..later };
    assert!(heads.fork(&other, [before, rival]));
    // Seen again: the time is when it was seen first.
    assert!(heads.fork(&other, [KnownHead { verified: later.verified, ..before }, rival]));
    let text = heads.to_string();
    assert_eq!(Heads::parse(&text).as_ref(), Ok(&heads), "{text}");
    assert_eq!(heads.heads().count(), 3);
    assert!(text.contains(&format!("fork prod/cp-2/audit {} {}", before.seal, before.verified)));
    assert!(heads.forked(&other).contains(&4411) && heads.forked(&origin).contains(&812));
}

/// One thing that is done to a text.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Swap(Index, Index),
    Drop(Index),
    Repeat(Index),
    Word(Index, Index),
}

fn changes() -> impl Strategy<Value = Change> {
    let byte = || prop_oneof![Just(b'\n'), Just(b' '), Just(b'0'), Just(b'#'), 0x20_u8..0x7f];
    let two = || (any::<Index>(), any::<Index>());
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<Index>().prop_map(Change::Remove),
        two().prop_map(|(one, other)| Change::Swap(one, other)),
        any::<Index>().prop_map(Change::Drop),
        any::<Index>().prop_map(Change::Repeat),
        two().prop_map(|(one, other)| Change::Word(one, other)),
    ]
}

fn change(text: &str, one: &Change) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if lines.is_empty() {
        return text.to_owned();
    }
    let joined = |lines: Vec<&str>| lines.concat();
    match one {
        Change::Byte(at, byte) => {
            let at = at.index(bytes.len());
            bytes[at] = *byte;
        }
        Change::Insert(at, byte) => bytes.insert(at.index(bytes.len() + 1), *byte),
        Change::Remove(at) => drop(bytes.remove(at.index(bytes.len()))),
        Change::Swap(one, other) => {
            let (one, other) = (one.index(lines.len()), other.index(lines.len()));
            lines.swap(one, other);
            return joined(lines);
        }
        Change::Drop(at) => {
            lines.remove(at.index(lines.len()));
            return joined(lines);
        }
        Change::Repeat(at) => {
            let at = at.index(lines.len());
            lines.insert(at, lines[at]);
            return joined(lines);
        }
        // A word of one place in another: keys, hashes and origins that are none of the line's.
        Change::Word(from, to) => {
            let words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
            let mut changed = words.clone();
            changed[to.index(words.len())] = words[from.index(words.len())];
            return joined(changed);
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

proptest! {
    // Failures are shown with what made them, and leave no file behind.
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to a file: it is refused, with a line that it has, or it says what it prints.
    #[test]
    fn any_change_is_refused_or_printed_as_it_is(
        which in any::<Index>(),
        list in prop::collection::vec(changes(), 1..4),
    ) {
        let files: Vec<&str> = VECTORS
            .values()
            .filter(|(expected, _)| expected == "good")
            .map(|(_, file)| file.as_str())
            .collect();
        let changed = list.iter().fold((*which.get(&files)).to_owned(), |text, one| change(&text, one));
        match printed(&changed) {
            Ok(text) => {
                prop_assert_eq!(&text, &without_remarks(&changed));
                prop_assert_eq!(printed(&text), Ok(text));
            }
            Err(refused) => {
                prop_assert!(refused.line >= 1 && refused.line <= changed.lines().count().max(1));
                prop_assert!(refused.what.chars().all(|c| !c.is_control()), "{:?}", refused.what);
            }
        }
    }

    /// Of what was accepted, no two keys are trusted for one seal, and none for another's origin.
    #[test]
    fn no_change_makes_two_keys_trusted_for_one_seal(
        list in prop::collection::vec(changes(), 1..6),
        seq in prop_oneof![0_u64..5, 4_405_u64..4_420, Just(999_999_999_999)],
    ) {
        let changed = list.iter().fold(good("good-most"), |text, one| change(&text, one));
        if let Ok(file) = TrustFile::parse(&changed) {
            for (origin, trusted) in file.origins() {
                let held = trusted.keys.iter().filter(|key| trusted.trusts(&key.vkey, seq));
                let held: Vec<_> = held.map(|key| key.vkey.to_string()).collect();
                let different = held.iter().collect::<std::collections::BTreeSet<_>>();
                prop_assert!(different.len() <= 1, "{origin} at {seq}: {held:?}");
                prop_assert!(trusted.keys.iter().all(|key| origin.admits(&key.vkey)));
            }
        }
    }

    #[test]
    fn any_text_at_all_is_judged(text in "\\PC{0,200}", lines in "(\\PC{0,60}\n){0,6}") {
        prop_assert!(TrustFile::parse(&text).is_err() && Heads::parse(&text).is_err());
        for version in ["auditseal/trust/v1", "auditseal/heads/v1"] {
            drop(printed(&format!("{version}\n{lines}")));
        }
    }
}
