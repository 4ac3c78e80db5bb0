//! What lies in a source's directories: every inode that a listing showed or a report named.
//!
//! Each is a [`Carrier`], side by side on a [`Shelf`] until it is forgotten, for a directory may
//! hold a hundred thousand that wait or are accounted for. All are found by inode, by role and by
//! place, never by search: a look costs what changed.

mod carrier;
mod held;
mod listing;
mod matching;
mod sight;
mod state;
mod unopened;

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};

use crate::disk::{DiskFile, Folder, Stat};
use crate::inode::{FileKey, FolderId};
use crate::label::Label;
use crate::names::{Age, Family, Role};
use crate::shelf::Shelf;
use crate::sorted::Sorted;

pub(crate) use carrier::{Carrier, NO_INODE};
pub(crate) use matching::{Newer, Opened};
pub(crate) use sight::{Sight, Sights};
pub(crate) use state::{Standing, State};
pub(crate) use unopened::Unread;

use unopened::Unopened;

/// Distance between places in rotation order, so that others fit in between.
const SPACING: u64 = 1 << 20;

/// What a directory showed of one file, whatever became of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) role: Role,
    /// Nothing more is expected of it.
    pub(crate) done: bool,
    /// In the last listing.
    pub(crate) listed: bool,
    /// The listing that showed it first.
    pub(crate) listing: u64,
    pub(crate) folder: FolderId,
    /// Stored bytes, as last seen.
    pub(crate) size: u64,
    order: u64,
    key: FileKey,
}

impl Seen {
    fn of<F: DiskFile>(id: u64, carrier: &Carrier<F>) -> Self {
        Self {
            id,
            role: carrier.role(),
            done: carrier.is_done(),
            listed: carrier.is_listed(),
            listing: carrier.first_listing(),
            folder: carrier.folder(),
            size: carrier.size(),
            order: carrier.order(),
            key: carrier.key(),
        }
    }
}

/// All carriers of one source.
pub(crate) struct Carriers<F> {
    /// Those that aren't accounted for, and those that are.
    files: Shelf<Carrier<F>>,
    /// By inode; its device is the carrier's to tell.
    by_key: Sorted<(u64, u64)>,
    /// By directory, age and number.
    by_age: Sorted<u64>,
    /// Those with a descriptor.
    held: BTreeSet<u64>,
    /// Those without that aren't accounted for.
    unopened: Unopened,
    /// Those of `unopened` about which something changed since the last look began.
    touched: Vec<u64>,
    /// The greatest place that was given so far.
    last: u64,
    /// Names that files had when they were listed and have no more, with the listings so far.
    past: BTreeMap<(FolderId, Role), u64>,
    /// The directories, as the last listing showed them.
    folders: Vec<Folder>,
    /// The families of all directories that a carrier is in.
    families: BTreeMap<FolderId, Family>,
    /// Listings so far.
    listings: u64,
    /// The last of them that didn't show the same files under the same names as the one before.
    altered: u64,
    /// Looks so far.
    looks: u64,
}

