//! What lies in a source's directories: every inode that a listing showed or a report named.
//!
//! Whatever isn't accounted for is a [`Carrier`]; what is, a [`Done`], as small as can be, for a
//! directory may hold a hundred thousand of them. All are found by inode, by role and by place,
//! never by search: a look costs what changed.

mod carrier;
mod listing;
mod matching;
mod unopened;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::hash::{Hash as _, Hasher as _};

use crate::disk::{DiskFile, Entry, FileKey, Folder, FolderId, Stat};
use crate::names::{Age, Role};

pub(crate) use carrier::{Carrier, NO_INODE, Standing, State};
pub(crate) use matching::{Newer, Opened};
pub(crate) use unopened::Unread;

use unopened::Unopened;

/// Distance between places in rotation order, so that others fit in between.
const SPACING: u64 = 1 << 20;

/// A file of which all is accounted for, or will never be readable.
#[derive(Debug)]
pub(crate) struct Done {
    order: u64,
    folder: FolderId,
    /// By what it can be told whether it has another name: the name itself is longer.
    name: NameHash,
    role: Role,
    key: FileKey,
    size: u64,
    listed: u64,
    listing: u64,
    rotated: u64,
    /// A file that was there before: something of it is archived.
    begun: bool,
}

/// Tells one base name from another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct NameHash(u64);

impl NameHash {
    fn of(name: &OsStr) -> Self {
        let mut hasher = std::hash::DefaultHasher::new();
        name.hash(&mut hasher);
        Self(hasher.finish())
    }
}

/// What a directory showed of one file, whatever became of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen<'a> {
    pub(crate) id: u64,
    pub(crate) role: &'a Role,
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
    rotated: u64,
    live: bool,
}

/// All carriers of one source.
pub(crate) struct Carriers<F> {
    open: BTreeMap<u64, Box<Carrier<F>>>,
    done: BTreeMap<u64, Box<Done>>,
    by_key: BTreeSet<(FileKey, u64)>,
    by_age: BTreeSet<(FolderId, Age, u64)>,
    /// Those of `open` with a descriptor.
    held: BTreeSet<u64>,
    /// Those of `open` without.
    unopened: Unopened,
    /// Those of `unopened` about which something changed since the last look began.
    touched: Vec<u64>,
    next: u64,
    /// The greatest place that was given so far.
    last: u64,
    /// Names that files had when they were listed and have no more, with the listings so far.
    past: BTreeMap<(FolderId, Role), u64>,
    /// The directories, as the last listing showed them.
    folders: Vec<Folder>,
    /// Listings so far.
    listings: u64,
    /// Looks so far.
    looks: u64,
}

impl<F> std::fmt::Debug for Carriers<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Carriers")
            .field("open", &self.open.len())
            .field("done", &self.done.len())
            .field("held", &self.held.len())
            .finish_non_exhaustive()
    }
}

impl<F: DiskFile> Carriers<F> {
    pub(crate) fn new() -> Self {
        Self {
            open: BTreeMap::new(),
            done: BTreeMap::new(),
            by_key: BTreeSet::new(),
            by_age: BTreeSet::new(),
            held: BTreeSet::new(),
            unopened: Unopened::default(),
            touched: Vec::new(),
            next: 0,
            last: 0,
            past: BTreeMap::new(),
            folders: Vec::new(),
            listings: 0,
            looks: 0,
        }
    }

    /// How many files the directories hold, as far as is known.
    pub(crate) fn len(&self) -> usize {
        self.open.len() + self.done.len()
    }

    /// Listings so far.
    pub(crate) fn listings(&self) -> u64 {
        self.listings
    }

    /// A look begins.
    pub(crate) fn begin_look(&mut self, now: u64) {
        self.looks += 1;
        let touched = std::mem::take(&mut self.touched);
        for id in self.held.iter().chain(&touched) {
            if let Some(carrier) = self.open.get_mut(id) {
                carrier.begin_look(now);
            }
        }
    }

    /// What isn't accounted for.
    pub(crate) fn open(&self) -> impl Iterator<Item = (u64, &Carrier<F>)> {
        self.open.iter().map(|(id, carrier)| (*id, &**carrier))
    }

