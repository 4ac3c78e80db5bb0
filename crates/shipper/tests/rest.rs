//! What is left of the source after a look, and when the shipper looks again or ends.

mod world;

use auditseal_format::Kind;
use auditseal_shipper::{Action, End, Input, Mode, Rest, Shipper};
use world::{Ended, SECOND, World, lines};

/// The source has descriptors for two lines only, and they don't fill a batch.
fn scarce(n: usize) -> World {
    World { held: 20, batch_bytes: 1_000_000, ..World::new(&lines(n)) }
}

/// Nothing happens until the shipper wants to be woken.
fn wait<C: Clone>(world: &mut World, shipper: &Shipper<C>) -> Input<C> {
    world.now = world.now.max(shipper.deadline());
    Input::Wake
}

#[test]
fn a_one_shot_goes_on_when_what_it_handed_out_is_sealed() {
    let mut world = scarce(100);
    let begun = world.now;
    world.run_to_done();
    assert_eq!(world.restored(), lines(100));
    assert!(world.now - begun < 5 * SECOND, "it waits for a commit, not for a window");
}

#[test]
fn so_does_a_daemon_and_before_its_next_window() {
    let mut world = World { mode: Mode::Live, ..scarce(40) };
    let mut shipper = world.start();
    let until = world.now + 4 * SECOND;
    assert_eq!(world.run(&mut shipper, until), Ended::Paused);
    assert!(world.restored() == lines(40));
}

#[test]
fn a_stopped_daemon_seals_all_that_only_waits_for_its_seals() {
    let mut world = World { mode: Mode::Live, ..scarce(40) };
    world.stop = Some(world.now);
    let mut shipper = world.start();
    assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Done);
    assert_eq!(world.restored(), lines(40));
}

#[test]
fn a_one_shot_waits_for_what_can_not_be_taken_yet() {
    let mut world = World::new(&lines(20));
    let until = world.now + 3 * SECOND;
    world.refused = (100, until);
    world.run_to_done();
    assert_eq!(world.restored(), lines(20));
    assert!(world.now >= until);
    assert!((15..40).contains(&world.looks), "no busy loop: {} looks", world.looks);
}

#[test]
fn a_daemon_looks_for_it_once_a_window_and_a_stop_does_not_wait() {
    let mut world = World { mode: Mode::Live, ..World::new(&lines(20)) };
    world.refused = (100, u64::MAX);
    let mut shipper = world.start();
    let until = world.now + 21 * SECOND;
    assert_eq!(world.run(&mut shipper, until), Ended::Paused);
    assert!((5..12).contains(&world.looks), "{} looks", world.looks);
    world.stop = Some(world.now);
    assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Done);
    assert!(lines(20).starts_with(&world.restored()) && world.restored().len() >= 100);
}

#[test]
fn a_look_that_began_before_the_commit_is_followed_by_another_at_once() {
    let world = scarce(4);
    let mut shipper = world.start();
    let mut looks = 0;
    let mut offset = 0;
    let mut inputs = std::collections::VecDeque::from([Input::Wake]);
    let mut late = None;
    while let Some(input) = inputs.pop_front() {
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(limit) => {
                    looks += 1;
                    if looks == 2 {
                        // Under way while the first two lines are committed; it doesn't know.
                        late = Some(Input::Looked {
                            takes: vec![],
                            losses: vec![],
                            rest: Rest::Sealing,
                        });
                        continue;
                    }
                    let (takes, _) = world.look(offset, limit.min(13));
                    offset = takes.last().map_or(offset, |take| take.end);
                    let rest = if looks == 1 { Rest::More } else { Rest::Nothing };
                    inputs.push_back(Input::Looked { takes, losses: vec![], rest });
                }
                Action::Pack(job) => {
                    let packed = Box::new(world::pack(&job));
                    inputs.push_back(Input::Packed(job.ticket, packed));
                }
                Action::Commit(..) => inputs.push_back(Input::Committed),
                _ => {}
            }
        }
        if inputs.is_empty() {
            inputs.extend(late.take());
        }
    }
    // And one behind the last batch.
    assert_eq!(looks, 4, "the clock stands still: nothing but the commit calls for it");
}

/// The log goes on being written while its lines are sealed: a final seal says that all of it is there.
#[test]
fn a_one_shot_looks_again_behind_its_last_batch() {
    let world = World { batch_bytes: 1_000_000, ..World::new(&lines(30)) };
    let mut shipper = world.start();
    let (mut there, mut offset, mut finals) = (100, 0, 0);
    let mut inputs = std::collections::VecDeque::from([Input::Wake]);
    while let Some(input) = inputs.pop_front() {
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(limit) => {
                    let (takes, _) = world.look(offset, limit.min(there - offset));
                    offset = takes.last().map_or(offset, |take| take.end);
                    inputs.push_back(Input::Looked { takes, losses: vec![], rest: Rest::Nothing });
                }
                Action::Pack(job) => {
                    // Written meanwhile.
                    there = world.source.len() as u64;
                    inputs.push_back(Input::Packed(job.ticket, Box::new(world::pack(&job))));
                }
                Action::Commit(_, sealed) => {
                    finals += u64::from(sealed.seal.kind == Kind::Final);
                    assert!(finals == 0 || offset == there, "final, and {offset} of {there} bytes");
                    inputs.push_back(Input::Committed);
                }
                _ => {}
            }
        }
    }
    assert_eq!((offset, finals), (there, 1));
}

