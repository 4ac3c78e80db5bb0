//! The state directory and its lock.

use std::fs::{self, File};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use auditseal_format::{Origin, hash};
use rustix::fs::{FlockOperation, flock};

use crate::disk::Directory;
use crate::{Error, Spool};

/// The longest name of a directory, bytes: every file system's bound.
const LONGEST_NAME: usize = 255;

/// The state directory, locked as long as this value lives.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// The kernel drops the lock with the descriptor, however the process ends.
    _lock: File,
}

impl StateDir {
    /// Creates the directory (mode 0700) if it isn't there, and locks it.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process has it: two writers with one state would both sign
    /// seals with the same seq.
    pub fn open(path: &Path) -> Result<Self, Error> {
        create_private(path)?;
        let lock_path = path.join("lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            // Whoever may open it may hold it.
            .mode(0o600)
            .open(&lock_path)
            .map_err(Error::io("open lock", &lock_path))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked(path.to_owned())),
            Err(errno) => Err(Error::io("lock", &lock_path)(errno.into())),
        }
    }

    /// Where one chain's spool is, or will be.
    #[must_use]
    pub fn path(&self, origin: &Origin) -> PathBuf {
        self.path.join(directory(origin))
    }

    /// The spool of one chain.
    ///
    /// # Errors
    /// [`Error`] when its directory can't be made or read.
    pub fn spool(&self, origin: &Origin) -> Result<Spool, Error> {
        let path = self.path(origin);
        let new = !path.exists();
        create_private(&path)?;
        if new {
            sync_dir(&self.path)?;
        }
        Spool::open(path.clone(), Box::new(Directory(path)), origin)
    }
}

impl StateDir {
    /// What of the state others than its owner may open, and its mode: it was made by somebody else,
    /// or changed.
    #[must_use]
    pub fn open_to_others(&self) -> Vec<(PathBuf, u32)> {
        let all = [self.path.clone(), self.path.join("lock")];
        let mode = |path: &PathBuf| Some(fs::metadata(path).ok()?.permissions().mode() & 0o7777);
        let modes = all.into_iter().filter_map(|path| Some((mode(&path)?, path)));
        modes.filter(|(mode, _)| mode & 0o077 != 0).map(|(mode, path)| (path, mode)).collect()
    }
}

/// The name of a chain's directory. A comma can't stand in an origin's part, so two origins never
/// share one. An origin of three long parts is longer than any name may be: the hash that stands for
/// it has no comma.
fn directory(origin: &Origin) -> String {
    let name = origin.to_string().replace('/', ",");
    if name.len() <= LONGEST_NAME { name } else { hash(name.as_bytes()).to_string() }
}

/// Makes a directory that only its owner can read: audit events can hold secrets.
fn create_private(path: &Path) -> Result<(), Error> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io("create directory", path))
}

/// Makes renames and removals in a directory durable.
fn sync_dir(path: &Path) -> Result<(), Error> {
    File::open(path).and_then(|dir| dir.sync_all()).map_err(Error::io("sync directory", path))
}
