//! The same cases on the double, on a directory and, on demand, on a real server.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use auditseal_doubles::MemoryStore;
use auditseal_doubles::conformance;
use auditseal_doubles::conformance::{Attack, Bench, SHADOW, suite};
use auditseal_store::{BucketLock, Kind, Lock, LockMode, Store};
use auditseal_vault::{Encryption, Options, open};
use bytes::Bytes;
use futures::TryStreamExt;

fn creating() -> Options {
    Options { create: true, ..Options::default() }
}

#[tokio::test]
async fn the_double_conforms() {
    let none = ["versions: the store keeps none", "locks: the store locks nothing"];
    let report = conformance::run(&MemoryStore::new()).await;
    assert_eq!(
        (report.failures(), report.notes()),
        (String::new(), none.map(str::to_owned).into())
    );
    let store = MemoryStore::versioned();
    store.set_lock(Some(Lock { mode: LockMode::Compliance, until: Some(1), ..Lock::NONE }));
    let report = conformance::run(&store).await;
    assert_eq!((report.failures().as_str(), report.cases.len()), ("", 15));
    assert_eq!(
        report.notes(),
        ["locks: compliance by the version", "marks: set on what is locked"]
    );
    let attacked = conformance::attacked(&store, |attack, key| match attack {
        Attack::Hide => {
            store.hide(key);
            true
        }
        Attack::Shadow => !store.shadow(key, SHADOW).is_empty(),
    });
    let attacked = attacked.await;
    assert_eq!((attacked.failures().as_str(), attacked.cases.len()), ("", 4));
    assert_eq!(attacked.notes(), ["a hidden object: a create after that succeeds"]);
}

#[tokio::test]
async fn a_directory_conforms() {
    let root = tempfile::tempdir().unwrap();
    let url = format!("file://{}/not/yet there", root.path().display());
    let missing = open(&url, &Options::default()).unwrap_err();
    assert_eq!(missing.kind(), Kind::NoBucket, "{missing}");
    let report = conformance::run(&*open(&url, &creating()).unwrap()).await;
    assert_eq!(report.failures(), "");
    assert_eq!(
        report.notes(),
        [
            "versions: the store keeps none",
            "locks: the store locks nothing",
            "marks: the store keeps none"
        ]
    );
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

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// `AUDITSEAL_TEST_STORE` is the URL of an empty bucket, `AUDITSEAL_TEST_MISSING` that of one which
/// isn't there. `AUDITSEAL_TEST_ATTACK` is a command that, given `hide KEY` or `shadow KEY`, deletes
/// the object at that key below the bucket's prefix `attacked` by its key, or puts other bytes over
/// it. `AUDITSEAL_TEST_LOCK_DAYS` is for how long the bucket locks in COMPLIANCE mode by default.
/// What each case came to is written to the file `AUDITSEAL_TEST_LINES`.
#[tokio::test]
#[ignore = "needs a server"]
async fn a_real_server_conforms() {
    let url = variable("AUDITSEAL_TEST_STORE").expect("AUDITSEAL_TEST_STORE is a store's URL");
    let command = variable("AUDITSEAL_TEST_ATTACK");
    let encryption = variable("AUDITSEAL_TEST_SSE_S3").map(|_| Encryption::S3Managed);
    let lock = variable("AUDITSEAL_TEST_LOCK_DAYS").map(|days| {
        let period = Some(Duration::from_secs(86_400 * days.parse::<u64>().unwrap()));
        BucketLock { enabled: true, mode: LockMode::Compliance, period }
    });
    let bench = Bench {
        open: &|below, (retention, legal_hold)| {
            let encryption = retention.and(encryption.clone());
            let options = Options { retention, legal_hold, encryption, ..real() };
            open(&format!("{url}/{below}"), &options)
        },
        attack: &mut |attack, key| {
            let verb = if attack == Attack::Hide { "hide" } else { "shadow" };
            let command =
                command.as_ref().expect("AUDITSEAL_TEST_ATTACK is set: it keeps versions");
            let script = format!("{command} {verb} '{key}'");
            let status = std::process::Command::new("sh").args(["-c", &script]).status();
            status.unwrap().success()
        },
        archive: None,
        missing: match variable("AUDITSEAL_TEST_MISSING") {
            Some(url) => Ok(open(&url, &real()).unwrap()),
            None if url.starts_with("file:") => Err("a directory that isn't there can't be opened"),
            None => Err("the server says of it what it says of a missing object"),
        },
        // More than a page of any but Azure's.
        many: 1203,
        lock,
    };
    let report = suite(bench).await.unwrap();
    println!("{report}");
    if let Some(file) = variable("AUDITSEAL_TEST_LINES") {
        fs::write(file, report.to_string()).unwrap();
    }
    assert_eq!(report.failures(), "");
}

/// A directory that holds these bytes as `a/b`.
async fn directory_with(bytes: &'static [u8]) -> (tempfile::TempDir, PathBuf, Arc<dyn Store>) {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("archive");
    let store = open(&format!("file://{}", path.display()), &creating()).unwrap();
    store.put_new("a/b", Bytes::from_static(bytes)).await.unwrap();
    (root, path, store)
}

#[tokio::test]
async fn a_vanished_directory_is_no_empty_archive() {
    let (_root, path, store) = directory_with(b"x").await;
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
async fn an_object_is_read_where_it_lies() {
    let (_root, path, store) = directory_with(b"0123456789").await;
    let file = store.file("a/b").await.unwrap().unwrap();
    let mut three = [0; 3];
    file.read_at(4, &mut three).unwrap();
    assert_eq!((file.size(), &three), (10, b"456"));
    // Cut off meanwhile: less than was announced is no answer.
    fs::write(path.join("a/b"), "01234").unwrap();
    let error = file.read_at(4, &mut three).unwrap_err();
    assert_eq!(error.kind(), Kind::Unavailable);
    assert!(error.to_string().contains("it ended before byte 7"), "{error}");
    assert_eq!(store.file("a/c").await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(store.file("../b").await.unwrap_err().kind(), Kind::Invalid);
    let memory: &dyn Store = &MemoryStore::new();
    assert!(memory.file("a/b").await.unwrap().is_none());
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
