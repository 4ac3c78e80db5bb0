//! One chain's committed objects.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use auditseal_format::{Date, ObjectKey, Origin};

use crate::disk::Disk;
use crate::finals_file::FinalsFile;
use crate::folder::Folder;
use crate::turnover::{self, NEXT};
use crate::{Behind, Error, Final, object_name};

/// The file that says why nothing more may be sealed.
const FORK: &str = "fork";
/// The file that says that nothing may be sent at once.
const HOLD: &str = "hold";
/// For whoever finds it.
const HOLD_TEXT: &[u8] = b"Nothing is uploaded from here before uploads of others have arrived.\n";

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
    folder: Folder,
    origin: Origin,
    entries: BTreeMap<u64, Kept>,
    finals: FinalsFile,
    /// Whether there is the file that says that nothing may be sent at once.
    held: bool,
    /// An exchange was decided and perhaps not brought to an end: what is here isn't known.
    interrupted: bool,
}

impl Spool {
    /// Reads the directory, removes what was never finished, and makes the rest durable.
    pub(crate) fn open(path: PathBuf, disk: Box<dyn Disk>, origin: &Origin) -> Result<Self, Error> {
        let mut folder = Folder::new(path, disk);
        folder.remove_unfinished()?;
        for (name, _) in folder.files()? {
            if object_name::is_earlier(origin, &name) {
                return Err(Error::Earlier { path: folder.path().join(name) });
            }
        }
        let mut spool = Self {
            folder,
            origin: origin.clone(),
            entries: BTreeMap::new(),
            finals: FinalsFile::default(),
            held: false,
            interrupted: true,
        };
        spool.recover()?;
        // A crash between rename and fsync: the name is there, but may not outlive a power cut.
        // Before anything is uploaded on the strength of it, it must.
        spool.folder.sync_names()?;
        Ok(spool)
    }

    /// Reads which objects there are.
    fn list(&mut self) -> Result<(), Error> {
        self.entries.clear();
        let files = self.folder.files()?;
        self.held = files.iter().any(|(name, _)| name == HOLD);
        for (name, size) in files {
            let Some(key) = object_name::parse(&self.origin, &name) else { continue };
            let ObjectKey { seq, date, .. } = key;
            if self.entries.insert(seq, Kept { date, size }).is_some() {
                return Err(self.folder.corrupt(&name, &format!("two objects with seq {seq}")));
            }
        }
        Ok(())
    }

    /// After an error of [`Exchange::decide`](crate::Exchange::decide): brings it to an end, or finds
    /// that it wasn't decided.
    ///
    /// # Errors
    /// [`Error`]; nothing else may be done here before it succeeds.
    pub fn recover(&mut self) -> Result<(), Error> {
        if self.interrupted {
            turnover::recover(&mut self.folder, &self.origin)?;
            self.list()?;
            self.interrupted = false;
        }
        Ok(())
    }

    /// Writes an object that may take the place of others.
    pub(crate) fn write_next(&mut self, name: &str, bytes: &[u8]) -> Result<(), Error> {
        let next = format!("{name}{NEXT}");
        self.folder.write_whole(&next, |disk, name| disk.write(name, bytes))
    }

    /// Removes all of these.
    pub(crate) fn forget_next(&mut self) -> Result<(), Error> {
        turnover::forget(&mut self.folder)
    }

    /// Writes the finals that will stand beside them, and that they may not be sent at once.
    pub(crate) fn prepare_next(&mut self, said: &[Final]) -> Result<(), Error> {
        self.finals.write_beside(&mut self.folder, NEXT, said)?;
        self.write_next(HOLD, HOLD_TEXT)
    }

    /// Lets the objects of these names take the places of all that are there.
    pub(crate) fn give_way(&mut self, names: &[String]) -> Result<(), Error> {
        self.interrupted = true;
        turnover::decide(&mut self.folder, names)?;
        self.recover()
    }

    /// Its directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The chain.
    #[must_use]
    pub fn origin(&self) -> &Origin {
        &self.origin
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
        let name = object_name::write(key);
        self.folder.write_whole(&name, |disk, name| disk.write(name, bytes))?;
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
        self.folder.tail(&object_name::write(key), length)
    }

    /// Reads a committed object that is to be sent: so what kept all from being sent is over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_to_send(&mut self, key: &ObjectKey) -> Result<Vec<u8>, Error> {
        if self.held {
            self.folder.remove(HOLD)?;
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
        self.folder.write_whole(HOLD, |disk, name| disk.write(name, HOLD_TEXT))?;
        self.held = true;
        Ok(())
    }

    /// Removes an object. Not made durable at once: at worst it is there again after a power cut,
    /// and is found to be stored.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn discard(&mut self, key: &ObjectKey) -> Result<(), Error> {
        self.folder.remove_if_there(&object_name::write(key))?;
        self.entries.remove(&key.seq);
        Ok(())
    }

    /// Why nothing more may be sealed here, if that was found before.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn fork(&self) -> Result<Option<String>, Error> {
        self.folder.text(FORK)
    }

    /// Writes down, durably, why nothing more may be sealed here. Returns where.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forked(&mut self, why: &str) -> Result<PathBuf, Error> {
        self.folder.write_whole(FORK, |disk, name| disk.write(name, why.as_bytes()))?;
        Ok(self.path().join(FORK))
    }

    /// The finals remembered so far; `None` when there is no such file, or it was cut, which for a
    /// chain that has a head means that it was lost.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn finals(&mut self) -> Result<Option<Vec<Final>>, Error> {
        self.finals.read(&self.folder)
    }

    /// Forgets durably the finals that `keep` doesn't want, if at least `worth` can go: it is told
    /// of each, oldest first, with how many come behind it, of all and of those that are `alike`. None
    /// is held in memory for that.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn forget_finals(
        &mut self,
        worth: usize,
        alike: impl Fn(&Final) -> bool,
        keep: impl Fn(Behind, &Final) -> bool,
    ) -> Result<(), Error> {
        self.finals.forget(&mut self.folder, worth, alike, keep)
    }

    /// How many finals the file holds, as of when it was last read or written.
    #[must_use]
    pub fn remembered(&self) -> usize {
        self.finals.remembered()
    }

    /// Adds finals, durably. Called before the object that states them leaves the spool.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn remember(&mut self, finals: &[Final]) -> Result<(), Error> {
        if finals.is_empty() { Ok(()) } else { self.finals.add(&mut self.folder, finals) }
    }

    /// Replaces all finals, durably: for a new chain, after they were lost, and when most of them
    /// can be forgotten.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn replace_finals(&mut self, finals: &[Final]) -> Result<(), Error> {
        let finals = finals.iter().map(|known| Ok(known.clone()));
        self.finals.replace(&mut self.folder, finals)
    }
}
