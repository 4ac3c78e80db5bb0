//! One source: its files, and the thread that notices when they change.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::sync::Arc;
use std::time::Duration;
use std::{io, thread};

use auditseal_format::{FileId, FileName, printable};
use auditseal_shipper::{Input, Loss, Mode, Part, Rest, Take};
use auditseal_tail::fs::{LogPath, Manners, OpenFile, OtherLogs, PathState, SourceDisk};
use auditseal_tail::{
    Backlog, Follower, History, Left, Look, Notices, Problem, Reports, Settings, Watcher,
};
use tokio::sync::Notify;
use tracing::{error, warn};

use crate::facts::Beside;
use crate::place::Place;
use crate::{Error, ErrorKind};

/// How long a path may lead nowhere before that counts: who points a link elsewhere may remove it
/// first.
const BLINK: Duration = Duration::from_secs(5);

/// Where a take's bytes come from.
pub(crate) type Content = Arc<auditseal_tail::Content<OpenFile>>;

/// The follower of one source, looked through from a blocking thread.
#[derive(Debug)]
pub(crate) struct Source {
    follower: Follower<SourceDisk>,
    /// The operator's path, for messages.
    path: LogPath,
    /// Whether it leads to the log.
    state: PathState,
    /// The other source whose files it leads to, once that was told.
    taken: Option<String>,
    /// What happens between two looks; `None`: nobody watches.
    reports: Option<Reports>,
    mode: Mode,
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
            limits: told.limits.tail.clone(),
            max_unlinked_bytes: told.deleted_limit,
            min_free_bytes: told.min_free,
            ..Settings::default()
        };
        let disk = place.disk().with_manners(manners);
        let (state, path) = (disk.state(), place.path.clone());
        let follower = Follower::new(path.family().clone(), disk, history, settings);
        Self { follower, path, state, taken: None, reports, mode }
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
        let unwatched = Notices { events: Vec::new(), changed: true, lost: true };
        self.follower.noticed(self.reports.as_ref().map_or(unwatched, Reports::take));
        let look = self.follower.look(now_nanos / 1_000_000, limit);
        if let (Mode::OneShot, Some(problem)) = (self.mode, look.problems.first()) {
            // What can't be read now mustn't be passed over: the next run might not see it again.
            return Err(describe(problem));
        }
        self.refuse_live(&look)?;
        let mut problems: Vec<String> =
            look.problems.iter().map(|problem| describe(problem).to_string()).collect();
        problems.extend(self.misled()?.map(|error| error.to_string()));
        let unreadable = problems.len() as u64;
        let taken = look.takes.iter().map(|take| take.end - take.start).sum();
        let backlog = self.follower.backlog();
        let beside = Beside {
            waiting: backlog.waiting,
            refused: backlog.refused,
            absent: backlog.absent,
            unfinished: backlog
                .unfinished
                .clone()
                .map(|(name, ms)| (printable(&name).to_string(), ms)),
            strangers: self.strangers(&look),
            refusals: named(&look.refusals, |why| why.to_string()),
            ignored: named(&look.ignored, |at| format!("from stored byte {at} on")),
        };
        let input = convert(look);
        Ok(Looked { input, problems, unreadable, taken, backlog, beside })
    }

    /// What lies beside the log and isn't archived, for a log.
    fn strangers(&self, look: &Look<OpenFile>) -> Vec<String> {
        let OtherLogs { names, more } = self.state.others();
        let another = |name: &OsString| {
            format!("{} (another log: it needs a --source of its own)", printable(name))
        };
        let related = look.strangers.iter().map(|name| printable(name).to_string());
        let more = more.then(|| "more logs than can be named".to_owned());
        related.chain(names.iter().map(another)).chain(more).collect()
    }

    /// A one-shot is told of one file: if that is none, it must not end well.
    fn refuse_live(&self, look: &Look<OpenFile>) -> Result<(), Error> {
        match (self.mode, &look.refused_live) {
            (Mode::OneShot, Some((name, why))) => {
                let what = format!("open source file {}", printable(name));
                Err(Error::new(ErrorKind::Source, &what, why).hint(why.hint()))
            }
            _ => Ok(()),
        }
    }

    /// What is wrong with the source's path. A one-shot mustn't end well without its log.
    fn misled(&mut self) -> Result<Option<Error>, Error> {
        let Some(trouble) = self.state.trouble() else {
            self.taken = None;
            return Ok(None);
        };
        let path = printable(self.path.as_path());
        if trouble.taken.is_some() && self.taken != trouble.taken {
            error!(%path, "{}; nothing of them is read for this one", trouble.why);
            self.taken.clone_from(&trouble.taken);
        }
        let what = format!("follow source path {path}");
        let error = Error::new(ErrorKind::Source, &what, &trouble.why);
        match self.mode {
            Mode::OneShot => Err(error),
            Mode::Live => Ok((trouble.since.elapsed() >= BLINK).then_some(error)),
        }
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
    /// What lies there and can't be taken.
    pub(crate) beside: Beside,
}

/// Files with what is to be said of each, escaped for a log.
fn named<T>(files: &[(OsString, T)], what: impl Fn(&T) -> String) -> Vec<String> {
    files.iter().map(|(name, of)| format!("{} ({})", printable(name), what(of))).collect()
}

fn describe(problem: &Problem) -> Error {
    let what = format!("{} source file {}", problem.operation, printable(&problem.name));
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
    let rest = match look.left {
        Left::Nothing => Rest::Nothing,
        Left::Later => Rest::Later,
        Left::Sealing => Rest::Sealing,
        Left::More => Rest::More,
    };
    Input::Looked { takes: takes.collect(), losses: losses.collect(), rest }
}

fn name(name: &OsStr) -> FileName {
    FileName::new(name.as_encoded_bytes())
}

/// A file's name as the disk has it.
pub(crate) fn file_name(name: &FileName) -> OsString {
    OsStr::from_bytes(name.as_bytes()).to_owned()
}

/// Rings `bell` when something changes where the path leads, until the last other holder of it is
/// gone. Returns where it is reported what changed.
pub(crate) fn watch(path: &LogPath, bell: &Arc<Notify>) -> Reports {
    let bell = Arc::downgrade(bell);
    let mut watcher = Watcher::new(path.clone());
    let reports = watcher.reports();
    let (path, mut told) = (path.clone(), None);
    let mut tell = move |why: Option<String>| {
        // Each reason once: a watch that can't be had is tried for again with every second.
        if let Some(why) = why.filter(|why| told.as_ref() != Some(why)) {
            let path = printable(path.as_path());
            warn!(%path, "no changes are reported: {why}; looking ten times a second instead");
            told = Some(why);
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
