//! The double's faults do what they say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use auditseal_doubles::{Fault, MemoryStore, PAGE};
use auditseal_store::{Canary, Kind, Lock, LockMode, Operation, Store, canary};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

const BYTES: Bytes = Bytes::from_static(b"bytes");

async fn hangs(future: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(20), future).await.is_err()
}

/// What is withheld is nowhere to be seen, and comes back as it was, over what came meanwhile.
#[tokio::test]
async fn what_is_withheld_comes_back() {
    for store in [MemoryStore::new(), MemoryStore::versioned()] {
        let versioned = store.put_new("a/b", BYTES).await.unwrap().version;
        store.withhold("a/b");
        assert!(store.objects().is_empty());
        assert_eq!(store.versions("a").try_collect::<Vec<_>>().await.unwrap(), []);
        store.put_new("a/b", Bytes::from_static(b"others")).await.unwrap();
        store.disclose("a/b");
        let found = store.get("a/b", None, 100).await.unwrap();
        assert_eq!((found.bytes, &found.info.version), (BYTES, &versioned));
        let versions = store.versions("a").try_collect::<Vec<_>>().await.unwrap();
        assert_eq!(versions.len(), 1 + usize::from(versioned.is_some()));
        store.disclose("a/b");
        assert_eq!(store.objects().len(), 1, "there is nothing more to show");
    }
}

