//! Tells when a source's directories have changed, or might have, and what was reported of them.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use std::{io, thread};

use rustix::io::Errno;

use crate::fs::{DirFd, Limits, LogPath};
use crate::inode::FileKey;
use crate::queue::{Change, Queue};
use crate::types::{Notice, Notices};

/// Names change in bursts (rename, create): one look serves all that come this soon.
const BURST: Duration = Duration::from_millis(20);
/// Least time between two looks for what was written. They find out how far a file reaches, which
/// matters if it is cut before its batch is packed; at a thousand lines a second, a look for each
/// would be most of what a daemon does.
const REST: Duration = Duration::from_millis(200);
/// A watch can go silent in ways that nobody reports, and the path can come to lead elsewhere: look
/// now and then in any case.
const POLL: Duration = Duration::from_secs(1);
/// Without a watch that works, polling is all there is. Logs may rotate five times a second.
const POLL_BLIND: Duration = Duration::from_millis(100);

/// Why a wait ended. Each calls for a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wake {
    /// A directory or a file in it changed.
    Changed,
    /// Events were lost, or the path leads elsewhere: anything may have changed.
    Lost,
    /// Nothing was reported.
    Timeout,
}

/// What a watch has reported, for whoever looks.
#[derive(Debug, Clone)]
pub struct Reports(Arc<Mutex<Heard>>);

#[derive(Debug)]
struct Heard {
    path: LogPath,
    limits: Limits,
    /// Where reports come from; `None`: nobody reports.
    queue: Option<Arc<Queue>>,
    /// The directories that the path led to when they were watched.
    watched: Vec<FileKey>,
    /// Why nobody reports, if so: as of the last attempt to watch.
    blind: Option<String>,
    /// When it was last tried to watch.
    tried: Instant,
    notices: Notices,
    /// Which of them tell of a file that was renamed, of which what to isn't known yet.
    left: BTreeMap<u32, usize>,
    /// The watch is to be renewed.
    broken: bool,
    /// Whether everything that happens is reported.
    watching: bool,
    /// Nobody waits any more.
    ended: bool,
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
    /// Ask right before a look: whatever isn't in the answer comes in the next. The path is asked
    /// first. If it leads elsewhere by now, that is watched from here on, and what happened there
    /// before counts as lost: so nothing can be missed between the last answer and this one.
    #[must_use]
    pub fn take(&self) -> Notices {
        let mut heard = self.heard();
        heard.follow();
        heard.listen();
        let mut notices = std::mem::take(&mut heard.notices);
        heard.left.clear();
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
            queue.drain(self.limits.drain, |change| self.note(change, &mut news));
        }
        news
    }

    fn note(&mut self, change: Change, news: &mut News) {
        let notice = match change {
            Change::Written => return news.writes = true,
            Change::Appeared(name) => Some(Notice::Appeared(name)),
            Change::Removed(name) => Some(Notice::Removed(name)),
            Change::Left(name, cookie) => {
                // Until it is known where to, it is as good as deleted.
                let at = self.notices.events.len();
                self.left.extend((at < self.limits.notices).then_some((cookie, at)));
                Some(Notice::Removed(name))
            }
            Change::Came(name, cookie) => self.came(name, cookie),
            Change::Altered => None,
            Change::Lost => {
                self.lose();
                None
            }
        };
        news.names = true;
        self.notices.changed = true;
        let room = self.notices.events.len() < self.limits.notices;
        self.notices.lost |= notice.is_some() && !room;
        self.notices.events.extend(notice.filter(|_| room));
    }

    /// A file was renamed to this name.
    fn came(&mut self, to: OsString, cookie: u32) -> Option<Notice> {
        let left = self.left.remove(&cookie).and_then(|at| self.notices.events.get_mut(at));
        if let Some(notice) = left
            && let Notice::Removed(from) = notice
        {
            *notice = Notice::Renamed { from: std::mem::take(from), to };
            return None;
        }
        Some(Notice::Appeared(to))
    }

    /// More happened than was reported.
    fn lose(&mut self) {
        self.notices.lost = true;
        self.broken = true;
    }

    /// Watches what the path means now. Returns whether reports may be missing because of that.
    fn follow(&mut self) -> bool {
        if self.ended {
            return false;
        }
        // An error doesn't say that it means something else.
        let Ok(meaning) = self.path.resolve(&self.limits) else { return false };
        let dirs = meaning.dirs();
        let keys: Vec<_> = dirs.iter().map(|dir| dir.key()).collect();
        let elsewhere = keys != self.watched;
        let broken = std::mem::take(&mut self.broken);
        if broken {
            self.disarm();
        }
        // An attempt with each look would be for nothing where it is refused.
        let due = self.queue.is_none() && self.tried.elapsed() >= POLL;
        if elsewhere || due {
            self.arm(&dirs, meaning.trouble);
        }
        elsewhere || broken
    }

    fn arm(&mut self, dirs: &[Arc<DirFd>], trouble: Option<String>) {
        self.tried = Instant::now();
        self.watched = dirs.iter().map(|dir| dir.key()).collect();
        let queue = if dirs.is_empty() {
            Err(format!("inotify: {}", trouble.unwrap_or_else(|| "nothing is there".to_owned())))
        } else {
            Queue::new(dirs).map_err(|error| refusal(&error))
        };
        self.blind = match &queue {
            Err(why) => Some(why.clone()),
            // What other machines do there, nobody reports.
            Ok(_) if dirs.iter().any(|dir| is_remote(dir)) => {
                Some("it lies on a network file system, or one like it".to_owned())
            }
            Ok(_) => None,
        };
        // What happened until now, nobody reported.
        self.notices.lost = true;
        self.watching = self.blind.is_none();
        self.queue = queue.ok().map(Arc::new);
    }

    fn disarm(&mut self) {
        self.queue = None;
        // Whoever goes on looking must not take silence for calm.
        self.watching = false;
    }
}

