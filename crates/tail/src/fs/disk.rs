//! The disk of one source: the directories that its path leads to, and those it led to before.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::fs::fstatvfs;

use super::claims::{Claimant, Claims};
use super::folder::DirFd;
use super::others::{OtherLogs, Others};
use super::path::{LogPath, Meaning, Place};
use super::{Limits, Manners, OpenFile};
use crate::disk::{Disk, Entry, Folder, Listing, Room};
use crate::inode::FolderId;
use crate::names::Family;

/// The real disk of one source.
#[derive(Debug)]
pub struct SourceDisk {
    path: LogPath,
    limits: Limits,
    manners: Manners,
    /// In the order of their numbers.
    folders: Vec<InUse>,
    next: u32,
    /// The path leads to a directory that isn't read yet.
    beyond: bool,
    state: PathState,
    claimant: Option<Claimant>,
}

/// A directory in use.
#[derive(Debug)]
struct InUse {
    id: FolderId,
    place: Place,
    former: bool,
    /// Its names were seen to be the family's.
    settled: bool,
    /// A listing had it.
    listed: bool,
    /// What a former one held when it could be listed last.
    last: Vec<Entry>,
}

/// Whether the source's path leads to its log, and to no other, for who watches over the source.
#[derive(Debug, Clone, Default)]
pub struct PathState(Arc<Mutex<Told>>);

/// What the last listing told.
#[derive(Debug, Default)]
struct Told {
    trouble: Option<Trouble>,
    others: OtherLogs,
}

/// The source's path doesn't lead to its log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// Why, fit for a log line.
    pub why: String,
    /// Since this listing.
    pub since: Instant,
    /// What it leads to is another source's, by this name: nothing of it is read here.
    pub taken: Option<String>,
}

impl PathState {
    /// What is wrong with the path as of the last listing; `None`: nothing.
    #[must_use]
    pub fn trouble(&self) -> Option<Trouble> {
        self.told().trouble.clone()
    }

    /// Other logs in the directory that was named as this one's, as of the last listing.
    /// Nothing of them is read.
    #[must_use]
    pub fn others(&self) -> OtherLogs {
        self.told().others.clone()
    }

