//! One chain's spool, and the one thread that is at it.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Instant;

use auditseal_spool::Spool;

use crate::Error;
use crate::lock::{Locked, locked, unless_held};
use crate::pulse::{Disk, Pulse};
use crate::worker::Worker;

/// Does everything that waits for a spool's disk, one thing after the other, in the order in which it
/// was asked for, where it holds up nothing else: a disk that hangs keeps this thread.
///
/// A thread of its own, and none of a pool's: look-ups of names share that, and a resolver that is
/// silent would hold up commits.
#[derive(Debug, Clone)]
pub(crate) struct Spooler {
    spool: Arc<Mutex<Spool>>,
    worker: Arc<Worker>,
    /// Where it is: known also while its disk hangs.
    path: PathBuf,
    /// Where it shows that something waits for its disk.
    pulse: Arc<Pulse>,
}

impl Spooler {
    pub(crate) fn new(spool: Spool, pulse: &Arc<Pulse>) -> Result<Self, Error> {
        let worker = Arc::new(Worker::new("spool", 1)?);
        let path = spool.path().to_owned();
        Ok(Self { spool: Arc::new(Mutex::new(spool)), worker, path, pulse: Arc::clone(pulse) })
    }

    /// The spool's directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Does this when all that was asked for before is done; by that name it shows where it hangs.
    pub(crate) fn run<T, W>(
        &self,
        name: &'static str,
        work: W,
    ) -> impl Future<Output = Result<T, Error>> + use<T, W>
    where
        T: Send + 'static,
        W: FnOnce(&mut Spool) -> Result<T, Error> + Send + 'static,
    {
        let spool = Arc::clone(&self.spool);
        let waits = self.pulse.work(Disk::State, name, Instant::now());
        self.worker.run(move || {
            let _waits = waits;
            work(&mut locked(&spool))
        })
    }

    /// The spool, if its thread isn't at it: whoever waited for it would wait for the disk.
    pub(crate) fn idle(&self) -> Option<Locked<'_, Spool>> {
        unless_held(&self.spool)
    }
}
