//! One chain's committed objects.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};

use auditseal_format::{Date, ObjectKey, Origin};

use crate::disk::Disk;
use crate::exchange::{self, Exchange};
use crate::finals::{FINALS_HEADER, Finals};
use crate::{Error, Final, object_name};

/// The file of the finals.
pub(crate) const FINALS: &str = "finals";
/// The file that says how many bytes the finals have at least: one that was cut is told by it.
pub(crate) const FINALS_LENGTH: &str = "finals.length";
/// The file that says why nothing more may be sealed.
const FORK: &str = "fork";
/// The file that says that nothing may be sent at once.
pub(crate) const HOLD: &str = "hold";
/// For whoever finds it.
pub(crate) const HOLD_TEXT: &[u8] =
    b"Nothing is uploaded from here before uploads of others have arrived.\n";
/// Ends the names of files that are being written.
const TMP: &str = ".tmp";
/// Bytes of finals that are written at a time.
const PIECE: usize = 64 << 10;

/// A committed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it belongs in the store.
    pub key: ObjectKey,
    /// Its size in bytes.
    pub size: u64,
}

/// What is kept of an entry beside its seq. An outage makes tens of thousands of them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kept {
    date: Date,
    size: u64,
}

/// The committed objects of one chain, on this node.
#[derive(Debug)]
pub struct Spool {
    /// For messages.
    dir: PathBuf,
    disk: Box<dyn Disk>,
    origin: Origin,
    entries: BTreeMap<u64, Kept>,
    /// Finals in their file, as of when it was last read or written.
    remembered: usize,
    /// Whether there is the file that says that nothing may be sent at once.
    held: bool,
    /// An exchange was decided and perhaps not brought to an end: what is here isn't known.
    pub(crate) interrupted: bool,
}

impl Spool {
    /// Reads the directory, removes what was never finished, and makes the rest durable.
    pub(crate) fn open(dir: PathBuf, disk: Box<dyn Disk>, origin: &Origin) -> Result<Self, Error> {
        let origin = origin.clone();
        let mut spool = Self {
            dir,
            disk,
            origin,
            entries: BTreeMap::new(),
            remembered: 0,
            held: false,
            interrupted: false,
        };
        for (name, _) in spool.files()? {
            if name.ends_with(TMP) {
                // Best effort: it is in nobody's way, and the next start removes it anyway.
                drop(spool.disk.remove(&name));
            } else if object_name::is_earlier(&spool.origin, &name) {
                return Err(Error::Earlier { path: spool.dir.join(name) });
            }
        }
        exchange::recover(&mut spool)?;
        spool.list()?;
        // A crash between rename and fsync: the name is there, but may not outlive a power cut.
        // Before anything is uploaded on the strength of it, it must.
        spool.sync_names()?;
        Ok(spool)
    }

    /// Reads which objects there are.
    pub(crate) fn list(&mut self) -> Result<(), Error> {
        self.entries.clear();
        let files = self.files()?;
        self.held = files.iter().any(|(name, _)| name == HOLD);
        for (name, size) in files {
            let Some(key) = object_name::parse(&self.origin, &name) else { continue };
            let ObjectKey { seq, date, .. } = key;
            if self.entries.insert(seq, Kept { date, size }).is_some() {
                let what = format!("two objects with seq {seq}");
                return Err(Error::Corrupt { path: self.dir.join(name), what });
            }
        }
        Ok(())
    }

    /// After an error of [`Exchange::decide`]: brings it to an end, or finds that it wasn't decided.
    ///
    /// # Errors
    /// [`Error`]; nothing else may be done here before it succeeds.
    pub fn recover(&mut self) -> Result<(), Error> {
        if self.interrupted {
            exchange::recover(self)?;
            self.interrupted = false;
            self.list()?;
        }
        Ok(())
    }

    pub(crate) fn text_of(&self, name: &str) -> Result<String, Error> {
        let read = self.disk.read_tail(name, u64::MAX);
        let bytes = read.map_err(Error::io("read", &self.dir.join(name)))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    pub(crate) fn corrupt(&self, name: &str, what: &str) -> Error {
        Error::Corrupt { path: self.dir.join(name), what: what.to_owned() }
    }

    /// Begins to write what will take the place of all objects.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn exchange(&mut self) -> Result<Exchange<'_>, Error> {
        Exchange::new(self)
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The chain.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Names and sizes of all files.
    pub(crate) fn files(&self) -> Result<Vec<(String, u64)>, Error> {
        self.disk.list().map_err(Error::io("read directory", &self.dir))
    }

    pub(crate) fn remove(&mut self, name: &str) -> Result<(), Error> {
        self.disk.remove(name).map_err(Error::io("remove", &self.dir.join(name)))
    }

    pub(crate) fn rename(&mut self, from: &str, to: &str) -> Result<(), Error> {
        self.disk.rename(from, to).map_err(Error::io("rename", &self.dir.join(from)))
    }

    /// Makes creations, renames and removals durable.
    pub(crate) fn sync_names(&mut self) -> Result<(), Error> {
        self.disk.sync_names().map_err(Error::io("sync directory", &self.dir))
    }

    /// The committed objects, oldest first.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Entry> {
        self.entries.iter().map(|(seq, kept)| {
            let (origin, &seq) = (self.origin.clone(), seq);
            let Kept { date, size } = *kept;
            Entry { key: ObjectKey { origin, seq, alternate: None, date }, size }
        })
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
        self.recover()?;
        assert!(!self.entries.contains_key(&key.seq), "seq {} is committed", key.seq);
        self.write_whole(&object_name::write(key), |disk, name| disk.write(name, bytes))?;
        let (date, size) = (key.date, bytes.len() as u64);
        self.entries.insert(key.seq, Kept { date, size });
        Ok(())
    }

