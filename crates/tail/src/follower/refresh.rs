//! Listing the directories, and opening what is new in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;

use super::Follower;
use super::shown::Shown;
use super::watch::News;
use crate::carriers::{Carrier, Opened};
use crate::disk::{Disk, DiskFile, Refusal};
use crate::gap::{Gap, GapReason};
use crate::inode::{FileKey, FolderId};
use crate::names::Age;
use crate::types::Look;

/// Milliseconds after which the directories are listed again though nothing was reported: the path
/// may lead elsewhere by now, and a watch can go silent.
const RELIST: u64 = 10_000;
/// The same where everything is to be taken that is there now: a listing costs as much as the
/// directory is large, so it isn't made for each handful of files.
const RELIST_DRAINING: u64 = 2_000;
/// Where nobody reports, and while a doubt isn't settled, a listing of so many entries is followed
/// by a pause of this many milliseconds: it takes a tenth of that. A backfill of 100,000 files would
/// else list them once for each 256 that it may open.
const PAUSE: (u64, u64) = (1000, 70);
/// Where everything is to be taken, the pause is so much longer at most as the machine is slow: on a
/// busy one a listing of 100,000 may take a minute, and each look would make one.
const SLOW: u64 = 8;

/// What the last listing showed of the directories as such.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// It succeeded.
    listed: bool,
    /// It succeeded, and nothing changed while it was made.
    complete: bool,
    /// When it was made.
    made: u64,
    /// How long the look took in which it was made, and what came before the next look, milliseconds.
    took: u64,
    /// It was made in the look under way.
    now: bool,
    /// How much it showed.
    entries: usize,
    /// Files of this log that aren't opened, with what they were then.
    refused: BTreeMap<(FolderId, OsString), FileKey>,
    /// Files that look like this log's and have names that mean nothing.
    strangers: BTreeSet<(FolderId, OsString)>,
    /// Since when no live file is there.
    absent: Option<u64>,
    /// The path led, when reports were compared last, to a directory that isn't read yet.
    beyond: bool,
}

impl Directory {
    /// Time begins: nothing is there yet.
    pub(super) fn started(&mut self, now: u64) {
        self.absent = Some(now);
    }

    /// Whether the last listing succeeded.
    pub(super) fn is_listed(&self) -> bool {
        self.listed
    }

    /// Whether the look under way listed.
    pub(super) fn listed_now(&self) -> bool {
        self.now
    }

    /// Whether the last listing succeeded, and nothing changed while it was made.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Files of this log that aren't opened.
    pub(super) fn refused(&self) -> usize {
        self.refused.len()
    }

    /// Whether a file of this name isn't opened, in whichever directory.
    pub(super) fn refuses(&self, name: &OsStr) -> bool {
        self.refused.keys().any(|(_, refused)| refused == name)
    }

    /// Since when no live file is there.
    pub(super) fn absent_since(&self) -> Option<u64> {
        self.absent
    }

    /// The path leads, or doesn't, to a directory that isn't read yet. Returns whether it did when
    /// reports were compared last.
    pub(super) fn leads_beyond(&mut self, beyond: bool) -> bool {
        std::mem::replace(&mut self.beyond, beyond)
    }

    /// Whether a file that looks like this log's lies there and isn't taken.
    pub(super) fn has_strangers(&self) -> bool {
        !self.strangers.is_empty()
    }
}

impl<D: Disk> Follower<D> {
    /// Brings the carriers up to date, and holds every one that isn't accounted for: from then on
    /// deleting it loses nothing.
    pub(super) fn refresh(&mut self, look: &mut Look<D::File>) {
        if self.directory.now {
            self.directory.took = self.now - self.directory.made;
        }
        self.directory.now = self.must_list() || self.open_waiting(look);
        if self.directory.now {
            self.list_all(look);
        }
        if self.carriers.has_live() {
            self.directory.absent = None;
        } else {
            self.directory.absent.get_or_insert(self.now);
        }
    }

    /// Whether the last listing may not show any more what is there. Looks come several times a
    /// second, and a listing costs as much as the directory is large.
    fn must_list(&self) -> bool {
        let since = self.now - self.directory.made;
        let unsettled = !self.directory.complete
            || self.watch.is_blind()
            || !self.accounts.lost().is_empty()
            || self.carriers.missing().next().is_some()
            || self.asks_listings();
        let pause = self.directory.entries as u64 / PAUSE.0 * PAUSE.1;
        if self.draining() {
            let pause = pause.max((9 * self.directory.took).min(SLOW * pause));
            let nothing_waits = self.carriers.waiting_count() == 0;
            return since >= pause.max(RELIST_DRAINING)
                || ((unsettled || nothing_waits) && since >= pause);
        }
        match self.watch.news() {
            News { names: true, .. } => since >= pause / 10,
            News { lost: true, .. } => since >= pause,
            _ => since >= RELIST || (unsettled && since >= pause.min(RELIST)),
        }
    }

    fn list_all(&mut self, look: &mut Look<D::File>) {
        let mut again = true;
        self.directory.complete = false;
        self.directory.made = self.now;
        for _ in 0..self.settings.limits.relists {
            let mut shown = match self.list() {
                Ok(shown) => shown,
                Err(error) => {
                    // What is held can be read on; who is live stays as it was.
                    self.directory.listed = false;
                    return self.complain(OsString::new(), "list", error, look);
                }
            };
            self.directory.listed = true;
            self.directory.entries = shown.entries;
            self.sort_out(&mut shown, look);
            let Shown { folders, ours, .. } = shown;
            for id in self.carriers.recognise(folders, ours, self.now) {
                self.rename_account(id);
            }
            again = self.open_waiting(look);
            if !again {
                break;
            }
        }
        look.more |= again;
        self.directory.complete = !again;
        self.carriers.conclude(self.now);
        self.compare(look);
        self.observe_retention();
        self.carriers.forget_gone();
    }

