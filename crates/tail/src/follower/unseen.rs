//! Files that came and went while nobody looked.
//!
//! A listing shows what is there, not what was. Two things tell of the rest. While the directory
//! is watched, the name that every rotated file gets is reported, once, and lumberjack never gives
//! a name twice but within one millisecond, when the second file overwrites the first: a name that
//! no listing showed, or that comes again, is a file that is gone. And where reports are
//! missing (no watch, lost events, the time between two runs), two views of the directory must
//! have a file in common: the oldest backups are deleted first, so whatever was written after that
//! file is still there. If they have none, nobody can say what stood between them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use super::Follower;
use super::finish::MISSES;
use crate::carrier::{Carrier, NO_INODE, Standing, State};
use crate::disk::Disk;
use crate::names::{Age, Role};
use crate::types::{FileId, Gap, GapReason, Look, Notice, Notices};

/// Names remembered: far more than a directory keeps.
const MAX_KNOWN: usize = 65_536;

/// What was reported, and since when nothing was.
#[derive(Debug, Default)]
pub(super) struct Watch {
    /// Names that were listed or belong to what was, plain and compressed ones; and whether it was
    /// reported that a file got the name, and not that it was deleted.
    known: BTreeMap<Role, bool>,
    /// Reported, and not compared with a listing yet.
    reported: Vec<(Role, Notice)>,
    /// Listings there had been when reports were last handed in; `None`: they never are.
    asked: Option<u64>,
    /// The same, of the time before: from then on happened what was reported last.
    asked_before: u64,
    /// Reports were lost since the last listing.
    deaf: bool,
    blind: Option<Blind>,
    /// The last listing before the time that this look found files to be missing of.
    broken: Option<u64>,
}

/// A time without reports.
#[derive(Debug, Clone, Copy)]
struct Blind {
    since: u64,
    /// What later listings show first is new.
    listing: u64,
    /// Looks in a row that found nothing in common.
    misses: u8,
}

impl Watch {
    /// Time begins.
    pub(super) fn started(&mut self, now: u64) {
        if let Some(blind) = &mut self.blind {
            blind.since = now;
        }
    }

    /// The name's file is known.
    pub(super) fn know(&mut self, role: &Role) {
        if role.age.is_unique() {
            self.known.entry(role.clone()).or_insert(false);
            while self.known.len() > MAX_KNOWN {
                self.known.pop_first();
            }
        }
    }
}

impl<D: Disk> Follower<D> {
    /// Tells what was reported of the directory since the last look, before the next one.
    ///
    /// Never called, the directory counts as watched without a break: right where it can't change
    /// between two looks.
    pub fn noticed(&mut self, notices: Notices) {
        for notice in notices.events {
            let (Notice::Appeared(name) | Notice::Removed(name)) = &notice;
            if let Some(role) = self.family.role(name) {
                self.watch.reported.push((role, notice));
            }
        }
        self.watch.deaf |= notices.lost;
        // Before the first listing of all nothing is known that could be missing since.
        let began = self.listings > 0 || self.accounts.values().any(|account| account.begun);
        if notices.lost && began {
            self.blinded();
        }
        self.watch.asked_before = self.watch.asked.unwrap_or(self.listings);
        self.watch.asked = Some(self.listings);
    }

    /// What came and went since the last listing is not known.
    pub(super) fn blinded(&mut self) {
        if self.watch.blind.is_none() {
            // What listings showed since then, may already be what came after what is missing.
            let listing = self.watch.asked.unwrap_or(self.listings);
            self.watch.blind = Some(Blind { since: self.now, listing, misses: 0 });
        }
    }

