//! Bounds never decide what is archived: below, at, just above and at ten times each of them, the
//! whole agent brings every byte home, or says what it couldn't.
//!
//! The bounds that are fields are lowered, so that ten times as many of something is quick; those
//! of the format are what they are. `bounds_soak.rs` goes beyond the values of production once.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod node;
mod scene;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use auditseal_agent::{ChainEnd, Mode, Tally};
use auditseal_doubles::{Fault, MemoryStore};
use auditseal_format::ObjectSeal;
use auditseal_format::seal::{MAX_CURSORS, MAX_GAPS, MAX_RANGES, MAX_STORED};
use auditseal_store::{Kind, Operation, Retention};
use node::lines;
use scene::{Scene, Way, around, gzip};

/// Holes of a batch: as `pack.rs` has it.
const HOLES: usize = 256;
/// Pins that wait, as `pins.rs` has it.
const PINS: usize = 1024;
/// Lock checks under way, as `guard.rs` has it.
const CHECKS: usize = 64;
/// The largest object that is read back whole, as `readback.rs` has it.
const LARGEST: usize = 64 << 20;

/// A year of daily logs has 366 files; a bound of 256 descriptors once decided how many of them
/// were archived.
#[tokio::test]
async fn as_many_files_as_there_are_days_are_archived() {
    for way in Way::ALL {
        let mut scene = Scene::new();
        scene.node.batch_bytes = 16 << 20;
        scene.begin(way).await;
        scene.backups(366, |n| lines(3 * n, 3 * n + 3));
        scene.archive(way).await;
        scene.assert_all(&format!("366 files, {way:?}")).await;
    }
}

#[tokio::test]
async fn more_files_than_may_be_open_are_archived() {
    for way in Way::ALL {
        for count in around(24) {
            let mut scene = Scene::roomy();
            scene.limits.tail.open = 24;
            scene.begin(way).await;
            scene.backups(count, |n| lines(3 * n, 3 * n + 3));
            scene.archive(way).await;
            scene.assert_all(&format!("{count} files, {way:?}")).await;
        }
    }
}

/// Many that hold little come before a few that fill batches, and compressed ones are among them.
#[tokio::test]
async fn files_of_all_sizes_and_kinds_are_archived_whatever_may_be_open() {
    for way in Way::ALL {
        for (small, large) in [(23, 2), (24, 2), (60, 6), (240, 24)] {
            let mut scene = Scene::new();
            scene.limits.tail.open = 24;
            scene.node.batch_bytes = 16_000;
            scene.begin(way).await;
            for n in 0..small {
                if n % 5 == 4 {
                    scene.gzipped(&lines(n, n + 1));
                } else {
                    scene.backup(&lines(n, n + 1));
                }
            }
            for n in 1..=large {
                scene.backup(&lines(1000 * n, 1000 * n + 400));
            }
            scene.archive(way).await;
            scene.assert_all(&format!("{small} small, {large} large, {way:?}")).await;
        }
    }
}

#[tokio::test]
async fn more_files_than_a_note_has_ranges_go_into_several() {
    for way in Way::ALL {
        for count in around(MAX_RANGES) {
            let mut scene = Scene::roomy();
            scene.begin(way).await;
            scene.backups(count, |n| lines(n, n + 1));
            scene.archive(way).await;
            scene.assert_all(&format!("{count} ranges, {way:?}")).await;
            assert!(scene.seals().iter().all(|seal| seal.ranges.len() <= MAX_RANGES));
        }
    }
}

/// Each file ends in the midst of a line, so that each is begun and not final.
#[tokio::test]
async fn more_unfinished_files_than_are_waited_for_are_archived() {
    for (max_begun, counts) in [(6, around(6)), (96, [95, 96, 97, 960]), (96, around(MAX_CURSORS))]
    {
        for way in [Way::Backfill, Way::Run] {
            for count in counts {
                let mut scene = Scene::roomy();
                scene.limits.tail.begun = max_begun;
                scene.begin(way).await;
                scene.backups(count, |n| [lines(n, n + 1), b"{\"torn\":".to_vec()].concat());
                scene.archive(way).await;
                // A live agent may still wait for the lines' ends; who drains doesn't.
                scene.archive(Way::Backfill).await;
                let place = format!("{count} unfinished files, {max_begun} waited for, {way:?}");
                scene.assert_all(&place).await;
                let most = scene.seals().iter().map(|seal| seal.cursors.len()).max();
                assert!(most <= Some(MAX_CURSORS), "{place}: {most:?} cursors");
            }
        }
    }
}

