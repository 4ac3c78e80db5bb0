//! The commit protocol under every fault at every step.

mod world;

use auditseal_format::{Kind, ObjectKey, ObjectSeal};
use auditseal_shipper::{Action, Head, Input, Mode, Report, Spooled, Start};
use world::{Ended, Fault, SECOND, World, lines};

/// How many steps an undisturbed run has.
fn steps(source: &[u8]) -> usize {
    let mut world = World::new(source);
    world.run_to_done();
    assert_eq!(world.restored(), source);
    world.steps
}

/// The table: every write and read × {not done, done but reported as failed} × {go on, crash}.
#[test]
fn every_step_may_fail_in_every_way() {
    let source = lines(30);
    let steps = steps(&source);
    assert!(steps > 25, "{steps} steps");
    for at in 1..=steps {
        for fault in [Fault::NotDone, Fault::DoneButFailed] {
            for crash in [false, true] {
                let mut world = World::new(&source);
                world.fault = Some((at, fault, crash));
                world.run_to_done();
                let place = format!("step {at}, {fault:?}, crash {crash}");
                assert_eq!(world.restored(), source, "{place}");
                // Every object is in the chain: nothing was sealed twice under another key.
                let count = world.store.len() as u64;
                let newest = world.spool.values().last().unwrap().0.seq;
                assert_eq!(count, newest + 1, "{place}");
            }
        }
    }
}

/// Two crashes in one history.
#[test]
fn two_crashes_lose_nothing_either() {
    let source = lines(12);
    let steps = steps(&source);
    for first in 1..=steps {
        for second in 1..8 {
            let mut world = World::new(&source);
            world.fault = Some((first, Fault::DoneButFailed, true));
            let mut shipper = world.start(None);
            assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Crashed);
            world.fault = Some((first + second, Fault::NotDone, true));
            world.run_to_done();
            assert_eq!(world.restored(), source, "crashes at {first} and {second} later");
        }
    }
}

#[test]
fn committed_objects_never_change() {
    let source = lines(20);
    for at in 1..=steps(&source) {
        let mut world = World::new(&source);
        world.fault = Some((at, Fault::DoneButFailed, true));
        let mut shipper = world.start(None);
        world.run(&mut shipper, u64::MAX);
        let before = world.spool.clone();
        world.run_to_done();
        for (key, bytes) in before.values() {
            assert_eq!(world.store.get(&key.to_string()), Some(bytes), "{key} after step {at}");
        }
    }
}

#[test]
fn a_second_run_adds_nothing_and_a_third_only_what_is_new() {
    let mut world = World::new(&lines(5));
    world.run_to_done();
    let before = world.store.clone();
    let uploads = world.uploads;
    world.run_to_done();
    assert_eq!(world.store, before);
    assert_eq!(world.uploads, uploads, "nothing is even sent");
    world.source = lines(6);
    world.run_to_done();
    assert_eq!(world.restored(), lines(6));
    assert_eq!(world.store.len(), before.len() + 2, "one batch and one final");
}

#[test]
fn a_one_shot_that_lost_its_state_and_finds_nothing_new_seals_nothing() {
    let mut world = World::new(&lines(5));
    world.run_to_done();
    let head = world.spool.values().last().unwrap().clone();
    for (more, objects) in [(0, 0), (1, 3)] {
        world.source = lines(5 + more);
        let seal = ObjectSeal::open(&head.1).unwrap().seal;
        let start = Start {
            head: Some(Head { hash: seal.hash(), seal }),
            spooled: Spooled::default(),
            reanchor: Some(("state-lost", 0)),
        };
        let before = world.store.len();
        let mut shipper = world.shipper(start);
        assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Done);
        // With something new: the reanchor, the batch, a final.
        assert_eq!(world.store.len() - before, objects);
    }
    assert_eq!(world.restored(), lines(6));
}

/// A batch that is packed and waits for the one before it leaves its packer free for another; but
/// not without end, for what waits lies in memory.
#[test]
fn a_slow_batch_holds_up_no_packer() {
    let world = World::new(&lines(60));
    let mut shipper = world.start(None);
    let (mut offset, mut jobs) = (0, Vec::new());
    let mut inputs = std::collections::VecDeque::from([Input::Wake]);
    while let Some(input) = inputs.pop_front() {
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(0) => {}
                Action::Look(limit) => {
                    let (takes, rest) = world.look(offset, limit);
                    offset = takes.last().map_or(offset, |take| take.end);
                    inputs.push_back(Input::Looked { takes, losses: vec![], rest });
                }
                Action::Pack(job) => {
                    // The first one takes for ever.
                    if !jobs.is_empty() {
                        let packed = Box::new(world::pack(&job));
                        inputs.push_back(Input::Packed(job.ticket, packed));
                    }
                    jobs.push(job.ticket);
                }
                Action::Commit(..) => inputs.push_back(Input::Committed),
                _ => {}
            }
        }
    }
    assert_eq!(jobs.len(), 2 * world.jobs, "as many again as there are packers, and no more");
}

#[test]
fn same_input_and_clock_give_the_same_objects() {
    let run = || {
        let mut world = World::new(&lines(30));
        world.run_to_done();
        world.store
    };
    assert_eq!(run(), run());
}

#[test]
fn nothing_is_put_before_it_is_committed_and_discarded_before_its_successor_is_stored() {
    let mut world = World::new(&lines(20));
    world.run_to_done();
    // The world panics on a Put of something that isn't spooled. Here: what stayed.
    let newest = *world.spool.keys().last().unwrap();
    assert_eq!(world.spool.len(), 1, "the newest stays");
    assert_eq!(world.discards, (0..newest).collect::<Vec<_>>());
}

