//! What the follower needs of a disk, as a trait: the tests' disk changes between any two calls.

use std::ffi::{OsStr, OsString};
use std::{fmt, io};

use crate::inode::{FileKey, FolderId};
use crate::names::Family;

/// A directory that a source reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Its number.
    pub id: FolderId,
    /// Which of its files are the source's, and in which order they were written.
    pub family: Family,
    /// The source's path led here once and leads elsewhere now: what is left here is read to its
    /// end, and nobody reports what happens. It stays until it is left ([`Disk::leave`]), and is no
    /// former one any more if the path leads here again.
    pub former: bool,
    /// The entry that is a link on the way to the live file: itself it is no file of the log.
    pub link: Option<OsString>,
}

/// What a source's directories hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Listing {
    /// The directories, in the order of their numbers.
    pub folders: Vec<Folder>,
    /// All entries, in any order.
    pub entries: Vec<Entry>,
}

/// Why an entry isn't opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// A symbolic link: only the source's own path may lead through one.
    Link,
    /// A directory.
    Directory,
    /// A FIFO, a socket or a device, by this word.
    Special(&'static str),
    /// A symbolic link in the live file's place that this user made, who has no say in what the
    /// source's path means.
    Owner(u32),
    /// Several names lead to it, and who gave it this one may be another than its owner: it may be
    /// any file of the disk.
    Names {
        /// How many.
        count: u64,
        /// Its owner.
        owner: u32,
    },
    /// The disk doesn't tell what it is.
    Unknown,
}

impl Refusal {
    /// Whether lines of the log may be in it, or behind it.
    pub(crate) fn may_hold_lines(self) -> bool {
        match self {
            Self::Link | Self::Owner(_) | Self::Names { .. } | Self::Unknown => true,
            Self::Directory | Self::Special(_) => false,
        }
    }

    /// What an operator may do about it.
    #[must_use]
    pub fn hint(self) -> String {
        match self {
            Self::Owner(uid) | Self::Names { owner: uid, .. } => format!(
                "find out who gave it that name; if it is the log, --accept-owner {uid} reads that \
                 user's, or take the right to write to the directory from all but its owner"
            ),
            Self::Link => "name the file that it leads to".to_owned(),
            Self::Directory | Self::Special(_) | Self::Unknown => {
                "find out who put it there: kube-apiserver writes a regular file".to_owned()
            }
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Link => f.write_str("it is a symbolic link"),
            Self::Directory => f.write_str("it is a directory"),
            Self::Special(what) => write!(f, "it is a {what}"),
            Self::Owner(uid) => write!(f, "it is a symbolic link of user {uid}"),
            Self::Names { count, owner } => {
                write!(f, "it has {count} names, belongs to user {owner}, and may be any file")
            }
            Self::Unknown => f.write_str("not a regular file"),
        }
    }
}

/// One directory entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Base name.
    pub name: OsString,
    /// The directory it stands in.
    pub folder: FolderId,
    /// Device and inode.
    pub key: FileKey,
    /// Size in bytes, as stored.
    pub size: u64,
    /// Why it won't be opened; `None` for a file that may be.
    pub refusal: Option<Refusal>,
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

/// The directories of one source.
pub trait Disk {
    /// An open file.
    type File: DiskFile;

    /// What is there. Entries that vanish during the listing may be left out.
    ///
    /// # Errors
    /// When the directory that the source's path means now can't be listed.
    fn list(&mut self) -> io::Result<Listing>;

    /// The same, without holding all of it: `each` is handed every entry and the family of its
    /// directory. After an error, what it was handed counts for nothing.
    ///
    /// # Errors
    /// As [`Disk::list`].
    fn each(&mut self, each: &mut dyn FnMut(&Family, Entry)) -> io::Result<Vec<Folder>> {
        let Listing { folders, entries } = self.list()?;
        for entry in entries {
            if let Some(folder) = folders.iter().find(|folder| folder.id == entry.folder) {
                each(&folder.family, entry);
            }
        }
        Ok(folders)
    }

    /// Whether, as of the last listing, the source's path leads to a directory that isn't read until
    /// nothing is left in a former one.
    fn leads_beyond(&self) -> bool {
        false
    }

    /// Nothing is left to be read in a former directory.
    fn leave(&mut self, folder: FolderId);

    /// Opens the regular file called `name` in a directory for reading.
    ///
    /// # Errors
    /// `NotFound` when no file has that name now; anything else when it can't be opened.
    fn open(&mut self, folder: FolderId, name: &OsStr) -> io::Result<Self::File>;

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

    /// The first place at or behind `offset` that isn't known to be in a hole: everything before it
    /// reads as NUL. `offset` itself where the disk doesn't tell; the file's size where only a hole
    /// is left.
    ///
    /// # Errors
    /// When the descriptor can't be asked.
    fn data_after(&self, offset: u64) -> io::Result<u64>;
}
