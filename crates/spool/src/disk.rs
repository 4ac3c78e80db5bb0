//! The file operations that a spool is made of, one by one, so that tests can cut the power
//! between any two of them.

use std::fmt::Debug;
use std::fs::{self, File};
use std::io::{self, Read, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;

use crate::failpoint;

/// One directory. Nothing is durable before it is synced: contents by [`Disk::sync`], names by
/// [`Disk::sync_names`].
pub(crate) trait Disk: Debug + Send {
    /// Names and sizes of all files.
    fn list(&self) -> io::Result<Vec<(String, u64)>>;
    /// The last bytes of a file, at most `length`.
    fn read_tail(&self, name: &str, length: u64) -> io::Result<Vec<u8>>;
    /// A file, from its first byte on.
    fn read(&self, name: &str) -> io::Result<Box<dyn Read>>;
    /// Creates or empties a file and writes it.
    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Writes at the end of a file that is there.
    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Makes a file's contents durable.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Renames, over a file that may be there.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Makes creations, renames and removals durable.
    fn sync_names(&mut self) -> io::Result<()>;
}

/// A directory of the real disk.
#[derive(Debug)]
pub(crate) struct Directory(pub(crate) PathBuf);

impl Disk for Directory {
    fn list(&self) -> io::Result<Vec<(String, u64)>> {
        fs::read_dir(&self.0)?
            .map(|entry| {
                let entry = entry?;
                Ok((entry.file_name().to_string_lossy().into_owned(), entry.metadata()?.len()))
            })
            .collect()
    }

    fn read_tail(&self, name: &str, length: u64) -> io::Result<Vec<u8>> {
        let mut file = File::open(self.0.join(name))?;
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(length)))?;
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(length)).unwrap_or(0));
        file.take(length).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn read(&self, name: &str) -> io::Result<Box<dyn Read>> {
        Ok(Box::new(File::open(self.0.join(name))?))
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        failpoint!(try "spool.write.before");
        // Audit events can hold secrets: for the owner alone.
        let mut options = File::options();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(self.0.join(name))?;
        failpoint!(torn "spool.write.half", file, bytes);
        file.write_all(bytes)?;
        failpoint!(try "spool.write.after");
        Ok(())
    }

    fn append(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        failpoint!(try "spool.append.before");
        let mut file = File::options().append(true).open(self.0.join(name))?;
        failpoint!(torn "spool.append.half", file, bytes);
        file.write_all(bytes)?;
        failpoint!(try "spool.append.after");
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        failpoint!(try "spool.sync.before");
        // The kernel syncs the file, through whichever descriptor; an error of writing it back
        // before is reported to one opened afterwards too (errseq, Linux ≥ 4.16).
        File::options().append(true).open(self.0.join(name))?.sync_all()?;
        failpoint!(try "spool.sync.after");
        Ok(())
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        failpoint!(try "spool.rename.before");
        fs::rename(self.0.join(from), self.0.join(to))?;
        failpoint!(try "spool.rename.after");
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        failpoint!(try "spool.remove.before");
        fs::remove_file(self.0.join(name))?;
        failpoint!(try "spool.remove.after");
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        failpoint!(try "spool.sync_names.before");
        File::open(&self.0)?.sync_all()?;
        failpoint!(try "spool.sync_names.after");
        Ok(())
    }
}