    fn tell(&self, found: Option<(String, Option<String>)>, others: OtherLogs) {
        let mut told = self.told();
        let since = told.trouble.as_ref().map_or_else(Instant::now, |trouble| trouble.since);
        told.trouble = found.map(|(why, taken)| Trouble { why, since, taken });
        told.others = others;
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SourceDisk {
    /// The disk that the path is on.
    #[must_use]
    pub fn new(path: LogPath) -> Self {
        Self {
            path,
            limits: Limits::default(),
            manners: Manners::default(),
            folders: Vec::new(),
            next: 0,
            beyond: false,
            state: PathState::default(),
            claimant: None,
        }
    }

    /// The same, read with these manners.
    #[must_use]
    pub fn with_manners(self, manners: Manners) -> Self {
        Self { manners, ..self }
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same, under this source's name: what another source's path leads to already, isn't read.
    #[must_use]
    pub fn with_claims(self, claims: Claims, source: &str) -> Self {
        Self { claimant: Some(Claimant::new(claims, source)), ..self }
    }

    /// Where it is told what is wrong with the path.
    #[must_use]
    pub fn state(&self) -> PathState {
        self.state.clone()
    }

    /// Goes where the path leads now. Returns what is wrong with it.
    fn follow_path(&mut self) -> io::Result<Option<(String, Option<String>)>> {
        let mut meaning = match self.path.resolve(&self.limits) {
            Ok(meaning) => meaning,
            Err(error) if self.folders.is_empty() => return Err(error),
            // Not that it leads elsewhere: what was in use may still be right.
            Err(error) => return Ok(Some((error.to_string(), None))),
        };
        let mut trouble = meaning.trouble.take().map(|why| (why, None));
        if let Some(claimant) = &self.claimant {
            let wanted = meaning.folders.iter().map(|p| (p.dir.key(), self.family_of(p)));
            if let Err(other) = claimant.claim(wanted.collect()) {
                let why = format!("it leads to the files of source {other}");
                trouble = Some((why, Some(other)));
                meaning.folders.clear();
            }
        }
        let left: BTreeSet<FolderId> = self
            .folders
            .iter()
            .filter(|used| !meaning.folders.iter().any(|place| self.is_at(used, place)))
            .map(|used| used.id)
            .collect();
        self.beyond = left.len() > self.limits.former_folders;
        if self.beyond {
            let why = format!(
                "it leads elsewhere, which isn't read until one of {} former directories is",
                left.len()
            );
            return Ok(trouble.or(Some((why, None))));
        }
        for used in &mut self.folders {
            used.former = left.contains(&used.id);
        }
        self.enter(meaning);
        Ok(trouble)
    }

    fn enter(&mut self, meaning: Meaning) {
        for place in meaning.folders {
            match self.folders.iter().position(|used| self.is_at(used, &place)) {
                None => {
                    self.use_folder(place, false);
                }
                Some(at) => {
                    let used = &mut self.folders[at];
                    used.place.link = place.link;
                    used.last = Vec::new();
                    if !used.place.dir.same_mount(&place.dir) {
                        used.place.dir = place.dir;
                    }
                }
            }
        }
    }

    fn use_folder(&mut self, place: Place, settled: bool) -> FolderId {
        let id = FolderId(self.next);
        self.next += 1;
        let (former, listed, last) = (false, false, Vec::new());
        self.folders.push(InUse { id, place, former, settled, listed, last });
        id
    }

    /// Whether the directory is where the path leads. In one that the operator named, whichever
    /// log was found is meant; of several in use there, the newest.
    fn is_at(&self, used: &InUse, place: &Place) -> bool {
        if used.place.dir.key() != place.dir.key() {
            return false;
        }
        if !self.path.is_directory() {
            return used.place.family == place.family;
        }
        let same = self.folders.iter().filter(|other| other.place.dir.key() == place.dir.key());
        same.map(|other| other.id).max() == Some(used.id)
    }

    /// The family that is read there.
    fn family_of(&self, place: &Place) -> Family {
        let used = self.folders.iter().find(|used| self.is_at(used, place));
        used.map_or_else(|| place.family.clone(), |used| used.place.family.clone())
    }

    /// A directory that the operator named may hold another log than the first one did. Returns
    /// what is wrong with it.
    fn settle(&mut self, at: usize, entries: &mut [Entry]) -> Option<String> {
        let used = &mut self.folders[at];
        if used.settled || used.former || !self.path.is_directory() {
            return None;
        }
        if entries.iter().any(|entry| used.place.family.has(&entry.name)) {
            used.settled = true;
            return None;
        }
        let files = entries.iter().filter(|entry| entry.refusal.is_none());
        let found = match Family::among(files.map(|entry| entry.name.as_os_str())) {
            Ok(Some(found)) => found,
            Ok(None) => return None,
            Err(error) => return Some(error.to_string()),
        };
        if used.listed {
            // Under this number it was another family's, which a follower may rely on.
            used.former = true;
            let place = Place { family: found, ..used.place.clone() };
            let id = self.use_folder(place, true);
            entries.iter_mut().for_each(|entry| entry.folder = id);
        } else {
            used.place.family = found;
            used.settled = true;
        }
        None
    }

    fn find(&self, folder: FolderId) -> Option<&InUse> {
        self.folders.iter().find(|used| used.id == folder)
    }
}

impl InUse {
    fn each(&self, path: &LogPath, each: &mut dyn FnMut(Entry)) -> io::Result<()> {
        let Place { dir, family, link } = &self.place;
        dir.each((self.id, family), link.as_deref(), path.owners(), each)
    }

    fn entries(&mut self, path: &LogPath) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        self.each(path, &mut |entry| entries.push(entry))?;
        if self.former {
            self.last.clone_from(&entries);
        }
        Ok(entries)
    }

    /// Whether its entries can be handed on before all of them are known: a directory without which
    /// nothing can be said, and whose family is certain.
    fn is_plain(&self, path: &LogPath) -> bool {
        let certain = self.settled || !path.is_directory();
        !self.former && self.place.link.is_none() && certain
    }
}

impl Disk for SourceDisk {
    type File = OpenFile;

    fn list(&mut self) -> io::Result<Listing> {
        let mut entries = Vec::new();
        let folders = self.each(&mut |_, entry| entries.push(entry))?;
        Ok(Listing { folders, entries })
    }

    fn each(&mut self, each: &mut dyn FnMut(&Family, Entry)) -> io::Result<Vec<Folder>> {
        let mut trouble = self.follow_path()?;
        let (mut others, directory) = (Others::default(), self.path.is_directory());
        for at in 0..self.folders.len() {
            let used = &mut self.folders[at];
            if used.is_plain(&self.path) {
                let family = &used.place.family;
                used.each(&self.path, &mut |entry| {
                    if directory {
                        others.met(family, &entry);
                    }
                    each(family, entry);
                })?;
                continue;
            }
            let mut entries = match used.entries(&self.path) {
                Ok(entries) => entries,
                // Where the file itself is now: without it nothing can be said.
                Err(error) if !used.former && used.place.link.is_none() => return Err(error),
                // A disk that was pulled out, say. What it held isn't deleted by that.
                Err(error) => {
                    let why = format!("a directory that it led to can't be listed: {error}");
                    trouble = trouble.or(Some((why, None)));
                    used.last.clone()
                }
            };
            let why = self.settle(at, &mut entries);
            trouble = trouble.or(why.map(|why| (why, None)));
            for entry in entries {
                if let Some(used) = self.find(entry.folder) {
                    if directory && used.settled && !used.former {
                        others.met(&used.place.family, &entry);
                    }
                    each(&used.place.family, entry);
                }
            }
        }
        let mut folders = Vec::new();
        for used in &mut self.folders {
            used.listed = true;
            let (id, former) = (used.id, used.former);
            let Place { family, link, .. } = used.place.clone();
            folders.push(Folder { id, family, former, link });
        }
        self.state.tell(trouble, others.told());
        Ok(folders)
    }

    fn leads_beyond(&self) -> bool {
        self.beyond
    }

    fn leave(&mut self, folder: FolderId) {
        self.folders.retain(|used| used.id != folder || !used.former);
    }

    fn open(&mut self, folder: FolderId, name: &OsStr) -> io::Result<OpenFile> {
        let used = self.find(folder).ok_or(io::ErrorKind::NotFound)?;
        let file = used.place.dir.open_file(name, &used.place.family, self.path.owners())?;
        Ok(OpenFile::new(file, self.manners.clone()))
    }

    fn room(&mut self) -> Option<Room> {
        let used = self.folders.iter().rev().find(|used| !used.former)?;
        let dir: &DirFd = &used.place.dir;
        Room::count(&fstatvfs(dir).ok()?)
    }
}