    pub(crate) fn get(&self, id: u64) -> Option<&Carrier<F>> {
        self.open.get(&id).map(|carrier| &**carrier)
    }

    pub(crate) fn get_mut(&mut self, id: u64) -> Option<&mut Carrier<F>> {
        let carrier = self.open.get_mut(&id)?;
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

    pub(crate) fn is_listed(&self, carrier: &Carrier<F>) -> bool {
        carrier.listed == self.listings && self.listings > 0
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
            self.ids(folder.id, &Age::Live).any(|id| {
                let live = |carrier: &Carrier<F>| self.is_listed(carrier) && carrier.is_live();
                let done = self.done.get(&id).is_some_and(|done| done.listed == self.listings);
                done || self.get(id).is_some_and(live)
            })
        })
    }

    /// The directories that the source's path means now.
    pub(crate) fn current(&self) -> impl Iterator<Item = &Folder> {
        self.folders.iter().filter(|folder| !folder.former)
    }

    /// Whether anything is known of the directory.
    pub(crate) fn has_any(&self, folder: FolderId) -> bool {
        let last = self.by_age.range(..=(folder, Age::Live, u64::MAX)).next_back();
        last.is_some_and(|(of, ..)| *of == folder)
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

    /// The directory in which a file of this age is known, if any: a report doesn't say where it is
    /// of, and the path may lead elsewhere since.
    pub(crate) fn folder_of(&self, age: &Age) -> Option<FolderId> {
        let known = |folder: &&Folder| self.ids(folder.id, age).next().is_some();
        self.current().chain(&self.folders).find(known).map(|folder| folder.id)
    }

    /// Former directories of which nothing is left to be read.
    pub(crate) fn spent(&self) -> Vec<FolderId> {
        let used = |id: FolderId| self.open.values().any(|carrier| carrier.folder == id);
        let spent = |folder: &&Folder| folder.former && !used(folder.id);
        self.folders.iter().filter(spent).map(|folder| folder.id).collect()
    }

    /// Everything that was ever seen under a name of this age and is remembered.
    pub(crate) fn of_age(&self, folder: FolderId, age: &Age) -> impl Iterator<Item = Seen<'_>> {
        self.ids(folder, age).filter_map(|id| self.seen(id))
    }

    /// Whether a file of this role was listed, or reported, and may be reported again as new: in
    /// whichever directory.
    pub(crate) fn showed(&self, role: &Role) -> bool {
        self.folders.iter().any(|folder| {
            self.of_age(folder.id, &role.age).any(|seen| seen.role == role)
                || self.past.contains_key(&(folder.id, role.clone()))
        })
    }

    /// Forgets the names that no report is still to come of: those lost up to this listing.
    pub(crate) fn forget_names(&mut self, listing: u64) {
        self.past.retain(|_, lost| *lost > listing);
    }

    /// All files that are remembered.
    pub(crate) fn all(&self) -> impl Iterator<Item = Seen<'_>> {
        self.open.keys().chain(self.done.keys()).filter_map(|id| self.seen(*id))
    }

    /// Whether a file that is accounted for was there before this listing, or is archived.
    pub(crate) fn some_done(&self, before: u64, wanted: impl Fn(FolderId) -> bool) -> bool {
        let there = |done: &Done| done.listed == self.listings && wanted(done.folder);
        self.done.values().any(|done| there(done) && (done.listing <= before || done.begun))
    }

    /// What a directory showed of one file.
    pub(crate) fn seen(&self, id: u64) -> Option<Seen<'_>> {
        let there = |listed: u64| listed == self.listings && self.listings > 0;
        if let Some(c) = self.open.get(&id) {
            return Some(Seen {
                id,
                role: &c.role,
                done: false,
                listed: there(c.listed),
                listing: c.listing,
                folder: c.folder,
                size: c.size(),
                order: c.order,
                key: c.key,
                rotated: c.rotated,
                live: c.is_live(),
            });
        }
        let d = self.done.get(&id)?;
        Some(Seen {
            id,
            role: &d.role,
            done: true,
            listed: there(d.listed),
            listing: d.listing,
            folder: d.folder,
            size: d.size,
            order: d.order,
            key: d.key,
            rotated: d.rotated,
            live: d.role.age == Age::Live,
        })
    }

    fn ids(&self, folder: FolderId, age: &Age) -> impl Iterator<Item = u64> {
        let range = (folder, age.clone(), 0)..=(folder, age.clone(), u64::MAX);
        self.by_age.range(range).map(|(_, _, id)| *id)
    }

    fn with_key(&self, key: FileKey) -> impl Iterator<Item = u64> {
        self.by_key.range((key, 0)..=(key, u64::MAX)).map(|(_, id)| *id)
    }

    fn add(&mut self, mut carrier: Carrier<F>) {
        let id = self.next;
        self.next += 1;
        carrier.listing = self.listings;
        carrier.rotated = self.looks;
        self.by_key.insert((carrier.key, id));
        self.by_age.insert((carrier.folder, carrier.role.age.clone(), id));
        self.last = self.last.max(carrier.order);
        if carrier.is_held() {
            self.held.insert(id);
        } else {
            self.unopened.add(id, &carrier, self.listings);
            self.touched.push(id);
        }
        self.open.insert(id, Box::new(carrier));
    }

    /// Adds a file of which only the name was reported.
    pub(crate) fn report(
        &mut self,
        (folder, role): (FolderId, Role),
        name: OsString,
        newer: &mut Newer,
        now: u64,
    ) {
        let order = self.place(folder, &role, NO_INODE, newer);
        let entry = Entry { name, folder, key: NO_INODE, size: 0, refusal: None };
        let standing = self.standing_of(folder, &role);
        let mut carrier = Carrier::listed(role, entry, standing, order, now);
        carrier.unseen = true;
        self.add(carrier);
    }

    /// Whatever opened under a listed name turned out to be: from here on it is held.
    pub(crate) fn hold(&mut self, id: u64, stat: Stat, file: F, now: u64) -> Opened {
        let Some(carrier) = self.open.get_mut(&id) else { return Opened::Known };
        // Only a held inode is certain not to have been given to another file.
        let known = self.by_key.range((stat.key, 0)..=(stat.key, u64::MAX));
        if known.into_iter().any(|(_, other)| self.held.contains(other)) {
            // Renamed, and known under its other name; or a second name for one file. If this entry
            // was another file's, that one must turn up elsewhere.
            if stat.key == carrier.key && stat.size >= carrier.size() {
                self.remove(id);
                return Opened::Known;
            }
            return Opened::Other;
        }
        if stat.key == carrier.key {
            self.unopened.remove(id, carrier);
            carrier.hold(file, stat.links);
            self.held.insert(id);
            return Opened::Held;
        }
        // Another file has the name by now. It is held all the same, for it may be gone at the next
        // listing; the listed one must turn up under its new name.
        let (folder, role, name) = (carrier.folder, carrier.role.clone(), carrier.name.clone());
        let entry = Entry { name, folder, key: stat.key, size: stat.size, refusal: None };
        let standing = self.standing_of(folder, &role);
        let mut other = Carrier::listed(role, entry, standing, self.last_order(), now);
        other.listed = self.listings;
        other.hold(file, stat.links);
        self.add(other);
        Opened::Other
    }

    /// All of it is accounted for: only its name and size are remembered.
    pub(crate) fn consume(&mut self, id: u64, begun: bool) {
        let Some(carrier) = self.open.remove(&id) else { return };
        self.close(id, &carrier);
        let size = carrier.size();
        let Carrier { order, folder, name, role, key, listed, listing, rotated, .. } = *carrier;
        let name = NameHash::of(&name);
        let done = Done { order, folder, name, role, key, size, listed, listing, rotated, begun };
        self.done.insert(id, Box::new(done));
    }

    fn close(&mut self, id: u64, carrier: &Carrier<F>) {
        if !self.held.remove(&id) {
            self.unopened.remove(id, carrier);
        }
    }

    /// Lets go of a file that is accounted for.
    pub(crate) fn let_go(&mut self, id: u64, begun: bool) {
        let listed = self.open.get(&id).is_some_and(|carrier| self.is_listed(carrier));
        self.consume(id, begun);
        if !listed {
            self.remove(id);
        }
    }

    /// Forgets a file.
    pub(crate) fn remove(&mut self, id: u64) {
        let open = self.open.remove(&id).map(|c| {
            self.close(id, &c);
            (c.key, c.folder, c.role)
        });
        let done = self.done.remove(&id).map(|d| (d.key, d.folder, d.role));
        let Some((key, folder, role)) = open.or(done) else { return };
        self.by_key.remove(&(key, id));
        self.by_age.remove(&(folder, role.age.clone(), id));
        self.past.insert((folder, role), self.listings);
    }

    fn set_role(&mut self, id: u64, folder: FolderId, role: &Role) {
        let (old_folder, old) = match (self.open.get_mut(&id), self.done.get_mut(&id)) {
            (Some(c), _) => (&mut c.folder, &mut c.role),
            (_, Some(d)) => (&mut d.folder, &mut d.role),
            _ => return,
        };
        // How its bytes are read was settled when it was opened: only its age changes.
        if (*old_folder, &old.age) == (folder, &role.age) {
            return;
        }
        let before = old.clone();
        old.age = role.age.clone();
        let was = std::mem::replace(old_folder, folder);
        self.by_age.remove(&(was, before.age.clone(), id));
        self.past.insert((was, before), self.listings);
        self.by_age.insert((folder, role.age.clone(), id));
    }

    /// The oldest live file that is gone without anybody having told where to.
    pub(crate) fn vanished_live(&self) -> Option<u64> {
        let gone = |c: &&(u64, &Carrier<F>)| !self.is_listed(c.1) && !c.1.removed && !c.1.packed();
        let live = self.folders.iter().flat_map(|folder| self.ids(folder.id, &Age::Live));
        let live: Vec<_> = live.filter_map(|id| Some((id, self.get(id)?))).collect();
        live.iter().filter(gone).min_by_key(|(_, c)| c.order).map(|(id, _)| *id)
    }

    /// It was reported that the file was deleted under its live name.
    pub(crate) fn set_removed(&mut self, id: u64) {
        if let Some(carrier) = self.open.get_mut(&id) {
            carrier.removed = true;
        }
    }

    /// A file that isn't listed was renamed to this before it vanished.
    pub(crate) fn rename_vanished(&mut self, id: u64, role: &Role, name: &OsStr, now: u64) {
        let Some(carrier) = self.open.get(&id) else { return };
        self.set_role(id, carrier.folder, role);
        if let Some(carrier) = self.open.get_mut(&id) {
            name.clone_into(&mut carrier.name);
            carrier.standing = Standing::Rotated;
            carrier.guessed = false;
            carrier.stir(now);
        }
    }

    /// That name was the first to be reported since then.
    pub(crate) fn set_guessed(&mut self, id: u64) {
        if let Some(carrier) = self.open.get_mut(&id) {
            carrier.guessed = true;
        }
    }

    /// It was written to after it was listed, or it wouldn't have been rotated: though nobody saw
    /// anything in it, it mustn't vanish in silence.
    pub(crate) fn set_unseen(&mut self, id: u64) {
        if let Some(carrier) = self.open.get_mut(&id) {
            carrier.unseen = !carrier.is_held() && carrier.size() == 0;
        }
    }

    /// Forgets the names that were reported and whose files turned up after all: a listing may miss
    /// a file whose name changes during it.
    pub(crate) fn drop_found(&mut self) {
        let unseen = self.open().filter(|(_, c)| c.unseen && !self.is_listed(c));
        let unseen: Vec<u64> = unseen.map(|(id, _)| id).collect();
        for id in unseen {
            let Some(carrier) = self.open.get(&id) else { continue };
            if self.of_age(carrier.folder, &carrier.role.age).any(|other| other.listed) {
                self.remove(id);
            }
        }
    }
}
