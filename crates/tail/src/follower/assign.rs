//! Which account an identified carrier belongs to.

use std::io;

use auditseal_format::FileId;

use super::likeness::{Likeness, pass};
use super::piece::Piece;
use super::{Follower, proves};
use crate::carriers::{Carrier, Standing, State};
use crate::disk::Disk;
use crate::gap::{Gap, GapReason};
use crate::scan::{Head, anchor_at};
use crate::types::Look;
use crate::unpack::{End, Skip};

/// Whether a carrier holds an account's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// It does: go on reading there.
    Same,
    /// It does, and has nothing more.
    Covered,
    /// It is shorter than what was taken, and may be a copy that is still being made.
    Shorter,
    /// It is shorter than what was taken, and may be a piece of it: only a file that holds all of that
    /// can tell.
    Untold,
    /// Not known in this look.
    Pending,
    Different,
}

/// What becomes of a copy of a file that an account reads from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Succession {
    /// It waits for that file to be done.
    Waits,
    /// It holds all of that one and more, or has its name: the account goes on in it.
    GoesOn,
    /// It has taken that one's name, and differs from it where something was sealed.
    Diverges,
    /// It was cut amid the comparison: what was read of it is of no file any more.
    Cut,
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
        if self.awaits_listing(id) {
            self.wait_for_another(id);
            look.more |= self.directory.listed_now();
            return Ok(());
        }
        let copies = self.accounts.copies(&head);
        let (free, busy) = self.accounts.by_likelihood(&copies);
        // One decoder doesn't serve two comparisons at a time: the one that is begun is ended first.
        let begun = |file: &&FileId| self.compares(id, file);
        if let Some(file) = busy.iter().find(begun).copied()
            && self.goes_with(id, head, (file, None), look)?
        {
            return Ok(());
        }
        let (mut shorter, mut untold) = (false, None);
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.set_untold(false);
        }
        for file in free {
            match self.judge_piece(id, head, file, look)? {
                Verdict::Same if self.is_nearer(id, head, file, &busy, look)? => {}
                Verdict::Same => self.attach(id, head, file),
                Verdict::Covered => self.cover(id, file, look),
                Verdict::Pending => {}
                Verdict::Different => continue,
                // Another file that begins alike may be this one, as far as it was taken.
                Verdict::Shorter => {
                    shorter = true;
                    continue;
                }
                Verdict::Untold => {
                    let taken = self.accounts.mark(&file).map(|mark| mark.0);
                    untold = taken.into_iter().chain(untold).min();
                    continue;
                }
            }
            return Ok(());
        }
        if shorter {
            return Ok(());
        }
        let waits = untold.is_some_and(|taken| self.may_be_told(id, taken));
        let live = self.carriers.get(id).is_some_and(Carrier::is_live);
        let asked = if live || !waits { busy } else { Vec::new() };
        for file in asked {
            if self.goes_with(id, head, (file, None), look)? {
                return Ok(());
            }
        }
        if waits {
            self.wait_for_another(id);
            look.more |= self.draining();
        } else if untold.is_some() && self.may_be_shown(id) {
            self.wait_for_another(id);
            look.more |= self.directory.listed_now();
        } else {
            self.open_account(id, head, copies.last().map(|last| last.copy));
        }
        Ok(())
    }

    /// Another file may tell what the carrier is.
    fn wait_for_another(&mut self, id: u64) {
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.set_untold(true);
            carrier.put_off();
        }
    }

    /// Opens an account for a carrier that belongs to none; `last`: the last copy that begins alike.
    fn open_account(&mut self, id: u64, head: Head, last: Option<u32>) {
        let copy = last.map_or(0, |last| last.saturating_add(1));
        let file = FileId { hash: head.hash, base: head.base, copy };
        let name = self.name_of(id);
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.rewind();
            if carrier.is_live() {
                self.turns.opened(id, self.looks);
            }
            self.accounts.open(file, name);
            self.attach(id, head, file);
        }
    }

    /// Whether the carrier has more in common with one that another account reads from than the proof
    /// for `file` is long, and so belongs to that account.
    fn is_nearer(
        &mut self,
        id: u64,
        head: Head,
        file: FileId,
        busy: &[FileId],
        look: &mut Look<D::File>,
    ) -> io::Result<bool> {
        let taken = self.accounts.mark(&file).map(|mark| mark.0);
        for other in busy {
            if self.goes_with(id, head, (*other, taken), look)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the carrier holds bytes of an account that reads from another one, and more than so many
    /// of them: then what becomes of it is settled for this look.
    fn goes_with(
        &mut self,
        id: u64,
        head: Head,
        (file, beyond): (FileId, Option<u64>),
        look: &mut Look<D::File>,
    ) -> io::Result<bool> {
        let likeness = self.likeness(id, head, file, look)?;
        let common = match likeness {
            Likeness::Alike(common) | Likeness::Longer(common) => common,
            Likeness::Different => 0,
            Likeness::Unknown | Likeness::Cut => u64::MAX,
        };
        if beyond.is_some_and(|length| common <= length) {
            return Ok(false);
        }
        match self.succeeds(id, head, file, likeness)? {
            Succession::Cut => {
                self.forget(id, look);
                look.more = true;
            }
            Succession::Diverges => {
                self.replaces(id, file, look);
                return Ok(false);
            }
            Succession::GoesOn => self.hand_over(id, head, file),
            Succession::Waits => {
                if let Some(carrier) = self.carriers.get_mut(id) {
                    carrier.stand_by(file, head);
                }
                self.name_by_copy(id, file);
            }
        }
        Ok(true)
    }

    /// All that the carrier holds was taken.
    fn cover(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) {
        let (name, taken) = (self.name_of(id), self.accounts.mark(&file).map(|mark| mark.0));
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.bring(file);
            let (order, copied) = (carrier.order(), carrier.proof_end());
            let whole = carrier.packed() && taken.is_some() && carrier.passed(file) == taken;
            self.accounts.change(&file, |account| {
                // Where all of it is, if anybody asks.
                if whole {
                    account.rename(&name);
                }
                account.place(order);
                account.was_copied(copied.filter(|_| carrier.is_copy(file)));
            });
            self.accounts.close(&file);
            if whole {
                self.held_by(id, file);
            }
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
        let name = self.name_of(id);
        let Some(carrier) = self.carriers.get_mut(id) else { return };
        carrier.activate(file);
        let (order, now) = (carrier.order(), self.now);
        let (size, plain) = (carrier.size(), !carrier.packed() && !carrier.is_live());
        self.accounts.change(&file, |account| {
            let whole = plain && size == account.taken();
            account.attach(id, head, whole, now);
            account.place(order);
            account.rename(&name);
        });
        self.held_by(id, file);
    }

    /// Whether the carrier continues an account that has none, or is a piece of what was taken.
    fn judge_piece(
        &mut self,
        id: u64,
        head: Head,
        file: FileId,
        look: &mut Look<D::File>,
    ) -> io::Result<Verdict> {
        let verdict = self.judge(id, head, file, look)?;
        if verdict != Verdict::Untold {
            return Ok(verdict);
        }
        match self.piece(id, head, file, look)? {
            Piece::Whole(length, anchor) => {
                if let Some(carrier) = self.carriers.get_mut(id) {
                    carrier.prove(file, length, Some(anchor));
                }
                // It is known for a copy now.
                self.judge(id, head, file, look)
            }
            Piece::Pending => {
                self.put_off(id);
                Ok(Verdict::Pending)
            }
            Piece::Not => Ok(Verdict::Different),
            Piece::Untold if self.catches_up(id, &head, &file)? => Ok(Verdict::Shorter),
            Piece::Untold => Ok(verdict),
        }
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
        let proved = carrier.proved().unwrap_or(0);
        // A live file that holds all of it will hold more.
        let as_far = proved <= taken && !(carrier.is_live() && proved == taken);
        if carrier.is_copy(file) && as_far {
            // A shorter copy that is still being made is held on to: let go of and grown, it would
            // be another file.
            let grows = carrier.is_live() && !self.draining() && carrier.size() < taken;
            return Ok(if grows { Verdict::Pending } else { Verdict::Covered });
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
        } else if size < taken {
            Verdict::Untold
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
        let reason = self.damage(id);
        let another = self.is_named_otherwise(id, &file);
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
        let (more, end) = (!unpack.ahead().is_empty(), unpack.at());
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
                        account.lost_mut().map(|lost| lost.reason = reason)
                    });
                }
                Verdict::Covered
            }
            // It was made before a late append came, or amid one: then what follows isn't known to be
            // the same, but for the name, which no other file gets.
            Skip::Ended if proved == Some(end) || (proved.is_some() && !another) => {
                Verdict::Covered
            }
            Skip::Ended => Verdict::Untold,
        };
        if verdict == Verdict::Pending {
            self.put_off(id);
        }
        Ok(verdict)
    }

    /// Whether the carrier has a name that the account's file never had: names that hold a time are given
    /// once.
    fn is_named_otherwise(&self, id: u64, file: &FileId) -> bool {
        let here = self.carriers.get(id).map(Carrier::age);
        let there = self.accounts.brief(file).and_then(|account| account.role());
        let ages = here.zip(there.map(|role| role.age));
        ages.is_some_and(|(here, there)| {
            here.is_unique() && there.is_unique() && here != there && !there.becomes(&here)
        })
    }

    /// Whether a live file that is shorter than what was taken is a copy of it that is still being
    /// made: as another file, it would be taken twice. One that was cut in place is not; nor is
    /// one of which nothing but the first line is known to be the same.
    fn catches_up(&self, id: u64, head: &Head, file: &FileId) -> io::Result<bool> {
        let Some(carrier) = self.carriers.get(id).filter(|carrier| carrier.is_live()) else {
            return Ok(false);
        };
        let account = self.accounts.get(file);
        let lost = account.and_then(|account| account.lost());
        if self.draining() || lost.is_some_and(|lost| lost.reason == GapReason::Truncated) {
            return Ok(false);
        }
        if carrier.proved_of(*file) {
            return Ok(true);
        }
        let taken = account.map_or(&[][..], |account| account.marks()).iter().copied();
        let marks = taken.chain(self.accounts.marks(file));
        let last = marks.filter(|mark| mark.0 > head.end && mark.0 <= carrier.size()).max();
        let source = carrier.file();
        match source.zip(last) {
            Some((source, mark)) => proves(&*source, Some(mark)),
            None => Ok(false),
        }
    }

    /// What becomes of a file that begins as the one does that `file`'s account reads from: a mirror
    /// renamed a copy over the log, somebody laid one beside it, or their first lines are the same.
    ///
    /// Several may have come between two looks. One that was read, and has lost the name again to a
    /// shorter one, holds lines that are nowhere else: whatever has which name, the longest goes on. It
    /// may be the one that is written to, and what is shorter holds nothing besides.
    fn succeeds(
        &self,
        id: u64,
        head: Head,
        file: FileId,
        likeness: Likeness,
    ) -> io::Result<Succession> {
        let common = match likeness {
            Likeness::Different => return Ok(Succession::Diverges),
            Likeness::Cut => return Ok(Succession::Cut),
            Likeness::Unknown => return Ok(Succession::Waits),
            Likeness::Alike(common) | Likeness::Longer(common) => common,
        };
        let Some(account) = self.accounts.get(&file) else { return Ok(Succession::Waits) };
        let old = account.carrier().and_then(|old| self.carriers.get(old));
        let Some((old, new)) = old.zip(self.carriers.get(id)) else {
            return Ok(Succession::Waits);
        };
        if matches!(likeness, Likeness::Longer(_)) {
            // A longer copy was compressed before anybody saw it. But a live file that is shorter may be
            // another one.
            return Ok(if old.is_live() { Succession::Diverges } else { Succession::GoesOn });
        }
        // Of two that are as long, the live one will be longer.
        let grown = match old.packed() {
            // How long that is, nobody knows yet: no more than a first line that is the same says
            // nothing.
            true => new.is_live() && common > head.end && new.size() > common,
            false if new.is_live() && !old.is_live() => new.size() >= old.size(),
            false => new.size() > old.size(),
        };
        if !grown || new.packed() {
            return Ok(Succession::Waits);
        }
        let Some((source, before)) = new.file().zip(old.file()) else {
            return Ok(Succession::Waits);
        };
        let marks = match old.packed() {
            true => self.accounts.marks(&file),
            false => self.marks_up_to(file, &*before, old.size())?,
        };
        for mark in marks {
            if !proves(&*source, Some(mark))? {
                // Asked last: was it still the identified file that this was read from?
                let first = Some((head.end, head.anchor));
                let still = proves(&*source, first)?;
                return Ok(if still { Succession::Diverges } else { Succession::Cut });
            }
        }
        Ok(Succession::GoesOn)
    }

    /// The account goes on in the other one. The file that it read from is held, as a copy itself:
    /// should somebody write to it yet, they differ, or it goes on there again.
    fn hand_over(&mut self, id: u64, head: Head, file: FileId) {
        if let Some(old) = self.accounts.get(&file).and_then(|account| account.carrier())
            && let Some(carrier) = self.carriers.get_mut(old)
        {
            if carrier.packed() {
                // Whether it holds more is found out next.
                carrier.rewind();
            } else {
                carrier.prove(file, carrier.size(), None);
            }
            carrier.stand_by(file, head);
            if !carrier.is_listed() {
                // It has no name any more: what gets a backup's from now on is another file.
                self.carriers.set_removed(old);
            }
        }
        self.attach(id, head, file);
    }

    /// A file that begins like the account's and goes on otherwise has taken the live name: it is
    /// archived as another one, and the archive says that the first was replaced.
    fn replaces(&mut self, id: u64, file: FileId, look: &mut Look<D::File>) {
        let old = self.accounts.get(&file).and_then(|account| account.carrier());
        let Some((old, new)) =
            old.and_then(|old| self.carriers.get(old)).zip(self.carriers.get(id))
        else {
            return;
        };
        let over = new.is_live() && !old.is_listed();
        if over && old.standing() == Standing::Deleted {
            // Said at once: the first file may be written to for a while, and closes later.
            let (name, reason) = (self.carriers.name(new), GapReason::Replaced);
            let (file, start, end, anchor) = (None, None, None, None);
            look.gaps.push(Gap { file, name, start, end, anchor, reason });
        }
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
