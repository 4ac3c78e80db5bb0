//! A store that lacks what it had: nothing is sent to it before it has that again, or somebody says
//! that it is lost.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use std::collections::{BTreeMap, VecDeque};

use auditseal_shipper::{Action, Input, Mode, Report, Rest, StoreHead};
use world::{Ended, SECOND, World, lines, seqs};

/// A node that has stored six lines, and then four lines more to store.
fn stored_before() -> World {
    let mut world = World::new(&lines(6));
    world.run_to_done();
    assert!(world.store.len() > 3);
    world.source = lines(10);
    world
}

/// A wrong store, or what is below the mount point of the right one: what is sent there is missing in
/// the right one for ever.
#[test]
fn nothing_is_sent_to_a_store_that_lacks_what_was_stored() {
    for kept in [0, 1, 2] {
        let mut world = stored_before();
        let newest = world.spool.keys().next().copied().unwrap();
        let right = world.store.clone();
        world.store = right.clone().into_iter().take(kept).collect();
        let (sent, before) = (world.uploads, world.store.clone());
        for _ in 0..2 {
            let ended = world.run(&mut world.start(), u64::MAX);
            assert_eq!(ended, Ended::Lacking(seqs(kept as u64, newest - 1)), "{kept}: each time");
        }
        assert_eq!((world.uploads, &world.store), (sent, &before), "{kept}");
        world.store = right;
        world.run_to_done();
        assert_eq!(world.restored(), lines(10), "{kept}: the right one has all of it");
    }
}

/// The newest one is in the spool yet: it is put again, and nothing is lost.
#[test]
fn the_newest_stored_object_is_put_again_where_it_alone_is_gone() {
    let mut world = stored_before();
    let newest = world.spool.values().next().unwrap().0.to_string();
    assert!(world.store.remove(&newest).is_some());
    world.run_to_done();
    assert_eq!(world.restored(), lines(10));
}

/// It says so once, sends nothing, and goes on by itself when the disk is mounted again.
#[test]
fn a_daemon_waits_for_what_the_store_lacks() {
    let mut world = stored_before();
    (world.mode, world.without) = (Mode::Live, vec![seqs(0, 99)]);
    let right = std::mem::take(&mut world.store);
    let (mut shipper, sent) = (world.start(), world.uploads);
    let hour = world.now + 3600 * SECOND;
    assert_eq!(world.run(&mut shipper, hour), Ended::Paused);
    assert_eq!((world.uploads, world.store.len()), (sent, 0));
    let said = |world: &World, what: fn(&Report) -> bool| {
        world.reports.iter().filter(|report| what(report)).count()
    };
    assert_eq!(said(&world, |report| matches!(report, Report::Lacking(_))), 1);
    assert_eq!(said(&world, |report| *report == Report::Regained), 0);
    world.store = right;
    assert_eq!(world.run(&mut shipper, hour + 60 * SECOND), Ended::Paused);
    assert_eq!(said(&world, |report| *report == Report::Regained), 1);
    assert_eq!(world.restored(), lines(10));
}

/// What is lost for good stays lost: who says so names how far, and a later loss is another.
#[test]
fn who_says_so_goes_on_without_what_the_store_lacks() {
    let mut world = stored_before();
    let newest = world.spool.keys().next().copied().unwrap();
    world.store.clear();
    world.without = vec![seqs(0, newest - 1)];
    world.run_to_done();
    assert!(world.reports.contains(&Report::Without(seqs(0, newest - 1))));
    assert!(!world.reports.iter().any(|report| matches!(report, Report::Missing(..))));
    let seqs: Vec<u64> = world.seals().into_keys().collect();
    assert_eq!(seqs.first(), Some(&newest), "the newest one was in the spool yet");
    let (uploads, stored) = (world.uploads, world.store.clone());
    world.run_to_done();
    assert_eq!((world.uploads, &world.store), (uploads, &stored), "nothing lacks by now");
    world.store.clear();
    let ended = world.run(&mut world.start(), u64::MAX);
    assert!(matches!(ended, Ended::Lacking(_)), "{ended:?}");
}

/// Said of an archive that was restored from an older copy, it must not hold for an empty directory below
/// a mount point: what would be sent there is missing in the right one.
#[test]
fn what_is_said_of_one_loss_lets_no_store_through_that_lacks_more_or_less() {
    let mut world = stored_before();
    let newest = world.spool.keys().next().copied().unwrap();
    let restored: BTreeMap<_, _> = world.store.clone().into_iter().take(2).collect();
    world.without = vec![seqs(2, newest - 1)];
    let sent = world.uploads;
    for kept in [0, 1] {
        world.store = restored.clone().into_iter().take(kept).collect();
        let ended = world.run(&mut world.start(), u64::MAX);
        assert_eq!(ended, Ended::Lacking(seqs(kept as u64, newest - 1)), "{kept}");
        assert_eq!((world.uploads, world.store.len()), (sent, kept), "{kept}");
    }
    world.store = restored;
    world.run_to_done();
    assert!(world.reports.contains(&Report::Without(seqs(2, newest - 1))));
}

/// What a directory held last is gone under a running agent: what the store has is asked anew.
#[test]
fn what_is_gone_under_us_makes_us_ask_anew() {
    let world = stored_before();
    let mut shipper = world.start();
    let actions = shipper.step(Input::Gone, world.clock());
    assert!(actions.iter().any(|action| matches!(action, Action::Restart)));
}

/// Behind the genesis the store is asked once more: by then that is this chain's for certain.
#[test]
fn what_is_stored_by_now_is_no_news_when_the_head_is_asked_for_again() {
    let world = World::new(&[]);
    let mut shipper = world.start();
    let (mut asked, mut genesis) = (vec![], None);
    let mut inputs = VecDeque::from([Input::Wake]);
    while let Some(input) = inputs.pop_front() {
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(_) => {
                    let (takes, losses, rest) = (vec![], vec![], Rest::Nothing);
                    inputs.push_back(Input::Looked { takes, losses, rest });
                }
                Action::Commit(key, sealed) => {
                    let hash = sealed.hash;
                    genesis.get_or_insert(StoreHead { key, hash });
                    inputs.push_back(Input::Committed);
                }
                Action::FindHead(known) => {
                    let head = (!asked.is_empty()).then(|| genesis.clone().unwrap());
                    asked.push(known.newest);
                    inputs.push_back(Input::HeadFound(head, None));
                }
                Action::Put(_) => inputs.push_back(Input::Stored(None)),
                _ => {}
            }
        }
    }
    assert_eq!(asked, [None, Some(0)]);
}
