//! Files that aren't opened, for they belong to others, and whose they are.

use auditseal_tail::Refusal;

use super::World;
use super::ops::{LIVE, stamped};

/// Of several names, and another user's.
const FOREIGN: Refusal = Refusal::Names { count: 2, owner: 1_000 };

/// Which file something happens to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    Live,
    Oldest,
    Newest,
}

impl World {
    /// The plain file.
    pub fn which(&self, which: Which) -> Option<String> {
        let mut backups = self.backups(|name| !name.ends_with(".gz")).into_iter();
        match which {
            Which::Live => self.dir.contains_key(LIVE).then(|| LIVE.to_owned()),
            Which::Oldest => backups.next(),
            Which::Newest => backups.next_back(),
        }
    }

    /// A stranger gives a file a backup's name.
    pub fn foreign(&mut self, length: u16) {
        if self.places.is_nowhere() {
            return;
        }
        self.stamp += 10;
        while !self.stamps.insert(self.stamp) {
            self.stamp += 1;
        }
        let line = self.line(length, true);
        let story = self.story();
        self.stories[story].foreign = true;
        let index = self.inode(Some(story));
        self.inodes[index].refusal = Some(FOREIGN);
        let name = stamped(self.stamp);
        self.link(&name, index);
        self.put(index, &line);
    }

    /// A file gets a second name, and who gave it that isn't known. Nobody who hasn't read it does
    /// so now.
    pub fn estrange(&mut self, which: Which) {
        if let Some(name) = self.which(which) {
            let index = self.dir[&name];
            self.inodes[index].refusal = Some(FOREIGN);
            self.destroyed = true;
            self.places.altered = true;
        }
    }

    /// The administrator gives the files to who should have them.
    pub fn own(&mut self) {
        let names: Vec<(String, usize)> = self.dir.clone().into_iter().collect();
        for (name, index) in names {
            self.admit(&name, index);
        }
    }

    /// A file is opened from now on. Refused, it was told by that from one that had its inode before,
    /// was listed and never opened: now nothing tells.
    pub fn admit(&mut self, name: &str, index: usize) {
        if self.inodes[index].refusal.take().is_some() {
            self.places.altered = true;
            self.supersede(name, index);
        }
    }
}
