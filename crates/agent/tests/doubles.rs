//! Two agents with one origin, clocks that jump, and states that come back.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use auditseal_agent::{ChainEnd, Clock, ErrorKind, Mode, Settings};
use auditseal_doubles::Fault;
use auditseal_format::{ObjectKey, ObjectSeal, Time};
use auditseal_shipper::Now;
use auditseal_store::Kind;
use bytes::Bytes;
use node::{HOLD, Node, lines};
use tokio::sync::watch;

fn settings(node: &Node, state: &str) -> Settings {
    Settings { state: node.dir.path().join(state), ..node.settings(Mode::Live) }
}

/// One after the other, or at the same time; whoever loses halts or follows, and one chain grows.
#[tokio::test]
async fn two_agents_make_one_chain() {
    let mut forks = 0;
    // A busy machine may keep them apart for a while.
    for round in 0..100_u64 {
        if round >= 12 && forks > 0 {
            break;
        }
        let node = Node::new();
        node.write(&lines(0, 10));
        let (stop, stopped) = watch::channel(false);
        let clock = auditseal_agent::system_clock();
        let one = node.run(settings(&node, "state"), clock.clone(), stopped.clone());
        let two = async {
            tokio::time::sleep(Duration::from_millis(round % 12 * 7)).await;
            node.run(settings(&node, "double"), clock.clone(), stopped.clone()).await
        };
        let writer = async {
            for part in 1..12 {
                tokio::time::sleep(Duration::from_millis(15)).await;
                node.write(&lines(part * 10, part * 10 + 10));
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
            stop.send_replace(true);
        };
        let (one, two, ()) = tokio::join!(one, two, writer);
        let ends = [one.unwrap().end, two.unwrap().end];
        forks += ends.iter().filter(|end| matches!(end, ChainEnd::Forked(..))).count();
        let going = ends.contains(&ChainEnd::Done);
        assert!(going, "round {round}: one of them goes on: {ends:?}");
        assert_one_chain(&node);
        assert!(node.restored().await == node.source(), "round {round}: nothing lost or twice");
    }
    assert!(forks > 0, "in some round both wanted the chain");
}

/// Each seq once, and each seal signed over the one before.
fn assert_one_chain(node: &Node) {
    let mut seals: Vec<_> =
        node.store.objects().values().map(|bytes| ObjectSeal::open(bytes).unwrap()).collect();
    seals.sort_by_key(|object| object.seal.seq);
    let seqs: BTreeSet<_> = seals.iter().map(|object| object.seal.seq).collect();
    assert_eq!(seqs.len(), seals.len(), "no seq twice");
    for pair in seals.windows(2) {
        assert_eq!(pair[1].seal.prev, Some(pair[0].hash));
    }
}

/// As where a node's name is fixed and each node makes a key of its own. Whoever comes second ends
/// as one who comes later does, and begins no chain beside the first: also where bytes that are no
/// seal keep both from the plain key.
#[tokio::test]
async fn two_keys_make_one_chain() {
    let mut refused_late = 0;
    for round in 0..16_u64 {
        let (node, other) = (Node::new(), Node::new());
        let genesis = ObjectKey::genesis(node.origin()).to_string();
        let squatted = round % 4 == 3;
        if squatted {
            node.store.insert(&genesis, "garbage");
        }
        node.write(&lines(0, 10));
        let (stop, stopped) = watch::channel(false);
        let clock = auditseal_agent::system_clock();
        let one = node.run(settings(&node, "state"), clock.clone(), stopped.clone());
        let key = other.dir.path().join("key");
        let two = Settings { key, ..settings(&node, "double") };
        let two = async {
            tokio::time::sleep(Duration::from_millis(round / 4)).await;
            node.run(two, clock.clone(), stopped.clone()).await
        };
        let writer = async {
            for part in 1..8 {
                tokio::time::sleep(Duration::from_millis(15)).await;
                node.write(&lines(part * 10, part * 10 + 10));
            }
            // A pass is waited with, and each of the two reads garbage twice.
            tokio::time::sleep(Duration::from_millis(200)).await;
            stop.send_replace(true);
        };
        let (one, two, ()) = tokio::join!(one, two, writer);
        let (ended, refused): (Vec<_>, Vec<_>) = [one, two].into_iter().partition(Result::is_ok);
        // Where the plain key is taken, each puts its genesis where the other can't see it coming, and
        // both may find that they aren't alone.
        assert!(ended.len() + usize::from(squatted) > 0, "round {round}: {refused:?}");
        assert!(!refused.is_empty(), "round {round}: {ended:?}");
        assert!(ended.iter().all(|ended| ended.as_ref().unwrap().end == ChainEnd::Done));
        let error = refused[0].as_ref().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains("signed by another key"), "{error}");
        refused_late += u64::from(error.get_hint().unwrap().contains("state moved away"));
        if squatted {
            continue;
        }
        assert_one_chain(&node);
        assert!(node.restored_by(&[&node, &other]).await == node.source(), "round {round}");
    }
    assert!(refused_late > 0, "in some round both had begun");
}

