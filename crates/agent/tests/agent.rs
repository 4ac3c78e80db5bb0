//! The whole agent on a real disk, against a store that fails on demand.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::fs;
use std::time::{Duration, Instant};

use auditseal_agent::{ChainEnd, Mode};
use auditseal_doubles::Fault;
use auditseal_store::{Kind, Operation};
use node::{Node, lines};
use tokio::sync::watch;

#[tokio::test]
async fn archives_a_rotation_set_and_adds_nothing_twice() {
    let node = Node::new();
    node.write(&lines(0, 20));
    node.rotate(1);
    node.write(&lines(20, 40));
    node.rotate(2);
    node.write(&lines(40, 45));
    let outcome = node.backfill().await;
    assert_eq!(outcome.end, ChainEnd::Done);
    assert_eq!(outcome.tally.lines, 45);
    node.assert_same("first run").await;

    let before = node.store.objects();
    let puts = node.store.calls(Operation::Put);
    assert_eq!(node.backfill().await.tally.seals, 0);
    assert!(node.store.objects() == before);
    assert_eq!(node.store.calls(Operation::Put), puts, "nothing is even sent");

    node.write(b"a torn line");
    node.backfill().await;
    node.assert_same("torn").await;
    node.write(b" that goes on\nand another\n");
    node.rotate(3);
    node.write(&lines(45, 50));
    node.backfill().await;
    node.assert_same("continued").await;
}

#[tokio::test]
async fn the_same_input_clock_and_key_give_the_same_objects() {
    let mut runs = Vec::new();
    let first = Node::new();
    for _ in 0..2 {
        let node = Node::new();
        // One key, and the same backup names: all else is made anew.
        fs::copy(first.dir.path().join("key"), node.dir.path().join("key")).unwrap();
        node.write(&lines(0, 30));
        node.rotate(1);
        node.write(&lines(30, 33));
        // The clock's readings are part of the input: one worker, one order of events.
        let mut settings = node.settings(Mode::OneShot);
        settings.jobs = 1;
        let fixed = node::frozen();
        let clock: auditseal_agent::Clock = std::sync::Arc::new(move || fixed);
        let (_stop, stopped) = watch::channel(false);
        node.run(settings, clock, stopped).await.unwrap();
        runs.push(node.store.objects());
    }
    assert!(runs[0].len() > 4);
    assert!(runs[0] == runs[1], "the objects differ");
}

/// How long an archive is doesn't show when the agent starts with its state: it lists the days around
/// its head, and asks for a few objects there.
#[tokio::test]
async fn a_start_with_its_state_lists_some_days() {
    let node = Node::new();
    node.write(&lines(0, 40));
    node.backfill().await;
    let (key, genesis) = node.store.objects().pop_first().unwrap();
    for day in 0..10_000 {
        let key = key.replace("date=1970-01-01", &format!("date=20{:02}-01-01", day % 20));
        node.store.insert(&key.replace("000000000000", &format!("{day:012}")), genesis.clone());
    }
    assert!(node.store.objects().len() >= 10_000);
    let all = [
        Operation::Put,
        Operation::Get,
        Operation::Tail,
        Operation::Stream,
        Operation::List,
        Operation::Versions,
        Operation::Lock,
    ];
    let calls = || all.map(|operation| node.store.calls(operation));
    let before = calls();
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    let after = calls();
    let asked: Vec<_> = after.iter().zip(before).map(|(after, before)| after - before).collect();
    assert!(asked[0] == 0 && asked[1..5].iter().sum::<u64>() <= 8 && asked[5] <= 8, "{asked:?}");
}