#[tokio::test]
async fn more_holes_than_a_note_has_room_for_stay_in_the_payload() {
    for way in Way::ALL {
        for count in around(HOLES).into_iter().chain([10_240]) {
            let mut scene = Scene::roomy();
            scene.begin(way).await;
            let piece = |n: usize| [vec![0; n % 7 + 1], lines(n, n + 1)].concat();
            scene.backup(&(0..count).flat_map(piece).collect::<Vec<_>>());
            scene.archive(way).await;
            scene.assert_all(&format!("{count} holes, {way:?}")).await;
        }
    }
}

/// Compressed backups that end too early: each is a gap, and what stands before the damage is had.
#[tokio::test]
async fn more_losses_than_a_note_has_gaps_are_all_sealed() {
    for way in [Way::Backfill, Way::Run, Way::Retire] {
        for count in around(MAX_GAPS) {
            let mut scene = Scene::roomy();
            scene.begin(way).await;
            for n in 0..count {
                let good = lines(n, n + 1);
                // A whole member, and the beginning of a second one.
                let stored = [gzip(&good), gzip(&lines(0, 40))[..10].to_vec()].concat();
                scene.file("log.gz", &stored, &good);
            }
            scene.backup(&lines(10_000, 10_003));
            scene.archive(way).await;
            // A live agent waits for the rest of such a file; who drains doesn't.
            scene.archive(Way::Backfill).await;
            scene.assert_gaps(count, "gzip-damaged", &format!("{count} gaps, {way:?}")).await;
        }
    }
}

/// Compressed backups of which not one line can be had: each is a gap of its name.
#[tokio::test]
async fn every_file_that_cannot_be_identified_is_a_gap() {
    for count in [1, 2, MAX_GAPS + 1] {
        let mut scene = Scene::roomy();
        for _ in 0..count {
            scene.file("log.gz", &gzip(&lines(0, 40))[..10], &[]);
        }
        scene.backup(&lines(0, 3));
        scene.archive(Way::Backfill).await;
        scene.assert_gaps(count, "gzip-damaged", &format!("{count} unknown files")).await;
    }
}

/// Files that were begun are deleted while nobody looks: each is a gap of its own.
#[tokio::test]
async fn as_many_files_as_are_begun_may_be_lost_at_once() {
    for count in [MAX_GAPS - 1, MAX_GAPS, MAX_GAPS + 1, 95] {
        let mut scene = Scene::roomy();
        scene.backups(count, |n| [lines(n, n + 1), b"{\"torn\":".to_vec()].concat());
        scene.archive(Way::Stop).await;
        let sealed = scene.restored().await;
        for name in scene.names() {
            fs::remove_file(scene.node.log(&name)).unwrap();
        }
        scene.expected = sealed;
        scene.backup(&lines(0, 3));
        scene.archive(Way::Stop).await;
        let begun = scene.seals().iter().filter(|seal| !seal.gaps.is_empty()).count();
        let gaps: usize = scene.seals().iter().map(|seal| seal.gaps.len()).sum();
        assert!(begun > 0 && gaps >= count, "{count} lost: {gaps} gaps in {begun} seals");
        let report = scene.node.verify().await;
        assert_eq!(report.exit_code(), 1);
        assert!(scene.restored().await == scene.expected, "{count} lost: the rest comes back");
    }
}

/// What is finished isn't taken again, whether or not it is still remembered: not by a second run,
/// not when it was compressed meanwhile, and not without its state.
#[tokio::test]
async fn more_finished_files_than_are_remembered_are_not_taken_twice() {
    for way in Way::ALL {
        for count in around(8) {
            let mut scene = Scene::roomy();
            scene.limits.tail.finals = 8;
            scene.begin(way).await;
            scene.backups(count, |n| lines(n, n + 1));
            scene.archive(way).await;
            let place = format!("{count} finals, {way:?}");
            for name in scene.names() {
                let text = fs::read(scene.node.log(&name)).unwrap();
                fs::write(scene.node.log(&format!("{name}.gz")), gzip(&text)).unwrap();
                fs::remove_file(scene.node.log(&name)).unwrap();
            }
            scene.archive(way).await;
            scene.assert_all(&format!("{place}, compressed")).await;
            fs::remove_dir_all(scene.node.dir.path().join("state")).unwrap();
            scene.archive(way).await;
            scene.assert_all(&format!("{place}, without its state")).await;
        }
    }
}

/// The longest names that a disk has, each of whose bytes a note escapes.
#[tokio::test]
async fn names_that_fill_a_note_leave_no_file_out() {
    // With a backup's stamp and `.log` it has 255 bytes.
    for base in ["n".repeat(227), "\u{1}".repeat(227), "é".repeat(113)] {
        for way in [Way::Backfill, Way::Run] {
            for count in [1, 97, 300] {
                let mut scene = Scene::roomy();
                scene.base.clone_from(&base);
                scene.begin(way).await;
                let torn = |n| [lines(n, n + 1), b"{\"torn\":".to_vec()].concat();
                scene.backups(count, torn);
                scene.archive(way).await;
                scene.archive(Way::Backfill).await;
                scene.assert_all(&format!("{count} names like {:.9?}, {way:?}", base)).await;
            }
        }
    }
}

