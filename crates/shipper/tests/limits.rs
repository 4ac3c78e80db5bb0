//! Bounds of a seal: below, at, just above, and at ten times each, nothing is lost or sealed twice.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use std::collections::VecDeque;

use auditseal_format::{Kind, MAX_SEAL_BLOCK};
use auditseal_shipper::{Action, Input, Limits, Mode, Report, Rest};
use proptest::prelude::*;
use world::many::{Found, Gone, Many, Taken};
use world::{SECOND, World, lines};

/// Below a bound, at it, just above it, and ten times as much.
fn around(bound: usize) -> [usize; 4] {
    [bound - 1, bound, bound + 1, 10 * bound]
}

fn line(file: usize) -> Taken {
    Taken { file, lines: 1, ..Taken::default() }
}

fn last_line(file: usize) -> Taken {
    Taken { is_final: true, ..line(file) }
}

fn taken(takes: impl IntoIterator<Item = Taken>) -> Found {
    Found { takes: takes.into_iter().collect(), losses: vec![] }
}

fn gone(losses: impl IntoIterator<Item = Gone>) -> Found {
    Found { takes: vec![], losses: losses.into_iter().collect() }
}

/// How many ranges, holes, gaps and cursors the fullest seal has.
fn most(many: &Many) -> [usize; 4] {
    many.seals.iter().fold([0; 4], |most, seal| {
        let holes = seal.ranges.iter().map(|range| range.holes.len()).sum();
        let here = [seal.ranges.len(), holes, seal.gaps.len(), seal.cursors.len()];
        std::array::from_fn(|at| most[at].max(here[at]))
    })
}

#[test]
fn ranges() {
    for n in around(8) {
        let limits = Limits { ranges: 8, ..Limits::default() };
        let many = Many::new(9, limits).run(vec![taken((0..n).map(last_line))]);
        assert_eq!(most(&many)[0], n.min(8));
        let batches = many.seals.iter().filter(|seal| seal.kind == Kind::Batch);
        assert_eq!(batches.count(), n.div_ceil(8));
    }
}

#[test]
fn holes() {
    for n in around(8) {
        let limits = Limits { holes: 8, ..Limits::default() };
        let torn = Taken { lines: n, holes: n, ..last_line(0) };
        let many = Many::new(9, limits).run(vec![taken([torn])]);
        assert_eq!(most(&many)[1], n.min(8), "the rest stays in the payload");
    }
}

#[test]
fn gaps() {
    for n in around(8) {
        let limits = Limits { gaps: 8, ..Limits::default() };
        let losses = (0..n).map(|at| Gone { file: None, bytes: Some(at) });
        let many = Many::new(9, limits).run(vec![gone(losses)]);
        assert_eq!((most(&many)[2], many.lost.len()), (n.min(8), n));
    }
}

/// Takes that turn out short become gaps too: some of a batch's, and all of it.
#[test]
fn gaps_of_short_takes() {
    // Each final one is a seal of its own: its end stands behind its gap.
    for (n, hundredths, is_final) in
        [(63, 0, false), (64, 50, false), (65, 0, false), (640, 50, false), (9, 0, true)]
    {
        let short = |file| Taken { short: Some(hundredths), is_final, ..line(file) };
        let many = Many::new(9, Limits::default()).run(vec![taken((0..n).map(short))]);
        assert_eq!(many.lost.len(), n);
        assert!(most(&many)[2] <= 64);
    }
}

#[test]
fn cursors() {
    for n in around(8) {
        let limits = Limits { cursors: 8, ..Limits::default() };
        // They go on after others have taken their place.
        let script = vec![taken((0..n).map(line)), taken((0..n).map(line))];
        let many = Many::new(9, limits).run(script);
        assert_eq!(most(&many)[3], n.min(8));
        // A file that begins with a gap takes a place too.
        let begun = (0..n).map(|file| Gone { file: Some(file), bytes: Some(5) });
        let many = Many::new(9, limits).run(vec![gone(begun), taken((0..n).map(line))]);
        assert_eq!(most(&many)[3], n.min(8));
    }
}

