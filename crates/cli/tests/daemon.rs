//! `run`: it follows, stops in time, and goes on where it was, however it ended.
#![allow(clippy::unwrap_used, reason = "a test")]

mod node;

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use node::{Node, Running, events, finish, program, until};
use rustix::process::Signal;

/// Everything that the node's log holds is in the store.
#[track_caller]
fn arrives(node: &Node) {
    until("the archive holds the log", || node.cat().out == node.source());
}

fn rotate(node: &Node, second: u32) {
    let backup = format!("logs/audit-2026-11-21T08-04-{second:02}.000.log");
    fs::rename(node.path("logs/audit.log"), node.path(&backup)).unwrap();
    node.write("audit.log", b"");
}

#[test]
fn follows_a_growing_file_and_ends_when_told() {
    let node = Node::with(&events(0, 100));
    let daemon = Running::start(&mut node.daemon());
    arrives(&node);
    node.write("audit.log", &events(100, 150));
    arrives(&node);
    rotate(&node, 1);
    node.write("audit.log", &events(150, 180));
    arrives(&node);
    // What is written a moment before the end is sealed too.
    node.write("audit.log", &events(180, 200));
    daemon.stop().ok();
    node.assert_same();

    let daemon = Running::start(&mut node.daemon());
    node.write("audit.log", &events(200, 210));
    arrives(&node);
    daemon.stop().ok();
    node.assert_same();
}

#[test]
fn beats_while_nothing_happens() {
    let node = Node::with(&events(0, 3));
    let mut command = node.writer("run");
    let daemon = Running::start(command.args(["--window", "200ms", "--heartbeat", "1s"]));
    let beats = || {
        let rows = node.read("ls", &["--format", "json"]);
        rows.text().lines().filter(|row| row.contains("\"kind\":\"heartbeat\"")).count()
    };
    until("two heartbeats", || beats() >= 2);
    daemon.stop().ok();
    let verify = |args: &[&str]| {
        let mut command = node.reader("verify");
        finish(command.args(["--origin", "prod/cp-1/audit", "--vkey", &node.vkey]).args(args))
    };
    let later = verify(&["--at", "2100-01-01"]);
    assert_eq!(later.code, 1);
    assert!(later.text().contains("SILENT"), "{}", later.text());
    verify(&["--at", "2026-01-01"]).ok();
}

#[test]
fn killed_again_and_again() {
    let node = Node::new();
    node.write("audit.log", b"");
    for round in 0..6 {
        let daemon = Running::start(&mut node.daemon());
        node.write("audit.log", &events(round * 100, round * 100 + 50));
        if round % 2 == 0 {
            // Somewhere in the middle of sealing and uploading.
            let before = fs::read_dir(node.path("state")).map_or(0, Iterator::count);
            until("it has begun", || {
                fs::read_dir(node.path("state")).map_or(0, Iterator::count) > before.min(1)
            });
        } else {
            arrives(&node);
        }
        node.write("audit.log", &events(round * 100 + 50, round * 100 + 100));
        if round == 3 {
            rotate(&node, 3);
        }
        daemon.signal(Signal::KILL);
        assert_eq!(daemon.end(Duration::from_secs(10)).code, -1, "ended by the signal");
    }
    let daemon = Running::start(&mut node.daemon());
    arrives(&node);
    daemon.stop().ok();
    node.assert_same();
    let report = node.verify().ok().text();
    assert!(report.contains(" lines=600 "), "nothing twice: {report}");
}

/// The daemon with its log lines in a file, to wait for what it says.
fn logged(node: &Node, command: &mut Command) -> Running {
    Running::start(command.stderr(File::create(node.path("stderr")).unwrap()))
}

fn said(node: &Node, what: &str) -> bool {
    fs::read_to_string(node.path("stderr")).unwrap().contains(what)
}

#[test]
fn stopped_while_the_store_is_away() {
    let node = Node::with(&events(0, 10));
    let daemon = logged(&node, &mut node.daemon());
    arrives(&node);
    // A file in the place of the directory: every operation of the store fails.
    fs::rename(node.path("store"), node.path("away")).unwrap();
    fs::write(node.path("store"), "").unwrap();
    node.write("audit.log", &events(10, 20));
    until("an upload failed", || said(&node, "upload: "));
    node.write("audit.log", &events(20, 30));
    daemon.stop().ok();
    assert!(said(&node, "stopped before everything was stored; the rest is in the spool"));

    fs::remove_file(node.path("store")).unwrap();
    fs::rename(node.path("away"), node.path("store")).unwrap();
    let daemon = Running::start(&mut node.daemon());
    arrives(&node);
    daemon.stop().ok();
    node.assert_same();
}

