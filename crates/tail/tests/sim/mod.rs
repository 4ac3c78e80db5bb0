//! A simulated disk with a lumberjack on it. Before any call of the follower's, the disk may
//! change as a script says: that is when things go wrong.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test may fail so")]

pub mod agent;
pub mod desk;
pub mod history;
pub mod ops;
pub mod oracle;
pub mod owners;
pub mod places;
pub mod swaps;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auditseal_tail::{
    Disk, DiskFile, Entry, FileId, FileKey, FolderId, Listing, Notice, Notices, Refusal, Room, Stat,
};

pub use ops::Op;

/// What one file held between two truncations: the unit that must be accounted for.
#[derive(Debug, Default)]
pub struct Story {
    pub bytes: Vec<u8>,
    /// Every name it was seen under.
    pub names: BTreeSet<String>,
    /// How much of it the follower must account for: what this run of it had a chance to know.
    pub need: Need,
    /// What the file held before it was cut.
    pub previous: Option<usize>,
    /// Bytes of it were read, so that the follower can tell it from what comes after a cut.
    pub read: bool,
    /// Nobody had read the file that held it yet when that was cut, or when its inode was given to
    /// another live file: so much of it had stood elsewhere.
    pub unread: Option<usize>,
    /// A second apiserver wrote to it after its rotation.
    pub late: bool,
    /// A compressed copy made before that, whose plain file was deleted when nobody waited for
    /// writers any more; or made of a longer copy, while the
    /// original is held: the two can't be told for one.
    pub stale: bool,
    /// A longer copy took its place.
    pub mirrored: bool,
    /// Another file took its place in a way that nobody can see.
    pub overwritten: bool,
    /// It was cut; what was not taken before is lost.
    pub truncated: bool,
    /// Its backup name was reported to the follower that runs now.
    pub announced: bool,
    /// Another file got the same name.
    pub replaced: bool,
    /// The follower that runs now was told so: the name was reported twice.
    pub told: bool,
    /// Seen in a listing since the follower last started.
    pub relisted: bool,
    /// At the last restart, a cursor stood in it.
    pub cursor: bool,
    /// The files with it (by index) that a listing showed and that weren't opened, since the follower
    /// last started: by which names, and how much of it they held then.
    pub refused: BTreeMap<usize, (BTreeSet<String>, usize)>,
    /// The files that begin as it does and go on otherwise.
    pub twins: BTreeSet<usize>,
    /// A shorter copy took its place.
    pub shortened: bool,
    /// It was put among the backups by somebody: what stands behind it says nothing of it.
    pub foreign: bool,
    /// A listing showed bytes of it, or that it isn't opened, to whichever run.
    pub seen: bool,
    /// It stood in a directory that the path left, or was deleted there, before anybody had listed
    /// that.
    pub stranded: bool,
    /// The path left it so once, and may have led back since: what was reported of it in the meantime
    /// was of a file that nobody could have read.
    pub left: bool,
}

impl Story {
    /// Whether it may be the file: it has its first line.
    pub fn is(&self, file: &FileId) -> bool {
        let base = self.bytes.iter().position(|byte| *byte != 0).unwrap_or(self.bytes.len());
        let line = self.bytes[base..].split(|byte| *byte == b'\n').next().unwrap_or_default();
        base as u64 == file.base && auditseal_merkle::hash(line) == file.hash
    }

    /// Whether it stood in more than one file, of which some may be gone unread.
    pub fn is_swapped(&self) -> bool {
        self.mirrored || self.shortened || !self.twins.is_empty()
    }

    /// Whether bytes of it that were there are gone, other than by a deletion.
    pub fn destroyed(&self) -> bool {
        self.truncated || self.overwritten
    }
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    #[default]
    Nothing,
    UpTo(usize),
    All,
}