/// A clock that can be set.
fn settable(offset: &Arc<AtomicI64>) -> Clock {
    let (offset, real) = (Arc::clone(offset), auditseal_agent::system_clock());
    Arc::new(move || {
        let now = real();
        let micros = now.wall.micros().saturating_add(offset.load(Ordering::Relaxed));
        Now { wall: Time::from_micros(micros), ..now }
    })
}

/// Seals of 2099 and of 1970 in one chain: the head is found by seq, never by date.
#[tokio::test]
async fn a_lost_state_is_found_whatever_the_clocks_said() {
    const YEAR: i64 = 366 * 86_400 * 1_000_000;
    let node = Node::new();
    let offset = Arc::new(AtomicI64::new(0));
    for (round, years) in [0, 73, -200, 0, 73, 1].into_iter().enumerate() {
        offset.store(years * YEAR, Ordering::Relaxed);
        node.write(&lines(round * 10, round * 10 + 10));
        if round % 2 == 1 {
            node.rotate(u32::try_from(round).unwrap());
        }
        let (_stop, stopped) = watch::channel(false);
        let settings = node.settings(Mode::OneShot);
        let outcome = node.run(settings, settable(&offset), stopped).await.unwrap();
        assert_eq!(outcome.end, ChainEnd::Done);
        node.assert_same(&format!("round {round}")).await;
        fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    }
    assert_one_chain(&node);
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A machine restored from a snapshot holds an old state: its chain went on without it. That is
/// no fork: it takes over what stands there and goes on behind it.
#[tokio::test]
async fn an_old_snapshot_of_the_state_catches_up() {
    let node = Node::new();
    let state = node.dir.path().join("state");
    node.write(&lines(0, 10));
    node.backfill().await;
    copy_dir(&state, &node.dir.path().join("snapshot"));
    node.write(&lines(10, 30));
    node.backfill().await;
    fs::remove_dir_all(&state).unwrap();
    copy_dir(&node.dir.path().join("snapshot"), &state);
    node.write(&lines(30, 35));
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    node.assert_same("after the snapshot").await;
    assert_one_chain(&node);
}

/// A node whose state is that of before its last ten lines were sealed, as a snapshot brings it back.
async fn restored() -> Node {
    let node = Node::new();
    let (state, snapshot) = (node.dir.path().join("state"), node.dir.path().join("snapshot"));
    node.write(&lines(0, 10));
    node.backfill().await;
    copy_dir(&state, &snapshot);
    node.write(&lines(10, 20));
    node.backfill().await;
    fs::remove_dir_all(&state).unwrap();
    copy_dir(&snapshot, &state);
    node
}

/// Whoever sent what was met may have more under way: it is waited for before anything is sent behind
/// it, and no crash shortens that.
#[tokio::test]
async fn nothing_is_sent_behind_what_is_adopted_while_more_may_arrive() {
    for crash in [false, true] {
        let node = restored().await;
        node.write(&lines(20, 30));
        if crash {
            let (outcome, sent) = node.run_held(false).await;
            assert_eq!((outcome.end, sent), (ChainEnd::Stopped, None));
            node.write(&lines(30, 31));
        }
        let (outcome, sent) = node.run_held(true).await;
        assert!(sent.is_some_and(|sent| sent >= HOLD), "crash {crash}: sent after {sent:?}");
        assert_eq!(outcome.end, ChainEnd::Done);
        node.assert_same("what was held is sent").await;
        assert_one_chain(&node);
    }
}

/// While the store is away a restored node seals again what the store has already. Adopted it is only
/// where every byte is the same: else one of the two would be dropped, though both are signed.
#[tokio::test]
async fn bytes_that_differ_from_those_met_are_a_fork() {
    for altered in [None, Some(10), Some(14), Some(19)] {
        let node = restored().await;
        let mut log = node.source();
        if let Some(line) = altered {
            let ends = log.split_inclusive(|byte| *byte == b'\n').take(line + 1);
            let end: usize = ends.map(<[u8]>::len).sum();
            // The last byte of its padding.
            log[end - r#"0"}_"#.len()] = b'x';
            fs::write(node.log("audit.log"), &log).unwrap();
        }
        node.store.fail_when(|_, _, _| Some(Fault::Refuse(Kind::Unavailable)));
        let settings = Settings { grace: Duration::from_millis(50), ..settings(&node, "state") };
        let outcome = node.run_until(settings, node.clock(), |tally| tally.lines >= 10).await;
        assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Stopped, 10), "{altered:?}");
        node.store.heal();
        let before = node.store.objects();
        for _ in 0..2 {
            let end = node.backfill().await.end;
            let Some(line) = altered else {
                assert_eq!(end, ChainEnd::Done);
                node.assert_same("the same bytes are one history").await;
                continue;
            };
            let ChainEnd::Forked(_, why) = end else { panic!("line {line}: {end:?}") };
            let why = why.to_string();
            assert!(why.contains("it has other bytes at"), "line {line}: {why}");
            assert!(node.store.objects() == before, "line {line}: nothing more is sent");
        }
    }
}