/// It can't be: but whoever waits for ever says nothing, and whoever asks for ever burns the node.
#[test]
fn a_source_that_waits_for_a_commit_when_there_is_none_is_asked_again_in_a_while() {
    // This store never shows what it has.
    let mut world = World { without: vec![world::seqs(0, 0)], ..World::new(&[]) };
    let mut shipper = world.start();
    let (mut looks, mut done) = (0, false);
    let mut inputs = std::collections::VecDeque::from([Input::Wake]);
    while !done {
        let input = inputs.pop_front().unwrap_or_else(|| wait(&mut world, &shipper));
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(_) => {
                    looks += 1;
                    let rest = if looks < 10 { Rest::Sealing } else { Rest::Nothing };
                    inputs.push_back(Input::Looked { takes: vec![], losses: vec![], rest });
                }
                Action::Commit(..) => inputs.push_back(Input::Committed),
                Action::FindHead(_) => inputs.push_back(Input::HeadFound(None, None)),
                Action::Put(_) => inputs.push_back(Input::Stored(None)),
                Action::End(End::Done | End::Stopped) => done = true,
                _ => {}
            }
        }
    }
    assert!(world.now > 2 * SECOND && world.now < 4 * SECOND, "{} ns", world.now);
}

/// Everything that a look showed was taken, and the stop comes while it is being sealed: nobody has
/// said that this was all.
#[test]
fn a_one_shot_that_is_stopped_before_its_final_seal_is_not_done() {
    let world =
        World { batch_bytes: 1_000_000, without: vec![world::seqs(0, 0)], ..World::new(&lines(3)) };
    let mut shipper = world.start();
    let (mut offset, mut ended) = (0, vec![]);
    let mut inputs = std::collections::VecDeque::from([Input::Wake]);
    while let Some(input) = inputs.pop_front() {
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(limit) => {
                    let (takes, rest) = world.look(offset, limit);
                    offset = takes.last().map_or(offset, |take| take.end);
                    inputs.push_back(Input::Looked { takes, losses: vec![], rest });
                }
                Action::Pack(job) => {
                    inputs.push_back(Input::Stop);
                    inputs.push_back(Input::Packed(job.ticket, Box::new(world::pack(&job))));
                }
                Action::Commit(_, sealed) => {
                    assert_ne!(sealed.seal.kind, Kind::Final);
                    inputs.push_back(Input::Committed);
                }
                Action::FindHead(_) => inputs.push_back(Input::HeadFound(None, None)),
                Action::Put(_) => inputs.push_back(Input::Stored(None)),
                Action::End(End::Done) => ended.push("done"),
                Action::End(End::Stopped) => ended.push("stopped"),
                _ => {}
            }
        }
    }
    assert_eq!((offset, &*ended), (world.source.len() as u64, &["stopped"][..]));
}

/// The spool's disk is full, and stays so: a one-shot that waits for ever says nothing to whoever waits
/// for it. A daemon does wait.
#[test]
fn a_one_shot_whose_spool_is_full_gives_up() {
    for mode in [Mode::OneShot, Mode::Live] {
        let give_up = (mode == Mode::OneShot).then_some(300 * SECOND);
        let mut world = World { mode, give_up, ..World::new(&lines(3)) };
        let mut shipper = world.start();
        let (begun, mut gave_up) = (world.now, None);
        let mut inputs = std::collections::VecDeque::from([Input::Wake]);
        while gave_up.is_none() && world.now < begun + 3600 * SECOND {
            let input = inputs.pop_front().unwrap_or_else(|| wait(&mut world, &shipper));
            for action in shipper.step(input, world.clock()) {
                match action {
                    Action::Look(_) => {
                        let (takes, losses, rest) = (vec![], vec![], Rest::Nothing);
                        inputs.push_back(Input::Looked { takes, losses, rest });
                    }
                    Action::Commit(..) => inputs.push_back(Input::CommitFailed("full".into())),
                    Action::End(End::GaveUp(why)) => {
                        gave_up = Some((why, (world.now - begun) / SECOND))
                    }
                    _ => {}
                }
            }
        }
        match (mode, gave_up) {
            (Mode::OneShot, Some((why, after))) => {
                assert!(why == "full" && (300..=340).contains(&after), "{why} after {after} s");
            }
            (mode, gave_up) => assert_eq!((mode, gave_up), (Mode::Live, None)),
        }
    }
}

/// The reasons of all heartbeats, in order.
fn beats(world: &World) -> Vec<Option<String>> {
    let seals = world.seals().into_values().filter(|seal| seal.kind == Kind::Heartbeat);
    seals.map(|seal| seal.reason.map(|reason| reason.as_str().to_owned())).collect()
}

