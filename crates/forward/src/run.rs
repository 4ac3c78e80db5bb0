//! All chains to all sinks.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auditseal_delivery::{ParcelLimits, Selection, SinkKind, SinkUrl};
use auditseal_format::{Origin, Time};
use auditseal_predicate::Predicate;
use auditseal_reader::{Source, Window};
use auditseal_spool::StateDir;
use tokio::sync::{mpsc, watch};

use crate::disk::RealDisk;
use crate::feed::{Outlet, Shares};
use crate::follow::{FollowOptions, Follower};
use crate::followed::{Archived, Followed};
use crate::lane::SinkLane;
use crate::ledger::{Ledger, LedgerError, LedgerPaths};
use crate::sender::Sender;
use crate::tally::{ForwardTally, LaneState, get};

/// Parcels of a chain that wait for their sink.
const AHEAD: usize = 1;
/// How often what a sink has is made durable, where a line that is handed over twice is there once.
const COMMIT: Duration = Duration::from_secs(1);
/// Lines of a parcel.
pub(crate) const LINES: usize = 5000;

/// What is handed over, and where.
#[derive(Debug)]
pub struct ForwardOptions {
    /// The chains.
    pub chains: Vec<Followed>,
    /// The sinks.
    pub sinks: Vec<SinkUrl>,
    /// The folder of positions and dead letters, for this process alone.
    pub state: PathBuf,
    /// Only lines of which this isn't false.
    pub predicate: Option<Predicate>,
    /// Only lines of this time on.
    pub since: Option<Time>,
    /// End when all that stands there is handed over.
    pub once: bool,
}

/// Why nothing could be handed over.
#[derive(Debug)]
pub enum NotForwarded {
    /// The state directory can't be used.
    State(auditseal_spool::Error),
    /// A sink's state can't be used.
    Ledger(LedgerError),
    /// Two sinks have one name.
    SameName(String),
    /// Two sinks are one file.
    SameFile(PathBuf),
    /// A sink's file can't be used.
    File(PathBuf, io::Error),
    /// Another process writes a sink's file.
    Taken(PathBuf),
}

impl fmt::Display for NotForwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(error) => write!(f, "{error}"),
            Self::Ledger(error) => write!(f, "{error}"),
            Self::SameName(name) => write!(f, "choose sinks: two of them are called {name}"),
            Self::SameFile(path) => {
                write!(f, "choose sinks: two of them are the file {}", path.display())
            }
            Self::File(path, error) => write!(f, "open {}: {error}", path.display()),
            Self::Taken(path) => write!(f, "open {}: another process writes it", path.display()),
        }
    }
}

impl std::error::Error for NotForwarded {}

impl NotForwarded {
    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::State(_) => Some(
                "--forward-state is for one process at a time, in a folder that this user may write",
            ),
            Self::Ledger(error) => error.hint(),
            Self::SameName(_) => {
                Some("give each sink a name of its own: ?name=NAME behind its URL")
            }
            Self::SameFile(_) => Some("give each sink a file of its own"),
            Self::File(..) => Some("its folder must be there, and this user may write in it"),
            Self::Taken(_) => Some(
                "a sink's file is for one process at a time: end the other one, or name another file",
            ),
        }
    }
}

/// What came of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// What it is called.
    pub sink: String,
    /// Lines that it was handed in this run.
    pub lines: u64,
    /// Lines that it refused in this run.
    pub refused: u64,
    /// Lines that were too long for it, and cut.
    pub cut: u64,
    /// What was found wrong with the chains.
    pub findings: u64,
    /// Chains that weren't gone on with, why, and whether the archive is at fault.
    pub blocked: Vec<(Origin, String, bool)>,
    /// Chains of which something is left that was to be handed over: it was stopped before.
    pub left: Vec<Origin>,
    /// Why its state couldn't be written at the end.
    pub uncommitted: Option<String>,
}

/// Follows the chains, and hands their lines over to each sink, until it is to stop or, with `once`, until all that
/// stands there is handed over.
///
/// # Errors
/// [`NotForwarded`], before anything is handed over.
pub async fn forward(
    place: &Archived,
    options: ForwardOptions,
    tally: &ForwardTally,
    stop: watch::Receiver<bool>,
) -> Result<Vec<Handed>, NotForwarded> {
    let mut names = BTreeSet::new();
    if let Some(same) = options.sinks.iter().find(|sink| !names.insert(sink.name.clone())) {
        return Err(NotForwarded::SameName(same.name.clone()));
    }
    let _state = StateDir::open(&options.state).map_err(NotForwarded::State)?;
    let _locks = locks(&options.sinks)?;
    let mut sinks = Vec::new();
    for sink in &options.sinks {
        sinks.push((sink.clone(), Arc::new(open(&options, sink, tally)?)));
    }
    let source = Source::new(Arc::clone(&place.store));
    let running =
        sinks.iter().map(|(url, sink)| run_sink(place, &source, &options, (url, sink), &stop));
    Ok(futures::future::join_all(running).await)
}

