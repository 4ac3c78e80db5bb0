//! An open file, and the room on its disk.

use std::fs::{File, Metadata};
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;
use std::{io, thread};

use rustix::fs::{Advice, SeekFrom, StatVfs, fadvise, statvfs};
use rustix::io::Errno;

use crate::Throttle;
use crate::disk::{DiskFile, Room, Stat};
use crate::inode::FileKey;

/// After so many bytes of a file, those before are let go of.
const BEHIND: u64 = 8 << 20;

/// How reading spares whoever else is on the machine.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// Tell the kernel that what was read won't be read again: gigabytes of old logs would push
    /// out of the page cache what etcd needs.
    pub drop_cache: bool,
    /// How fast to read.
    pub throttle: Option<Arc<Throttle>>,
}

impl Room {
    /// That of the file system which `path` is on; its free share is what `df` calls 100 - Use%.
    /// `None`: it doesn't tell, as some in user space don't.
    ///
    /// # Errors
    /// When `path` can't be asked.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        Ok(Self::count(&statvfs(path)?))
    }

    pub(super) fn count(blocks: &StatVfs) -> Option<Self> {
        let bytes = |count: u64| count.saturating_mul(blocks.f_frsize);
        let free = bytes(blocks.f_bavail);
        let used = bytes(blocks.f_blocks.saturating_sub(blocks.f_bfree));
        Some(Self { free, all: used.saturating_add(free) }).filter(|room| room.all > 0)
    }
}

/// An open file of the real disk.
#[derive(Debug)]
pub struct OpenFile {
    file: File,
    manners: Manners,
}

impl DiskFile for OpenFile {
    fn stat(&self) -> io::Result<Stat> {
        let data = self.file.metadata()?;
        Ok(Stat { key: key(&data), size: data.len(), links: data.nlink() })
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        let n = FileExt::read_at(&self.file, buf, offset)?;
        let end = offset + n as u64;
        if self.manners.drop_cache && end / BEHIND > offset / BEHIND {
            self.let_go(Some(offset / BEHIND * BEHIND));
        }
        if let Some(throttle) = &self.manners.throttle {
            thread::sleep(throttle.took(n as u64, Instant::now()));
        }
        Ok(n)
    }

    fn data_after(&self, offset: u64) -> io::Result<u64> {
        match rustix::fs::seek(&self.file, SeekFrom::Data(offset)) {
            Ok(at) => Ok(at),
            // Nothing but a hole up to the file's end.
            Err(Errno::NXIO) => Ok(offset.max(self.file.metadata()?.len())),
            // The file system doesn't know of holes.
            Err(Errno::INVAL | Errno::OPNOTSUPP) => Ok(offset),
            Err(error) => Err(error.into()),
        }
    }
}

impl OpenFile {
    pub(super) fn new(file: File, manners: Manners) -> Self {
        Self { file, manners }
    }

    /// Lets go of the page cache up to `end`, or of all. Pages that aren't written yet stay.
    fn let_go(&self, end: Option<u64>) {
        // 0 bytes means all of it. It is advice: whoever can't take it goes on as before.
        fadvise(&self.file, 0, end.and_then(NonZeroU64::new), Advice::DontNeed).ok();
    }
}

impl Drop for OpenFile {
    fn drop(&mut self) {
        if self.manners.drop_cache {
            self.let_go(None);
        }
    }
}

fn key(data: &Metadata) -> FileKey {
    FileKey { dev: data.dev(), ino: data.ino() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn what_is_kept_for_root_is_no_room() {
        let mut blocks = statvfs(".").unwrap();
        // 60 blocks taken, 35 kept for root, 5 left.
        (blocks.f_frsize, blocks.f_blocks, blocks.f_bfree, blocks.f_bavail) = (1024, 100, 40, 5);
        assert_eq!(Room::count(&blocks), Some(Room { free: 5 << 10, all: 65 << 10 }));
    }
}
