//! The commit protocol under every fault at every step.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use auditseal_format::{Kind, ObjectKey, ObjectSeal};
use auditseal_shipper::{
    Action, Course, Head, Input, Mode, Report, Spooled, Start, StoreHead, course,
};
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
            let mut shipper = world.start();
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
        let mut shipper = world.start();
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
            reanchor: Some("state-lost"),
            hold: 0,
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
    let mut shipper = world.start();
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
    let mut shipper = ours.start();
    let soon = ours.now + SECOND;
    assert_eq!(ours.run(&mut shipper, soon), Ended::Paused);
    assert!(ours.uploads > 0);
    let head = ours.spool.values().last().unwrap().clone();
    let found = ObjectSeal::open(&head.1).unwrap();
    let next = ObjectKey::after(&found.seal).to_string();
    // Somebody with our key, the same head and another future.
    let mut other = World::new(&lines(14));
    (other.spool, other.store) = (ours.spool.clone(), ours.store.clone());
    other.now = ours.now + 7;
    other.run_to_done();
    let foreign = other.store[&next].clone();
    ours.store.insert(next, foreign);
    ours.source = lines(13);
    assert_eq!(ours.run(&mut shipper, u64::MAX), Ended::Forked);
}

#[test]
fn the_same_bytes_go_to_an_alternate_where_garbage_stands() {
    let source = lines(10);
    let mut plain = World::new(&source);
    plain.run_to_done();
    // At the genesis, and in the middle.
    for seq in [0, 2] {
        let taken = plain.store.keys().find(|key| key.contains(&format!("{seq:012}"))).unwrap();
        let mut world = World::new(&source);
        world.store.insert(taken.clone(), b"garbage".to_vec());
        let mut shipper = world.start();
        assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Done);
        assert_eq!(world.store[taken], b"garbage", "it can't be removed");
        assert_eq!(world.restored(), source);
        let alternates = world.store.keys().map(|key| ObjectKey::parse(key).unwrap());
        let alternates: Vec<_> = alternates.filter(|key| key.alternate.is_some()).collect();
        assert_eq!(alternates.iter().map(|key| key.seq).collect::<Vec<_>>(), [seq]);
        assert_eq!(world.uploads, world.store.len(), "one more for the squatted one");
        let reanchors = world.kinds().into_iter().filter(|kind| *kind == Kind::Reanchor).count();
        assert_eq!(reanchors, 0, "nothing was signed again");
        let squatters = world.reports.iter().filter(|r| matches!(r, Report::Squatter(..)));
        assert_eq!(squatters.count(), 1);
    }
}

/// Whoever takes the plain key may take the first alternate too, once it was seen there, and the next.
/// An object that had one alternate alone would never be stored, nor any behind it.
#[test]
fn each_alternate_that_is_taken_leads_to_another() {
    let source = lines(10);
    let mut plain = World::new(&source);
    plain.run_to_done();
    // At the genesis, and in the middle.
    for seq in [0, 2] {
        let of_seq = |key: &&String| key.contains(&format!("/{seq:012}."));
        let mut taken = vec![plain.store.keys().find(of_seq).unwrap().clone()];
        for nth in 1..=4 {
            let mut world = World::new(&source);
            for key in &taken {
                world.store.insert(key.clone(), b"garbage".to_vec());
            }
            let mut shipper = world.start();
            assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Done, "seq {seq}, {nth} taken");
            assert_eq!(world.restored(), source);
            let squatters = world.reports.iter().filter(|r| matches!(r, Report::Squatter(..)));
            assert_eq!(squatters.count(), nth, "each of them was tried");
            assert_eq!(world.uploads, world.store.len(), "and each once");
            let free = world.store.keys().filter(of_seq).find(|key| !taken.contains(key));
            taken.push(free.unwrap().clone());
        }
    }
}

/// A read-back that shows other bytes once (a proxy's page, another object's answer) moves nothing: the
/// object stands where it was put, and an alternate beside it would be one note at two keys.
#[test]
fn one_wrong_answer_moves_no_object() {
    let source = lines(20);
    let run = |lies: Vec<usize>| {
        let mut world = World::new(&source);
        (world.read_back, world.lies) = (true, lies.clone());
        let mut shipper = world.start();
        assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Done, "{lies:?}");
        assert_eq!(world.restored(), source, "{lies:?}");
        let sealed = usize::try_from(world.spool.keys().next_back().unwrap() + 1).unwrap();
        let squatters = world.reports.iter().filter(|r| matches!(r, Report::Squatter(..))).count();
        assert_eq!(world.uploads, sealed + squatters, "{lies:?}");
        assert_eq!(world.store.len(), sealed + squatters, "{lies:?}");
        (sealed, squatters)
    };
    let (sealed, _) = run(vec![]);
    for at in 0..sealed {
        assert_eq!(run(vec![at]), (sealed, 0), "read-back {at}");
        // The right answer between them ends the doubt: the second is of the next object.
        assert_eq!(run(vec![at, at + 2]), (sealed, 0), "read-backs {at} and {}", at + 2);
        assert_eq!(run(vec![at, at + 1]), (sealed, 1), "the same answer twice is believed");
    }
}

