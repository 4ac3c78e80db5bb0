//! The folder for packs under way: one process at a time, and nothing in it that is needed again.

use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// What the file of a pack under way is called.
const NAME: &str = "pack.part";
/// The file whose lock says that the folder is in use.
const LOCK: &str = "lock";

/// The folder, held by this process.
#[derive(Debug)]
pub(crate) struct Spool {
    folder: PathBuf,
    _lock: File,
}

/// Why the folder can't be used.
#[derive(Debug)]
pub struct SpoolError {
    what: &'static str,
    path: PathBuf,
    error: Option<io::Error>,
}

impl fmt::Display for SpoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: ", self.what, self.path.display())?;
        match &self.error {
            Some(error) => write!(f, "{error}"),
            None => f.write_str("another process packs with this folder; give each its own"),
        }
    }
}

impl std::error::Error for SpoolError {}

impl Spool {
    /// Takes the folder, which is made if it isn't there. What a killed process left in it goes.
    pub(crate) fn open(folder: &Path) -> Result<Self, SpoolError> {
        let failed = |what, path: &Path, error| SpoolError { what, path: path.to_owned(), error };
        fs::create_dir_all(folder).map_err(|error| failed("make folder", folder, Some(error)))?;
        let path = folder.join(LOCK);
        // Whoever opens a named pipe for writing waits for a reader of it.
        if fs::metadata(&path).is_ok_and(|about| !about.is_file()) {
            let error = io::Error::other("it is no file, and only a file can be locked");
            return Err(failed("open lock", &path, Some(error)));
        }
        let lock = File::options().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| failed("open lock", &path, Some(error)))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(failed("lock", &path, None)),
            Err(TryLockError::Error(error)) => return Err(failed("lock", &path, Some(error))),
        }
        let spool = Self { folder: folder.to_owned(), _lock: lock };
        match fs::remove_file(spool.path()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(failed("remove what a killed process left", &spool.path(), Some(error)))
            }
            _ => Ok(spool),
        }
    }

    /// The file of the pack under way.
    pub(crate) fn path(&self) -> PathBuf {
        self.folder.join(NAME)
    }

    /// Frees its room.
    pub(crate) fn clear(&self) {
        // The next pack writes it anew, and the next start removes it.
        drop(fs::remove_file(self.path()));
    }
}
