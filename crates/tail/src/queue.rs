//! The kernel's own account of what happens in directories.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

use crate::fs::DirFd;

/// The inotify queue (inotify(7)) of some directories, read without blocking.
///
/// Used as the kernel gives it, not through a thread that reads ahead: whoever reads the queue to
/// its end knows everything that happened before, and that is what the follower relies on.
#[derive(Debug)]
pub(crate) struct Queue {
    fd: OwnedFd,
    watches: Vec<(Arc<DirFd>, i32)>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A file was created under this name, or linked to it.
    Appeared(OsString),
    /// A file of this name was deleted.
    Removed(OsString),
    /// A file of this name was renamed. What it was renamed to has the same number, unless that is
    /// in a directory that isn't watched.
    Left(OsString, u32),
    /// A file was renamed to this name. What it was renamed from had the same number.
    Came(OsString, u32),
    /// A file's owner or its rights changed, or the directory's.
    Altered,
    /// A file was written to, or closed by who wrote to it.
    Written,
    /// More happened than is told, or the directory isn't watched any more.
    Lost,
}

impl Queue {
    /// Begins to watch directories, writes to their files included.
    ///
    /// # Errors
    /// inotify can't be had (too many users of it), or a directory can't be watched.
    pub(crate) fn new(directories: &[Arc<DirFd>]) -> io::Result<Self> {
        let fd = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let mut watches = Vec::new();
        for directory in directories {
            let watch = add_watch(&fd, directory.proc_path(), interest(true))?;
            watches.push((Arc::clone(directory), watch));
        }
        Ok(Self { fd, watches })
    }

    /// Has writes reported from now on, or not: a log that is written line by line would wake us
    /// for each. What happens to names is reported in any case, and never interrupted by this.
    ///
    /// # Errors
    /// A watch can't be changed, or is gone.
    pub(crate) fn report_writes(&self, wanted: bool) -> io::Result<()> {
        for (directory, watch) in &self.watches {
            if add_watch(&self.fd, directory.proc_path(), interest(wanted))? != *watch {
                return Err(io::ErrorKind::NotFound.into());
            }
        }
        Ok(())
    }

    /// Waits until there is something to be read; `false` when `timeout` passed first.
    ///
    /// # Errors
    /// The wait failed for another reason than a signal.
    pub(crate) fn wait(&self, timeout: Duration) -> io::Result<bool> {
        let timeout = Timespec::try_from(timeout).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::new(&self.fd, PollFlags::IN)], Some(&timeout)) {
            Ok(ready) => Ok(ready > 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads what was reported so far, up to `max` events. If there are more it ends with
    /// [`Change::Lost`], whatever is left: where more happens than can be read meanwhile, nobody
    /// would ever look again.
    pub(crate) fn drain(&self, max: usize, mut each: impl FnMut(Change)) {
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        let mut left = max;
        loop {
            let event = match reader.next() {
                Ok(_) if left == 0 => return each(Change::Lost),
                Ok(event) => event,
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return each(Change::Lost),
            };
            left -= 1;
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            if let Some(change) = change(event.events(), event.cookie(), name) {
                each(change);
            }
        }
    }
}

/// Opening and reading aren't among it: our own looks would wake us, each for the next.
fn interest(writes: bool) -> WatchFlags {
    // Rights, too: what was refused because of them may be read then.
    let names = WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE | WatchFlags::ATTRIB;
    let directory = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
    let content = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
    if writes { names | directory | content } else { names | directory }
}

fn change(events: ReadFlags, cookie: u32, name: Option<&OsStr>) -> Option<Change> {
    let gone = ReadFlags::IGNORED
        | ReadFlags::UNMOUNT
        | ReadFlags::QUEUE_OVERFLOW
        | ReadFlags::DELETE_SELF
        | ReadFlags::MOVE_SELF;
    if events.intersects(gone) {
        return Some(Change::Lost);
    }
    if events.intersects(ReadFlags::ATTRIB) {
        return Some(Change::Altered);
    }
    // What else happens to the directory itself has no name.
    let name = name?;
    if events.intersects(ReadFlags::CREATE) {
        Some(Change::Appeared(name.to_owned()))
    } else if events.intersects(ReadFlags::MOVED_TO) {
        Some(Change::Came(name.to_owned(), cookie))
    } else if events.intersects(ReadFlags::DELETE) {
        Some(Change::Removed(name.to_owned()))
    } else if events.intersects(ReadFlags::MOVED_FROM) {
        Some(Change::Left(name.to_owned(), cookie))
    } else if events.intersects(ReadFlags::MODIFY | ReadFlags::CLOSE_WRITE) {
        Some(Change::Written)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue(directory: &std::path::Path) -> Queue {
        Queue::new(&[Arc::new(DirFd::open(directory).unwrap())]).unwrap()
    }

    #[test]
    fn a_writer_that_never_rests_is_not_read_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let queue = queue(directory.path());
        let mut changes = Vec::new();
        let write = |n: usize| drop(std::fs::File::create(directory.path().join(n.to_string())));
        write(0);
        queue.drain(50, |change| {
            // Each event that is read makes the next ones, for much longer than is to be read.
            if changes.len() < 500 {
                write(changes.len() + 1);
            }
            changes.push(change);
        });
        assert_eq!((changes.len(), changes.last()), (51, Some(&Change::Lost)));
        assert!(!changes[..50].contains(&Change::Lost));
    }

    #[test]
    fn a_queue_is_read_up_to_its_limit_and_what_is_beyond_is_told() {
        const LIMIT: usize = 10;
        for events in [LIMIT - 1, LIMIT, LIMIT + 1, 10 * LIMIT] {
            let directory = tempfile::tempdir().unwrap();
            let queue = queue(directory.path());
            for n in 0..events {
                std::fs::create_dir(directory.path().join(n.to_string())).unwrap();
            }
            let mut changes = Vec::new();
            queue.drain(LIMIT, |change| changes.push(change));
            let named = (0..events.min(LIMIT)).map(|n| Change::Appeared(n.to_string().into()));
            let lost = (events > LIMIT).then_some(Change::Lost);
            assert_eq!(changes, named.chain(lost).collect::<Vec<_>>(), "{events}");
        }
    }

    #[test]
    fn every_directory_is_heard_of() {
        let directories = [0, 1].map(|_| tempfile::tempdir().unwrap());
        let opened = directories.each_ref().map(|d| Arc::new(DirFd::open(d.path()).unwrap()));
        let queue = Queue::new(&opened).unwrap();
        queue.report_writes(false).unwrap();
        for (n, directory) in directories.iter().enumerate() {
            std::fs::write(directory.path().join(n.to_string()), "x").unwrap();
        }
        let mut changes = Vec::new();
        queue.drain(100, |change| changes.push(change));
        assert_eq!(changes, ["0", "1"].map(|name| Change::Appeared(name.into())));
    }

    #[test]
    fn other_rights_are_a_change() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("audit.log");
        std::fs::write(&path, "x").unwrap();
        let queue = queue(directory.path());
        for path in [path.as_path(), directory.path()] {
            let mode = std::fs::Permissions::from_mode(0o700);
            std::fs::set_permissions(path, mode).unwrap();
            let mut changes = Vec::new();
            queue.drain(100, |change| changes.push(change));
            assert_eq!(changes, [Change::Altered], "{path:?}");
        }
    }
}
