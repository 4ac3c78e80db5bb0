//! What nothing on disk holds any more is lost, and owned up to.

use auditseal_format::FileId;

use super::Follower;
use crate::disk::Disk;
use crate::gap::GapReason;
use crate::types::Look;

/// Looks in a row that must miss a file. A listing may leave out a file whose name changes during
/// it; a backup's name changes twice: when it is rotated, and when it is compressed.
pub(super) const MISSES: u8 = 3;

impl<D: Disk> Follower<D> {
    /// Declares lost what nothing on disk holds any more.
    pub(super) fn settle(&mut self, look: &mut Look<D::File>) {
        self.settle_unopened(look);
        if self.accounts.lost().is_empty() {
            return;
        }
        if self.carriers.waiting_count() > 0 {
            // It may be one of those that wait for a descriptor. They get one, however many there
            // are and however long that takes.
            return;
        }
        let unsure = !self.directory.is_listed()
            || self.carriers.open().any(|(_, carrier)| carrier.pending());
        for file in self.accounts.lost().clone() {
            if let Some((reason, end)) = self.given_up(file, unsure, look) {
                self.accounts.change(&file, crate::accounts::Account::own_up);
                self.close(file, look);
                self.gap(&file, (end, None), reason, look);
                self.accounts.close(&file);
            }
        }
    }

    /// Why a lost file is given up, and how far it went, once enough looks didn't find it.
    fn given_up(
        &mut self,
        file: FileId,
        unsure: bool,
        look: &mut Look<D::File>,
    ) -> Option<(GapReason, Option<u64>)> {
        let (now, linger, draining) = (self.now, self.settings.linger, self.draining());
        let lost = self.accounts.get(&file)?.lost()?;
        if !self.directory.listed_now() && self.directory.is_listed() {
            return None;
        }
        if self.is_exhausted() {
            look.more = true;
            return None;
        }
        // A file that can't be looked into may be this one. Not for ever, though: should it turn
        // out to be, its takes go on where the gap begins.
        if unsure && (draining || now - lost.since < linger) {
            return None;
        }
        let (reason, end, misses) = (lost.reason, lost.end, lost.misses + 1);
        self.accounts.change(&file, |account| account.lost_mut().map(|lost| lost.misses = misses));
        if misses < MISSES {
            look.more = true;
            return None;
        }
        // It may lie there all the same, under a name that means nothing to us.
        let hidden = reason == GapReason::DeletedBeforeRead && self.directory.has_strangers();
        Some((if hidden { GapReason::Unrecognised } else { reason }, end))
    }
}
