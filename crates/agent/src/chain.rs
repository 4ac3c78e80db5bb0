//! Runs the chains of all sources, and starts one again where the protocol says so.

use std::sync::Arc;
use std::time::{Duration, Instant};

use auditseal_format::{Hash, Origin, printable};
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_observe::State;
use auditseal_reader::Judged;
use auditseal_shipper::{Backoff, Config, End, Fork, Mode, Seqs, Shipper};
use auditseal_spool::StateDir;
use auditseal_store::Store;
use auditseal_tail::fs::Manners;
use auditseal_tail::{History, Reports, Throttle};
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::{error, info, warn};

use crate::adopt::adopt;
use crate::apiserver::{Counts, count};
use crate::clock::nanos;
use crate::clock::{Clock, machine_id};
use crate::finals::Backups;
use crate::fork;
use crate::guard::Guard;
use crate::hands::{Hands, overdue, stopped};
use crate::keyfile::signer_for;
use crate::opening::{Gate, Opening, say_what_hangs};
use crate::patience::Patience;
use crate::place::{Apart, Place};
use crate::progress::ChainProgress;
use crate::pulse::Disk;
use crate::repack::Making;
use crate::settings::backoff;
use crate::source::{Source, watch as watch_path};
use crate::spooler::Spooler;
use crate::start::{Asking, Finder, beside_another, past, read_seal};
use crate::tally::Tally;
use crate::worker::off_loop;
use crate::{Error, ErrorKind, Progress, Settings, opening, pipeline};

/// After a stop, how long disk and store may take to tell where the chain goes on: where they do, what
/// is there is sealed before the end. A disk that takes longer when the chain ends is named.
const ANSWER: Duration = Duration::from_secs(1);

/// How long the disk may take to tell a chain's newest seal when the chain has ended.
const LAST_LOOK: Duration = Duration::from_secs(2);

/// What came of one chain.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The chain.
    pub origin: Origin,
    /// How it ended.
    pub end: End,
    /// What was done.
    pub tally: Tally,
    /// What the store had of the chain and lacks, and the chain has gone on without, as told.
    pub without: Vec<Seqs>,
    /// Files beside the log that look related and aren't archived, escaped, as a list for people;
    /// of many, the first ones and how many others.
    pub strangers: Option<String>,
    /// The newest seal on the node.
    pub head: Option<(u64, Hash)>,
}

/// Archives all sources until they are done, or `stop` turns true.
///
/// # Errors
/// [`Error`] when a source, the key or the state directory can't be used. A chain that ends
/// otherwise says so in its [`Outcome`].
pub async fn run(
    settings: Settings,
    store: Arc<dyn Store>,
    clock: Clock,
    progress: Arc<Progress>,
    stop: watch::Receiver<bool>,
) -> Result<Vec<Outcome>, Error> {
    let settings = Arc::new(settings);
    let origins = opening::origins(&settings)?;
    let shown: Vec<_> = origins
        .iter()
        .map(|origin| progress.chain(origin, settings.spool_limit, settings.window))
        .collect();
    let state = tokio::select! {
        opened = in_common(&settings, &progress, &shown, &stop) => opened?,
        () = overdue(stop.clone(), settings.grace) => {
            let (key, state) = (printable(&settings.key), printable(&settings.state));
            let why = "stopped before the disk of one of them gave an answer";
            return Err(Error::new(ErrorKind::Other, &format!("open {key}, {state}"), why));
        }
    };
    let manners = Manners {
        // The daemon reads what was just written, and is in memory for its writer's sake.
        drop_cache: settings.mode == Mode::OneShot,
        throttle: settings.rate_limit.map(|rate| Arc::new(Throttle::new(rate))),
    };
    let (apart, gate) = (Arc::new(Apart::default()), Arc::new(Gate::new(origins.len())));
    let mut chains = JoinSet::new();
    for (nth, (origin, progress)) in origins.into_iter().zip(shown).enumerate() {
        let opening = Opening {
            settings: Arc::clone(&settings),
            nth,
            origin,
            apart: Arc::clone(&apart),
            state: Arc::clone(&state),
            pulse: Arc::clone(&progress.pulse),
        };
        let begin = Begin {
            opening,
            gate: Arc::clone(&gate),
            store: Arc::clone(&store),
            clock: Arc::clone(&clock),
            progress,
            manners: manners.clone(),
        };
        chains.spawn(begin.run(stop.clone()));
    }
    let mut outcomes = Vec::new();
    while let Some(ended) = chains.join_next().await {
        // One chain that can't go on at all ends the others: whoever watches must see it.
        outcomes.push(ended.map_err(|e| Error::new(ErrorKind::Other, "run chain", e))??);
    }
    outcomes.sort_by(|a, b| a.origin.cmp(&b.origin));
    Ok(outcomes)
}

