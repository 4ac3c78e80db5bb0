//! Telling known files from new ones, and where a new one stands among them.

use std::collections::BTreeSet;

use super::sight::Sight;
use super::{Carrier, Carriers};
use crate::disk::DiskFile;
use crate::inode::FolderId;
use crate::names::Age;

/// What came of opening a listed name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Opened {
    /// The listed file.
    Held,
    /// A file that was held already.
    Known,
    /// Another file has the name by now.
    Other,
}

/// What a fresh file may stand before.
pub(crate) struct Newer {
    /// The places of files that got their names about now, by name.
    names: Vec<(FolderId, Age, u64)>,
    /// All places, once somebody asked.
    places: Option<BTreeSet<u64>>,
}

impl Newer {
    pub(crate) fn of<F: DiskFile>(carriers: &Carriers<F>) -> Self {
        let recent = |c: &&Carrier<F>| {
            // Behind the first listing of all, everything is recent and nothing is older.
            c.is_listed() && (c.is_live() || c.is_recent(carriers.looks))
        };
        let by_age = carriers.by_age().filter(recent);
        let mut newer: Vec<_> = by_age.map(|c| (c.folder(), c.age(), c.order())).collect();
        // From each on, the least place: the order of names and that of places may differ.
        let mut least: Option<(FolderId, u64)> = None;
        for (folder, _, order) in newer.iter_mut().rev() {
            let known = least.filter(|(of, _)| of == folder).map(|(_, order)| order);
            *order = known.map_or(*order, |known| known.min(*order));
            least = Some((*folder, *order));
        }
        Self { names: newer, places: None }
    }

    /// The first place of those whose names are newer.
    pub(super) fn above(&self, folder: FolderId, age: &Age) -> Option<u64> {
        let at = self.names.partition_point(|(of, other, _)| (*of, other) <= (folder, age));
        self.names.get(at).filter(|(of, ..)| *of == folder).map(|(_, _, order)| *order)
    }

    /// The last place before this one. `all` gives all places: they are asked for once.
    pub(super) fn below(&mut self, above: u64, all: impl FnOnce() -> BTreeSet<u64>) -> u64 {
        self.places.get_or_insert_with(all).range(..above).next_back().copied().unwrap_or(0)
    }

    /// A fresh file gets this place.
    pub(super) fn takes(&mut self, place: u64) -> u64 {
        self.places.get_or_insert_default().insert(place);
        place
    }
}

/// Whether the entry is the inode of a carrier that isn't held, and still the same file.
pub(super) fn same<F: DiskFile>(carrier: &Carrier<F>, sight: &Sight, age: Age) -> bool {
    // A stamp is never given twice; other names are, and then an inode may be, too. The file would
    // stand in the place of the one that is gone, before what is older than it.
    let name = *carrier.label() == sight.label && (!carrier.is_gone() || age.is_unique());
    carrier.folder() == sight.folder
        && (name || carrier.age().becomes(&age))
        && sight.size >= carrier.size()
}

/// The same of a file that is accounted for.
pub(super) fn same_done<F: DiskFile>(done: &Carrier<F>, sight: &Sight, age: Age) -> bool {
    // Its number may go up every night. That is believed of compressed files only, where finding
    // out would mean to decode them all again.
    let renamed = done.age().becomes(&age) && done.packed();
    done.folder() == sight.folder
        && (*done.label() == sight.label || renamed)
        && done.size() == sight.size
}

/// Whether a carrier that was never opened is the inode that was opened under another name. One that a
/// listing didn't show isn't what has its name now, though that has its inode.
pub(super) fn moved<F: DiskFile>(placeholder: &Carrier<F>, held: &Carrier<F>) -> bool {
    let (before, after) = (placeholder.age(), held.age());
    placeholder.key() == held.key()
        && placeholder.packed() == held.packed()
        && placeholder.size() <= held.size()
        && (before.becomes(&after)
            || (before == after && (!placeholder.is_gone() || after.is_unique())))
}
