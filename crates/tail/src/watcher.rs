//! Tells when a directory has changed, or might have, and what was reported of it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::io::Errno;

use crate::queue::{Change, Queue};
use crate::types::{Notice, Notices};

/// Names change in bursts (rename, create): one look serves all that come this soon.
const BURST: Duration = Duration::from_millis(20);
/// Least time between two looks for what was written. They find out how far a file reaches, which
/// matters if it is cut before its batch is packed; at a thousand lines a second, a look for each
/// would be most of what a daemon does.
const REST: Duration = Duration::from_millis(200);
/// A watch can go silent in ways that nobody reports: look now and then in any case.
const POLL: Duration = Duration::from_secs(1);
/// Without a watch that works, polling is all there is. Logs may rotate five times a second.
const POLL_BLIND: Duration = Duration::from_millis(100);

/// Reports kept at most: the kernel's own queue holds fewer unless told otherwise.
const MAX_EVENTS: usize = 65_536;

/// Why a wait ended. Each calls for a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// The directory or a file in it changed.
    Changed,
    /// Events were lost, or the directory was replaced: anything may have changed.
    Lost,
    /// Nothing was reported.
    Timeout,
}

/// What a watch has reported, for whoever looks.
#[derive(Debug, Clone)]
pub struct Reports(Arc<Mutex<Heard>>);

#[derive(Debug, Default)]
struct Heard {
    /// Where reports come from; `None`: nobody reports.
    queue: Option<Arc<Queue>>,
    notices: Notices,
    /// The watch is to be renewed.
    broken: bool,
    /// Whether everything that happens is reported.
    watching: bool,
}

/// What came of reading the reports.
#[derive(Debug, Default, Clone, Copy)]
struct News {
    names: bool,
    writes: bool,
}

impl Reports {
    /// What was reported since the last call: everything that happened before this one.
    ///
    /// Ask right before a look: whatever isn't in the answer comes in the next.
    #[must_use]
    pub fn take(&self) -> Notices {
        let mut heard = self.heard();
        heard.listen();
        let mut notices = std::mem::take(&mut heard.notices);
        notices.lost |= !heard.watching;
        notices.changed |= notices.lost;
        notices
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Heard {
    fn listen(&mut self) -> News {
        let mut news = News::default();
        if let Some(queue) = self.queue.clone() {
            queue.drain(|change| self.note(change, &mut news));
        }
        news
    }

    fn note(&mut self, change: Change, news: &mut News) {
        let notice = match change {
            Change::Written => return news.writes = true,
            Change::Appeared(name) => Some(Notice::Appeared(name)),
            Change::Removed(name) => Some(Notice::Removed(name)),
            Change::Moved => None,
            Change::Lost => {
                self.lose();
                None
            }
        };
        news.names = true;
        self.notices.changed = true;
        let room = self.notices.events.len() < MAX_EVENTS;
        self.notices.lost |= notice.is_some() && !room;
        self.notices.events.extend(notice.filter(|_| room));
    }

    /// More happened than was reported.
    fn lose(&mut self) {
        self.notices.lost = true;
        self.broken = true;
    }
}

/// Waits for changes in one directory. Polls when inotify can't be had or can't be trusted.
#[derive(Debug)]
pub struct Watcher {
    directory: PathBuf,
    reports: Reports,
    /// Why nobody reports, if so: as of the last attempt to watch.
    blind: Option<String>,
    /// Device and inode of the watched directory.
    watched: Option<(u64, u64)>,
    /// When it was last tried to watch.
    tried: Instant,
    /// When it was last told that something was written.
    told: Option<Instant>,
    /// Writes aren't reported until [`REST`] after that.
    resting: bool,
}

impl Watcher {
    /// Watches `directory`, which needn't exist yet.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        let mut watcher = Self {
            directory: directory.to_owned(),
            reports: Reports(Arc::default()),
            blind: None,
            watched: None,
            tried: Instant::now(),
            told: None,
            resting: false,
        };
        watcher.arm();
        watcher
    }

