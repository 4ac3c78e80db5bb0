//! Takes that can't be read to their end any more when they are packed.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod world;

use auditseal_format::Seal;
use world::{World, lines};

/// What each note says of the file: its ranges, and its gaps.
fn told(world: &World) -> Vec<String> {
    let of = |seal: &Seal| {
        let ranges = seal.ranges.iter().map(|range| {
            let end = if range.is_final { " final" } else { "" };
            format!("{}..{}{end}", range.start, range.end)
        });
        let lost = |gap: &auditseal_format::seal::Gap| {
            format!("lost {}..{:?} {}", gap.start.unwrap(), gap.end, gap.reason.as_str())
        };
        ranges.chain(seal.gaps.iter().map(lost)).collect::<Vec<_>>()
    };
    world.seals().values().flat_map(of).collect()
}

/// A source of `n` lines in one batch, of which the disk gives these bytes up when they are packed.
fn refused(n: usize, bad: std::ops::Range<u64>, rotated: bool) -> World {
    let mut world = World { batch_bytes: 1000, bad, rotated, ..World::new(&lines(n)) };
    world.run_to_done();
    world
}

fn newest(world: &World) -> Seal {
    world.seals().into_values().next_back().unwrap()
}

#[test]
fn a_file_is_read_on_behind_what_is_lost() {
    let mut world = refused(6, 24..30, false);
    let end = world.source.len() as u64;
    assert_eq!(told(&world), ["0..24".to_owned(), format!("lost 24..Some({end}) unreadable")]);
    let cursor = newest(&world).cursors[0].clone();
    assert_eq!((cursor.offset, cursor.anchor), (end, auditseal_format::hash(&world.source)));
    world.source = lines(7);
    world.run_to_done();
    assert_eq!(told(&world).last().unwrap(), &format!("{end}..{}", world.source.len()));
    assert_eq!(world.restored(), [&lines(2)[..], &lines(7)[lines(6).len()..]].concat());
}

#[test]
fn a_file_whose_first_bytes_are_lost_is_begun_behind_them() {
    let mut world = refused(3, 0..1, false);
    let end = world.source.len() as u64;
    assert_eq!(told(&world), [format!("lost 0..Some({end}) unreadable")]);
    assert_eq!(newest(&world).cursors[0].offset, end);
    world.source = lines(4);
    world.run_to_done();
    assert_eq!(world.restored(), lines(4)[lines(3).len()..]);
}

/// Without it a restart would take the file for one that was never read.
#[test]
fn a_final_file_ends_behind_what_is_lost_of_it() {
    for begin in [0, 12, 24] {
        let world = refused(6, begin..30, true);
        let (told, end) = (told(&world), world.source.len() as u64);
        assert_eq!(told.last().unwrap(), &format!("{end}..{end} final"), "{told:?}");
        assert_eq!(told.iter().filter(|told| told.contains("final")).count(), 1, "{told:?}");
        assert!(told.iter().any(|told| told.ends_with("unreadable")), "{told:?}");
        assert!(newest(&world).cursors.is_empty());
        world.restored();
    }
}