/// Opens what all chains have in common: the key, and the lock of the state directory.
async fn in_common(
    settings: &Settings,
    progress: &Progress,
    chains: &[Arc<ChainProgress>],
    stop: &watch::Receiver<bool>,
) -> Result<Arc<StateDir>, Error> {
    let pulses: Vec<_> = chains.iter().map(|chain| Arc::clone(&chain.pulse)).collect();
    let vkey = opening::key(settings, &pulses).await?.to_string();
    // A key that was made on the node is known to nobody before: this line is where it is reported.
    info!(vkey, "signing");
    progress.key(vkey);
    Ok(Arc::new(opening::lock(settings, &pulses, stop).await?))
}

/// A chain that isn't open yet.
struct Begin {
    opening: Opening,
    gate: Arc<Gate>,
    store: Arc<dyn Store>,
    clock: Clock,
    progress: Arc<ChainProgress>,
    manners: Manners,
}

impl Begin {
    async fn run(self, stop: watch::Receiver<bool>) -> Result<Outcome, Error> {
        let overdue = overdue(stop.clone(), self.opening.settings.grace);
        tokio::pin!(overdue);
        let opened = tokio::select! {
            opened = self.opening.open(&stop) => opened?,
            () = &mut overdue => return Ok(self.unopened()),
        };
        self.gate.pass().await;
        let Self { opening, gate: _, store, clock, progress, manners } = self;
        let (settings, (place, spool)) = (opening.settings, opened);
        let (spool, judged) = (Spooler::new(spool, &progress.pulse)?, Judged::default());
        let chain = Chain { settings, place, spool, store, clock, progress, manners, judged };
        chain.run(overdue, stop).await
    }

    /// It was stopped before its disk gave an answer.
    fn unopened(&self) -> Outcome {
        let (opening, origin) = (&self.opening, self.opening.origin.clone());
        warn!(%origin, "stopped before the chain was open: what is in its log and its spool stays there");
        let (source, spool) = (opening.source(), opening.spool());
        let disks = [(Disk::Source, source), (Disk::State, spool.as_path())];
        say_what_hangs(&origin, &self.progress.pulse, disks, ANSWER);
        self.progress.pulse.ended();
        self.progress.enter(State::Ended);
        let tally = self.progress.tally();
        Outcome { origin, end: End::Stopped, tally, without: vec![], strangers: None, head: None }
    }
}

struct Chain {
    settings: Arc<Settings>,
    place: Place,
    spool: Spooler,
    store: Arc<dyn Store>,
    clock: Clock,
    progress: Arc<ChainProgress>,
    manners: Manners,
    judged: Judged,
}

impl Chain {
    async fn run(
        self,
        overdue: impl Future<Output = ()>,
        stop: watch::Receiver<bool>,
    ) -> Result<Outcome, Error> {
        let mut linger = stop.clone();
        let end = tokio::select! {
            end = self.run_to_end(stop) => end?,
            () = overdue => End::Stopped,
        };
        self.progress.pulse.ended();
        let origin = self.place.origin.clone();
        self.conclude(&end);
        self.linger(&end, &mut linger).await;
        let tally = self.progress.tally();
        let (without, strangers) = self.progress.facts().of_outcome();
        Ok(Outcome { origin, end, tally, without, strangers, head: self.head().await? })
    }

    /// Says how the chain ended. With `stay_on_fork`, a fork keeps the process alive, not ready: to
    /// restart it again and again would help nobody.
    async fn linger(&self, end: &End, stop: &mut watch::Receiver<bool>) {
        let End::Forked(key, fork) = end else { return self.progress.enter(State::Ended) };
        self.progress.enter(State::Forked(match fork {
            Fork::BegunTwice(_) => {
                format!("the chain was begun twice, and {key} is another beginning")
            }
            Fork::Other(_) => format!("another writer has {key}; restarting can't help"),
        }));
        if self.settings.stay_on_fork {
            stopped(stop).await;
        }
    }

    /// Reads the apiserver's count, if this source was given one, until it is dropped.
    fn count(&self) -> Option<Counts> {
        let spec = self.settings.apiserver.as_ref()?;
        let ours = spec.source.as_deref().is_none_or(|name| name == self.place.origin.source());
        ours.then(|| count(spec.clone(), Arc::clone(&self.progress), Arc::clone(&self.clock)))
    }

