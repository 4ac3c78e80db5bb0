//! A model of the agent: packs takes, commits them in order, and forgets the rest in a crash.

use std::collections::{BTreeMap, VecDeque};
use std::ffi::OsString;
use std::ops::Range;

use auditseal_tail::{
    Anchor, Family, FileId, Follower, Gap, GapReason, History, Known, Left, Look, ReadError,
    Settings, Take,
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
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Archived {
    /// Up to where the takes end. What was lost between them stands here as NULs.
    pub bytes: Vec<u8>,
    /// Where, in ascending order.
    pub holes: Vec<Range<usize>>,
    /// The gaps of the holes. Unlike others, they excuse nothing but the bytes they name.
    pub shorts: Vec<Gap>,
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
        self.has_any() && self.fits(&story.bytes) && (self.bytes.contains(&b'\n') || named())
    }

    /// Whether anything is taken.
    pub fn has_any(&self) -> bool {
        self.holes.iter().map(Range::len).sum::<usize>() < self.bytes.len()
    }

    /// Whether it may be this story's: of one that is lost as far as it goes, only the first line
    /// that it is named after tells.
    pub fn is_of(&self, file: &FileId, story: &Story) -> bool {
        self.fits(&story.bytes) && (self.has_any() || story.is(file))
    }

    /// Whether what is taken stands in these bytes where it was taken, and as much was there as is
    /// claimed to be lost.
    pub fn fits(&self, bytes: &[u8]) -> bool {
        let Some(mut bytes) = bytes.get(..self.bytes.len()).map(<[u8]>::to_vec) else {
            return false;
        };
        self.holes.iter().for_each(|hole| bytes[hole.clone()].fill(0));
        bytes == self.bytes
    }

    fn lose_up_to(&mut self, end: u64) {
        let (start, end) = (self.bytes.len(), usize::try_from(end).unwrap());
        assert!(start < end, "nothing is lost from {start} to {end}");
        self.bytes.resize(end, 0);
        self.holes.push(start..end);
    }
}

