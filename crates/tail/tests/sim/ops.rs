//! What happens to the files: one or two apiservers with lumberjack, logrotate, administrators.

use std::collections::BTreeSet;
use std::io::Write;

use auditseal_tail::Notice;

use super::owners::Which;
use super::places::{There, To};
use super::swaps;
use super::{Inode, Story, World};

pub const LIVE: &str = "audit.log";
pub const LINGER: u64 = 135_000;

/// One thing that happens to the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Op {
    /// Whole lines of about this length each.
    Append(u8, u16),
    /// A line without its end: a crash, a full disk, or just not finished yet.
    Partial(u16),
    /// The rest of such a line.
    Finish,
    /// The live file gets its backup name.
    Rename,
    /// The new live file.
    Create,
    /// Both at once.
    Rotate,
    /// The apiserver starts again: it appends.
    Restart,
    /// A second apiserver opens the live file.
    SecondOpen,
    /// It writes to what it opened, whatever its name is by now.
    SecondAppend(u16),
    SecondPartial(u16),
    /// Compression of the oldest plain backup, in lumberjack's steps.
    GzipCreate,
    GzipHalf,
    GzipFill,
    GzipRemove,
    /// All of them.
    Gzip,
    /// With its unfinished copy: lumberjack takes both for one backup.
    DeleteOldest,
    /// The live file is cut to nothing in place.
    Truncate,
    /// logrotate's copytruncate: `.1` becomes `.2`, a copy becomes `.1`.
    Copy,
    /// Nothing is cut: a copy of so many hundredths of the live file gets a backup's name that is free.
    Beside(u8),
    /// The same, compressed.
    PackedBeside(u8),
    /// The live file gets the number 1, and all numbered ones the next; and the new live file.
    RotateNumbers,
    UnlinkLive,
    /// The clock that stamps backups goes back.
    ClockBack(u16),
    /// Two rotations within one millisecond: the second backup overwrites the first.
    SameStamp,
    /// Other files in the directory.
    Strangers,
    /// Time passes.
    Wait(u32),
    /// The operator's path comes to lead elsewhere, and whether the reports until then were read.
    Repoint(To, bool),
    /// In a directory that it led to before.
    There(u8, There),
    /// A file is renamed over another.
    Replace(Which, swaps::Copy),
    /// A backup of a line of this length that isn't opened.
    Foreign(u16),
    /// A file isn't opened any more.
    Estrange(Which),
    /// They are all opened again.
    Own,
    /// So many backups at once, each tenth of them compressed.
    Many(u16),
}

/// An apiserver's open file.
#[derive(Debug, Default, Clone)]
pub struct Writer {
    pub index: Option<usize>,
    /// Not opened with O_APPEND: it writes at its own offset, and leaves a hole after truncation.
    pub offset: Option<usize>,
    pub partial: bool,
}

impl World {
    pub fn apply(&mut self, op: Op) {
        super::trace(|| format!("{op:?}"));
        match op {
            Op::Append(count, length) => {
                for _ in 0..count {
                    let line = self.line(length, true);
                    self.write(false, &line);
                }
            }
            Op::Partial(length) => {
                let line = self.line(length, false);
                self.write(false, &line);
                self.first.partial = true;
            }
            Op::Finish => {
                if std::mem::take(&mut self.first.partial) {
                    let line = self.line(9, true);
                    self.write(false, &line);
                }
            }
            Op::Rename => drop(self.rename(false)),
            Op::Create => self.create(),
            Op::Rotate => {
                self.rename(false);
                self.create();
            }
            Op::Restart => {
                self.first = Writer { index: self.dir.get(LIVE).copied(), ..Writer::default() };
            }
            Op::SecondOpen => {
                self.second = Writer { index: self.dir.get(LIVE).copied(), ..Writer::default() };
            }
            Op::SecondAppend(length) => {
                let line = self.line(length, true);
                self.write(true, &line);
            }
            Op::SecondPartial(length) => {
                let line = self.line(length, false);
                self.write(true, &line);
            }
            Op::GzipCreate => self.gzip(0),
            Op::GzipHalf => self.gzip(1),
            Op::GzipFill => self.gzip(2),
            Op::GzipRemove => self.gzip(3),
            Op::Gzip => (0..4).for_each(|step| self.gzip(step)),
            Op::DeleteOldest => self.delete_oldest(),
            Op::Truncate => self.truncate(),
            Op::Copy => self.copytruncate(),
            Op::Beside(hundredths) => self.beside(hundredths, false),
            Op::PackedBeside(hundredths) => self.beside(hundredths, true),
            Op::RotateNumbers => self.rotate_numbers(),
            Op::UnlinkLive => self.delete(LIVE),
            Op::ClockBack(n) => self.stamp = self.stamp.saturating_sub(u64::from(n) * 10 + 3),
            Op::SameStamp => self.rotate_twice(),
            Op::Strangers => self.strangers(),
            Op::Wait(ms) => self.clock += u64::from(ms),
            Op::Repoint(to, heard) => self.repoint(to, heard),
            Op::There(place, what) => self.there(place, what),
            Op::Replace(which, copy) => self.replace(which, copy),
            Op::Foreign(length) => self.foreign(length),
            Op::Estrange(which) => self.estrange(which),
            Op::Own => self.own(),
            Op::Many(count) => self.many(count),
        }
    }

