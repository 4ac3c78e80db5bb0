//! The agent's model for tests of one rule each: a disk without a script, changed by hand.

use auditseal_tail::{Gap, GapReason, Look, Mode, Settings};

use super::agent::{Agent, Archived};
use super::{Op, SimDisk, SimFile};

pub const BIG: u64 = 1 << 20;

pub fn drain() -> Settings {
    Settings { mode: Mode::Drain, ..Settings::default() }
}

impl Agent {
    pub fn plain() -> Self {
        Self::with(Settings::default())
    }

    pub fn with(settings: Settings) -> Self {
        let disk = SimDisk::new([]);
        Self { watched: false, ..Self::new(disk, settings) }
    }

    pub fn ops(&self, ops: impl IntoIterator<Item = Op>) {
        ops.into_iter().for_each(|op| self.disk.world().apply(op));
    }

    /// Writes exactly these bytes to the live file.
    pub fn put(&self, bytes: &[u8]) {
        let mut world = self.disk.world();
        if !world.dir.contains_key("audit.log") {
            world.apply(Op::Create);
        }
        let index = world.dir["audit.log"];
        world.put(index, bytes);
    }

    pub fn file(&self, name: &str, bytes: &[u8]) {
        let mut world = self.disk.world();
        let story = world.story();
        let index = world.inode(Some(story));
        world.link(name, index);
        world.put(index, bytes);
    }

    pub fn wait(&self, ms: u64) {
        self.disk.world().clock += ms;
    }

    pub fn unlink(&self, name: &str) {
        self.disk.world().delete(name);
    }

    /// Looks and commits once.
    pub fn once(&mut self) -> Look<SimFile> {
        let look = self.look(BIG);
        self.commit();
        look
    }

    /// Three lines, of which the first is taken when all behind "th" is cut off.
    pub fn cut_above_the_cursor(&mut self) {
        self.put(b"one\ntwo\nthree\n");
        self.look(5);
        self.commit();
        {
            let mut world = self.disk.world();
            let index = world.dir["audit.log"];
            world.inodes[index].bytes.truncate(10);
        }
        self.settle();
    }

    pub fn archived(&self) -> Vec<&Archived> {
        self.archive.order.iter().map(|file| &self.archive.files[file]).collect()
    }

    /// What is archived, file by file.
    pub fn texts(&self) -> Vec<String> {
        self.archived().iter().map(|a| String::from_utf8_lossy(&a.bytes).into_owned()).collect()
    }

    pub fn gaps(&self) -> Vec<(Option<u64>, Option<u64>, GapReason)> {
        let files = self.archive.files.values();
        let files = files.flat_map(|archived| archived.shorts.iter().chain(&archived.gaps));
        files
            .chain(&self.archive.nameless)
            .map(|gap: &Gap| (gap.start, gap.end, gap.reason))
            .collect()
    }
}
