//! Each look begins with asking every held descriptor whether its file is still the same.

use auditseal_format::FileId;

use super::{Follower, proves};
use crate::accounts::Mark;
use crate::carriers::{Carrier, State};
use crate::disk::{Disk, DiskFile};
use crate::gap::{Gap, GapReason};
use crate::scan::Head;
use crate::types::Look;

impl<D: Disk> Follower<D> {
    pub(super) fn inspect(&mut self, look: &mut Look<D::File>) {
        for id in self.carriers.held(|_| true) {
            let Some(file) = self.carriers.get(id).and_then(Carrier::file) else { continue };
            let stat = match file.stat() {
                Ok(stat) => stat,
                Err(error) => {
                    self.put_off(id);
                    self.problem(id, "stat", error, look);
                    continue;
                }
            };
            let now = self.now;
            let Some(carrier) = self.carriers.get_mut(id) else { continue };
            let before = carrier.measure(stat, now);
            if !carrier.packed() {
                self.inspect_plain(id, &file, before, look);
            } else if stat.size != before {
                self.restart_packed(id, stat.size < before, look);
            }
        }
    }

    /// A compressed file that changes is read from the front again; what was taken of it is
    /// skipped, and proved by its anchor.
    fn restart_packed(&mut self, id: u64, shrunk: bool, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get(id) else { return };
        // Beside its plain file it may be made again from the start, and nothing is lost.
        let mut same_age = self.carriers.of_age(carrier.folder(), carrier.age());
        let sibling = same_age.any(|c| c.role != carrier.role());
        drop(same_age);
        let unread = matches!(carrier.state(), State::Unread | State::Identified(_));
        let active = matches!(carrier.state(), State::Active(_));
        if unread && shrunk && !sibling {
            return self.forget(id, look);
        }
        if let Some(carrier) = self.carriers.get_mut(id) {
            if active {
                carrier.rewind();
            } else {
                carrier.reset();
            }
        }
    }

    fn inspect_plain(&mut self, id: u64, file: &D::File, before: u64, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get(id) else { return };
        // It may have been cut and have grown to its old length again while it was the live file;
        // renamed since, if nothing more of it is to be taken, nobody would ask again.
        let live = carrier.is_live() || carrier.stirred();
        let size = carrier.size();
        match carrier.state() {
            State::Active(account) => {
                if live || size != before {
                    self.inspect_active(id, account, file, before, look);
                }
            }
            State::Unread if size < before => self.forget(id, look),
            State::Identified(head) | State::Standby(_, head) => {
                if live || size != before {
                    self.inspect_head(id, head, file, before, look);
                }
            }
            State::Unread => {}
        }
    }

    fn inspect_active(
        &mut self,
        id: u64,
        account: FileId,
        file: &D::File,
        before: u64,
        look: &mut Look<D::File>,
    ) {
        let (Some(carrier), Some(known)) = (self.carriers.get(id), self.accounts.get(&account))
        else {
            return;
        };
        let size = carrier.size();
        match proves(file, known.proof()) {
            Ok(false) => self.detach(id, GapReason::Truncated, None),
            // Cut above what was taken: the rest up to there is still good.
            Ok(true) if size < before => {
                self.accounts.change(&account, |account| account.cut_at(size));
            }
            Ok(true) => {}
            Err(error) => {
                self.put_off(id);
                self.problem(id, "inspect", error, look);
            }
        }
    }

    fn inspect_head(
        &mut self,
        id: u64,
        head: Head,
        file: &D::File,
        before: u64,
        look: &mut Look<D::File>,
    ) {
        let mark: Mark = (head.end, head.anchor);
        let shrunk = self.carriers.get(id).is_some_and(|carrier| carrier.size() < before);
        match proves(file, Some(mark)) {
            Ok(true) if !shrunk => {}
            Ok(_) => {
                // Bytes proved to be a copy of what is taken elsewhere are no loss. But in a live
                // file, more may have been written before it was cut, as in any other.
                let still = self.carriers.get(id).filter(|carrier| !carrier.is_live());
                if still.and_then(Carrier::proved) == Some(before) {
                    self.restart(id);
                } else {
                    self.forget(id, look);
                }
            }
            Err(error) => {
                self.put_off(id);
                self.problem(id, "inspect", error, look);
            }
        }
    }

    /// Bytes were seen, not taken, and are gone: that is a gap, though their file has no identity.
    pub(super) fn forget(&mut self, id: u64, look: &mut Look<D::File>) {
        if let Some(carrier) = self.carriers.get(id) {
            let name = self.carriers.name(carrier);
            look.gaps.push(Gap::unidentified(name, None, GapReason::Truncated));
        }
        self.restart(id);
    }

    /// The carrier holds another file's bytes than its account's from now on.
    pub(super) fn detach(&mut self, id: u64, reason: GapReason, end: Option<u64>) {
        if let Some(State::Active(account)) = self.carriers.get(id).map(Carrier::state) {
            self.lose(account, reason, end);
        }
        self.restart(id);
    }

    fn restart(&mut self, id: u64) {
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.reset();
        }
    }
}