/// Waits for changes in the directories that a source's path leads to. Polls when inotify can't be
/// had or can't be trusted.
#[derive(Debug)]
pub struct Watcher {
    reports: Reports,
    /// When it was last told that something was written.
    told: Option<Instant>,
    /// Writes aren't reported until [`REST`] after that.
    resting: bool,
}

impl Watcher {
    /// Watches what the path leads to, now and whenever it comes to lead elsewhere.
    #[must_use]
    pub fn new(path: LogPath) -> Self {
        Self::with_limits(path, Limits::default())
    }

    /// The same, with other limits.
    #[must_use]
    pub fn with_limits(path: LogPath, limits: Limits) -> Self {
        let meaning = path.resolve(&limits).unwrap_or_default();
        let mut heard = Heard {
            path,
            limits,
            queue: None,
            watched: Vec::new(),
            blind: None,
            tried: Instant::now(),
            notices: Notices::default(),
            left: BTreeMap::new(),
            broken: false,
            watching: false,
            ended: false,
        };
        heard.arm(&meaning.dirs(), meaning.trouble);
        Self { reports: Reports(Arc::new(Mutex::new(heard))), told: None, resting: false }
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
    pub fn blind(&self) -> Option<String> {
        self.reports.heard().blind.clone()
    }

    /// Waits until something changed, or `timeout` has passed; never much longer than a second,
    /// so that a watch that went silent delays a look and never prevents it.
    ///
    /// A new, renamed or deleted file ends it at once. What is written does so at most five times
    /// a second.
    pub fn wait(&mut self, timeout: Duration) -> Wake {
        let poll = if self.armed() { POLL } else { POLL_BLIND };
        let wake = self.listen(timeout.min(poll));
        if self.reports.heard().follow() {
            // A new watch reports writes.
            self.resting = false;
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
            if !self.queue().is_some_and(|now| Arc::ptr_eq(&now, &queue)) {
                // A look found that the path leads elsewhere, and watches that.
                return Wake::Changed;
            }
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

    fn queue(&self) -> Option<Arc<Queue>> {
        self.reports.heard().queue.clone()
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut heard = self.reports.heard();
        heard.disarm();
        heard.ended = true;
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

/// Whether files there may change without the kernel's noticing.
fn is_remote(directory: &DirFd) -> bool {
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
    rustix::fs::fstatfs(directory)
        .is_ok_and(|answer| REMOTE.contains(&(answer.f_type as u64 & 0xffff_ffff)))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::*;
    use crate::names::Family;

    fn path(directory: &Path) -> LogPath {
        let family = Family::of(OsStr::new("audit.log")).expect("a family");
        LogPath::directory(directory, family)
    }

    #[test]
    fn silence_of_a_network_file_system_is_no_calm() {
        let directory = tempfile::tempdir().expect("a directory");
        let mut watcher = Watcher::new(path(directory.path()));
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
        let watched = Watcher::new(path(directory.path()));
        assert_eq!(watched.blind().is_none(), watched.armed(), "{:?}", watched.blind());
        let absent = Watcher::new(path(&directory.path().join("absent")));
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
        let mut watcher = Watcher::new(path(directory.path()));
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
