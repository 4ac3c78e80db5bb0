//! The double's faults do what they say.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;

use auditseal_vault::double::{Fault, MemoryStore, PAGE};
use auditseal_vault::{Kind, Operation, Store};
use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

const BYTES: Bytes = Bytes::from_static(b"bytes");

async fn hangs(future: impl Future) -> bool {
    tokio::time::timeout(Duration::from_millis(20), future).await.is_err()
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
