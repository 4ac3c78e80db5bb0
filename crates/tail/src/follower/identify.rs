//! Finding each carrier's first line.

use std::io;

use super::{Follower, proves};
use crate::accounts::Mark;
use crate::carriers::{Carrier, State};
use crate::disk::{Disk, DiskFile};
use crate::gap::Gap;
use crate::scan::{Head, HeadScan, Progress, STEP, advance};
use crate::types::Look;
use crate::unpack::End;

impl<D: Disk> Follower<D> {
    pub(super) fn identify(&mut self, look: &mut Look<D::File>) {
        // The live file first: copies of its beginning may lie beside it, and it is none of them.
        let live = self.carriers.held(|carrier| !carrier.pending() && carrier.is_live());
        let others = self.carriers.held(|carrier| !carrier.pending() && !carrier.is_live());
        for id in live.into_iter().chain(others) {
            self.identify_one(id, look);
        }
        // What the others are is known now: one of them may tell what these are.
        for id in self.carriers.held(Carrier::is_untold) {
            self.identify_one(id, look);
        }
    }

    fn identify_one(&mut self, id: u64, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get(id) else { return };
        let done = match carrier.state() {
            State::Unread if carrier.packed() => self.find_head_packed(id, look),
            State::Unread => self.find_head(id, look),
            State::Standby(file, head) => {
                self.review(id, file, head);
                Ok(())
            }
            _ => Ok(()),
        };
        let done = done.and_then(|()| match self.carriers.get(id).map(Carrier::state) {
            Some(State::Identified(head)) => self.assign(id, head, look),
            _ => Ok(()),
        });
        if let Err(error) = done {
            if let Some(carrier) = self.carriers.get_mut(id) {
                carrier.put_off();
                if carrier.packed() {
                    carrier.reset();
                }
            }
            self.problem(id, "inspect", error, look);
        }
    }