/// An inode. `story` is what it holds, or for a compressed file, what it was made from.
#[derive(Debug)]
pub struct Inode {
    pub dev: u64,
    pub number: u64,
    pub bytes: Vec<u8>,
    pub links: u64,
    pub opens: u64,
    pub story: Option<usize>,
    /// For copies and compressed files: bytes of the story in it.
    pub copied: Option<usize>,
    /// Bytes of the story that stand in the file whose place it took.
    pub base: usize,
    /// Somebody has read it.
    pub read: bool,
    /// When it got its last name, on the world's clock.
    pub renamed: u64,
    /// The name that a listing showed last, since the follower started and before it opened it.
    pub shown: Option<String>,
    /// Listings since then that began when it was deleted already.
    pub missed: u32,
    /// The backup whose place it took, as a shorter copy of that.
    pub original: Option<usize>,
    /// Why it isn't opened.
    pub refusal: Option<Refusal>,
}

/// The disk, who writes to it, and what is going to happen.
#[derive(Debug)]
pub struct World {
    /// What is in the directory that the path leads to now.
    pub dir: BTreeMap<String, usize>,
    pub places: places::Places,
    pub inodes: Vec<Inode>,
    pub stories: Vec<Story>,
    pub script: VecDeque<(u8, Op)>,
    pub clock: u64,
    /// How often the directories were listed.
    pub listings: u64,
    /// Milliseconds of the last backup's stamp.
    pub stamp: u64,
    pub stamps: BTreeSet<u64>,
    /// Backup names of which the follower that runs now was told, and not of their deletion.
    pub reported: BTreeSet<OsString>,
    pub lines: u64,
    pub first: ops::Writer,
    pub second: ops::Writer,
    /// Names under which a listing ever showed a file that isn't opened.
    pub refused: BTreeSet<String>,
    /// Backups' names that other files were renamed over.
    pub swapped: BTreeSet<String>,
    /// Names that can't be opened.
    pub denied: BTreeSet<String>,
    /// Inodes (by index) and offsets from which reading fails, up to the second offset.
    pub bad: BTreeMap<usize, (u64, u64)>,
    pub unlistable: bool,
    pub room: Option<Room>,
    /// What happened to names since the follower last asked.
    pub heard: Vec<Notice>,
    /// Something was lost that the follower could not have prevented.
    pub destroyed: bool,
    pub calls: u64,
}

#[derive(Debug, Clone)]
pub struct SimDisk(pub Arc<Mutex<World>>);

impl SimDisk {
    pub fn new(script: impl IntoIterator<Item = (u8, Op)>) -> Self {
        Self(Arc::new(Mutex::new(World {
            dir: BTreeMap::new(),
            places: places::Places::default(),
            inodes: Vec::new(),
            stories: Vec::new(),
            script: script.into_iter().collect(),
            listings: 0,
            clock: 1_000,
            stamp: 5_000,
            stamps: BTreeSet::new(),
            reported: BTreeSet::new(),
            lines: 0,
            first: ops::Writer::default(),
            second: ops::Writer::default(),
            refused: BTreeSet::new(),
            swapped: BTreeSet::new(),
            denied: BTreeSet::new(),
            bad: BTreeMap::new(),
            unlistable: false,
            room: None,
            heard: Vec::new(),
            destroyed: false,
            calls: 0,
        })))
    }

    pub fn world(&self) -> MutexGuard<'_, World> {
        // A failed check poisons it; the files are closed all the same.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call of the follower's: time for the script.
    fn call(&self) -> MutexGuard<'_, World> {
        let mut world = self.world();
        world.calls += 1;
        while let Some((delay, _)) = world.script.front_mut() {
            if *delay > 0 {
                *delay -= 1;
                break;
            }
            let (_, op) = world.script.pop_front().unwrap();
            world.apply(op);
        }
        world
    }
}

/// Prints what happens, with `AUDITSEAL_TRACE` set: for one history of `regressions.rs`.
#[allow(clippy::print_stderr, reason = "that is what it is for")]
pub fn trace(what: impl FnOnce() -> String) {
    if std::env::var_os("AUDITSEAL_TRACE").is_some() {
        eprintln!("{}", what());
    }
}