/// Final takes need a cursor for a moment when they turn out short.
#[test]
fn cursors_of_short_takes() {
    for n in around(4) {
        let limits = Limits { cursors: 4, ..Limits::default() };
        let short = |file| Taken { short: Some(50), ..last_line(file) };
        let script = vec![taken((100..104).map(line)), taken((0..n).map(short))];
        let many = Many::new(9, limits).run(script);
        assert!(most(&many)[3] <= 4);
    }
}

#[test]
fn seal_bytes() {
    for (n, limit) in [
        (10, 0),
        (10, 3_000),
        (140, 50_000),
        (140, MAX_SEAL_BLOCK - 1),
        (140, MAX_SEAL_BLOCK),
        (140, 10 * MAX_SEAL_BLOCK),
    ] {
        let limits = Limits { seal_bytes: limit, ..Limits::default() };
        let lost = (0..n).map(|file| Gone { file: Some(file), bytes: Some(9) });
        let many = Many::new(255, limits).run(vec![taken((0..n).map(line)), gone(lost)]);
        let largest = many.sizes.iter().max().unwrap();
        assert!(*largest <= MAX_SEAL_BLOCK, "{largest} bytes");
        assert!(limit < 40_000 || *largest <= limit.min(MAX_SEAL_BLOCK), "{largest} bytes");
    }
}

#[test]
fn pinned_versions() {
    for stored in [0, 1, 7, 64, 640] {
        for length in if stored == 7 { vec![1023, 1024, 1025, 10_240] } else { vec![1024] } {
            let limits = Limits { stored, ..Limits::default() };
            let mut many = Many::new(9, limits);
            many.version = "ß".repeat(length / 2) + if length % 2 == 1 { "x" } else { "" };
            let many =
                many.run((0..8).map(|at| gone([Gone { file: None, bytes: Some(at) }])).collect());
            let pins: Vec<_> = many.seals.iter().map(|seal| seal.stored.len()).collect();
            let any = pins.iter().sum::<usize>() > 0;
            assert_eq!(any, stored > 0 && length <= 1024, "{pins:?}");
            assert!(pins.iter().all(|n| *n <= stored), "{pins:?}");
        }
    }
}

/// A file of which nothing is left but the gap that begins it, and one that stands before it.
#[test]
fn nothing_stands_before_a_file_that_is_not_begun() {
    for short in [0, 50] {
        for is_final in [false, true] {
            let lost = Taken { short: Some(short), is_final, ..line(0) };
            let before = Taken { before: Some(0), ..last_line(1) };
            let after = last_line(2);
            let script = vec![taken([lost, before, after])];
            let many = Many::new(9, Limits::default()).run(script);
            let told = many.seals.iter().flat_map(|seal| &seal.ranges);
            assert_eq!(told.filter(|range| range.before.is_some()).count(), 1);
        }
    }
    // The gap that begins it comes with the same look.
    let many = Many::new(9, Limits::default()).run(vec![
        taken([line(5)]),
        Found {
            takes: vec![Taken { before: Some(0), ..last_line(1) }],
            losses: vec![Gone { file: Some(0), bytes: Some(3) }],
        },
    ]);
    assert_eq!(many.lost.len(), 1);
}

fn taken_any() -> impl Strategy<Value = Taken> {
    let file = prop_oneof![0..4_usize, 0..400_usize];
    let lines = prop_oneof![Just(0_usize), 1..4_usize, Just(40)];
    let holes = prop_oneof![4 => Just(0_usize), 1 => Just(3), 1 => Just(40)];
    let short = prop_oneof![5 => Just(None), 1 => (0..100_usize).prop_map(Some)];
    let before = prop_oneof![3 => Just(None), 1 => (0..400_usize).prop_map(Some)];
    (file, lines, holes, any::<bool>(), short, before).prop_map(
        |(file, lines, holes, is_final, short, before)| Taken {
            file,
            lines,
            holes,
            is_final,
            short,
            before,
        },
    )
}