#[test]
fn goes_on_when_the_store_is_back() {
    let node = Node::with(&events(0, 10));
    let daemon = logged(&node, &mut node.daemon());
    arrives(&node);
    fs::rename(node.path("store"), node.path("away")).unwrap();
    fs::write(node.path("store"), "").unwrap();
    node.write("audit.log", &events(10, 20));
    until("an upload failed", || said(&node, "upload: "));
    fs::remove_file(node.path("store")).unwrap();
    fs::rename(node.path("away"), node.path("store")).unwrap();
    arrives(&node);
    daemon.stop().ok();
    node.assert_same();
}

#[test]
fn stopped_before_the_store_ever_answered() {
    let node = Node::with(&events(0, 10));
    let mut command = node.bare("run");
    command.args(["--source", &format!("audit={}", node.shown("logs/audit.log"))]);
    // Nothing listens there.
    command.args(["--store", "s3://bucket", "--endpoint", "http://127.0.0.1:1"]);
    command.env("AWS_ACCESS_KEY_ID", "id").env("AWS_SECRET_ACCESS_KEY", "none");
    let daemon = logged(&node, &mut command);
    until("it asks", || said(&node, "find the chain's head: "));
    daemon.stop().ok();
    assert!(said(&node, "stopped before anything was sealed"));
    let daemon = Running::start(&mut node.daemon());
    arrives(&node);
    daemon.stop().ok();
    node.assert_same();
}

#[test]
fn a_double_ends_with_an_exit_code_of_its_own() {
    let node = Node::with(&events(0, 10));
    let mut one = Running::start(&mut node.daemon());
    arrives(&node);
    // A restored snapshot of the node: the same key, and a copy of the state.
    let chain = "prod,cp-1,audit";
    fs::create_dir_all(node.path("double").join(chain)).unwrap();
    for entry in fs::read_dir(node.path("state").join(chain)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), node.path("double").join(chain).join(entry.file_name())).unwrap();
    }
    let mut other = Running::start(&mut node.daemon_in("double"));
    let mut written = 10;
    until("one of them ends", || {
        node.write("audit.log", &events(written, written + 1));
        written += 1;
        one.ended() || other.ended()
    });
    let (loser, winner) = if one.ended() { (one, other) } else { (other, one) };
    let done = loser.end(Duration::from_secs(10));
    assert_eq!(done.code, 3, "{}", done.err);
    assert!(done.err.contains("auditseal: failed to extend prod/cp-1/audit: fork at "));
    assert!(done.err.contains("hint: find the other writer"), "{}", done.err);
    arrives(&node);
    winner.stop().ok();
    node.assert_same();
}

#[test]
fn two_sources_are_two_chains() {
    let node = Node::with(&events(0, 10));
    fs::create_dir(node.path("more logs")).unwrap();
    fs::write(node.path("more logs/audit.log"), events(10, 30)).unwrap();
    let sources =
        format!("audit={} more={}", node.shown("logs/audit.log"), node.shown("more logs"));
    let cat = |source: &str| {
        let origin = format!("prod/cp-1/{source}");
        node.read("cat", &["--origin", &origin, "--vkey", &node.vkey]).out
    };
    let mut daemon = node.bare("run");
    daemon.args(["--store", &node.store(), "--window", "200ms", "--heartbeat", "30s"]);
    let daemon = Running::start(daemon.env("AUDITSEAL_SOURCE", &sources));
    until("both chains", || cat("audit") == events(0, 10) && cat("more") == events(10, 30));
    daemon.stop().ok();
    let mut verify = node.reader("verify");
    verify.env("AUDITSEAL_ORIGIN", "prod/cp-1/audit prod/cp-1/more");
    let report = finish(verify.env("AUDITSEAL_VKEY", &node.vkey)).ok().text();
    assert_eq!(report.matches("COMPLETE until=").count(), 2, "{report}");

    // The same by flags, one of them with a space in its path.
    let mut backfill = node.bare("backfill");
    backfill.args(["--store", &node.store()]);
    for source in ["audit=logs/audit.log", "more=more logs"] {
        let (name, path) = source.split_once('=').unwrap();
        backfill.args(["--source", &format!("{name}={}", node.shown(path))]);
    }
    let done = finish(&mut backfill).ok().text();
    assert_eq!(done.lines().count(), 2, "{done}");
}

#[test]
fn a_relative_path_is_one_too() {
    let node = Node::with(&events(0, 10));
    let mut command = program();
    command.current_dir(node.path("logs")).args([
        "backfill",
        "--cluster",
        "prod",
        "--node",
        "cp-1",
    ]);
    command.args(["--source", "audit=audit.log", "--store", &node.store()]);
    finish(command.args(["--key", "../key", "--state", "../state"])).ok();
    node.assert_same();
}
