//! Tells when a directory has changed, or might have, and what was reported of it.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind, ModifyKind, RemoveKind, RenameMode};
use notify::{Config, Event, INotifyWatcher, RecursiveMode, Watcher as _};

use crate::types::{Notice, Notices};

/// Changes come in bursts (rename, create, write): one look serves all that come this soon.
const BURST: Duration = Duration::from_millis(20);
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
    notices: Notices,
    /// The watch is to be renewed.
    broken: bool,
    /// Whether everything that happens is reported.
    watching: bool,
}

impl Reports {
    /// What was reported since the last call.
    ///
    /// Ask right before a look: whatever happened before this call and isn't in the answer comes
    /// in the next.
    #[must_use]
    pub fn take(&self) -> Notices {
        let mut heard = self.heard();
        let mut notices = std::mem::take(&mut heard.notices);
        notices.lost |= !heard.watching;
        notices
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// More happened than was reported.
    fn lose(&self) {
        let mut heard = self.heard();
        heard.notices.lost = true;
        heard.broken = true;
    }

    fn note(&self, event: &Event) {
        let notice: fn(_) -> Notice = match event.kind {
            EventKind::Create(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                Notice::Appeared
            }
            EventKind::Remove(_) => Notice::Removed,
            _ => return,
        };
        let mut heard = self.heard();
        for name in event.paths.iter().filter_map(|path| path.file_name()) {
            if heard.notices.events.len() < MAX_EVENTS {
                heard.notices.events.push(notice(name.to_owned()));
            } else {
                heard.notices.lost = true;
            }
        }
    }
}

/// Waits for changes in one directory. Polls when inotify can't be had or can't be trusted.
pub struct Watcher {
    directory: PathBuf,
    inner: Option<INotifyWatcher>,
    bell: SyncSender<()>,
    rings: Receiver<()>,
    reports: Reports,
    /// The file system may be written to by other machines, which inotify doesn't report.
    remote: bool,
    /// Device and inode of the watched directory.
    watched: Option<(u64, u64)>,
    /// When it was last tried to watch.
    tried: Instant,
}

impl std::fmt::Debug for Watcher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Watcher")
            .field("directory", &self.directory)
            .field("armed", &self.armed())
            .finish_non_exhaustive()
    }
}

impl Watcher {
    /// Watches `directory`, which needn't exist yet.
    #[must_use]
    pub fn new(directory: &Path) -> Self {
        // One place is enough: a ring says "look", not what at.
        let (bell, rings) = sync_channel(1);
        let mut watcher = Self {
            directory: directory.to_owned(),
            inner: None,
            bell,
            rings,
            reports: Reports(Arc::default()),
            remote: false,
            watched: None,
            tried: Instant::now(),
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
        self.inner.is_some() && !self.remote
    }

    /// Waits until something changed, or `timeout` has passed; never much longer than a second,
    /// so that a watch that went silent delays a look and never prevents it.
    pub fn wait(&mut self, timeout: Duration) -> Wake {
        let poll = if self.armed() { POLL } else { POLL_BLIND };
        let wake = match self.rings.recv_timeout(timeout.min(poll)) {
            Ok(()) => {
                thread::sleep(BURST.min(timeout));
                // Before the caller looks: what rings from here on is not in that look.
                while self.rings.try_recv().is_ok() {}
                Wake::Changed
            }
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Wake::Timeout,
        };
        if std::mem::take(&mut self.reports.heard().broken) || self.stale() {
            self.inner = None;
            self.reports.heard().watching = false;
            // Each attempt costs a thread; polling bridges the time between.
            if self.tried.elapsed() >= POLL || wake == Wake::Changed {
                self.arm();
            }
            return Wake::Lost;
        }
        wake
    }

    /// Whether the path leads to another directory than the one watched.
    fn stale(&self) -> bool {
        self.watched != identity(&self.directory) || self.inner.is_none()
    }

    fn arm(&mut self) {
        self.tried = Instant::now();
        self.remote = is_remote(&self.directory);
        // Asked before watching: if the directory is replaced in between, the next wait notices.
        self.watched = identity(&self.directory);
        let (bell, reports) = (self.bell.clone(), self.reports());
        let handler = move |event: notify::Result<Event>| {
            match event {
                Ok(event) if !matters(&event) => return,
                Ok(event) if event.need_rescan() || gone(&event) => reports.lose(),
                Ok(event) => reports.note(&event),
                Err(_) => reports.lose(),
            }
            match bell.try_send(()) {
                Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
            }
        };
        self.inner = INotifyWatcher::new(handler, Config::default())
            .and_then(|mut inner| {
                inner.watch(&self.directory, RecursiveMode::NonRecursive)?;
                Ok(inner)
            })
            .ok();
        // What happened until now, nobody reported.
        let mut heard = self.reports.heard();
        heard.notices.lost = true;
        heard.watching = self.inner.is_some() && !self.remote;
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        // Whoever goes on looking must not take silence for calm.
        self.reports.heard().watching = false;
    }
}

/// Our own reading must not wake us: each look would cause the next.
fn matters(event: &Event) -> bool {
    !matches!(
        event.kind,
        EventKind::Access(
            AccessKind::Open(_)
                | AccessKind::Read
                | AccessKind::Close(AccessMode::Read | AccessMode::Any)
        ) | EventKind::Modify(ModifyKind::Metadata(_))
    ) || event.need_rescan()
}

/// The watched directory itself is gone, and the watch with it.
fn gone(event: &Event) -> bool {
    matches!(event.kind, EventKind::Remove(RemoveKind::Folder | RemoveKind::Other))
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