fn gone_any() -> impl Strategy<Value = Gone> {
    let file = prop_oneof![Just(None), (0..400_usize).prop_map(Some)];
    let bytes = prop_oneof![1 => Just(None), 4 => (0..50_usize).prop_map(Some)];
    (file, bytes).prop_map(|(file, bytes)| Gone { file, bytes })
}

fn found_any() -> impl Strategy<Value = Found> {
    let takes = prop_oneof![
        5 => proptest::collection::vec(taken_any(), 0..12),
        1 => proptest::collection::vec(taken_any(), 200..300),
    ];
    let losses = prop_oneof![
        4 => proptest::collection::vec(gone_any(), 0..3),
        1 => proptest::collection::vec(gone_any(), 60..200),
    ];
    (takes, losses).prop_map(|(takes, losses)| Found { takes, losses })
}

fn limits_any() -> impl Strategy<Value = Limits> {
    let bytes = prop_oneof![1 => 0..80_000_usize, 2 => 50_000..66_000_usize];
    let low = (0..300_usize, 0..300_usize, 0..80_usize, 0..140_usize, 0..70_usize, bytes);
    let low = low.prop_map(|(ranges, holes, gaps, cursors, stored, seal_bytes)| Limits {
        ranges,
        holes,
        gaps,
        cursors,
        stored,
        seal_bytes,
        ..Limits::default()
    });
    prop_oneof![Just(Limits::default()), low]
}

/// Cases of the test below: more with `AUDITSEAL_CASES`.
fn cases() -> ProptestConfig {
    let cases = std::env::var("AUDITSEAL_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(12);
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(cases())]

    /// Whatever comes: only seals that `format` accepts, all bytes accounted for, each gap reported.
    #[test]
    fn no_input_breaks_a_bound(
        script in proptest::collection::vec(found_any(), 1..4),
        names in prop_oneof![Just(255_usize), 1..255_usize],
        limits in limits_any(),
        version in prop_oneof![Just(0_usize), Just(1024), 1..1024_usize],
    ) {
        let mut many = Many::new(names, limits);
        many.version = "!".repeat(version);
        let many = many.run(script);
        let [ranges, holes, gaps, cursors] = most(&many);
        prop_assert!(ranges <= limits.ranges.max(1) && holes <= limits.holes);
        prop_assert!(gaps <= limits.gaps.max(1) && cursors <= limits.cursors.max(1));
    }
}

/// The apiserver's own backups are the buffer when the store is away, and the node's disk isn't.
#[test]
fn nothing_is_taken_in_for_a_spool_that_is_full() {
    let mut world = World { mode: Mode::Live, spool_limit: 1, ..World::new(&lines(50)) };
    let mut shipper = world.start();
    let (mut inputs, mut full, mut rooms) = (VecDeque::from([Input::Wake]), false, vec![]);
    for _ in 0..100 {
        let input = inputs.pop_front().unwrap_or_else(|| {
            world.now = world.now.max(shipper.deadline()).min(world.now + 10 * SECOND);
            Input::Wake
        });
        for action in shipper.step(input, world.clock()) {
            match action {
                Action::Look(room) => {
                    rooms.extend(full.then_some(room));
                    let taken = (room > 0).then(|| world.look(0, room));
                    let (takes, rest) = taken.unwrap_or((vec![], Rest::More));
                    inputs.push_back(Input::Looked { takes, losses: vec![], rest });
                }
                Action::Pack(job) => {
                    inputs.push_back(Input::Packed(job.ticket, Box::new(world::pack(&job))));
                }
                Action::Commit(..) => inputs.push_back(Input::Committed),
                Action::Report(Report::SpoolFull(_)) => full = true,
                // The store is never heard of.
                _ => {}
            }
        }
    }
    assert!(full && rooms.len() > 3, "{rooms:?}");
    assert!(rooms.iter().all(|room| *room == 0), "it looks, to hold on to new files: {rooms:?}");
}
