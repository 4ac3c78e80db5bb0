//! Listing the directories, and opening what is new in them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;

use super::Follower;
use super::watch::News;
use crate::carriers::Opened;
use crate::disk::{Disk, DiskFile, Entry, FileKey, Folder, FolderId, Listing, Refusal};
use crate::names::{Age, Family, Role};
use crate::types::{Gap, GapReason, Look};

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

/// What the last listing showed of the directories as such.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// It succeeded.
    listed: bool,
    /// It succeeded, and nothing changed while it was made.
    complete: bool,
    /// When it was made.
    made: u64,
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

    /// Whether a file that looks like this log's lies there and isn't taken.
    pub(super) fn has_strangers(&self) -> bool {
        !self.strangers.is_empty()
    }
}

impl<D: Disk> Follower<D> {
    /// Brings the carriers up to date, and holds every one that isn't accounted for: from then on
    /// deleting it loses nothing.
    pub(super) fn refresh(&mut self, look: &mut Look<D::File>) {
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
            || self.carriers.missing().next().is_some();
        let pause = self.directory.entries as u64 / PAUSE.0 * PAUSE.1;
        if self.draining() {
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
            let listing = match self.list() {
                Ok(listing) => listing,
                Err(error) => {
                    // What is held can be read on; who is live stays as it was.
                    self.directory.listed = false;
                    return self.complain(OsString::new(), "list", error, look);
                }
            };
            self.directory.listed = true;
            self.directory.entries = listing.entries.len();
            let Listing { folders, entries } = listing;
            let entries = self.ours(&folders, entries, look);
            for id in self.carriers.recognise(folders, entries, self.now) {
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
    fn list(&mut self) -> io::Result<Listing> {
        let mut listing = self.disk.list()?;
        let live = self.carriers.all_held().find(|carrier| carrier.is_live());
        let there = |key| listing.entries.iter().any(|entry| entry.key == key);
        if live.is_none_or(|live| there(live.key())) {
            return Ok(listing);
        }
        let again = self.disk.list()?;
        // What was there a moment ago is lost, or renamed: either must be found out.
        let families: BTreeMap<FolderId, &Family> =
            again.folders.iter().map(|folder| (folder.id, &folder.family)).collect();
        let mut entries = listing.entries;
        entries.retain(|old| !again.entries.iter().any(|new| same_file(&families, old, new)));
        entries.extend(again.entries);
        listing = Listing { folders: again.folders, entries };
        Ok(listing)
    }

    /// The entries of this log, by name: each name is read once, which takes longer than all else.
    /// What looks like one and isn't taken is named once.
    fn ours(
        &mut self,
        folders: &[Folder],
        entries: Vec<Entry>,
        look: &mut Look<D::File>,
    ) -> Vec<(Role, Entry)> {
        let family = |id: FolderId| {
            folders.iter().find(|folder| folder.id == id).map(|folder| &folder.family)
        };
        let (mut refused, mut strangers) = (BTreeMap::new(), BTreeSet::new());
        let mut ours: Vec<(Role, Entry)> = Vec::with_capacity(entries.len());
        for entry in entries {
            let Some(family) = family(entry.folder) else { continue };
            let name = || (entry.folder, entry.name.clone());
            match (family.role(&entry.name), entry.refusal) {
                (Some(role), why) if why.is_none() || self.carriers.knows(&role, &entry) => {
                    ours.push((role, entry));
                }
                (Some(_), None) => {}
                (Some(role), Some(why)) => {
                    if role.age == Age::Live {
                        look.refused_live = Some((entry.name.clone(), why));
                    }
                    if self.directory.refused.get(&name()) != Some(&entry.key) {
                        refuse(&entry.name, why, look);
                    }
                    refused.insert(name(), entry.key);
                }
                (None, _) if family.related(&entry.name) => {
                    if !self.directory.strangers.contains(&name()) {
                        look.strangers.push(entry.name.clone());
                    }
                    strangers.insert(name());
                }
                (None, _) => {}
            }
        }
        (self.directory.refused, self.directory.strangers) = (refused, strangers);
        hide_unfinished(&mut ours);
        // The order in which a directory names its files is no order: each run must do the same.
        ours.sort_unstable_by(|(_, a), (_, b)| (a.folder, &a.name).cmp(&(b.folder, &b.name)));
        ours
    }

    /// Opens what isn't held, the live file first: the limit must not stop what is written now.
    /// Returns whether the directory changed meanwhile.
    fn open_waiting(&mut self, look: &mut Look<D::File>) -> bool {
        let most = self.settings.limits.open;
        let wanted: Vec<u64> = self.carriers.waiting().take(most.saturating_add(1)).collect();
        let mut changed = false;
        for id in wanted {
            let Some(carrier) = self.carriers.get(id).filter(|c| !c.is_held()) else { continue };
            if !carrier.is_live() && !self.has_room() {
                break;
            }
            let Some(carrier) = self.carriers.get(id) else { continue };
            let (folder, name) = (carrier.folder(), carrier.name().to_owned());
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

/// Leaves out each compressed file that lies beside its plain one: it is being written, and would
/// end anywhere.
fn hide_unfinished(entries: &mut Vec<(Role, Entry)>) {
    let stands = |(role, entry): &(Role, Entry)| (entry.folder, role.age.clone());
    if !entries.iter().any(|(role, _)| role.packed()) {
        return;
    }
    let plain = entries.iter().filter(|(role, _)| !role.packed());
    let mut plain: Vec<(FolderId, Age)> = plain.map(stands).collect();
    plain.sort_unstable();
    entries.retain(|ours| !ours.0.packed() || plain.binary_search(&stands(ours)).is_err());
}

/// Something that looks like a file of the log and isn't opened. Where it may hold lines, that is a
/// gap: nobody knows which.
fn refuse<F>(name: &OsStr, why: Refusal, look: &mut Look<F>) {
    look.refusals.push((name.to_owned(), why));
    if why.may_hold_lines() {
        look.gaps.push(Gap::unidentified(name.to_owned(), None, GapReason::Refused));
    }
}

/// Whether an entry of one listing is, in the next, this one: an inode number alone may have been
/// given to another file in between.
fn same_file(families: &BTreeMap<FolderId, &Family>, before: &Entry, after: &Entry) -> bool {
    let role = |entry: &Entry| families.get(&entry.folder)?.role(&entry.name);
    let roles = role(before).zip(role(after));
    before.key == after.key
        && before.folder == after.folder
        && before.size <= after.size
        && roles.is_some_and(|(b, a)| b == a || b.age.becomes(&a.age))
}
