//! How the chains begin.
//!
//! ```text
//!   all of them            each by itself                        all of them
//!  key ──▶ lock ──▶ source ──▶ apart? ──▶ spool ──▶ Gate ──▶ the chain begins (chain.rs)
//!                     │ its disk hangs                ▲
//!                     └── named, and waited for ──────┘ alone: the gate opens without it
//! ```
//!
//! What is refused is refused before anything begins, as long as the disks answer: that is what the
//! gate is for. Where one doesn't, its chain alone waits, and what it is refused for ends the process
//! when the disk has told it.

use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use auditseal_format::{Origin, printable};
use auditseal_note::{Signer as _, VerifierKey};
use auditseal_spool::{Spool, StateDir, failpoint};
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::keyfile::signer_for;
use crate::patience::Patience;
use crate::place::{Apart, Place};
use crate::pulse::{Disk, Pulse, SILENT};
use crate::settings::SourceSpec;
use crate::worker::off_loop;
use crate::{Error, ErrorKind, Mode, Settings};

/// How long chains that are open wait for those that aren't.
const TOGETHER: Duration = Duration::from_secs(2);

/// Checks what is wanted against the node, without changing anything on it: sources, names, key. What
/// gives no answer for as long as `patience` is passed over, and not waited for any more. Gives the key
/// that the chains are verified by, where its disk told it.
///
/// # Errors
/// [`Error`] as [`crate::run`] would have it; of several, the command line's first.
pub fn check(settings: &Settings, patience: Duration) -> Result<Option<String>, Error> {
    let (until, apart) = (Instant::now() + patience, Arc::new(Apart::default()));
    let mut sources = Vec::new();
    for (nth, origin) in origins(settings)?.into_iter().enumerate() {
        let (settings, apart) = (settings.clone(), Arc::clone(&apart));
        let find = move || find(&settings, nth, origin, &apart).map(drop);
        sources.push(ask(find)?);
    }
    let (path, chains) = (settings.key.clone(), origins(settings)?);
    let read = move || signer_for(&path, &chains.iter().collect::<Vec<_>>());
    let key = ask(move || read().map(|signer| signer.key().to_string()))?;
    for source in sources {
        answered(&source, until)?;
    }
    answered(&key, until)
}

type Answer<T> = mpsc::Receiver<Result<T, Error>>;

/// Asks a disk on a thread of its own.
fn ask<T: Send + 'static>(
    question: impl FnOnce() -> Result<T, Error> + Send + 'static,
) -> Result<Answer<T>, Error> {
    let (answer, answered) = mpsc::channel();
    thread::Builder::new()
        .name("check".to_owned())
        // Nobody may wait for it any more.
        .spawn(move || drop(answer.send(question())))
        .map_err(|e| Error::new(ErrorKind::Other, "start thread", e))?;
    Ok(answered)
}

/// What was answered until then.
fn answered<T>(answer: &Answer<T>, until: Instant) -> Result<Option<T>, Error> {
    match answer.recv_timeout(until.saturating_duration_since(Instant::now())) {
        Ok(answer) => answer.map(Some),
        Err(mpsc::RecvTimeoutError::Timeout) => Ok(None),
        Err(panicked) => Err(Error::new(ErrorKind::Other, "check the node", panicked)),
    }
}

/// The chains' names, in the order of the command line.
pub(crate) fn origins(settings: &Settings) -> Result<Vec<Origin>, Error> {
    let mut origins: Vec<Origin> = Vec::new();
    for SourceSpec { name, .. } in &settings.sources {
        let origin = Origin::new(&settings.cluster, &settings.node, name)
            .map_err(|e| Error::new(ErrorKind::Usage, "name the chain", e))?;
        if origins.contains(&origin) {
            let what = format!("open source {name}");
            return Err(Error::new(ErrorKind::Usage, &what, "two sources have this name"));
        }
        origins.push(origin);
    }
    Ok(origins)
}

/// Finds the log of the `nth` source.
fn find(settings: &Settings, nth: usize, origin: Origin, apart: &Apart) -> Result<Place, Error> {
    let must_be = settings.mode == Mode::OneShot && !settings.retire;
    let (spec, owners) = (&settings.sources[nth], settings.accept_owners.clone());
    apart.add(nth, Place::find(spec, origin, owners, must_be)?)
}

/// What isn't done before a disk answers that all need, and one that a single source needs.
const ALL_WAIT: &str = "nothing is archived before it answers";
const ONE_WAITS: &str = "it is archived when it answers; the others go on";

/// Reads the key that all chains are signed with.
pub(crate) async fn key(settings: &Settings, pulses: &[Arc<Pulse>]) -> Result<VerifierKey, Error> {
    let (path, chains) = (settings.key.clone(), origins(settings)?);
    let read = move || signer_for(&path, &chains.iter().collect::<Vec<_>>());
    let silence = Silence { disk: Disk::Key, of: "the key", path: &settings.key, course: ALL_WAIT };
    silence.named(pulses, move || Ok(read()?.key().clone())).await
}

/// Locks the state directory that all chains have in common.
pub(crate) async fn lock(
    settings: &Settings,
    pulses: &[Arc<Pulse>],
    stop: &watch::Receiver<bool>,
) -> Result<StateDir, Error> {
    let (path, course) = (&settings.state, ALL_WAIT);
    let silence = Silence { disk: Disk::State, of: "the state directory", path, course };
    let mut patience = Patience::new();
    loop {
        let path = settings.state.clone();
        let open = move || {
            let state = StateDir::open(&path)?;
            failpoint!("agent.start.locked");
            let open = state.open_to_others();
            Ok((state, open))
        };
        match silence.named(pulses, open).await {
            Ok((state, open)) => {
                for (path, mode) in open {
                    let path = printable(path.as_os_str());
                    warn!("others may open {path} (mode {mode:04o}): chmod go= it");
                }
                return Ok(state);
            }
            Err(error) => patience.wait_out(error, settings, stop).await?,
        }
    }
}

