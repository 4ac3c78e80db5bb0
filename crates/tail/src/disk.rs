//! What the follower needs of a disk, as a trait: the tests' disk changes between any two calls.

use std::ffi::{OsStr, OsString};
use std::io;

/// Device and inode: ties a held descriptor to a directory entry, and proves nothing else (inodes
/// are reused).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileKey {
    /// Device.
    pub dev: u64,
    /// Inode.
    pub ino: u64,
}

/// One directory entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Base name.
    pub name: OsString,
    /// Device and inode.
    pub key: FileKey,
    /// Size in bytes, as stored.
    pub size: u64,
    /// Whether it is a regular file.
    pub regular: bool,
}

/// What an open descriptor tells about its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    /// Device and inode.
    pub key: FileKey,
    /// Size in bytes, as stored.
    pub size: u64,
    /// Names the file still has; 0 = unlinked, and gone for good once it is closed.
    pub links: u64,
}

/// The room on a file system, as one without privileges sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// Bytes that may still be taken.
    pub free: u64,
    /// Those, and the bytes that are taken. Less than the file system's size: what is kept for
    /// root, or lies beyond a quota, nobody else can take.
    pub all: u64,
}

/// One directory.
pub trait Disk {
    /// An open file.
    type File: DiskFile;

    /// All entries, in any order. Entries that vanish during the listing may be left out.
    ///
    /// # Errors
    /// When the directory can't be listed.
    fn list(&mut self) -> io::Result<Vec<Entry>>;

    /// Opens the regular file called `name` for reading.
    ///
    /// # Errors
    /// `NotFound` when no file has that name now; anything else when it can't be opened.
    fn open(&mut self, name: &OsStr) -> io::Result<Self::File>;

    /// The room on the directory's file system; `None`: it doesn't tell.
    fn room(&mut self) -> Option<Room>;
}

/// An open file; it stays readable when it is renamed or unlinked.
pub trait DiskFile: Send + Sync {
    /// Key, size and links now.
    ///
    /// # Errors
    /// When the descriptor can't be asked.
    fn stat(&self) -> io::Result<Stat>;

    /// Reads at `offset`; 0 bytes means that the file ends there.
    ///
    /// # Errors
    /// When the bytes can't be read.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize>;
}
