//! Which account an identified carrier belongs to.

use std::cmp::Reverse;
use std::io;

use super::{Follower, proves};
use crate::account::{Account, Mark};
use crate::carrier::{Carrier, Standing, State};
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
        let copies = self.copies(&head);
        let (mut free, busy): (Vec<FileId>, Vec<FileId>) =
            copies.iter().partition(|file| self.accounts[file].carrier.is_none());
        // An unfinished account is likelier than a finished one, a longer proof better.
        free.sort_by_key(|file| {
            let account = &self.accounts[file];
            (account.final_, Reverse(account.taken))
        });
        for file in free {
            let settled = match self.judge(id, head, file, look)? {
                Verdict::Same => {
                    self.attach(id, head, file);
                    true
                }
                Verdict::Covered => {
                    if let (Some(carrier), Some(account)) =
                        (self.carriers.get_mut(&id), self.accounts.get_mut(&file))
                    {
                        // A copy of what was held is no news.
                        carrier.account = carrier.proved.is_none().then_some(file);
                        account.order.get_or_insert(carrier.order);
                    }
                    if self.accounts.get(&file).is_some_and(|account| account.final_) {
                        self.fall_short(id, file, look);
                    }
                    self.with_carrier(id, Carrier::consume);
                    true
                }
                Verdict::Pending => true,
                Verdict::Different => false,
            };
            if settled {
                return Ok(());
            }
        }
        for file in busy {
            if self.agrees(id, head, file, look)? {
                self.with_carrier(id, |carrier| carrier.state = State::Standby(file, head));
                self.name_by_copy(id, file);
                return Ok(());
            }
        }
        let copy = copies.last().map_or(0, |last| last.copy.saturating_add(1));
        let file = FileId { hash: head.hash, base: head.base, copy };
        if let Some(carrier) = self.carriers.get_mut(&id) {
            carrier.rewind();
            let name = carrier.name.clone();
            self.new_account(file, &name);
            self.attach(id, head, file);
        }
        Ok(())
    }

    /// A carrier that waits beside its account's: does it still hold the same, is it needed?
    pub(super) fn review(&mut self, id: u64, file: FileId, head: Head) {
        let busy = self.accounts.get(&file).is_some_and(|account| account.carrier.is_some());
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        if !busy || !carrier.is_copy(file) {
            carrier.state = State::Identified(head);
        }
    }

    pub(super) fn copies(&self, head: &Head) -> Vec<FileId> {
        let of = |copy| FileId { hash: head.hash, base: head.base, copy };
        self.accounts.range(of(0)..=of(u32::MAX)).map(|(file, _)| *file).collect()
    }

    fn attach(&mut self, id: u64, head: Head, file: FileId) {
        let (Some(carrier), Some(account)) =
            (self.carriers.get_mut(&id), self.accounts.get_mut(&file))
        else {
            return;
        };
        carrier.state = State::Active(file);
        carrier.account = Some(file);
        carrier.scan = crate::scan::HeadScan::new();
        account.carrier = Some(id);
        account.owes |= account.lost.take().is_some_and(|lost| lost.reason == GapReason::Truncated);
        account.cut = None;
        account.final_ &=
            !carrier.packed() && carrier.size == account.taken && carrier.standing != Standing::Live;
        account.final_since = self.now;
        account.order.get_or_insert(carrier.order);
        account.name.clone_from(&carrier.name);
        account.head = Some((head.end, head.anchor));
        account.stand_at((account.taken, account.anchor));
        self.orphans.remove(&file);
    }

    /// Whether the carrier continues an account that has none.
    fn judge(
        &mut self,
        id: u64,
        head: Head,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<Verdict> {
        let (Some(carrier), Some(account)) = (self.carriers.get(&id), self.accounts.get(&file))
        else {
            return Ok(Verdict::Pending);
        };
        let proved = carrier.proved.map_or(0, |(_, length)| length);
        if carrier.is_copy(file) && proved <= account.taken {
            return Ok(Verdict::Covered);
        }
        if carrier.packed() {
            return self.judge_gzip(id, file, look);
        }
        let Some(source) = carrier.file() else { return Ok(Verdict::Pending) };
        let (taken, anchor) = (account.taken, account.anchor);
        let (size, live) = (carrier.size, carrier.standing == Standing::Live);
        let verdict = if size >= taken && proves(&*source, Some((taken, anchor)))? {
            // Even if it has nothing new it is held for a while: it may grow and be gone at the
            // next look.
            Verdict::Same
        } else if !live && self.is_end(&file, size, anchor_at(&*source, size)?) {
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

    /// Whether the file was once final at this offset: a copy made then, before a late append, is
    /// as long as that and holds nothing that wasn't taken.
    fn is_end(&self, file: &FileId, offset: u64, anchor: Option<crate::types::Anchor>) -> bool {
        let Some(anchor) = anchor else { return false };
        let end: Mark = (offset, anchor);
        self.accounts.get(file).is_some_and(|account| account.ends.contains(&end))
    }

    fn judge_gzip(
        &mut self,
        id: u64,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<Verdict> {
        let over = self.carriers.get(&id).is_some_and(|carrier| self.over(carrier));
        let reason = self.damage(id);
        let mut work = self.work;
        let (Some(carrier), Some(account)) = (self.carriers.get_mut(&id), self.accounts.get(&file))
        else {
            return Ok(Verdict::Pending);
        };
        let (taken, final_) = (account.taken, account.final_);
        let passed = pass(carrier, account, &mut work);
        self.work = work;
        let (skip, proved) = passed?;
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
                if let Some(lost) = self.accounts.get_mut(&file).and_then(|a| a.lost.as_mut()) {
                    lost.reason = reason;
                }
                Verdict::Covered
            }
            // It was made before a late append came, or amid one.
            Skip::Ended if proved.is_some() => Verdict::Covered,
            Skip::Ended => Verdict::Different,
        };
        self.with_carrier(id, |carrier| carrier.pending |= verdict == Verdict::Pending);
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
        let mark = (account.taken, account.anchor);
        let other = account.carrier.and_then(|other| self.carriers.get(&other));
        let Some((size, gzip, Some(source))) = other.map(|o| (o.size, o.packed(), o.file())) else {
            return Ok(false);
        };
        let Some(carrier) = self.carriers.get_mut(&id) else { return Ok(false) };
        let Some(mine) = carrier.file() else { return Ok(false) };
        if carrier.packed() {
            return match gzip {
                // Judged when it is needed: two passes over one pair of files are enough.
                true => Ok(true),
                false => self.agrees_gzip(id, file, &*source, size, look),
            };
        }
        if gzip {
            // The live file is no copy of a compressed one. Another plain file that is shorter may
            // be, and is asked again when that one is done.
            let shorter = carrier.size < mark.0 && carrier.standing != Standing::Live;
            return if shorter { Ok(true) } else { proves(&*mine, Some(mark)) };
        }
        let length = carrier.size.min(size);
        let (here, there) = (anchor_at(&*mine, length)?, anchor_at(&*source, length)?);
        if here.is_none() || here != there || !proves(&*mine, Some((head.end, head.anchor)))? {
            return self.cut_since(&file, &*source);
        }
        if length == carrier.size {
            carrier.proved = Some((file, length));
        }
        Ok(true)
    }

    fn agrees_gzip(
        &mut self,
        id: u64,
        file: FileId,
        source: &D::File,
        size: u64,
        look: &mut Look<D::File>,
    ) -> io::Result<bool> {
        let mut work = self.work;
        let Some(unpack) = self.carriers.get_mut(&id).and_then(Carrier::unpack) else {
            return Ok(false);
        };
        let skip = unpack.skip_to_end(&mut work)?;
        let (length, anchor, whole) =
            (unpack.at(), unpack.anchor(), unpack.end() == Some(&End::Whole));
        self.work = work;
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
        self.with_carrier(id, |carrier| {
            carrier.proved = Some((file, length));
            carrier.rewind();
        });
        Ok(true)
    }

    /// Whether the file that an account reads from was cut since it was inspected. Then nobody can
    /// tell yet whether a copy was made of it before; the next look can. As another file it would
    /// be taken twice.
    fn cut_since(&self, file: &FileId, source: &D::File) -> io::Result<bool> {
        let proof = self.accounts.get(file).and_then(|account| account.proof);
        Ok(!proves(source, proof)?)
    }

    /// A plain copy of a compressed file that can't be read on takes its place.
    pub(super) fn promote(
        &mut self,
        id: u64,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<bool> {
        let copies =
            self.ids(|c| !c.packed() && matches!(c.state, State::Standby(f, _) if f == file));
        for copy in copies {
            let Some(State::Standby(_, head)) = self.carriers.get(&copy).map(|c| &c.state) else {
                continue;
            };
            let head = *head;
            if self.judge(copy, head, file, look)? == Verdict::Same {
                self.with_carrier(id, |gzip| {
                    gzip.rewind();
                    gzip.state = State::Standby(file, head);
                });
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
    account: &Account,
    work: &mut u64,
) -> io::Result<(Skip, Option<u64>)> {
    let file = account.file;
    let passed = carrier.held.as_ref().and_then(|held| held.passed);
    let mut proved = passed.filter(|(of, _)| *of == file).map(|(_, offset)| offset);
    if carrier.unpack().is_some_and(|unpack| unpack.at() > account.taken) {
        carrier.rewind();
        proved = None;
    }
    let mut marks = account.ends.clone();
    marks.push((account.taken, account.anchor));
    marks.sort_unstable_by_key(|mark| mark.0);
    let mut skip = Skip::Reached;
    for (offset, anchor) in marks {
        let Some(unpack) = carrier.unpack() else { break };
        if unpack.at() > offset {
            continue;
        }
        skip = unpack.skip_to(offset, work)?;
        if skip != Skip::Reached {
            break;
        }
        if unpack.anchor() != anchor {
            proved = None;
            break;
        }
        proved = Some(offset);
    }
    if let Some(held) = &mut carrier.held {
        held.passed = proved.map(|offset| (file, offset));
    }
    Ok((skip, proved))
}
