//! In which parts a chain is searched: packs that may hold an answer, each alone, and the objects that no
//! pack has. What an index says holds none isn't read.

use auditseal_chain::{Begin, Extent};
use auditseal_format::SealId;
use auditseal_index::Ordinals;
use auditseal_reader::{Candidate, Entry, Pack, Packs, Range, Searched};

/// A part of a chain that is searched.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    pub(crate) extent: Extent,
    /// What was listed of it.
    pub(crate) entries: &'a [Entry],
    pub(crate) packs: Packs,
    /// The pack that it is, and which of its batches may hold an answer; `None`: all of it may.
    pub(crate) candidate: Option<Candidate>,
    /// The pack is decoded to its end, for its last seal says what should follow.
    pub(crate) to_its_end: bool,
}

/// All of a range, in one part.
pub(crate) fn whole(range: &Range) -> Vec<Part<'_>> {
    vec![Part { packs: range.packs.clone(), ..loose(range, range.extent) }]
}

/// The parts of a range that must be read by what a search in its packs found, in the order of the chain;
/// `ended`: the seal that is known to be the chain's last.
pub(crate) fn parts<'a>(
    range: &'a Range,
    searched: &Searched,
    ended: Option<SealId>,
) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut found = searched.found.iter().peekable();
    let mut next = range.extent.from;
    for pack in range.packs.taken() {
        if next.seq() < pack.first {
            let extent = Extent { from: next, to: Some(pack.first - 1) };
            parts.push(loose(range, extent));
        }
        next = Begin::After(end_of(pack));
        let is_this = |candidate: &&Candidate| candidate.pack.attested_at == pack.attested_at;
        if let Some(candidate) = found.next_if(is_this) {
            let packs = range.packs.alone(candidate);
            let candidate = Some(candidate.clone());
            let extent = candidate.as_ref().map_or(range.extent, Candidate::extent);
            parts.push(Part { packs, candidate, to_its_end: false, ..loose(range, extent) });
        }
    }
    let rest = Extent { from: next, to: range.extent.to };
    match range.packs.taken().last() {
        _ if range.extent.to.is_some_and(|to| to < next.seq()) => {}
        // It is known to end here.
        Some(last)
            if rest.to.is_none()
                && ended == Some(end_of(last))
                && inside(range, rest).is_empty() => {}
        // Whether the chain may end with its packs, its last seal says.
        Some(last) if rest.to.is_none() && inside(range, rest).is_empty() => {
            let is_last = |part: &mut Part<'_>| {
                part.candidate.as_ref().is_some_and(|of| of.pack.attested_at == last.attested_at)
            };
            let found = parts.pop_if(is_last).and_then(|part| part.candidate);
            parts.push(last_pack(range, last, found));
        }
        _ => parts.push(loose(range, rest)),
    }
    parts
}

/// The last seal that is attested of a pack.
fn end_of(pack: &Pack) -> SealId {
    SealId { seq: pack.attestation.last, hash: pack.attestation.head }
}

/// The last pack of a chain behind which nothing stands.
fn last_pack<'a>(range: &'a Range, last: &Pack, found: Option<Candidate>) -> Part<'a> {
    let none = || {
        let below = u32::try_from(last.attestation.objects()).unwrap_or(u32::MAX);
        Candidate { pack: last.clone(), batches: Ordinals::none(below), indexed: true }
    };
    let candidate = Some(found.unwrap_or_else(none));
    let packs = range.packs.only(last.clone());
    Part { packs, candidate, ..loose(range, Extent { from: last.before(), to: None }) }
}

/// Objects that no pack has.
fn loose(range: &Range, extent: Extent) -> Part<'_> {
    let (entries, packs) = (inside(range, extent), Packs::none());
    Part { extent, entries, packs, candidate: None, to_its_end: true }
}

fn inside(range: &Range, extent: Extent) -> &[Entry] {
    let from = range.entries.partition_point(|entry| entry.place.seq < extent.from.seq());
    let to =
        range.entries.partition_point(|entry| extent.to.is_none_or(|to| entry.place.seq <= to));
    &range.entries[from..to.max(from)]
}
