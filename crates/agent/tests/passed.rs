//! Foreign bytes at a chain's next key, while much that is sealed waits.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::fs;
use std::time::Duration;

use auditseal_agent::{ChainEnd, Mode};
use auditseal_vault::Kind;
use auditseal_vault::Operation;
use auditseal_vault::double::Fault;
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
    settings.give_up = Duration::from_millis(50);
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

#[tokio::test]
async fn what_is_still_there_is_sealed_once_more() {
    let node = squatted().await;
    let outcome = node.backfill().await;
    assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Done, 20));
    assert!(node.restored().await == node.source());
    assert_eq!(findings(&node).await, [""; 0]);
}

#[tokio::test]
async fn what_is_there_no_more_is_a_gap() {
    let node = squatted().await;
    fs::remove_file(node.log(GONE)).unwrap();
    let outcome = node.backfill().await;
    assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Done, 10));
    let found = findings(&node).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].contains(GONE) && found[0].contains("deleted-before-read"), "{found:?}");
    assert!(found[0].contains(&lines(10, 20).len().to_string()), "its length: {found:?}");
    assert!(node.restored().await == node.source(), "the rest comes back");
    // Once.
    assert_eq!(node.backfill().await.tally.seals, 0);
}
