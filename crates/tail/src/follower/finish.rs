//! What is lost, and what can be let go of.

use std::collections::BTreeSet;

use auditseal_format::Time;

use super::Follower;
use crate::account::Account;
use crate::carrier::{Carrier, State};
use crate::disk::Disk;
use crate::types::{FileId, Gap, GapReason, Look};

/// Looks in a row that must miss a file. A listing may leave out a file whose name changes during
/// it; a backup's name changes twice: when it is rotated, and when it is compressed.
pub(super) const MISSES: u8 = 3;

impl<D: Disk> Follower<D> {
    /// Declares lost what nothing on disk holds any more.
    pub(super) fn settle(&mut self, look: &mut Look<D::File>) {
        self.settle_unopened(look);
        let unsure = !self.listed
            || self.carriers.values().any(|c| {
                c.pending || (c.listed && c.held.is_none() && !matches!(c.state, State::Consumed))
            });
        for file in self.orphans.clone() {
            let (now, linger) = (self.now, self.settings.linger);
            let draining = self.draining();
            let Some(lost) = self.accounts.get_mut(&file).and_then(|a| a.lost.as_mut()) else {
                self.orphans.remove(&file);
                continue;
            };
            // A file that can't be looked into may be this one. Not for ever, though: should it
            // turn out to be, its takes go on where the gap begins.
            if unsure && (draining || now - lost.since < linger) {
                continue;
            }
            lost.misses += 1;
            if lost.misses < MISSES {
                look.more = true;
                continue;
            }
            let (reason, end) = (lost.reason, lost.end);
            self.orphans.remove(&file);
            if let Some(account) = self.accounts.get_mut(&file) {
                account.lost = None;
                // This gap covers it.
                account.owes = false;
            }
            self.close(file, look);
            self.gap(&file, end, reason, look);
        }
    }

    /// Closes descriptors that nothing more is expected of.
    pub(super) fn release(&mut self, look: &mut Look<D::File>) {
        for id in self.ids(|carrier| carrier.held.is_some() && !carrier.pending) {
            let Some(carrier) = self.carriers.get(&id) else { continue };
            let done = match carrier.state {
                State::Active(file) => self.settled(id) && self.lingered(carrier, &file),
                State::Unread => carrier.size == 0 && self.over(carrier),
                _ => false,
            };
            if done {
                self.let_go(id);
            }
        }
        self.keep_budget(look);
        self.prune();
    }

    fn lingered(&self, carrier: &Carrier<D::File>, file: &FileId) -> bool {
        let since = self.accounts.get(file).map_or(0, |account| account.final_since);
        let quiet = self.now - since.max(carrier.since) >= self.settings.linger;
        // Nobody appends to a compressed file.
        carrier.packed() || quiet
    }

    /// Whether closing the carrier loses nothing that is known.
    fn settled(&self, id: u64) -> bool {
        let Some(carrier) = self.carriers.get(&id) else { return true };
        match carrier.state {
            State::Active(file) => self.accounts.get(&file).is_some_and(|account| {
                account.final_
                    && account.committed >= account.taken
                    && (carrier.packed() || carrier.size <= account.taken)
            }),
            State::Unread => carrier.size == 0,
            State::Identified(_) => false,
            State::Standby(file, _) => carrier.is_copy(file),
            State::Consumed => true,
        }
    }

    fn let_go(&mut self, id: u64) {
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        if let State::Active(file) = carrier.state
            && let Some(account) = self.accounts.get_mut(&file)
        {
            account.carrier = None;
        }
        carrier.consume();
        if !carrier.listed {
            self.carriers.remove(&id);
        }
    }

    /// Whether one more descriptor may be held; closes one that only lingers, if need be.
    pub(super) fn has_room(&mut self) -> bool {
        let open = self.carriers.values().filter(|c| c.held.is_some()).count();
        if open < self.settings.max_open {
            return true;
        }
        let mut spare = self.ids(|c| c.held.is_some() && matches!(c.state, State::Active(_)));
        spare.sort_by_key(|id| self.carriers[id].order);
        match spare.into_iter().find(|id| self.settled(*id)) {
            Some(id) => {
                self.let_go(id);
                true
            }
            None => false,
        }
    }

    /// Unlinked files hold disk that etcd needs. Past the budget the oldest is closed: first those
    /// that only linger, then, with a gap, those that are read too slowly.
    fn keep_budget(&mut self, look: &mut Look<D::File>) {
        let bytes = self.unlinked_bytes();
        if bytes == 0 {
            return;
        }
        let spared = bytes.saturating_sub(self.lacking());
        let budget = self.settings.max_unlinked_bytes.min(spared);
        while self.unlinked_bytes() > budget {
            let mut unlinked = self.ids(Carrier::unlinked);
            unlinked.sort_by_key(|id| self.carriers[id].order);
            let settled = unlinked.iter().copied().find(|id| self.settled(*id));
            let Some(id) = settled.or(unlinked.first().copied()) else { return };
            if settled.is_none() {
                self.abandon(id, look);
            }
            self.let_go(id);
        }
    }

    pub(super) fn unlinked_bytes(&self) -> u64 {
        self.carriers
            .values()
            .filter(|carrier| carrier.unlinked())
            .map(|carrier| carrier.size)
            .sum()
    }

    /// Bytes by which the disk has less free than it is to have.
    fn lacking(&mut self) -> u64 {
        let Some(room) = self.disk.room() else { return 0 };
        // A small disk of the log's own would never have as much as a large one that is etcd's too.
        let floor = self.settings.min_free_bytes.min(room.all / 20);
        floor.saturating_sub(room.free)
    }

    /// Gives up a file that isn't read to its end.
    fn abandon(&mut self, id: u64, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get(&id) else { return };
        let size = (!carrier.packed()).then_some(carrier.size);
        match carrier.state {
            State::Active(file) => {
                let Some(account) = self.accounts.get(&file) else { return };
                if size != Some(account.taken) {
                    // A compressed copy may hold the rest; the gap follows unless one does.
                    self.lose(file, GapReason::Budget, size);
                } else if !account.final_ {
                    self.close(file, look);
                }
            }
            State::Unread | State::Identified(_) => {
                let name = carrier.name.clone();
                look.gaps.push(Gap::unidentified(name, size, GapReason::Budget));
            }
            State::Standby(..) | State::Consumed => {}
        }
    }

    /// Forgets finished files, the oldest first. A year's would take more memory than all else,
    /// and one whose backup is still there would be taken again: as a whole, into a locked bucket.
    fn prune(&mut self) {
        if self.accounts.len() <= self.prune_above {
            return;
        }
        let there: BTreeSet<Time> =
            self.carriers.values().filter(|c| c.listed).filter_map(|c| c.role.rotated()).collect();
        let held: BTreeSet<FileId> = self.carriers.values().filter_map(Carrier::of).collect();
        let over = |account: &&Account| {
            let listed = self.family.rotated(&account.name).is_some_and(|at| there.contains(&at));
            account.final_
                && account.committed >= account.taken
                && !listed
                && !held.contains(&account.file)
        };
        let mut over: Vec<_> = self
            .accounts
            .values()
            .filter(over)
            .map(|account| (account.final_since, account.turn, account.file))
            .collect();
        over.sort_unstable();
        over.truncate(over.len().saturating_sub(self.settings.finals_kept));
        for (_, _, file) in over {
            self.accounts.remove(&file);
        }
        // What is left may be there for long: not at each look again.
        self.prune_above = self.accounts.len() + self.settings.finals_kept;
    }
}
