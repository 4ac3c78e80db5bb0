//! In which parts a chain is searched: packs that may hold an answer, each alone, and the objects that no
//! pack has. What an index says holds none isn't read.

use auditseal_chain::{Begin, Extent};
use auditseal_format::SealId;
use auditseal_reader::{Candidate, Entry, Packs, Range, Searched};

/// A part of a chain that is searched.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) extent: Extent,
    /// What was listed of it.
    pub(crate) entries: &'a [Entry],
    pub(crate) packs: Packs,
    /// The pack that it is, and which of its batches may hold an answer; `None`: all of it may.
    pub(crate) candidate: Option<Candidate>,
}

/// All of a range, in one part.
pub(crate) fn whole(range: &Range) -> Vec<Part<'_>> {
    let packs = range.packs.clone();
    vec![Part { extent: range.extent, entries: &range.entries, packs, candidate: None }]
}

/// The parts of a range that must be read by what a search in its packs found, in the order of the chain.
pub(crate) fn parts<'a>(range: &'a Range, searched: &Searched) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut found = searched.found.iter().peekable();
    let mut next = range.extent.from;
    for pack in range.packs.taken() {
        if next.seq() < pack.first {
            let extent = Extent { from: next, to: Some(pack.first - 1) };
            parts.push(loose(range, extent));
        }
        next = Begin::After(SealId { seq: pack.attestation.last, hash: pack.attestation.head });
        let is_this = |candidate: &&Candidate| candidate.pack.attested_at == pack.attested_at;
        if let Some(candidate) = found.next_if(is_this) {
            let extent = candidate.extent();
            let packs = range.packs.alone(candidate);
            parts.push(Part {
                extent,
                entries: inside(range, extent),
                packs,
                candidate: Some(candidate.clone()),
            });
        }
    }
    if range.extent.to.is_none_or(|to| next.seq() <= to) {
        parts.push(loose(range, Extent { from: next, to: range.extent.to }));
    }
    parts
}

/// Objects that no pack has.
fn loose(range: &Range, extent: Extent) -> Part<'_> {
    Part { extent, entries: inside(range, extent), packs: Packs::none(), candidate: None }
}

fn inside(range: &Range, extent: Extent) -> &[Entry] {
    let from = range.entries.partition_point(|entry| entry.place.seq < extent.from.seq());
    let to =
        range.entries.partition_point(|entry| extent.to.is_none_or(|to| entry.place.seq <= to));
    &range.entries[from..to.max(from)]
}
