//! The heads file on a disk: one writer at a time, and after a crash the old file or the new one.

use std::fmt;
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use auditseal_trust::{Heads, Refused};

/// Most bytes of a heads file: more than a million chains.
const LARGEST: u64 = 256 << 20;

/// How long the lock is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two attempts to get the lock.
const PAUSE: Duration = Duration::from_millis(20);

/// A heads file.
///
/// Whoever changes it holds a lock on the file `<name>.lock` beside it, which stays there, writes the
/// whole file anew as `<name>.new`, with the mode of the one before, and renames that.
#[derive(Debug, Clone)]
pub struct HeadsFile {
    path: PathBuf,
}

/// Why a heads file couldn't be read or written.
#[derive(Debug)]
pub struct HeadsError {
    what: String,
    path: PathBuf,
    why: Why,
}

#[derive(Debug)]
enum Why {
    Io(io::Error),
    Refused(Refused),
    Locked,
    TooLarge,
    /// What has this name is no file: a pipe would be waited for for ever.
    NoFile(PathBuf),
    /// It is a link, and what it leads to isn't there: begun anew, what it was would be forgotten.
    LeadsNowhere,
}

impl fmt::Display for HeadsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} heads file {}: ", self.what, self.path.display())?;
        match &self.why {
            Why::Io(error) => write!(f, "{error}"),
            Why::Refused(refused) => write!(f, "{refused}"),
            Why::Locked => write!(
                f,
                "another process has held its lock for {}s ({})",
                PATIENCE.as_secs(),
                beside(&self.path, ".lock").display()
            ),
            Why::TooLarge => write!(f, "it is larger than {LARGEST} bytes"),
            Why::LeadsNowhere => f.write_str("it is a link, and what it leads to isn't there"),
            Why::NoFile(path) => {
                write!(
                    f,
                    "{} is no regular file, and a file is to be put in its place",
                    path.display()
                )
            }
        }
    }
}

impl std::error::Error for HeadsError {}

impl HeadsError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self.why {
            Why::NoFile(_) => {
                "name a file, or one that isn't there yet, in a folder that may be written to"
            }
            Why::LeadsNowhere => {
                "is the file system that it lies on mounted? To begin anew, name a place that isn't a link"
            }
            Why::Locked => {
                "another `verify` or `trust merge` writes to it: wait for that, or see what holds it up"
            }
            Why::Io(_) | Why::Refused(_) | Why::TooLarge => {
                "a heads file that is damaged is a matter for whoever keeps it: bring back a copy, and \
                 don't begin anew, or a missing tail isn't noticed"
            }
        }
    }
}

impl HeadsFile {
    /// The file of this name, which needn't be there.
    #[must_use]
    pub fn new(path: &Path) -> Self {
        // What is renamed over a link would leave the file that it leads to as it was.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        Self { path }
    }

    /// What it says; `None` if it isn't there.
    ///
    /// # Errors
    /// [`HeadsError`] if it can't be read, is no heads file, or is a link that leads nowhere.
    pub fn read(&self) -> Result<Option<Heads>, HeadsError> {
        let text = match self.text() {
            Ok(text) => text,
            Err(Why::Io(error)) if error.kind() == ErrorKind::NotFound => {
                let link = fs::symlink_metadata(&self.path).is_ok_and(|found| found.is_symlink());
                return if link { Err(self.failed("read", Why::LeadsNowhere)) } else { Ok(None) };
            }
            Err(why) => return Err(self.failed("read", why)),
        };
        let heads = Heads::parse(&text).map_err(Why::Refused);
        heads.map(Some).map_err(|why| self.failed("read", why))
    }

    /// Changes what it says, as it is then: nobody else changes it meanwhile. It isn't touched if
    /// nothing is changed.
    ///
    /// # Errors
    /// [`HeadsError`]: then it says what it said before, or, if only its folder couldn't be synced, what
    /// it was to say.
    pub fn update<T>(&self, change: impl FnOnce(&mut Heads) -> T) -> Result<T, HeadsError> {
        let _lock = self.lock()?;
        let before = self.read()?;
        let mut heads = before.clone().unwrap_or_default();
        let done = change(&mut heads);
        if before.as_ref() != Some(&heads) {
            self.replace(&heads.to_string())
                .map_err(|error| self.failed("write", Why::Io(error)))?;
        }
        Ok(done)
    }

    fn text(&self) -> Result<String, Why> {
        let mut text = String::new();
        a_file_or_nothing(&self.path)?;
        let file = File::open(&self.path).map_err(Why::Io)?;
        if file.metadata().map_err(Why::Io)?.len() > LARGEST {
            return Err(Why::TooLarge);
        }
        let read = file.take(LARGEST + 1).read_to_string(&mut text).map_err(Why::Io)?;
        if read as u64 > LARGEST { Err(Why::TooLarge) } else { Ok(text) }
    }

    /// Held until it is dropped; a process that dies lets go of it.
    fn lock(&self) -> Result<File, HeadsError> {
        let io = |error| self.failed("lock", Why::Io(error));
        let path = beside(&self.path, ".lock");
        a_file_or_nothing(&path).map_err(|why| self.failed("lock", why))?;
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = options.open(path).map_err(io)?;
        let since = Instant::now();
        loop {
            match lock.try_lock() {
                Ok(()) => return Ok(lock),
                Err(TryLockError::WouldBlock) if since.elapsed() < PATIENCE => thread::sleep(PAUSE),
                Err(TryLockError::WouldBlock) => return Err(self.failed("lock", Why::Locked)),
                Err(TryLockError::Error(error)) => return Err(io(error)),
            }
        }
    }

    fn replace(&self, text: &str) -> io::Result<()> {
        let new = beside(&self.path, ".new");
        let mut file = self.create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    /// A new file that nobody may read who may not read the one whose place it takes.
    fn create(&self, new: &Path) -> io::Result<File> {
        match fs::remove_file(new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            // What a crash left.
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        match fs::metadata(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => options.open(new),
            Err(error) => Err(error),
            Ok(before) => {
                let mode = before.permissions().mode() & 0o777;
                let file = options.mode(mode).open(new)?;
                // The process's mask may have taken some of it.
                file.set_permissions(Permissions::from_mode(mode))?;
                Ok(file)
            }
        }
    }

    fn failed(&self, what: &str, why: Why) -> HeadsError {
        HeadsError { what: what.to_owned(), path: self.path.clone(), why }
    }
}

/// Refuses a pipe, a device or a folder before it is opened: some of them wait for another process.
fn a_file_or_nothing(path: &Path) -> Result<(), Why> {
    match fs::metadata(path) {
        Ok(meta) if meta.is_file() => Ok(()),
        Ok(_) => Err(Why::NoFile(path.to_owned())),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Why::Io(error)),
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
