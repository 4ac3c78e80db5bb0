//! The directories that the operator's path leads to: a link is pointed elsewhere, a disk is
//! mounted over one, or unmounted.

use std::collections::{BTreeMap, BTreeSet};

use auditseal_tail::{Folder, FolderId};

use super::{Op, World, agent, ops};

/// Where the path leads from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// To an empty directory that was never there before.
    Fresh,
    /// To one of those where it led before.
    Back(u8),
    /// Nowhere: the link dangles.
    Nowhere,
}

/// What somebody does in a directory that the path has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    Rotate,
    Gzip,
    DeleteOldest,
}

#[derive(Debug)]
struct InUse {
    id: FolderId,
    place: usize,
    former: bool,
}

/// All directories, and those that the follower's disk reads.
#[derive(Debug)]
pub struct Places {
    /// The one that the path leads to; `None`: it leads nowhere.
    here: Option<usize>,
    made: usize,
    /// What is in the others.
    away: BTreeMap<usize, BTreeMap<String, usize>>,
    used: Vec<InUse>,
    next: u32,
    /// So many may be read besides: more, and the path isn't followed.
    pub most: usize,
    /// The one of which the watch reports.
    watched: Option<usize>,
    /// What happens there isn't where the watch is.
    aside: bool,
    /// Whose files they are has changed, which is reported without names.
    pub altered: bool,
    /// The path came to lead elsewhere, once at least.
    pub moved: bool,
    /// As of the last listing it leads to what isn't read yet.
    pub beyond: bool,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            here: Some(0),
            made: 1,
            away: BTreeMap::new(),
            used: Vec::new(),
            next: 0,
            most: 8,
            watched: None,
            aside: false,
            altered: false,
            moved: false,
            beyond: false,
        }
    }
}

impl Places {
    pub fn of(&self, folder: FolderId) -> Option<usize> {
        self.used.iter().find(|used| used.id == folder).map(|used| used.place)
    }

    /// Nothing is left to be read in a former one.
    pub fn leave(&mut self, folder: FolderId) {
        self.used.retain(|used| used.id != folder || !used.former);
    }

    /// Another run starts, and knows only what the path means now.
    pub fn forget(&mut self) {
        self.used.clear();
        self.next = 0;
        self.beyond = false;
        self.watched = None;
    }

    /// Watches where the path leads now. Returns whether what happened there until now is unknown.
    pub fn watch(&mut self) -> bool {
        let before = std::mem::replace(&mut self.watched, self.here);
        before != self.here || self.here.is_none()
    }

    /// Whether what happens to names is reported.
    pub fn reports(&self) -> bool {
        self.watched == self.here && !self.aside
    }

    /// Whether the path leads nowhere: nobody can make a file there.
    pub fn is_nowhere(&self) -> bool {
        self.here.is_none()
    }

    /// Whether the path came to lead here, and nobody has listed it or watches it since.
    pub fn is_unknown(&self) -> bool {
        let unused = self.used.iter().all(|used| Some(used.place) != self.here);
        self.moved && (unused || self.watched != self.here)
    }

    /// Every second one is on a disk of its own, with inode numbers of its own.
    pub fn dev(&self) -> u64 {
        1 + self.here.unwrap_or(0) as u64 % 2
    }
}

impl World {
    /// The names in a directory.
    pub fn names(&self, place: usize) -> &BTreeMap<String, usize> {
        self.places.away.get(&place).unwrap_or(&self.dir)
    }

    /// Whether the inode is a live file, wherever it is.
    pub fn is_live(&self, index: usize) -> bool {
        let dirs = self.places.away.values().chain([&self.dir]);
        dirs.into_iter().any(|dir| dir.get(ops::LIVE) == Some(&index))
    }