    /// Files of other names.
    fn strangers(&mut self) {
        if self.places.is_nowhere() {
            return;
        }
        for name in [".lock", "termination.log", "audit-policy.log", "audit2.log"] {
            if !self.dir.contains_key(name) {
                let index = self.inode(None);
                self.inodes[index].bytes = b"not ours\n".to_vec();
                self.link(name, index);
            }
        }
    }

    /// Backups that were there before.
    fn many(&mut self, count: u16) {
        for n in 0..count {
            if self.places.is_nowhere() {
                return;
            }
            self.stamp += 10;
            self.stamps.insert(self.stamp);
            let bytes: Vec<u8> = (0..=n % 3).flat_map(|_| self.line(n % 70, true)).collect();
            let story = self.story();
            let index = self.inode(Some(story));
            self.stories[story].bytes.clone_from(&bytes);
            let packed = n % 10 == 3;
            self.inodes[index].copied = packed.then_some(bytes.len());
            self.inodes[index].bytes = if packed { pack(&bytes) } else { bytes };
            let suffix = if packed { ".gz" } else { "" };
            let name = format!("{}{suffix}", stamped(self.stamp));
            self.link(&name, index);
        }
    }

    /// A line that occurs only once.
    pub fn line(&mut self, length: u16, whole: bool) -> Vec<u8> {
        self.lines += 1;
        let mut line = format!("{{\"auditID\":\"{:06}\",", self.lines).into_bytes();
        line.resize(line.len() + usize::from(length), b'a' + (self.lines % 26) as u8);
        line.extend(if whole { b"}\n".as_slice() } else { b"" });
        line
    }

    /// A file with the smallest inode number that is free: reuse is the rule here.
    pub fn inode(&mut self, story: Option<usize>) -> usize {
        let dev = self.places.dev();
        let used: BTreeSet<u64> = self
            .inodes
            .iter()
            .enumerate()
            .filter(|(index, inode)| {
                inode.dev == dev
                    && (inode.links > 0
                        || inode.opens > 0
                        || self.first.index == Some(*index)
                        || self.second.index == Some(*index))
            })
            .map(|(_, inode)| inode.number)
            .collect();
        let number = (1..).find(|number| !used.contains(number)).unwrap();
        let renamed = self.clock;
        self.inodes.push(Inode {
            dev,
            number,
            bytes: Vec::new(),
            links: 0,
            opens: 0,
            story,
            copied: None,
            base: 0,
            read: false,
            renamed,
            shown: None,
            missed: 0,
            original: None,
            refusal: None,
        });
        self.inodes.len() - 1
    }

