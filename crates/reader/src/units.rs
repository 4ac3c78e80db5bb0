//! In which order what was listed is read: objects, and where a pack holds several of them, the pack.

use auditseal_chain::Extent;

use crate::listing::Entry;
use crate::packs::{Pack, Packs};

/// What is fetched at a time.
pub(crate) enum Unit<'a> {
    /// An object by itself.
    Object(&'a Entry),
    /// A pack, and the objects that stand at its seqs all the same.
    Pack(&'a Pack, &'a [Entry]),
}

struct Units<'a> {
    entries: &'a [Entry],
    packs: std::slice::Iter<'a, Pack>,
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
    Units { entries: &entries[from..to], packs: packs.taken().iter() }
}

impl<'a> Iterator for Units<'a> {
    type Item = Unit<'a>;

    fn next(&mut self) -> Option<Unit<'a>> {
        let first = self.entries.first();
        let pack = self
            .packs
            .as_slice()
            .first()
            .filter(|pack| first.is_none_or(|entry| pack.first <= entry.place.seq));
        match (pack, first) {
            (Some(pack), _) => {
                self.packs.next();
                let last = pack.last;
                let beside = self.entries.partition_point(|entry| entry.place.seq <= last);
                let (beside, rest) = self.entries.split_at(beside);
                self.entries = rest;
                Some(Unit::Pack(pack, beside))
            }
            (None, Some(entry)) => {
                self.entries = &self.entries[1..];
                Some(Unit::Object(entry))
            }
            (None, None) => None,
        }
    }
}