    /// Lists the directories; again, if the live file is missing: it is probably being renamed, and
    /// under both its names the listing may have passed it by. Without it, the order of files that
    /// are new to us would be a guess.
    fn list(&mut self) -> io::Result<Shown> {
        let live = self.carriers.all_held().find(|carrier| carrier.is_live()).map(Carrier::key);
        let shown = Shown::by(&mut self.disk, &self.carriers, live)?;
        if live.is_none() || shown.has_wanted {
            return Ok(shown);
        }
        let again = Shown::by(&mut self.disk, &self.carriers, None)?;
        Ok(shown.in_full(&self.carriers).followed_by(again.in_full(&self.carriers)))
    }

    /// Tells the entries of this log that are to be known from those that look like one and aren't
    /// taken: these are named once.
    fn sort_out(&mut self, shown: &mut Shown, look: &mut Look<D::File>) {
        let refused = std::mem::take(&mut shown.refused);
        let before = std::mem::take(&mut self.directory.refused);
        for (sight, why) in refused {
            if self.carriers.knows(&sight) {
                shown.ours.known.push(sight);
                continue;
            }
            let family = shown.folders.iter().find(|folder| folder.id == sight.folder);
            let Some(name) = family.map(|folder| sight.label.text(&folder.family)) else {
                continue;
            };
            if sight.label.role().is_some_and(|role| role.age == Age::Live) {
                look.refused_live = Some((name.clone(), why));
            }
            let name = (sight.folder, name);
            if before.get(&name) != Some(&sight.key) {
                refuse(&name.1, why, look);
            }
            self.directory.refused.insert(name, sight.key);
        }
        for stranger in &shown.strangers {
            if !self.directory.strangers.contains(stranger) {
                look.strangers.push(stranger.1.clone());
            }
        }
        self.directory.strangers = std::mem::take(&mut shown.strangers);
        shown.settle(&self.carriers);
    }

    /// Opens what isn't held, the live file first: the limit must not stop what is written now.
    /// Returns whether the directory changed meanwhile.
    fn open_waiting(&mut self, look: &mut Look<D::File>) -> bool {
        let mut changed = false;
        for id in self.next_to_open() {
            let Some(carrier) = self.carriers.get(id).filter(|c| !c.is_held()) else { continue };
            let (live, untold) = (carrier.is_live(), carrier.is_untold());
            if !live && !self.has_room(untold, look) {
                break;
            }
            let Some(carrier) = self.carriers.get(id) else { continue };
            let (folder, name) = (carrier.folder(), self.carriers.name(carrier));
            match self.disk.open(folder, &name).and_then(|file| Ok((file.stat()?, file))) {
                Ok((stat, file)) => {
                    changed |= self.carriers.hold(id, stat, file, self.now) == Opened::Other;
                }
                Err(error) if error.kind() == io::ErrorKind::NotFound => changed = true,
                Err(error) => {
                    self.put_off(id);
                    self.problem(id, "open", error, look);
                }
            }
        }
        changed
    }
}

impl<D: Disk> Follower<D> {
    /// What is opened next, in this order, while there is room.
    ///
    /// After a time without reports nothing that was listed first since is taken before one that was
    /// there before is found: should all descriptors be held by others, which wait for that, it never
    /// would be. So, unless one is known already, those come first that have an archived file's name; and
    /// of the others half from the newest, for what was the live file then may be one of these by now.
    fn next_to_open(&self) -> Vec<u64> {
        let most = self.settings.limits.open;
        let waiting = self.carriers.waiting();
        let listings = self.carriers.listings();
        let blind = self.watch.blind().filter(|blind| blind.listing < listings);
        let nothing_new = blind.is_none_or(|blind| self.in_common(&blind));
        if nothing_new || self.carriers.waiting_count() <= most {
            return waiting.take(most.saturating_add(1)).collect();
        }
        let names = self.accounts.briefs().filter(|account| account.begun);
        let archived: BTreeSet<Age> =
            names.filter_map(|account| Some(account.role()?.age)).collect();
        let first = |id: &u64| {
            self.carriers.get(*id).is_some_and(|c| c.is_live() || archived.contains(&c.age()))
        };
        let comes_last = |id: &u64| self.carriers.get(*id).is_some_and(Carrier::comes_last);
        let (last, waiting): (Vec<u64>, Vec<u64>) = waiting.partition(comes_last);
        let (mut next, others): (Vec<u64>, Vec<u64>) = waiting.into_iter().partition(first);
        let (older, newer) = others.split_at(others.len().saturating_sub(most / 2));
        next.extend(newer.iter().rev().chain(older).chain(&last));
        next.truncate(most.saturating_add(1));
        next
    }
}

/// Something that looks like a file of the log and isn't opened. Where it may hold lines, that is a
/// gap: nobody knows which.
fn refuse<F>(name: &OsStr, why: Refusal, look: &mut Look<F>) {
    look.refusals.push((name.to_owned(), why));
    if why.may_hold_lines() {
        look.gaps.push(Gap::unidentified(name.to_owned(), None, GapReason::Refused));
    }
}