    /// Where what happens is reported.
    #[must_use]
    pub fn reports(&self) -> Reports {
        self.reports.clone()
    }

    /// Whether changes are reported, rather than polled for.
    #[must_use]
    pub fn armed(&self) -> bool {
        self.reports.heard().watching
    }

    /// Why changes are polled for, ten times a second, rather than reported; `None` if they aren't.
    #[must_use]
    pub fn blind(&self) -> Option<&str> {
        self.blind.as_deref()
    }

    /// Waits until something changed, or `timeout` has passed; never much longer than a second,
    /// so that a watch that went silent delays a look and never prevents it.
    ///
    /// A new, renamed or deleted file ends it at once. What is written does so at most five times
    /// a second.
    pub fn wait(&mut self, timeout: Duration) -> Wake {
        let poll = if self.armed() { POLL } else { POLL_BLIND };
        let wake = self.listen(timeout.min(poll));
        if std::mem::take(&mut self.reports.heard().broken) || self.stale() {
            self.disarm();
            // Where the directory isn't there, an attempt with each poll would be for nothing.
            if self.tried.elapsed() >= POLL || wake == Wake::Changed {
                self.arm();
            }
            return Wake::Lost;
        }
        // Another machine's changes are never reported: that nothing was says nothing.
        if !self.armed() && wake == Wake::Timeout { Wake::Lost } else { wake }
    }

    fn listen(&mut self, timeout: Duration) -> Wake {
        let Some(queue) = self.queue() else {
            thread::sleep(timeout);
            return Wake::Timeout;
        };
        let end = Instant::now() + timeout;
        loop {
            let now = Instant::now();
            let rested = self.told.filter(|_| self.resting).map(|told| told + REST);
            if rested.is_some_and(|rested| rested <= now) {
                // From here on they are reported again; what was written until here goes into the
                // look that this calls for.
                self.told = Some(now);
                self.report_writes(&queue, true);
                return Wake::Changed;
            }
            if end <= now {
                return Wake::Timeout;
            }
            let until = rested.map_or(end, |rested| rested.min(end));
            let Ok(ready) = queue.wait(until - now) else {
                self.reports.heard().lose();
                return Wake::Changed;
            };
            let news = if ready { self.reports.heard().listen() } else { News::default() };
            let due = news.writes && self.rest(&queue);
            if news.names {
                thread::sleep(BURST.min(timeout));
                return Wake::Changed;
            }
            if due {
                return Wake::Changed;
            }
        }
    }

    /// Something was written: hears no more of it for a while. Returns whether a look is due now,
    /// rather than at the end of that time.
    fn rest(&mut self, queue: &Queue) -> bool {
        let now = Instant::now();
        let due = self.told.is_none_or(|told| told + REST <= now);
        if due {
            self.told = Some(now);
        }
        self.report_writes(queue, false);
        due
    }

    fn report_writes(&mut self, queue: &Queue, wanted: bool) {
        self.resting = !wanted;
        if queue.report_writes(wanted).is_err() {
            self.reports.heard().lose();
        }
    }

    /// Whether the path leads to another directory than the one watched.
    fn stale(&self) -> bool {
        self.watched != identity(&self.directory) || self.queue().is_none()
    }

    fn queue(&self) -> Option<Arc<Queue>> {
        self.reports.heard().queue.clone()
    }

    fn arm(&mut self) {
        self.tried = Instant::now();
        // Asked before watching: if the directory is replaced in between, the next wait notices.
        self.watched = identity(&self.directory);
        self.resting = false;
        let queue = Queue::new(&self.directory);
        self.blind = match &queue {
            Err(error) => Some(refusal(error)),
            // What other machines do there, nobody reports.
            Ok(_) if is_remote(&self.directory) => {
                Some("it lies on a network file system, or one like it".to_owned())
            }
            Ok(_) => None,
        };
        let (queue, watching) = (queue.ok().map(Arc::new), self.blind.is_none());
        let mut heard = self.reports.heard();
        // What happened until now, nobody reported.
        heard.notices.lost = true;
        heard.watching = watching;
        heard.queue = queue;
    }