/// Locks the files of sinks, each of which must be another one and nobody else's.
fn locks(sinks: &[SinkUrl]) -> Result<Vec<File>, NotForwarded> {
    let (mut known, mut locks) = (BTreeSet::new(), Vec::new());
    for sink in sinks.iter().filter(|sink| sink.kind == SinkKind::File) {
        let path = Path::new(&sink.address);
        let failed = |error| NotForwarded::File(path.to_owned(), error);
        if path.metadata().is_ok_and(|about| !about.is_file()) {
            return Err(failed(io::Error::other("it is no file")));
        }
        // Audit events can hold secrets: for the owner alone.
        let mut options = File::options();
        let file = options.append(true).create(true).mode(0o600).open(path).map_err(failed)?;
        let about = file.metadata().map_err(failed)?;
        if !known.insert((about.dev(), about.ino())) {
            return Err(NotForwarded::SameFile(path.to_owned()));
        }
        match file.try_lock() {
            Ok(()) => locks.push(file),
            Err(TryLockError::WouldBlock) => return Err(NotForwarded::Taken(path.to_owned())),
            // A file system without locks can't tell.
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
    Ok(locks)
}

fn open(
    options: &ForwardOptions,
    url: &SinkUrl,
    tally: &ForwardTally,
) -> Result<SinkLane, NotForwarded> {
    let file = (url.kind == SinkKind::File).then(|| PathBuf::from(&url.address));
    let paths = LedgerPaths { folder: options.state.clone(), name: url.name.clone(), file };
    let ledger =
        Ledger::open(Box::new(RealDisk), paths, url.plain()).map_err(NotForwarded::Ledger)?;
    Ok(SinkLane {
        name: url.name.clone(),
        sender: Sender::new(url.clone()),
        ledger: Arc::new(Mutex::new(ledger)),
        tally: tally.sink(&url.name),
        exactly_once: url.kind.is_exactly_once(),
        row: Mutex::new(0),
    })
}

async fn run_sink(
    place: &Archived,
    source: &Source,
    options: &ForwardOptions,
    (url, sink): (&SinkUrl, &Arc<SinkLane>),
    stop: &watch::Receiver<bool>,
) -> Handed {
    let shares = Shares::default();
    let lanes = options.chains.iter().map(|chain| {
        let (root, shares, stop) = (chain.root(place), shares.clone(), stop.clone());
        async move {
            let (origin, at) = (&chain.origin, chain.origin.clone());
            let position = sink.with_ledger(move |ledger| ledger.position(&at)).await;
            // Of a chain of which the sink has something, all that follows is wanted, however late it comes.
            let since = options.since.filter(|_| position.is_none());
            let follow = FollowOptions {
                window: Window { since, until: None },
                once: options.once,
                limits: ParcelLimits { bytes: url.request, lines: LINES },
                selection: Selection::new(options.predicate.clone(), since),
                readers: options.chains.len(),
            };
            let (to, parcels) = mpsc::channel(AHEAD);
            let outlet = Outlet::new(to, shares, position);
            let lane = sink.tally.lane(origin);
            let follower =
                Follower::new(chain, (source, root), follow, outlet, (position, Arc::clone(&lane)));
            let following = follower.run(stop.clone());
            let (handed, ()) = tokio::join!(following, sink.deliver(origin, parcels, stop));
            let at = origin.clone();
            let settled = sink.with_ledger(move |ledger| ledger.position(&at)).await;
            let state = lane.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let left = !state.caught_up || handed != settled;
            (options.once && left && state.blocked.is_none()).then(|| origin.clone())
        }
    });
    let committing = async {
        loop {
            tokio::time::sleep(COMMIT).await;
            commit(sink).await;
        }
    };
    let left = tokio::select! {
        left = futures::future::join_all(lanes) => left.into_iter().flatten().collect(),
        () = committing => Vec::new(),
    };
    let uncommitted = commit(sink).await;
    handed(sink, left, uncommitted)
}

/// Makes durable what the sink has; why it couldn't be.
async fn commit(sink: &SinkLane) -> Option<String> {
    match sink.with_ledger(Ledger::commit).await {
        Ok(()) => None,
        Err(error) => {
            sink.state_failed(&error);
            Some(error.to_string())
        }
    }
}

fn handed(sink: &SinkLane, left: Vec<Origin>, uncommitted: Option<String>) -> Handed {
    let lanes = sink.tally.lanes.lock().unwrap_or_else(PoisonError::into_inner);
    let blocked = lanes.iter().filter_map(|(origin, lane)| {
        let LaneState { blocked, .. } =
            lane.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        blocked.map(|(why, at_fault)| (origin.clone(), why, at_fault))
    });
    Handed {
        sink: sink.name.clone(),
        lines: get(&sink.tally.lines),
        refused: get(&sink.tally.refused),
        cut: get(&sink.tally.cut),
        findings: lanes.values().map(|lane| get(&lane.findings)).sum(),
        blocked: blocked.collect(),
        left,
        uncommitted,
    }
}
