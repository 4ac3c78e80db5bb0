//! What an attacker does to a bucket that keeps versions, where nothing can be destroyed but much
//! be covered: the verdict, the exit code, and that `cat` gives the true bytes all the same.
#![allow(clippy::unwrap_used)] // a helper that fails fails its test

mod common;

use std::sync::Arc;

use auditseal_archive::{
    CatError, CatOptions, Options, Piped, Report, Row as Listed, cat, inspect, ls, verify,
};
use auditseal_chain::{Retention, Verdict};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::seal::Stored;
use auditseal_reader::{Error, find_head};
use auditseal_store::{Kind, Lock, LockMode, LockedBy, Operation, Store as _};
use auditseal_vectors::{Archive, Chain, Parts, TestSigner, text};
use common::{Sink, options, six, verdicts};
use futures::TryStreamExt as _;

const DAY: i64 = 86_400_000_000;

/// A locked bucket with these objects.
fn versioned(archive: &Archive) -> MemoryStore {
    let store = MemoryStore::versioned();
    store.set_time(i64::MAX / 2);
    for (key, bytes) in archive {
        store.insert(key, bytes.clone());
    }
    store
}

async fn report(store: &MemoryStore, options: &Options) -> Report {
    verify(Arc::new(store.clone()), options, |_| {}).await.unwrap()
}

async fn restored(store: &MemoryStore, chain: &Chain) -> Result<(Vec<u8>, Vec<String>), CatError> {
    let vkeys = vec![chain.current_signer().identity()];
    let options = CatOptions { vkeys: Some(vkeys), strict: true, ..CatOptions::default() };
    let sink = Sink::default();
    let store = Arc::new(store.clone());
    let done = cat(store, chain.origin(), &options, Piped::new(sink.clone()), |_| {}).await?;
    Ok((sink.bytes(), done.warnings))
}

/// Another object, by whoever stole the key: validly signed, for the same seq.
fn forged(chain: &Chain, seq: usize) -> Vec<u8> {
    let earlier = |text: &str| text::set(text, "malformed", "1");
    Parts::of(&chain.get(seq).bytes).edit(&mut TestSigner::new(1), earlier).bytes()
}

/// The true seal behind other blocks.
fn spoilt(chain: &Chain, seq: usize) -> Vec<u8> {
    let mut bytes = chain.get(seq).bytes.clone();
    bytes[40] ^= 1;
    bytes
}

struct Row {
    what: &'static str,
    attack: fn(&Chain, &MemoryStore),
    found: &'static [(&'static str, u64)],
    information: &'static [(&'static str, u64)],
    /// Whether `cat` gives the log back.
    whole: bool,
}

