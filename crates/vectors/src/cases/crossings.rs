//! Where two rules meet: what dice found that the two verifiers said otherwise of.

use super::{LOG, four, small, started};
use crate::{Archive, Chain, Lost, Piece, TestSigner, Vector, events, head_text};

/// Genesis and batch, and two notes of seq 2 that have the same claim.
fn undecided() -> (Chain, Archive) {
    let (mut one, mut two) = (small(), small());
    one.heartbeat();
    two.squat(b"what the store said of it").wait(1).heartbeat();
    let mut archive = two.archive();
    archive.extend(one.archive());
    (one, archive)
}

/// Another key that is trusted for the chain, and its chain.
fn other() -> Chain {
    let mut chain = started(TestSigner::new(9));
    chain.heartbeat();
    chain
}

pub(super) fn cases() -> Vec<Vector> {
    [ends(), keys()].concat()
}

fn ends() -> Vec<Vector> {
    let (one, both) = undecided();
    let mut closed = small();
    closed.gap(&[Lost::rest(LOG)]);
    let at = events(0..2).len() as u64;
    closed.batch(&[Piece::new("b", "first of b\n")]);
    closed.rewrite(|text| {
        let file = closed_file(text);
        text.replace(&file, &format!("{} {at} {} 1", first_file(), at + 11))
    });
    let mut part =
        Vector::new("crossing-known-twice", "two notes are known, and both are others", &four())
            .from(&other(), 0);
    part.head = Some(head_text(other().get(1)));
    let without = |seq: usize| {
        let mut archive = both.clone();
        archive.remove(&one.key(seq)).expect("it is there");
        archive
    };
    vec![
        Vector::new("crossing-undecided-short", "undecided before the seq to end with", &one)
            .objects(both.clone())
            .to(4)
            .finding("FORK c/n/s 2")
            .finding("TRUNCATED c/n/s 2"),
        Vector::new("crossing-undecided-absent", "undecided, and a seq before is absent", &one)
            .objects(without(1))
            .finding("MISSING c/n/s 1")
            .finding("FORK c/n/s 2"),
        Vector::new("crossing-closed-file", "a file goes on where a gap has closed it", &closed)
            .finding("SOURCE_GAP c/n/s 2")
            .finding("SOURCE_GAP c/n/s 3"),
        part.finding("FORK c/n/s 0").finding("FORK c/n/s 1"),
        behind_another(),
        Vector::new(
            "crossing-part-of-copies",
            "in the part stand only copies of what is before it",
            &four(),
        )
        .objects({
            let mut archive = small().archive();
            let key = four().key(3);
            archive.insert(key, small().get(1).bytes.clone());
            archive
        })
        .from_seq(3)
        .finding("REORDERED c/n/s 3"),
    ]
}

/// The other branch's note stands alone at a seq, and so its next one follows; but the head that is known
/// is on ours.
fn behind_another() -> Vector {
    let (mut ours, mut theirs) = (small(), small());
    theirs.wait(1).heartbeat();
    theirs.squat(b"what the store said of it").heartbeat();
    (0..3).for_each(|_| drop(ours.heartbeat().clone()));
    let mut archive = ours.archive();
    archive.insert(ours.key(2), theirs.get(2).bytes.clone());
    archive.insert(theirs.key(3), theirs.get(3).bytes.clone());
    Vector::new("crossing-behind-another-branch", "a branch that the known head isn't on", &ours)
        .objects(archive)
        .head_of(&ours)
        .finding("FORK c/n/s 3")
}

/// The first file's name in a note.
fn first_file() -> String {
    let small = small();
    small.head().seal.ranges[0].file.to_string()
}

/// The range of a note's only file, up to its lines.
fn closed_file(text: &str) -> String {
    let range = text.lines().find_map(|line| line.strip_prefix("range ")).expect("a batch");
    range.split(' ').take(4).collect::<Vec<_>>().join(" ")
}

fn keys() -> Vec<Vector> {
    let trusting = |vector: Vector| vector.trust(TestSigner::new(9).identity());
    let mut longer = four();
    longer.heartbeat();
    let mut behind = longer.archive();
    behind.insert(longer.key(3), other().get(1).bytes.clone());
    vec![
        trusting(Vector::new(
            "crossing-displaced-by-another-key",
            "a trusted key's note of seq 1 at seq 3, which wasn't the next of seq 0",
            &longer,
        ))
        .objects(behind)
        .finding("REORDERED c/n/s 3"),
    ]
}
