//! The carriers without a descriptor: which of them wait to be opened, and what they hold in all.

use std::collections::BTreeSet;

use super::Carrier;
use crate::sorted::Sorted;

/// What the files hold that were never opened.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Unread {
    /// Files that aren't empty.
    pub(crate) files: usize,
    /// Bytes of plain files.
    pub(crate) bytes: u64,
    /// Stored bytes of compressed files.
    pub(crate) packed: u64,
}

/// Kept as files come and go: a hundred thousand may wait, and each look asks.
#[derive(Debug, Default)]
pub(super) struct Unopened {
    /// Listed, the live files.
    live: BTreeSet<u64>,
    /// Listed, the others: the oldest first.
    waiting: Sorted<u64>,
    /// Listed, those that one of the others may tell of.
    untold: BTreeSet<u64>,
    /// Not listed any more, or only reported.
    missing: BTreeSet<u64>,
    unread: Unread,
}

/// Which of them a carrier is among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Live,
    Waiting,
    Untold,
    Missing,
}

impl Place {
    fn of<F>(carrier: &Carrier<F>) -> Self {
        if !carrier.is_listed() {
            Self::Missing
        } else if carrier.comes_last() {
            Self::Untold
        } else if carrier.is_live() {
            Self::Live
        } else {
            Self::Waiting
        }
    }
}

impl Unopened {
    /// Those of `carriers`, which come by number, after a listing.
    pub(super) fn of<'a, F: 'a>(
        carriers: impl Iterator<Item = (u64, &'a Carrier<F>)> + Clone,
    ) -> Self {
        let closed = carriers.filter(|(_, c)| !c.is_done() && !c.is_held());
        let those =
            |place| closed.clone().filter(move |(_, c)| Place::of(c) == place).map(|(id, _)| id);
        let mut all = Self {
            live: those(Place::Live).collect(),
            waiting: Sorted::of(those(Place::Waiting)),
            untold: those(Place::Untold).collect(),
            missing: those(Place::Missing).collect(),
            unread: Unread::default(),
        };
        closed.for_each(|(_, carrier)| all.count(carrier, true));
        all
    }

    pub(super) fn add<F>(&mut self, id: u64, carrier: &Carrier<F>) {
        match Place::of(carrier) {
            Place::Live => drop(self.live.insert(id)),
            Place::Waiting => self.waiting.insert(id, |other| other.cmp(&id)),
            Place::Untold => drop(self.untold.insert(id)),
            Place::Missing => drop(self.missing.insert(id)),
        }
        self.count(carrier, true);
    }

    /// The carrier is opened now, or forgotten.
    pub(super) fn remove<F>(&mut self, id: u64, carrier: &Carrier<F>) {
        let last = self.live.remove(&id) || self.untold.remove(&id);
        let listed = self.waiting.remove(|other| other.cmp(&id)) || last;
        if listed || self.missing.remove(&id) {
            self.count(carrier, false);
        }
    }

    fn count<F>(&mut self, carrier: &Carrier<F>, more: bool) {
        let size = carrier.size();
        let Unread { files, bytes, packed } = &mut self.unread;
        let bytes = if carrier.packed() { packed } else { bytes };
        if more {
            *files += usize::from(size > 0);
            *bytes += size;
        } else {
            *files -= usize::from(size > 0);
            *bytes -= size;
        }
    }

    /// Those that wait to be opened, the live files first, then the oldest; at last those that another
    /// file may tell of.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.live.iter().copied().chain(self.waiting.iter()).chain(self.untold.iter().copied())
    }

    pub(super) fn waiting_count(&self) -> usize {
        self.live.len() + self.waiting.len() + self.untold.len()
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = u64> {
        self.missing.iter().copied()
    }

    pub(super) fn unread(&self) -> Unread {
        self.unread
    }
}
