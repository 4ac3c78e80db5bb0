//! The same cases on the double, on a directory and, on demand, on a real server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use auditseal_vault::conformance::{Attack, SHADOW};
use auditseal_vault::double::MemoryStore;
use auditseal_vault::{
    BucketLock, Encryption, Kind, Lock, LockMode, Options, Retention, Versioning, conformance, open,
};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

fn creating() -> Options {
    Options { create: true, ..Options::default() }
}

#[tokio::test]
async fn the_double_conforms() {
    let report = conformance::run(&MemoryStore::new()).await.unwrap();
    assert_eq!(report.notes, ["versions: the store has none", "locks: the store locks nothing"]);
    let store = MemoryStore::versioned();
    store.set_lock(Some(Lock { mode: LockMode::Compliance, until: Some(1), ..Lock::NONE }));
    let report = conformance::run(&store).await.unwrap();
    assert_eq!(report.notes, ["locks: compliance by the version"]);
    let attacked = conformance::attacked(&store, |attack, key| match attack {
        Attack::Hide => {
            store.hide(key);
            true
        }
        Attack::Shadow => !store.shadow(key, SHADOW).is_empty(),
    });
    let notes = attacked.await.unwrap().notes;
    assert_eq!(notes, ["a hidden object: a create after that succeeds"]);
}

#[tokio::test]
async fn a_directory_conforms() {
    let root = tempfile::tempdir().unwrap();
    let url = format!("file://{}/not/yet there", root.path().display());
    let missing = open(&url, &Options::default()).unwrap_err();
    assert_eq!(missing.kind(), Kind::NoBucket, "{missing}");
    let report = conformance::run(&*open(&url, &creating()).unwrap()).await.unwrap();
    assert_eq!(report.notes, ["versions: the store has none", "locks: the store locks nothing"]);
    // What one process wrote, another sees.
    let again = open(&url.replace(' ', "%20"), &Options::default()).unwrap();
    assert_eq!(again.get("list/x", None, 100).await.unwrap().bytes, "list/x");
}

/// `AUDITSEAL_TEST_ENDPOINT` is the server where it isn't the cloud's own, `AUDITSEAL_TEST_CA` the
/// file of its CA; credentials come from the cloud's own variables.
fn real() -> Options {
    let ca_certificate = std::env::var_os("AUDITSEAL_TEST_CA").map(Into::into);
    Options {
        endpoint: std::env::var("AUDITSEAL_TEST_ENDPOINT").ok(),
        ca_certificate,
        ..creating()
    }
}

/// `AUDITSEAL_TEST_STORE` is the URL of a store under an empty prefix.
#[tokio::test]
#[ignore = "needs a server"]
async fn a_real_server_conforms() {
    let url = std::env::var("AUDITSEAL_TEST_STORE").expect("AUDITSEAL_TEST_STORE is a store's URL");
    let store = open(&url, &real()).unwrap();
    let report = conformance::run(&*store).await.unwrap();
    println!("{report:#?}");
}

/// As above; `AUDITSEAL_TEST_ATTACK` is a command that, given `hide KEY` or `shadow KEY`, deletes
/// that object by its key, or puts other bytes over it. `KEY` is relative to the store's URL.
#[tokio::test]
#[ignore = "needs a server"]
async fn a_real_server_keeps_what_is_attacked() {
    let url = std::env::var("AUDITSEAL_TEST_STORE").expect("AUDITSEAL_TEST_STORE is a store's URL");
    let command = std::env::var("AUDITSEAL_TEST_ATTACK").expect("AUDITSEAL_TEST_ATTACK is set");
    let store = open(&url, &real()).unwrap();
    let report = conformance::attacked(&*store, |attack, key| {
        let verb = if attack == Attack::Hide { "hide" } else { "shadow" };
        let script = format!("{command} {verb} '{key}'");
        let status = std::process::Command::new("sh").args(["-c", &script]).status();
        status.unwrap().success()
    });
    println!("{:#?}", report.await.unwrap());
}

/// As above, in a bucket with Object Lock or what its cloud has like it: each object gets a lock of
/// two days, a legal hold where `AUDITSEAL_TEST_HOLD` is set, S3's own encryption where
/// `AUDITSEAL_TEST_SSE_S3` is, and is as create-only as ever.
#[tokio::test]
#[ignore = "needs a server"]
async fn a_real_server_locks_as_asked() {
    let url = std::env::var("AUDITSEAL_TEST_STORE").expect("AUDITSEAL_TEST_STORE is a store's URL");
    let legal_hold = std::env::var_os("AUDITSEAL_TEST_HOLD").is_some();
    let encryption = std::env::var_os("AUDITSEAL_TEST_SSE_S3").map(|_| Encryption::S3Managed);
    let duration = Duration::from_secs(2 * 86_400);
    for (at, compliance) in [false, true].into_iter().enumerate() {
        let retention = Some(Retention { compliance, duration });
        let options = Options { retention, legal_hold, encryption: encryption.clone(), ..real() };
        let store = open(&url, &options).unwrap();
        let key = format!("locked-as-asked/{at}");
        let before = micros(SystemTime::now());
        let version = store.put_new(&key, Bytes::from_static(b"x")).await.unwrap().version;
        let lock = store.lock(&key, version.as_deref()).await.unwrap();
        let mode = if compliance { LockMode::Compliance } else { LockMode::Governance };
        assert_eq!((lock.mode, lock.legal_hold), (mode, legal_hold), "{lock:?}");
        let until = lock.until.unwrap();
        assert!(
            until >= before + micros(UNIX_EPOCH + duration),
            "{until} is short of what was asked"
        );
        assert!(
            until <= micros(SystemTime::now() + duration) + 1_000_000,
            "{until} is far beyond it"
        );
        assert_eq!(store.get(&key, version.as_deref(), 9).await.unwrap().bytes, "x");
        let again = store.put_new(&key, Bytes::from_static(b"y")).await.unwrap_err();
        assert_eq!(again.kind(), Kind::AlreadyExists, "{again}");
    }
}