#[derive(Debug, Default, PartialEq)]
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
    pub shorts: u32,
    /// How far each file was handed out, with the anchor there, and whether it was final.
    pub handed: BTreeMap<FileId, (u64, Anchor, bool)>,
    /// Whether the follower is told what happened between two looks.
    pub watched: bool,
    /// The process has just started: what happened before nobody reported.
    pub starting: bool,
    /// Reports were lost once while it ran.
    pub deaf: bool,
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
            shorts: 0,
            handed: BTreeMap::new(),
            watched: true,
            starting: true,
            deaf: false,
        }
    }

    /// A look, and its takes packed. Returns what the look said.
    pub fn look(&mut self, limit: u64) -> Look<SimFile> {
        self.look_after(false, limit)
    }

    /// A look after which the watch may have lost what it should have reported.
    pub fn look_after(&mut self, lost: bool, limit: u64) -> Look<SimFile> {
        let starting = !lost && std::mem::take(&mut self.starting);
        let (now, notices) = {
            let mut world = self.disk.world();
            (world.clock, world.hear(lost || starting))
        };
        self.deaf |= lost || (notices.lost && !starting);
        super::trace(|| format!("look {limit} after {notices:?}"));
        if self.watched {
            self.follower.noticed(notices);
        }
        let mut look = self.follower.look(now, limit);
        super::trace(|| format!("-> {look:#?}"));
        self.check_shape(&look, limit);
        for take in look.takes.drain(..) {
            self.handed.insert(take.file, (take.end, take.anchor, take.final_));
            let (packed, short, closing) = pack(&take);
            if let Some(short) = &short {
                self.shorts += 1;
                self.check_short(&take.file, short);
            }
            self.queue.extend(packed.map(Item::Take));
            self.queue.extend(short.map(Item::Gap));
            self.queue.extend(closing.map(Item::Take));
        }
        self.queue.extend(look.gaps.iter().cloned().map(Item::Gap));
        self.check_cursors();
        look
    }

    /// Looks until there is nothing to do.
    pub fn settle(&mut self) {
        for _ in 0..3_000 {
            let look = self.look(1 << 20);
            self.commit();
            if !look.more && look.left != Left::Sealing {
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
        let cursors = history.cursors.iter();
        self.handed = cursors.map(|c| (c.file, (c.offset, c.anchor, false))).collect();
        self.follower = Follower::new(family(), self.disk.clone(), history, self.settings.clone());
        self.starting = true;
        self.forget();
    }

    /// What only the crashed run knew of, the next one needn't.
    fn forget(&mut self) {
        let mut world = self.disk.world();
        world.heard.clear();
        world.reported.clear();
        world.strand_the_rest();
        world.places.forget();
        // What it led to before, nobody reads any more.
        world.destroyed |= world.places.moved;
        for inode in &mut world.inodes {
            (inode.read, inode.shown) = (false, None);
        }
        for story in &mut world.stories {
            let archived = self.archive.of(story);
            story.relisted = false;
            story.announced = false;
            story.told = false;
            story.read = false;
            story.refused.clear();
            story.cursor = archived.is_some_and(|(_, archived)| !archived.final_);
            story.need = match archived {
                Some((_, archived)) => Need::UpTo(archived.bytes.len()),
                None => Need::Nothing,
            };
        }
    }

    /// What is given up when it is packed was cut or written over since it was handed out, or is
    /// refused by the disk.
    fn check_short(&self, file: &FileId, short: &Gap) {
        let world = self.disk.world();
        let refused = short.reason == GapReason::Unreadable
            && world.bad.values().any(|(from, to)| (Some(*from)..Some(*to)).contains(&short.start));
        let end = usize::try_from(short.end.unwrap()).unwrap();
        let mut stories = world.stories.iter().filter(|story| story.is(file));
        assert!(
            refused || stories.any(|story| story.destroyed() && story.bytes.len() >= end),
            "nothing of {file:?} was destroyed, yet: {short:?}"
        );
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

    /// The follower's cursors are what was handed out, whatever became of it.
    fn check_cursors(&self) {
        let cursors: Vec<_> =
            self.follower.cursors().iter().map(|c| (c.file, c.offset, c.anchor)).collect();
        // A file may be reopened (a late append was seen) before anything more of it is taken.
        for (file, (offset, anchor, final_)) in &self.handed {
            let cursor = (*file, *offset, *anchor);
            assert!(*final_ || cursors.contains(&cursor), "{cursor:?} is missing in {cursors:?}");
        }
    }
}

/// Reads a take's bytes as the packing stage does: what it can't read, or doesn't find proved
/// afterwards, is lost from there to the take's end.
fn pack(take: &Take<SimFile>) -> (Option<Packed>, Option<Gap>, Option<Packed>) {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 3000];
    let mut why = None;
    while take.start + (bytes.len() as u64) < take.end && why.is_none() {
        let at = take.start + bytes.len() as u64;
        let length = usize::try_from(take.end - at).unwrap().min(piece.len());
        match take.content.read_at(at, &mut piece[..length]) {
            Ok(0) => why = Some(GapReason::Truncated),
            Ok(read) => bytes.extend_from_slice(&piece[..read]),
            Err(ReadError::Damaged(damage)) => why = Some(GapReason::of_damaged(damage.codec)),
            Err(ReadError::Io(_)) => why = Some(GapReason::Unreadable),
        }
    }
    if why.is_none() && !bytes.is_empty() && !take.holds().is_ok_and(|holds| holds) {
        why = Some(GapReason::Truncated);
    }
    if why == Some(GapReason::Truncated) {
        // Nobody knows whose bytes these are.
        bytes.clear();
    }
    let end = take.start + bytes.len() as u64;
    let short = why.map(|reason| Gap {
        file: Some(take.file),
        name: take.name.clone(),
        start: Some(end),
        end: Some(take.end),
        anchor: Some(take.anchor),
        reason,
    });
    assert!(
        short.is_some() || take.unterminated == bytes.last().is_some_and(|last| *last != b'\n'),
        "unterminated says whether the last byte is no newline: {take:?}"
    );
    let packed = Packed {
        file: take.file,
        name: take.name.clone(),
        start: take.start,
        anchor: if short.is_some() { anchor(&bytes) } else { take.anchor },
        final_: take.final_ && short.is_none(),
        before: take.before,
        bytes,
    };
    let says = packed.start < packed.end() || packed.final_;
    // The file's end stands behind its gap.
    let closing = (take.final_ && short.is_some()).then(|| Packed {
        start: take.end,
        anchor: take.anchor,
        final_: true,
        before: None,
        bytes: Vec::new(),
        ..packed.clone()
    });
    (says.then_some(packed), short, closing)
}

/// Of the bytes since the last loss.
fn anchor(bytes: &[u8]) -> Anchor {
    auditseal_merkle::hash(&bytes[bytes.len().saturating_sub(4096)..])
}

impl Archive {
    pub fn commit(&mut self, item: Item) {
        match item {
            Item::Take(packed) => {
                let end = packed.end();
                if !self.order.contains(&packed.file) {
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
            // What is read on behind it is known by the cursor there.
            Item::Gap(gap) if gap.anchor.is_some() => {
                let (file, offset) = (gap.file.unwrap(), gap.end.unwrap());
                let archived = self.files.entry(file).or_default();
                assert_eq!(gap.start, Some(archived.bytes.len() as u64), "it joins: {gap:?}");
                archived.lose_up_to(offset);
                let (anchor, name) = (gap.anchor.unwrap(), gap.name.clone());
                archived.last = Some(Known { file, offset, anchor, name });
                archived.final_ = false;
                archived.shorts.push(gap);
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
        self.files.iter().find(|(file, archived)| {
            archived.begins(story)
                || (!archived.has_any()
                    && !archived.bytes.is_empty()
                    && archived.is_of(file, story))
        })
    }
}