#[test]
fn a_seal_of_somebody_elses_key_is_garbage_to_us_but_at_the_genesis() {
    let source = lines(4);
    let mut stranger = World::new(&source);
    stranger.seed = 9;
    stranger.run_to_done();
    let plain = |seq: u64, world: &World| {
        let key = world.store.keys().find(|key| key.contains(&format!("/{seq:012}.")));
        key.unwrap().clone()
    };
    let mut world = World::new(&source);
    let theirs = plain(1, &stranger);
    world.store.insert(theirs.clone(), stranger.store[&theirs].clone());
    world.run_to_done();
    assert_eq!(world.restored(), source);
    assert_eq!(world.store.keys().filter(|key| key.contains("/000000000001.")).count(), 2);
    // Who began the chain, somebody must look at: ours beside it would be a second one.
    let mut world = World::new(&source);
    let genesis = plain(0, &stranger);
    world.store.insert(genesis.clone(), stranger.store[&genesis].clone());
    let mut shipper = world.start();
    assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Foreign);
}

/// Objects 3 to 5 of a chain, as a node has them, the notes of all of it by seq, and those of another
/// history of it.
fn middle() -> (Spooled, Vec<[StoreHead; 2]>) {
    let objects = |wall: i64| {
        let mut world = World::new(&lines(20));
        world.wall += wall;
        world.run_to_done();
        let objects = world.store.into_iter();
        objects.map(|(key, bytes)| (ObjectKey::parse(&key).unwrap(), bytes)).collect::<Vec<_>>()
    };
    let (ours, others) = (objects(0), objects(1));
    let mut spooled = Spooled::default();
    for (key, bytes) in &ours[3..6] {
        let ObjectSeal { seal, hash, .. } = ObjectSeal::open(bytes).unwrap();
        spooled.push(key, bytes.len() as u64, &seal, hash);
    }
    let note = |(key, bytes): &(ObjectKey, Vec<u8>)| StoreHead {
        key: key.clone(),
        hash: ObjectSeal::open(bytes).unwrap().hash,
    };
    let notes: Vec<_> = ours.iter().zip(&others).map(|(a, b)| [note(a), note(b)]).collect();
    for (seq, [one, other]) in (0..).zip(&notes) {
        assert!((one.key.seq, other.key.seq) == (seq, seq) && one.hash != other.hash);
    }
    (spooled, notes)
}

/// The table in ARCHITECTURE.md, *Uploads*. To go on behind a note that ours don't continue would make
/// two histories of the chain, both signed.
#[test]
fn what_node_and_store_have_decides_where_a_chain_goes_on() {
    use Course::{Adopt, Begin, Fork, GoOn, TakeUp};
    let (ours, notes) = middle();
    let nothing = Spooled::default();
    assert_eq!((course(&nothing, None), course(&ours, None)), (Begin, GoOn));
    // Of each seq: the note of our history, and that of the other.
    let expected = [
        [GoOn, GoOn],
        // What ours say of it they say through the one behind it, which the store has lost.
        [GoOn, GoOn],
        [GoOn, Fork],
        [GoOn, Adopt],
        [GoOn, Adopt],
        [GoOn, Adopt],
        [Adopt, Adopt],
        [Adopt, Adopt],
    ];
    for (notes, expected) in notes.iter().zip(expected) {
        let seq = notes[0].key.seq;
        assert_eq!([0, 1].map(|at| course(&ours, Some(&notes[at]))), expected, "seq {seq}");
        assert_eq!(course(&nothing, Some(&notes[0])), TakeUp, "seq {seq}");
    }
}

/// On the way back from a head that the node doesn't know. Where the note before the node's oldest is
/// another than that continues, the two histories parted earlier, and neither is adopted by the other.
#[test]
fn the_way_back_ends_where_ours_go_on_or_at_a_fork() {
    let (ours, notes) = middle();
    let expected = [
        [Some(false), Some(false)],
        [Some(false), Some(false)],
        [Some(true), Some(false)],
        [Some(true), None],
        [Some(true), None],
        [Some(true), None],
        [None, None],
        [None, None],
    ];
    for (notes, expected) in notes.iter().zip(expected) {
        let meets = |note: &StoreHead| ours.meets(note.key.seq, &note.hash);
        assert_eq!([meets(&notes[0]), meets(&notes[1])], expected, "seq {}", notes[0].key.seq);
    }
}