    async fn run_to_end(&self, stop: watch::Receiver<bool>) -> Result<End, Error> {
        let bell = Arc::new(Notify::new());
        let live = self.settings.mode == Mode::Live;
        let (path, ringing) = (self.place.path.clone(), Arc::clone(&bell));
        let work = self.progress.pulse.work(Disk::Source, "watch", Instant::now());
        let watching = move || {
            let _work = work;
            Ok(live.then(|| watch_path(&path, &ringing)))
        };
        let reports = off_loop(watching).await?;
        let config = self.config();
        let guard = self.guard(config.backoff);
        let counts = self.count();
        let mut patience = Patience::new();
        loop {
            let begun = Instant::now();
            // Begun again it goes on from the spool, as after a crash.
            match self.run_from_spool(&config, (&bell, &reports, &counts), &guard, &stop).await {
                Err(error) => {
                    // A full disk is no hang, and a restart would bring no room.
                    self.progress.pulse.opening();
                    if begun.elapsed() > self.settings.retry.1 {
                        patience.renew();
                    }
                    patience.wait_out(error, &self.settings, &stop).await?;
                }
                end => return end,
            }
        }
    }

    async fn run_from_spool(
        &self,
        config: &Config,
        (bell, reports, counts): (&Arc<Notify>, &Option<Reports>, &Option<Counts>),
        guard: &Arc<Guard>,
        stop: &watch::Receiver<bool>,
    ) -> Result<End, Error> {
        let mut restarts = 0;
        loop {
            self.progress.enter(State::Starting);
            let (signer, asking) = self.asking(config).await?;
            if let Some(end) = self.spool.run("read fork", |spool| fork::read(spool)).await? {
                return Ok(end);
            }
            let past = tokio::select! {
                past = past(&self.spool, &asking, restarts > 0) => past?,
                // Nothing is sealed before it is known where the chain goes on.
                () = overdue(stop.clone(), ANSWER) => return Ok(End::Stopped),
            };
            if past.start.spooled.is_empty() && past.start.head.is_some() {
                guard.stored(false);
            }
            let head = past.start.head.as_ref().map(|head| &head.seal);
            self.progress.facts().begins(head, &past.start.spooled);
            let mut hands = Hands::new(
                (self.place.clone(), self.source(past.history, reports)),
                self.spool.clone(),
                (asking.finder.clone(), Arc::clone(guard)),
                Arc::clone(&self.clock),
                ((self.settings.compression, self.place.times), self.settings.jobs),
                Arc::clone(&self.progress),
                (Arc::clone(bell), counts.clone()),
            )?;
            let (compression, now) = (self.settings.compression, hands.now());
            let shipper =
                Shipper::new(config.clone(), compression, Box::new(signer), past.start, now);
            let end = pipeline::run(shipper, &mut hands, stop.clone()).await;
            // What is under way may take its time: no loop turns any more.
            self.progress.pulse.opening();
            hands.settle().await;
            guard.settle(self.settings.grace / 4).await;
            guard.refusal()?;
            match end? {
                Some(End::Foreign(_, other)) => return Err(beside_another(&asking, &other)),
                Some(end) => return Ok(end),
                None => {
                    // A store whose listing and whose objects disagree would have us turn for ever.
                    let wait = Duration::from_nanos(config.backoff.wait(restarts));
                    if restarts > 0 && self.wait_or_stop(wait, stop).await {
                        return Ok(End::Stopped);
                    }
                    restarts += 1;
                    // Nothing is read of the source before the store has told what is to be adopted.
                    self.progress.enter(State::Starting);
                    let making = self.making(config.clone()).await?;
                    if let Some(end) = adopt(&self.spool, &asking, making).await? {
                        return Ok(end);
                    }
                }
            }
        }
    }

    async fn making(&self, config: Config) -> Result<Making, Error> {
        let (settings, origin) = (Arc::clone(&self.settings), self.place.origin.clone());
        let work = self.progress.pulse.work(Disk::Key, "read", Instant::now());
        let signer = off_loop(move || {
            let _work = work;
            signer_for(&settings.key, &[&origin])
        });
        let signer = Box::new(signer.await?);
        let clock = Arc::clone(&self.clock);
        Ok(Making { config, compression: self.settings.compression, signer, clock })
    }

