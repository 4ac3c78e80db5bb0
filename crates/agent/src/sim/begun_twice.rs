//! A chain is begun twice: the node loses its state while its very first upload is under way.

use auditseal_format::{ObjectKey, ObjectSeal};
use auditseal_shipper::{End, Fork, Input};
use bytes::Bytes;

use super::disk::Op;
use super::node::{Ended, Node, Pending};
use super::{Sim, private_key};
use crate::fork;

/// Lets things be done until an object is about to be sent.
fn until_it_sends(sim: &mut Sim, mut node: Node) -> Node {
    for _ in 0..400 {
        if node.pending.iter().any(|pending| matches!(pending, Pending::Put(_))) {
            return node;
        }
        node = sim.perform_one(node, false);
    }
    panic!("nothing is sent: {:?}", node.pending);
}

/// Lets things be done until the pipeline ends.
fn until_it_ends(sim: &mut Sim, node: &mut Node) -> Ended {
    for _ in 0..400 {
        let ended = if node.pending.is_empty() {
            sim.disk.world().clock += 20;
            sim.step(node, Input::Wake)
        } else {
            sim.perform(node, 0, false)
        };
        if let Some(ended) = ended {
            return ended;
        }
    }
    panic!("it never ends: {:?}", node.pending);
}

/// The first beginning is under way and the state is lost, the second one is sent, and the first
/// arrives. Returns the node, which has said that the chain was begun twice.
fn begun_twice(sim: &mut Sim) -> Node {
    let mut node = sim.start(false);
    sim.disk.world().apply(Op::Append(4, 60));
    node = until_it_sends(sim, node);
    // A beginning holds no line: made at the same time, the two would be the same.
    sim.disk.world().clock += 1_000;
    node = sim.crash(node, true);
    assert!(sim.store.objects().is_empty(), "the first upload is still under way");
    sim.disk.world().apply(Op::Append(3, 60));
    node = until_it_sends(sim, node);
    let (_, key, first) = sim.flying[0].clone();
    sim.land();
    let stored = [(key.to_string(), first.clone())].into();
    assert_eq!(sim.store.objects(), stored);

    let ended = until_it_ends(sim, &mut node);
    let Ended::Forked(End::Forked(at, fork)) = ended else { panic!("{ended:?}") };
    let sealed = ObjectSeal::open(&first).unwrap().seal.sealed;
    assert_eq!((&at, &fork), (&ObjectKey::genesis(Sim::origin()), &Fork::BegunTwice(sealed)));
    assert_eq!(sim.store.objects(), stored, "nothing of the second beginning is stored");
    let spool = node.spool.idle().unwrap();
    assert!(fork::read(&spool).unwrap().is_none(), "the next start settles it");
    let kept: Vec<Bytes> = spool.entries().map(|e| spool.read(&e.key).unwrap().into()).collect();
    let kept = super::reader::archive(&kept, None);
    assert!(archived(&kept) == sim.disk.world().stories[0].bytes, "all that it sealed is there");
    drop(spool);
    node
}

/// The bytes of the one file.
fn archived(archive: &super::disk::agent::Archive) -> &[u8] {
    assert_eq!(archive.files.len(), 1);
    archive.files.values().next().map(|file| &file.bytes[..]).unwrap()
}

/// Goes on in calm to the end, behind the beginning that is stored. Returns how many gaps stand behind
/// the lines.
fn all_is_archived(sim: &mut Sim, node: Node, first: &Bytes) -> usize {
    let node = sim.calm(node);
    sim.end_well(node);
    assert_eq!(sim.store.objects().values().next(), Some(first), "its beginning stands");
    let story = sim.disk.world().stories[0].bytes.clone();
    let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(lines(&story), 7);
    let file = sim.model.archive.files.values().find(|file| file.bytes == story);
    file.expect("every line is in the archive").gaps.len()
}

/// What the hint says first: what is sealed on the node is all that is needed, for the log may be gone.
#[test]
fn started_again_it_goes_on_behind_the_other_beginning() {
    let mut sim = Sim::new(1, &private_key());
    let mut node = begun_twice(&mut sim);
    let first = sim.store.objects().into_values().next().unwrap();
    sim.disk.world().apply(Op::Rotate);
    sim.disk.world().apply(Op::DeleteOldest);
    node = sim.crash(node, false);
    // Nobody saw the deleted file's end.
    assert_eq!(all_is_archived(&mut sim, node, &first), 1);
    assert_eq!(sim.adopted, 1, "the store's beginning was met once");
}

/// What it says besides: then the log is read again.
#[test]
fn with_its_state_moved_away_it_takes_up_the_other_beginning() {
    let mut sim = Sim::new(1, &private_key());
    let mut node = begun_twice(&mut sim);
    let first = sim.store.objects().into_values().next().unwrap();
    node = sim.crash(node, true);
    assert_eq!(all_is_archived(&mut sim, node, &first), 0);
    assert_eq!(sim.adopted, 0, "nothing of it is on the node");
}
