//! Source files: rotation, order, identity, and what was lost of them.

use auditseal_format::Time;

use super::{LOG, signer, small, started};
use crate::{Lost, Piece, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    [rotation(), order(), identity(), lost()].concat()
}

fn rotation() -> Vec<Vector> {
    let mut several = started(signer());
    several.batch(&[
        Piece::new("a", events(0..2)).last(),
        Piece::new("b", events(2..3)).last(),
        Piece::new(LOG, events(3..4)),
    ]);
    let mut twice = started(signer());
    twice.batch(&[Piece::new(LOG, events(0..1)), Piece::new(LOG, events(1..3))]);
    let mut rotated = small();
    let rotated_name = "audit-2026-11-21T08-00-05.000.log";
    rotated.batch(&[
        Piece::new(LOG, events(2..3)).named(rotated_name).last(),
        Piece::new("new", events(3..4)).named(LOG),
    ]);
    let mut empty = rotated.clone();
    empty.batch(&[Piece::new("new", "").named("audit-2.log").last()]);
    let mut late = rotated.clone();
    late.batch(&[Piece::new(LOG, events(4..5)).last()]);
    let mut reopened = rotated.clone();
    reopened.batch(&[Piece::new(LOG, events(4..5))]);
    reopened.batch(&[Piece::new(LOG, events(5..6)).last()]);
    let mut gz = rotated.clone();
    gz.batch(&[Piece::new(LOG, events(4..5)).named(&format!("{rotated_name}.gz")).last()]);
    vec![
        Vector::good("files-several", "three files in one batch", &several),
        Vector::good("files-one-twice", "two ranges of one file in one batch", &twice),
        Vector::good("files-rotated", "the file is renamed, and a new one begun", &rotated),
        Vector::good("files-nothing-left", "an empty final range, and no lines at all", &empty),
        Vector::good("files-late-append", "a final file grew, and is final again", &late),
        Vector::good(
            "files-reopened",
            "a final file goes on, and isn't final for a while",
            &reopened,
        ),
        Vector::good("files-gz", "a range of a file by now compressed", &gz),
    ]
}

fn order() -> Vec<Vector> {
    let mut older = small();
    older.batch(&[Piece::new("older", events(10..11)).last().before(LOG)]);
    let mut chain = older.clone();
    chain.batch(&[Piece::new("oldest", events(20..21)).last().before("older")]);
    chain.batch(&[Piece::new("between", events(15..16)).last().before(LOG)]);
    let mut same = started(signer());
    same.batch(&[
        Piece::new(LOG, events(2..3)),
        Piece::new("older", events(0..1)).last().before(LOG),
    ]);
    // Neither of these moves a file.
    let mut later = chain.clone();
    let first = chain.get(1).seal.ranges[0].file;
    later.batch(&[Piece::new("new", events(30..31))]);
    later.edit(move |seal| {
        for range in &mut seal.ranges {
            range.before = Some(first).filter(|first| *first != range.file);
        }
    });
    later.batch(&[Piece::new("new", events(31..32)), Piece::new("new", events(32..33)).last()]);
    let mut unbegun = small();
    unbegun.edit(|seal| {
        let behind = seal.ranges.last().map(|range| range.file);
        for range in &mut seal.ranges {
            range.before = behind.filter(|behind| *behind != range.file);
        }
    });
    unbegun.batch(&[Piece::new("one", events(3..4)).last(), Piece::new("two", events(4..5))]);
    vec![
        Vector::good("order-before-on-a-later-range", "before counts once", &later),
        Vector::good(
            "order-before-not-yet-begun",
            "before a file that the note begins later",
            &unbegun,
        ),
        Vector::good("order-before", "an older file is found later", &older),
        Vector::good("order-before-each", "immediately before: older ones one by one", &chain),
        Vector::good("order-before-in-batch", "the file behind was begun in the same note", &same),
    ]
}

fn identity() -> Vec<Vector> {
    let mut twins = started(signer());
    twins.batch(&[Piece::new("a", "same\none\n").last(), Piece::new("b", "same\ntwo\n")]);
    twins.batch(&[Piece::new("c", "same\nthree\n")]);
    let mut bases = started(signer());
    bases.batch(&[Piece::new("a", "same\none\n").last(), Piece::new("b", "\0same\ntwo\n")]);
    let mut names = started(signer());
    names.batch(&[
        Piece::new("a", "one\n").named("a b%é\n/.._-").last(),
        Piece::new("b", "two\n").named("-").last(),
        Piece::new("c", "three\n").named(&"\u{1}".repeat(255)),
    ]);
    let mut torn = started(signer());
    torn.batch(&[Piece::new("a", "no newline").last()]);
    vec![
        Vector::good("identity-copies", "three files with one first line: copies 0, 1, 2", &twins),
        Vector::good("identity-base", "equal first lines, one behind a NUL", &bases),
        Vector::good("identity-odd-names", "names that must be escaped", &names),
        Vector::good("identity-torn", "a final file with one incomplete line", &torn),
    ]
}

fn lost() -> Vec<Vector> {
    let times = |chain: &crate::Chain| chain.get(1).seal.payload.times;
    let case = |name, about, lost: Lost, go_on: bool| {
        let mut chain = small();
        chain.gap(&[lost]);
        if go_on {
            chain.batch(&[Piece::new(LOG, events(9..10)).last()]);
        }
        Vector::new(name, about, &chain).finding("SOURCE_GAP c/n/s 2")
    };
    let mut several = small();
    let last = times(&several).map(|times| times.1);
    several.gap(&[
        Lost::bytes(LOG, 100).between(last, Some(Time::MAX)),
        Lost::unknown(Some("audit-1.log")),
        Lost::unknown(None),
    ]);
    vec![
        case("gap-inside", "bytes lost in the middle of a file", Lost::bytes(LOG, 1000), true),
        case("gap-to-the-end", "the rest of a file is lost", Lost::rest(LOG), false),
        case(
            "gap-unknown-file",
            "a file of which only the name was seen",
            Lost::unknown(Some("x")),
            true,
        ),
        Vector::new("gap-several", "three losses in one note: one finding", &several)
            .finding("SOURCE_GAP c/n/s 2"),
    ]
}
