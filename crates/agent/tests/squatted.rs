//! Foreign bytes at a chain's next key, while much that is sealed waits: findings A4 and A5.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::fs;
use std::time::Duration;

use auditseal_agent::{ChainEnd, Mode};
use auditseal_doubles::Fault;
use auditseal_store::Kind;
use auditseal_store::Operation;
use node::{Node, lines};
use tokio::sync::watch;

const GONE: &str = "audit-2026-11-21T08-04-01.000.log";

/// A node with ten stored lines, twenty that wait in its spool from two files begun since, and
/// foreign bytes where the first of these will be put.
async fn squatted() -> Node {
    let node = Node::new();
    node.write(&lines(0, 10));
    node.rotate(0);
    node.backfill().await;
    let next = node.store.objects().len();
    node.store.fail_when(|operation, _, _| {
        matches!(operation, Operation::Put).then_some(Fault::Refuse(Kind::Unavailable))
    });
    node.write(&lines(10, 20));
    node.rotate(1);
    node.write(&lines(20, 30));
    let mut settings = node.settings(Mode::OneShot);
    // Long enough for a busy machine to seal all of it.
    settings.give_up = Duration::from_secs(3);
    let (_stop, stopped) = watch::channel(false);
    let outcome = node.run(settings, node.clock(), stopped).await.unwrap();
    assert!(matches!(outcome.end, ChainEnd::GaveUp(_)), "{:?}", outcome.end);
    assert_eq!(outcome.tally.lines, 20, "sealed");
    node.store.heal();
    let (store, number) = (node.store.clone(), format!("{next:012}.jsonl"));
    node.store.on_put(move |key| {
        if key.contains(&number) {
            store.insert(key, "somebody else's bytes");
        }
    });
    node
}

async fn findings(node: &Node) -> Vec<String> {
    let report = node.verify().await;
    let gaps = report.origins[0].findings.iter().filter(|f| f.verdict.name() == "SOURCE_GAP");
    gaps.map(|finding| finding.detail.clone()).collect()
}

/// What is sealed stays as it is: nothing is signed or read again.
#[tokio::test]
async fn what_is_sealed_goes_to_an_alternate() {
    let node = squatted().await;
    let outcome = node.backfill().await;
    assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Done, 0));
    assert!(node.restored().await == node.source());
    assert_eq!(findings(&node).await, [""; 0]);
}

/// Rotation was faster: one object of four bytes made twelve hundred sealed events vanish once.
#[tokio::test]
async fn what_is_sealed_and_gone_from_the_source_is_stored() {
    let node = squatted().await;
    let all = node.source();
    fs::remove_file(node.log(GONE)).unwrap();
    let outcome = node.backfill().await;
    assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Done, 0));
    assert!(node.restored().await == all, "all of it comes back");
    assert_eq!(node.verify().await.exit_code(), 0);
    assert_eq!(node.backfill().await.tally.seals, 0);
}

/// The store keeps what it refused, shows junk in its place, and shows what it kept later: the same
/// note at two keys, and nothing to hold against an honest node.
#[tokio::test]
async fn a_store_that_kept_a_refused_upload_frames_nobody() {
    let node = squatted().await;
    let junk: Vec<String> = node.store.objects().into_keys().collect();
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    let objects = node.store.objects();
    let (taken, _) = objects
        .iter()
        .find(|(key, bytes)| !junk.contains(key) && bytes.starts_with(b"somebody"))
        .unwrap();
    let seq = auditseal_format::ObjectKey::parse(taken).unwrap().seq;
    let same = |key: &&String| key.contains(&format!("/{seq:012}.")) && key != &taken;
    let stored = objects.keys().find(same).unwrap();
    let kept = objects[stored].clone();
    node.store.remove(taken).unwrap();
    node.store.insert(taken, kept);
    let report = node.verify().await;
    assert_eq!(report.exit_code(), 0);
    assert!(node.restored().await == node.source());
}