const ROWS: &[Row] = &[
    Row {
        what: "a marker over a middle object",
        attack: |chain, store| store.hide(&chain.key(2)),
        found: &[("HIDDEN", 2)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a marker over the genesis",
        attack: |chain, store| store.hide(&chain.key(0)),
        found: &[("HIDDEN", 0)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a marker over the newest",
        attack: |chain, store| store.hide(&chain.key(5)),
        found: &[("HIDDEN", 5)],
        information: &[],
        whole: true,
    },
    Row {
        what: "two markers, one over the other",
        attack: |chain, store| {
            store.hide(&chain.key(2));
            store.hide(&chain.key(2));
        },
        found: &[("HIDDEN", 2)],
        information: &[],
        whole: true,
    },
    Row {
        what: "everything marked",
        attack: |chain, store| (0..6).for_each(|seq| store.hide(&chain.key(seq))),
        found: &[
            ("HIDDEN", 0),
            ("HIDDEN", 1),
            ("HIDDEN", 2),
            ("HIDDEN", 3),
            ("HIDDEN", 4),
            ("HIDDEN", 5),
        ],
        information: &[],
        whole: true,
    },
    Row {
        what: "a newer version with other content",
        attack: |chain, store| drop(store.shadow(&chain.key(4), "something else")),
        found: &[("SHADOWED", 4)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a newer version of the newest with other content",
        attack: |chain, store| drop(store.shadow(&chain.key(5), "something else")),
        found: &[("SHADOWED", 5)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a newer version with the true seal and other blocks",
        attack: |chain, store| drop(store.shadow(&chain.key(4), spoilt(chain, 4))),
        found: &[("SHADOWED", 4)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a newer version that is another object of the chain",
        attack: |chain, store| drop(store.shadow(&chain.key(4), chain.get(1).bytes.clone())),
        found: &[("SHADOWED", 4)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a newer version that somebody else signed",
        attack: |chain, store| {
            let stranger = common::chain("c/n/s", 9).get(4).bytes.clone();
            drop(store.shadow(&chain.key(4), stranger));
        },
        found: &[("SHADOWED", 4)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a newer version signed with the stolen key: two notes for one seq",
        attack: |chain, store| drop(store.shadow(&chain.key(4), forged(chain, 4))),
        found: &[("FORK", 4)],
        information: &[],
        whole: false,
    },
    Row {
        what: "a newer version with the same content",
        attack: |chain, store| drop(store.shadow(&chain.key(4), chain.get(4).bytes.clone())),
        found: &[],
        information: &[("UNEXPECTED_OBJECT", 4)],
        whole: true,
    },
    Row {
        what: "a marker, and the same content over it",
        attack: |chain, store| {
            store.hide(&chain.key(4));
            store.shadow(&chain.key(4), chain.get(4).bytes.clone());
        },
        found: &[],
        information: &[("UNEXPECTED_OBJECT", 4)],
        whole: true,
    },
    Row {
        what: "a marker, and a new object at the hidden key",
        attack: |chain, store| {
            store.hide(&chain.key(4));
            store.shadow(&chain.key(4), "something else");
        },
        found: &[("SHADOWED", 4)],
        information: &[],
        whole: true,
    },
    Row {
        what: "a new object, and a marker over it",
        attack: |chain, store| {
            store.shadow(&chain.key(4), "something else");
            store.hide(&chain.key(4));
        },
        found: &[("HIDDEN", 4), ("SHADOWED", 4)],
        information: &[],
        whole: true,
    },
    Row {
        what: "several versions shadowing several objects",
        attack: |chain, store| {
            for seq in [1, 5] {
                store.shadow(&chain.key(seq), "something else");
                store.shadow(&chain.key(seq), spoilt(chain, seq));
                store.shadow(&chain.key(seq), chain.get(seq).bytes.clone());
                store.shadow(&chain.key(seq), "");
            }
        },
        found: &[("SHADOWED", 1), ("SHADOWED", 5)],
        information: &[("UNEXPECTED_OBJECT", 1), ("UNEXPECTED_OBJECT", 5)],
        whole: true,
    },
    Row {
        what: "garbage at the next key, hidden again: as if it could be seen",
        attack: |chain, store| {
            store.insert(&chain.next_key().to_string(), "garbage");
            store.hide(&chain.next_key().to_string());
        },
        found: &[],
        information: &[("UNEXPECTED_OBJECT", 6)],
        whole: true,
    },
    Row {
        what: "a marker at the next key, where nothing ever was",
        attack: |chain, store| store.hide(&chain.next_key().to_string()),
        found: &[],
        information: &[],
        whole: true,
    },
    Row {
        what: "a marker where the object itself is gone: nothing is left",
        attack: |chain, store| {
            store.remove(&chain.key(2)).unwrap();
            store.hide(&chain.key(2));
        },
        found: &[("MISSING", 2)],
        information: &[],
        whole: false,
    },
];

#[tokio::test]
async fn every_cover_has_its_verdict_and_the_bytes_come_back() {
    let chain = six();
    for Row { what, attack, found, information, whole } in ROWS {
        let store = versioned(&chain.archive());
        attack(&chain, &store);
        let report = report(&store, &options(&chain)).await;
        let origin = &report.origins[0];
        let named = |list: &[(&'static str, u64)]| -> Vec<_> {
            list.iter().map(|(name, seq)| (*name, Some(*seq))).collect()
        };
        assert_eq!(verdicts(&origin.findings), named(found), "{what}");
        assert_eq!(verdicts(&origin.information), named(information), "{what}");
        assert_eq!(report.exit_code(), u8::from(!found.is_empty()), "{what}");
        let back = restored(&store, &chain).await;
        assert_eq!(back.is_ok(), *whole, "{what}");
        if let Ok((bytes, warnings)) = back {
            assert!(bytes == chain.restored(), "{what}");
            assert_eq!(warnings.len(), found.len(), "{what}: {warnings:?}");
        }
    }
}

#[tokio::test]
async fn the_true_version_is_named() {
    let chain = six();
    let store = versioned(&chain.archive());
    store.shadow(&chain.key(4), "something else");
    let report = report(&store, &options(&chain)).await;
    let finding = &report.origins[0].findings[0];
    assert_eq!(finding.version.as_deref(), Some("v5"));
    let shown = finding.to_string();
    assert!(shown.contains(&format!(" key={} version=v5: ", chain.key(4))), "{shown}");
    assert!(shown.contains("(UNSEALED: "), "{shown}");
}

/// Over the garbage of a squatter that somebody hid, the chain's own object is the newer version.
#[tokio::test]
async fn an_object_put_over_a_hidden_squatter_is_the_true_one() {
    let chain = six();
    let store = MemoryStore::versioned();
    store.set_time(i64::MAX / 2);
    store.insert(&chain.key(4), "garbage");
    store.hide(&chain.key(4));
    for (key, bytes) in &chain.archive() {
        store.insert(key, bytes.clone());
    }
    let report = report(&store, &options(&chain)).await;
    assert_eq!(verdicts(&report.origins[0].information), [("UNEXPECTED_OBJECT", Some(4))]);
    assert_eq!(report.exit_code(), 0);
    assert!(restored(&store, &chain).await.unwrap().0 == chain.restored());
}

/// What is streamed is read by its version too.
#[tokio::test]
async fn a_large_object_in_a_shadow_comes_back() {
    let mut chain = six();
    let noise = common::noise(5 << 20, 2);
    chain.batch(&[auditseal_vectors::Piece::new("new", [noise, b"\n".to_vec()].concat())]);
    let store = versioned(&chain.archive());
    store.shadow(&chain.key(6), spoilt(&chain, 6));
    store.hide(&chain.key(6));
    let report = report(&store, &options(&chain)).await;
    let found = verdicts(&report.origins[0].findings);
    assert_eq!(found, [("HIDDEN", Some(6)), ("SHADOWED", Some(6))]);
    assert!(restored(&store, &chain).await.unwrap().0 == chain.restored());
}

/// A chain whose newest note pins the version of its object 2, and a bucket that has it as that.
fn pinning(store: &str, version: &str) -> (Chain, MemoryStore) {
    let mut chain = six();
    let (store, version) = (store.to_owned(), version.as_bytes().to_vec());
    chain.edit(move |seal| {
        let version = Some(version.clone());
        seal.stored.push(Stored {
            store: store.clone(),
            seq: 2,
            alternate: None,
            sha256: [7; 32],
            version,
        });
    });
    chain.heartbeat();
    let bucket = versioned(&chain.archive());
    (chain, bucket)
}

/// The id under which a bucket has its only version of an object.
async fn version_of(bucket: &MemoryStore, key: &str) -> String {
    let all: Vec<_> = bucket.versions("").try_collect().await.unwrap();
    all.into_iter().find(|version| version.key == key).unwrap().id.unwrap()
}

#[tokio::test]
async fn a_version_that_was_pinned_must_be_there() {
    let bucket = versioned(&six().archive());
    let id = version_of(&bucket, &six().key(2)).await;
    // What is pinned, and where; what the verifier takes this store for; whether it is missed.
    let rows = [
        ("audit", id.as_str(), Some("audit"), false),
        ("audit", "another", Some("audit"), true),
        ("audit", "another", None, false),
        ("audit", "another", Some("copy"), false),
        ("copy", "another", Some("audit"), false),
    ];
    for (store, version, taken_for, missed) in rows {
        let (chain, bucket) = pinning(store, version);
        let options = Options { store: taken_for.map(str::to_owned), ..options(&chain) };
        let report = report(&bucket, &options).await;
        let row = format!("{store} {version} {taken_for:?}");
        let origin = &report.origins[0];
        let wanted: &[_] = if missed { &[("UNEXPECTED_OBJECT", Some(2))] } else { &[] };
        assert_eq!(verdicts(&origin.information), wanted, "{row}");
        assert_eq!(report.exit_code(), 0, "{row}: the bytes are the chain's all the same");
        if missed {
            let detail = &origin.information[0].detail;
            assert!(
                detail.starts_with("seq 6 says that it was stored as version another"),
                "{detail}"
            );
        }
    }
}

/// Markers and shadows leave the version where it is, and so does a store that can't be read.
#[tokio::test]
async fn a_pinned_version_that_is_covered_or_unread_is_there() {
    let first = versioned(&six().archive());
    let id = version_of(&first, &six().key(2)).await;
    let (chain, bucket) = pinning("audit", &id);
    bucket.shadow(&chain.key(2), spoilt(&chain, 2));
    bucket.hide(&chain.key(2));
    let options = Options { store: Some("audit".to_owned()), ..options(&chain) };
    assert_eq!(verdicts(&report(&bucket, &options).await.origins[0].information), []);
    // What has no other bytes to be told from is no version that was put again.
    let (_, bucket) = pinning("audit", "another");
    let key = chain.key(2);
    bucket.fail_when(move |operation, asked, _| {
        (operation == Operation::Get && asked == key).then_some(Fault::Refuse(Kind::Denied))
    });
    assert_eq!(verdicts(&report(&bucket, &options).await.origins[0].information), []);
}

/// What a store with locks is asked for, and what it may answer.
fn demanding(chain: &Chain, mode: LockMode) -> Options {
    let retention = Retention { mode, micros: 365 * DAY };
    Options { retention: Some(retention), ..options(chain) }
}

fn locked(chain: &Chain, mode: LockMode, until: Option<i64>) -> MemoryStore {
    let store = MemoryStore::versioned();
    store.set_time(i64::MAX / 2);
    let lock = Lock { mode, until, legal_hold: false, by: LockedBy::Version };
    for (key, bytes) in chain.archive() {
        store.set_lock(Some(lock.clone()));
        store.insert(&key, bytes);
    }
    store
}

#[tokio::test]
async fn a_lock_must_be_as_firm_and_as_long_as_demanded() {
    use LockMode::{Compliance, Governance, None as Unlocked, Undisclosed};
    let chain = six();
    let enough = chain.now().micros() + 365 * DAY;
    // Mode and end of the lock, mode demanded, findings, exit code.
    let rows = [
        (Compliance, Some(enough), Compliance, 0, 0),
        (Compliance, Some(enough), Governance, 0, 0),
        (Governance, Some(enough), Governance, 0, 0),
        (Governance, Some(enough), Compliance, 6, 1),
        (Governance, None, Compliance, 6, 1),
        (Compliance, Some(enough - DAY), Compliance, 6, 1),
        (Unlocked, None, Governance, 6, 1),
        // What the store doesn't tell isn't "no lock".
        (Undisclosed, None, Governance, 0, 2),
        (Compliance, None, Compliance, 0, 2),
    ];
    for (mode, until, demanded, found, exit) in rows {
        let store = locked(&chain, mode, until);
        let report = report(&store, &demanding(&chain, demanded)).await;
        let verdicts = verdicts(&report.origins[0].findings);
        assert_eq!(verdicts.len(), found, "{mode:?} {until:?} {demanded:?}: {verdicts:?}");
        assert!(verdicts.iter().all(|(name, _)| *name == "WEAK_WORM"), "{verdicts:?}");
        assert_eq!(report.exit_code(), exit, "{mode:?} {until:?} {demanded:?}");
        assert_eq!(store.calls(Operation::Lock), 6);
        // Nobody asks for locks where none are demanded, and cat doesn't mind.
        let undemanding = verify(Arc::new(store.clone()), &options(&chain), |_| {}).await.unwrap();
        assert_eq!(undemanding.exit_code(), 0);
        assert!(restored(&store, &chain).await.unwrap().0 == chain.restored());
        assert_eq!(store.calls(Operation::Lock), 6);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_lies_or_is_not_told_is_no_lock_to_rely_on() {
    let chain = six();
    let until = Some(chain.now().micros() + 365 * DAY);
    let refused = [Kind::Denied, Kind::Unavailable, Kind::NotFound];
    let faults = [(Fault::ShortLock, 1, 1), (Fault::NoLock, 1, 1)];
    let faults = faults.into_iter().chain(refused.map(|kind| (Fault::Refuse(kind), 0, 2)));
    for (fault, found, exit) in faults {
        let store = locked(&chain, LockMode::Compliance, until);
        let key = chain.key(3);
        store.fail_when(move |operation, asked, _| {
            (operation == Operation::Lock && asked == key).then_some(fault)
        });
        let report = report(&store, &demanding(&chain, LockMode::Compliance)).await;
        let origin = &report.origins[0];
        assert_eq!(verdicts(&origin.findings), vec![("WEAK_WORM", Some(3)); found], "{fault:?}");
        assert_eq!(report.exit_code(), exit, "{fault:?}");
        assert_eq!(origin.unchecked, u64::from(exit == 2), "{fault:?}");
    }
}

#[tokio::test]
async fn the_lock_of_the_true_version_counts() {
    let chain = six();
    let store = locked(&chain, LockMode::Compliance, Some(chain.now().micros() + 365 * DAY));
    store.set_lock(None);
    store.shadow(&chain.key(2), "something else");
    let report = report(&store, &demanding(&chain, LockMode::Compliance)).await;
    assert_eq!(verdicts(&report.origins[0].findings), [("SHADOWED", Some(2))]);
}

/// A store that answers with another version than asked for: noticed by it, or by us.
#[tokio::test]
async fn another_version_than_asked_for_is_never_taken_for_the_true_one() {
    let chain = six();
    for (fault, exit) in [(Fault::OtherVersion, 1), (Fault::Refuse(Kind::WrongVersion), 2)] {
        let store = versioned(&chain.archive());
        store.shadow(&chain.key(4), chain.get(4).bytes.clone());
        store.shadow(&chain.key(4), "something else");
        let key = chain.key(4);
        store.fail_when(move |_, asked, _| (asked == key).then_some(fault));
        let report = report(&store, &options(&chain)).await;
        assert_eq!(report.exit_code(), exit, "{fault:?}");
        assert!(restored(&store, &chain).await.is_err(), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_listing_of_versions_that_fails_is_no_answer() {
    let chain = six();
    for fault in
        [Fault::Refuse(Kind::Denied), Fault::StoreThenFail(Kind::Unavailable), Fault::HtmlPage]
    {
        let store = versioned(&chain.archive());
        store.fail_when(move |operation, _, _| (operation == Operation::Versions).then_some(fault));
        let shared = Arc::new(store.clone());
        let error = verify(shared, &options(&chain), |_| {}).await.unwrap_err();
        assert!(matches!(error, Error::Store(_)) && !error.is_finding(), "{error}");
        let failed = restored(&store, &chain).await.unwrap_err();
        assert!(!failed.error.is_finding() && failed.written == 0, "{failed}");
    }
}

/// In an archive tier nothing can be read, and nothing is concluded from that.
#[tokio::test]
async fn what_must_be_restored_first_could_not_be_checked() {
    let chain = six();
    let store = versioned(&chain.archive());
    let key = chain.key(2);
    store.fail_when(move |operation, asked, _| {
        (operation == Operation::Get && asked == key).then_some(Fault::Refuse(Kind::Archived))
    });
    let report = report(&store, &options(&chain)).await;
    assert_eq!((report.exit_code(), report.origins[0].unchecked), (2, 1));
    assert_eq!(verdicts(&report.origins[0].findings), []);
}

async fn rows(store: &MemoryStore) -> Vec<Listed> {
    let mut rows = Vec::new();
    let each = |row: &Listed| {
        rows.push(row.clone());
        Ok(())
    };
    ls(Arc::new(store.clone()), &[], |_| None, each).await.unwrap();
    rows
}

#[tokio::test]
async fn ls_and_inspect_show_the_true_version_and_say_so() {
    let chain = six();
    let plain = versioned(&chain.archive());
    let expected = rows(&plain).await;
    assert!(expected.iter().all(|row| row.notice.is_none() && row.fault.is_none()));
    for Row { what, attack, found, .. } in ROWS.iter().filter(|row| row.whole) {
        let store = versioned(&chain.archive());
        attack(&chain, &store);
        let rows = rows(&store).await;
        // What stands behind the chain has a row too.
        assert!(rows.len() == 6 || rows[6].fault.is_some(), "{what}");
        for (row, expected) in rows.iter().zip(&expected) {
            let named = (&row.version, &row.root, &row.fault, row.stored_bytes);
            let wanted = (&expected.version, &expected.root, &None, expected.stored_bytes);
            assert_eq!(named, wanted, "{what}");
            let covered = found.iter().find(|(_, seq)| *seq == row.seq);
            let notice = row.notice.as_deref().and_then(|notice| notice.split(':').next());
            assert_eq!(notice, covered.map(|(name, _)| *name), "{what}");
            let inspection = inspect(Arc::new(store.clone()), &row.key).await.unwrap();
            assert_eq!((&inspection.version, inspection.size), (&row.version, row.stored_bytes));
            assert_eq!(inspection.holds(), covered.is_none(), "{what}");
            let wrong = inspection.checks.iter().filter(|check| !check.holds);
            assert!(wrong.map(|check| check.name).all(|name| name == "versions"), "{what}");
        }
    }
}

#[tokio::test]
async fn the_head_is_found_under_every_cover() {
    let chain = six();
    let vkeys = [chain.current_signer().identity()];
    for Row { what, attack, .. } in ROWS {
        let store = versioned(&chain.archive());
        attack(&chain, &store);
        let head = find_head(Arc::new(store), chain.origin(), &vkeys).await.unwrap().unwrap();
        assert_eq!(head.object.hash, chain.head().hash, "{what}");
        assert_eq!(head.key.to_string(), chain.key(5), "{what}");
        let garbage = what.starts_with("garbage at the next key");
        assert_eq!(head.passed.len(), usize::from(garbage), "{what}");
    }
    let store = versioned(&chain.archive());
    store.shadow(&chain.key(5), forged(&chain, 5));
    let error = find_head(Arc::new(store), chain.origin(), &vkeys).await.unwrap_err();
    assert!(matches!(error, Error::Found(found) if found.verdict == Verdict::Fork));
}

/// Whether the chain goes on in an object that is listed and can't be had isn't known: whoever
/// went on below it might sign its seq a second time.
#[tokio::test]
async fn a_newest_object_that_is_gone_is_no_reason_to_go_on_below_it() {
    let chain = six();
    let vkeys = [chain.current_signer().identity()];
    for (seq, refused) in [(5, true), (2, false)] {
        let store = versioned(&chain.archive());
        let key = chain.key(seq);
        store.fail_when(move |operation, asked, _| {
            (operation == Operation::Tail && asked == key).then_some(Fault::Refuse(Kind::NotFound))
        });
        let found = find_head(Arc::new(store), chain.origin(), &vkeys).await;
        match found {
            Err(Error::Found(found)) => {
                assert_eq!((found.verdict, refused), (Verdict::Missing, true))
            }
            found => assert!(found.unwrap().is_some() && !refused, "seq {seq}"),
        }
    }
}
