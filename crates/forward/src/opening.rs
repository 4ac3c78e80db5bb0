//! How sinks begin: each on a thread of its own, so that a disk that hangs holds up no other.

use std::collections::BTreeSet;
use std::fs::{File, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auditseal_delivery::{SinkKind, SinkUrl};
use auditseal_spool::StateDir;

use crate::disk::Disk;
use crate::keeper::{Keeper, Opening};
use crate::lane::SinkLane;
use crate::ledger::{Ledger, LedgerPaths};
use crate::pulse::{Felt, Pulse};
use crate::refusal::NotForwarded;
use crate::sender::Sender;
use crate::tally::SinkTally;

/// Files of sinks, by device and inode.
type Known = Arc<Mutex<BTreeSet<(u64, u64)>>>;

/// A sink that is being opened.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) url: SinkUrl,
    pub(crate) sink: Arc<SinkLane>,
    opening: Option<Opening<Option<File>, NotForwarded>>,
    /// The lock of its file.
    lock: Option<File>,
}

impl Begun {
    /// Waits until it is open.
    pub(crate) async fn opened(&mut self) -> Result<(), NotForwarded> {
        if let Some(opening) = &mut self.opening {
            self.lock = opening.done().await?;
            self.opening = None;
        }
        Ok(())
    }
}

/// Opens the state directory, unless it takes too long.
pub(crate) async fn state(
    path: &Path,
    overdue: impl Future<Output = ()>,
) -> Result<StateDir, NotForwarded> {
    let (pulse, folder) = (Arc::new(Pulse::default()), path.to_owned());
    let felt = Arc::clone(&pulse);
    let open =
        move || felt.during("open", &folder, || StateDir::open(&folder)).map(|state| ((), state));
    let (_thread, mut opening) = Keeper::start("state", open).map_err(NotForwarded::Thread)?;
    tokio::select! {
        state = opening.done() => state.map_err(NotForwarded::State),
        () = overdue => {
            let silent = pulse.silent(Duration::ZERO);
            Err(NotForwarded::Silent(silent.unwrap_or_else(|| format!("open {}: its disk has given no answer", path.display()))))
        }
    }
}

/// Begins to open a sink, on this disk.
pub(crate) fn begin(
    (state, once): (&Path, bool),
    (url, disk): (&SinkUrl, Box<dyn Disk>),
    tally: Arc<SinkTally>,
    known: &Known,
) -> Result<Begun, NotForwarded> {
    let file = (url.kind == SinkKind::File).then(|| PathBuf::from(&url.address));
    let paths =
        LedgerPaths { folder: state.to_owned(), name: url.name.clone(), file: file.clone() };
    let pulse = Arc::new(Pulse::default());
    let (felt, known, plain) = (Arc::clone(&pulse), Arc::clone(known), url.plain().to_owned());
    let open = move || {
        let lock = match &file {
            Some(path) => felt.during("open", path, || lock(path, &known))?,
            None => None,
        };
        let disk = Felt { disk, pulse: felt };
        let ledger = Ledger::open(Box::new(disk), paths, &plain).map_err(NotForwarded::Ledger)?;
        Ok((ledger, lock))
    };
    let (keeper, opening) = Keeper::start(&url.name, open).map_err(NotForwarded::Thread)?;
    let sender = Sender::new(url.clone());
    let sink = SinkLane::new((url.name.clone(), once), sender, (keeper, pulse), tally);
    Ok(Begun { url: url.clone(), sink: Arc::new(sink), opening: Some(opening), lock: None })
}

/// Locks the file of a sink, which must be another one than the known ones and nobody else's. A file system without
/// locks can't tell.
fn lock(path: &Path, known: &Known) -> Result<Option<File>, NotForwarded> {
    let failed = |error| NotForwarded::File(path.to_owned(), error);
    if path.metadata().is_ok_and(|about| !about.is_file()) {
        return Err(failed(io::Error::other("it is no file")));
    }
    // Audit events can hold secrets: for the owner alone.
    let mut options = File::options();
    let file = options.append(true).create(true).mode(0o600).open(path).map_err(failed)?;
    let about = file.metadata().map_err(failed)?;
    let id = (about.dev(), about.ino());
    if !known.lock().unwrap_or_else(PoisonError::into_inner).insert(id) {
        return Err(NotForwarded::SameFile(path.to_owned()));
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(NotForwarded::Taken(path.to_owned())),
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(None),
        Err(TryLockError::Error(error)) => Err(failed(error)),
    }
}