/// While the store is away, more objects are sealed than a note has pins, or than wait for one.
#[tokio::test]
async fn more_stored_objects_than_a_note_pins_are_pinned_by_several() {
    for count in around(MAX_STORED).into_iter().chain([PINS + 1]) {
        let mut scene = Scene::new();
        scene.node.store = MemoryStore::versioned();
        let away = Arc::new(AtomicBool::new(true));
        let fault = Arc::clone(&away);
        scene.node.store.fail_when(move |operation, _, _| {
            let refused = operation == Operation::Put && fault.load(Ordering::Relaxed);
            refused.then_some(Fault::Refuse(Kind::Unavailable))
        });
        // Each line fills a batch.
        scene.node.batch_bytes = 1;
        scene.backup(&lines(0, count));
        let place = format!("{count} objects in an outage");
        let (stop, running) = scene.start(Mode::Live);
        let sealed = |lines: usize| move |tally: &Tally| tally.lines >= lines as u64;
        scene.until(&place, sealed(count)).await;
        let waiting = usize::try_from(scene.tally().seals).unwrap();
        away.store(false, Ordering::Relaxed);
        scene.until(&place, |tally| tally.stored >= tally.seals).await;
        // Seals that are made anyway take the pins with them.
        for n in 0..=waiting.min(PINS).div_ceil(MAX_STORED) {
            scene.live(&lines(count + n, count + n + 1));
            scene.until(&place, sealed(count + n + 1)).await;
        }
        stop.send_replace(true);
        assert_eq!(running.await.unwrap().unwrap().end, ChainEnd::Done, "{place}");
        scene.assert_all(&place).await;
        let seals = scene.seals();
        assert!(seals.iter().all(|seal| seal.stored.len() <= MAX_STORED), "{place}");
        let mut pinned: Vec<_> = seals.iter().flat_map(|seal| &seal.stored).collect();
        pinned.sort_by_key(|pin| pin.seq);
        pinned.dedup_by_key(|pin| pin.seq);
        let wanted = waiting.min(PINS);
        assert!(pinned.len() >= wanted, "{place}: {} of {wanted} are pinned", pinned.len());
    }
}

/// Locks that nobody answers for are counted, each of them, and hold nothing up.
#[tokio::test]
async fn more_locks_than_are_asked_for_at_once_are_all_counted() {
    for count in around(CHECKS) {
        let mut scene = Scene::new();
        scene
            .node
            .store
            .fail_when(|operation, _, _| (operation == Operation::Lock).then_some(Fault::Hang));
        // Each line fills a batch.
        scene.node.batch_bytes = 1;
        scene.backup(&lines(0, count));
        let place = format!("{count} locks that hang");
        scene.demand = Some(Retention { compliance: true, duration: Duration::from_secs(86_400) });
        // A quarter of this is how long a stop waits for locks.
        scene.grace = Duration::from_secs(8);
        let (stop, running) = scene.start(Mode::Live);
        scene.until(&place, |tally| tally.lines >= count as u64).await;
        scene.until(&place, |tally| tally.stored >= tally.seals).await;
        stop.send_replace(true);
        let outcome = running.await.unwrap().unwrap();
        let tally = outcome.tally;
        assert_eq!(tally.lock_unknown, tally.stored, "{place}: {tally:?}");
        scene.assert_all(&place).await;
    }
}

/// Objects larger than any of ours, where ours should stand: passed, whatever their size.
#[tokio::test]
async fn garbage_larger_than_is_read_back_is_passed_too() {
    for size in around(LARGEST) {
        let mut scene = Scene::new();
        scene.backups(3, |n| lines(n, n + 1));
        let store = scene.node.store.clone();
        scene.node.store.on_put(move |key| {
            if key.contains("000000000001.jsonl") && !store.objects().contains_key(key) {
                store.insert(key, vec![0; size]);
            }
        });
        scene.archive(Way::Backfill).await;
        scene.assert_all(&format!("{size} bytes of garbage")).await;
    }
}

/// The spool is bounded by bytes. What doesn't fit waits in the source.
#[tokio::test]
async fn more_than_the_spool_holds_waits_in_the_source() {
    for limit in [1, 2_000, 20_000] {
        let mut scene = Scene::new();
        let away = Arc::new(AtomicBool::new(true));
        let fault = Arc::clone(&away);
        scene.node.store.fail_when(move |operation, _, _| {
            let refused = operation == Operation::Put && fault.load(Ordering::Relaxed);
            refused.then_some(Fault::Refuse(Kind::Unavailable))
        });
        scene.spool_limit = limit;
        scene.backups(100, |n| lines(4 * n, 4 * n + 4));
        let place = format!("a spool of {limit} bytes");
        let (stop, running) = scene.start(Mode::Live);
        scene.until(&place, |tally| tally.object_bytes >= limit).await;
        away.store(false, Ordering::Relaxed);
        scene.until(&place, |tally| tally.lines >= 400).await;
        stop.send_replace(true);
        assert_eq!(running.await.unwrap().unwrap().end, ChainEnd::Done, "{place}");
        scene.assert_all(&place).await;
    }
}

