//! The state directory, spoiled while the agent is down: what is missing is found out and said, and
//! nothing is sealed twice.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Command;

use node::{Node, Running, events, until};

fn logged(node: &Node, command: &mut Command) -> Running {
    Running::start(command.stderr(File::create(node.path("stderr")).unwrap()))
}

fn said(node: &Node, what: &str) -> bool {
    fs::read_to_string(node.path("stderr")).unwrap().contains(what)
}

fn state(node: &Node) -> PathBuf {
    node.path("state/prod,cp-1,audit")
}

/// The objects in the spool, oldest first.
fn objects(node: &Node) -> Vec<PathBuf> {
    let entries = fs::read_dir(state(node)).unwrap().map(|entry| entry.unwrap().path());
    let object = |path: &PathBuf| path.to_str().unwrap().ends_with(".jsonl.zst");
    let mut all: Vec<_> = entries.filter(object).collect();
    all.sort();
    all
}

/// A node that has stored events 0 to 10, and has an object each in its spool of 10 to 20, 20 to 30 and
/// 30 to 40 that the store, which was away, doesn't have.
fn three_wait() -> Node {
    let node = Node::with(&events(0, 10));
    let daemon = logged(&node, &mut node.daemon());
    until("the archive holds the log", || node.cat().out == node.source());
    fs::rename(node.path("store"), node.path("away")).unwrap();
    fs::write(node.path("store"), "").unwrap();
    let before = objects(&node).len();
    for n in 1..4 {
        node.write("audit.log", &events(10 * n, 10 * n + 10));
        until("it is sealed", || objects(&node).len() == before + n);
    }
    daemon.stop().ok();
    fs::remove_file(node.path("store")).unwrap();
    fs::rename(node.path("away"), node.path("store")).unwrap();
    node
}

/// Whether so many lines are archived, each once: `cat` gives nothing of a chain that has a hole.
fn archived(node: &Node, lines: usize) -> bool {
    node.verify().text().contains(&format!(" lines={lines} "))
}

/// Deletes the object that is `nth` from the end of those that wait; what the others hold is archived
/// once, the one that isn't there any more is named by the agent and by `verify`.
fn deleted(nth: usize) {
    let node = three_wait();
    let all = objects(&node);
    fs::remove_file(&all[all.len() - nth]).unwrap();
    let daemon = logged(&node, &mut node.daemon());
    node.write("audit.log", &events(40, 50));
    until("the rest is archived", || archived(&node, 40));
    assert!(said(&node, "sealed objects are neither in the spool nor in the store"));
    daemon.stop().ok();
    let verify = node.verify();
    assert_eq!(verify.code, 1, "{}", verify.err);
    assert_eq!(verify.text().matches("MISSING").count(), 1, "{}", verify.text());
    assert!(archived(&node, 40), "nothing twice: {}", verify.text());
    // It is said of what is missing, not at every start since.
    let daemon = logged(&node, &mut node.daemon());
    node.write("audit.log", &events(50, 60));
    until("it goes on", || archived(&node, 50));
    assert!(!said(&node, "neither in the spool"));
    daemon.stop().ok();
}

#[test]
fn an_object_deleted_from_the_midst_of_the_spool_is_named() {
    deleted(2);
}

#[test]
fn the_oldest_that_waits_is_named_too() {
    deleted(3);
}

/// Under another date it would be stored where no verifier looks for it.
#[test]
fn an_object_under_another_date_is_refused_and_uploaded_when_it_has_its_own_again() {
    for nth in [1, 2, 3, 4] {
        let node = three_wait();
        let all = objects(&node);
        let right = &all[all.len() - nth];
        let name = right.file_name().unwrap().to_str().unwrap();
        let wrong = right.with_file_name(format!("{}_2001-02-03.jsonl.zst", &name[..12]));
        fs::rename(right, &wrong).unwrap();
        let refused = node.backfill();
        assert_eq!(refused.code, 2, "{nth} from the end: {}", refused.err);
        assert!(refused.err.contains("its file was renamed: its date is "), "{}", refused.err);
        fs::rename(&wrong, right).unwrap();
        node.backfill().ok();
        node.assert_same();
        node.verify().ok();
    }
}

/// The newest is all that says that it was sealed: its lines are read again, as after a crash before
/// the commit.
#[test]
fn the_newest_is_sealed_again() {
    let node = three_wait();
    fs::remove_file(objects(&node).last().unwrap()).unwrap();
    let daemon = logged(&node, &mut node.daemon());
    node.write("audit.log", &events(40, 50));
    until("all is archived", || node.cat().out == node.source());
    daemon.stop().ok();
    node.assert_same();
}

/// A list of the finished files that lost its end doesn't say that there are none.
#[test]
fn finals_cut_behind_their_header_are_recalled_from_the_store() {
    let node = Node::with(&events(0, 10));
    let daemon = logged(&node, &mut node.daemon());
    let arrives = || until("the archive holds the log", || node.cat().out == node.source());
    arrives();
    for n in 1..4 {
        let backup = format!("logs/audit-2026-11-21T08-04-{n:02}.000.log");
        fs::rename(node.path("logs/audit.log"), node.path(&backup)).unwrap();
        node.write("audit.log", &events(10 * n, 10 * n + 10));
        arrives();
    }
    let finals = state(&node).join("finals");
    let header = "auditseal finals v1\n";
    // The last of them leaves the spool behind the next object.
    until("they are noted down", || {
        node.write("audit.log", &events(40, 41));
        arrives();
        fs::read_to_string(&finals).unwrap().matches("audit-2026").count()
            + fs::read_to_string(&finals).unwrap().matches("audit.log").count()
            >= 2
    });
    daemon.stop().ok();
    fs::write(&finals, header).unwrap();
    let daemon = logged(&node, &mut node.daemon());
    node.write("audit.log", &events(60, 70));
    arrives();
    assert!(said(&node, "the list of finished files is lost, or was cut"));
    daemon.stop().ok();
    node.assert_same();
    node.verify().ok();
    assert!(fs::read_to_string(&finals).unwrap().len() > header.len(), "it is whole again");
}