/// The store went on without a restored node, and what both had has expired there, and some behind it: there is
/// no way back from what is left to what the node has. Nothing is sent, and nothing dropped, until somebody has looked.
#[tokio::test]
async fn a_snapshot_from_before_all_that_is_left_is_a_fork() {
    for expired in 0..3 {
        let Aged { node, newest, behind } = aged(expired).await;
        let state = node.dir.path().join("state");
        for run in 0..2 {
            let ChainEnd::Forked(_, why) = node.backfill().await.end else {
                panic!("{expired} expired, run {run}")
            };
            let why = why.to_string();
            assert!(why.contains("this node can't follow it there"), "run {run}: {why}");
            assert!(node.store.objects() == behind, "{expired} expired: something was sent");
            assert!(spooled(&state.join("c,n,s")).contains(&newest), "what it has stays");
        }
        fs::rename(&state, node.dir.path().join("looked at")).unwrap();
        let outcome = node.backfill().await;
        assert_eq!((outcome.end, outcome.tally.lines), (ChainEnd::Done, 5));
        let now = node.store.objects();
        assert!(behind.iter().all(|(key, bytes)| now.get(key) == Some(bytes)));
        assert_one_chain(&node);
    }
}

/// A restored node with five new lines.
struct Aged {
    node: Node,
    /// The newest seq that it knows of.
    newest: u64,
    /// What is left of the objects behind it; of those before it there is none.
    behind: BTreeMap<String, Bytes>,
}

/// So many of the objects that it doesn't know have expired.
async fn aged(expired: u64) -> Aged {
    let node = restored().await;
    let newest = spooled(&node.dir.path().join("state/c,n,s")).pop().unwrap();
    let seq = |key: &String| ObjectKey::parse(key).unwrap().seq;
    for key in node.store.objects().keys().filter(|key| seq(key) <= newest + expired) {
        node.store.remove(key).unwrap();
    }
    let behind = node.store.objects();
    assert!(!behind.is_empty() && behind.keys().all(|key| seq(key) > newest + expired));
    node.write(&lines(20, 25));
    Aged { node, newest, behind }
}

/// The seqs of what waits in a spool, or is kept there.
fn spooled(dir: &std::path::Path) -> Vec<u64> {
    let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name());
    let objects = names.filter_map(|name| {
        let name = name.into_string().unwrap();
        name.ends_with(".jsonl.zst").then(|| name[..12].parse().unwrap())
    });
    let mut seqs: Vec<u64> = objects.collect();
    seqs.sort_unstable();
    seqs
}

