//! A node that has lost its state, and a store in which somebody has hidden what it sealed.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::collections::BTreeMap;
use std::fs;

use auditseal_agent::ChainEnd;
use auditseal_doubles::MemoryStore;
use auditseal_format::ObjectSeal;
use auditseal_store::Store as _;
use futures::StreamExt as _;
use node::{Node, lines};

/// A node with twenty lines in a store that keeps versions, as one with Object Lock does.
async fn sealed() -> Node {
    let mut node = Node::new();
    node.store = MemoryStore::versioned();
    node.write(&lines(0, 20));
    node.backfill().await;
    node.assert_same("before").await;
    node
}

fn lose_state(node: &Node) {
    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
}

fn keys(node: &Node) -> Vec<String> {
    node.store.objects().into_keys().collect()
}

/// The notes of every version in the store that has one, by seq: two for one seq are what an
/// attacker wants the honest node to sign.
async fn assert_one_note_for_each_seq(node: &Node) {
    let mut notes = BTreeMap::new();
    let mut versions = node.store.versions("");
    while let Some(version) = versions.next().await {
        let version = version.unwrap();
        if version.marker {
            continue;
        }
        let read = node.store.get(&version.key, version.id.as_deref(), 1 << 20).await.unwrap();
        let Ok(object) = ObjectSeal::read(&read.bytes) else { continue };
        let seq = object.seal.seq;
        assert_eq!(*notes.entry(seq).or_insert(object.hash), object.hash, "seq {seq}");
    }
}

async fn verdicts(node: &Node) -> Vec<(&'static str, Option<u64>)> {
    let report = node.verify().await;
    let findings = &report.origins[0].findings;
    findings.iter().map(|finding| (finding.verdict.name(), finding.seq)).collect()
}

#[tokio::test]
async fn a_hidden_head_is_continued_and_never_signed_again() {
    let node = sealed().await;
    let newest = keys(&node).pop().unwrap();
    let seq = keys(&node).len() as u64 - 1;
    node.store.hide(&newest);
    lose_state(&node);
    node.write(&lines(20, 25));
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    assert_one_note_for_each_seq(&node).await;
    assert!(!keys(&node).contains(&newest), "nothing was put over the marker");
    assert_eq!(verdicts(&node).await, [("HIDDEN", Some(seq))]);
    assert!(node.restored().await == node.source(), "the source comes back");
    let information = node.verify().await.origins.remove(0).information;
    assert_eq!(information[0].verdict.name(), "REANCHORED");
    assert_eq!(information[0].seq, Some(seq + 1));
}

#[tokio::test]
async fn so_is_one_in_a_shadow_and_a_chain_hidden_as_a_whole() {
    for attack in 0..3 {
        let node = sealed().await;
        let all = keys(&node);
        let newest = all.last().unwrap();
        match attack {
            0 => drop(node.store.shadow(newest, "something else")),
            1 => {
                let older = node.store.objects().remove(&all[1]).unwrap();
                node.store.hide(newest);
                node.store.shadow(newest, older);
            }
            _ => all.iter().for_each(|key| node.store.hide(key)),
        }
        lose_state(&node);
        node.write(&lines(20, 25));
        assert_eq!(node.backfill().await.end, ChainEnd::Done, "attack {attack}");
        assert_one_note_for_each_seq(&node).await;
        let found = verdicts(&node).await;
        let expected = if attack == 2 { "HIDDEN" } else { "SHADOWED" };
        assert_eq!(found.len(), if attack == 2 { all.len() } else { 1 }, "{found:?}");
        assert!(found.iter().all(|(name, _)| *name == expected), "{found:?}");
        assert!(node.restored().await == node.source(), "attack {attack}: the source comes back");
    }
}

/// With its state, the node never looks for its head: hiding it changes nothing.
#[tokio::test]
async fn a_node_that_kept_its_state_goes_on_beside_a_marker() {
    let node = sealed().await;
    let newest = keys(&node).pop().unwrap();
    node.store.hide(&newest);
    node.write(&lines(20, 25));
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    assert_one_note_for_each_seq(&node).await;
    assert!(node.restored().await == node.source());
}
