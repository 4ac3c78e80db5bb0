//! One source: its files, and the thread that notices when they change.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use std::{fs, io, thread};

use auditseal_format::{FileId, FileName, Origin};
use auditseal_shipper::{Input, Loss, Mode, Part, Rest, Take};
use auditseal_tail::fs::{Directory, Manners, entries};
use auditseal_tail::{
    Backlog, Family, Follower, History, Look, Notices, Problem, Reports, Settings,
    Watcher,
};
use tokio::sync::Notify;
use tracing::warn;

use crate::hands::Content;
use crate::settings::SourceSpec;
use crate::{Error, ErrorKind};

/// Where a source's files are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) origin: Origin,
    /// Canonical, so that two sources in one directory are seen to be.
    pub(crate) directory: PathBuf,
    pub(crate) family: Family,
}

impl Place {
    /// Finds the directory and the log that a `--source` means. Where it `must_be`, its absence is
    /// an error.
    pub(crate) fn find(spec: &SourceSpec, origin: Origin, must_be: bool) -> Result<Self, Error> {
        let what = format!("open source {}={}", spec.name, spec.path.display());
        let fail = |why: &dyn std::fmt::Display| Error::new(ErrorKind::Source, &what, why);
        let is_directory = spec.path.is_dir();
        let directory = if is_directory { Some(spec.path.as_path()) } else { spec.path.parent() };
        let directory = match directory {
            Some(path) if path == Path::new("") => Path::new("."),
            Some(path) => path,
            None => return Err(fail(&"it has no directory")),
        };
        let directory = fs::canonicalize(directory).map_err(|e| {
            let error = fail(&e);
            if e.kind() == io::ErrorKind::NotFound {
                return error.hint("the directory must exist; kube-apiserver makes the file in it");
            }
            error
        })?;
        let entries = entries(&directory).map_err(|e| fail(&e))?;
        let family = if is_directory {
            let names = entries.iter().filter(|entry| entry.refusal.is_none());
            let found = Family::among(names.map(|entry| entry.name.as_os_str()))
                .map_err(|e| fail(&e).hint(e.hint()))?;
            found.ok_or_else(|| {
                fail(&"the directory is empty").hint("name the live file, and run waits for it")
            })?
        } else {
            let name = spec.path.file_name().ok_or_else(|| fail(&"it has no file name"))?;
            Family::of(name).map_err(|e| fail(&e).hint(e.hint()))?
        };
        let place = Self { origin, directory, family };
        if must_be && !entries.iter().any(|entry| place.family.has(&entry.name)) {
            return Err(fail(&"no such file, and no rotated sibling of it"));
        }
        Ok(place)
    }

    /// Refuses two sources that would archive the same files.
    pub(crate) fn refuse_overlap(places: &[Self]) -> Result<(), Error> {
        for (at, one) in places.iter().enumerate() {
            for other in &places[at + 1..] {
                if one.origin == other.origin {
                    let what = format!("open source {}", one.origin.source());
                    return Err(Error::new(ErrorKind::Usage, &what, "two sources have this name"));
                }
                let overlap = auditseal_tail::overlap(
                    (&one.directory, &one.family),
                    (&other.directory, &other.family),
                );
                if overlap {
                    let (a, b) = (one.origin.source(), other.origin.source());
                    let what = format!("open sources {a} and {b}");
                    return Err(Error::new(ErrorKind::Usage, &what, "they name the same files"));
                }
            }
        }
        Ok(())
    }
}

/// The follower of one source, looked through from a blocking thread.
#[derive(Debug)]
pub(crate) struct Source {
    follower: Follower<Directory>,
    /// What happens between two looks; `None`: nobody watches.
    reports: Option<Reports>,
    mode: Mode,
    /// Lost before the follower began, and not in its history.
    missing: Vec<Loss>,
}

impl Source {
    pub(crate) fn new(
        place: &Place,
        manners: Manners,
        history: History,
        reports: Option<Reports>,
        told: &crate::Settings,
    ) -> Self {
        let mode = told.mode;
        let settings = Settings {
            mode: match mode {
                Mode::Live => auditseal_tail::Mode::Follow,
                Mode::OneShot => auditseal_tail::Mode::Drain,
            },
            max_unlinked_bytes: told.deleted_limit,
            min_free_bytes: told.min_free,
            ..Settings::default()
        };
        let disk = Directory::new(&place.directory, place.family.clone()).with_manners(manners);
        let follower = Follower::new(place.family.clone(), disk, history, settings);
        Self { follower, reports, mode, missing: Vec::new() }
    }

