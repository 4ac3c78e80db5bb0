//! The kernel's own account of what happens in a directory.

use std::ffi::{OsStr, OsString};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;

/// Events read in a row at most. The kernel's queue holds fewer (16,384) unless told otherwise: only
/// who makes events faster than we read them comes this far.
const MAX_DRAIN: usize = 65_536;

/// One directory's inotify queue (inotify(7)), read without blocking.
///
/// Used as the kernel gives it, not through a thread that reads ahead: whoever reads the queue to
/// its end knows everything that happened before, and that is what the follower relies on.
#[derive(Debug)]
pub(crate) struct Queue {
    fd: OwnedFd,
    directory: PathBuf,
    watch: i32,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// A file got this name.
    Appeared(OsString),
    /// A file of this name was deleted.
    Removed(OsString),
    /// A file lost its name to another one, or to another directory.
    Moved,
    /// A file was written to, or closed by who wrote to it.
    Written,
    /// More happened than is told, or the directory isn't watched any more.
    Lost,
}

impl Queue {
    /// Begins to watch a directory, writes to its files included.
    ///
    /// # Errors
    /// inotify can't be had (too many users of it), or the directory can't be watched.
    pub(crate) fn new(directory: &Path) -> io::Result<Self> {
        let fd = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        let watch = add_watch(&fd, directory, interest(true))?;
        Ok(Self { fd, directory: directory.to_owned(), watch })
    }

    /// Has writes reported from now on, or not: a log that is written line by line would wake us
    /// for each. What happens to names is reported in any case, and never interrupted by this.
    ///
    /// # Errors
    /// The watch can't be changed, or the path leads to another directory by now.
    pub(crate) fn report_writes(&self, wanted: bool) -> io::Result<()> {
        if add_watch(&self.fd, &self.directory, interest(wanted))? != self.watch {
            return Err(io::ErrorKind::NotFound.into());
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

    /// Reads all that was reported so far.
    pub(crate) fn drain(&self, each: impl FnMut(Change)) {
        self.drain_up_to(MAX_DRAIN, each);
    }

    /// After `max` events it ends with [`Change::Lost`], whatever is left: where more happens than
    /// can be read meanwhile, nobody would ever look again.
    fn drain_up_to(&self, max: usize, mut each: impl FnMut(Change)) {
        let mut buffer = [MaybeUninit::uninit(); 16 << 10];
        let mut reader = Reader::new(&self.fd, &mut buffer);
        let mut left = max;
        loop {
            if left == 0 {
                return each(Change::Lost);
            }
            let event = match reader.next() {
                Ok(event) => event,
                Err(Errno::AGAIN) => return,
                Err(Errno::INTR) => continue,
                Err(_) => return each(Change::Lost),
            };
            left -= 1;
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            if let Some(change) = change(event.events(), name) {
                each(change);
            }
        }
    }
}

/// Opening and reading aren't among it: our own looks would wake us, each for the next.
fn interest(writes: bool) -> WatchFlags {
    let names = WatchFlags::CREATE | WatchFlags::MOVE | WatchFlags::DELETE;
    let directory = WatchFlags::DELETE_SELF | WatchFlags::MOVE_SELF | WatchFlags::ONLYDIR;
    let content = WatchFlags::MODIFY | WatchFlags::CLOSE_WRITE;
    if writes { names | directory | content } else { names | directory }
}

fn change(events: ReadFlags, name: Option<&OsStr>) -> Option<Change> {
    let gone = ReadFlags::IGNORED
        | ReadFlags::UNMOUNT
        | ReadFlags::QUEUE_OVERFLOW
        | ReadFlags::DELETE_SELF
        | ReadFlags::MOVE_SELF;
    if events.intersects(gone) {
        return Some(Change::Lost);
    }
    // What happens to the directory itself has no name.
    let name = name?;
    if events.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
        Some(Change::Appeared(name.to_owned()))
    } else if events.intersects(ReadFlags::DELETE) {
        Some(Change::Removed(name.to_owned()))
    } else if events.intersects(ReadFlags::MOVED_FROM) {
        Some(Change::Moved)
    } else if events.intersects(ReadFlags::MODIFY | ReadFlags::CLOSE_WRITE) {
        Some(Change::Written)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_that_never_rests_is_not_read_for_ever() {
        let directory = tempfile::tempdir().unwrap();
        let queue = Queue::new(directory.path()).unwrap();
        let mut changes = Vec::new();
        let write = |n: usize| drop(std::fs::File::create(directory.path().join(n.to_string())));
        write(0);
        queue.drain_up_to(50, |change| {
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
    fn a_full_queue_is_read_to_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let queue = Queue::new(directory.path()).unwrap();
        for n in 0..100 {
            std::fs::create_dir(directory.path().join(n.to_string())).unwrap();
        }
        let mut changes = Vec::new();
        queue.drain_up_to(101, |change| changes.push(change));
        let wanted: Vec<_> = (0..100).map(|n| Change::Appeared(n.to_string().into())).collect();
        assert_eq!(changes, wanted);
    }
}