    /// Reads a committed object.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read(&self, key: &ObjectKey) -> Result<Vec<u8>, Error> {
        self.read_tail(key, u64::MAX)
    }

    /// Reads the last bytes of a committed object, at most `length`.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_tail(&self, key: &ObjectKey, length: u64) -> Result<Vec<u8>, Error> {
        let name = object_name::write(key);
        let read = self.disk.read_tail(&name, length);
        read.map_err(Error::io("read object", &self.dir.join(name)))
    }

    /// Reads a committed object that is to be sent: so what kept all from being sent is over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_to_send(&mut self, key: &ObjectKey) -> Result<Vec<u8>, Error> {
        if self.held {
            self.remove(HOLD)?;
            self.held = false;
        }
        self.read(key)
    }

    /// Whether nothing may be sent at once: what another process of this chain has sent may not have
    /// arrived yet. So it was when nothing had been sent from here, whatever ended the process since.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Notes down, durably, that nothing may be sent at once.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn hold(&mut self) -> Result<(), Error> {
        self.write_whole(HOLD, |disk, name| disk.write(name, HOLD_TEXT))?;
        self.held = true;
        Ok(())
    }

    /// Removes an object. Not made durable at once: at worst it is there again after a power cut,
    /// and is found to be stored.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(&mut self, key: &ObjectKey) -> Result<(), Error> {
        let name = object_name::write(key);
        match self.disk.remove(&name) {
            Ok(()) => {}
            Err(cause) if cause.kind() == ErrorKind::NotFound => {}
            Err(cause) => return Err(Error::io("remove object", &self.dir.join(name))(cause)),
        }
        self.entries.remove(&key.seq);
        Ok(())
    }

    /// Why nothing more may be sealed here, if that was found before.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn fork(&self) -> Result<Option<String>, Error> {
        match self.disk.read_tail(FORK, u64::MAX) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(Error::io("read", &self.dir.join(FORK))(cause)),
        }
    }

    /// Writes down, durably, why nothing more may be sealed here. Returns where.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forked(&mut self, why: &str) -> Result<PathBuf, Error> {
        self.write_whole(FORK, |disk, name| disk.write(name, why.as_bytes()))?;
        Ok(self.dir.join(FORK))
    }

    /// The finals remembered so far; `None` when there is no such file, or it was cut, which for a
    /// chain that has a head means that it was lost.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finals(&mut self) -> Result<Option<Vec<Final>>, Error> {
        if self.is_cut()? {
            return Ok(None);
        }
        let Some(counted) = self.read_finals()? else { return Ok(None) };
        let mut count = 0;
        for known in counted {
            known.map_err(|cause| self.unreadable(cause))?;
            count += 1;
        }
        // There may be a hundred thousand: a list that grows as it must takes twice its room.
        let mut finals = Vec::with_capacity(count);
        for known in self.read_finals()?.into_iter().flatten() {
            finals.push(known.map_err(|cause| self.unreadable(cause))?);
        }
        self.remembered = finals.len();
        Ok(Some(finals))
    }

    /// Whether the finals are shorter than they were once written: a disk lost their end, or somebody
    /// cut them. What isn't known of a file that is final would be sealed again.
    fn is_cut(&self) -> Result<bool, Error> {
        match self.disk.read_tail(FINALS_LENGTH, u64::MAX) {
            Ok(bytes) => {
                let least = str::from_utf8(&bytes).ok().and_then(|text| text.trim().parse().ok());
                let found = self.length_of_finals()?.unwrap_or(0);
                // What isn't a number was cut itself.
                Ok(least.is_none_or(|least: u64| found < least))
            }
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(false),
            Err(cause) => Err(Error::io("read", &self.dir.join(FINALS_LENGTH))(cause)),
        }
    }

    fn length_of_finals(&self) -> Result<Option<u64>, Error> {
        let files = self.files()?;
        Ok(files.into_iter().find(|(name, _)| name == FINALS).map(|(_, size)| size))
    }

    /// Notes down, durably, how long the finals are now.
    fn measure_finals(&mut self) -> Result<(), Error> {
        let Some(length) = self.length_of_finals()? else { return Ok(()) };
        let text = format!("{length}\n");
        self.write_whole(FINALS_LENGTH, |disk, name| disk.write(name, text.as_bytes()))
    }

    /// Before the finals may become shorter.
    pub(crate) fn forget_length(&mut self) -> Result<(), Error> {
        match self.disk.remove(FINALS_LENGTH) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => {
                Err(Error::io("remove", &self.dir.join(FINALS_LENGTH))(cause))
            }
            _ => self.sync_names(),
        }
    }

    pub(crate) fn read_finals(&self) -> Result<Option<Finals<Box<dyn Read>>>, Error> {
        match self.disk.read(FINALS) {
            Ok(file) => Finals::of(file).map_err(|cause| self.unreadable(cause)),
            Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(None),
            Err(cause) => Err(self.unreadable(cause)),
        }
    }

    fn unreadable(&self, cause: io::Error) -> Error {
        Error::io("read", &self.dir.join(FINALS))(cause)
    }

    /// Forgets durably the finals that `keep` doesn't want, if at least `worth` can go: it is told
    /// of each, oldest first, with how many come behind it. None is held in memory for that.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forget_finals(
        &mut self,
        worth: usize,
        keep: impl Fn(usize, &Final) -> bool,
    ) -> Result<(), Error> {
        let count = self.remembered;
        let wanted = |(at, known): &(usize, io::Result<Final>)| {
            known.as_ref().map_or(true, |known| keep(count.saturating_sub(at + 1), known))
        };
        let Some(finals) = self.read_finals()? else { return Ok(()) };
        let kept = finals.enumerate().filter(wanted).count();
        if kept + worth > count {
            return Ok(());
        }
        let Some(finals) = self.read_finals()? else { return Ok(()) };
        let kept = finals.enumerate().filter(wanted).map(|(_, known)| known);
        self.forget_length()?;
        self.write_finals(FINALS, kept)?;
        self.measure_finals()
    }

    /// How many finals the file holds, as of when it was last read or written.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.remembered
    }

    /// Adds finals, durably. Called before the object that states them leaves the spool.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remember(&mut self, finals: &[Final]) -> Result<(), Error> {
        if finals.is_empty() {
            return Ok(());
        }
        // The line break in front ends a line that a power cut tore.
        let mut text: String = finals.iter().map(|known| format!("\n{known}")).collect();
        text.push('\n');
        self.disk
            .append(FINALS, text.as_bytes())
            .and_then(|()| self.disk.sync(FINALS))
            .map_err(Error::io("append to", &self.dir.join(FINALS)))?;
        self.remembered += finals.len();
        self.measure_finals()
    }

    /// Replaces all finals, durably: for a new chain, after they were lost, and when most of them
    /// can be forgotten.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn replace_finals(&mut self, finals: &[Final]) -> Result<(), Error> {
        self.forget_length()?;
        self.write_finals(FINALS, finals.iter().map(|known| Ok(known.clone())))?;
        self.measure_finals()
    }

    pub(crate) fn write_finals(
        &mut self,
        name: &str,
        finals: impl Iterator<Item = io::Result<Final>>,
    ) -> Result<(), Error> {
        let mut remembered = 0;
        self.write_whole(name, |disk, name| {
            let mut text = String::new();
            disk.write(name, FINALS_HEADER.as_bytes())?;
            for known in finals {
                text += &format!("{}\n", known?);
                remembered += 1;
                if text.len() >= PIECE {
                    disk.append(name, text.as_bytes())?;
                    text.clear();
                }
            }
            if text.is_empty() { Ok(()) } else { disk.append(name, text.as_bytes()) }
        })?;
        self.remembered = remembered;
        Ok(())
    }

    /// Writes a file so that its name stands for all of it or isn't there: two fsyncs. The first
    /// before the rename, or a power cut may leave the name without its contents.
    pub(crate) fn write_whole(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut dyn Disk, &str) -> io::Result<()>,
    ) -> Result<(), Error> {
        let path = self.dir.join(name);
        let tmp = format!("{name}{TMP}");
        let written = write(&mut *self.disk, &tmp).and_then(|()| self.disk.sync(&tmp));
        if let Err(cause) = written {
            // Best effort: on a full disk its room is wanted; the next start removes it anyway.
            drop(self.disk.remove(&tmp));
            return Err(Error::io("write", &path)(cause));
        }
        self.disk.rename(&tmp, name).map_err(Error::io("rename into place", &path))?;
        self.sync_names()
    }
}
