//! One chain's committed objects.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use auditseal_format::{ObjectKey, Origin};

use crate::state::sync_dir;
use crate::{Error, Final, object_name};

const FINALS: &str = "finals";
/// First line of the finals: a file without it was never written in full.
const FINALS_HEADER: &str = "auditseal finals v1\n";

/// A committed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it belongs in the store.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub size: u64,
}

/// The committed objects of one chain, on this node.
#[derive(Debug)]
pub struct Spool {
    dir: PathBuf,
    entries: BTreeMap<u64, Entry>,
}

impl Spool {
    /// Reads the directory, removes what was never finished, and makes the rest durable.
    pub(crate) fn open(dir: PathBuf, origin: Origin) -> Result<Self, Error> {
        let mut entries = BTreeMap::new();
        for item in fs::read_dir(&dir).map_err(Error::io("read directory", &dir))? {
            let item = item.map_err(Error::io("read directory", &dir))?;
            let path = item.path();
            let name = item.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(".tmp") {
                fs::remove_file(&path).map_err(Error::io("remove unfinished", &path))?;
            } else if let Some(key) = object_name::parse(&origin, &name) {
                let size = item.metadata().map_err(Error::io("stat", &path))?.len();
                if let Some(other) = entries.insert(key.seq, Entry { key, size }) {
                    let what = format!("two objects with seq {}", other.key.seq);
                    return Err(Error::Corrupt { path, what });
                }
            }
        }
        // A crash between rename and fsync: the name is there, but may not outlive a power cut.
        // Before anything is uploaded on the strength of it, it must.
        sync_dir(&dir)?;
        Ok(Self { dir, entries })
    }

    /// The committed objects, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.entries.values()
    }

    /// Commits an object: when this returns, it outlives a power cut. **The point of no return.**
    ///
    /// # Errors
    /// [`Error::Io`]; the object is then not committed, and its unfinished file is removed or will
    /// be at the next start. Trying again writes a new file: after a failed fsync the old one's
    /// pages may be marked clean without ever having reached the disk.
    ///
    /// # Panics
    /// When another object with this seq is committed: one of them would be lost.
    pub fn commit(&mut self, key: &ObjectKey, bytes: &[u8]) -> Result<(), Error> {
        assert!(!self.entries.contains_key(&key.seq), "seq {} is committed", key.seq);
        let path = self.path(key);
        self.write_whole(&path, &[bytes])?;
        self.entries.insert(key.seq, Entry { key: key.clone(), size: bytes.len() as u64 });
        Ok(())
    }

    /// Reads a committed object.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(&self, key: &ObjectKey) -> Result<Vec<u8>, Error> {
        let path = self.path(key);
        fs::read(&path).map_err(Error::io("read object", &path))
    }

    /// Reads the last bytes of a committed object, at most `length`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_tail(&self, key: &ObjectKey, length: u64) -> Result<Vec<u8>, Error> {
        let path = self.path(key);
        let read = || {
            let mut file = File::open(&path)?;
            let size = file.metadata()?.len();
            file.seek(SeekFrom::Start(size.saturating_sub(length)))?;
            let mut bytes = Vec::new();
            file.take(length).read_to_end(&mut bytes).map(|_| bytes)
        };
        read().map_err(Error::io("read object", &path))
    }

    /// Removes an object. Not made durable at once: at worst it is there again after a power cut,
    /// and is found to be stored.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(&mut self, key: &ObjectKey) -> Result<(), Error> {
        let path = self.path(key);
        match fs::remove_file(&path) {
            Ok(()) => {}
            Err(cause) if cause.kind() == ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::io("remove object", &path)(cause)),
        }
        self.entries.remove(&key.seq);
        Ok(())
    }

    /// Removes all objects from this seq on: the chain goes on without them.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard_from(&mut self, seq: u64) -> Result<(), Error> {
        // The newest first, so that a crash in between leaves no hole.
        let keys: Vec<_> = self.entries.range(seq..).rev().map(|(_, e)| e.key.clone()).collect();
        keys.iter().try_for_each(|key| self.discard(key))?;
        sync_dir(&self.dir)
    }

    /// The finals remembered so far; `None` when there is no such file, which for a chain that has
    /// a head means that it was lost.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finals(&self) -> Result<Option<Vec<Final>>, Error> {
        let path = self.dir.join(FINALS);
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
            Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(Error::io("read", &path)(cause)),
        };
        let Some(lines) = text.strip_prefix(FINALS_HEADER) else { return Ok(None) };
        // A line that a power cut tore belongs to an object that is still in the spool.
        Ok(Some(lines.lines().filter_map(|line| line.parse().ok()).collect()))
    }

    /// Adds finals, durably. Called before the object that states them leaves the spool.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remember(&mut self, finals: &[Final]) -> Result<(), Error> {
        if finals.is_empty() {
            return Ok(());
        }
        let path = self.dir.join(FINALS);
        // The line break in front ends a line that a power cut tore.
        let text: String = finals.iter().map(|known| format!("\n{known}")).collect();
        let append = || {
            let mut file = File::options().append(true).open(&path)?;
            file.write_all(text.as_bytes())?;
            file.write_all(b"\n")?;
            file.sync_data()
        };
        append().map_err(Error::io("append to", &path))
    }

    /// Replaces all finals, durably: for a new chain, and after they were lost.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn replace_finals(&mut self, finals: &[Final]) -> Result<(), Error> {
        let text: String = finals.iter().map(|known| format!("{known}\n")).collect();
        self.write_whole(&self.dir.join(FINALS), &[FINALS_HEADER.as_bytes(), text.as_bytes()])
    }

    fn path(&self, key: &ObjectKey) -> PathBuf {
        self.dir.join(object_name::write(key))
    }

    /// Writes a file so that its name stands for all of it or isn't there: two fsyncs.
    fn write_whole(&self, path: &Path, parts: &[&[u8]]) -> Result<(), Error> {
        let tmp = path.with_extension("tmp");
        let write = || {
            let mut file = create_private_file(&tmp)?;
            parts.iter().try_for_each(|part| file.write_all(part))?;
            file.sync_all()
        };
        if let Err(cause) = write() {
            // Best effort: on a full disk its room is wanted; the next start removes it anyway.
            drop(fs::remove_file(&tmp));
            return Err(Error::io("write", path)(cause));
        }
        fs::rename(&tmp, path).map_err(Error::io("rename into place", path))?;
        sync_dir(&self.dir)
    }
}

fn create_private_file(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().write(true).create(true).truncate(true).mode(0o600).open(path)
}