    fn find_head(&mut self, id: u64, look: &mut Look<D::File>) -> io::Result<()> {
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(()) };
        let Some(file) = carrier.file() else { return Ok(()) };
        if carrier.size() == 0 && carrier.scan().is_none_or(|scan| scan.at() == 0) {
            return Ok(());
        }
        let (size, mut scan) = (carrier.size(), carrier.take_scan());
        let progress = advance(&mut scan, &*file, &mut self.work);
        let shrunk = file.stat().map(|stat| stat.size < size);
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(()) };
        carrier.keep_scan(scan);
        // Shorter than it was known to be: what was read is not what was there before.
        let progress = match (progress?, shrunk?) {
            (_, true) => Progress::Changed,
            (progress, false) => progress,
        };
        match progress {
            Progress::Head(head) => carrier.identify(head),
            Progress::Changed => self.forget(id, look),
            Progress::Unfinished => {
                carrier.put_off();
                look.more = true;
            }
            Progress::Incomplete => self.await_line_end(id, look),
        }
        Ok(())
    }

    /// The file ends before its first line does: that may be all there ever is of it.
    fn await_line_end(&mut self, id: u64, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get(id) else { return };
        let Some(scan) = carrier.scan() else { return };
        let due = self.tail_due(carrier) || (!carrier.is_live() && self.was_final(scan));
        let (whole, head) = (scan.at() > 0 && scan.at() == carrier.size(), scan.finish());
        let draining = self.draining();
        let Some(carrier) = self.carriers.get_mut(id) else { return };
        if due && whole {
            return carrier.identify(head);
        }
        if !carrier.is_live() {
            // It may yet turn out to be a file of the history.
            carrier.put_off();
        }
        look.more |= draining;
    }

    /// Whether the file was final as it is, though its first line never ended.
    fn was_final(&self, scan: &HeadScan) -> bool {
        let end: Mark = (scan.at(), scan.anchor());
        self.accounts.copies(&scan.finish()).iter().any(|file| {
            let final_ = self.accounts.brief(file).is_some_and(|account| account.final_);
            final_ && self.accounts.mark(file) == Some(end)
        })
    }

    /// The compressed file ends before its first line does: whoever makes it may be about to go on.
    fn await_rest(&mut self, id: u64, scan: Box<HeadScan>) {
        if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.keep_scan(scan);
            carrier.put_off();
        }
    }

    /// Whether the file is deleted and another one has its name: a mirror renamed the whole file over
    /// the empty one that it had begun with.
    fn is_superseded(&self, id: u64) -> bool {
        let Some(carrier) = self.carriers.get(id).filter(|carrier| carrier.unlinked()) else {
            return false;
        };
        self.carriers
            .of_age(carrier.folder(), carrier.age())
            .any(|other| other.listed && other.id != id)
    }

    fn find_head_packed(&mut self, id: u64, look: &mut Look<D::File>) -> io::Result<()> {
        let over = self.carriers.get(id).is_some_and(|carrier| self.over(carrier));
        let Some(carrier) = self.carriers.get_mut(id) else { return Ok(()) };
        let mut scan = carrier.take_scan();
        let Some(unpack) = carrier.unpack() else { return Ok(()) };
        let head = loop {
            if unpack.ahead().is_empty() {
                if unpack.end().is_some() || self.work == 0 {
                    break None;
                }
                unpack.fill(STEP)?;
                self.work = self.work.saturating_sub(unpack.ahead().len() as u64);
                continue;
            }
            let length = unpack.ahead().len();
            if let Some(head) = scan.feed(unpack.ahead()) {
                break Some(head);
            }
            unpack.take(length);
        };
        let end = unpack.end().cloned();
        match (head, end) {
            (Some(head), _) => {
                carrier.identify(head);
                carrier.rewind();
            }
            (None, None) => {
                carrier.keep_scan(scan);
                carrier.put_off();
                look.more = true;
            }
            (None, Some(End::Whole)) if scan.at() == 0 => self.consume(id),
            (None, Some(End::Damaged(_))) if scan.at() == 0 && self.is_superseded(id) => {
                self.carriers.let_go(id, false);
            }
            (None, Some(End::Damaged(_))) if !over => self.await_rest(id, scan),
            (None, Some(End::Whole)) => {
                self.unended(id, (scan.at(), scan.anchor()), scan.finish())?;
            }
            (None, Some(End::Damaged(_))) => self.headless(id, &scan, look),
        }
        Ok(())
    }

    /// A compressed file without one whole line. If we hold its plain file, that one's first line
    /// may be finished yet, and its identity be another: it is the one to go by.
    fn unended(&mut self, id: u64, mark: Mark, head: Head) -> io::Result<()> {
        let Some(carrier) = self.carriers.get(id) else { return Ok(()) };
        let mut copy = false;
        if carrier.age().is_unique() {
            for sibling in self.carriers.of_age(carrier.folder(), carrier.age()) {
                if let Some(plain) = self.carriers.get(sibling.id).filter(|c| !c.packed())
                    && let Some(file) = plain.file()
                {
                    copy |= proves(&*file, Some(mark))?;
                }
            }
        }
        if copy {
            self.consume(id);
        } else if let Some(carrier) = self.carriers.get_mut(id) {
            carrier.identify(head);
            carrier.rewind();
        }
        Ok(())
    }

    /// Not even the first line of a compressed file can be had: a crash left it empty or cut short,
    /// or it is no compressed file at all.
    fn headless(&mut self, id: u64, scan: &HeadScan, look: &mut Look<D::File>) {
        let reason = self.damage(id);
        let Some(carrier) = self.carriers.get(id) else { return };
        let (name, age, expected) =
            (self.carriers.name(carrier), carrier.age(), carrier.expected());
        // Stamps don't come twice, so a file of that stamp is this one; numbers do.
        let was = |name: &std::ffi::OsStr| {
            age.is_unique() && self.family.role(name).is_some_and(|role| role.age == age)
        };
        // All of it was taken, or we hold the plain file.
        let known = self.accounts.briefs().find(|a| {
            // Longer than its plain file was, it would be another file of that stamp.
            let fits = expected == 0 || a.taken <= expected;
            let of_age = || a.role().is_some_and(|role| age.is_unique() && role.age == age);
            (a.final_ || a.carrier.is_some()) && fits && of_age()
        });
        let known = known.map(|account| (account.file, account.final_));
        let lost = self
            .accounts
            .lost()
            .iter()
            .find(|file| self.accounts.get(file).is_some_and(|account| was(account.name())));
        let lost = lost.copied();
        if let Some(file) = lost {
            // Its own gap says from where on.
            self.accounts
                .change(&file, |account| account.lost_mut().map(|lost| lost.reason = reason));
        }
        let unknown = known.is_none() && lost.is_none();
        if unknown && scan.at() > 0 {
            if let Some(carrier) = self.carriers.get_mut(id) {
                carrier.identify(scan.finish());
                carrier.rewind();
            }
            return;
        }
        if let Some((file, true)) = known {
            self.fall_short(id, file, look);
        }
        self.consume(id);
        if unknown {
            look.gaps.push(Gap::unidentified(name, None, reason));
        }
    }
}
