//! A store that lacks what it had of a chain: another one, one that was emptied, or what is below the
//! mount point of the right one. Nothing is sent there.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs::{self, File};
use std::path::Path;
use std::process::Command;

use node::{Node, Running, events, finish, until};

fn logged(node: &Node, command: &mut Command) -> Running {
    Running::start(command.stderr(File::create(node.path("stderr")).unwrap()))
}

fn said(node: &Node, what: &str) -> usize {
    fs::read_to_string(node.path("stderr")).unwrap().matches(what).count()
}

/// Whether no file is below a directory.
fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().all(|entry| {
        let path = entry.unwrap().path();
        path.is_dir() && is_empty(&path)
    })
}

/// A node that has sealed and stored lines twice.
fn stored() -> Node {
    let node = Node::with(&events(0, 10));
    node.backfill().ok();
    node.write("audit.log", &events(10, 20));
    node.backfill().ok();
    node
}

/// Once with the wrong store, and the right one was `MISSING` a seq for ever.
#[test]
fn a_wrong_store_is_refused_each_time_and_costs_the_right_one_nothing() {
    for command in ["backfill", "retire"] {
        let node = stored();
        fs::rename(node.path("store"), node.path("right")).unwrap();
        node.write("audit.log", &events(20, 30));
        for _ in 0..3 {
            let done = finish(&mut node.writer(command));
            assert_eq!(done.code, 2, "{}", done.err);
            let said = "; 4 MISSING in the store, which had them (seq 0 to 3); head ";
            assert!(done.text().contains(said), "{}", done.text());
            assert!(done.err.contains("the store lacks seq 0 to "), "{}", done.err);
            assert!(done.err.contains("--go-on-without prod/cp-1/audit:0-3 "), "{}", done.err);
            assert!(is_empty(&node.path("store")), "nothing was sent");
        }
        fs::remove_dir_all(node.path("store")).unwrap();
        fs::rename(node.path("right"), node.path("store")).unwrap();
        node.backfill().ok();
        node.assert_same();
        node.verify().ok();
    }
}

#[test]
fn a_disk_that_is_unmounted_under_a_running_agent_gets_everything_when_it_is_back() {
    let node = stored();
    let daemon = logged(&node, &mut node.daemon());
    node.write("audit.log", &events(20, 30));
    until("it runs", || node.cat().out == node.source());
    fs::rename(node.path("store"), node.path("disk")).unwrap();
    fs::create_dir(node.path("store")).unwrap();
    for n in 3..6 {
        node.write("audit.log", &events(10 * n, 10 * n + 10));
        until("it is noticed", || said(&node, "nothing is sent to it before it has them") > 0);
    }
    assert!(is_empty(&node.path("store")), "nothing lies below the mount point");
    fs::remove_dir_all(node.path("store")).unwrap();
    fs::rename(node.path("disk"), node.path("store")).unwrap();
    until("all is archived", || node.cat().out == node.source());
    assert_eq!(said(&node, "nothing is sent to it before it has them"), 1);
    daemon.stop().ok();
    node.verify().ok();
}

/// What is deleted can't come back: the chain goes on when somebody says so, and only for that.
#[test]
fn what_is_lost_for_good_is_gone_on_without_by_whoever_says_so() {
    let node = stored();
    fs::remove_dir_all(node.path("store")).unwrap();
    node.write("audit.log", &events(20, 30));
    let refused = node.backfill();
    assert_eq!(refused.code, 2, "{}", refused.err);
    let told = refused.err.split("--go-on-without ").nth(1).unwrap();
    let told = told.split(' ').next().unwrap().to_owned();
    let without = |told: &str| finish(node.writer("backfill").args(["--go-on-without", told]));
    assert_eq!(without("prod/cp-1/other:0-3").code, 2, "of another chain");
    for another in ["0-99", "1-3", "0-2", "3-3"] {
        let refused = without(&format!("prod/cp-1/audit:{another}"));
        assert_eq!(refused.code, 2, "another loss");
        assert!(refused.err.contains(&told), "{another}: {}", refused.err);
    }
    for no_loss in ["prod/cp-1/audit:1", "prod/cp-1/audit:1-0", "prod/cp-1/audit", "0-1"] {
        let refused = without(no_loss);
        assert_eq!(refused.code, 2);
        assert!(refused.err.contains("expected ORIGIN:FIRST-LAST"), "{no_loss}: {}", refused.err);
    }
    let done = without(&told).ok();
    assert!(done.err.contains("going on without them, as told"), "{}", done.err);
    let said = "; 4 MISSING in the store, gone on without as told (seq 0 to 3); head ";
    assert!(done.text().contains(said), "{}", done.text());
    assert!(node.verify().text().contains("MISSING"));
    node.write("audit.log", &events(30, 40));
    node.backfill().ok();
    fs::remove_dir_all(node.path("store")).unwrap();
    assert_eq!(without(&told).code, 2, "a later loss is another");
}

/// The flag stands in the unit's environment while the disk is being mended: it must let nothing below
/// the mount point.
#[test]
fn what_was_said_of_an_older_copy_doesnt_hold_for_an_empty_directory() {
    let node = stored();
    let copied =
        Command::new("cp").arg("-a").args([node.path("store"), node.path("copy")]).status();
    assert!(copied.unwrap().success());
    for n in 2..4 {
        node.write("audit.log", &events(10 * n, 10 * n + 10));
        node.backfill().ok();
    }
    fs::rename(node.path("store"), node.path("newest")).unwrap();
    fs::rename(node.path("copy"), node.path("store")).unwrap();
    let refused = node.backfill();
    assert!(refused.err.contains("lacks seq 5 to 7, which it had"), "{}", refused.err);
    let without =
        || finish(node.writer("backfill").args(["--go-on-without", "prod/cp-1/audit:5-7"]));
    fs::rename(node.path("store"), node.path("copy")).unwrap();
    let refused = without();
    assert_eq!(refused.code, 2, "{}", refused.err);
    assert!(refused.err.contains("lacks seq 0 to 7, which it had"), "{}", refused.err);
    assert!(is_empty(&node.path("store")), "nothing was sent");
    fs::remove_dir_all(node.path("store")).unwrap();
    fs::rename(node.path("copy"), node.path("store")).unwrap();
    without().ok();
}