/// A backup that was damaged is owned up to by a seal that is never sent; then the backup is deleted, and the node
/// goes on from another's objects, which know nothing of it.
#[tokio::test]
async fn a_gap_that_only_this_node_sealed_outlives_an_adoption() {
    let node = restored().await;
    let damaged = node.log("audit-2026-11-21T08-04-05.000.log.gz");
    fs::write(&damaged, b"\x1f\x8b nonsense").unwrap();
    node.store.fail_when(|_, _, _| Some(Fault::Refuse(Kind::Unavailable)));
    // Long enough for a busy machine to seal all of it.
    let give_up = Duration::from_secs(3);
    let settings = Settings { give_up, ..node.settings(Mode::OneShot) };
    let (_stop, stopped) = watch::channel(false);
    let outcome = node.run(settings, node.clock(), stopped).await.unwrap();
    assert!(matches!(outcome.end, ChainEnd::GaveUp(_)), "{:?}", outcome.end);
    assert_eq!(outcome.tally.gaps, 1);
    fs::remove_file(&damaged).unwrap();
    node.store.heal();
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    assert!(node.restored().await == node.source());
    assert_one_chain(&node);
    let objects = node.store.objects();
    let seals = objects.values().map(|bytes| ObjectSeal::open(bytes).unwrap().seal);
    assert!(seals.flat_map(|seal| seal.gaps).count() > 0, "what was sealed as lost is forgotten");
}

/// The same while the agent that went on still runs: who has sent anything since its start, and finds
/// another's object where its own should be, gives way. Started again it follows.
#[tokio::test]
async fn a_snapshot_restored_beside_a_running_agent_makes_one_of_them_give_way() {
    let node = Node::new();
    node.write(&lines(0, 10));
    let clock = auditseal_agent::system_clock();
    let (stop, stopped) = watch::channel(true);
    node.run(settings(&node, "state"), clock.clone(), stopped).await.unwrap();
    copy_dir(&node.dir.path().join("state"), &node.dir.path().join("snapshot"));
    drop(stop);

    let (stop, stopped) = watch::channel(false);
    let healthy = node.run(settings(&node, "state"), clock.clone(), stopped.clone());
    let restored = async {
        // The healthy one has nothing more to send meanwhile.
        until(&node, 20).await;
        let again = settings(&node, "snapshot");
        let writer = async {
            // The store has all of it: the restored one follows, and both are after what is new.
            tokio::time::sleep(Duration::from_millis(200)).await;
            for part in 2..8 {
                node.write(&lines(part * 10, part * 10 + 10));
                tokio::time::sleep(Duration::from_millis(60)).await;
            }
            until(&node, 80).await;
            stop.send_replace(true);
        };
        let (restored, ()) = tokio::join!(node.run(again, clock.clone(), stopped.clone()), writer);
        restored
    };
    node.write(&lines(10, 20));
    let (healthy, restored) = tokio::join!(healthy, restored);
    // Who comes first to a key is chance: whoever has sent something, and finds the other's object
    // where its own should be, ends.
    let ends = [healthy.unwrap().end, restored.unwrap().end];
    let forked = ends.iter().filter(|end| matches!(end, ChainEnd::Forked(..))).count();
    assert!(forked == 1 && ends.contains(&ChainEnd::Done), "{ends:?}");
    for state in ["state", "snapshot"] {
        node.write(&lines(80, 81));
        let settings = Settings { mode: Mode::OneShot, ..settings(&node, state) };
        let (_stop, stopped) = watch::channel(false);
        assert_eq!(node.run(settings, clock.clone(), stopped).await.unwrap().end, ChainEnd::Done);
        assert!(node.restored().await == node.source(), "{state}");
    }
    assert_one_chain(&node);
}

/// Waits until the archive holds so many lines.
async fn until(node: &Node, lines: usize) {
    for _ in 0..1000 {
        let held = node.restored().await;
        if held.iter().filter(|byte| **byte == b'\n').count() >= lines {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("it never holds {lines} lines");
}
