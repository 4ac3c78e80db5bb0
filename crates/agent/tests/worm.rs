//! Stores that don't keep what they promise: create-only puts, locks, versions.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;

use std::collections::BTreeMap;
use std::time::Duration;

use auditseal_agent::{ChainEnd, Error, ErrorKind, Mode, Outcome, Settings};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::{ObjectSeal, sha256};
use auditseal_store::{Kind, Lock, LockMode, LockedBy, Operation, Retention, Store as _};
use futures::TryStreamExt as _;
use node::{Node, lines};
use tokio::sync::watch;

/// Where the node's clock begins, microseconds.
const NOW: i64 = 1_795_000_000_000_000;
const DAY: i64 = 86_400_000_000;

fn versioned() -> Node {
    let mut node = Node::new();
    node.store = MemoryStore::versioned();
    node
}

async fn backfill(node: &Node, change: impl FnOnce(&mut Settings)) -> Result<Outcome, Error> {
    let mut settings = node.settings(Mode::OneShot);
    change(&mut settings);
    let (_stop, stopped) = watch::channel(false);
    node.run(settings, node.clock(), stopped).await
}

fn lock(mode: LockMode, days: i64) -> Lock {
    Lock { mode, until: Some(NOW + days * DAY), legal_hold: false, by: LockedBy::Version }
}

fn demand(settings: &mut Settings) {
    let duration = Duration::from_secs(30 * 86_400);
    settings.require_retention = Some(Retention { compliance: true, duration });
}

fn ignores_create(operation: Operation) -> Option<Fault> {
    (operation == Operation::Put).then_some(Fault::IgnoreCreate)
}

#[tokio::test]
async fn a_store_that_puts_over_objects_is_refused_at_every_start() {
    let node = versioned();
    node.write(&lines(0, 20));
    node.store.fail_when(|operation, _, _| ignores_create(operation));
    for start in 0..3 {
        let error = backfill(&node, |_| {}).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("ignores If-None-Match"), "{error}");
        assert!(error.get_hint().unwrap().contains("--allow-overwrite-store"));
        assert_eq!(node.store.objects().len(), 1, "start {start}: nothing but the genesis");
    }
    // What the canary made of it are the same bytes again, once per start.
    let found: Vec<_> = node.store.versions("").try_collect().await.unwrap();
    assert_eq!(found.len(), 4);
    for version in &found {
        let fetched = node.store.get(&version.key, version.id.as_deref(), 1 << 20).await.unwrap();
        assert!(node.store.objects()[&version.key] == fetched.bytes);
    }
    // Nothing sealed is lost by it.
    node.store.heal();
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
    node.assert_same("a store that was mended").await;
}

#[tokio::test]
async fn who_allows_it_goes_on_with_such_a_store() {
    let node = versioned();
    node.write(&lines(0, 20));
    node.store.fail_when(|operation, _, _| ignores_create(operation));
    let outcome = backfill(&node, |settings| settings.allow_overwrite = true).await.unwrap();
    assert_eq!(outcome.end, ChainEnd::Done);
    node.assert_same("allowed").await;
}

/// Its genesis may be lost, and then it is never found again: another object does as well.
#[tokio::test]
async fn a_store_that_lost_the_genesis_is_refused_as_well() {
    let node = versioned();
    node.write(&lines(0, 20));
    node.backfill().await;
    node.write(&lines(0, 40));
    let genesis = node.store.objects().into_keys().find(|key| key.ends_with("0000.jsonl.zst"));
    node.store.remove(&genesis.unwrap()).unwrap();
    let before = node.store.objects().len();
    node.store.fail_when(|operation, _, _| ignores_create(operation));
    let error = backfill(&node, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("ignores If-None-Match"), "{error}");
    assert_eq!(node.store.objects().len(), before, "nothing is sent");
    node.store.heal();
    assert_eq!(node.backfill().await.end, ChainEnd::Done);
}

/// A daemon without a line to send learns of it too.
#[tokio::test]
async fn an_idle_daemon_refuses_as_well() {
    for restarted in [false, true] {
        let node = versioned();
        if restarted {
            node.write(&lines(0, 3));
            node.backfill().await;
        } else {
            node.write(b"");
        }
        node.store.fail_when(|operation, _, _| ignores_create(operation));
        let (_stop, stopped) = watch::channel(false);
        let error = node.run(node.settings(Mode::Live), node.clock(), stopped).await.unwrap_err();
        assert!(error.to_string().contains("ignores If-None-Match"), "{restarted}: {error}");
    }
}

/// The canary asks once the store has something: a store that is away when a daemon starts stops
/// neither reading nor sealing, and is asked when it is back.
#[tokio::test]
async fn a_store_that_is_away_is_asked_when_it_is_back() {
    let node = versioned();
    node.write(&lines(0, 20));
    node.backfill().await;
    node.write(&lines(20, 40));
    node.store.fail_when(|_, _, _| Some(Fault::Refuse(Kind::Unavailable)));
    let (_stop, stopped) = watch::channel(false);
    let daemon = node.run(node.settings(Mode::Live), node.clock(), stopped);
    let (outcome, ()) = tokio::join!(daemon, async {
        let sealed = || std::fs::read_dir(node.dir.path().join("state/c,n,s")).unwrap().count();
        while sealed() < 5 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        node.store.fail_when(|operation, _, _| ignores_create(operation));
    });
    assert!(outcome.unwrap_err().to_string().contains("ignores If-None-Match"));
}