fn daemon(n: usize) -> World {
    World { mode: Mode::Live, ..World::new(&lines(n)) }
}

#[test]
fn a_heartbeat_without_a_look_before_it_says_so() {
    let mut world = daemon(3);
    let begun = world.now;
    // From half a minute on, for five minutes; a heartbeat is due each minute.
    world.hangs = begun + 30 * SECOND..begun + 330 * SECOND;
    let mut shipper = world.start();
    world.run(&mut shipper, begun + 500 * SECOND);
    let told = beats(&world);
    let stalled = told.iter().filter(|reason| reason.as_deref() == Some("stalled")).count();
    assert!(told.first().is_some_and(Option::is_none), "the last look was 30 s ago: {told:?}");
    assert!((3..=4).contains(&stalled), "{told:?}");
    assert!(told[told.len() - 2..].iter().all(Option::is_none), "looks end again: {told:?}");
    assert!(told.len() >= 7, "{told:?}");
}

#[test]
fn the_first_look_that_never_ends_shows_too() {
    let mut world = daemon(3);
    let begun = world.now;
    world.hangs = 0..u64::MAX;
    let mut shipper = world.start();
    world.run(&mut shipper, begun + 190 * SECOND);
    assert_eq!(beats(&world), vec![Some("stalled".to_owned()); 3]);
}

#[test]
fn a_look_that_ends_with_something_left_for_later_counts() {
    let mut world = daemon(3);
    world.refused = (0, u64::MAX);
    let mut shipper = world.start();
    let until = world.now + 190 * SECOND;
    world.run(&mut shipper, until);
    assert_eq!(beats(&world), [None, None, None]);
}

/// A node that slept for an hour: the look that comes with the waking decides.
#[test]
fn a_heartbeat_waits_for_the_look_under_way() {
    let mut world = daemon(0);
    let mut shipper = world.start();
    let until = world.now + 72 * SECOND;
    world.run(&mut shipper, until);
    world.now += 3600 * SECOND;
    let until = world.now + 10 * SECOND;
    world.run(&mut shipper, until);
    assert_eq!(beats(&world), [None, None]);
}

/// Windows longer than a heartbeat don't make a stall.
#[test]
fn looks_come_more_often_than_heartbeats() {
    let mut world = daemon(0);
    let mut config = world.config();
    config.heartbeat = 2 * SECOND;
    let mut shipper = world.shipper_as(config);
    let until = world.now + 30 * SECOND;
    world.run(&mut shipper, until);
    let told = beats(&world);
    assert!(told.len() > 10 && told.iter().all(Option::is_none), "{told:?}");
}

#[test]
fn lines_at_hand_do_not_wait_for_a_look_that_hangs() {
    let mut world = World { batch_bytes: 1_000_000, ..daemon(3) };
    let mut shipper = world.start();
    let begun = world.now;
    // The window's look seals the first three lines. A look in mid-window brings one more, and the
    // next window's hangs.
    world.run(&mut shipper, begun + SECOND);
    world.source = lines(4);
    let (takes, _) = world.look(world.offset(), u64::MAX);
    let mut inputs = vec![];
    for action in shipper.step(Input::Changed, world.clock()) {
        assert!(matches!(action, Action::Look(_)), "{action:?}");
        inputs.push(Input::Looked { takes: takes.clone(), losses: vec![], rest: Rest::Nothing });
    }
    for input in inputs {
        assert!(shipper.step(input, world.clock()).is_empty());
    }
    world.hangs = 0..u64::MAX;
    world.run(&mut shipper, begun + 200 * SECOND);
    assert_eq!(world.restored(), lines(4));
    assert!(beats(&world).contains(&Some("stalled".to_owned())));
}

/// What was written between the beginning of a look and the stop, that look may not have seen.
#[test]
fn a_look_that_began_before_a_stop_is_followed_by_another() {
    let mut world = World { mode: Mode::Live, without: vec![world::seqs(0, 0)], ..World::new(&[]) };
    let mut shipper = world.start();
    let mut inputs = std::collections::VecDeque::from([Input::Wake]);
    let (mut looks, mut behind, mut ended) = (0, 0, false);
    for _ in 0..100 {
        let input = inputs.pop_front().unwrap_or_else(|| wait(&mut world, &shipper));
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(_) => {
                    looks += 1;
                    if looks == 3 {
                        inputs.push_back(Input::Stop);
                    }
                    behind += u32::from(looks > 3);
                    let (takes, losses, rest) = (vec![], vec![], Rest::Nothing);
                    inputs.push_back(Input::Looked { takes, losses, rest });
                }
                Action::Commit(..) => inputs.push_back(Input::Committed),
                Action::FindHead(_) => inputs.push_back(Input::HeadFound(None, None)),
                Action::Put(_) => inputs.push_back(Input::Stored(None)),
                Action::End(_) => ended = true,
                _ => {}
            }
        }
        if ended {
            break;
        }
    }
    assert_eq!((ended, behind), (true, 1));
}
