//! What the store has of a chain at a start isn't sent again, nor called a failure.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use std::collections::VecDeque;

use auditseal_format::{ObjectKey, ObjectSeal};
use auditseal_shipper::{Action, Input, ReadBack, Report, StoreHead};
use world::{World, lines};

/// A node that had stored everything when it was killed, and had taken nothing out of its spool.
fn killed() -> World {
    let mut world = World::new(&lines(10));
    world.run_to_done();
    for (key, bytes) in &world.store {
        let seq = ObjectSeal::open(bytes).unwrap().seal.seq;
        world.spool.insert(seq, (ObjectKey::parse(key).unwrap(), bytes.clone()));
    }
    assert!(world.spool.len() > 3);
    world
}

#[test]
fn what_the_store_has_is_not_sent_again() {
    let mut world = killed();
    let (uploads, stored) = (world.uploads, world.store.clone());
    world.run_to_done();
    assert_eq!((world.uploads, &world.store), (uploads, &stored));
    assert_eq!(world.spool.len(), 1, "but for the newest, all of it has left");
}

/// The newest one was there when the store was asked, and isn't any more: it is sent, and nothing has
/// failed.
#[test]
fn what_is_gone_when_it_is_looked_at_is_sent_and_no_failure() {
    let world = killed();
    let (key, bytes) = world.spool.values().next_back().unwrap().clone();
    let hash = ObjectSeal::open(&bytes).unwrap().hash;
    let mut shipper = world.start();
    let (mut inputs, mut sent) = (VecDeque::from([Input::Wake]), None);
    for _ in 0..20 {
        let input = inputs.pop_front().unwrap_or(Input::Wake);
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::FindHead(_) => {
                    let head = StoreHead { key: key.clone(), hash };
                    inputs.push_back(Input::HeadFound(Some(head), None));
                }
                Action::ReadBack(_) => inputs.push_back(Input::ReadBack(ReadBack::Absent)),
                Action::Put(put) => sent = Some(put),
                Action::Report(Report::Retry(key, pause)) => panic!("{key}: {pause:?}"),
                _ => {}
            }
        }
    }
    assert_eq!(sent, Some(key));
}
