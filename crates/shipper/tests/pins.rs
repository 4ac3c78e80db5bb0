//! Version ids on their way into later seals.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use std::collections::BTreeMap;

use auditseal_format::seal::Stored;
use auditseal_format::{MAX_SEAL_BLOCK, ObjectSeal, sha256};
use auditseal_shipper::{Input, Mode, Pin, Rest};
use world::{Ended, Fault, SECOND, World, lines, version};

/// Every pin in the store's notes, checked against the objects that they name, with how often each
/// seq is pinned.
fn checked(world: &World) -> BTreeMap<u64, usize> {
    let mut counts = BTreeMap::new();
    let objects: BTreeMap<u64, (&String, &Vec<u8>)> = world
        .store
        .iter()
        .map(|(key, bytes)| (ObjectSeal::open(bytes).unwrap().seal.seq, (key, bytes)))
        .collect();
    for (seq, seal) in world.seals() {
        let seqs: Vec<_> = seal.stored.iter().map(|pin| pin.seq).collect();
        assert!(seqs.is_sorted(), "the oldest first: {seqs:?}");
        for pin in seal.stored {
            assert!(pin.seq < seq);
            let (key, bytes) = &objects[&pin.seq];
            assert_eq!(
                pin,
                Stored {
                    store: "bucket".to_owned(),
                    seq: pin.seq,
                    alternate: None,
                    sha256: sha256(bytes),
                    version: Some(version(key).into_bytes()),
                }
            );
            *counts.entry(pin.seq).or_default() += 1;
        }
    }
    counts
}

fn versioned(n: usize) -> World {
    let mut world = World::new(&lines(n));
    world.versioned = true;
    world
}

/// A daemon that goes on for some heartbeats: each seal pins what was stored before it.
fn beats(world: &mut World) {
    world.mode = Mode::Live;
    let mut shipper = world.start();
    let until = world.now + 200 * SECOND;
    assert_eq!(world.run(&mut shipper, until), Ended::Paused);
}

#[test]
fn every_stored_object_is_pinned_once_by_a_later_seal() {
    let mut world = versioned(10);
    beats(&mut world);
    let newest = *world.seals().keys().last().unwrap();
    let want: BTreeMap<_, _> = (0..newest).map(|seq| (seq, 1)).collect();
    assert_eq!(checked(&world), want);
    assert_eq!(world.restored(), lines(10));
}

#[test]
fn no_seal_is_made_for_a_pin() {
    let (mut with, mut without) = (versioned(10), World::new(&lines(10)));
    for world in [&mut with, &mut without] {
        world.run_to_done();
        world.run_to_done();
    }
    assert_eq!(with.store.len(), without.store.len());
    assert!(checked(&without).is_empty(), "a store without versions pins nothing");
    assert!(!checked(&with).is_empty());
    beats(&mut without);
    assert!(checked(&without).is_empty());
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let run = || {
        let mut world = versioned(30);
        world.run_to_done();
        world.store
    };
    assert_eq!(run(), run());
}

/// Whatever fails: what is pinned is true, and pinned once. A crash may lose pins.
#[test]
fn lost_answers_and_crashes_pin_nothing_false_and_nothing_twice() {
    let mut undisturbed = versioned(12);
    undisturbed.run_to_done();
    for at in 1..=undisturbed.steps {
        for fault in [Fault::NotDone, Fault::DoneButFailed] {
            for crash in [false, true] {
                let mut world = versioned(12);
                world.fault = Some((at, fault, crash));
                world.run_to_done();
                beats(&mut world);
                let counts = checked(&world);
                let place = format!("step {at}, {fault:?}, crash {crash}: {counts:?}");
                // An object whose removal from the spool failed out of turn is found stored again,
                // and what pinned it is gone from there: it is said twice, and true both times.
                assert!(counts.values().filter(|n| **n != 1).count() <= 1, "{place}");
                assert!(counts.values().all(|n| *n <= 2), "{place}");
                if !crash {
                    let newest = *world.seals().keys().last().unwrap();
                    // Two processes: the one-shot's last ones are lost with it, but for the newest
                    // object, which the spool keeps.
                    assert!(counts.len() as u64 + 4 >= newest, "{newest} objects, {place}");
                }
            }
        }
    }
}

/// A backlog that drains at once: its pins go out with the seals that come anyway.
#[test]
fn a_seal_takes_64_the_oldest_first() {
    let mut world = versioned(150);
    world.mode = Mode::Live;
    world.batch_bytes = 1;
    world.outage = true;
    let mut shipper = world.start();
    let until = world.now + 120 * SECOND;
    assert_eq!(world.run(&mut shipper, until), Ended::Paused);
    assert!(world.spool.len() > 150, "{}", world.spool.len());
    world.outage = false;
    let until = world.now + 300 * SECOND;
    assert_eq!(world.run(&mut shipper, until), Ended::Paused);
    let pins: Vec<_> = world.seals().values().map(|seal| seal.stored.len()).collect();
    let first = pins.iter().position(|n| *n > 0).unwrap();
    assert_eq!(pins[first..first + 2], [64, 64]);
    assert!(checked(&world).values().all(|n| *n == 1));
}

/// Ids of a kilobyte, all of which must be escaped: the seal stays within its bounds.
#[test]
fn pins_take_only_the_room_that_a_seal_has() {
    let mut world = versioned(40);
    // This store never shows what it has.
    (world.mode, world.without) = (Mode::Live, vec![world::seqs(0, 0)]);
    let mut shipper = world.start();
    let mut inputs = vec![Input::Wake];
    let mut puts = 0;
    let mut sizes = Vec::new();
    let mut most = 0;
    while world.now < 2000 * SECOND {
        let input = inputs.pop().unwrap_or(Input::Wake);
        for action in shipper.step(input, world.clock()) {
            match action {
                auditseal_shipper::Action::Look(_) => inputs.insert(
                    0,
                    Input::Looked { takes: vec![], losses: vec![], rest: Rest::Nothing },
                ),
                auditseal_shipper::Action::Commit(_, sealed) => {
                    let seal = ObjectSeal::open(&sealed.bytes).unwrap().seal;
                    most = most.max(seal.stored.len());
                    sizes.push(sealed.bytes.len());
                    inputs.insert(0, Input::Committed);
                }
                auditseal_shipper::Action::Put(_) => {
                    puts += 1;
                    // Too long, empty, and just fitting.
                    let length = [1025, 0, 1024][puts % 3];
                    let pin = Pin { sha256: [7; 32], version: "é".repeat(length / 2) };
                    let odd = Pin { version: format!("{}x", pin.version), ..pin.clone() };
                    let pin = if length == 1025 { odd } else { pin };
                    inputs.insert(0, Input::Stored(Some(pin)));
                }
                auditseal_shipper::Action::FindHead(_) => {
                    inputs.insert(0, Input::HeadFound(None, None))
                }
                _ => {}
            }
        }
        if inputs.is_empty() {
            world.now = world.now.max(shipper.deadline()) + 1;
        }
    }
    assert!(puts > 20 && most > 0);
    assert!(sizes.iter().all(|size| *size < MAX_SEAL_BLOCK));
}
