//! What a store shows of a node's uploads isn't what became of them: the program finds out, and signs
//! nothing twice.
#![allow(clippy::unwrap_used, reason = "a test")]

mod lab;
mod node;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::process::Command;
use std::time::Duration;

use auditseal_standin::{Dialect, Effect, Entry, Fault, On, time};
use lab::Lab;
use node::{Node, Running, events, until};

const GENESIS: &str = "cluster=prod/node=cp-1/source=audit/date=1970-01-01/000000000000.jsonl.zst";

/// The daemon with the server's store; what it says goes into the file `stderr`.
fn daemon(lab: &Lab) -> Running {
    let mut command = lab.node.bare("run");
    command.args(["--source", &format!("audit={}", lab.node.shown("logs/audit.log"))]);
    command.args(["--window", "100ms", "--heartbeat", "30s", "--hold", "10ms"]);
    let command: &mut Command = lab.aimed(&mut command);
    Running::start(command.stderr(File::create(lab.node.path("stderr")).unwrap()))
}

fn said(node: &Node, words: &str) -> bool {
    fs::read_to_string(node.path("stderr")).unwrap().contains(words)
}

/// The bytes of each key's newest version.
fn objects(lab: &Lab) -> BTreeMap<String, Vec<u8>> {
    let objects = lab.server.world().buckets["bucket"].objects.clone();
    let newest = |versions: &Vec<Entry>| versions.last().unwrap().bytes.to_vec();
    objects.iter().map(|(key, versions)| (key.clone(), newest(versions))).collect()
}

/// An object comes to stand there, whoever sent it.
fn land(lab: &Lab, key: &str, bytes: Vec<u8>) {
    let entry = Entry {
        id: "landed".to_owned(),
        bytes: bytes.into(),
        time: time::now(),
        live: true,
        ..Entry::default()
    };
    let mut world = lab.server.world();
    let objects = &mut world.buckets.get_mut("bucket").unwrap().objects;
    objects.insert(key.to_owned(), vec![entry]);
}

/// A node whose very first upload was under way when it lost its state: it has begun its chain once
/// more, that was sent, and the first beginning arrives.
fn begun_twice() -> (Lab, Vec<u8>) {
    let lab = Lab::new(Dialect::Aws);
    lab.node.backfill().ok();
    let first = fs::read(lab.node.path("store").join(GENESIS)).unwrap();
    fs::remove_dir_all(lab.node.path("state")).unwrap();
    lab.becomes([Fault::always(On::Put, Effect::Refuse(503, "SlowDown"))]);
    let daemon = daemon(&lab);
    until("it was sent", || said(&lab.node, "upload: "));
    land(&lab, &format!("k8s/{GENESIS}"), first.clone());
    lab.becomes([]);
    let done = daemon.end(Duration::from_secs(20));
    assert_eq!(done.code, 3, "{}", fs::read_to_string(lab.node.path("stderr")).unwrap());
    assert_eq!(objects(&lab).into_values().collect::<Vec<_>>(), [&first[..]]);
    (lab, first)
}

#[test]
fn a_chain_that_is_begun_twice_says_what_to_do() {
    let (lab, _) = begun_twice();
    let what = "failed to extend prod/cp-1/audit: fork at cluster=prod/node=cp-1/source=audit/date=1970-01-01/\
                000000000000.jsonl.zst: the chain was begun twice: its first upload was still under way \
                when this node's state was lost, in its first minutes, or a second agent has its key. \
                The other beginning, sealed 20";
    assert!(said(&lab.node, what), "{}", fs::read_to_string(lab.node.path("stderr")).unwrap());
    assert!(said(&lab.node, "\nhint: if no second agent has this key, start auditseal again: it"));
    assert!(!said(&lab.node, "restarting can't help"));
}

/// What it says first: all that it needs is on the node, though the log may be gone.
#[test]
fn a_chain_that_was_begun_twice_goes_on_when_it_is_started_again() {
    let (lab, first) = begun_twice();
    let log = lab.node.source();
    fs::remove_file(lab.node.path("logs/audit.log")).unwrap();
    lab.node.write("audit.log", b"");
    lab.backfill(&["--hold", "10ms"]).ok();
    assert!(lab.read("cat", &[]).out == log, "{}", lab.read("verify", &[]).text());
    assert_eq!(objects(&lab)[&format!("k8s/{GENESIS}")], first);
    lab.count_once();
}

/// What it says besides.
#[test]
fn a_chain_that_was_begun_twice_goes_on_without_its_state() {
    let (lab, first) = begun_twice();
    fs::rename(lab.node.path("state"), lab.node.path("moved away")).unwrap();
    lab.backfill(&["--hold", "10ms"]).ok();
    assert!(lab.verdict().ok().text().contains("COMPLETE until="));
    assert_eq!(objects(&lab)[&format!("k8s/{GENESIS}")], first);
    lab.count_once();
}

