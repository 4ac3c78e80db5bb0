//! In which parts a chain is searched: packs that may hold an answer, each alone, and the objects that no
//! pack has. What an index says holds none isn't read, unless something else is to be known of it: that
//! lines were lost there, or whether a seal that is known stands in it.

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
    /// The pack is decoded to its end, for its seals say more than which lines it has.
    pub(crate) to_its_end: bool,
    /// How many of the range's packs stand before it.
    pub(crate) behind: usize,
}

/// What is known of a chain beside its packs.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// The seal that is known to be the chain's last.
    pub(crate) ended: Option<SealId>,
    /// Seals that are known to be the chain's: whether they are is looked at.
    pub(crate) seals: Vec<SealId>,
}

impl Known {
    /// Whether a pack that holds no answer has to be read all the same.
    pub(crate) fn asks(&self, pack: &Pack) -> bool {
        let inside = |seal: &&SealId| (pack.first..=pack.last).contains(&seal.seq);
        // What its auditor names as its last seal needn't be read.
        pack.attestation.gaps > 0
            || self.seals.iter().filter(inside).any(|seal| *seal != end_of(pack))
    }
}

/// All of a range, in one part.
pub(crate) fn whole(range: &Range) -> Vec<Part<'_>> {
    if range.extent.to.is_some_and(|to| to < range.extent.from.seq()) {
        return Vec::new();
    }
    vec![Part { packs: range.packs.clone(), ..loose(range, range.extent, 0) }]
}

/// The parts of a range that must be read by what a search in its packs found, in the order of the chain.
pub(crate) fn parts<'a>(range: &'a Range, searched: &Searched, known: &Known) -> Vec<Part<'a>> {
    let mut parts = Vec::new();
    let mut found = searched.found.iter().peekable();
    let mut next = range.extent.from;
    let taken = range.packs.taken();
    for (nth, pack) in taken.iter().enumerate() {
        if next.seq() < pack.first {
            let extent = Extent { from: next, to: Some(pack.first - 1) };
            parts.push(loose(range, extent, nth));
            next = pack.before();
        }
        let is_this = |candidate: &&Candidate| candidate.pack.attested_at == pack.attested_at;
        let candidate = found.next_if(is_this).cloned();
        let extent = Extent { from: begin(next, pack), to: Some(pack.last) };
        if known.asks(pack) {
            let candidate = candidate.or_else(|| Some(without(pack)));
            let packs = range.packs.only(pack.clone().without_findings());
            parts.push(Part { packs, candidate, ..loose(range, extent, nth) });
        } else if let Some(candidate) = candidate {
            let extent = Extent { to: Some(candidate.last()), ..extent };
            let packs = cut(range, pack, candidate.last());
            let candidate = Some(candidate);
            parts.push(Part { packs, candidate, to_its_end: false, ..loose(range, extent, nth) });
        }
        next = Begin::After(end_of(pack));
    }
    let rest = Extent { from: next, to: range.extent.to };
    let nothing = rest.to.is_none() && inside(range, rest).is_empty();
    let reached = |last: &Pack| known.seals.iter().all(|seal| seal.seq <= last.last);
    match taken.last() {
        _ if range.extent.to.is_some_and(|to| to < next.seq()) => {}
        // It is known to end here.
        Some(last) if nothing && known.ended == Some(end_of(last)) && reached(last) => {}
        // Whether the chain may end with its packs, its last seal says.
        Some(last) if nothing => {
            let is_last = |part: &mut Part<'_>| {
                part.candidate.as_ref().is_some_and(|of| of.pack.attested_at == last.attested_at)
            };
            let read = parts.pop_if(is_last);
            let from =
                read.as_ref().map_or_else(|| begin_of_last(range, taken), |part| part.extent.from);
            let candidate = read.and_then(|part| part.candidate).or_else(|| Some(without(last)));
            let packs = range.packs.only(last.clone().without_findings());
            let extent = Extent { from, to: None };
            parts.push(Part { packs, candidate, ..loose(range, extent, taken.len() - 1) });
        }
        _ => parts.push(loose(range, rest, taken.len())),
    }
    parts
}

/// A pack of a range as a part that is read whatever an index says, for what its seals say.
pub(crate) fn read_whole<'a>(range: &'a Range, nth: usize) -> Option<Part<'a>> {
    let pack = range.packs.taken().get(nth)?;
    let next = nth.checked_sub(1).and_then(|before| range.packs.taken().get(before));
    let next = next.map_or(range.extent.from, |before| Begin::After(end_of(before)));
    let extent = Extent { from: begin(next, pack), to: Some(pack.last) };
    let packs = range.packs.only(pack.clone().without_findings());
    Some(Part { packs, candidate: Some(without(pack)), ..loose(range, extent, nth) })
}

/// The last seal that is attested of a pack.
pub(crate) fn end_of(pack: &Pack) -> SealId {
    SealId { seq: pack.attestation.last, hash: pack.attestation.head }
}

/// Where the reading of a pack begins: behind the attested seal before it, but where only its end is read.
fn begin(next: Begin, pack: &Pack) -> Begin {
    let cut = pack.attestation.first < pack.first;
    let known = matches!(next, Begin::Known(_)) && next.seq() == pack.first;
    if cut || known { next } else { pack.before() }
}

fn begin_of_last(range: &Range, taken: &[Pack]) -> Begin {
    let Some((last, before)) = taken.split_last() else { return range.extent.from };
    let next = before.last().map_or(range.extent.from, |before| Begin::After(end_of(before)));
    begin(next, last)
}

/// A pack none of whose batches is asked for.
fn without(pack: &Pack) -> Candidate {
    let below = u32::try_from(pack.attestation.objects()).unwrap_or(u32::MAX);
    Candidate { pack: pack.clone(), batches: Ordinals::none(below), indexed: true }
}

/// A pack alone, and of it no object behind the last that is wanted.
fn cut(range: &Range, pack: &Pack, last: u64) -> Packs {
    let mut pack = pack.clone().without_findings();
    pack.last = last;
    range.packs.only(pack)
}

/// Objects that no pack has.
fn loose(range: &Range, extent: Extent, behind: usize) -> Part<'_> {
    let (entries, packs) = (inside(range, extent), Packs::none());
    Part { extent, entries, packs, candidate: None, to_its_end: true, behind }
}

fn inside(range: &Range, extent: Extent) -> &[Entry] {
    let from = range.entries.partition_point(|entry| entry.place.seq < extent.from.seq());
    let to =
        range.entries.partition_point(|entry| extent.to.is_none_or(|to| entry.place.seq <= to));
    &range.entries[from..to.max(from)]
}