    /// Compares what was reported with what is listed.
    pub(super) fn compare(&mut self, look: &mut Look<D::File>) {
        if std::mem::take(&mut self.watch.deaf) {
            // What became of these was reported then, if ever.
            while let Some(carrier) = self.vanished_live() {
                carrier.removed = true;
            }
        }
        for (role, notice) in std::mem::take(&mut self.watch.reported) {
            match (&role.age, notice) {
                (Age::Stamped(_), Notice::Appeared(name)) => self.appeared(role, name, look),
                (Age::Stamped(_), Notice::Removed(_)) => {
                    self.watch.known.entry(role).and_modify(|stands| *stands = false);
                }
                (Age::Live, Notice::Removed(_)) => {
                    if let Some(carrier) = self.vanished_live() {
                        carrier.removed = true;
                    }
                }
                _ => {}
            }
        }
        // It turned up after all: a listing may miss a file whose name changes during it.
        let found: Vec<Age> =
            self.carriers.values().filter(|c| c.listed).map(|c| c.role.age.clone()).collect();
        self.carriers.retain(|_, c| !c.unseen || c.listed || !found.contains(&c.role.age));
    }

    /// A file got a backup's name. If no listing showed it there, it is gone again.
    fn appeared(&mut self, role: Role, name: OsString, look: &mut Look<D::File>) {
        let plain = role.plain();
        let known = [&role, &plain].iter().any(|role| self.watch.known.contains_key(role));
        self.watch.know(&role);
        let stood = self.watch.known.get_mut(&role).is_some_and(|s| std::mem::replace(s, true));
        if stood && !role.packed() {
            // The one that is overwritten was the live file, which mustn't get a later name: one
            // name too many costs an alarm, one too few would hide a loss.
            self.name_vanished_live(&role, &name);
            // Whether it was ever held under this name, or the other, can't be told.
            look.gaps.push(Gap::unidentified(name, None, GapReason::Replaced));
        } else if !known && (role.packed() || !self.name_vanished_live(&role, &name)) {
            let order = self.place(&role, NO_INODE);
            self.add(Carrier::reported((role, name), order, self.now, self.looks));
        }
    }

    /// The oldest live file that is gone without anybody having told where to.
    fn vanished_live(&mut self) -> Option<&mut Carrier<D::File>> {
        let gone = |c: &&mut Carrier<D::File>| {
            !c.listed && !c.removed && c.role.age == Age::Live && !c.packed()
        };
        self.carriers.values_mut().filter(gone).min_by_key(|c| c.order)
    }

    /// The live file that a listing missed was renamed first, whatever happened later.
    fn name_vanished_live(&mut self, role: &Role, name: &OsStr) -> bool {
        let since = self.watch.asked_before;
        let Some(carrier) = self.vanished_live() else { return false };
        // Listed first amid what was reported, it may stand behind the file of that name.
        if carrier.listing > since {
            carrier.removed = true;
            return false;
        }
        // It was written to after it was listed, or it wouldn't have been rotated.
        carrier.unseen = carrier.held.is_none() && carrier.size == 0;
        let order = carrier.order;
        self.rename_vanished(order, role, name);
        true
    }

    /// A compressed copy of a vanished live file tells what that was renamed to.
    pub(super) fn name_by_copy(&mut self, id: u64, file: FileId) {
        let Some(copy) = self.carriers.get(&id).filter(|copy| copy.is_copy(file)) else { return };
        let source = self.accounts.get(&file).and_then(|account| account.carrier);
        let Some(source) = source.and_then(|source| self.carriers.get(&source)) else { return };
        if !source.listed
            && source.role.age == Age::Live
            && copy.role.age.is_unique()
        {
            let (order, role, name) = (source.order, copy.role.clone(), copy.name.clone());
            self.rename_vanished(order, &role, &name);
        }
    }

    fn rename_vanished(&mut self, order: u64, role: &Role, name: &OsStr) {
        let now = self.now;
        let mut all = self.carriers.values_mut();
        let Some(carrier) = all.find(|c| c.order == order && c.role.age == Age::Live && !c.listed)
        else {
            return;
        };
        carrier.role.age = role.age.clone();
        name.clone_into(&mut carrier.name);
        carrier.standing = Standing::Rotated;
        carrier.stir(now);
        if let State::Active(file) = carrier.state
            && let Some(account) = self.accounts.get_mut(&file)
        {
            name.clone_into(&mut account.name);
        }
    }

