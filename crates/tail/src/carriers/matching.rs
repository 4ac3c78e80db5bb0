//! Telling known files from new ones, and where a new one stands among them.

use std::collections::BTreeSet;

use super::{Carrier, Carriers, Done, NameHash, Seen};
use crate::disk::{DiskFile, Entry, FolderId};
use crate::names::{Age, Role};

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
        let recent = |c: &Seen<'_>| {
            // Behind the first listing of all, everything is recent and nothing is older.
            c.listed && (c.live || carriers.looks - c.rotated <= 1)
        };
        let mut newer: Vec<_> = carriers
            .by_age
            .iter()
            .filter_map(|(folder, age, id)| {
                let seen = carriers.seen(*id).filter(recent)?;
                Some((*folder, age.clone(), seen.order))
            })
            .collect();
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
pub(super) fn same<F: DiskFile>(carrier: &Carrier<F>, role: &Role, entry: &Entry) -> bool {
    if carrier.folder != entry.folder || carrier.packed() != role.packed() {
        return false;
    }
    // A stamp is never given twice; other names are, and then an inode may be, too. The file would
    // stand in the place of the one that is gone, before what is older than it.
    let name = carrier.name == entry.name && (!carrier.gone || role.age.is_unique());
    (name || carrier.role.age.becomes(&role.age)) && entry.size >= carrier.size()
}

/// The same of a file that is accounted for.
pub(super) fn same_done(done: &Done, role: &Role, entry: &Entry) -> bool {
    // Its number may go up every night. That is believed of compressed files only, where finding
    // out would mean to decode them all again.
    let renamed = done.role.age.becomes(&role.age) && role.packed();
    done.folder == entry.folder
        && done.role.packed() == role.packed()
        && (done.name == NameHash::of(&entry.name) || renamed)
        && done.size == entry.size
}

/// Whether a carrier that was never opened is the inode that was opened under another name.
pub(super) fn moved<F: DiskFile>(placeholder: &Carrier<F>, held: &Carrier<F>) -> bool {
    let (before, after) = (&placeholder.role, &held.role);
    placeholder.key == held.key
        && before.packed() == after.packed()
        && placeholder.size() <= held.size()
        && (before.age == after.age || before.age.becomes(&after.age))
}
