//! The file systems that the log and the state are on.

use std::fmt;
use std::io;
use std::path::Path;

use auditseal_tail::Room;

use crate::units::size;

/// The kinds of file system that are memory: Linux's `TMPFS_MAGIC` and `RAMFS_MAGIC`.
const MEMORY: [u64; 2] = [0x0102_1994, 0x8584_58f6];

/// One that tells its room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Disk {
    pub(crate) room: Room,
    /// Whether it is memory.
    pub(crate) memory: bool,
}

impl Disk {
    /// The one that `path` is on; `None`: it doesn't tell its room.
    ///
    /// # Errors
    /// When `path` can't be asked.
    pub(crate) fn of(path: &Path) -> io::Result<Option<Self>> {
        let kind = u64::try_from(rustix::fs::statfs(path)?.f_type).unwrap_or(0);
        Ok(Room::of(path)?.map(|room| Self { room, memory: MEMORY.contains(&kind) }))
    }

    /// What is free, of a hundred parts.
    pub(crate) fn percent_free(&self) -> u64 {
        self.room.free.saturating_mul(100) / self.room.all.max(1)
    }
}

impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {} free", size(self.room.free), size(self.room.all))
    }
}
