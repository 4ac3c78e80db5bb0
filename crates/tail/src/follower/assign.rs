//! Which account an identified carrier belongs to.

use std::io;

use super::{Follower, proves};
use crate::accounts::Mark;
use crate::carriers::{Carrier, State};
use crate::disk::{Disk, DiskFile};
use crate::scan::{Head, anchor_at};
use crate::types::{FileId, GapReason, Look};
use crate::unpack::{End, Skip};

/// Whether a carrier holds an account's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It does: go on reading there.
    Same,
    /// It does, and has nothing more.
    Covered,
    /// Not known in this look.
    Pending,
    Different,
}

impl<D: Disk> Follower<D> {
    /// Finds the account whose bytes the carrier holds, or opens a new one: what can't be proved
    /// to be taken is taken.
    pub(super) fn assign(
        &mut self,
        id: u64,
        head: Head,
        look: &mut Look<D::File>,
    ) -> io::Result<()> {
        let copies = self.accounts.copies(&head);
        let (free, busy) = self.accounts.by_likelihood(&copies);
        for file in free {
            match self.judge(id, head, file, look)? {
                Verdict::Same => self.attach(id, head, file),
                Verdict::Covered => self.cover(id, file, look),
                Verdict::Pending => {}
                Verdict::Different => continue,
            }
            return Ok(());
        }
        for file in busy {
            if self.agrees(id, head, file, look)? {
                if let Some(carrier) = self.carriers.get_mut(id) {
                    carrier.stand_by(file, head);
                }
                self.name_by_copy(id, file);
                return Ok(());
            }
        }
        let copy = copies.last().map_or(0, |last| last.copy.saturating_add(1));
        let file = FileId { hash: head.hash, base: head.base, copy };
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.rewind();
            self.accounts.open(file, carrier.name().to_owned());
            self.attach(id, head, file);
        }
        Ok(())
    }

    /// All that the carrier holds was taken.
    fn cover(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) {
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.bring(file);
            let order = carrier.order();
            self.accounts.change(&file, |account| account.place(order));
            self.accounts.close(&file);
        }
        if self.accounts.brief(&file).is_some_and(|account| account.final_) {
            self.fall_short(id, file, look);
        }
        self.consume(id);
    }

    /// A carrier that waits beside its account's: does it still hold the same, is it needed?
    pub(super) fn review(&mut self, id: u64, file: FileId, head: Head) {
        let busy = self.accounts.get(&file).is_some_and(|account| account.carrier().is_some());
        let Some(carrier) = self.carriers.get_mut(id) else { return };
        if !busy || !carrier.is_copy(file) {
            carrier.identify(head);
        }
    }

    fn attach(&mut self, id: u64, head: Head, file: FileId) {
        let Some(carrier) = self.carriers.get_mut(id) else { return };
        carrier.activate(file);
        let (name, order, now) = (carrier.name(), carrier.order(), self.now);
        let (size, plain) = (carrier.size(), !carrier.packed() && !carrier.is_live());
        self.accounts.change(&file, |account| {
            let whole = plain && size == account.taken();
            account.attach(id, head, whole, now);
            account.place(order);
            account.rename(name);
        });
    }

    /// Whether the carrier continues an account that has none.
    fn judge(
        &mut self,
        id: u64,
        head: Head,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<Verdict> {
        let (Some(carrier), Some((taken, anchor))) =
            (self.carriers.get(id), self.accounts.mark(&file))
        else {
            return Ok(Verdict::Pending);
        };
        if carrier.is_copy(file) && carrier.proved().unwrap_or(0) <= taken {
            return Ok(Verdict::Covered);
        }
        if carrier.packed() {
            return self.judge_packed(id, file, look);
        }
        let Some(source) = carrier.file() else { return Ok(Verdict::Pending) };
        let (size, live) = (carrier.size(), carrier.is_live());
        let verdict = if size >= taken && proves(&*source, Some((taken, anchor)))? {
            // Even if it has nothing new it is held for a while: it may grow and be gone at the
            // next look.
            Verdict::Same
        } else if !live
            && let Some(anchor) = anchor_at(&*source, size)?
            && self.accounts.is_end(&file, (size, anchor))
        {
            Verdict::Covered
        } else {
            Verdict::Different
        };
        // Asked last: was it still the identified file that all this was read from?
        if proves(&*source, Some((head.end, head.anchor)))? {
            Ok(verdict)
        } else {
            self.forget(id, look);
            look.more = true;
            Ok(Verdict::Pending)
        }
    }

    fn judge_packed(
        &mut self,
        id: u64,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<Verdict> {
        let over = self.carriers.get(id).is_some_and(|carrier| self.over(carrier));
        let Some(final_) = self.accounts.brief(&file).map(|account| account.final_) else {
            return Ok(Verdict::Pending);
        };
        let marks = self.accounts.marks(&file);
        let Some(taken) = self.accounts.mark(&file).map(|mark| mark.0) else {
            return Ok(Verdict::Pending);
        };
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(Verdict::Pending) };
        let (skip, proved) = pass(carrier, file, &marks, &mut self.work)?;
        let Some(unpack) = carrier.unpack() else { return Ok(Verdict::Pending) };
        if skip == Skip::Reached && proved == Some(taken) && final_ {
            unpack.fill(1)?;
        }
        let more = !unpack.ahead().is_empty();
        let damaged = matches!(unpack.end(), Some(End::Damaged(_)));
        let verdict = match skip {
            Skip::Pending => {
                look.more = true;
                Verdict::Pending
            }
            Skip::Reached if proved != Some(taken) => Verdict::Different,
            Skip::Reached if !final_ || more => Verdict::Same,
            Skip::Reached | Skip::Ended if damaged && !over => Verdict::Pending,
            Skip::Reached => Verdict::Covered,
            // It is the same file as far as it can be read, and that far it was taken.
            Skip::Ended if damaged => {
                if self.accounts.get(&file).is_some_and(|account| account.lost().is_some()) {
                    self.accounts.change(&file, |account| {
                        account.lost_mut().map(|lost| lost.reason = GapReason::GzipDamaged)
                    });
                }
                Verdict::Covered
            }
            // It was made before a late append came, or amid one.
            Skip::Ended if proved.is_some() => Verdict::Covered,
            Skip::Ended => Verdict::Different,
        };
        if verdict == Verdict::Pending {
            self.put_off(id);
        }
        Ok(verdict)
    }

    /// Whether the carrier holds the same bytes as the one that `file`'s account reads from. What
    /// is proved so need not be read again when that one is gone.
    fn agrees(
        &mut self,
        id: u64,
        head: Head,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<bool> {
        let Some(account) = self.accounts.get(&file) else { return Ok(false) };
        let mark = account.mark();
        let other = account.carrier().and_then(|other| self.carriers.get(other));
        let Some((size, packed, Some(source))) = other.map(|o| (o.size(), o.packed(), o.file()))
        else {
            return Ok(false);
        };
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(false) };
        let Some(mine) = carrier.file() else { return Ok(false) };
        if carrier.packed() {
            return match packed {
                // Judged when it is needed: two passes over one pair of files are enough.
                true => Ok(true),
                false => self.agrees_packed(id, file, &*source, size, look),
            };
        }
        if packed {
            // The live file is no copy of a compressed one. Another plain file that is shorter may
            // be, and is asked again when that one is done.
            let shorter = carrier.size() < mark.0 && !carrier.is_live();
            return if shorter { Ok(true) } else { proves(&*mine, Some(mark)) };
        }
        let length = carrier.size().min(size);
        let (here, there) = (anchor_at(&*mine, length)?, anchor_at(&*source, length)?);
        if here.is_none() || here != there || !proves(&*mine, Some((head.end, head.anchor)))? {
            return self.cut_since(&file, &*source);
        }
        if length == carrier.size() {
            carrier.prove(file, length);
        }
        Ok(true)
    }

    fn agrees_packed(
        &mut self,
        id: u64,
        file: FileId,
        source: &D::File,
        size: u64,
        look: &mut Look<D::File>,
    ) -> io::Result<bool> {
        let Some(unpack) = self.carriers.get_mut(id).and_then(Carrier::unpack) else {
            return Ok(false);
        };
        let skip = unpack.skip_to_end(&mut self.work)?;
        let (length, anchor, whole) =
            (unpack.at(), unpack.anchor(), unpack.end() == Some(&End::Whole));
        if skip == Skip::Pending {
            look.more = true;
            return Ok(true);
        }
        if !whole {
            // Being written, or damaged: either way the one we hold is the better one.
            return Ok(true);
        }
        if length > size || anchor_at(source, length)? != Some(anchor) {
            return self.cut_since(&file, source);
        }
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.prove(file, length);
            carrier.rewind();
        }
        Ok(true)
    }

    /// Whether the file that an account reads from was cut since it was inspected. Then nobody can
    /// tell yet whether a copy was made of it before; the next look can. As another file it would
    /// be taken twice.
    fn cut_since(&self, file: &FileId, source: &D::File) -> io::Result<bool> {
        let proof = self.accounts.get(file).and_then(|account| account.proof());
        Ok(!proves(source, proof)?)
    }

    /// A plain copy of a compressed file that can't be read on takes its place.
    pub(super) fn promote(
        &mut self,
        id: u64,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<bool> {
        let copy_of = |c: &Carrier<D::File>| {
            !c.packed() && matches!(c.state(), State::Standby(f, _) if f == file)
        };
        for copy in self.carriers.held(copy_of) {
            let Some(State::Standby(_, head)) = self.carriers.get(copy).map(Carrier::state) else {
                continue;
            };
            if self.judge(copy, head, file, look)? == Verdict::Same {
                if let Some(packed) = self.carriers.get_mut(id) {
                    packed.rewind();
                    packed.stand_by(file, head);
                }
                self.attach(copy, head, file);
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Decodes a compressed file up to where its account stands, and proves on the way, wherever the
/// file was final once and at the end, that it is the same file. Returns the last offset proved.
fn pass<F: DiskFile>(
    carrier: &mut Carrier<F>,
    file: FileId,
    marks: &[Mark],
    work: &mut u64,
) -> io::Result<(Skip, Option<u64>)> {
    let mut proved = carrier.passed(file);
    let taken = marks.last().map_or(0, |mark| mark.0);
    if carrier.unpack().is_some_and(|unpack| unpack.at() > taken) {
        carrier.rewind();
        proved = None;
    }
    let mut skip = Skip::Reached;
    for (offset, anchor) in marks {
        let Some(unpack) = carrier.unpack() else { break };
        if unpack.at() > *offset {
            continue;
        }
        skip = unpack.skip_to(*offset, work)?;
        if skip != Skip::Reached {
            break;
        }
        if unpack.anchor() != *anchor {
            proved = None;
            break;
        }
        proved = Some(*offset);
    }
    carrier.pass(file, proved);
    Ok((skip, proved))
}