/// What one chain is opened with.
pub(crate) struct Opening {
    pub(crate) settings: Arc<Settings>,
    /// Which `--source` it is.
    pub(crate) nth: usize,
    pub(crate) origin: Origin,
    pub(crate) apart: Arc<Apart>,
    pub(crate) state: Arc<StateDir>,
    pub(crate) pulse: Arc<Pulse>,
}

impl Opening {
    /// Opens the source and its spool.
    pub(crate) async fn open(&self, stop: &watch::Receiver<bool>) -> Result<(Place, Spool), Error> {
        let pulses = std::slice::from_ref(&self.pulse);
        let (settings, apart) = (Arc::clone(&self.settings), Arc::clone(&self.apart));
        let (nth, origin) = (self.nth, self.origin.clone());
        let (path, course) = (self.source(), ONE_WAITS);
        let silence = Silence { disk: Disk::Source, of: "this source", path, course };
        let place = silence.named(pulses, move || find(&settings, nth, origin, &apart)).await?;
        let (path, mut patience) = (self.spool(), Patience::new());
        let silence = Silence { disk: Disk::State, of: "this source's spool", path: &path, course };
        loop {
            let (state, origin) = (Arc::clone(&self.state), self.origin.clone());
            match silence.named(pulses, move || Ok(state.spool(&origin)?)).await {
                Ok(spool) => return Ok((place, spool)),
                Err(error) => patience.wait_out(error, &self.settings, stop).await?,
            }
        }
    }

    /// The operator's path.
    pub(crate) fn source(&self) -> &Path {
        &self.settings.sources[self.nth].path
    }

    /// The spool's directory.
    pub(crate) fn spool(&self) -> PathBuf {
        self.state.path(&self.origin)
    }
}

/// How it is said of a disk that it gives no answer.
struct Silence<'a> {
    disk: Disk,
    /// Whose disk it is.
    of: &'static str,
    path: &'a Path,
    /// What isn't done before it answers.
    course: &'static str,
}

impl Silence<'_> {
    /// Does what waits for the disk, on a thread that it may keep. Where there is no answer for long,
    /// it is said, once; `pulses` show it all the while, also when nobody waits for it any more.
    async fn named<T: Send + 'static>(
        &self,
        pulses: &[Arc<Pulse>],
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let begun = Instant::now();
        let works: Vec<_> =
            pulses.iter().map(|pulse| pulse.work(self.disk, "open", begun)).collect();
        let mut answer = pin!(off_loop(move || {
            let _works = works;
            work()
        }));
        if let Ok(answer) = tokio::time::timeout(SILENT, &mut answer).await {
            return answer;
        }
        let Self { of, course, .. } = self;
        let (path, seconds) = (printable(self.path), SILENT.as_secs());
        warn!(
            "{path} has given no answer for {seconds} s: the disk of {of} hangs, or is slow: {course}"
        );
        let answer = answer.await;
        info!("{path} has answered, after {} s", begun.elapsed().as_secs());
        answer
    }
}

/// Says which directory kept the chain from its end. Who restarts it at 3 a.m. must learn that the
/// disk is to be seen to, and not the program.
pub(crate) fn say_what_hangs(
    origin: &Origin,
    pulse: &Pulse,
    disks: [(Disk, &Path); 2],
    least: Duration,
) {
    let now = Instant::now();
    for (disk, path) in disks {
        if let Some((what, time)) = pulse.waits(disk, now).filter(|(_, time)| *time >= least) {
            let (path, seconds) = (printable(path), time.as_secs());
            error!(%origin, "{path} has given no answer for {seconds} s ({what}): its disk hangs, or is slow; what isn't sealed is sealed after the next start");
        }
    }
}

/// Where chains wait for each other before they begin, for as long as a disk that answers may take.
#[derive(Debug)]
pub(crate) struct Gate {
    missing: watch::Sender<usize>,
    until: tokio::time::Instant,
}

impl Gate {
    /// For so many.
    pub(crate) fn new(chains: usize) -> Self {
        Self::within(chains, TOGETHER)
    }

    fn within(chains: usize, patience: Duration) -> Self {
        let until = tokio::time::Instant::now() + patience;
        Self { missing: watch::Sender::new(chains), until }
    }

    /// Returns when all have come, or aren't waited for any more.
    pub(crate) async fn pass(&self) {
        self.missing.send_modify(|missing| *missing = missing.saturating_sub(1));
        let mut missing = self.missing.subscribe();
        let all = missing.wait_for(|missing| *missing == 0);
        // That the time is over is as good.
        drop(tokio::time::timeout_at(self.until, all).await);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn chains_begin_together() {
        let gate = Gate::within(2, Duration::from_secs(3600));
        let mut first = pin!(gate.pass());
        let early = tokio::time::timeout(Duration::from_millis(50), &mut first).await;
        assert!(early.is_err(), "the other one may yet be refused");
        tokio::join!(first, gate.pass());
    }

    #[tokio::test]
    async fn chains_wait_for_none_that_hangs() {
        let gate = Gate::within(3, Duration::from_millis(50));
        let pass = || tokio::time::timeout(Duration::from_secs(60), gate.pass());
        pass().await.expect("it begins without the other two");
        pass().await.expect("whoever is late waits for nobody");
    }
}
