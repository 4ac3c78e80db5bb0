//! Files that are renamed over others: copies, as mirrors make them, and what only begins alike.

use super::ops::Writer;
use super::owners::Which;
use super::{Need, World};

/// What takes the file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Copy {
    /// A copy with so many more lines.
    Longer(u8),
    /// The first so many hundredths of it, a copy that is still being made.
    Shorter(u8),
    /// A file that begins with so many hundredths of it, and goes on with other lines.
    Other(u8),
}

impl World {
    pub fn replace(&mut self, which: Which, copy: Copy) {
        let Some(name) = self.which(which) else { return };
        let old = self.dir[&name];
        let inode = &self.inodes[old];
        let (Some(story), None, false) = (inode.story, inode.copied, inode.bytes.is_empty()) else {
            return;
        };
        let (bytes, refusal, live) = (inode.bytes.clone(), inode.refusal, which == Which::Live);
        let unheld = inode.opens == 0;
        let part = |hundredths: u8| bytes.len() * usize::from(hundredths) / 100;
        let destroyed = self.destroyed;
        // What the copy has besides is known only to who has seen the copy.
        let need = &mut self.stories[story].need;
        *need = (*need).min(Need::UpTo(bytes.len()));
        let index = self.inode(Some(story));
        self.inodes[index].refusal = refusal;
        self.inodes[index].base = bytes.len();
        match copy {
            Copy::Longer(lines) => {
                self.stories[story].mirrored = true;
                self.inodes[index].bytes.clone_from(&bytes);
                for _ in 0..lines {
                    let line = self.line(3, true);
                    self.put(index, &line);
                }
            }
            Copy::Shorter(hundredths) => {
                let length = part(hundredths).max(1);
                self.inodes[index].bytes = bytes[..length].to_vec();
                self.inodes[index].copied = Some(length);
                self.stories[story].shortened = true;
                // Of a file that is over and let go of, its ends are remembered: whether what is
                // shorter than all of them is a piece of it, nothing tells but its first line.
                self.stories[story].stale |= unheld;
                self.inodes[index].original = (!live).then_some(old);
            }
            Copy::Other(hundredths) => {
                let other = self.other(story);
                self.inodes[index].story = Some(other);
                self.put(index, &bytes[..part(hundredths).min(bytes.len() - 1)]);
                let line = self.line(5, true);
                self.put(index, &line);
            }
        }
        // What the old file held to its end is nowhere else, unless it is in the copy.
        self.inodes[old].copied = Some(bytes.len());
        self.link(&name, index);
        if !live {
            self.swapped.insert(name);
        }
        self.destroyed = destroyed || !matches!(copy, Copy::Longer(_));
        if self.second.index == Some(old) {
            self.second = Writer::default();
        }
        if self.first.index == Some(old) {
            let index = live.then_some(index);
            self.first = Writer { index, ..Writer::default() };
        }
    }

    /// A story that begins like another one.
    fn other(&mut self, story: usize) -> usize {
        let other = self.story();
        let mut twins = self.stories[story].twins.clone();
        twins.insert(story);
        for twin in &twins {
            self.stories[*twin].twins.insert(other);
        }
        self.stories[other].twins = twins;
        other
    }

    /// Whoever makes a shorter copy goes on until it is whole, before anything is added to it.
    pub fn complete(&mut self, index: usize) {
        let inode = &self.inodes[index];
        let (Some(story), Some(copied)) = (inode.story, inode.copied) else { return };
        let whole = self.stories[story].bytes.clone();
        if copied == inode.bytes.len() && copied <= whole.len() {
            self.inodes[index].bytes = whole;
            self.inodes[index].copied = None;
        }
    }
}