#[derive(Debug)]
pub struct SimFile {
    disk: SimDisk,
    index: usize,
}

impl Drop for SimFile {
    fn drop(&mut self) {
        self.disk.world().inodes[self.index].opens -= 1;
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    fn list(&mut self) -> io::Result<Listing> {
        // As readdir does: names are read in turn, each is asked later, and what is renamed
        // meanwhile may be missed or seen twice.
        let (folders, gone) = {
            let mut world = self.call();
            if world.unlistable {
                return Err(io::Error::from(io::ErrorKind::PermissionDenied));
            }
            let gone = world.inodes.iter().enumerate().filter(|(_, inode)| inode.links == 0);
            let gone: Vec<usize> = gone.map(|(index, _)| index).collect();
            (world.follow_path(), gone)
        };
        let mut entries = Vec::new();
        for (at, folder) in folders.iter().enumerate() {
            let world = if at == 0 { self.world() } else { self.call() };
            let Some(place) = world.places.of(folder.id) else { continue };
            let names: Vec<String> = world.names(place).keys().cloned().collect();
            drop(world);
            for name in names {
                let mut world = self.call();
                let Some(index) = world.names(place).get(&name).copied() else { continue };
                world.notice(place, &name, index);
                let inode = &world.inodes[index];
                entries.push(Entry {
                    name: OsString::from(name),
                    folder: folder.id,
                    key: FileKey { dev: inode.dev, ino: inode.number },
                    size: inode.bytes.len() as u64,
                    refusal: inode.refusal,
                });
            }
        }
        let keys: BTreeSet<_> =
            entries.iter().map(|entry| (entry.key.dev, entry.key.ino)).collect();
        for index in gone {
            let inode = &mut self.world().inodes[index];
            inode.missed += u32::from(!keys.contains(&(inode.dev, inode.number)));
        }
        self.world().listings += 1;
        trace(|| {
            format!(
                "listed {:?}",
                entries.iter().map(|e| (&e.name, e.key.ino, e.size)).collect::<Vec<_>>()
            )
        });
        Ok(Listing { folders, entries })
    }

    fn leads_beyond(&self) -> bool {
        self.world().places.beyond
    }

    fn leave(&mut self, folder: FolderId) {
        self.world().places.leave(folder);
    }

    fn open(&mut self, folder: FolderId, name: &OsStr) -> io::Result<SimFile> {
        let mut world = self.call();
        let name = name.to_str().unwrap();
        let place = world.places.of(folder);
        let Some(index) = place.and_then(|place| world.names(place).get(name).copied()) else {
            return Err(io::Error::from(io::ErrorKind::NotFound));
        };
        if let Some(why) = world.inodes[index].refusal {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, why.to_string()));
        }
        if world.denied.contains(name) {
            return Err(io::Error::from(io::ErrorKind::PermissionDenied));
        }
        trace(|| format!("open {name} -> index {index}"));
        world.inodes[index].opens += 1;
        world.inodes[index].shown = None;
        let original = world.inodes[index].original.filter(|of| world.inodes[*of].opens == 0);
        if let Some(story) = world.inodes[index].story.filter(|_| original.is_some()) {
            // Let go of meanwhile: see `World::replace`.
            world.stories[story].stale = true;
        }
        Ok(SimFile { disk: self.clone(), index })
    }

    fn room(&mut self) -> Option<Room> {
        self.world().room
    }
}

