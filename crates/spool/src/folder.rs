//! A chain's directory: its files by name, and how one is written so that it is there whole or not.

use std::fmt::Debug;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::Error;
use crate::disk::Disk;

/// Ends the names of files that are being written.
const TMP: &str = ".tmp";

/// The files of one chain on this node. What fails names the file and what was done with it.
#[derive(Debug)]
pub(crate) struct Folder {
    /// For messages.
    path: PathBuf,
    disk: Box<dyn Disk>,
}

impl Folder {
    pub(crate) fn new(path: PathBuf, disk: Box<dyn Disk>) -> Self {
        Self { path, disk }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Names and sizes of all files.
    pub(crate) fn files(&self) -> Result<Vec<(String, u64)>, Error> {
        self.disk.list().map_err(Error::io("read directory", &self.path))
    }

    /// The names of all files, in order.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        let mut names: Vec<_> = self.files()?.into_iter().map(|(name, _)| name).collect();
        names.sort();
        Ok(names)
    }

    /// A file from its first byte on, or `None` where there is none.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Box<dyn Read>>, Error> {
        self.if_there(name, self.disk.read(name))
    }

    /// The last bytes of a file, at most `length`.
    pub(crate) fn tail(&self, name: &str, length: u64) -> Result<Vec<u8>, Error> {
        self.disk.read_tail(name, length).map_err(self.cant("read", name))
    }

    /// All of a short file, or `None` where there is none. What isn't UTF-8 in it is replaced.
    pub(crate) fn text(&self, name: &str) -> Result<Option<String>, Error> {
        let bytes = self.if_there(name, self.disk.read_tail(name, u64::MAX))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn if_there<T>(&self, name: &str, read: io::Result<T>) -> Result<Option<T>, Error> {
        match read {
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            read => read.map(Some).map_err(self.cant("read", name)),
        }
    }

    /// Writes a file so that its name stands for all of it or isn't there: two fsyncs. The first
    /// before the rename, or a power cut may leave the name without its contents.
    pub(crate) fn write_whole(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Disk, &str) -> io::Result<()>,
    ) -> Result<(), Error> {
        let tmp = format!("{name}{TMP}");
        let written = write(&mut *self.disk, &tmp).and_then(|()| self.disk.sync(&tmp));
        if let Err(cause) = written {
            // Best effort: on a full disk its room is wanted; the next start removes it anyway.
            drop(self.disk.remove(&tmp));
            return Err(self.cant("write", name)(cause));
        }
        let renamed = self.disk.rename(&tmp, name);
        renamed.map_err(self.cant("rename into place", name))?;
        self.sync_names()
    }

    /// Writes at the end of a file that is there, durably.
    pub(crate) fn append(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let appended = self.disk.append(name, bytes).and_then(|()| self.disk.sync(name));
        appended.map_err(self.cant("append to", name))
    }

    /// Durable with the next [`Folder::sync_names`], as all removals and renames.
    pub(crate) fn remove(&mut self, name: &str) -> Result<(), Error> {
        let removed = self.disk.remove(name);
        removed.map_err(self.cant("remove", name))
    }

    /// The same for a file that may be gone already.
    pub(crate) fn remove_if_there(&mut self, name: &str) -> Result<(), Error> {
        match self.disk.remove(name) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => {
                Err(self.cant("remove", name)(cause))
            }
            _ => Ok(()),
        }
    }

    /// Removes what was being written when the process ended.
    pub(crate) fn remove_unfinished(&mut self) -> Result<(), Error> {
        for (name, _) in self.files()?.iter().filter(|(name, _)| name.ends_with(TMP)) {
            // Best effort: it is in nobody's way, and the next start removes it anyway.
            drop(self.disk.remove(name));
        }
        Ok(())
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        let renamed = self.disk.rename(from, to);
        renamed.map_err(self.cant("rename", from))
    }

    /// Makes creations, renames and removals durable.
    pub(crate) fn sync_names(&mut self) -> Result<(), Error> {
        self.disk.sync_names().map_err(Error::io("sync directory", &self.path))
    }

    pub(crate) fn corrupt(&self, name: &str, what: &str) -> Error {
        Error::Corrupt { path: self.path.join(name), what: what.to_owned() }
    }

    pub(crate) fn cant(
        &self,
        what: &'static str,
        name: &str,
    ) -> impl FnOnce(io::Error) -> Error + use<> {
        let path = self.path.join(name);
        move |cause| Error::Io { what, path, cause }
    }
}
