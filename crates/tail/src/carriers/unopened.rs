//! The carriers without a descriptor: which of them wait to be opened, and what they hold in all.

use std::collections::{BTreeMap, BTreeSet};

use super::Carrier;
use crate::disk::DiskFile;

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
    /// Listed. The live files (`false`) stand first, then the oldest.
    waiting: BTreeSet<(bool, u64)>,
    /// Not listed any more, or only reported.
    missing: BTreeSet<u64>,
    unread: Unread,
}

impl Unopened {
    /// Those of `open`, after this listing.
    pub(super) fn of<F: DiskFile>(open: &BTreeMap<u64, Box<Carrier<F>>>, listing: u64) -> Self {
        let closed = || open.iter().filter(|(_, carrier)| !carrier.is_held());
        let listed = |carrier: &Carrier<F>| carrier.listed == listing;
        let mut all = Self {
            waiting: closed().filter(|(_, c)| listed(c)).map(|(id, c)| key(*id, c)).collect(),
            missing: closed().filter(|(_, c)| !listed(c)).map(|(id, _)| *id).collect(),
            unread: Unread::default(),
        };
        closed().for_each(|(_, carrier)| all.count(carrier, true));
        all
    }

    pub(super) fn add<F: DiskFile>(&mut self, id: u64, carrier: &Carrier<F>, listing: u64) {
        if carrier.listed == listing && listing > 0 {
            self.waiting.insert(key(id, carrier));
        } else {
            self.missing.insert(id);
        }
        self.count(carrier, true);
    }

    /// The carrier is opened now, or forgotten.
    pub(super) fn remove<F: DiskFile>(&mut self, id: u64, carrier: &Carrier<F>) {
        if self.waiting.remove(&key(id, carrier)) || self.missing.remove(&id) {
            self.count(carrier, false);
        }
    }

    fn count<F: DiskFile>(&mut self, carrier: &Carrier<F>, more: bool) {
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

    /// Those that wait to be opened, the live files first, then the oldest.
    pub(super) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.waiting.iter().map(|(_, id)| *id)
    }

    pub(super) fn waiting_count(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn missing(&self) -> impl Iterator<Item = u64> {
        self.missing.iter().copied()
    }

    pub(super) fn unread(&self) -> Unread {
        self.unread
    }
}

fn key<F: DiskFile>(id: u64, carrier: &Carrier<F>) -> (bool, u64) {
    (!carrier.is_live(), id)
}
