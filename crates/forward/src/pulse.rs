//! What a sink's disk is asked, and since when: whoever waits for it can say so.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::disk::Disk;

/// What is asked now, and since when.
#[derive(Debug, Default)]
pub(crate) struct Pulse(Mutex<Option<(Instant, &'static str, PathBuf)>>);

impl Pulse {
    /// Asks the disk something.
    pub(crate) fn during<T>(&self, what: &'static str, path: &Path, ask: impl FnOnce() -> T) -> T {
        self.set(Some((Instant::now(), what, path.to_owned())));
        let answer = ask();
        self.set(None);
        answer
    }

    fn set(&self, asked: Option<(Instant, &'static str, PathBuf)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = asked;
    }

    /// What has had no answer for at least so long, in words.
    pub(crate) fn silent(&self, least: Duration) -> Option<String> {
        let asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, what, path) = asked.as_ref()?;
        let waited = since.elapsed();
        let seconds = waited.as_secs();
        let text =
            || format!("{what} {}: its disk has given no answer for {seconds} s", path.display());
        (waited >= least).then(text)
    }
}

/// A disk whose pulse is felt.
#[derive(Debug)]
pub(crate) struct Felt {
    pub(crate) disk: Box<dyn Disk>,
    pub(crate) pulse: Arc<Pulse>,
}

impl Disk for Felt {
    fn size(&self, path: &Path) -> io::Result<Option<u64>> {
        self.pulse.during("look at", path, || self.disk.size(path))
    }

    fn read(&self, path: &Path, from: u64, to: u64) -> io::Result<Vec<u8>> {
        self.pulse.during("read", path, || self.disk.read(path, from, to))
    }

    fn write_at(&mut self, path: &Path, at: u64, bytes: &[u8]) -> io::Result<()> {
        self.pulse.during("write", path, || self.disk.write_at(path, at, bytes))
    }

    fn cut(&mut self, path: &Path, size: u64) -> io::Result<()> {
        self.pulse.during("cut", path, || self.disk.cut(path, size))
    }

    fn sync(&mut self, path: &Path) -> io::Result<()> {
        self.pulse.during("sync", path, || self.disk.sync(path))
    }

    fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        self.pulse.during("rename", from, || self.disk.rename(from, to))
    }

    fn sync_names(&mut self, folder: &Path) -> io::Result<()> {
        self.pulse.during("sync", folder, || self.disk.sync_names(folder))
    }

    fn inode(&self, path: &Path) -> io::Result<Option<u64>> {
        self.pulse.during("look at", path, || self.disk.inode(path))
    }

    fn beside(&self, path: &Path, inode: u64) -> io::Result<Option<PathBuf>> {
        self.pulse.during("look beside", path, || self.disk.beside(path, inode))
    }

    fn alike(&self, path: &Path) -> io::Result<Vec<PathBuf>> {
        self.pulse.during("look beside", path, || self.disk.alike(path))
    }
}