impl<F> std::fmt::Debug for Carriers<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carriers")
            .field("files", &self.files.len())
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl<F: DiskFile> Carriers<F> {
    pub(crate) fn new() -> Self {
        Self {
            files: Shelf::new(),
            by_key: Sorted::default(),
            by_age: Sorted::default(),
            held: BTreeSet::new(),
            unopened: Unopened::default(),
            touched: Vec::new(),
            last: 0,
            past: BTreeMap::new(),
            folders: Vec::new(),
            families: BTreeMap::new(),
            listings: 0,
            altered: 0,
            looks: 0,
        }
    }

    /// How many files the directories hold, as far as is known.
    pub(crate) fn len(&self) -> usize {
        self.files.len()
    }

    /// Listings so far.
    pub(crate) fn listings(&self) -> u64 {
        self.listings
    }

    /// The last listing that didn't show the same files under the same names as the one before.
    pub(crate) fn altered(&self) -> u64 {
        self.altered
    }

    /// A look begins.
    pub(crate) fn begin_look(&mut self, now: u64) {
        self.looks += 1;
        let touched = std::mem::take(&mut self.touched);
        for id in self.held.iter().chain(&touched) {
            if let Some(carrier) = self.files.get_mut(*id) {
                carrier.begin_look(now);
            }
        }
    }

    /// What isn't accounted for.
    pub(crate) fn open(&self) -> impl Iterator<Item = (u64, &Carrier<F>)> {
        self.files.iter().filter(|(_, carrier)| !carrier.is_done())
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Carrier<F>> {
        self.files.get(id).filter(|carrier| !carrier.is_done())
    }

    /// Its base name now, or the last known.
    pub(crate) fn name(&self, carrier: &Carrier<F>) -> OsString {
        let family = self.families.get(&carrier.folder());
        family.map(|family| carrier.label().text(family)).unwrap_or_default()
    }

    /// The same, whatever became of it.
    pub(crate) fn name_of(&self, id: u64) -> Option<OsString> {
        self.files.get(id).map(|carrier| self.name(carrier))
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Carrier<F>> {
        let carrier = self.files.get_mut(id).filter(|carrier| !carrier.is_done())?;
        if !carrier.is_held() {
            self.touched.push(id);
        }
        Some(carrier)
    }

    /// Those with a descriptor that are wanted, by number.
    pub(crate) fn held(&self, wanted: impl Fn(&Carrier<F>) -> bool) -> Vec<u64> {
        self.held.iter().copied().filter(|id| self.get(*id).is_some_and(&wanted)).collect()
    }

    /// How many have a descriptor.
    pub(crate) fn held_count(&self) -> usize {
        self.held.len()
    }

    /// Those with a descriptor.
    pub(crate) fn all_held(&self) -> impl Iterator<Item = &Carrier<F>> {
        self.held.iter().filter_map(|id| self.get(*id))
    }

    /// What those hold that were never opened.
    pub(crate) fn unread(&self) -> Unread {
        self.unopened.unread()
    }

    /// Those that are listed and wait to be opened, the live files first, then the oldest.
    pub(crate) fn waiting(&self) -> impl Iterator<Item = u64> {
        self.unopened.waiting()
    }

    /// How many are listed and wait to be opened.
    pub(crate) fn waiting_count(&self) -> usize {
        self.unopened.waiting_count()
    }

    /// Those that were never opened and aren't listed any more.
    pub(crate) fn missing(&self) -> impl Iterator<Item = u64> {
        self.unopened.missing()
    }

    /// Whether a live file is there, under the name that the source's path means now.
    pub(crate) fn has_live(&self) -> bool {
        self.current().any(|folder| {
            self.with_age(folder.id, Age::Live).any(|(_, c)| c.is_listed() && c.is_live())
        })
    }

    /// The directories that the source's path means now.
    pub(crate) fn current(&self) -> impl Iterator<Item = &Folder> {
        self.folders.iter().filter(|folder| !folder.former)
    }

    /// Whether the name is that of a link on the way to the live file.
    pub(crate) fn is_link(&self, name: &OsStr) -> bool {
        self.current().any(|folder| folder.link.as_deref() == Some(name))
    }

    /// Whether anything is known of the directory.
    pub(crate) fn has_any(&self, folder: FolderId) -> bool {
        let last = self.by_age.before(self.by(folder, Age::Live, u64::MAX));
        last.and_then(|id| self.files.get(id)).is_some_and(|last| last.folder() == folder)
    }

    /// The directory that came into use last.
    pub(crate) fn newest_folder(&self) -> Option<FolderId> {
        self.folders.iter().map(|folder| folder.id).max()
    }

    /// What the name means in the directories that are read now; the newest first.
    pub(crate) fn role(&self, name: &OsStr) -> Option<(FolderId, Role)> {
        let mut folders: Vec<_> = self.current().collect();
        folders.reverse();
        folders.into_iter().find_map(|folder| Some((folder.id, folder.family.role(name)?)))
    }

    /// What the name means in a former directory that is `told` of; the newest first.
    pub(crate) fn former_role(
        &self,
        name: &OsStr,
        told: impl Fn(FolderId) -> bool,
    ) -> Option<(FolderId, Role)> {
        let former = self.folders.iter().rev().filter(|folder| folder.former && told(folder.id));
        former.into_iter().find_map(|folder| Some((folder.id, folder.family.role(name)?)))
    }

    /// The directory in which a file of this age is known, if any: a report doesn't say where it is
    /// of, and the path may lead elsewhere since.
    pub(crate) fn folder_of(&self, age: Age) -> Option<FolderId> {
        let known = |folder: &&Folder| self.with_age(folder.id, age).next().is_some();
        self.current().chain(&self.folders).find(known).map(|folder| folder.id)
    }

    /// Former directories of which nothing is left to be read.
    pub(crate) fn spent(&self) -> Vec<FolderId> {
        let used = |id: FolderId| self.open().any(|(_, carrier)| carrier.folder() == id);
        let spent = |folder: &&Folder| folder.former && !used(folder.id);
        self.folders.iter().filter(spent).map(|folder| folder.id).collect()
    }

    /// Everything that was ever seen under a name of this age and is remembered.
    pub(crate) fn of_age(&self, folder: FolderId, age: Age) -> impl Iterator<Item = Seen> {
        self.with_age(folder, age).map(|(id, carrier)| Seen::of(id, carrier))
    }

    /// Every file that has this inode and is remembered.
    pub(crate) fn of_inode(&self, key: FileKey) -> impl Iterator<Item = Seen> {
        self.with_key(key).map(|(id, carrier)| Seen::of(id, carrier))
    }

    /// Whether a file of this role was listed, or reported, and may be reported again as new: in
    /// whichever directory.
    pub(crate) fn showed(&self, role: &Role) -> bool {
        self.folders.iter().any(|folder| {
            self.of_age(folder.id, role.age).any(|seen| seen.role == *role)
                || self.past.contains_key(&(folder.id, *role))
        })
    }

    /// Forgets the names that no report is still to come of: those lost up to this listing.
    pub(crate) fn forget_names(&mut self, listing: u64) {
        self.past.retain(|_, lost| *lost > listing);
    }

    /// All files that are remembered.
    pub(crate) fn all(&self) -> impl Iterator<Item = Seen> {
        self.files.iter().map(|(id, carrier)| Seen::of(id, carrier))
    }

    /// Whether a file that is accounted for was there before this listing, or is archived.
    pub(crate) fn some_done(&self, before: u64, wanted: impl Fn(FolderId) -> bool) -> bool {
        let there = |done: &Carrier<F>| done.is_listed() && wanted(done.folder());
        let before = |done: &Carrier<F>| done.first_listing() <= before || done.is_begun();
        self.files.iter().any(|(_, c)| c.is_done() && there(c) && before(c))
    }

    /// What a directory showed of one file.
    pub(crate) fn seen(&self, id: u64) -> Option<Seen> {
        self.files.get(id).map(|carrier| Seen::of(id, carrier))
    }

    /// By directory, age and number.
    fn by_age(&self) -> impl Iterator<Item = &Carrier<F>> {
        self.by_age.iter().filter_map(|id| self.files.get(id))
    }

    /// How a carrier stands to this place in `by_age`.
    fn by(&self, folder: FolderId, age: Age, id: u64) -> impl Fn(&u64) -> Ordering {
        move |other| {
            let known = self.files.get(*other).map(|c| (c.folder(), c.age(), *other));
            known.cmp(&Some((folder, age, id)))
        }
    }

    fn with_age(&self, folder: FolderId, age: Age) -> impl Iterator<Item = (u64, &Carrier<F>)> {
        let from = self.by_age.from(self.by(folder, age, 0));
        let known = from.map_while(|id| Some((id, self.files.get(id)?)));
        known.take_while(move |(_, c)| (c.folder(), c.age()) == (folder, age))
    }

    fn with_key(&self, key: FileKey) -> impl Iterator<Item = (u64, &Carrier<F>)> {
        let from = self.by_key.from(move |other| other.cmp(&(key.ino, 0)));
        let with = from.take_while(move |(ino, _)| *ino == key.ino);
        with.filter_map(|(_, id)| Some((id, self.files.get(id)?)))
            .filter(move |(_, c)| c.key() == key)
    }

    fn index(&mut self, id: u64) {
        let Some(carrier) = self.files.get(id) else { return };
        let entry = (carrier.key().ino, id);
        self.by_key.insert(entry, |other| other.cmp(&entry));
        self.index_age(id);
    }

    fn index_age(&mut self, id: u64) {
        let Some((folder, age)) = self.files.get(id).map(|c| (c.folder(), c.age())) else { return };
        let mut by_age = std::mem::take(&mut self.by_age);
        by_age.insert(id, self.by(folder, age, id));
        self.by_age = by_age;
    }

    fn unindex_age(&mut self, id: u64) {
        let Some((folder, age)) = self.files.get(id).map(|c| (c.folder(), c.age())) else { return };
        let mut by_age = std::mem::take(&mut self.by_age);
        by_age.remove(self.by(folder, age, id));
        self.by_age = by_age;
    }

    /// What this is, if it is seen for the first time now.
    fn first_seen(&self, sight: Sight, order: u64, now: u64) -> Carrier<F> {
        let age = sight.label.role().map(|role| role.age);
        let standing = self.standing_of(sight.folder, age);
        Carrier::new(sight, standing, order, (self.listings, self.looks), now)
    }

    fn add(&mut self, carrier: Carrier<F>) {
        let id = self.files.next();
        self.last = self.last.max(carrier.order());
        if carrier.is_held() {
            self.held.insert(id);
        } else {
            self.unopened.add(id, &carrier);
            self.touched.push(id);
        }
        self.files.add(carrier);
        self.index(id);
    }

    /// Adds a file of which only the name was reported.
    pub(crate) fn report(
        &mut self,
        (folder, role): (FolderId, Role),
        name: &OsStr,
        newer: &mut Newer,
        now: u64,
    ) {
        let Some(family) = self.families.get(&folder) else { return };
        let label = Label::reported(family, role, name);
        let sight = Sight { label, folder, key: NO_INODE, size: 0 };
        let order = self.place(&sight, newer);
        let carrier = self.first_seen(sight, order, now).reported();
        self.add(carrier);
    }

    /// Whatever opened under a listed name turned out to be: from here on it is held.
    pub(crate) fn hold(&mut self, id: u64, stat: Stat, file: F, now: u64) -> Opened {
        // Only a held inode is certain not to have been given to another file.
        let known = self.with_key(stat.key).any(|(_, other)| other.is_held());
        let Some(carrier) = self.files.get_mut(id).filter(|carrier| !carrier.is_done()) else {
            return Opened::Known;
        };
        if known {
            // Renamed, and known under its other name; or a second name for one file. If this entry
            // was another file's, that one must turn up elsewhere.
            if stat.key == carrier.key() && stat.size >= carrier.size() {
                self.remove(id);
                return Opened::Known;
            }
            return Opened::Other;
        }
        if stat.key == carrier.key() {
            self.unopened.remove(id, carrier);
            carrier.hold(file, stat.links);
            self.held.insert(id);
            return Opened::Held;
        }
        // Another file has the name by now. It is held all the same, for it may be gone at the next
        // listing; the listed one must turn up under its new name.
        let (label, folder) = (carrier.label().clone(), carrier.folder());
        let sight = Sight { label, folder, key: stat.key, size: stat.size };
        let mut other = self.first_seen(sight, self.last_order(), now);
        other.list(stat.size);
        other.hold(file, stat.links);
        self.add(other);
        Opened::Other
    }

    /// All of it is accounted for: only its name and size are remembered.
    pub(crate) fn consume(&mut self, id: u64, begun: bool) {
        self.close(id);
        if let Some(carrier) = self.files.get_mut(id) {
            carrier.finish(begun);
        }
    }

    /// Closes a file that is opened again when all others that wait are.
    pub(crate) fn set_aside(&mut self, id: u64) {
        let Some(carrier) = self.files.get_mut(id).filter(|_| self.held.remove(&id)) else {
            return;
        };
        carrier.set_aside();
        self.unopened.add(id, carrier);
        self.touched.push(id);
    }

    fn close(&mut self, id: u64) {
        if !self.held.remove(&id)
            && let Some(carrier) = self.files.get(id)
        {
            self.unopened.remove(id, carrier);
        }
    }

    /// Lets go of a file that is accounted for.
    pub(crate) fn let_go(&mut self, id: u64, begun: bool) {
        let listed = self.get(id).is_some_and(Carrier::is_listed);
        self.consume(id, begun);
        if !listed {
            self.remove(id);
        }
    }

    /// Forgets a file.
    pub(crate) fn remove(&mut self, id: u64) {
        self.close(id);
        self.unindex_age(id);
        let Some(carrier) = self.files.remove(id) else { return };
        let entry = (carrier.key().ino, id);
        self.by_key.remove(|other| other.cmp(&entry));
        self.past.insert((carrier.folder(), carrier.role()), self.listings);
    }

    /// The file has this name now.
    fn rename(&mut self, id: u64, folder: FolderId, label: Label) {
        let Some(carrier) = self.files.get(id) else { return };
        let (was, before) = (carrier.folder(), carrier.role());
        let stays = (was, Some(before.age)) == (folder, label.role().map(|role| role.age));
        if !stays {
            self.unindex_age(id);
            self.past.insert((was, before), self.listings);
        }
        self.altered = self.listings;
        if let Some(carrier) = self.files.get_mut(id) {
            carrier.set_label(folder, label, self.looks);
        }
        if !stays {
            self.index_age(id);
        }
    }

    /// The oldest live file that is gone without anybody having told where to, of those that were
    /// listed up to this listing, where somebody tells.
    pub(crate) fn vanished_live(
        &self,
        listing: u64,
        told: impl Fn(FolderId) -> bool,
    ) -> Option<u64> {
        let gone = |c: &Carrier<F>| !c.is_listed() && !c.is_removed() && !c.packed();
        let folders = self.folders.iter().filter(|folder| told(folder.id));
        let live = folders.flat_map(|folder| self.with_age(folder.id, Age::Live));
        let live = live.filter(|(_, c)| !c.is_done() && gone(c) && c.first_listing() <= listing);
        live.min_by_key(|(_, c)| c.order()).map(|(id, _)| id)
    }

    /// The file had the live name and lost it, and no report will tell to which other one.
    pub(crate) fn set_removed(&mut self, id: u64) {
        if let Some(carrier) = self.files.get_mut(id) {
            carrier.set_removed();
        }
    }

    /// A file that isn't listed was renamed to this before it vanished.
    pub(crate) fn rename_vanished(&mut self, id: u64, role: Role, name: &OsStr, now: u64) {
        let Some(folder) = self.get(id).map(Carrier::folder) else { return };
        let Some(family) = self.families.get(&folder) else { return };
        self.rename(id, folder, Label::reported(family, role, name));
        if let Some(carrier) = self.files.get_mut(id) {
            carrier.rotate_away(now);
        }
    }

    /// It was written to after it was listed, or it wouldn't have been rotated: though nobody saw
    /// anything in it, it mustn't vanish in silence.
    pub(crate) fn set_unseen(&mut self, id: u64) {
        if let Some(carrier) = self.files.get_mut(id) {
            carrier.set_unseen();
        }
    }

    /// Forgets the names that were reported and whose files turned up after all: a listing may miss
    /// a file whose name changes during it, and the path may lead elsewhere meanwhile, and back.
    pub(crate) fn drop_found(&mut self) {
        let unseen = self.open().filter(|(_, c)| c.unseen() && !c.is_listed());
        let unseen: Vec<u64> = unseen.map(|(id, _)| id).collect();
        for id in unseen {
            let Some(age) = self.get(id).map(Carrier::age) else { continue };
            let listed = |folder: &Folder| self.of_age(folder.id, age).any(|other| other.listed);
            if self.folders.iter().any(listed) {
                self.remove(id);
            }
        }
    }
}
