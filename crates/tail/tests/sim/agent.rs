//! A model of the agent: packs takes, commits them in order, and forgets the rest in a crash.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;

use auditseal_tail::{
    Anchor, Family, FileId, Follower, Gap, GapReason, History, Known, Look, Settings, Take,
};

use super::{Need, SimDisk, SimFile, Story};

/// Something to be committed.
#[derive(Debug, Clone)]
pub enum Item {
    Take(Packed),
    Gap(Gap),
}

/// A take with its bytes.
#[derive(Debug, Clone)]
pub struct Packed {
    pub file: FileId,
    pub name: OsString,
    pub start: u64,
    pub anchor: Anchor,
    pub final_: bool,
    pub before: Option<FileId>,
    pub bytes: Vec<u8>,
}

impl Packed {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }
}

/// What is committed of one file.
#[derive(Debug, Clone, Default)]
pub struct Archived {
    pub bytes: Vec<u8>,
    pub last: Option<Known>,
    pub final_: bool,
    pub ends: Vec<Known>,
    pub gaps: Vec<Gap>,
}

impl Archived {
    /// Whether this is the beginning of the story.
    pub fn begins(&self, story: &Story) -> bool {
        // A piece of a first line may be the beginning of several: its name decides.
        let name = self.last.as_ref().map(|known| known.name.to_string_lossy());
        let named = || name.is_some_and(|name| story.names.contains(&*name));
        !self.bytes.is_empty()
            && story.bytes.starts_with(&self.bytes)
            && (self.bytes.contains(&b'\n') || named())
    }
}

#[derive(Debug, Default)]
pub struct Archive {
    pub files: BTreeMap<FileId, Archived>,
    /// In the order that notes give: as begun, or before another.
    pub order: Vec<FileId>,
    /// Gaps of files without identity.
    pub nameless: Vec<Gap>,
}

pub struct Agent {
    pub disk: SimDisk,
    pub follower: Follower<SimDisk>,
    pub settings: Settings,
    pub archive: Archive,
    pub queue: VecDeque<Item>,
    pub crashes: u32,
    pub voids: u32,
    /// Whether the follower is told what happened between two looks.
    pub watched: bool,
}

pub fn family() -> Family {
    Family::of(super::ops::LIVE.as_ref()).unwrap()
}

impl Agent {
    pub fn new(disk: SimDisk, settings: Settings) -> Self {
        let follower = Follower::new(family(), disk.clone(), History::default(), settings.clone());
        Self {
            disk,
            follower,
            settings,
            archive: Archive::default(),
            queue: VecDeque::new(),
            crashes: 0,
            voids: 0,
            watched: true,
        }
    }

    /// A look, and its takes packed. Returns what the look said.
    pub fn look(&mut self, limit: u64) -> Look<SimFile> {
        self.look_after(false, limit)
    }

    /// A look after which the watch may have lost what it should have reported.
    pub fn look_after(&mut self, lost: bool, limit: u64) -> Look<SimFile> {
        let (now, notices) = {
            let mut world = self.disk.world();
            (world.clock, world.hear(lost))
        };
        super::trace(|| format!("look {limit} after {notices:?}"));
        if self.watched {
            self.follower.noticed(notices);
        }
        let mut look = self.follower.look(now, limit);
        super::trace(|| format!("-> {look:#?}"));
        self.check_shape(&look, limit);
        let mut void: Vec<(FileId, u64)> = Vec::new();
        for take in look.takes.drain(..) {
            if void.iter().any(|(file, back)| *file == take.file && take.end > *back) {
                continue;
            }
            match pack(&take) {
                Some(packed) => self.queue.push_back(Item::Take(packed)),
                None => {
                    let back = self.follower.shrunk(
                        &take.file,
                        take.start,
                        take.end,
                        GapReason::Truncated,
                    );
                    assert_eq!(back, take.start, "goes back to the take's start");
                    self.voids += 1;
                    self.void(&take.file, back);
                    void.push((take.file, back));
                }
            }
        }
        for gap in look.gaps.clone() {
            let dropped =
                void.iter().any(|(file, back)| gap.file == Some(*file) && gap.start > Some(*back));
            if !dropped {
                self.queue.push_back(Item::Gap(gap));
            }
        }
        self.check_cursors();
        look
    }

    /// Looks until there is nothing to do.
    pub fn settle(&mut self) {
        for _ in 0..500 {
            let look = self.look(1 << 20);
            self.commit();
            if !look.more {
                // When what this look noticed happened, the next one knows.
                self.look(1 << 20);
                self.commit();
                return;
            }
        }
        panic!("the follower always wants another look");
    }

    pub fn commit(&mut self) {
        for item in std::mem::take(&mut self.queue) {
            if let Item::Take(packed) = &item {
                self.follower.committed(&packed.file, packed.end());
            }
            self.archive.commit(item);
        }
    }

    /// The process ends between two commits, and starts again.
    pub fn crash(&mut self) {
        self.crashes += 1;
        self.queue.clear();
        let history = self.archive.history();
        self.follower = Follower::new(family(), self.disk.clone(), history, self.settings.clone());
        self.forget();
    }