    async fn asking(&self, config: &Config) -> Result<(StaticSigner, Asking), Error> {
        let (settings, place) = (Arc::clone(&self.settings), self.place.clone());
        let wall = (self.clock)().wall;
        let pulse = Arc::clone(&self.progress.pulse);
        let files = move || {
            let work = |disk, what| pulse.work(disk, what, Instant::now());
            let signer = {
                let _work = work(Disk::Key, "read");
                signer_for(&settings.key, &[&place.origin])?
            };
            let _work = work(Disk::Source, "list");
            Ok((signer, Backups::of(&place, wall)))
        };
        let (signer, backups) = off_loop(files).await?;
        let key = signer.key().clone();
        let give_up = (self.settings.mode == Mode::OneShot).then_some(self.settings.give_up);
        let (origin, store) = (self.place.origin.clone(), Arc::clone(&self.store));
        let (judged, pulse) = (self.judged.clone(), Arc::clone(&self.progress.pulse));
        let asking = Asking {
            finder: Finder { origin, key, store, give_up, backoff: config.backoff, judged, pulse },
            backups,
            machine_id: config.machine_id,
            hold: self.settings.hold,
            only_existing: self.settings.retire,
            beside: config.beside.clone(),
        };
        Ok((signer, asking))
    }

    /// Whether a stop came before the wait was over.
    async fn wait_or_stop(&self, wait: Duration, stop: &watch::Receiver<bool>) -> bool {
        let mut stop = stop.clone();
        tokio::select! {
            () = tokio::time::sleep(wait) => false,
            () = stopped(&mut stop) => true,
        }
    }

    fn source(&self, history: History, reports: &Option<Reports>) -> Source {
        Source::new(&self.place, self.manners.clone(), history, reports.clone(), &self.settings)
    }

    fn config(&self) -> Config {
        let settings = &self.settings;
        let one_shot = settings.mode == Mode::OneShot;
        Config {
            origin: self.place.origin.clone(),
            times: self.place.times,
            mode: settings.mode,
            batch_bytes: settings.batch_bytes,
            window: nanos(settings.window),
            heartbeat: nanos(settings.heartbeat),
            jobs: settings.jobs,
            spool_limit: settings.spool_limit,
            give_up: one_shot.then(|| nanos(settings.give_up)),
            backoff: backoff(settings),
            cluster_uid: None,
            machine_id: machine_id(),
            read_back: settings.read_back,
            beside: settings.beside.clone(),
            without: self.without(),
            store: settings.store_name.clone(),
            limits: self.settings.limits.shipper,
        }
    }

    /// What this chain goes on without where the store lacks it.
    fn without(&self) -> Vec<Seqs> {
        let ours = self.settings.without.iter().filter(|(of, _)| *of == self.place.origin);
        ours.map(|(_, seqs)| *seqs).collect()
    }

    /// One for all that the chain does until the process ends: what was said once stays said.
    fn guard(&self, backoff: Backoff) -> Arc<Guard> {
        let origin = &self.place.origin;
        let guard = Guard::new(&self.settings, origin, &self.store, backoff, &self.progress);
        Arc::new(guard)
    }

    /// The newest seal on the node; `None` too where the disk doesn't say: after an interrupt a
    /// commit may still hang on it, and waiting for it would keep a stopped process alive.
    async fn head(&self) -> Result<Option<(u64, Hash)>, Error> {
        let head = self.spool.run("read", |spool| {
            let Some(entry) = spool.entries().next_back() else { return Ok(None) };
            let seal = read_seal(spool, &entry.key)?;
            Ok(Some((seal.seq, seal.hash())))
        });
        tokio::time::timeout(LAST_LOOK, head).await.unwrap_or(Ok(None))
    }

    fn conclude(&self, end: &End) {
        let origin = &self.place.origin;
        match end {
            End::Done => info!(%origin, "done"),
            End::Stopped => {
                let left = self.spool.idle().map(|spool| spool.entries().count());
                if left == Some(0) {
                    warn!(%origin, "stopped before anything was sealed");
                } else if self.settings.mode == Mode::OneShot {
                    warn!(%origin, left, "stopped before everything was archived; what is left is in the log's files and in the spool");
                } else {
                    warn!(%origin, left, "stopped before everything was stored; the rest is in the spool");
                }
                let disks =
                    [(Disk::Source, self.place.path.as_path()), (Disk::State, self.spool.path())];
                say_what_hangs(origin, &self.progress.pulse, disks, ANSWER);
            }
            End::GaveUp(why) => error!(%origin, "gave up: {why}"),
            End::Lacking(seqs) => error!(%origin, %seqs, "nothing was sent"),
            End::Forked(key, why) => {
                error!(%origin, %key, "fork: {why}; nothing more is signed");
            }
            End::Foreign(key, by) => error!(%origin, %key, %by, "another key's chain is there"),
        }
    }
}