    fn disarm(&self) {
        let mut heard = self.reports.heard();
        heard.queue = None;
        // Whoever goes on looking must not take silence for calm.
        heard.watching = false;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.disarm();
    }
}

/// The kernel's words for its inotify limits are those for quite other things.
fn refusal(error: &io::Error) -> String {
    match Errno::from_io_error(error) {
        Some(Errno::MFILE) => {
            "too many users of inotify: see fs.inotify.max_user_instances".to_owned()
        }
        Some(Errno::NOSPC) => "too many watches: see fs.inotify.max_user_watches".to_owned(),
        _ => format!("inotify: {error}"),
    }
}

fn identity(directory: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(directory).ok().map(|data| (data.dev(), data.ino()))
}

/// Whether files there may change without the kernel's noticing.
fn is_remote(directory: &Path) -> bool {
    /// NFS, SMB, CIFS, SMB2, FUSE, 9P, Ceph, AFS, Coda, OCFS2, GFS2, Lustre.
    const REMOTE: [u64; 12] = [
        0x6969,
        0x517b,
        0xff53_4d42,
        0xfe53_4d42,
        0x6573_5546,
        0x0102_1997,
        0x00c3_6400,
        0x5346_414f,
        0x7375_7245,
        0x7461_636f,
        0x0116_1970,
        0x0bd0_0bd0,
    ];
    rustix::fs::statfs(directory)
        .is_ok_and(|answer| REMOTE.contains(&(answer.f_type as u64 & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_of_a_network_file_system_is_no_calm() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut watcher = Watcher::new(directory.path());
        let ended = watcher.wait(Duration::from_millis(10));
        assert!(!watcher.armed() || ended == Wake::Timeout, "{ended:?}");
        watcher.reports.heard().watching = false;
        assert!(!watcher.armed());
        let begin = Instant::now();
        assert_eq!(watcher.wait(Duration::from_secs(3600)), Wake::Lost);
        assert!(begin.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn it_says_why_it_polls() {
        let directory = tempfile::tempdir().expect("a directory");
        let watched = Watcher::new(directory.path());
        assert_eq!(watched.blind().is_none(), watched.armed(), "{:?}", watched.blind());
        let absent = Watcher::new(&directory.path().join("absent"));
        let why = absent.blind().expect("a reason");
        assert!(!absent.armed() && why.starts_with("inotify: No such file"), "{why}");
        for (errno, setting) in [(Errno::MFILE, "instances"), (Errno::NOSPC, "watches")] {
            let why = refusal(&errno.into());
            assert!(why.ends_with(&format!("fs.inotify.max_user_{setting}")), "{why}");
        }
    }

    #[test]
    fn after_a_loss_looks_go_on_and_the_directory_is_watched_again() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut watcher = Watcher::new(directory.path());
        let reports = watcher.reports();
        if !watcher.armed() {
            return;
        }
        assert!(reports.take().lost, "of what happened before nobody knows");
        // A look that comes across it is told so at once, and the watcher no later than it wakes.
        reports.heard().lose();
        assert!(reports.take().lost);
        let begin = Instant::now();
        while !watcher.armed() || begin.elapsed() < POLL {
            assert_ne!(watcher.wait(POLL), Wake::Changed);
            assert!(begin.elapsed() < Duration::from_secs(30), "it is never watched again");
        }
        assert!(reports.take().lost, "nor of what happened meanwhile");
        assert!(!reports.take().lost, "and from then on all is reported");
        std::fs::write(directory.path().join("new"), "").expect("a file");
        assert_eq!(watcher.wait(POLL), Wake::Changed);
        assert_eq!(reports.take().events, [Notice::Appeared("new".into())]);
    }
}