/// Every put fails once in every way; nothing is lost, stored twice, or stored under another key.
#[tokio::test]
async fn every_put_may_fail_in_every_way() {
    let undisturbed = Node::new();
    undisturbed.write(&lines(0, 20));
    undisturbed.backfill().await;
    // One put more than objects: the canary's.
    let puts = undisturbed.store.calls(Operation::Put);
    let objects = undisturbed.store.objects().len();
    let faults = [
        Fault::Refuse(Kind::Unavailable),
        Fault::Refuse(Kind::Denied),
        Fault::Refuse(Kind::AlreadyExists),
        Fault::Refuse(Kind::TooLarge),
        Fault::Refuse(Kind::NoBucket),
        Fault::Refuse(Kind::Other),
        Fault::StoreThenFail(Kind::Timeout),
        Fault::StoreThenFail(Kind::AlreadyExists),
        Fault::HtmlPage,
    ];
    for nth in 1..=puts {
        for fault in faults {
            let node = Node::new();
            node.write(&lines(0, 20));
            node.store.fail(Operation::Put, nth, fault);
            // The read-back that settles it goes wrong as well.
            node.store.fail(Operation::Get, 1, Fault::Refuse(Kind::Unavailable));
            assert_eq!(node.backfill().await.end, ChainEnd::Done, "put {nth}, {fault:?}");
            node.assert_same(&format!("put {nth}, {fault:?}")).await;
            // On a busy machine a batch may be cut earlier: no matter, as long as each is there once.
            let keys: Vec<_> = node.store.objects().into_keys().collect();
            let plain = |(seq, key): (usize, &String)| key.contains(&format!("/{seq:012}.jsonl"));
            let plain = keys.iter().enumerate().all(plain);
            assert!(plain && keys.len() + 1 >= objects, "put {nth}, {fault:?}: {keys:?}");
        }
    }
}

/// A put that the store reports as good without having stored our bytes is beyond what a writer
/// sees; one that it reports as failed with other bytes in place is not.
#[tokio::test]
async fn a_read_back_decides_and_not_the_answer() {
    let node = Node::new();
    node.write(&lines(0, 5));
    let store = node.store.clone();
    node.store.on_put(move |key| {
        if key.contains("000000000001.jsonl") {
            store.insert(key, "somebody else's bytes");
        }
    });
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    node.assert_same("a squatter at seq 1").await;
    let keys: Vec<_> = node.store.objects().into_keys().collect();
    let seq_1 = |key: &&String| key.contains("/000000000001.");
    assert_eq!(keys.iter().filter(seq_1).count(), 2, "at an alternate: {keys:?}");
}

#[tokio::test]
async fn gives_up_when_told_and_goes_on_later() {
    let node = Node::new();
    node.write(&lines(0, 20));
    node.store.fail_when(|operation, _, nth| {
        (operation == Operation::Put && nth > 2).then_some(Fault::Refuse(Kind::Denied))
    });
    let mut settings = node.settings(Mode::OneShot);
    settings.give_up = Duration::from_millis(50);
    let (_stop, stopped) = watch::channel(false);
    let outcome = node.run(settings, node.clock(), stopped).await.unwrap();
    assert!(matches!(outcome.end, ChainEnd::GaveUp(_)), "{:?}", outcome.end);
    node.store.heal();
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    node.assert_same("after the outage").await;
}

#[tokio::test]
async fn a_lost_state_directory_loses_and_repeats_nothing() {
    let node = Node::new();
    node.write(&lines(0, 20));
    node.rotate(1);
    node.write(&lines(20, 25));
    node.backfill().await;
    let before = node.store.objects();
    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    node.backfill().await;
    assert!(node.store.objects() == before, "nothing new, nothing sealed");

    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    node.write(&lines(25, 27));
    node.backfill().await;
    node.assert_same("state lost").await;
    let report = node.verify().await;
    let verdicts: Vec<_> = report.origins[0].information.iter().map(|f| f.verdict.name()).collect();
    assert_eq!(verdicts, ["REANCHORED"]);
}

#[tokio::test]
async fn without_an_answer_a_lost_state_is_not_a_new_chain() {
    let node = Node::new();
    node.write(&lines(0, 5));
    node.backfill().await;
    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    let before = node.store.objects();
    node.store.fail_when(|operation, _, nth| {
        (operation == Operation::Versions && nth < 6).then_some(Fault::Refuse(Kind::Unavailable))
    });
    node.write(&lines(5, 6));
    node.backfill().await;
    node.assert_same("after failed listings").await;
    assert_eq!(node.store.objects().len(), before.len() + 3, "reanchor, batch, final");
}