    /// A file that was listed is deleted before it could be opened, and another one gets its inode
    /// number and its name, or one that the live file might have got: nothing that the disk tells
    /// differs.
    pub fn supersede(&mut self, name: &str, index: usize) {
        let new = &self.inodes[index];
        if new.refusal.is_some() {
            return;
        }
        let backup = name.starts_with("audit-2") || name.starts_with("audit.log.");
        let same = |old: &&Inode| {
            // A listing may miss a file whose name changes during it.
            let shown = |shown: &String| {
                let renamed = shown == LIVE && backup && !name.ends_with(".gz");
                renamed || (shown == name && (old.missed < 2 || name.starts_with("audit-2")))
            };
            (old.dev, old.number) == (new.dev, new.number)
                && old.links == 0
                && old.shown.as_ref().is_some_and(shown)
        };
        let twins = self.inodes.iter().filter(same);
        let twins: Vec<_> =
            twins.filter_map(|old| Some((old.story?, old.read, old.base))).collect();
        for (story, read, base) in twins {
            // Where it was a copy, so much of it was read elsewhere.
            let of_it = self.inodes.iter().filter(|inode| inode.story == Some(story) && inode.read);
            let known = of_it.map(|inode| inode.copied.unwrap_or(inode.bytes.len())).max();
            let story = &mut self.stories[story];
            story.overwritten |= !story.read;
            if !read {
                story.unread = known.max(Some(base));
            }
        }
    }

    pub fn story(&mut self) -> usize {
        self.stories.push(Story::default());
        self.stories.len() - 1
    }

    pub fn link(&mut self, name: &str, index: usize) {
        self.supersede(name, index);
        if self.dir.contains_key(name) {
            self.unlink(name);
        }
        self.inodes[index].links += 1;
        self.inodes[index].renamed = self.clock;
        self.dir.insert(name.to_owned(), index);
        if self.places.reports() {
            self.heard.push(Notice::Appeared(name.into()));
        }
        // What the file held before it was cut is lost under its later names, too.
        let mut story = self.inodes[index].story;
        while let Some(index) = story {
            self.stories[index].names.insert(name.to_owned());
            story = self.stories[index].previous;
        }
    }

    pub fn delete_oldest(&mut self) {
        if let Some(name) = self.backups(|_| true).first().cloned() {
            self.delete(&name);
            self.delete(&format!("{name}.gz"));
        }
    }

    pub fn delete(&mut self, name: &str) {
        if self.dir.contains_key(name) && self.places.reports() {
            self.heard.push(Notice::Removed(name.into()));
        }
        self.unlink(name);
    }

    fn unlink(&mut self, name: &str) {
        if let Some(index) = self.dir.remove(name) {
            if let Some(story) = self.inodes[index].story.filter(|_| self.places.is_unknown()) {
                self.stories[story].stranded |= !self.stories[story].seen;
            }
            self.inodes[index].links -= 1;
            self.destroyed = true;
        }
    }

    /// Appends exactly these bytes, whoever it is.
    pub fn put(&mut self, index: usize, bytes: &[u8]) {
        self.inodes[index].bytes.extend(bytes);
        if let Some(story) = self.inodes[index].story {
            self.stories[story].bytes.clone_from(&self.inodes[index].bytes);
        }
    }

    fn write(&mut self, second: bool, bytes: &[u8]) {
        // An apiserver whose file isn't the path's any more doesn't go on for ever.
        let elsewhere = |index| self.dir.get(LIVE).is_some_and(|live| *live != index);
        let late = |index: usize| self.clock - self.inodes[index].renamed > LINGER / 2;
        if !second && self.first.index.is_some_and(|index| elsewhere(index) && late(index)) {
            self.first = Writer::default();
        }
        if !second && self.first.index.is_none() {
            self.create();
        }
        let writer = if second { &self.second } else { &self.first };
        if let Some(index) = writer.index {
            self.complete(index);
        }
        let writer = if second { &mut self.second } else { &mut self.first };
        let Some(index) = writer.index else { return };
        let inode = &mut self.inodes[index];
        // Nobody waits longer than this for an apiserver that shuts down.
        if second && self.clock - inode.renamed > LINGER / 2 && !self.dir.contains_key(LIVE) {
            return;
        }
        if second && self.dir.get(LIVE) != Some(&index) && self.clock - inode.renamed > LINGER / 2 {
            return;
        }
        // Only who holds it will ever see these.
        self.destroyed |= inode.links == 0;
        let at = writer.offset.unwrap_or(inode.bytes.len()).max(inode.bytes.len());
        inode.bytes.resize(at, 0);
        inode.bytes.extend(bytes);
        if let Some(offset) = &mut writer.offset {
            *offset = inode.bytes.len();
        }
        if let Some(story) = inode.story {
            self.stories[story].bytes.clone_from(&inode.bytes);
            self.stories[story].late |= !self.is_live(index);
        }
    }

