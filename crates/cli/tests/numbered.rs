//! Backups that are called by numbers, and get the next one at each rotation: more of them than files are
//! remembered by their names.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;

use node::{Node, events};

/// More than are remembered otherwise, and more again.
const BACKUPS: [usize; 2] = [1100, 2100];

/// What all files hold, the oldest first.
fn source(node: &Node, backups: usize) -> Vec<u8> {
    let names = (1..=backups).rev().map(|n| format!("audit.log.{n}"));
    let read = |name: String| fs::read(node.path("logs").join(name)).unwrap();
    names.chain(["audit.log".to_owned()]).flat_map(read).collect()
}

/// Gives each backup the next number, and the live log the first.
fn rotate(node: &Node, backups: usize) {
    let logs = node.path("logs");
    for n in (1..=backups).rev() {
        let (from, to) = (format!("audit.log.{n}"), format!("audit.log.{}", n + 1));
        fs::rename(logs.join(from), logs.join(to)).unwrap();
    }
    fs::rename(logs.join("audit.log"), logs.join("audit.log.1")).unwrap();
}

#[test]
fn numbered_backups_are_sealed_once_however_many_there_are() {
    for backups in BACKUPS {
        let node = Node::with(&events(backups, backups + 1));
        for n in 1..=backups {
            node.write(&format!("audit.log.{n}"), &events(backups - n, backups - n + 1));
        }
        node.backfill().ok();
        let again = node.backfill().ok();
        assert!(again.text().contains("nothing new, nothing uploaded"), "{}", again.text());
        rotate(&node, backups);
        node.write("audit.log", &events(backups + 1, backups + 2));
        let rotated = node.backfill().ok();
        assert!(rotated.text().contains(": sealed 1 lines"), "{}", rotated.text());
        node.verify().ok();
        assert!(node.cat().ok().out == source(&node, backups + 1), "other bytes");
    }
}