/// As above; more objects than any page but Azure's holds.
#[tokio::test]
#[ignore = "needs a server"]
async fn a_real_server_lists_page_after_page() {
    let url = std::env::var("AUDITSEAL_TEST_STORE").expect("AUDITSEAL_TEST_STORE is a store's URL");
    let store = open(&url, &real()).unwrap();
    let keys: BTreeSet<String> = (0..1_203).map(|at| format!("many/a b+{at}")).collect();
    let puts = keys.iter().map(|key| store.put_new(key, Bytes::from_static(b"x")));
    let puts: Vec<_> = futures::stream::iter(puts).buffer_unordered(8).try_collect().await.unwrap();
    assert_eq!(puts.len(), keys.len());
    let found: Vec<_> = store.list("many").try_collect().await.unwrap();
    assert_eq!(found.len(), keys.len(), "each once");
    assert_eq!(found.into_iter().map(|info| info.key).collect::<BTreeSet<_>>(), keys);
    let found: Vec<_> = store.versions("many").try_collect().await.unwrap();
    assert_eq!(found.len(), keys.len(), "each once");
    assert_eq!(found.into_iter().map(|version| version.key).collect::<BTreeSet<_>>(), keys);
}

/// As above, in a bucket whose default retention is COMPLIANCE for one day.
#[tokio::test]
#[ignore = "needs a server"]
async fn a_real_server_tells_its_settings() {
    let url = std::env::var("AUDITSEAL_TEST_STORE").expect("AUDITSEAL_TEST_STORE is a store's URL");
    let facts = open(&url, &real()).unwrap().facts().await;
    println!("{facts:#?}");
    assert_eq!(facts.versioning.unwrap(), Versioning::On);
    let period = Some(Duration::from_secs(86_400));
    let lock = BucketLock { enabled: true, mode: LockMode::Compliance, period };
    assert_eq!(facts.lock.unwrap(), lock);
    assert_eq!(facts.lifecycle.unwrap(), []);
    let skew = facts.time.unwrap() - micros(SystemTime::now());
    assert!(skew.abs() < 60_000_000, "{skew}");
}

fn micros(time: SystemTime) -> i64 {
    i64::try_from(time.duration_since(UNIX_EPOCH).unwrap().as_micros()).unwrap()
}

/// As above; the bucket that `AUDITSEAL_TEST_MISSING` names doesn't exist on that server. Nothing is
/// put: some servers create the bucket for a writer who is its administrator.
#[tokio::test]
#[ignore = "needs a server"]
async fn a_missing_bucket_is_no_missing_object() {
    let url = std::env::var("AUDITSEAL_TEST_MISSING").expect("AUDITSEAL_TEST_MISSING is a URL");
    let store = open(&url, &real()).unwrap();
    let kinds = [
        store.get("k", None, 10).await.unwrap_err(),
        store.tail("k", None, 10).await.unwrap_err(),
        store.stream("k", None).await.map(|_| ()).unwrap_err(),
        store.list("").try_collect::<Vec<_>>().await.unwrap_err(),
    ];
    for error in kinds {
        assert_eq!(error.kind(), Kind::NoBucket, "{error}");
    }
}

#[tokio::test]
async fn a_vanished_directory_is_no_empty_archive() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("archive");
    let store = open(&format!("file://{}", path.display()), &creating()).unwrap();
    store.put_new("a/b", Bytes::from_static(b"x")).await.unwrap();
    fs::remove_dir_all(&path).unwrap();
    let errors = [
        store.put_new("a/c", Bytes::from_static(b"x")).await.unwrap_err(),
        store.get("a/b", None, 10).await.unwrap_err(),
        store.tail("a/b", None, 10).await.unwrap_err(),
        store.list("").try_collect::<Vec<_>>().await.unwrap_err(),
        store.list("a").try_collect::<Vec<_>>().await.unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), Kind::NoBucket, "{error}");
        assert!(error.hint().unwrap().contains("mounted"));
    }
    assert!(!path.exists(), "a put must not bring the directory back");
}

#[tokio::test]
async fn staged_files_are_not_listed() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("a")).unwrap();
    fs::write(root.path().join("a/000.zst#1"), "half").unwrap();
    fs::write(root.path().join("a/001.zst"), "whole").unwrap();
    let store = open(&format!("file://{}", root.path().display()), &Options::default()).unwrap();
    let found: Vec<_> = store.list("").try_collect().await.unwrap();
    assert_eq!(found.iter().map(|info| info.key.as_str()).collect::<Vec<_>>(), ["a/001.zst"]);
    // A crash's leftover doesn't stand in the way of the next attempt.
    store.put_new("a/000.zst", Bytes::from_static(b"all")).await.unwrap();
    assert_eq!(store.get("a/000.zst", None, 10).await.unwrap().bytes, "all");
}

#[tokio::test]
async fn what_isnt_a_directory_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let file = root.path().join("file");
    fs::write(&file, "").unwrap();
    for path in [file.clone(), file.join("below")] {
        let url = format!("file://{}", path.display());
        let error = open(&url, &creating()).unwrap_err();
        assert_eq!(error.kind(), Kind::Invalid, "{error}");
        assert!(error.to_string().starts_with(&format!("open {url}: ")), "{error}");
    }
}
