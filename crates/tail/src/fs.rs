//! The real disk.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::disk::{Disk, DiskFile, Entry, FileKey, Stat};

/// A directory of the real disk.
#[derive(Debug, Clone)]
pub struct Directory(PathBuf);

impl Directory {
    /// The directory at `path`; it needn't exist yet.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Disk for Directory {
    type File = OpenFile;

    fn list(&mut self) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let entry = entry?;
            // Follows symbolic links, as opening does.
            match fs::metadata(entry.path()) {
                Ok(data) => entries.push(Entry {
                    name: entry.file_name(),
                    key: key(&data),
                    size: data.len(),
                    regular: data.is_file(),
                }),
                // Renamed or deleted meanwhile, or a dangling link.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                // A link to itself, say: whatever it is, it mustn't keep the others from being
                // listed. The follower complains about it, if it has a log's name.
                Err(_) => entries.push(Entry {
                    name: entry.file_name(),
                    key: FileKey { dev: 0, ino: 0 },
                    size: 0,
                    regular: false,
                }),
            }
        }
        Ok(entries)
    }

    fn open(&mut self, name: &OsStr) -> io::Result<OpenFile> {
        // Without O_NONBLOCK, a FIFO that took a log's name would block here for ever.
        let flags = rustix::fs::OFlags::NONBLOCK.bits() as i32;
        let file = OpenOptions::new().read(true).custom_flags(flags).open(self.0.join(name))?;
        if !file.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(OpenFile(file))
    }
}

/// An open file of the real disk.
#[derive(Debug)]
pub struct OpenFile(File);

impl DiskFile for OpenFile {
    fn stat(&self) -> io::Result<Stat> {
        let data = self.0.metadata()?;
        Ok(Stat { key: key(&data), size: data.len(), links: data.nlink() })
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
        FileExt::read_at(&self.0, buf, offset)
    }
}

fn key(data: &Metadata) -> FileKey {
    FileKey { dev: data.dev(), ino: data.ino() }
}
