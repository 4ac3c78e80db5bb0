//! Files that were listed, and gone before they could be opened.
//!
//! Their bytes are lost unless they turn up compressed. What was never opened has no identity to be
//! recognised by, so names and sizes must do; where they don't suffice, a gap is claimed: an alarm
//! too many is better than one too few.

use super::Follower;
use super::finish::MISSES;
use crate::account::Account;
use crate::carrier::{Carrier, State};
use crate::disk::{Disk, DiskFile};
use crate::names::Age;
use crate::types::{FileId, Gap, GapReason, Look};

impl<D: Disk> Follower<D> {
    pub(super) fn settle_unopened(&mut self, look: &mut Look<D::File>) {
        for id in self.ids(|c| !c.listed && c.held.is_none()) {
            let Some(carrier) = self.carriers.get(&id) else { continue };
            if carrier.misses < MISSES {
                look.more = true;
                continue;
            }
            let Some(carrier) = self.carriers.remove(&id) else { continue };
            // Others may have waited for what becomes of it.
            look.more = true;
            if (carrier.size > 0 || carrier.unseen) && !self.turned_up(&carrier, look) {
                let end = known_size(&carrier);
                let reason = GapReason::DeletedBeforeRead;
                look.gaps.push(Gap::unidentified(carrier.name, end, reason));
            }
        }
    }

    /// A compressed file ends before its plain one did, which nobody has read.
    pub(super) fn fall_short(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        let expected = std::mem::take(&mut carrier.expected);
        if self.accounts.get(&file).is_some_and(|account| account.taken < expected) {
            self.gap(&file, Some(expected), GapReason::DeletedBeforeRead, look);
        }
    }

    /// Whether the file is accounted for, or is going to be.
    ///
    /// Of a live file nobody knows the later name. A compressed file that came since then may be
    /// what it was made into, or what it made room for: how long that one is, is known only once
    /// it is begun, and a gap must be handed out before that (see [`Self::must_wait`]). So it counts
    /// as lost, though its bytes may come yet.
    fn turned_up(&mut self, gone: &Carrier<D::File>, look: &mut Look<D::File>) -> bool {
        if gone.role.age == Age::Live {
            return false;
        }
        // Unless another file has taken its name, what is compressed under it is this one.
        let overwritten = self.carriers.values().any(|c| c.role == gone.role);
        let twin = self.carriers.iter().find(|(_, c)| {
            let other = c.role.age == gone.role.age && c.role.packed() != gone.role.packed();
            other && c.listed && !overwritten
        });
        let twin = twin.map(|(id, c)| (*id, c.packed(), matches!(c.state, State::Consumed)));
        if let Some((id, gzip, false)) = twin {
            if gzip {
                self.expect(id, gone.size, look);
            }
            return true;
        }
        let without = twin.is_some();
        // Stamps don't come twice, so a file of that stamp is this one; numbers are reused.
        if !gone.role.age.is_unique() {
            return without;
        }
        let size = known_size(gone);
        let same = |account: &Account| {
            self.family.role(&account.name).is_some_and(|role| role.age == gone.role.age)
        };
        for file in &self.orphans {
            let Some(account) = self.accounts.get_mut(file).filter(|a| same(a)) else { continue };
            let taken = account.taken;
            if let Some(lost) = account.lost.as_mut() {
                // That file's own gap says more.
                lost.end = lost.end.or(size.filter(|size| *size >= taken));
                return true;
            }
        }
        // Smaller than what was taken under that name, it would be another file after all.
        let finished = |a: &&Account| {
            a.final_ && a.carrier.is_none() && same(a) && size.is_none_or(|size| size >= a.taken)
        };
        let Some(account) = self.accounts.values().find(finished) else { return without };
        let unwatched = gone.role.packed() && account.final_since == 0;
        if unwatched || size.is_some_and(|size| size > account.taken) {
            // It had grown since, or may have while nobody ran.
            self.gap(&account.file, size, GapReason::DeletedBeforeRead, look);
        }
        true
    }

    /// A compressed file was made of one that had this many bytes at least.
    fn expect(&mut self, id: u64, size: u64, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        carrier.expected = carrier.expected.max(size);
        if let State::Active(file) = carrier.state
            && self.accounts.get(&file).is_some_and(|account| account.final_)
        {
            self.fall_short(id, file, look);
        }
    }
}

/// A file's uncompressed size, where it can be known.
fn known_size<F: DiskFile>(carrier: &Carrier<F>) -> Option<u64> {
    (!carrier.role.packed() && !carrier.unseen).then_some(carrier.size)
}
