//! Copies of parts of the log beside it, as `cp` and logrotate's `copy` make them, then rotations and
//! restarts: each line is sealed once, whatever is met first.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs;
use std::process::Command;

use node::{Node, Running, events, until};

/// Lines by which the log grows between two copies.
const GROWS: usize = 50;

fn packs(node: &Node, name: &str) {
    assert!(Command::new("gzip").arg(node.path("logs").join(name)).status().unwrap().success());
}

/// Gives each numbered file the next number.
fn shift(node: &Node) {
    let logs = node.path("logs");
    for n in (1..20).rev() {
        for suffix in ["", ".gz"] {
            let name = |n| logs.join(format!("audit.log.{n}{suffix}"));
            if name(n).exists() {
                fs::rename(name(n), name(n + 1)).unwrap();
            }
        }
    }
}

/// The log grows, and is copied each time before.
fn copies(node: &Node, count: usize) -> Vec<u8> {
    let logs = node.path("logs");
    for n in 1..=count {
        shift(node);
        fs::copy(logs.join("audit.log"), logs.join("audit.log.1")).unwrap();
        node.write("audit.log", &events(GROWS * n, GROWS * (n + 1)));
    }
    events(0, GROWS * (count + 1))
}

fn archived(node: &Node) -> Vec<Vec<u8>> {
    lines(&node.cat().out)
}

fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<_> =
        bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn copies_beside_a_log_that_is_rotated_then_are_not_sealed_again() {
    for (stamped, piece, whole) in
        [(false, false, false), (true, false, true), (false, true, true), (true, true, false)]
    {
        let node = Node::with(&events(0, GROWS));
        let mut all = copies(&node, 5);
        node.backfill().ok();
        if piece {
            packs(&node, "audit.log.3");
        }
        let name = if stamped { "audit-2026-11-21T10-00-00.000.log" } else { "audit.log.1" };
        shift(&node);
        fs::rename(node.path("logs").join("audit.log"), node.path("logs").join(name)).unwrap();
        if whole {
            packs(&node, name);
        }
        let next = events(900, 902);
        node.write("audit.log", &next);
        all.extend(&next);
        let rotated = node.backfill().ok();
        let text = rotated.text();
        assert!(text.contains(": sealed 2 lines"), "{stamped} {piece} {whole}: {text}");
        for _ in 0..2 {
            let again = node.backfill().ok();
            assert!(again.text().contains("nothing new, nothing uploaded"), "{}", again.text());
        }
        node.verify().ok();
        assert!(archived(&node) == lines(&all), "{stamped} {piece} {whole}");
    }
}

/// The agent runs all the time, and is started again twice.
#[test]
fn copies_beside_a_log_are_known_to_who_runs() {
    for packed in [false, true] {
        let node = Node::with(&events(0, GROWS));
        let running = Running::start(&mut node.daemon());
        until("the log is sealed", || node.cat().out == events(0, GROWS));
        let mut all = copies(&node, 2);
        until("what it grew by is sealed", || archived(&node) == lines(&all));
        shift(&node);
        fs::rename(node.path("logs").join("audit.log"), node.path("logs").join("audit.log.1"))
            .unwrap();
        let next = events(900, 902);
        node.write("audit.log", &next);
        all.extend(&next);
        until("the next one is sealed", || archived(&node).len() >= lines(&all).len());
        if packed {
            packs(&node, "audit.log.2");
        }
        running.stop().ok();
        for start in 1..3 {
            let running = Running::start(&mut node.daemon());
            let more = events(1000 * start, 1000 * start + 1);
            node.write("audit.log", &more);
            all.extend(&more);
            until("the next line is sealed", || archived(&node).len() >= lines(&all).len());
            running.stop().ok();
            assert!(archived(&node) == lines(&all), "packed {packed}, start {start}");
        }
        node.verify().ok();
    }
}
