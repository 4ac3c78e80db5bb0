//! A node that has lost its state: how far it goes back in the store, and what it does where the
//! store has lost something too.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::fs;
use std::io::Write as _;
use std::sync::Arc;

use auditseal_agent::{ChainEnd, Clock, Mode, Outcome, Settings};
use auditseal_doubles::Fault;
use auditseal_format::Time;
use auditseal_shipper::Now;
use auditseal_store::{Kind, Operation};
use node::{HOLD, Node, lines};
use tokio::sync::watch;

/// A clock that stands still, days after a time.
fn clock(days: usize) -> Clock {
    let wall = node::frozen().wall.saturating_add(i64::try_from(days).unwrap() * 86_400_000_000);
    Arc::new(move || Now { wall, ..node::frozen() })
}

/// The name of the backup of a day, rotated an hour before its clock stands.
fn backup(day: usize) -> String {
    let time = clock(day)().wall.saturating_add(-3_600_000_000).to_string();
    format!("audit-{}.000.log", time[..19].replace(':', "-"))
}

async fn run(node: &Node, day: usize) -> Outcome {
    let (_stop, stopped) = watch::channel(false);
    node.run(node.settings(Mode::OneShot), clock(day), stopped).await.unwrap()
}

/// A node that was run on each of so many days, each time with one more backup of ten lines, and
/// has lost its state. The newest two backups are left.
async fn long_past(days: usize) -> Node {
    let node = Node::new();
    for day in 0..days {
        node.write(&lines(10 * day, 10 * day + 10));
        fs::rename(node.log("audit.log"), node.log(&backup(day))).unwrap();
        run(&node, day).await;
        if day > 0 && day + 1 < days {
            fs::remove_file(node.log(&backup(day - 1))).unwrap();
        }
    }
    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    node
}

/// The same where backups are numbered, as logrotate does: three are left, the older ones compressed.
async fn numbered_past(days: usize) -> Node {
    let node = Node::new();
    for day in 0..days {
        node.write(&lines(10 * day, 10 * day + 10));
        shift(&node);
        run(&node, day).await;
    }
    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    node
}

/// Rotates the live file to `audit.log.1`, that to `audit.log.2.gz`, and so on.
fn shift(node: &Node) {
    let old = |n: usize| node.log(&format!("audit.log.{n}.gz"));
    for n in (2..3).rev().filter(|n| old(*n).exists()) {
        fs::rename(old(n), old(n + 1)).unwrap();
    }
    if let Ok(bytes) = fs::read(node.log("audit.log.1")) {
        let mut gzip = flate2::write::GzEncoder::new(vec![], flate2::Compression::fast());
        gzip.write_all(&bytes).unwrap();
        fs::write(old(2), gzip.finish().unwrap()).unwrap();
    }
    fs::rename(node.log("audit.log"), node.log("audit.log.1")).unwrap();
}

/// Events that were written then.
fn events(from: usize, to: usize, time: Time) -> Vec<u8> {
    let event = |n| {
        format!(
            r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"{n}","stage":"ResponseComplete","stageTimestamp":"{time}"}}"#
        ) + "\n"
    };
    (from..to).flat_map(|n| event(n).into_bytes()).collect()
}

fn reads(node: &Node) -> u64 {
    node.store.calls(Operation::Tail)
}

#[tokio::test]
async fn it_goes_back_as_far_as_a_backup_can_ask() {
    for rotated in [false, true] {
        let node = long_past(30).await;
        let (objects, before) = (node.store.objects().len() as u64, reads(&node));
        node.write(&lines(300, 302));
        if rotated {
            // No note accounts for it, however old.
            fs::rename(node.log("audit.log"), node.log(&backup(30))).unwrap();
        }
        assert_eq!(run(&node, 30).await.tally.lines, 2);
        let reads = reads(&node) - before;
        assert!(objects > 50 && reads < 30, "rotated: {rotated}, {reads} of {objects}");
        assert_eq!(node.verify().await.exit_code(), 0);
    }
}

/// A number says nothing of when a file was rotated: its first line says which file it is, and when it
/// was begun.
#[tokio::test]
async fn it_goes_back_as_far_as_a_numbered_backup_can_ask() {
    for new in ["nothing", "a live file", "a backup"] {
        let node = numbered_past(25).await;
        let (objects, before) = (node.store.objects().len() as u64, reads(&node));
        if new != "nothing" {
            // Written on the day of the run: no note accounts for it, however old.
            node.write(&events(250, 252, clock(25)().wall));
        }
        if new == "a backup" {
            shift(&node);
        }
        let expected = if new == "nothing" { 0 } else { 2 };
        assert_eq!(run(&node, 25).await.tally.lines, expected, "{new}");
        let reads = reads(&node) - before;
        assert!(objects > 45 && reads < 30, "{new}: {reads} of {objects}");
        assert_eq!(node.verify().await.exit_code(), 0, "{new}");
    }
    // One that was put back: only the oldest notes account for it.
    let node = numbered_past(8).await;
    fs::write(node.log("audit.log.7"), lines(0, 10)).unwrap();
    assert_eq!(run(&node, 8).await.tally.lines, 0, "it is known");
    // Of one that can't be told nothing is known: all of the chain is looked through.
    let node = numbered_past(8).await;
    let (objects, before) = (node.store.objects().len() as u64, reads(&node));
    fs::write(node.log("audit.log.7"), "no event\n").unwrap();
    assert_eq!(run(&node, 8).await.tally.lines, 1);
    assert!(reads(&node) - before > objects - 10);
    assert_eq!(node.verify().await.exit_code(), 0);
}