#[tokio::test]
async fn a_canary_without_an_answer_is_no_obstacle() {
    for fault in [Fault::Refuse(Kind::Denied), Fault::HtmlPage] {
        let node = versioned();
        node.write(&lines(0, 20));
        // The second put is the canary's.
        node.store.fail(Operation::Put, 2, fault);
        assert_eq!(node.backfill().await.end, ChainEnd::Done);
        node.assert_same(&format!("{fault:?}")).await;
    }
}

#[tokio::test]
async fn each_lock_is_held_against_the_demand() {
    use Fault::{ClaimLock, NoLock, Refuse, ShortLock};
    use LockMode::{Compliance, Governance, Undisclosed};
    let all = u64::MAX;
    for (set, fault, shortfalls, unknown) in [
        (Some(lock(Compliance, 31)), None, 0, 0),
        (Some(lock(Compliance, 31)), Some(ShortLock), 0, 0),
        (Some(lock(Compliance, 30)), Some(ShortLock), all, 0),
        (Some(lock(Compliance, 31)), Some(NoLock), all, 0),
        (Some(lock(Governance, 31)), None, all, 0),
        (Some(lock(Undisclosed, 31)), None, 0, all),
        (None, None, all, 0),
        // A store that lies can't be told from one that locks, but by an attempt to destroy.
        (None, Some(ClaimLock), 0, 0),
        (Some(lock(Compliance, 31)), Some(Refuse(Kind::Denied)), 0, all),
        (Some(lock(Compliance, 31)), Some(Refuse(Kind::Unavailable)), 0, all),
    ] {
        let node = versioned();
        node.store.set_time(NOW);
        node.store.set_lock(set.clone());
        node.write(&lines(0, 20));
        node.store.fail_when(move |operation, _, _| fault.filter(|_| operation == Operation::Lock));
        let outcome = backfill(&node, demand).await.unwrap();
        let place = format!("{set:?}, {fault:?}");
        assert_eq!(outcome.end, ChainEnd::Done, "{place}");
        let (tally, stored) = (outcome.tally, outcome.tally.stored);
        assert!(stored > 2);
        assert_eq!(tally.lock_shortfalls, shortfalls.min(stored), "{place}");
        assert_eq!(tally.lock_unknown, unknown.min(stored), "{place}");
        node.store.heal();
        node.assert_same(&place).await;
    }
}

#[tokio::test]
async fn locks_are_read_only_on_demand_and_of_lost_answers_too() {
    let node = versioned();
    node.store.set_time(NOW);
    node.store.set_lock(Some(lock(LockMode::Compliance, 31)));
    node.write(&lines(0, 20));
    node.backfill().await;
    assert_eq!(node.store.calls(Operation::Lock), 0);

    node.write(&lines(20, 40));
    node.store.fail_when(|operation, _, _| {
        (operation == Operation::Put).then_some(Fault::StoreThenFail(Kind::Timeout))
    });
    let outcome = backfill(&node, demand).await.unwrap();
    // Each new one, and the newest of before, which this start found stored.
    assert_eq!(node.store.calls(Operation::Lock), outcome.tally.stored + 1);
    assert_eq!((outcome.tally.lock_shortfalls, outcome.tally.lock_unknown), (0, 0));
    assert!(outcome.tally.stored > 2);
}

/// Locks that are never answered: everything is stored all the same, and a stop isn't held up.
#[tokio::test]
async fn a_lock_that_hangs_holds_nothing_up() {
    let node = versioned();
    node.write(&lines(0, 20));
    node.store.fail(Operation::Lock, 1, Fault::Hang);
    node.store.fail_when(|operation, _, _| (operation == Operation::Lock).then_some(Fault::Hang));
    let mut settings = node.settings(Mode::Live);
    demand(&mut settings);
    settings.grace = Duration::from_millis(400);
    let (stop, stopped) = watch::channel(false);
    let daemon = node.run(settings, node.clock(), stopped);
    let (outcome, ()) = tokio::join!(daemon, async {
        while node.store.objects().len() < 4 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        stop.send_replace(true);
    });
    let tally = outcome.unwrap().tally;
    assert_eq!(tally.lock_unknown, tally.stored);
    assert!(node.restored().await == node.source());
}

/// What the seals pin is what the store lists, whether a put was answered or read back.
#[tokio::test]
async fn pins_are_the_versions_that_the_store_lists() {
    for fault in [None, Some(Fault::StoreThenFail(Kind::Timeout))] {
        let node = versioned();
        node.store.fail_when(move |operation, _, nth| {
            fault.filter(|_| operation == Operation::Put && nth % 2 == 1)
        });
        for round in 0..3 {
            node.write(&lines(round * 20, round * 20 + 20));
            assert_eq!(node.backfill().await.end, ChainEnd::Done);
        }
        node.assert_same(&format!("{fault:?}")).await;
        let listed: Vec<_> = node.store.versions("").try_collect().await.unwrap();
        let objects = node.store.objects();
        let seals: BTreeMap<u64, (&String, ObjectSeal)> = objects
            .iter()
            .map(|(key, bytes)| (key, ObjectSeal::open(bytes).unwrap()))
            .map(|(key, object)| (object.seal.seq, (key, object)))
            .collect();
        let mut pinned = 0;
        for pin in seals.values().flat_map(|(_, object)| &object.seal.stored) {
            let key = seals[&pin.seq].0;
            let version = String::from_utf8(pin.version.clone().unwrap()).unwrap();
            assert!(listed.iter().any(|it| it.key == *key && it.id.as_ref() == Some(&version)));
            assert_eq!(pin.sha256, sha256(&objects[key]));
            assert_eq!(pin.store, "bucket");
            pinned += 1;
        }
        // The newest of each run is found again by the next one.
        assert!(pinned >= 2, "{fault:?}: {pinned} of {}", objects.len());
    }
}