    pub fn rename(&mut self, again: bool) -> bool {
        let Some(index) = self.dir.get(LIVE).copied() else { return false };
        // Lumberjack rotates for a line that no longer fits: never an empty file.
        if self.inodes[index].bytes.is_empty() {
            return false;
        }
        if !again {
            self.stamp += 10;
            while self.stamps.contains(&self.stamp) {
                self.stamp += 1;
            }
        }
        self.stamps.insert(self.stamp);
        let name = stamped(self.stamp);
        self.inodes[index].links += 1;
        let destroyed = self.destroyed;
        let overwrites = self.dir.contains_key(&name);
        if self.stories.iter().any(|story| story.names.contains(&name)) {
            let here = self.inodes[index].story;
            for (at, story) in self.stories.iter_mut().enumerate() {
                story.replaced |= Some(at) == here || story.names.contains(&name);
            }
        }
        self.unlink(LIVE);
        self.inodes[index].links -= 1;
        self.link(&name, index);
        if self.places.reports() {
            self.heard.pop();
            self.heard.push(Notice::Renamed { from: LIVE.into(), to: name.into() });
        }
        self.destroyed = destroyed || overwrites;
        self.first = Writer::default();
        true
    }

    fn rotate_twice(&mut self) {
        if self.rename(false) {
            let line = self.line(0, true);
            self.write(false, &line);
            self.rename(true);
            self.create();
        }
    }

    fn create(&mut self) {
        if self.dir.contains_key(LIVE) {
            self.first.index = self.dir.get(LIVE).copied();
            return;
        }
        if self.places.is_nowhere() {
            return;
        }
        let story = self.story();
        let index = self.inode(Some(story));
        self.link(LIVE, index);
        // After its own rotation, lumberjack opens without O_APPEND.
        self.first = Writer { index: Some(index), offset: Some(0), partial: false };
    }

    /// Backups, oldest name first.
    pub fn backups(&self, wanted: impl Fn(&str) -> bool) -> Vec<String> {
        self.dir
            .keys()
            .filter(|name| name.starts_with("audit-2") && wanted(name))
            .cloned()
            .collect()
    }

    pub fn gzip(&mut self, step: u8) {
        let plain = |name: &str| !name.ends_with(".gz");
        let mut plain = self.backups(plain).into_iter();
        // Not of a stranger's file.
        let ours = |name: &String| self.inodes[self.dir[name]].refusal.is_none();
        let Some(plain) = plain.find(ours) else { return };
        let name = format!("{plain}.gz");
        let source = self.dir[&plain];
        let index = match self.dir.get(&name) {
            Some(index) => *index,
            None => {
                let index = self.inode(self.inodes[source].story);
                self.inodes[index].copied = Some(0);
                self.link(&name, index);
                index
            }
        };
        let copied = self.inodes[source].bytes.len();
        let packed = pack(&self.inodes[source].bytes);
        let original = self.inodes[source].original;
        let story = self.inodes[source].story;
        let inode = &mut self.inodes[index];
        if step < 3
            && inode.story != story
            && let Some(other) = std::mem::replace(&mut inode.story, story)
        {
            self.stories[other].overwritten = true;
        }
        match step {
            0 => {
                inode.bytes.clear();
                inode.copied = Some(0);
            }
            1 => {
                inode.bytes = packed[..packed.len() / 2].to_vec();
                inode.copied = Some(0);
            }
            2 => {
                inode.bytes = packed;
                inode.copied = Some(copied);
                // Of a shorter copy it is one, too.
                inode.original = original;
            }
            // Lumberjack removes the plain file only when the other is complete. What a second
            // apiserver wrote in between is gone with it, if nobody holds it.
            _ if inode.copied.is_some_and(|n| n > 0) => {
                let destroyed = self.destroyed;
                let late = inode.copied != Some(copied) || inode.story != story;
                if let Some(story) = story {
                    let waited = self.clock - self.inodes[source].renamed > LINGER;
                    let mirrored = self.stories[story].mirrored;
                    self.stories[story].stale |= (late && waited) || mirrored;
                }
                self.delete(&plain);
                self.destroyed = destroyed || late;
            }
            _ => {}
        }
    }