#[tokio::test]
async fn a_first_start_waits_for_a_store_that_is_away() {
    let node = Node::new();
    node.write(&lines(0, 5));
    node.store.fail_when(|operation, _, nth| {
        let away = matches!(operation, Operation::Versions | Operation::Tail) && nth < 3;
        away.then_some(Fault::Refuse(Kind::Unavailable))
    });
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    node.assert_same("it came back").await;
}

#[tokio::test]
async fn another_key_does_not_begin_a_second_chain() {
    let node = Node::new();
    node.write(&lines(0, 5));
    node.backfill().await;
    let before = node.store.objects();
    let other = Node::new();
    fs::copy(other.dir.path().join("key"), node.dir.path().join("key")).unwrap();
    fs::remove_dir_all(node.dir.path().join("state")).unwrap();
    let error = node.try_backfill().await.unwrap_err();
    assert!(error.to_string().contains("signed by another key"), "{error}");
    assert!(node.store.objects() == before);
}

/// Runs the daemon beside `body`, then stops it.
async fn live(node: &Node, body: impl AsyncFnOnce()) -> ChainEnd {
    let (stop, stopped) = watch::channel(false);
    let clock = auditseal_agent::system_clock();
    let daemon = node.run(node.settings(Mode::Live), clock, stopped);
    let (outcome, ()) = tokio::join!(daemon, async {
        body().await;
        stop.send_replace(true);
    });
    outcome.unwrap().end
}

async fn until(what: &str, holds: impl Fn() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{what} didn't come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_daemon_follows_rotations_and_restarts() {
    let node = Node::new();
    node.write(&lines(0, 5));
    for round in 0..4 {
        let end = live(&node, async || {
            until("a first seal", || node.store.objects().len() > 1).await;
            for part in 0..5 {
                let at = 5 + round * 100 + part * 10;
                node.write(&lines(at, at + 10));
                if part % 2 == 1 {
                    node.rotate((round * 10 + part) as u32);
                }
                tokio::time::sleep(Duration::from_millis(15)).await;
            }
        });
        assert_eq!(end.await, ChainEnd::Done);
        // The daemon's clock is the real one.
        assert!(node.restored().await == node.source(), "round {round}");
    }
    assert!(node.restored().await == node.source());
}

#[tokio::test]
async fn a_line_is_not_sealed_before_it_is_whole() {
    let node = Node::new();
    node.write(b"{\"one\":1}\n{\"tw");
    let end = live(&node, async || {
        until("the first line", || node.store.objects().len() >= 2).await;
        node.write(b"o\":2}\n");
    });
    assert_eq!(end.await, ChainEnd::Done);
    assert_eq!(node.restored().await, b"{\"one\":1}\n{\"two\":2}\n");
}

#[tokio::test]
async fn a_stop_with_a_dead_store_ends_in_time_and_loses_nothing() {
    let node = Node::new();
    node.write(&lines(0, 5));
    node.store.fail_when(|operation, _, _| {
        matches!(operation, Operation::Put).then_some(Fault::Refuse(Kind::Unavailable))
    });
    let (stop, stopped) = watch::channel(false);
    let mut settings = node.settings(Mode::Live);
    settings.grace = Duration::from_millis(200);
    let daemon = node.run(settings, node.clock(), stopped);
    let (outcome, ()) = tokio::join!(daemon, async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.send_replace(true);
    });
    assert_eq!(outcome.unwrap().end, ChainEnd::Stopped);
    node.store.heal();
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    node.assert_same("after the store came back").await;
}

#[tokio::test]
async fn truncation_is_sealed_as_a_gap() {
    let node = Node::new();
    node.write(&lines(0, 5));
    let end = live(&node, async || {
        until("the first lines", || node.store.objects().len() >= 2).await;
        fs::write(node.log("audit.log"), "").unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        node.write(&lines(50, 52));
        tokio::time::sleep(Duration::from_millis(60)).await;
    });
    assert_eq!(end.await, ChainEnd::Done);
    assert_eq!(node.restored().await, [lines(0, 5), lines(50, 52)].concat());
    let report = node.verify().await;
    let verdicts: Vec<_> = report.origins[0].findings.iter().map(|f| f.verdict.name()).collect();
    assert_eq!(verdicts, ["SOURCE_GAP"]);
}
