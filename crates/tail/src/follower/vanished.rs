//! Files that were listed, and gone before they could be opened.
//!
//! Their bytes are lost unless they turn up compressed. What was never opened has no identity to be
//! recognised by, so names and sizes must do; where they don't suffice, a gap is claimed: an alarm
//! too many is better than one too few.

use std::ffi::OsString;

use auditseal_format::FileId;

use super::Follower;
use super::asking::UNRESTFUL;
use super::settle::MISSES;
use crate::carriers::{Carrier, Seen, State};
use crate::disk::Disk;
use crate::gap::{Gap, GapReason};
use crate::inode::{FileKey, FolderId};
use crate::names::{Age, Role};
use crate::types::Look;

/// A file that was never opened and is gone.
struct Gone {
    folder: FolderId,
    key: FileKey,
    role: Role,
    name: OsString,
    size: u64,
    /// Its uncompressed size, where it can be known.
    known: Option<u64>,
    /// Only its name was ever known.
    unseen: bool,
}

impl Gone {
    fn of<F: crate::disk::DiskFile>(carrier: &Carrier<F>, name: OsString) -> Self {
        Self {
            folder: carrier.folder(),
            key: carrier.key(),
            role: carrier.role(),
            name,
            size: carrier.size(),
            known: carrier.known_size(),
            unseen: carrier.unseen(),
        }
    }
}

impl<D: Disk> Follower<D> {
    pub(super) fn settle_unopened(&mut self, look: &mut Look<D::File>) {
        let listed = self.directory.listed_now();
        let missing: Vec<u64> = self.carriers.missing().collect();
        for id in missing {
            let Some(carrier) = self.carriers.get(id) else { continue };
            if carrier.misses() < MISSES || self.may_be_shifted(carrier) {
                look.more |= listed;
                continue;
            }
            let gone = Gone::of(carrier, self.carriers.name(carrier));
            self.carriers.remove(id);
            // Others may have waited for what becomes of it.
            look.more = true;
            if (gone.size > 0 || gone.unseen) && !self.turned_up(&gone, look) {
                // It may lie there all the same, under a name that means nothing to us.
                let hidden = self.directory.has_strangers();
                let reason =
                    if hidden { GapReason::Unrecognised } else { GapReason::DeletedBeforeRead };
                look.gaps.push(Gap::unidentified(gone.name, gone.known, reason));
            }
        }
    }

    /// Whether the last listing showed other names than the one before, and may have left out a file for
    /// that, whose name is a number: no longer than for many listings.
    fn may_be_shifted(&self, carrier: &Carrier<D::File>) -> bool {
        let restless = self.carriers.altered() == self.carriers.listings();
        let patient = u64::from(carrier.misses()) < UNRESTFUL;
        restless && patient && matches!(carrier.age(), Age::Numbered(_))
    }

    /// A compressed file ends before its plain one did, which nobody has read.
    pub(super) fn fall_short(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get_mut(id) else { return };
        let expected = carrier.settle_expected();
        if self.accounts.brief(&file).is_some_and(|account| account.taken < expected) {
            self.gap(&file, (Some(expected), None), GapReason::DeletedBeforeRead, look);
        }
    }

    /// Whether the file is accounted for, or is going to be.
    ///
    /// Of a live file nobody knows the later name. A compressed file that came since then may be
    /// what it was made into, or what it made room for: how long that one is, is known only once
    /// it is begun, and a gap must be handed out before that (`must_wait` in `take.rs`). So it
    /// counts as lost, though its bytes may come yet.
    fn turned_up(&mut self, gone: &Gone, look: &mut Look<D::File>) -> bool {
        if gone.role.age == Age::Live {
            return false;
        }
        // It was shifted by more than one number. What has its inode by now and came later has a lower one.
        let there = |c: &Seen| c.listed || self.carriers.get(c.id).is_some_and(Carrier::is_held);
        let shifted = |c: &Seen| {
            let same = there(c) && c.folder == gone.folder && c.role.codec == gone.role.codec;
            same && gone.role.age.is_shifted_to(&c.role.age) && c.size >= gone.size
        };
        if self.carriers.of_inode(gone.key).any(|c| shifted(&c)) {
            return true;
        }
        // Unless another file has taken its name, what is compressed under it is this one. While that was
        // made this one was still there: what has its inode was made of another one.
        let same_age = || self.carriers.of_age(gone.folder, gone.role.age);
        let overwritten = same_age().any(|c| c.role == gone.role);
        let reused = |id| self.carriers.of_inode(gone.key).any(|c| c.id == id);
        let other = |c: &Seen| c.role.packed() != gone.role.packed() && !reused(c.id);
        let twin = same_age().filter(|c| c.listed && !overwritten && other(c));
        let twin = twin.min_by_key(|c| c.id);
        let twin = twin.map(|c| (c.id, c.role.packed(), c.done));
        if let Some((id, packed, false)) = twin {
            if packed {
                self.expect(id, gone.size, look);
            }
            return true;
        }
        // Stamps don't come twice, so a file of that stamp is this one; numbers are reused.
        if !gone.role.age.is_unique() {
            return twin.is_some();
        }
        self.is_lost_already(gone) || self.was_finished(gone, look).unwrap_or(twin.is_some())
    }

    /// Whether it is a file that was begun, and whose own gap will say more.
    fn is_lost_already(&mut self, gone: &Gone) -> bool {
        let of_name = |file: &&FileId| {
            let account = self.accounts.get(file);
            let role = account.and_then(|account| self.family.role(account.name()));
            role.is_some_and(|role| role.age == gone.role.age)
        };
        let Some(file) = self.accounts.lost().iter().find(of_name).copied() else { return false };
        self.accounts.change(&file, |account| {
            let taken = account.taken();
            if let Some(lost) = account.lost_mut() {
                lost.end = lost.end.or(gone.known.filter(|size| *size >= taken));
            }
        });
        true
    }

    /// Whether it is a file that was taken to its end, and perhaps had grown since; `None`: no
    /// such file is known.
    fn was_finished(&self, gone: &Gone, look: &mut Look<D::File>) -> Option<bool> {
        // Smaller than what was taken under that name, it would be another file after all.
        let account = self.accounts.briefs().find(|account| {
            let fits = gone.known.is_none_or(|size| size >= account.taken);
            let over = account.final_ && account.carrier.is_none() && fits;
            over && account.role().is_some_and(|role| role.age == gone.role.age)
        })?;
        let unwatched = gone.role.packed() && account.final_since == 0;
        if unwatched || gone.known.is_some_and(|size| size > account.taken) {
            // It had grown since, or may have while nobody ran.
            let end = (gone.known, None);
            self.gap(&account.file, end, GapReason::DeletedBeforeRead, look);
        }
        Some(true)
    }

    /// A compressed file was made of one that had this many bytes at least.
    fn expect(&mut self, id: u64, size: u64, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get_mut(id) else { return };
        carrier.expect(size);
        if let State::Active(file) = carrier.state()
            && self.accounts.brief(&file).is_some_and(|account| account.final_)
        {
            self.fall_short(id, file, look);
        }
    }
}