    /// The same, which tells of these losses at its first look.
    pub(crate) fn missing(self, missing: Vec<Loss>) -> Self {
        Self { missing, ..self }
    }

    /// Looks once. `committed` is what was sealed since the last look.
    pub(crate) fn look(
        &mut self,
        committed: &[(FileId, u64)],
        now_nanos: u64,
        limit: u64,
    ) -> Result<Looked, Error> {
        for (file, offset) in committed {
            self.follower.committed(file, *offset);
        }
        let unwatched = Notices { events: Vec::new(), lost: true };
        self.follower.noticed(self.reports.as_ref().map_or(unwatched, Reports::take));
        let look = self.follower.look(now_nanos / 1_000_000, limit);
        if let (Mode::OneShot, Some(problem)) = (self.mode, look.problems.first()) {
            // What can't be read now mustn't be passed over: the next run might not see it again.
            return Err(describe(problem));
        }
        let unreadable = look.problems.len() as u64;
        let problems = look.problems.iter().map(|problem| describe(problem).to_string()).collect();
        let taken = look.takes.iter().map(|take| take.end - take.start).sum();
        let backlog = self.follower.backlog();
        let mut input = convert(look);
        if let Input::Looked { losses, .. } = &mut input {
            losses.append(&mut self.missing);
        }
        Ok(Looked { input, problems, unreadable, taken, backlog })
    }
}

/// What a look found.
#[derive(Debug)]
pub(crate) struct Looked {
    pub(crate) input: Input<Content>,
    pub(crate) problems: Vec<String>,
    /// How many these are.
    pub(crate) unreadable: u64,
    /// Bytes handed out.
    pub(crate) taken: u64,
    /// What is left for later.
    pub(crate) backlog: Backlog,
}

fn describe(problem: &Problem) -> Error {
    let what = format!("{} source file {}", problem.operation, problem.name.display());
    let error = Error::new(ErrorKind::Source, what.trim_end(), &problem.error);
    if problem.error.kind() == io::ErrorKind::PermissionDenied {
        return error.hint("audit logs are mode 0600: run as root or with CAP_DAC_READ_SEARCH");
    }
    error
}

/// A look's result in the shipper's terms.
pub(crate) fn convert<F>(look: Look<F>) -> Input<Arc<auditseal_tail::Content<F>>> {
    let takes = look.takes.into_iter().map(|take| Take {
        file: take.file,
        name: name(&take.name),
        start: take.start,
        end: take.end,
        mid_line: take.unterminated,
        is_final: take.final_,
        anchor: take.anchor,
        before: take.before,
        parts: vec![Part { end: take.end, anchor: take.anchor, content: take.content }],
    });
    let losses = look.gaps.into_iter().map(|gap| Loss {
        file: gap.file,
        name: Some(name(&gap.name)),
        start: gap.start,
        end: gap.end,
        anchor: gap.anchor,
        reason: gap.reason.word(),
    });
    let rest = if look.more { Rest::More } else { Rest::Nothing };
    Input::Looked { takes: takes.collect(), losses: losses.collect(), rest }
}

fn name(name: &OsStr) -> FileName {
    FileName::new(name.as_encoded_bytes())
}

/// A file's name as the disk has it.
pub(crate) fn file_name(name: &FileName) -> OsString {
    OsStr::from_bytes(name.as_bytes()).to_owned()
}

/// Rings `bell` when the directory changes, until the last other holder of it is gone. Returns
/// where it is reported what changed.
pub(crate) fn watch(directory: &Path, bell: &Arc<Notify>) -> Reports {
    let bell = Arc::downgrade(bell);
    let mut watcher = Watcher::new(directory);
    let reports = watcher.reports();
    let (directory, mut told) = (directory.to_owned(), None);
    let mut tell = move |why: Option<&str>| {
        // Each reason once: a watch that can't be had is tried for again with every second.
        if let Some(why) = why.filter(|why| told.as_deref() != Some(*why)) {
            let directory = directory.display();
            warn!(%directory, "no changes are reported: {why}; looking ten times a second instead");
            told = Some(why.to_owned());
        }
    };
    tell(watcher.blind());
    // A thread of its own: the watcher blocks, and a look must not wait for it.
    let body = move || {
        while let Some(bell) = bell.upgrade() {
            if watcher.wait(Duration::from_secs(1)) != auditseal_tail::Wake::Timeout {
                bell.notify_one();
            }
            tell(watcher.blind());
        }
    };
    // Without the thread the source is still looked at once a window.
    drop(thread::Builder::new().name("watch".to_owned()).spawn(body));
    reports
}

/// A value that blocking tasks share with the loop; a panic in one of them ends the process anyway.
pub(crate) fn locked<T>(value: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}
