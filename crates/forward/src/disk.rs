//! The file operations that a ledger is made of, one by one, so that tests can cut the power between any two.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirEntryExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use auditseal_spool::failpoint;

/// Files. Nothing is durable before it is synced: contents by [`Disk::sync`], names by [`Disk::sync_names`].
pub(crate) trait Disk: Debug + Send {
    /// A file's size; `None` where there is none.
    fn size(&self, path: &Path) -> io::Result<Option<u64>>;
    /// The bytes from one place on, up to another.
    fn read(&self, path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>>;
    /// Writes at a place in a file, which is made if there is none.
    fn write_at(&mut self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file.
    fn cut(&mut self, path: &Path, size: u64) -> io::Result<()>;
    /// Makes a file's contents durable.
    fn sync(&mut self, path: &Path) -> io::Result<()>;
    /// Renames, over a file that may be there.
    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_names(&mut self, folder: &Path) -> io::Result<()>;
    /// By what a file is known whatever it is called; `None` where there is none.
    fn inode(&self, path: &Path) -> io::Result<Option<u64>>;
    /// The file in the same folder that is known by this, if there is one.
    fn beside(&self, path: &Path, inode: u64) -> io::Result<Option<PathBuf>>;
    /// Other files in the same folder whose names begin as this one's does before its first dot, some hundred at most:
    /// it may be one of them, renamed.
    fn alike(&self, path: &Path) -> io::Result<Vec<PathBuf>>;
}

/// Files that are looked at for one that was renamed.
const ALIKE: usize = 300;

/// Whether a file may be another one, renamed.
pub(crate) fn is_alike(path: &Path, other: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let other_name = other.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    path != other && other_name.starts_with(stem)
}

/// The real disk.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(about) if about.is_file() => Ok(Some(about.len())),
            Ok(_) => Err(io::Error::other("it is no file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn read(&self, path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.take(to.saturating_sub(from)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write_at(&mut self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        failpoint!(try "forward.write.before");
        // Audit events can hold secrets: for the owner alone.
        let mut options = File::options();
        let mut file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
        file.seek(SeekFrom::Start(at))?;
        failpoint!(torn "forward.write.half", file, bytes);
        file.write_all(bytes)?;
        failpoint!(try "forward.write.after");
        Ok(())
    }

    fn cut(&mut self, path: &Path, size: u64) -> io::Result<()> {
        failpoint!(try "forward.cut.before");
        File::options().write(true).open(path)?.set_len(size)
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        failpoint!(try "forward.sync.before");
        File::options().append(true).open(path)?.sync_all()?;
        failpoint!(try "forward.sync.after");
        Ok(())
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        failpoint!(try "forward.rename.before");
        fs::rename(from, to)?;
        failpoint!(try "forward.rename.after");
        Ok(())
    }

    fn sync_names(&mut self, folder: &Path) -> io::Result<()> {
        failpoint!(try "forward.sync_names.before");
        File::open(folder)?.sync_all()
    }

    fn inode(&self, path: &Path) -> io::Result<Option<u64>> {
        match fs::metadata(path) {
            Ok(about) => Ok(Some(about.ino())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn beside(&self, path: &Path, inode: u64) -> io::Result<Option<PathBuf>> {
        for entry in fs::read_dir(path.parent().unwrap_or(Path::new("/")))? {
            let entry = entry?;
            if entry.ino() == inode && entry.file_type()?.is_file() {
                return Ok(Some(entry.path()));
            }
        }
        Ok(None)
    }

    fn alike(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(path.parent().unwrap_or(Path::new("/")))? {
            let entry = entry?;
            if is_alike(path, &entry.path()) && entry.file_type()?.is_file() {
                found.push(entry.path());
            }
            if found.len() == ALIKE {
                break;
            }
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times as many as are looked at, and some that are none of them.
    #[test]
    fn of_many_files_beside_some_are_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("audit.jsonl");
        for name in ["audit.jsonl", "audit-2026.jsonl", "audit.jsonl.1", "other", "aud"] {
            fs::write(folder.path().join(name), "x").unwrap();
        }
        fs::create_dir(folder.path().join("audit")).unwrap();
        assert_eq!(RealDisk.alike(&path).unwrap().len(), 2);
        for nth in 0..10 * ALIKE {
            fs::write(folder.path().join(format!("audit.{nth}")), "").unwrap();
        }
        assert_eq!(RealDisk.alike(&path).unwrap().len(), ALIKE);
    }
}
