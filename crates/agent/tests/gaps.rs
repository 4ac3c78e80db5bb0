//! What a gap tells of the time in which its lines were written.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::fs;

use auditseal_agent::{Mode, system_clock};
use auditseal_format::seal::Gap;
use auditseal_format::{ObjectSeal, Time};
use node::Node;
use tokio::sync::watch;

/// Audit events, one a second.
fn events(from: usize, to: usize) -> Vec<u8> {
    let event = |i| {
        format!(
            "{{\"kind\":\"Event\",\"apiVersion\":\"audit.k8s.io/v1\",\"level\":\"Metadata\",\
             \"auditID\":\"{i}\",\"stage\":\"ResponseComplete\",\
             \"requestReceivedTimestamp\":\"{0}\",\"stageTimestamp\":\"{0}\"}}\n",
            time(i)
        )
    };
    (from..to).flat_map(|i| event(i).into_bytes()).collect()
}

fn time(i: usize) -> Time {
    Time::from_micros(1_795_000_000_000_000 + i64::try_from(i).unwrap() * 1_000_000)
}

fn gaps(node: &Node) -> Vec<Gap> {
    let objects = node.store.objects();
    let seals = objects.values().map(|bytes| ObjectSeal::open(bytes).unwrap().seal);
    seals.flat_map(|seal| seal.gaps).collect()
}

/// Runs the daemon until it has sealed what is there.
async fn run(node: &Node) {
    let (stop, stopped) = watch::channel(true);
    node.run(node.settings(Mode::Live), system_clock(), stopped).await.unwrap();
    drop(stop);
}

/// The commonest gap: nobody was there, and the apiserver kept fewer backups than it made.
#[tokio::test]
async fn what_was_deleted_while_down_lies_between_two_times() {
    for (backups, state_lost) in [(0, false), (1, false), (1, true)] {
        let mut node = Node::new();
        node.batch_bytes = 4_000;
        node.write(&events(0, 5));
        run(&node).await;
        node.write(&events(5, 8));
        node.rotate(1);
        node.write(&events(8, 10));
        for backup in 0..backups {
            node.rotate(2 + backup);
            node.write(&events(10, 11));
        }
        fs::remove_file(node.log("audit-2026-11-21T08-04-01.000.log")).unwrap();
        if state_lost {
            fs::remove_dir_all(node.dir.path().join("state")).unwrap();
        }
        run(&node).await;
        let gaps = gaps(&node);
        assert!(gaps.iter().any(|gap| gap.reason.as_str() == "deleted-before-read"), "{gaps:?}");
        for gap in &gaps {
            let times = (gap.after, gap.before);
            assert_eq!(times, (Some(time(4)), Some(time(8))), "{backups} backups, {state_lost}");
        }
        assert_eq!(node.restored().await, [events(0, 5), node.source()].concat());
    }
}