impl DiskFile for SimFile {
    fn stat(&self) -> io::Result<Stat> {
        let mut world = self.disk.call();
        world.touch(self.index);
        let inode = &world.inodes[self.index];
        Ok(Stat {
            key: FileKey { dev: inode.dev, ino: inode.number },
            size: inode.bytes.len() as u64,
            links: inode.links,
        })
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let mut world = self.disk.call();
        world.touch(self.index);
        let bytes = &world.inodes[self.index].bytes;
        let start = (offset as usize).min(bytes.len());
        let mut end = (start + buf.len()).min(bytes.len());
        if let Some(&(from, to)) = world.bad.get(&self.index) {
            let (from, to) = (from as usize, to as usize);
            if (from..to).contains(&start) {
                return Err(io::Error::other("bad sector"));
            }
            if start < from {
                end = end.min(from.max(start));
            }
        }
        let read = &mut buf[..end - start];
        read.copy_from_slice(&bytes[start..end]);
        if let Some(story) = world.inodes[self.index].story {
            // One hole looks like another: who has read nothing else, can't tell that a file was
            // cut and has grown again.
            let told = read.iter().any(|byte| *byte != 0);
            world.stories[story].read |= told;
            world.inodes[self.index].read |= told;
        }
        Ok(read.len())
    }

    fn data_after(&self, offset: u64) -> io::Result<u64> {
        let world = self.disk.world();
        let bytes = &world.inodes[self.index].bytes;
        let from = usize::try_from(offset).unwrap().min(bytes.len());
        let data = bytes[from..].iter().position(|byte| *byte != 0).unwrap_or(bytes.len() - from);
        Ok(offset.max((from + data) as u64))
    }
}

impl World {
    /// The follower sees the name: from now on it must account for what is there.
    fn notice(&mut self, place: usize, name: &str, index: usize) {
        let inode = &mut self.inodes[index];
        if inode.opens == 0 {
            (inode.shown, inode.missed) = (Some(name.to_owned()), 0);
        }
        let (Some(story), size) = (inode.story, inode.bytes.len()) else { return };
        // What is open is read on, whatever it is called by now.
        let (copied, refused) = (inode.copied, inode.refusal.is_some() && inode.opens == 0);
        let plain = name.strip_suffix(".gz");
        let beside = plain.is_some_and(|plain| {
            let plain = self.names(place).get(plain);
            plain.is_some_and(|plain| self.inodes[*plain].refusal.is_none())
        });
        let story = &mut self.stories[story];
        story.names.insert(name.to_owned());
        if refused {
            (story.seen, story.stranded) = (true, false);
            let (names, length) = story.refused.entry(index).or_default();
            names.insert(name.to_owned());
            *length = copied.unwrap_or(size).max(*length);
            self.refused.insert(name.to_owned());
            return;
        }
        if size == 0 || beside {
            return;
        }
        (story.seen, story.stranded) = (true, false);
        story.relisted = true;
        // What is written later is known only to who has opened it.
        story.need = story.need.max(Need::UpTo(copied.unwrap_or(size)));
    }

    /// What a watch reports, in order; or nothing of it, if events were lost.
    pub fn hear(&mut self, lost: bool) -> Notices {
        let heard = std::mem::take(&mut self.heard);
        let changed = std::mem::take(&mut self.places.altered);
        let elsewhere = self.places.watch();
        if lost {
            return Notices { lost, changed, ..Notices::default() };
        }
        if elsewhere {
            // Of a directory that is no longer watched, and perhaps not read.
            self.reported.clear();
            return Notices { events: heard, lost: true, changed };
        }
        for notice in &heard {
            let name = match notice {
                Notice::Appeared(name) | Notice::Renamed { to: name, .. } => name,
                Notice::Removed(name) => {
                    self.reported.remove(name);
                    continue;
                }
            };
            let again = !self.reported.insert(name.clone());
            let name = name.to_str().unwrap();
            for story in self.stories.iter_mut().filter(|story| story.names.contains(name)) {
                let backup = name.starts_with("audit-2") && !name.ends_with(".gz");
                story.announced |= backup;
                story.told |= backup && again;
            }
        }
        Notices { events: heard, lost, changed }
    }

    /// The follower learns from a descriptor that there are bytes.
    fn touch(&mut self, index: usize) {
        let inode = &self.inodes[index];
        if let (Some(story), None, true) = (inode.story, inode.copied, !inode.bytes.is_empty()) {
            self.stories[story].need = Need::All;
            self.stories[story].unread = None;
        }
    }
}
