//! Finding each carrier's first line.

use std::io;

use super::Follower;
use crate::account::Account;
use crate::carrier::{Standing, State};
use crate::disk::{Disk, DiskFile};
use crate::names::Age;
use crate::scan::{Progress, STEP, advance};
use crate::types::{Gap, GapReason, Look};
use crate::unpack::End;

impl<D: Disk> Follower<D> {
    pub(super) fn identify(&mut self, look: &mut Look<D::File>) {
        for id in self.ids(|carrier| carrier.held.is_some() && !carrier.pending) {
            let Some(carrier) = self.carriers.get(&id) else { continue };
            let done = match carrier.state {
                State::Unread if carrier.gzip() => self.find_head_gzip(id, look),
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
                    if carrier.gzip() {
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
                let due = self.carriers.get(&id).is_some_and(|c| self.tail_due(c));
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

    fn find_head_gzip(&mut self, id: u64, look: &mut Look<D::File>) -> io::Result<()> {
        let over = self.carriers.get(&id).is_some_and(|carrier| self.over(carrier));
        let Some(carrier) = self.carriers.get_mut(&id) else { return Ok(()) };
        let mut scan = std::mem::replace(&mut carrier.scan, crate::scan::HeadScan::new());
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
            (None, Some(_)) if scan.at() > 0 => carrier.state = State::Identified(scan.finish()),
            (None, Some(_)) => {
                self.nothing_readable(id, look);
                return Ok(());
            }
        }
        carrier.scan = scan;
        if !matches!(carrier.state, State::Unread) {
            carrier.rewind();
        }
        Ok(())
    }

    /// Not one byte of a compressed file can be had: a crash left it empty, or it is no gzip file.
    fn nothing_readable(&mut self, id: u64, look: &mut Look<D::File>) {
        let Some(carrier) = self.carriers.get_mut(&id) else { return };
        carrier.consume();
        let (name, age) = (carrier.name.clone(), carrier.role.age.clone());
        // Stamps don't come twice, so a file of that stamp is this one; numbers do.
        let stamped = matches!(age, Age::Stamped(_));
        let was = |account: &Account| {
            stamped && self.family.role(&account.name).is_some_and(|role| role.age == age)
        };
        if self.accounts.values().any(|account| account.final_ && was(account)) {
            return;
        }
        let orphan = self.orphans.iter().find(|file| self.accounts.get(file).is_some_and(was));
        if let Some(file) = orphan.copied() {
            // Its own gap says from where on.
            if let Some(lost) = self.accounts.get_mut(&file).and_then(|a| a.lost.as_mut()) {
                lost.reason = GapReason::GzipDamaged;
            }
            return;
        }
        let reason = GapReason::GzipDamaged;
        look.gaps.push(Gap { file: None, name, start: Some(0), end: None, reason });
    }
}
