//! What stands where the first object of a chain should, and is rightly signed by our own key.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use std::collections::VecDeque;

use auditseal_format::{ObjectKey, ObjectSeal};
use auditseal_shipper::{Action, End, Fork, Input, ReadBack, Report};
use world::{SECOND, World, lines};

/// A chain of ours in another store, begun at another time, oldest object first.
fn other() -> Vec<Vec<u8>> {
    let mut other = World::new(&lines(5));
    other.now += 7 * SECOND;
    other.run_to_done();
    let seq = |object: &Vec<u8>| ObjectSeal::open(object).unwrap().seal.seq;
    let mut objects: Vec<_> = other.store.into_values().collect();
    objects.sort_by_key(seq);
    objects
}

/// Begins a chain at whose first key stands what becomes of its object, until it comes to another key
/// or an end.
fn begins_at(stands: impl Fn(&[u8]) -> Vec<u8>) -> (Vec<Report>, Option<ObjectKey>, Option<End>) {
    let mut world = World::new(&lines(3));
    let mut shipper = world.start();
    let (mut reports, mut inputs) = (vec![], VecDeque::from([Input::Wake]));
    let mut found = vec![];
    for _ in 0..100 {
        let input = inputs.pop_front().unwrap_or(Input::Wake);
        world.now += SECOND;
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Commit(_, sealed) => {
                    if sealed.seal.seq == 0 {
                        found = stands(&sealed.bytes);
                    }
                    inputs.push_back(Input::Committed);
                }
                Action::FindHead(_) => inputs.push_back(Input::HeadFound(None, None)),
                Action::Put(key) if key.alternate.is_some() => return (reports, Some(key), None),
                Action::Put(_) => inputs.push_back(Input::Doubt("taken".to_owned())),
                Action::ReadBack(_) => {
                    inputs.push_back(Input::ReadBack(ReadBack::Other(found.clone())));
                }
                Action::Report(report) => reports.push(report),
                Action::End(end) => return (reports, None, Some(end)),
                _ => {}
            }
        }
    }
    (reports, None, None)
}

#[test]
fn another_beginning_of_ours_is_told_as_such() {
    let objects = other();
    let sealed = ObjectSeal::open(&objects[0]).unwrap().seal.sealed;
    let (reports, moved, end) = begins_at(|_| objects[0].clone());
    assert!(moved.is_none() && !reports.iter().any(|r| matches!(r, Report::Squatter(..))));
    assert!(
        matches!(&end, Some(End::Forked(key, Fork::BegunTwice(at))) if key.seq == 0 && *at == sealed),
        "{end:?}"
    );
}

/// Whoever may write to the bucket can copy any object of ours to any key: that is no fork.
#[test]
fn an_object_of_ours_that_belongs_elsewhere_is_passed_like_garbage() {
    let objects = other();
    for object in &objects[1..] {
        let (reports, moved, end) = begins_at(|_| object.clone());
        assert_eq!(end, None);
        assert_eq!(moved.map(|key| key.seq), Some(0), "to an alternate of the same seq");
        let said = "a seal of another chain or seq";
        assert!(reports.iter().any(|r| matches!(r, Report::Squatter(_, why) if why == said)));
    }
}

/// Nor is our own note behind bytes that somebody put before it.
#[test]
fn our_own_note_behind_other_bytes_is_passed_like_garbage() {
    let (reports, moved, end) = begins_at(|ours| [b"other bytes", ours].concat());
    assert_eq!(end, None);
    assert_eq!(moved.map(|key| key.seq), Some(0));
    let said = "our own seal behind other bytes";
    assert!(reports.iter().any(|r| matches!(r, Report::Squatter(_, why) if why == said)));
}