    fn truncate(&mut self) {
        let Some(index) = self.dir.get(LIVE).copied() else { return };
        if self.inodes[index].bytes.is_empty() {
            return;
        }
        self.destroyed = true;
        if let Some(story) = self.inodes[index].story {
            self.stories[story].truncated = true;
            // Whether what is shorter is a piece of it, nothing tells any more.
            let whole = self.stories[story].bytes.len();
            let piece = |i: &Inode| i.story == Some(story) && i.copied.is_some_and(|n| n < whole);
            self.stories[story].stale |= self.inodes.iter().any(piece);
            let inode = &self.inodes[index];
            self.stories[story].unread = (!inode.read).then_some(inode.base);
        }
        let story = self.story();
        self.stories[story].names.insert(LIVE.to_owned());
        self.stories[story].previous = self.inodes[index].story;
        let inode = &mut self.inodes[index];
        inode.story = Some(story);
        inode.copied = None;
        (inode.base, inode.read) = (0, false);
        inode.bytes.clear();
    }

    fn copytruncate(&mut self) {
        self.shift();
        if self.copy(1, 100, false) {
            self.truncate();
        }
    }

    fn beside(&mut self, hundredths: u8, packed: bool) {
        let named = |n: &u8| [format!("{LIVE}.{n}"), format!("{LIVE}.{n}.gz")];
        let free = |n: &u8| !named(n).iter().any(|name| self.dir.contains_key(name));
        if let Some(number) = (1..9).find(free) {
            self.copy(number, hundredths, packed);
        }
    }

    fn rotate_numbers(&mut self) {
        let live = self.dir.get(LIVE).copied();
        let Some(live) = live.filter(|live| !self.inodes[*live].bytes.is_empty()) else { return };
        let destroyed = self.destroyed;
        for n in (1..99).rev() {
            for suffix in ["", ".gz"] {
                let name = format!("{LIVE}.{n}{suffix}");
                if let Some(index) = self.dir.remove(&name) {
                    self.renamed(&name, &format!("{LIVE}.{}{suffix}", n + 1), index);
                }
            }
        }
        self.dir.remove(LIVE);
        self.renamed(LIVE, &format!("{LIVE}.1"), live);
        self.destroyed = destroyed;
        self.first = Writer::default();
        self.create();
    }

    fn renamed(&mut self, from: &str, to: &str, index: usize) {
        self.inodes[index].links -= 1;
        self.link(to, index);
        if self.places.reports() {
            self.heard.pop();
            self.heard.push(Notice::Renamed { from: from.into(), to: to.into() });
        }
    }

    /// Numbered backups get the next number.
    fn shift(&mut self) {
        if self.dir.get(LIVE).is_none_or(|live| self.inodes[*live].bytes.is_empty()) {
            return;
        }
        for n in (1..4).rev() {
            if let Some(older) = self.dir.remove(&format!("{LIVE}.{n}")) {
                self.inodes[older].links -= 1;
                self.link(&format!("{LIVE}.{}", n + 1), older);
            }
        }
    }

    /// A copy of the live file's beginning gets this number. Returns whether there is one.
    fn copy(&mut self, number: u8, hundredths: u8, packed: bool) -> bool {
        let Some(index) = self.dir.get(LIVE).copied() else { return false };
        let length = self.inodes[index].bytes.len() * usize::from(hundredths) / 100;
        if length == 0 {
            return false;
        }
        let copy = self.inode(self.inodes[index].story);
        let bytes = &self.inodes[index].bytes[..length];
        self.inodes[copy].bytes = if packed { pack(bytes) } else { bytes.to_vec() };
        self.inodes[copy].copied = Some(length);
        self.link(&format!("{LIVE}.{number}{}", if packed { ".gz" } else { "" }), copy);
        true
    }
}

pub fn stamped(ms: u64) -> String {
    format!("audit-2026-01-02T15-{:02}-{:02}.{:03}.log", ms / 60_000, ms / 1000 % 60, ms % 1000)
}

pub fn pack(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}
