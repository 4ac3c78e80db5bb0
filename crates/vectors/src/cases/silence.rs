//! Chains that don't go on as promised.

use auditseal_format::seal::Word;

use super::{LOG, ORIGIN, four, neighbour, signer, small};
use crate::{Chain, Piece, Vector, events};

pub(super) fn cases() -> Vec<Vector> {
    let chain = four();
    let promised = chain.head().seal.next_by.expect("a heartbeat promises");
    let just = promised.saturating_add(1);
    let mut ended = small();
    ended.final_();
    let mut cut = ended.archive();
    cut.remove(&ended.key(2));
    // A later promise of an older note doesn't count.
    let mut shorter = small();
    shorter.promise(60).batch(&[Piece::new(LOG, events(2..3))]);
    let short = shorter.head().seal.next_by.expect("a batch promises").saturating_add(1);
    let mut other = Chain::new("c/m/s", neighbour());
    other.wait(60).genesis();
    let mut both = chain.archive();
    both.extend(other.archive());
    let mut resumed = small();
    resumed.wait(86_400).heartbeat();
    let reasoned = |chain: &mut Chain, reason: &'static str| {
        let word = move || Word::new(reason);
        chain.edit(move |seal| seal.reason = word());
    };
    let mut stalled = small();
    reasoned(&mut stalled, "stalled");
    stalled.heartbeat();
    stalled.batch(&[Piece::new(LOG, events(2..3))]);
    // The word says so of a heartbeat alone, and no other word does.
    let mut named = small();
    reasoned(&mut named, "stalled");
    named.batch(&[Piece::new(LOG, events(2..3))]);
    reasoned(&mut named, "stalled-for-a-while");
    named.heartbeat();
    vec![
        Vector::new("silent", "a microsecond after the promise", &chain)
            .now(just)
            .finding("SILENT c/n/s 3"),
        Vector::new("silent-without-its-final", "the final seal is gone", &ended)
            .objects(cut)
            .now(just)
            .finding("SILENT c/n/s 1"),
        Vector::new("silent-by-the-newest", "only the newest note's promise counts", &shorter)
            .now(short)
            .finding("SILENT c/n/s 2"),
        Vector::new("silent-one-of-two", "one of two chains is overdue", &other)
            .objects(both)
            .origin(ORIGIN)
            .trust(signer().identity())
            .now(just)
            .finding("SILENT c/n/s 3"),
        Vector::new(
            "stalled",
            "the writer couldn't look at its source, and went on later",
            &stalled,
        )
        .finding("STALLED c/n/s 2"),
        Vector::good("stalled-elsewhere", "the word in a batch, and another word", &named),
        // Lateness inside a chain that joins says nothing about its lines.
        Vector::good("late-but-resumed", "a day's silence that ended", &resumed),
    ]
}
