//! An outage leaves tens of thousands of objects in the spool: what each takes in memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use auditseal_format::{Anchor, FileId, FileName, Hash, ObjectKey, hash, seal::Cursor};
use auditseal_shipper::{Action, Head, Input, Mode, Report, Spooled, Start};
use world::{SECOND, World, lines};

/// Bytes that this process holds in memory. Of the whole process: this file has one test.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    statm.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}

/// A note as large as they come on a busy node.
fn newest(world: &World) -> (ObjectKey, Head) {
    let (key, bytes) = world.spool.values().last().unwrap();
    let mut seal = auditseal_format::ObjectSeal::open(bytes).unwrap().seal;
    let cursor = |n: u64| {
        let hash: Hash = hash(&n.to_le_bytes());
        let file = FileId { hash, base: 0, copy: 0 };
        let (anchor, name): (Anchor, _) = (hash, FileName::new(b"audit-2026-11-21.log"));
        Cursor { file, offset: n, anchor, name }
    };
    seal.cursors = (0..8).map(cursor).collect();
    (key.clone(), Head { hash: seal.hash(), seal })
}

const OBJECTS: u64 = 50_000;
/// Most bytes for each, the vector's spare room included.
const EACH: u64 = 120;

#[test]
fn fifty_thousand_objects_wait() {
    let mut world = World::new(&lines(3));
    world.mode = Mode::Live;
    let mut shipper = world.start();
    world.run(&mut shipper, world.now + SECOND);
    let (key, mut head) = newest(&world);
    // At a start, from a spool that is full of them.
    let mut spooled = Spooled::default();
    let before = resident();
    for seq in 0..OBJECTS {
        head.seal.seq = seq + 1;
        head.seal.stored.clear();
        // Each names the one before it.
        head.seal.prev = Some(std::mem::replace(&mut head.hash, hash(&seq.to_le_bytes())));
        spooled.push(&ObjectKey { seq: seq + 1, ..key.clone() }, 2_000, &head.seal, head.hash);
    }
    let grown = resident().saturating_sub(before) as u64;
    assert_eq!(spooled.len() as u64, OBJECTS);
    assert!(grown < OBJECTS * EACH, "{} bytes each", grown / OBJECTS);
    println!("at the start: {} bytes each", grown / OBJECTS);

    // While it runs: the store is away, and seals are made of one loss after the other.
    let start = Start { head: Some(head.clone()), spooled, reanchor: None, hold: 0 };
    let mut shipper = world.shipper(start);
    let before = resident();
    let mut inputs = std::collections::VecDeque::from([Input::Wake]);
    let (mut sealed, more) = (0, OBJECTS / 10);
    while sealed < more {
        let input = inputs.pop_front().unwrap_or(Input::Changed);
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(_) => {
                    let (file, name, anchor) = (None, None, None);
                    let (start, end, reason) = (Some(0), Some(9), "truncated");
                    let loss = auditseal_shipper::Loss { file, name, start, end, anchor, reason };
                    let rest = auditseal_shipper::Rest::Nothing;
                    inputs.push_back(Input::Looked { takes: vec![], losses: vec![loss], rest });
                }
                Action::Commit(..) => inputs.push_back(Input::Committed),
                Action::Report(Report::Sealed { .. }) => sealed += 1,
                _ => {}
            }
        }
    }
    let grown = resident().saturating_sub(before) as u64;
    // Some for what an allocator keeps; a whole note would be five times as much.
    assert!(grown < more * 400, "{} bytes for each of {more} more", grown / more);
}
