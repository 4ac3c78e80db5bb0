//! The real disk.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::num::NonZeroU64;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use rustix::fs::{Advice, SeekFrom, StatVfs, fadvise, statvfs};
use rustix::io::Errno;

use crate::Throttle;
use crate::disk::{Disk, DiskFile, Entry, FileKey, Folder, FolderId, Listing, Refusal, Room, Stat};
use crate::names::Family;

/// After so many bytes of a file, those before are let go of.
const BEHIND: u64 = 8 << 20;

/// A directory of the real disk.
#[derive(Debug, Clone)]
pub struct Directory {
    path: PathBuf,
    family: Family,
    manners: Manners,
}

/// How reading spares whoever else is on the machine.
#[derive(Debug, Clone, Default)]
pub struct Manners {
    /// Tell the kernel that what was read won't be read again: gigabytes of old logs would push
    /// out of the page cache what etcd needs.
    pub drop_cache: bool,
    /// How fast to read.
    pub throttle: Option<Arc<Throttle>>,
}

impl Directory {
    /// The directory at `path`, which holds this family's files; it needn't exist yet.
    #[must_use]
    pub fn new(path: &Path, family: Family) -> Self {
        Self { path: path.to_owned(), family, manners: Manners::default() }
    }

    /// The same, read with these manners.
    #[must_use]
    pub fn with_manners(self, manners: Manners) -> Self {
        Self { manners, ..self }
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Disk for Directory {
    type File = OpenFile;

    fn list(&mut self) -> io::Result<Listing> {
        let folder = Folder { id: FolderId(0), family: self.family.clone(), former: false };
        Ok(Listing { folders: vec![folder], entries: entries(&self.path)? })
    }

    fn leave(&mut self, _: FolderId) {}

    fn open(&mut self, _: FolderId, name: &OsStr) -> io::Result<OpenFile> {
        // Without O_NONBLOCK, a FIFO that took a log's name would block here for ever.
        let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.path.join(name))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(OpenFile { file, manners: self.manners.clone() })
    }

    fn room(&mut self) -> Option<Room> {
        Room::of(&self.path).ok().flatten()
    }
}

/// The entries of a directory.
///
/// # Errors
/// When it can't be listed.
pub fn entries(directory: &Path) -> io::Result<Vec<Entry>> {
    let folder = FolderId(0);
    let mut entries = Vec::new();
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        // Follows symbolic links, as opening does.
        match fs::metadata(entry.path()) {
            Ok(data) => entries.push(Entry {
                name: entry.file_name(),
                folder,
                key: key(&data),
                size: data.len(),
                refusal: (!data.is_file()).then_some(Refusal::Unknown),
            }),
            // Renamed or deleted meanwhile, or a dangling link.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // A link to itself, say: whatever it is, it mustn't keep the others from being listed.
            // The follower complains about it, if it has a log's name.
            Err(_) => entries.push(Entry {
                name: entry.file_name(),
                folder,
                key: FileKey { dev: 0, ino: 0 },
                size: 0,
                refusal: Some(Refusal::Unknown),
            }),
        }
    }
    Ok(entries)
}

impl Room {
    /// That of the file system which `path` is on; its free share is what `df` calls 100 - Use%.
    /// `None`: it doesn't tell, as some in user space don't.
    ///
    /// # Errors
    /// When `path` can't be asked.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        Ok(Some(Self::count(&statvfs(path)?)).filter(|room| room.all > 0))
    }

    fn count(blocks: &StatVfs) -> Self {
        let bytes = |count: u64| count.saturating_mul(blocks.f_frsize);
        let free = bytes(blocks.f_bavail);
        let used = bytes(blocks.f_blocks.saturating_sub(blocks.f_bfree));
        Self { free, all: used.saturating_add(free) }
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
        assert_eq!(Room::count(&blocks), Room { free: 5 << 10, all: 65 << 10 });
    }

    #[test]
    fn a_directory_tells_its_room() {
        let family = Family::of(OsStr::new("audit.log")).unwrap();
        let directory = |path| Directory::new(Path::new(path), family.clone());
        let room = directory(".").room().unwrap();
        assert!(room.all >= room.free && room.all > 0, "{room:?}");
        assert_eq!(directory("not/there").room(), None);
    }
}
