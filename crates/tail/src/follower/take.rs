//! Handing out what can be taken, in rotation order.

use std::sync::Arc;

use auditseal_format::FileId;

use super::Follower;
use crate::accounts::Mark;
use crate::carriers::{Carrier, State};
use crate::content::Content;
use crate::disk::Disk;
use crate::types::{Look, Take};

impl<D: Disk> Follower<D> {
    /// Hands out takes in rotation order. Unlinked files come first without further ado: backups
    /// are deleted oldest first.
    pub(super) fn take(&mut self, limit: u64, look: &mut Look<D::File>) {
        let readable = self.carriers.held(|carrier| !carrier.pending());
        let mut active: Vec<(Option<u64>, FileId, u64)> = readable
            .into_iter()
            .filter_map(|id| match self.carriers.get(id)?.state() {
                State::Active(file) => Some((self.accounts.get(&file)?.order(), file, id)),
                _ => None,
            })
            .collect();
        active.sort_unstable();
        let mut left = limit;
        let unplaced = self.looks == 1 && !self.accounts.lost().is_empty();
        let mut waiting = unplaced || self.something_is_missing();
        for (_, file, id) in active {
            // The first listing may have missed a file that was begun and is being renamed. Until
            // it is found, nobody can tell which files stand before it.
            let begun = self.accounts.get(&file).is_some_and(|account| account.is_begun());
            let Some(carrier) = self.carriers.get(id) else { continue };
            let full = !begun && self.is_full();
            let stays = full && carrier.packed() && !self.blocks(carrier);
            if !begun && (waiting || stays || self.must_wait(carrier)) {
                look.more |= unplaced || self.unreported(carrier);
                // Nor is a younger one begun before it: after a crash, that would tell that nothing
                // is missing.
                waiting = true;
                continue;
            }
            let done = if carrier.packed() {
                self.take_packed(id, file, &mut left, look)
            } else {
                self.take_plain(id, file, &mut left, look)
            };
            if let Err(error) = done {
                // A decoder that met a disk error is in an unknown state.
                if let Some(carrier) = self.carriers.get_mut(id) {
                    carrier.rewind();
                    carrier.put_off();
                }
                self.problem(id, "read", error, look);
            }
            // Where there is room for no more unfinished files, it was taken as a whole or not at all.
            waiting |= full && self.accounts.get(&file).is_some_and(|account| !account.is_begun());
        }
    }

    /// Whether the notes have room for no more unfinished files.
    pub(super) fn is_full(&self) -> bool {
        let limits = &self.settings.limits;
        self.accounts.unfinished() >= limits.begun + limits.begun_spare
    }

    /// Whether a file that isn't begun holds a descriptor that unfinished ones may be waiting for, and
    /// comes to an end by itself: one is begun beyond what there is room for, or neither it nor they
    /// ever would be.
    pub(super) fn blocks(&self, carrier: &Carrier<D::File>) -> bool {
        let limits = &self.settings.limits;
        let crammed = self.accounts.unfinished() > limits.begun + limits.begun_spare;
        let starved = self.carriers.waiting_count() > 0 && !self.has_spare();
        starved && !crammed && self.over(carrier)
    }

    /// Whether a file vanished before it could be opened, or is compressed and can't be read yet, or
    /// isn't known yet to hold anything new: its gap, or its place, comes before what isn't begun.
    fn something_is_missing(&self) -> bool {
        let vanished = |id: u64| self.carriers.get(id).is_some_and(|c| c.size() > 0 || c.unseen());
        let damaged = |c: &Carrier<D::File>| {
            c.pending() && c.packed() && matches!(c.state(), State::Unread) && !self.over(c)
        };
        let untold = |c: &Carrier<D::File>| c.pending() && c.is_untold();
        self.carriers.missing().any(vanished)
            || self.is_comparing()
            || self.carriers.all_held().any(|c| damaged(c) || untold(c))
    }

    /// Whether nothing must be taken yet of a file that wasn't begun: something that stood before
    /// it may be missing. That gap is handed out first, for after a crash between the two nothing
    /// would tell of the loss any more.
    fn must_wait(&self, carrier: &Carrier<D::File>) -> bool {
        let barrier = self.watch.barrier();
        barrier.is_some_and(|listing| carrier.first_listing() > listing) || self.unreported(carrier)
    }

    /// Hands out one take and moves the account on.
    pub(super) fn emit(
        &mut self,
        file: FileId,
        mark: Mark,
        (final_, unterminated): (bool, bool),
        content: Arc<Content<D::File>>,
        look: &mut Look<D::File>,
    ) {
        let before = self.before(&file);
        let now = self.now;
        let Some(account) = self.accounts.get(&file) else { return };
        look.takes.push(Take {
            file,
            name: account.name().to_owned(),
            start: account.taken(),
            end: mark.0,
            anchor: mark.1,
            final_,
            unterminated,
            before,
            content,
        });
        let owes = self.accounts.change(&file, |account| {
            account.take(mark, final_, now);
            if final_ { account.settle_debt() } else { None }
        });
        if let Some(reason) = owes.flatten() {
            self.gap(&file, (None, None), reason, look);
        }
    }

    /// The file already begun before which this one, not begun yet, stands.
    fn before(&self, file: &FileId) -> Option<FileId> {
        let account = self.accounts.get(file).filter(|account| !account.is_begun())?;
        self.accounts.begun_behind(account.order()?)
    }

    /// Ends an account where it stands, with nothing more to read.
    pub(super) fn close(&mut self, file: FileId, look: &mut Look<D::File>) {
        let Some(mark) = self.accounts.mark(&file) else { return };
        let nothing = Arc::new(Content::memory(mark.0, Vec::new()));
        self.emit(file, mark, (true, false), nothing, look);
    }
}