#[tokio::test]
async fn puts_fail_with_and_without_effect() {
    let store = MemoryStore::new();
    store.fail(Operation::Put, 1, Fault::Refuse(Kind::Denied));
    store.fail(Operation::Put, 2, Fault::StoreThenFail(Kind::Timeout));
    store.fail(Operation::Put, 4, Fault::Hang);
    store.fail(Operation::Put, 5, Fault::StoreThenHang);
    store.fail(Operation::Put, 6, Fault::HtmlPage);
    store.fail(Operation::Put, 7, Fault::WrongBytes);
    assert_eq!(store.put_new("a", BYTES).await.unwrap_err().kind(), Kind::Denied);
    assert!(store.objects().is_empty());
    assert_eq!(store.put_new("a", BYTES).await.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(store.objects()["a"], BYTES);
    assert_eq!(store.put_new("a", BYTES).await.unwrap_err().kind(), Kind::AlreadyExists);
    assert!(hangs(store.put_new("b", BYTES)).await);
    assert!(hangs(store.put_new("c", BYTES)).await);
    assert_eq!(store.put_new("d", BYTES).await.unwrap_err().kind(), Kind::Unavailable);
    store.put_new("e", BYTES).await.unwrap();
    assert_eq!(store.objects().keys().collect::<Vec<_>>(), ["a", "c", "e"]);
    assert_eq!(store.objects()["e"], "byter");
    assert_eq!(store.calls(Operation::Put), 7);
}

#[tokio::test]
async fn reads_fail() {
    let store = MemoryStore::new();
    store.insert("a", BYTES);
    let fault = std::sync::Arc::new(std::sync::Mutex::new(Fault::WrongBytes));
    let chosen = std::sync::Arc::clone(&fault);
    store.fail_when(move |_, key, _| (key == "a").then(|| *chosen.lock().unwrap()));
    assert_eq!(store.get("a", None, 9).await.unwrap().bytes, "byter");
    assert_eq!(store.tail("a", None, 2).await.unwrap().bytes, "er");
    *fault.lock().unwrap() = Fault::HtmlPage;
    assert_eq!(store.get("a", None, 99).await.unwrap().bytes, PAGE);
    *fault.lock().unwrap() = Fault::StoreThenFail(Kind::Timeout);
    assert_eq!(store.get("a", None, 9).await.unwrap_err().kind(), Kind::Timeout);
    let (_, pieces) = store.stream("a", None).await.unwrap();
    let pieces: Vec<_> = pieces.collect().await;
    assert_eq!(pieces[0].as_ref().unwrap(), "by");
    assert_eq!(pieces[1].as_ref().unwrap_err().kind(), Kind::Timeout);
    *fault.lock().unwrap() = Fault::Hang;
    assert!(hangs(store.get("a", None, 9)).await);
    store.heal();
    assert_eq!(store.get("a", None, 9).await.unwrap().bytes, BYTES);
}

#[tokio::test]
async fn listings_fail() {
    let store = MemoryStore::new();
    store.insert("a/1", BYTES);
    store.fail(Operation::List, 1, Fault::Refuse(Kind::Unavailable));
    store.fail(Operation::List, 2, Fault::StoreThenFail(Kind::Unavailable));
    assert_eq!(store.list("").map(|entry| entry.is_ok()).collect::<Vec<_>>().await, [false]);
    assert_eq!(store.list("").map(|entry| entry.is_ok()).collect::<Vec<_>>().await, [true, false]);
    assert_eq!(store.list("").try_collect::<Vec<_>>().await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_hook_gets_in_first() {
    let store = MemoryStore::new();
    let rival = store.clone();
    store.set_time(7);
    store.on_put(move |key| rival.insert(key, "rival"));
    assert_eq!(store.put_new("a", BYTES).await.unwrap_err().kind(), Kind::AlreadyExists);
    assert_eq!(store.get("a", None, 9).await.unwrap().info.modified, 7);
    assert_eq!(store.remove("a").unwrap(), "rival");
}

fn locked() -> Lock {
    Lock { mode: LockMode::Compliance, until: Some(100 * DAY), ..Lock::NONE }
}

const DAY: i64 = 86_400_000_000;

#[tokio::test]
async fn hiding_and_shadowing_destroy_nothing() {
    let store = MemoryStore::versioned();
    let first = store.put_new("a", BYTES).await.unwrap().version.unwrap();
    let shadow = store.shadow("a", "shadow");
    assert_eq!(store.get("a", None, 9).await.unwrap().bytes, "shadow");
    store.hide("a");
    assert_eq!(store.get("a", None, 9).await.unwrap_err().kind(), Kind::NotFound);
    assert!(store.objects().is_empty());
    assert_eq!(store.list("").count().await, 0);
    let after = store.put_new("a", Bytes::from_static(b"new")).await.unwrap().version.unwrap();
    let versions: Vec<_> = store.versions("").try_collect().await.unwrap();
    let shown: Vec<_> = versions.iter().map(|v| (v.latest, v.marker, v.size)).collect();
    let expected = [(true, false, 3), (false, true, 0), (false, false, 6), (false, false, 5)];
    assert_eq!(shown, expected, "the newest first");
    for (id, bytes) in [(&first, "bytes"), (&shadow, "shadow"), (&after, "new")] {
        let fetched = store.get("a", Some(id), 9).await.unwrap();
        assert_eq!(
            (fetched.bytes.as_ref(), fetched.info.version.as_ref()),
            (bytes.as_bytes(), Some(id))
        );
        assert_eq!(store.tail("a", Some(id), 1).await.unwrap().bytes, bytes[bytes.len() - 1..]);
    }
    let marker = versions[1].id.as_deref();
    assert_eq!(store.get("a", marker, 9).await.unwrap_err().kind(), Kind::NotFound);
    assert_eq!(store.remove_version("a", &first).unwrap(), BYTES);
    assert_eq!(store.get("a", Some(&first), 9).await.unwrap_err().kind(), Kind::NotFound);
    let plain = MemoryStore::new();
    plain.insert("a", BYTES);
    assert_eq!(plain.get("a", Some("v1"), 9).await.unwrap_err().kind(), Kind::Invalid);
}

#[tokio::test]
async fn locks_and_lies_about_them() {
    let store = MemoryStore::versioned();
    store.insert("before", BYTES);
    store.set_lock(Some(locked()));
    let id = store.put_new("a", BYTES).await.unwrap().version;
    assert_eq!(store.lock("a", id.as_deref()).await.unwrap(), locked());
    assert_eq!(store.lock("before", None).await.unwrap(), Lock::NONE);
    assert_eq!(store.lock("c", None).await.unwrap_err().kind(), Kind::NotFound);
    let faults = [Fault::NoLock, Fault::ShortLock, Fault::ClaimLock, Fault::Refuse(Kind::Denied)];
    for (nth, fault) in (4..).zip(faults) {
        store.fail(Operation::Lock, nth, fault);
    }
    assert_eq!(store.lock("a", None).await.unwrap(), Lock::NONE);
    assert_eq!(store.lock("a", None).await.unwrap().until, Some(99 * DAY));
    assert_eq!(store.lock("before", None).await.unwrap().until, Some(36_500 * DAY));
    assert_eq!(store.lock("a", None).await.unwrap_err().kind(), Kind::Denied);
}

#[tokio::test]
async fn another_version_under_the_same_id() {
    let store = MemoryStore::versioned();
    let first = store.put_new("a", BYTES).await.unwrap().version;
    store.insert("a", "other");
    store.fail(Operation::Get, 1, Fault::OtherVersion);
    let fetched = store.get("a", first.as_deref(), 9).await.unwrap();
    assert_eq!((fetched.bytes, fetched.info.version), (Bytes::from_static(b"other"), first));
}

#[tokio::test]
async fn the_canary_tells_a_store_that_ignores_the_condition() {
    for store in [MemoryStore::new(), MemoryStore::versioned()] {
        assert!(
            matches!(canary(&store, "a").await, Canary::Unchecked(e) if e.kind() == Kind::NotFound)
        );
        assert!(store.objects().is_empty(), "it stores nothing of its own");
        store.insert("a", BYTES);
        assert_eq!(canary(&store, "a").await, Canary::Honoured);
        for kind in [Kind::Denied, Kind::Unavailable, Kind::Timeout] {
            store.fail(Operation::Put, store.calls(Operation::Put) + 1, Fault::Refuse(kind));
            assert!(matches!(canary(&store, "a").await, Canary::Unchecked(e) if e.kind() == kind));
        }
        store.fail(Operation::Put, store.calls(Operation::Put) + 1, Fault::IgnoreCreate);
        assert!(matches!(canary(&store, "a").await, Canary::Ignored { .. }));
        assert_eq!(store.objects()["a"], BYTES, "no object's bytes change");
    }
}

#[tokio::test]
async fn marks_fail_with_and_without_effect() {
    let store = MemoryStore::versioned();
    let first = store.put_new("a/1", BYTES).await.unwrap().version;
    let shadow = store.shadow("a/1", "other");
    store.fail(Operation::Mark, 1, Fault::Refuse(Kind::Unsupported));
    store.fail(Operation::Mark, 2, Fault::Hang);
    store.fail(Operation::Mark, 3, Fault::HtmlPage);
    store.fail(Operation::Mark, 4, Fault::StoreThenFail(Kind::Timeout));
    store.fail(Operation::Mark, 5, Fault::StoreThenHang);
    let mark = || store.mark("a/1", first.as_deref());
    assert_eq!(mark().await.unwrap_err().kind(), Kind::Unsupported);
    assert!(hangs(mark()).await);
    assert_eq!(mark().await.unwrap_err().kind(), Kind::Unavailable);
    assert!(store.marks().is_empty());
    assert_eq!(mark().await.unwrap_err().kind(), Kind::Timeout);
    assert_eq!(store.marks(), [("a/1".to_owned(), first.clone())]);
    assert!(hangs(store.mark("a/1", Some(&shadow))).await);
    assert_eq!(store.marks().len(), 2);
    store.fail(Operation::Marked, 1, Fault::Refuse(Kind::Denied));
    store.fail(Operation::Marked, 2, Fault::HtmlPage);
    store.fail(Operation::Marked, 3, Fault::Hang);
    assert_eq!(store.marked("a/1", None).await.unwrap_err().kind(), Kind::Denied);
    assert_eq!(store.marked("a/1", None).await.unwrap_err().kind(), Kind::Unavailable);
    assert!(hangs(store.marked("a/1", None)).await);
    assert!(store.marked("a/1", first.as_deref()).await.unwrap());
    assert_eq!(store.calls(Operation::Mark), 5);
}

/// The key of each version and marker.
async fn entries(store: &MemoryStore) -> Vec<String> {
    let found: Vec<_> = store.versions("").try_collect().await.unwrap();
    let mut keys: Vec<_> = found.into_iter().map(|version| version.key).collect();
    keys.sort();
    keys
}

/// What isn't marked stays, however old; what is goes step by step, and never before its lock ends.
#[tokio::test]
async fn the_lifecycle_takes_what_is_marked_and_nothing_else() {
    let store = MemoryStore::versioned();
    store.set_lock(Some(locked()));
    for key in ["a", "b", "c"] {
        store.put_new(key, BYTES).await.unwrap();
    }
    let hidden = store.get("c", None, 9).await.unwrap().info.version;
    store.hide("c");
    store.set_time(1000 * DAY);
    store.expire(0);
    assert_eq!(store.objects().len(), 2, "age alone takes nothing");
    store.set_time(50 * DAY);
    store.mark("a", None).await.unwrap();
    store.mark("c", hidden.as_deref()).await.unwrap();
    store.expire(51 * DAY);
    assert_eq!(store.objects().len(), 2, "it is too young");
    for _ in 0..3 {
        store.expire(10 * DAY);
        assert_eq!(store.objects().keys().collect::<Vec<_>>(), ["b"], "hidden, lock or not");
        assert_eq!(entries(&store).await, ["a", "a", "b", "c", "c"], "the lock holds the bytes");
    }
    store.set_time(101 * DAY);
    store.expire(10 * DAY);
    assert_eq!(entries(&store).await, ["b"]);
    // Without versions there is nothing to hide under.
    let plain = MemoryStore::new();
    plain.set_lock(Some(locked()));
    plain.insert("a", BYTES);
    plain.insert("b", BYTES);
    plain.mark("a", None).await.unwrap();
    plain.expire(0);
    assert_eq!(plain.objects().len(), 2, "the lock holds");
    plain.set_time(101 * DAY);
    plain.expire(0);
    assert_eq!(plain.objects().keys().collect::<Vec<_>>(), ["b"]);
}