    /// Asks what the path means, as each listing does.
    pub fn follow_path(&mut self) -> Vec<Folder> {
        let Places { here, used, most, next, beyond, .. } = &mut self.places;
        let left = used.iter().filter(|used| Some(used.place) != *here).count();
        *beyond = left > *most;
        if !*beyond {
            used.iter_mut().for_each(|used| used.former = Some(used.place) != *here);
            if let Some(place) = *here
                && used.iter().all(|used| used.place != place)
            {
                used.push(InUse { id: FolderId(*next), place, former: false });
                *next += 1;
            }
        }
        let folder = |used: &InUse| {
            let (id, former) = (used.id, used.former);
            Folder { id, family: agent::family(), former, link: None }
        };
        self.places.used.iter().map(folder).collect()
    }

    /// The path comes to lead elsewhere; `heard`: whoever waits has read the reports until then.
    pub fn repoint(&mut self, to: To, heard: bool) {
        let away: Vec<usize> = self.places.away.keys().copied().collect();
        let target = match to {
            To::Fresh => Some(self.places.made),
            To::Back(_) if away.is_empty() => return,
            To::Back(n) => Some(away[usize::from(n) % away.len()]),
            To::Nowhere => None,
        };
        if target == self.places.here {
            return;
        }
        self.strand();
        self.restand();
        self.places.moved = true;
        // Who is to start yet doesn't come to know what it led to before.
        self.destroyed |= self.places.used.is_empty() && self.stories.iter().any(|s| s.seen);
        let there = target.and_then(|place| self.places.away.remove(&place)).unwrap_or_default();
        let left = std::mem::replace(&mut self.dir, there);
        if let Some(place) = self.places.here {
            self.places.away.insert(place, left);
        }
        self.places.here = target;
        self.places.made += usize::from(to == To::Fresh);
        self.restand();
        if !heard {
            // Whoever waits has gone to watch there, and what it had not read by then is lost: also
            // where the path leads back before anybody looks.
            self.heard.clear();
            self.places.watched = None;
        }
    }

    /// Whoever writes to a live file goes on for a while after the path leads elsewhere.
    fn restand(&mut self) {
        if let Some(live) = self.dir.get(ops::LIVE) {
            self.inodes[*live].renamed = self.clock;
        }
    }

    /// The path leaves the directory. Nobody can know what is in one that was never listed.
    fn strand(&mut self) {
        if self.places.used.iter().any(|used| Some(used.place) == self.places.here) {
            return;
        }
        // Nor who starts only then, whatever the last run had seen and not begun.
        let starting = self.places.used.is_empty();
        for index in self.dir.values() {
            if let Some(story) = self.inodes[*index].story {
                self.stories[story].stranded |= starting || !self.stories[story].seen;
                self.stories[story].left |= self.stories[story].stranded;
            }
        }
    }

    /// Another run starts: of what was left behind and not begun, no note tells.
    pub fn strand_the_rest(&mut self) {
        let left: BTreeSet<usize> =
            self.places.away.values().flat_map(BTreeMap::values).copied().collect();
        for index in left {
            if let Some(story) = self.inodes[index].story {
                self.stories[story].stranded = true;
            }
        }
    }

    /// In a directory that the path has left.
    pub fn there(&mut self, n: u8, what: There) {
        let away: Vec<usize> = self.places.away.keys().copied().collect();
        if away.is_empty() {
            return;
        }
        let place = away[usize::from(n) % away.len()];
        let Some(there) = self.places.away.remove(&place) else { return };
        let stay = (std::mem::replace(&mut self.dir, there), self.places.here);
        let first = self.first.clone();
        (self.places.here, self.places.aside) = (Some(place), true);
        match what {
            There::Rotate => drop(self.rename(false)),
            There::Gzip => (0..4).for_each(|step| self.gzip(step)),
            There::DeleteOldest => self.delete_oldest(),
        }
        // The apiserver writes to what it has open.
        self.first = first;
        self.places.aside = false;
        self.places.here = stay.1;
        let there = std::mem::replace(&mut self.dir, stay.0);
        self.places.away.insert(place, there);
    }

    /// In the end the path leads to an apiserver's log.
    pub fn conclude(&mut self) {
        if self.places.is_nowhere() {
            self.repoint(To::Back(0), true);
        }
        self.apply(Op::Create);
        if let Some(live) = self.dir.get(ops::LIVE).copied() {
            self.admit(ops::LIVE, live);
            self.places.altered = true;
        }
    }
}