/// A backup that grew after it was final, and is begun in the newest note: what is there is known, and
/// what is new is read.
#[tokio::test]
async fn a_numbered_backup_that_grew_is_read_on() {
    let node = numbered_past(20).await;
    let (objects, before) = (node.store.objects().len() as u64, reads(&node));
    let mut grown = fs::OpenOptions::new().append(true).open(node.log("audit.log.1")).unwrap();
    grown.write_all(&lines(300, 303)).unwrap();
    assert_eq!(run(&node, 20).await.tally.lines, 3);
    let reads = reads(&node) - before;
    assert!(objects > 35 && reads < 25, "{reads} of {objects}");
    assert_eq!(node.verify().await.exit_code(), 0);
}

/// For a time the clock said 1970. What was sealed before may be asked for all the same.
#[tokio::test]
async fn it_goes_back_beyond_a_wrong_clock() {
    let node = long_past(10).await;
    node.write(&lines(100, 101));
    let (_stop, stopped) = watch::channel(false);
    let wrong = || Now { wall: Time::EPOCH, ..node::frozen() };
    let settings = node.settings(Mode::OneShot);
    node.run(settings, Arc::new(wrong), stopped).await.unwrap();
    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    fs::write(node.log(&backup(5)), lines(50, 60)).unwrap();
    assert_eq!(run(&node, 10).await.tally.lines, 0, "it is known");
}

#[tokio::test]
async fn it_goes_on_where_the_store_failed() {
    let node = long_past(30).await;
    // One that was put back: nothing accounts for it but the oldest notes.
    fs::write(node.log(&backup(0)), lines(0, 10)).unwrap();
    let (objects, before) = (node.store.objects().len() as u64, reads(&node));
    node.store.fail_when(move |operation, _, nth| {
        let now = operation == Operation::Tail && nth > before && nth.is_multiple_of(15);
        now.then_some(Fault::Refuse(Kind::Unavailable))
    });
    assert_eq!(run(&node, 30).await.tally.lines, 0, "it is known");
    let reads = reads(&node) - before;
    // From the start again after each error it would never end: it fails every 15th time.
    assert!(reads > objects / 2 && reads < 3 * objects, "{reads} reads of {objects} objects");
}

#[tokio::test]
async fn it_starts_though_old_objects_are_gone() {
    for archived in [false, true] {
        let node = long_past(5).await;
        fs::write(node.log(&backup(0)), lines(0, 10)).unwrap();
        let objects = node.store.objects();
        let oldest: Vec<_> = objects.keys().take(objects.len() / 5).cloned().collect();
        if archived {
            let cold = oldest.clone();
            node.store.fail_when(move |operation, key, _| {
                let now = operation == Operation::Tail && cold.iter().any(|cold| cold == key);
                now.then_some(Fault::Refuse(Kind::Archived))
            });
        } else {
            oldest.iter().for_each(|key| drop(node.store.remove(key)));
        }
        node.write(&lines(50, 52));
        let outcome = run(&node, 5).await;
        assert_eq!(outcome.end, ChainEnd::Done);
        // Two new lines, and ten that only the note which is gone accounted for.
        assert_eq!(outcome.tally.lines, 12, "archived: {archived}");
    }
}

/// What was sent before the state was lost may arrive for as long as an upload takes: behind something
/// that was sent meanwhile there would be two signed notes for one place. No crash shortens that.
#[tokio::test]
async fn nothing_is_sent_while_uploads_of_before_may_arrive() {
    for crashes in [0, 1, 2] {
        let node = Node::new();
        node.write(&lines(0, 10));
        node.backfill().await;
        fs::remove_dir_all(node.dir.path().join("state")).unwrap();
        node.write(&lines(10, 20));
        for crash in 0..crashes {
            let (outcome, sent) = node.run_held(false).await;
            assert_eq!((outcome.end, sent), (ChainEnd::Stopped, None), "crash {crash}");
            node.write(&lines(20 + crash, 21 + crash));
        }
        let (outcome, sent) = node.run_held(true).await;
        assert!(sent.is_some_and(|sent| sent >= HOLD), "{crashes} crashes: sent after {sent:?}");
        assert_eq!(outcome.end, ChainEnd::Done);
        node.assert_same("what was held is sent").await;
        // Once something was sent there is nothing to wait for.
        node.write(&lines(30, 31));
        let settings = Settings { hold: Some(HOLD), ..node.settings(Mode::OneShot) };
        let (_stop, stopped) = watch::channel(false);
        let running = node.run(settings, node.clock(), stopped);
        let outcome = tokio::time::timeout(HOLD / 10, running).await.expect("it waits").unwrap();
        assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Done, 1));
    }
}
