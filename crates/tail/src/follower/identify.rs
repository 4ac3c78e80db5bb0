//! Finding each carrier's first line.

use std::io;

use super::{Follower, proves};
use crate::account::{Account, Mark};
use crate::carrier::{Standing, State};
use crate::disk::{Disk, DiskFile};
use crate::names::Age;
use crate::scan::{Head, HeadScan, Progress, STEP, advance};
use crate::types::{Gap, Look};
use crate::unpack::End;

impl<D: Disk> Follower<D> {
    pub(super) fn identify(&mut self, look: &mut Look<D::File>) {
        for id in self.ids(|carrier| carrier.held.is_some() && !carrier.pending) {
            let Some(carrier) = self.carriers.get(&id) else { continue };
            let done = match carrier.state {
                State::Unread if carrier.packed() => self.find_head_gzip(id, look),
                State::Unread => self.find_head(id, look),
                State::Standby(file, head) => {
                    self.review(id, file, head);
                    Ok(())
                }
                _ => Ok(()),
            };
            let done = done.and_then(|()| match self.carriers.get(&id).map(|c| &c.state) {
                Some(State::Identified(head)) => self.assign(id, *head, look),
                _ => Ok(()),
            });
            if let Err(error) = done {
                self.with_carrier(id, |carrier| {
                    carrier.pending = true;
                    if carrier.packed() {
                        carrier.reset();
                    }
                });
                self.problem(id, "inspect", error, look);
            }
        }
    }

    fn find_head(&mut self, id: u64, look: &mut Look<D::File>) -> io::Result<()> {
        let Some(carrier) = self.carriers.get_mut(&id) else { return Ok(()) };
        let Some(file) = carrier.file() else { return Ok(()) };
        if carrier.size == 0 && carrier.scan.at() == 0 {
            return Ok(());
        }
        let progress = advance(&mut carrier.scan, &*file)?;
        // Shorter than it was known to be: what was read is not what was there before.
        let progress = match progress {
            _ if file.stat()?.size < carrier.size => Progress::Changed,
            progress => progress,
        };
        match progress {
            Progress::Head(head) => carrier.state = State::Identified(head),
            Progress::Changed => self.forget(id, look),
            Progress::Incomplete => {
                let due = self.carriers.get(&id).is_some_and(|c| {
                    self.tail_due(c) || (c.standing != Standing::Live && self.was_final(&c.scan))
                });
                let draining = self.draining();
                self.with_carrier(id, |carrier| {
                    if due && carrier.scan.at() > 0 && carrier.scan.at() == carrier.size {
                        carrier.state = State::Identified(carrier.scan.finish());
                    } else if carrier.standing != Standing::Live {
                        // It may yet turn out to be a file of the history.
                        carrier.pending = true;
                        look.more |= draining;
                    } else {
                        look.more |= draining;
                    }
                });
            }
        }
        Ok(())
    }

    /// Whether the file was final as it is, though its first line never ended.
    fn was_final(&self, scan: &HeadScan) -> bool {
        let (head, end) = (scan.finish(), (scan.at(), scan.anchor()));
        self.copies(&head).iter().any(|file| {
            self.accounts.get(file).is_some_and(|a| a.final_ && (a.taken, a.anchor) == end)
        })
    }

    fn find_head_gzip(&mut self, id: u64, look: &mut Look<D::File>) -> io::Result<()> {
        let over = self.carriers.get(&id).is_some_and(|carrier| self.over(carrier));
        let Some(carrier) = self.carriers.get_mut(&id) else { return Ok(()) };
        let mut scan = std::mem::replace(&mut carrier.scan, HeadScan::new());
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
            (Some(head), _) => carrier.state = State::Identified(head),
            (None, None) => {
                carrier.pending = true;
                look.more = true;
            }
            (None, Some(End::Whole)) if scan.at() == 0 => carrier.consume(),
            (None, Some(End::Damaged(_))) if !over => carrier.pending = true,
            (None, Some(End::Whole)) => {
                let mark = (scan.at(), scan.anchor());
                self.unended(id, mark, scan.finish())?;
                return Ok(());
            }
            (None, Some(End::Damaged(_))) => {
                self.headless(id, &scan, look);
                return Ok(());
            }
        }
        carrier.scan = scan;
        if !matches!(carrier.state, State::Unread) {
            carrier.rewind();
        }
        Ok(())
    }

    /// A compressed file without one whole line. If we hold its plain file, that one's first line
    /// may be finished yet, and its identity be another: it is the one to go by.
    fn unended(&mut self, id: u64, mark: Mark, head: Head) -> io::Result<()> {
        let age = self.carriers.get(&id).map(|carrier| carrier.role.age.clone());
        let mut copy = false;
        for carrier in self.carriers.values().filter(|c| !c.packed()) {
            if Some(&carrier.role.age) == age.as_ref()
                && age.as_ref().is_some_and(Age::is_unique)
                && let Some(plain) = carrier.file()
            {
                copy |= proves(&*plain, Some(mark))?;
            }
        }
        self.with_carrier(id, |carrier| {
            if copy {
                carrier.consume();
            } else {
                carrier.state = State::Identified(head);
                carrier.rewind();
            }
        });
        Ok(())
    }

    /// Not even the first line of a compressed file can be had: a crash left it empty or cut short,
    /// or it is no gzip file at all.
    fn headless(&mut self, id: u64, scan: &HeadScan, look: &mut Look<D::File>) {
        let reason = self.damage(id);
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        let (name, age) = (carrier.name.clone(), carrier.role.age.clone());
        // Stamps don't come twice, so a file of that stamp is this one; numbers do.
        let stamped = age.is_unique();
        let was = |account: &Account| {
            stamped && self.family.role(&account.name).is_some_and(|role| role.age == age)
        };
        // All of it was taken, or we hold the plain file.
        let known = self.accounts.values().find(|a| {
            // Longer than its plain file was, it would be another file of that stamp.
            let fits = carrier.expected == 0 || a.taken <= carrier.expected;
            (a.final_ || a.carrier.is_some()) && was(a) && fits
        });
        let known = known.map(|account| (account.file, account.final_));
        let orphan = self.orphans.iter().find(|file| self.accounts.get(file).is_some_and(was));
        let orphan = orphan.copied();
        if let Some(lost) = orphan.and_then(|file| self.accounts.get_mut(&file)?.lost.as_mut()) {
            // Its own gap says from where on.
            lost.reason = reason;
        }
        if known.is_none() && orphan.is_none() && scan.at() > 0 {
            carrier.state = State::Identified(scan.finish());
            carrier.rewind();
            return;
        }
        carrier.consume();
        if let Some((file, true)) = known {
            self.fall_short(id, file, look);
        }
        if known.is_none() && orphan.is_none() {
            look.gaps.push(Gap::unidentified(name, None, reason));
        }
    }
}
