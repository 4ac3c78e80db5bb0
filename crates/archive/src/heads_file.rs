//! The heads file on a disk: one writer at a time, and after a crash the old file or the new one.

use std::fmt;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Write as _};
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
/// whole file anew as `<name>.new`, and renames that.
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
        }
    }
}

impl std::error::Error for HeadsError {}

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
    /// [`HeadsError`] if it can't be read, or is no heads file.
    pub fn read(&self) -> Result<Option<Heads>, HeadsError> {
        let text = match self.text() {
            Ok(text) => text,
            Err(Why::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(None),
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
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).write(true);
        let lock = options.open(beside(&self.path, ".lock")).map_err(io)?;
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
        let mut file = File::create(&new)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&new, &self.path)?;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    }

    fn failed(&self, what: &str, why: Why) -> HeadsError {
        HeadsError { what: what.to_owned(), path: self.path.clone(), why }
    }
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}