    /// What only the crashed run knew of, the next one needn't.
    fn forget(&mut self) {
        let mut world = self.disk.world();
        world.heard.clear();
        world.reported.clear();
        for story in &mut world.stories {
            let archived = self.archive.of(story);
            story.relisted = false;
            story.announced = false;
            story.told = false;
            story.read = false;
            story.cursor = archived.is_some_and(|(_, archived)| !archived.final_);
            story.need = match archived {
                Some((_, archived)) => Need::UpTo(archived.bytes.len()),
                None => Need::Nothing,
            };
        }
    }

    fn void(&mut self, file: &FileId, back: u64) {
        self.queue.retain(|item| match item {
            Item::Take(packed) => packed.file != *file || packed.end() <= back,
            Item::Gap(gap) => gap.file != Some(*file) || gap.start <= Some(back),
        });
    }

    fn check_shape(&self, look: &Look<SimFile>, limit: u64) {
        let mut sum = 0;
        for (index, take) in look.takes.iter().enumerate() {
            assert!(take.start < take.end || (take.start == take.end && take.final_), "{take:?}");
            let length = take.end - take.start;
            assert!(sum == 0 || length == 0 || sum + length <= limit, "limit {limit}: {look:?}");
            sum += length;
            let again = look.takes[..index].iter().any(|t| t.file == take.file && t.end > t.start);
            assert!(!again || take.start == take.end, "one file twice in a look: {look:?}");
        }
        if limit == 0 {
            assert_eq!(sum, 0, "a limit of 0 takes nothing");
        }
    }

    /// The follower's cursors are what was handed out: committed, then queued.
    fn check_cursors(&self) {
        let mut expected: BTreeMap<FileId, (u64, Anchor, bool)> = BTreeMap::new();
        for (file, archived) in &self.archive.files {
            if let Some(last) = &archived.last {
                expected.insert(*file, (last.offset, last.anchor, archived.final_));
            }
        }
        for item in &self.queue {
            if let Item::Take(packed) = item {
                expected.insert(packed.file, (packed.end(), packed.anchor, packed.final_));
            }
        }
        let expected: Vec<_> = expected
            .into_iter()
            .filter(|(_, (_, _, final_))| !final_)
            .map(|(file, (offset, anchor, _))| (file, offset, anchor))
            .collect();
        let cursors: Vec<_> =
            self.follower.cursors().iter().map(|c| (c.file, c.offset, c.anchor)).collect();
        // A file may be reopened (a late append was seen) before anything more of it is taken.
        for cursor in &expected {
            assert!(cursors.contains(cursor), "cursor {cursor:?} is missing in {cursors:?}");
        }
    }
}

/// Reads a take's bytes as the packing stage does; `None` when they are no longer there.
fn pack(take: &Take<SimFile>) -> Option<Packed> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 3000];
    while take.start + (bytes.len() as u64) < take.end {
        let at = take.start + bytes.len() as u64;
        let length = usize::try_from(take.end - at).unwrap().min(piece.len());
        match take.content.read_at(at, &mut piece[..length]) {
            Ok(0) | Err(_) => return None,
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
        }
    }
    if !take.holds().ok()? {
        return None;
    }
    assert_eq!(
        take.unterminated,
        bytes.last().is_some_and(|last| *last != b'\n'),
        "unterminated says whether the last byte is no newline: {take:?}"
    );
    Some(Packed {
        file: take.file,
        name: take.name.clone(),
        start: take.start,
        anchor: take.anchor,
        final_: take.final_,
        before: take.before,
        bytes,
    })
}

impl Archive {
    pub fn commit(&mut self, item: Item) {
        match item {
            Item::Take(packed) => {
                let end = packed.end();
                if !self.files.contains_key(&packed.file) {
                    let place = packed
                        .before
                        .and_then(|other| self.order.iter().position(|file| *file == other));
                    self.order.insert(place.unwrap_or(self.order.len()), packed.file);
                } else {
                    assert_eq!(packed.before, None, "only a file's first take stands before");
                }
                let file = self.files.entry(packed.file).or_default();
                assert_eq!(
                    packed.start,
                    file.bytes.len() as u64,
                    "takes of {:?} join: no byte twice, none left out",
                    packed.file
                );
                file.bytes.extend(&packed.bytes);
                file.final_ = packed.final_;
                let known = Known {
                    file: packed.file,
                    offset: end,
                    anchor: packed.anchor,
                    name: packed.name,
                };
                if packed.final_ {
                    file.ends.push(known.clone());
                }
                file.last = Some(known);
            }
            Item::Gap(gap) => match gap.file {
                Some(file) => {
                    let archived = self.files.entry(file).or_default();
                    let taken = archived.bytes.len() as u64;
                    assert_eq!(gap.start, Some(taken), "a gap begins where the takes end: {gap:?}");
                    archived.gaps.push(gap);
                }
                None => self.nameless.push(gap),
            },
        }
    }

    pub fn history(&self) -> History {
        let mut history = History::default();
        for archived in self.files.values() {
            history.finals.extend(archived.ends.iter().cloned());
            if !archived.final_ {
                history.cursors.extend(archived.last.clone());
            }
        }
        history
    }

    /// The archived file whose bytes are the beginning of the story's.
    pub fn of(&self, story: &Story) -> Option<(&FileId, &Archived)> {
        self.files.iter().find(|(_, archived)| archived.begins(story))
    }
}
