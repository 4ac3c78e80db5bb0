//! Two branches of one chain: what only ours has, and what can't be one history.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod world;

use auditseal_format::seal::{Gap, Range, Word};
use auditseal_format::{FileId, FileName, ObjectKey, ObjectSeal, Seal, hash};
use auditseal_shipper::{Adoption, Left};
use world::{World, lines};

fn file(name: &str) -> FileId {
    FileId { hash: hash(name.as_bytes()), base: 0, copy: 0 }
}

fn range(name: &str, start: u64, end: u64, is_final: bool) -> Range {
    Range {
        file: file(name),
        start,
        end,
        lines: 1,
        is_final,
        unterminated: false,
        anchor: hash(b""),
        name: FileName::new(name.as_bytes()),
        before: None,
        holes: vec![],
    }
}

fn gap(name: Option<&str>, start: Option<u64>, end: Option<u64>) -> Gap {
    let reason = Word::new("truncated").unwrap();
    let (file, name) = (name.map(file), name.map(|name| FileName::new(name.as_bytes())));
    Gap { file, start, end, reason, after: None, before: None, name }
}

/// A note that says this; whatever else it says doesn't matter here.
fn note(ranges: &[Range], gaps: &[Gap]) -> (ObjectKey, Seal) {
    let mut world = World::new(&lines(1));
    let mut shipper = world.start();
    world.run(&mut shipper, u64::MAX);
    let (key, bytes) = world.spool.values().next().unwrap();
    let seal = ObjectSeal::open(bytes).unwrap().seal;
    (key.clone(), Seal { ranges: ranges.to_vec(), gaps: gaps.to_vec(), ..seal })
}

/// What is left of ours beside theirs, and how many overlaps are to be compared.
fn meet(ours: (&[Range], &[Gap]), theirs: (&[Range], &[Gap])) -> (Vec<Left>, Vec<(u64, u64)>) {
    let mut adoption = Adoption::default();
    let (key, ours) = note(ours.0, ours.1);
    adoption.ours(&key, &ours);
    let both = adoption.theirs(&note(theirs.0, theirs.1).1).unwrap();
    assert!(both.iter().all(|overlap| overlap.ours == key));
    (adoption.left(&ours), both.iter().map(|overlap| (overlap.start, overlap.end)).collect())
}

#[test]
fn what_theirs_has_is_compared_and_what_it_lacks_is_left() {
    type Case = (&'static str, (u64, u64, bool), Option<(u64, u64, bool)>, Option<u64>, usize);
    let cases: [Case; 10] = [
        ("theirs never begun it", (0, 9, false), None, Some(0), 0),
        ("the same", (0, 9, false), Some((0, 9, false)), None, 1),
        ("theirs has less", (0, 9, false), Some((0, 4, false)), Some(4), 1),
        ("theirs has more", (0, 9, false), Some((0, 12, false)), None, 1),
        ("ours says that it ends there", (0, 9, true), Some((0, 9, false)), Some(9), 1),
        ("both say it", (0, 9, true), Some((0, 9, true)), None, 1),
        ("theirs says it", (0, 9, false), Some((0, 9, true)), None, 1),
        (
            "it went on behind what theirs took for its end",
            (0, 9, false),
            Some((0, 4, true)),
            Some(4),
            1,
        ),
        (
            "ours took it for ended, and theirs has more",
            (0, 9, true),
            Some((0, 12, false)),
            None,
            1,
        ),
        ("an end alone", (9, 9, true), Some((4, 9, false)), Some(9), 0),
    ];
    for (what, ours, theirs, left, compared) in cases {
        let of = |(start, end, is_final)| range("a", start, end, is_final);
        let theirs: Vec<_> = theirs.into_iter().map(of).collect();
        let (found, both) = meet((&[of(ours)], &[]), (&theirs, &[]));
        let left: Vec<_> = left.map(|from| Left::Range(0, from)).into_iter().collect();
        assert_eq!((found, both.len()), (left, compared), "{what}");
    }
    // Of several objects of theirs, in whichever order, the furthest counts.
    for order in [[0, 1], [1, 0]] {
        let mut adoption = Adoption::default();
        let (key, ours) = note(&[range("a", 0, 9, false), range("b", 0, 5, true)], &[]);
        adoption.ours(&key, &ours);
        let parts = [range("a", 0, 3, false), range("a", 3, 6, false)];
        let both = order.map(|at| adoption.theirs(&note(&parts[at..=at], &[]).1).unwrap().len());
        assert_eq!(both, [1, 1]);
        assert_eq!(adoption.left(&ours), [Left::Range(0, 6), Left::Range(1, 0)]);
        assert!(adoption.has(&file("a")) && !adoption.has(&file("b")));
    }
}

#[test]
fn gaps_of_ours_are_left_where_theirs_has_nothing() {
    let (a, b) = (Some("a"), Some("b"));
    let begun = [range("a", 0, 6, false)];
    let ended = [range("a", 0, 6, true)];
    type Case<'a> = (&'a str, Gap, &'a [Range], &'a [Gap], Option<Option<u64>>);
    let cases: [Case<'_>; 11] = [
        ("of another file", gap(b, Some(2), Some(9)), &begun, &[], Some(Some(2))),
        ("theirs has all of it", gap(a, Some(2), Some(6)), &begun, &[], None),
        ("theirs has some", gap(a, Some(2), Some(9)), &begun, &[], Some(Some(6))),
        ("all behind", gap(a, Some(6), None), &begun, &[], Some(Some(6))),
        ("theirs has more than where ours ends", gap(a, Some(2), None), &begun, &[], Some(Some(6))),
        ("theirs has its end", gap(a, Some(2), None), &ended, &[], None),
        ("theirs says it too", gap(a, Some(6), None), &begun, &[gap(a, Some(6), None)], None),
        (
            "theirs as well, further",
            gap(a, Some(6), Some(8)),
            &begun,
            &[gap(a, Some(6), Some(9))],
            None,
        ),
        (
            "theirs as well, less",
            gap(a, Some(6), Some(8)),
            &begun,
            &[gap(a, Some(6), Some(7))],
            Some(Some(7)),
        ),
        ("nobody knows of which file", gap(None, None, None), &begun, &[], Some(None)),
        (
            "theirs says one like it",
            gap(None, None, None),
            &begun,
            &[gap(None, None, None)],
            Some(None),
        ),
    ];
    for (what, ours, ranges, gaps, left) in cases {
        let left: Vec<_> = left.map(|from| Left::Gap(0, from)).into_iter().collect();
        assert_eq!(meet((&[], &[ours]), (ranges, gaps)), (left, vec![]), "{what}");
    }
}

#[test]
fn bytes_of_ours_that_theirs_calls_lost_are_a_conflict() {
    let lost = |start, end| {
        let mut adoption = Adoption::default();
        let (key, ours) = note(&[range("a", 3, 9, false)], &[]);
        adoption.ours(&key, &ours);
        let theirs = note(&[], &[gap(Some("a"), Some(start), end)]).1;
        adoption.theirs(&theirs).map(|_| adoption.left(&ours).len())
    };
    assert!(lost(8, Some(20)).is_err() && lost(0, None).is_err() && lost(0, Some(4)).is_err());
    assert_eq!(lost(0, Some(3)), Ok(1), "it ends where ours begins");
    assert_eq!(lost(9, None), Ok(0), "ours ends where it begins");
    let why = lost(8, None).unwrap_err().0;
    assert!(why.contains("bytes 8 to 9 of a are lost"), "{why}");
}