/// Any number of packers makes the same archive.
#[tokio::test]
async fn however_many_pack_at_once_everything_is_packed() {
    for jobs in [0, 1, 2, 3, 20] {
        let mut scene = Scene::new();
        scene.jobs = jobs;
        scene.backups(60, |n| lines(9 * n, 9 * n + 9));
        scene.archive(Way::Backfill).await;
        scene.assert_all(&format!("{jobs} jobs")).await;
    }
}

/// Keys that others hold, one after the other: passed up to a bound, which ends in an error; and
/// what was sealed then is stored by the next run.
#[tokio::test]
async fn a_key_squatted_again_and_again_is_said_and_nothing_is_lost() {
    for count in around(8) {
        let mut scene = Scene::new();
        scene.backups(3, |n| lines(n, n + 1));
        let store = scene.node.store.clone();
        let left = Arc::new(std::sync::atomic::AtomicUsize::new(count));
        scene.node.store.on_put(move |key| {
            let taken = store.objects().contains_key(key);
            if key.contains("/000000000001.") && !taken && left.load(Ordering::Relaxed) > 0 {
                left.fetch_sub(1, Ordering::Relaxed);
                store.insert(key, "somebody else's bytes");
            }
        });
        let mut runs = 0;
        loop {
            runs += 1;
            match scene.node.backfill().await.end {
                ChainEnd::Done => break,
                ChainEnd::GaveUp(why) => assert!(why.contains("hold other bytes"), "{why}"),
                other => panic!("{count} squatted keys: {other:?}"),
            }
            assert!(runs <= count, "{count} squatted keys: no progress");
        }
        scene.assert_all(&format!("{count} squatted keys, {runs} runs")).await;
        let said = ObjectSeal::open(scene.node.store.objects().values().next().unwrap()).is_ok();
        assert!(said, "the genesis stands");
    }
}

/// Finding out what a compressed file is takes decoding; what a look may decode is bounded.
#[tokio::test]
async fn large_compressed_files_are_archived() {
    let mut scene = Scene::roomy();
    for n in 0..2 {
        // 40 MB decoded, of which a look may decode 32 MiB. Long lines, which are quick to scan.
        let long = [&b"{\"a\":\""[..], &[b'b'; 400_000], b"\"}\n"].concat();
        scene.gzipped(&[lines(n, n + 1), long.repeat(100)].concat());
        scene.backup(&lines(10 + n, 12 + n));
    }
    scene.archive(Way::Backfill).await;
    scene.assert_all("large compressed files").await;
}

/// Whatever else was named as key isn't read whole, and isn't taken for one.
#[test]
fn a_key_file_longer_than_any_key_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let scene = Scene::new();
    let key = scene.node.dir.path().join("key");
    let text = fs::read_to_string(&key).unwrap();
    assert!(auditseal_agent::read_signer(&key).is_ok());
    for size in around(4096) {
        let long = scene.node.dir.path().join("long");
        fs::write(&long, text.clone() + &"x".repeat(size - text.len())).unwrap();
        fs::set_permissions(&long, fs::Permissions::from_mode(0o600)).unwrap();
        let error = auditseal_agent::read_signer(&long).map(|_| ()).unwrap_err().to_string();
        assert!(!error.contains("xxx") && error.contains("long"), "{size}: {error}");
    }
    // The file of the longest name is far from that.
    let longest = ["k"; 3].map(|part| part.repeat(245)).join("/");
    let path = scene.node.dir.path().join("longest");
    auditseal_agent::keygen(&path, &longest.parse().unwrap()).unwrap();
    assert!(fs::metadata(&path).unwrap().len() < 1024);
    assert!(auditseal_agent::read_signer(&path).is_ok());
}

/// The state directory is one agent's: a second one ends with an error, and the first goes on.
#[tokio::test]
async fn two_runs_do_not_share_a_state() {
    let mut scene = Scene::new();
    scene.backups(3, |n| lines(n, n + 1));
    let (stop, running) = scene.start(Mode::Live);
    scene.until("the first run", |tally| tally.lines >= 6).await;
    let error = scene.node.try_backfill().await.unwrap_err().to_string();
    assert!(error.contains("state"), "{error}");
    stop.send_replace(true);
    assert_eq!(running.await.unwrap().unwrap().end, ChainEnd::Done);
    scene.assert_all("two runs").await;
}
