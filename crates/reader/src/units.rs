//! In which order what was listed is read: objects, and where a pack holds several of them, the pack.

use auditseal_chain::Extent;

use crate::listing::Entry;
use crate::packs::{Pack, Packs};

/// What is fetched at a time.
pub(crate) enum Unit<'a> {
    /// An object by itself.
    Object(&'a Entry),
    /// A pack, and the objects that stand at its seqs all the same.
    Pack(Box<Pack>, &'a [Entry]),
}

struct Units<'a, P: Iterator<Item = Pack>> {
    entries: &'a [Entry],
    packs: std::iter::Peekable<P>,
}

/// What was listed of a part of a chain, in its order.
pub(crate) fn units<'a>(
    entries: &'a [Entry],
    packs: &'a Packs,
    extent: Extent,
) -> impl Iterator<Item = Unit<'a>> + Send + 'a {
    let from = entries.partition_point(|entry| entry.place.seq < extent.from.seq());
    let inside = |entry: &Entry| extent.to.is_none_or(|to| entry.place.seq <= to);
    let to = entries.partition_point(inside).max(from);
    of(&entries[from..to], packs.taken().iter().cloned())
}

/// The same of these objects, and packs in the order of their seqs.
pub(crate) fn of<'a>(
    entries: &'a [Entry],
    packs: impl Iterator<Item = Pack> + Send + 'a,
) -> impl Iterator<Item = Unit<'a>> + Send + 'a {
    Units { entries, packs: packs.peekable() }
}

impl<'a, P: Iterator<Item = Pack>> Iterator for Units<'a, P> {
    type Item = Unit<'a>;

    fn next(&mut self) -> Option<Unit<'a>> {
        let first = self.entries.first();
        let before = |pack: &Pack| first.is_none_or(|entry| pack.first <= entry.place.seq);
        if let Some(pack) = self.packs.next_if(before) {
            let last = pack.last;
            let beside = self.entries.partition_point(|entry| entry.place.seq <= last);
            let (beside, rest) = self.entries.split_at(beside);
            self.entries = rest;
            return Some(Unit::Pack(Box::new(pack), beside));
        }
        let (entry, rest) = self.entries.split_first()?;
        self.entries = rest;
        Some(Unit::Object(entry))
    }
}
