//! What can be let go of: descriptors, deleted files that hold a disk, finished accounts.

use std::collections::BTreeSet;

use auditseal_format::{FileId, Time};

use super::Follower;
use crate::carriers::{Carrier, State};
use crate::disk::Disk;
use crate::gap::{Gap, GapReason};
use crate::names::Age;
use crate::sorted::Sorted;
use crate::types::Look;

impl<D: Disk> Follower<D> {
    /// Closes descriptors that nothing more is expected of.
    pub(super) fn release(&mut self, look: &mut Look<D::File>) {
        for id in self.carriers.held(|carrier| !carrier.pending()) {
            let Some(carrier) = self.carriers.get(id) else { continue };
            let done = match carrier.state() {
                State::Active(file) => self.settled(carrier) && self.lingered(carrier, &file),
                State::Unread => carrier.size() == 0 && self.over(carrier),
                // A mirror leaves one behind each time that it renames a new copy over the log.
                State::Standby(file, _) => {
                    let quiet = self.now - carrier.since() >= self.settings.linger;
                    quiet && !carrier.is_listed() && carrier.is_copy(file)
                }
                State::Identified(_) => false,
            };
            if done {
                self.let_go(id);
            }
        }
        self.keep_budget(look);
        self.end_comparing();
        self.end_asking();
        self.prune();
        if self.leaves() {
            for folder in self.carriers.spent() {
                self.disk.leave(folder);
            }
        }
    }

    /// Whether a directory that the path has left, and of which all is taken, is left for good. Until
    /// the log goes on elsewhere the apiserver writes to what it has open there, whatever that is
    /// called by now, and only a listing shows that it does.
    fn leaves(&self) -> bool {
        self.draining() || self.is_elsewhere()
    }

    fn lingered(&self, carrier: &Carrier<D::File>, file: &FileId) -> bool {
        let since = self.accounts.get(file).map_or(0, |account| account.final_since());
        let quiet = self.now - since.max(carrier.since()) >= self.settings.linger;
        // Nobody appends to a compressed file.
        carrier.packed() || quiet
    }

    /// Whether closing the carrier loses nothing that is known.
    fn settled(&self, carrier: &Carrier<D::File>) -> bool {
        match carrier.state() {
            // It was over while the path led elsewhere, and is written to again. Where the path leaves
            // it once more, only a descriptor tells what is written until that is known.
            State::Active(_) if carrier.is_live() && !self.draining() => false,
            State::Active(file) => self.accounts.get(&file).is_some_and(|account| {
                account.is_final()
                    && account.is_committed()
                    && (carrier.packed() || carrier.size() <= account.taken())
            }),
            State::Unread => carrier.size() == 0,
            State::Identified(_) => false,
            State::Standby(file, _) => carrier.is_copy(file),
        }
    }

    fn let_go(&mut self, id: u64) {
        let Some(carrier) = self.carriers.get(id) else { return };
        let begun = self.shows_begun(carrier);
        if let State::Active(file) = carrier.state() {
            self.accounts.change(&file, crate::accounts::Account::detach);
            self.accounts.close(&file);
        }
        self.carriers.let_go(id, begun);
    }

    /// Whether one more descriptor may be held as it is.
    pub(super) fn has_spare(&self) -> bool {
        self.carriers.held_count() < self.settings.limits.open
    }

    /// Whether one more descriptor may be held, for a file that is `untold` itself or isn't; closes one
    /// that only lingers, if need be.
    pub(super) fn has_room(&mut self, untold: bool, look: &mut Look<D::File>) -> bool {
        if self.has_spare() {
            return true;
        }
        // What waits for another file to tell what it is, comes behind all that may.
        let aside = |carrier: &Carrier<D::File>| !untold && carrier.comes_last();
        let spare = self.carriers.held(|carrier| self.is_spare(carrier) || aside(carrier));
        let oldest = spare.into_iter().min_by_key(|id| self.carriers.get(*id).map(Carrier::order));
        let Some(id) = oldest else { return false };
        if self.carriers.get(id).is_some_and(Carrier::comes_last) {
            self.carriers.set_aside(id);
            look.more = true;
            return true;
        }
        if let Some((State::Standby(file, _), end)) =
            self.carriers.get(id).map(|carrier| (carrier.state(), carrier.proof_end()))
        {
            // Met again, it holds nothing that wasn't taken.
            self.accounts.change(&file, |account| account.was_copied(end));
        }
        self.let_go(id);
        true
    }

    /// Whether the carrier only lingers, or holds nothing but what is sealed of another one: a log may
    /// have more copies beside it than there are descriptors.
    fn is_spare(&self, carrier: &Carrier<D::File>) -> bool {
        match carrier.state() {
            State::Active(_) => self.settled(carrier),
            State::Standby(file, _) => {
                let sealed = |end| {
                    let account = self.accounts.get(&file);
                    account.is_some_and(|a| a.is_committed() && end <= a.taken())
                };
                !carrier.is_live() && carrier.is_copy(file) && carrier.proved().is_some_and(sealed)
            }
            State::Unread | State::Identified(_) => false,
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
            let mut unlinked = self.carriers.held(Carrier::unlinked);
            unlinked.sort_by_key(|id| self.carriers.get(*id).map(Carrier::order));
            let settled = |id: &u64| self.carriers.get(*id).is_some_and(|c| self.settled(c));
            let settled = unlinked.iter().copied().find(settled);
            let Some(id) = settled.or(unlinked.first().copied()) else { return };
            if settled.is_none() {
                self.abandon(id, look);
            }
            self.let_go(id);
        }
    }

    pub(super) fn unlinked_bytes(&self) -> u64 {
        self.carriers.all_held().filter(|c| c.unlinked()).map(Carrier::size).sum()
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
        let Some(carrier) = self.carriers.get(id) else { return };
        let size = (!carrier.packed()).then_some(carrier.size());
        match carrier.state() {
            State::Active(file) => {
                let Some(account) = self.accounts.get(&file) else { return };
                if size != Some(account.taken()) {
                    // A compressed copy may hold the rest; the gap follows unless one does.
                    self.lose(file, GapReason::Budget, size);
                } else if !account.is_final() {
                    self.close(file, look);
                }
            }
            State::Unread | State::Identified(_) => {
                let name = self.carriers.name(carrier);
                look.gaps.push(Gap::unidentified(name, size, GapReason::Budget));
            }
            State::Standby(..) => {}
        }
    }

    /// Forgets finished files, the oldest first. A year's would take more memory than all else,
    /// and one whose backup is still there would be taken again: as a whole, into a locked bucket.
    fn prune(&mut self) {
        if self.accounts.len() <= self.prune_above {
            return;
        }
        let listed = || self.carriers.all().filter(|c| c.listed);
        let there: Sorted<Time> = listed().filter_map(|c| c.role.rotated()).collect();
        // What is called by a number has had another name after each rotation, and is among the newest.
        let numbered =
            listed().filter(|c| c.role.rotated().is_none() && c.role.age != Age::Live).count();
        let held: BTreeSet<FileId> =
            self.carriers.open().filter_map(|(_, c)| c.state().file()).collect();
        self.accounts.prune((self.settings.limits.finals, numbered), |account| {
            held.contains(&account.file)
                || account.role().and_then(|role| role.rotated()).is_some_and(|at| there.has(&at))
        });
        self.holders.retain(|file, _| self.accounts.brief(file).is_some());
        // What is left may be there for long: not at each look again.
        let finals = self.settings.limits.finals;
        self.prune_above = self.accounts.len() + finals.max(self.accounts.len() / 2);
    }
}