    /// After a time without reports: is anything there that was there before?
    pub(super) fn settle_unseen(&mut self, look: &mut Look<D::File>) {
        self.watch.broken = None;
        let Some(mut blind) = self.watch.blind.filter(|_| self.listed) else { return };
        let before = |c: &Carrier<D::File>| c.listing <= blind.listing;
        // Before the first look of all nothing is known; amid it, what vanished was.
        let first = !self.accounts.values().any(|account| account.begun);
        let known = !first || self.carriers.values().any(|c| before(c) || !c.listed);
        let seen = if first { blind.listing.max(1) } else { blind.listing };
        let common = |c: &Carrier<D::File>| before(c) || self.begun(c) || self.compressed(c, seen);
        if !known || self.carriers.values().any(|c| c.listed && common(c)) {
            self.watch.blind = None;
            return;
        }
        let fresh = || self.carriers.values().filter(|c| !before(c));
        // An empty file says nothing yet, nor does an empty directory: the next may be being made.
        let empty = fresh().all(|c| c.size == 0);
        let unsure = fresh().any(|c| {
            let unread = matches!(c.state, State::Unread | State::Identified(_));
            c.pending || (unread && c.packed())
        });
        look.more |= !empty && (!unsure || self.draining());
        let unsure = unsure || empty;
        if unsure && self.now - blind.since < self.settings.linger {
            return;
        }
        blind.misses += 1;
        self.watch.blind = Some(blind);
        if blind.misses < MISSES {
            return;
        }
        self.watch.blind = None;
        self.watch.broken = Some(blind.listing);
        look.more = true;
        look.gaps.push(Gap {
            file: None,
            name: self.family.live(),
            start: None,
            end: None,
            anchor: None,
            reason: GapReason::Unseen,
        });
    }

    /// Whether something of the file that the carrier holds is archived, or handed out to be.
    fn begun(&self, carrier: &Carrier<D::File>) -> bool {
        let file = match carrier.state {
            State::Active(file) | State::Standby(file, _) => Some(file),
            _ => carrier.account,
        };
        file.and_then(|file| self.accounts.get(&file)).is_some_and(|account| account.begun)
    }

    /// Whether the carrier is what a file became that was there in a listing up to `seen`.
    fn compressed(&self, carrier: &Carrier<D::File>, seen: u64) -> bool {
        // Its plain file is held, or its stamp tells: stamps don't come twice.
        let copied = match carrier.state {
            State::Standby(file, _) => self.accounts.get(&file).and_then(|a| a.carrier),
            _ => None,
        };
        let stamped = carrier.packed() && carrier.role.age.is_unique();
        self.carriers.iter().any(|(id, c)| {
            let same = stamped && c.role.age == carrier.role.age;
            c.listing <= seen && !c.listed && (same || copied == Some(*id))
        })
    }

    /// Whether the reports of what happened before the file was listed first are still to come.
    pub(super) fn unreported(&self, carrier: &Carrier<D::File>) -> bool {
        self.watch.asked.is_some_and(|asked| carrier.listing > asked)
    }

    /// Whether nothing must be taken yet of a file that wasn't begun: something that stood before
    /// it may be missing. That gap is handed out first, for after a crash between the two nothing
    /// would tell of the loss any more.
    pub(super) fn must_wait(&self, carrier: &Carrier<D::File>) -> bool {
        let blind = self.watch.blind.map(|blind| blind.listing).or(self.watch.broken);
        blind.is_some_and(|listing| carrier.listing > listing)
            || self.unreported(carrier)
            || self.carriers.values().any(|other| {
                let vanished = !other.listed && other.held.is_none();
                let damaged = other.packed() && matches!(other.state, State::Unread);
                (vanished && (other.size > 0 || other.unseen))
                    || (other.held.is_some() && other.pending && damaged && !self.over(other))
            })
    }
}