#[test]
fn another_seal_of_ours_at_the_next_key_is_adopted_if_nothing_was_uploaded() {
    let source = lines(10);
    let mut first = World::new(&source);
    first.run_to_done();
    // A double that started from the genesis alone, with other batch cuts.
    let mut double = World::new(&source);
    double.batch_bytes = 60;
    double.store = first.store.clone();
    let (key, bytes) = {
        let key = ObjectKey::genesis(World::origin());
        (key.clone(), first.store[&key.to_string()].clone())
    };
    double.spool.insert(0, (key, bytes));
    double.run_to_done();
    assert_eq!(double.restored(), source, "one chain, nothing twice");
    assert_eq!(double.store.len(), first.store.len());
}

#[test]
fn a_second_writer_while_we_upload_is_a_fork() {
    let mut ours = World::new(&lines(10));
    ours.run_to_done();
    let mut theirs = World::new(&lines(10));
    theirs.run_to_done();
    theirs.source = lines(12);
    theirs.run_to_done();
    // Both go on from one head; theirs is stored, and we have uploaded since our start.
    ours.source = lines(11);
    ours.mode = Mode::Live;
    let mut shipper = ours.start(None);
    let soon = ours.now + SECOND;
    assert_eq!(ours.run(&mut shipper, soon), Ended::Paused);
    assert!(ours.uploads > 0);
    let head = ours.spool.values().last().unwrap().clone();
    let found = ObjectSeal::open(&head.1).unwrap();
    let next = ObjectKey::after(&found.seal).to_string();
    // Somebody with our key, the same head and another future.
    let mut other = World::new(&lines(14));
    other.spool = ours.spool.clone();
    other.now = ours.now + 7;
    other.run_to_done();
    let foreign = other.store[&next].clone();
    ours.store.insert(next, foreign);
    ours.source = lines(13);
    assert_eq!(ours.run(&mut shipper, u64::MAX), Ended::Forked);
}

#[test]
fn garbage_at_the_next_key_is_passed_in_the_next_epoch() {
    let source = lines(10);
    // At the genesis, and in the middle.
    for seq in [0, 2] {
        let mut plain = World::new(&source);
        plain.run_to_done();
        let key =
            plain.store.keys().find(|key| key.contains(&format!("{seq:012}"))).unwrap().clone();
        let mut world = World::new(&source);
        world.store.insert(key.clone(), b"garbage".to_vec());
        world.run_to_done();
        assert_eq!(world.store[&key], b"garbage", "it can't be removed, only passed");
        assert_eq!(world.restored(), source);
        let passed: Vec<_> = world.store.keys().filter(|key| key.contains(".e1.")).collect();
        assert!(!passed.is_empty());
        let seal = ObjectSeal::open(&world.store[passed[0]]).unwrap().seal;
        assert_eq!((seal.seq, seal.epoch), (seq, 1));
        assert_eq!(seal.kind, if seq == 0 { Kind::Genesis } else { Kind::Reanchor });
        let squatters = world.reports.iter().filter(|r| matches!(r, Report::Squatter(..)));
        assert_eq!(squatters.count(), 1);
    }
}

#[test]
fn a_seal_of_somebody_elses_key_is_garbage_to_us() {
    let source = lines(4);
    let mut stranger = World::new(&source);
    stranger.seed = 9;
    stranger.run_to_done();
    let genesis = ObjectKey::genesis(World::origin()).to_string();
    let mut world = World::new(&source);
    world.store.insert(genesis.clone(), stranger.store[&genesis].clone());
    world.run_to_done();
    assert!(world.store.keys().any(|key| key.contains("000000000000.e1.")));
}

#[test]
fn a_one_shot_gives_up_and_a_daemon_never_does() {
    for (mode, give_up) in [(Mode::OneShot, Some(300 * SECOND)), (Mode::Live, None)] {
        let mut world = World::new(&lines(3));
        world.mode = mode;
        world.give_up = give_up;
        world.outage = true;
        let mut shipper = world.start(None);
        let until = world.now + 3600 * SECOND;
        let ended = world.run(&mut shipper, until);
        assert_eq!(ended, if give_up.is_some() { Ended::GaveUp } else { Ended::Paused });
        let retries = world.reports.iter().filter(|r| matches!(r, Report::Retry(..))).count();
        assert!((10..200).contains(&retries), "backoff is bounded both ways: {retries}");
        assert!(!world.spool.is_empty(), "what is sealed is kept");
    }
}

#[test]
fn a_quiet_daemon_beats_and_promises() {
    let mut world = World::new(&lines(3));
    world.mode = Mode::Live;
    let mut shipper = world.start(None);
    let until = world.now + 200 * SECOND;
    assert_eq!(world.run(&mut shipper, until), Ended::Paused);
    let seals: Vec<_> = world.store.values().map(|b| ObjectSeal::open(b).unwrap().seal).collect();
    let beats = seals.iter().filter(|seal| seal.kind == Kind::Heartbeat).count();
    assert_eq!(beats, 3, "one a minute");
    for pair in seals.windows(2) {
        assert!(pair[1].sealed <= pair[0].next_by.unwrap(), "every promise was kept");
    }
    // A stop seals what has come meanwhile, without a final.
    world.source = lines(5);
    for action in shipper.step(Input::Stop, world.clock()) {
        assert!(matches!(action, Action::Look(_)), "{action:?}");
    }
}

#[test]
fn a_full_spool_stops_reading_and_goes_on_by_itself() {
    let source = lines(40);
    let mut world = World::new(&source);
    world.spool_limit = 4000;
    world.fault = None;
    world.run_to_done();
    assert_eq!(world.restored(), source);
}