/// W9: the answer to an upload is lost, and somebody puts other bytes over it, before it can be read
/// back. The version below is the node's own: nothing is sent anywhere else.
#[test]
fn an_upload_without_an_answer_is_found_below_other_bytes() {
    for dialect in [Dialect::Aws, Dialect::Google, Dialect::Azure] {
        let lab = Lab::new(dialect);
        let daemon = daemon(&lab);
        until("the archive holds the log", || lab.read("cat", &[]).out == lab.node.source());
        let before = objects(&lab);
        lab.becomes([
            Fault::always(On::Put, Effect::StoreThenFail(500, "InternalError")),
            Fault::always(On::Get, Effect::Refuse(503, "SlowDown")),
            Fault::always(On::Look, Effect::Refuse(503, "SlowDown")),
        ]);
        lab.node.write("audit.log", &events(40, 50));
        let new = || objects(&lab).into_keys().find(|key| !before.contains_key(key));
        until("it is stored, and nobody knows", || new().is_some() && said(&lab.node, "upload: "));
        let key = new().unwrap();
        assert!(lab.server.world().shadow("bucket", &key, b"somebody else's", time::now()));
        lab.becomes([]);
        until("the archive holds the log", || lab.read("cat", &[]).out == lab.node.source());
        drop(daemon.stop());
        let seq = |key: &String| key.rsplit('/').next().unwrap()[..12].to_owned();
        let at = objects(&lab).into_keys().filter(|other| seq(other) == seq(&key)).count();
        assert_eq!(at, 1, "{dialect:?}: it is sent to no other key");
        let found = lab.verdict();
        assert!(found.text().contains("SHADOWED "), "{dialect:?}: {}", found.text());
        assert!(!found.text().contains("FORK"), "{dialect:?}: {}", found.text());
    }
}

/// A5: a store keeps what it refuses, shows other bytes in its place until the node has gone to another
/// key, and shows what it kept then: the same seal twice, which says nothing against the node.
#[test]
fn a_refused_upload_that_turns_up_later_is_no_fork() {
    let lab = Lab::new(Dialect::Aws);
    lab.backfill(&[]).ok();
    let newest = objects(&lab).into_keys().next_back().unwrap();
    let (dir, name) = newest.rsplit_once('/').unwrap();
    let next = format!("{dir}/{:012}.jsonl.zst", name[..12].parse::<u64>().unwrap() + 1);
    land(&lab, &next, b"junk".to_vec());
    lab.node.write("audit.log", &events(40, 50));
    lab.backfill(&[]).ok();
    let alternate = format!("{}.", next.strip_suffix(".jsonl.zst").unwrap());
    let kept =
        objects(&lab).into_iter().find(|(key, _)| key != &next && key.starts_with(&alternate));
    land(&lab, &next, kept.expect("the same object at an alternate").1);
    assert!(lab.verdict().ok().text().contains("COMPLETE until="));
    lab.node.write("audit.log", &events(50, 60));
    lab.backfill(&[]).ok();
    assert!(lab.verdict().ok().text().contains("COMPLETE until="));
}

/// Rotates as logrotate does, which numbers backups and keeps three.
fn rotate(node: &Node) {
    let name = |n: usize| node.path(&format!("logs/audit.log.{n}"));
    for n in (1..3).rev().filter(|n| name(*n).exists()) {
        fs::rename(name(n), name(n + 1)).unwrap();
    }
    fs::rename(node.path("logs/audit.log"), name(1)).unwrap();
    File::create(node.path("logs/audit.log")).unwrap().flush().unwrap();
}

/// W11: a number says nothing of when a backup was rotated. The way back in the store ends all the same
/// where each file on disk is accounted for.
#[test]
fn a_lost_state_with_numbered_backups_reads_no_more_than_they_ask_for() {
    const MANY: u64 = 1_000_000;
    let lab = Lab::new(Dialect::Aws);
    for day in 1..20 {
        rotate(&lab.node);
        lab.node.write("audit.log", &events(40 * day, 40 * day + 40));
        lab.backfill(&[]).ok();
    }
    fs::remove_dir_all(lab.node.path("state")).unwrap();
    let before = objects(&lab).len() as u64;
    let counting = Fault { on: On::Get, spares: MANY, hits: 1, effect: Effect::Reset };
    lab.becomes([counting]);
    lab.node.write("audit.log", &events(800, 810));
    lab.backfill(&["--hold", "10ms"]).ok();
    let read = MANY - lab.server.world().faults[0].spares;
    assert!(before >= 20 && read > 0 && read < before / 2, "{read} reads of {before} objects");
    let text = lab.read("verify", &[]).text();
    assert!(text.contains("COMPLETE until=") && !text.contains("SOURCE_GAP"), "{text}");
}