/// A restored snapshot, or a double: what the store has more is seen before anything is sent.
#[test]
fn nothing_is_sent_before_the_stores_head_is_known() {
    let mut first = World::new(&lines(10));
    first.run_to_done();
    for kept in 1..first.store.len() {
        let mut world = World::new(&lines(12));
        world.store = first.store.clone();
        let genesis = ObjectKey::genesis(World::origin());
        let bytes = first.store[&genesis.to_string()].clone();
        world.spool.insert(0, (genesis, bytes));
        // The newest objects have expired: the ones in between are what the node would send again.
        let keys: Vec<_> = world.store.keys().cloned().collect();
        let key =
            |seq: usize| keys.iter().find(|key| key.contains(&format!("/{seq:012}."))).unwrap();
        for seq in 1..kept {
            world.store.remove(key(seq));
        }
        let mut shipper = world.start();
        assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Restart);
        assert_eq!(world.uploads, 0);
    }
}

/// After a loss of state an upload of before is met in the waiting time, and nothing was sent.
#[test]
fn a_delayed_upload_of_before_is_met_before_anything_is_sent() {
    let mut world = World::new(&lines(10));
    world.run_to_done();
    let head = world.spool.values().last().unwrap().clone();
    let mut before = World::new(&lines(12));
    before.spool = world.spool.clone();
    before.store = world.store.clone();
    before.now = world.now + SECOND;
    before.run_to_done();
    let seal = ObjectSeal::open(&head.1).unwrap().seal;
    let next = ObjectKey::after(&seal).to_string();
    for lands in [false, true] {
        let mut world = World::new(&lines(12));
        world.store = before.store.clone();
        world.store.retain(|key, _| key.as_str() <= head.0.to_string().as_str());
        world.now = before.now + SECOND;
        let start = Start {
            head: Some(Head { hash: seal.hash(), seal: seal.clone() }),
            spooled: Spooled::default(),
            reanchor: Some("state-lost"),
            hold: 100 * SECOND,
        };
        let began = world.now;
        let mut shipper = world.shipper(start);
        let until = began + 99 * SECOND;
        assert_eq!(world.run(&mut shipper, until), Ended::Paused);
        assert_eq!(world.uploads, 0, "sealed, and held");
        assert!(world.spool.len() > 1);
        if lands {
            world.store.insert(next.clone(), before.store[&next].clone());
        }
        let ended = world.run(&mut shipper, u64::MAX);
        assert_eq!(ended, if lands { Ended::Restart } else { Ended::Done });
        assert_eq!(world.uploads == 0, lands);
    }
}

#[test]
fn a_one_shot_gives_up_and_a_daemon_never_does() {
    for (mode, give_up) in [(Mode::OneShot, Some(300 * SECOND)), (Mode::Live, None)] {
        let mut world = World::new(&lines(3));
        world.mode = mode;
        world.give_up = give_up;
        world.outage = true;
        let mut shipper = world.start();
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
    let mut shipper = world.start();
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

/// A store that says yes and stores nothing: read back, the object is uploaded again. Without that its
/// word counts, until it is asked what it has: nothing more is sent behind what it lacks.
#[test]
fn what_is_read_back_counts_and_not_the_stores_word() {
    for (read_back, forgets) in [(true, 0), (true, 1), (true, 3)] {
        let mut world = World::new(&lines(20));
        (world.read_back, world.forgets) = (read_back, forgets);
        let mut shipper = world.start();
        assert_eq!(world.run(&mut shipper, u64::MAX), Ended::Done);
        let sealed = world.spool.keys().next_back().unwrap() + 1;
        assert_eq!(world.store.len() as u64, sealed, "{read_back}, {forgets}");
        assert_eq!(world.uploads as u64, sealed + forgets as u64, "{read_back}, {forgets}");
    }
    // It forgets the genesis, behind which it is asked what it has.
    for (mode, ended) in
        [(Mode::OneShot, Ended::Lacking(world::seqs(0, 0))), (Mode::Live, Ended::Restart)]
    {
        let mut world = World::new(&lines(20));
        (world.forgets, world.mode) = (1, mode);
        let mut shipper = world.start();
        assert_eq!(world.run(&mut shipper, 3600 * SECOND), ended);
        assert_eq!((world.store.len(), world.uploads), (0, 1));
        // It is in the spool yet.
        world.mode = Mode::OneShot;
        world.run_to_done();
        assert_eq!(world.restored(), lines(20));
    }
}
