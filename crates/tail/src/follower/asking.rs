//! Listings that may still show what tells of a piece of a log.
//!
//! One may leave out a file whose name changes during it, as the names of all numbered backups do where one
//! more comes. A piece whose longer file isn't there, or has another one's name, waits for those that
//! follow, or its lines would be archived once more.

use std::collections::BTreeMap;

use super::Follower;
use super::settle::MISSES;
use crate::carriers::Carrier;
use crate::disk::Disk;

/// Listings that are waited for at most, though each shows other names than the one before.
pub(super) const UNRESTFUL: u64 = 8;

/// The carriers of which nothing that is known tells whether they hold anything new.
#[derive(Debug, Default)]
pub(super) struct Asking(BTreeMap<u64, Asked>);

/// As of which listings that was found out of one of them.
#[derive(Debug, Clone, Copy)]
struct Asked {
    first: u64,
    last: u64,
}

impl<D: Disk> Follower<D> {
    /// Whether a listing may still show what tells of the carrier, which nothing does that is known. What
    /// is written now doesn't wait for that.
    pub(super) fn may_be_shown(&mut self, id: u64) -> bool {
        let now = self.carriers.listings();
        let asked = self.asking.0.entry(id).or_insert(Asked { first: now, last: now });
        asked.last = now;
        let asked = *asked;
        self.is_asking(id, asked)
    }

    /// Whether that was found out already, and no listing since shows anything else.
    pub(super) fn awaits_listing(&self, id: u64) -> bool {
        let asked = self.asking.0.get(&id).filter(|asked| self.carriers.altered() <= asked.last);
        asked.is_some_and(|asked| self.is_asking(id, *asked))
    }

    /// Whether any carrier waits for listings.
    pub(super) fn asks_listings(&self) -> bool {
        self.asking.0.iter().any(|(id, asked)| self.is_asking(*id, *asked))
    }

    /// Until enough listings in a row have shown the same, and no longer than until many were made, for
    /// names may never rest, or one couldn't be.
    fn is_asking(&self, id: u64, asked: Asked) -> bool {
        let (listings, altered) = (self.carriers.listings(), self.carriers.altered());
        let same = listings - asked.first.max(altered) < u64::from(MISSES);
        let live = self.carriers.get(id).is_none_or(Carrier::is_live);
        same && listings - asked.first < UNRESTFUL && self.directory.is_listed() && !live
    }

    /// Forgets those that are told by now, or gone.
    pub(super) fn end_asking(&mut self) {
        let Self { asking, carriers, .. } = self;
        asking.0.retain(|id, _| carriers.get(*id).is_some_and(Carrier::is_untold));
    }
}
