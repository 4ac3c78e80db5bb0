//! A node in a temporary directory, and a store in memory.
#![allow(clippy::unwrap_used, reason = "a test's helper fails the test")]
#![allow(dead_code, reason = "shared by several test files, each using a part")]

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use auditseal_agent::{
    Clock, Limits, Mode, Outcome, Owners, Progress, Settings, SourceSpec, Tally, keygen, run,
};
use auditseal_archive::{CatOptions, Options, Piped, Report, cat, verify};
use auditseal_doubles::MemoryStore;
use auditseal_format::seal::{Boot, Uuid};
use auditseal_format::{Compression, ObjectKey, Origin, Time, VerifierKey};
use auditseal_shipper::Now;
use tokio::sync::watch;

/// For how long nothing is sent where something of before may still arrive.
pub(crate) const HOLD: Duration = Duration::from_secs(1800);

pub(crate) struct Node {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) store: MemoryStore,
    pub(crate) vkey: VerifierKey,
    pub(crate) batch_bytes: u64,
    ticks: Arc<AtomicU64>,
}

impl Node {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        let vkey =
            keygen(&dir.path().join("key"), &"c/n".parse().unwrap()).unwrap().parse().unwrap();
        let ticks = Arc::new(AtomicU64::new(0));
        Self { dir, store: MemoryStore::new(), vkey, batch_bytes: 300, ticks }
    }

    pub(crate) fn origin(&self) -> Origin {
        Origin::new("c", "n", "s").unwrap()
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.dir.path().join("logs").join(name)
    }

    /// Appends to the live file.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let live = self.log("audit.log");
        fs::File::options().create(true).append(true).open(live).unwrap().write_all(bytes).unwrap();
    }

    /// Renames the live file as lumberjack does.
    pub(crate) fn rotate(&self, second: u32) {
        let backup = self.log(&format!("audit-2026-11-21T08-04-{second:02}.000.log"));
        fs::rename(self.log("audit.log"), backup).unwrap();
    }

    /// All files in rotation order.
    pub(crate) fn source(&self) -> Vec<u8> {
        let logs = self.dir.path().join("logs");
        let mut names: Vec<_> = fs::read_dir(logs).unwrap().map(|e| e.unwrap().path()).collect();
        // The backups' names sort by their stamps; '-' sorts before '.', so the live file is last.
        names.sort();
        names.iter().flat_map(|path| fs::read(path).unwrap()).collect()
    }

    pub(crate) fn settings(&self, mode: Mode) -> Settings {
        Settings {
            rate_limit: None,
            cluster: "c".into(),
            node: "n".into(),
            sources: vec![SourceSpec {
                name: "s".into(),
                path: self.log("audit.log"),
                format: auditseal_flows::LogFormat::Audit,
            }],
            accept_owners: Owners::default(),
            key: self.dir.path().join("key"),
            state: self.dir.path().join("state"),
            mode,
            window: Duration::from_millis(20),
            heartbeat: Duration::from_secs(3600),
            give_up: Duration::from_secs(30),
            retry: (Duration::from_millis(1), Duration::from_millis(20)),
            hold: None,
            grace: Duration::from_secs(5),
            spool_limit: 1 << 30,
            deleted_limit: 1 << 30,
            min_free: 0,
            jobs: 2,
            batch_bytes: self.batch_bytes,
            compression: Compression::default(),
            store_name: "bucket".to_owned(),
            require_retention: None,
            allow_overwrite: false,
            read_back: false,
            beside: vec![],
            without: vec![],
            retire: false,
            stay_on_fork: false,
            apiserver: None,
            limits: Limits::default(),
        }
    }

    /// A clock that a run can be repeated with: the wall moves a second per reading.
    pub(crate) fn clock(&self) -> Clock {
        let ticks = Arc::clone(&self.ticks);
        let real = auditseal_agent::system_clock();
        Arc::new(move || {
            let tick = i64::try_from(ticks.fetch_add(1, Ordering::Relaxed)).unwrap();
            let wall = Time::from_micros(1_795_000_000_000_000 + tick);
            Now { wall, boot: Boot { id: Uuid([3; 16]), nanos: real().boot.nanos } }
        })
    }

    pub(crate) async fn try_backfill(&self) -> Result<Outcome, auditseal_agent::Error> {
        let (_stop, stopped) = watch::channel(false);
        self.run(self.settings(Mode::OneShot), self.clock(), stopped).await
    }

    pub(crate) async fn backfill(&self) -> Outcome {
        self.try_backfill().await.unwrap()
    }

    pub(crate) async fn run(
        &self,
        settings: Settings,
        clock: Clock,
        stop: watch::Receiver<bool>,
    ) -> Result<Outcome, auditseal_agent::Error> {
        let store = Arc::new(self.store.clone());
        let outcomes = run(settings, store, clock, Arc::new(Progress::default()), stop).await?;
        Ok(outcomes.into_iter().next().unwrap())
    }

    /// Runs a daemon until `over`, which is asked every ten milliseconds what was done so far; then
    /// stops it.
    pub(crate) async fn run_until(
        &self,
        settings: Settings,
        clock: Clock,
        mut over: impl FnMut(&Tally) -> bool,
    ) -> Outcome {
        let (store, progress) = (Arc::new(self.store.clone()), Arc::new(Progress::default()));
        let (stop, stopped) = watch::channel(false);
        let running = run(settings, store, clock, Arc::clone(&progress), stopped);
        let watching = async {
            for _ in 0..6000 {
                if over(&progress.total()) {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            stop.send_replace(true);
        };
        let (outcomes, ()) = tokio::join!(running, watching);
        outcomes.unwrap().remove(0)
    }

    /// Runs a daemon that may have to wait for [`HOLD`], with something new in the log: until it has
    /// sealed something and had time to send it, and, where time is to pass then, until it has sent
    /// something. Tells how it ended, and how long it waited, by its clock, before it sent anything.
    pub(crate) async fn run_held(&self, passes: bool) -> (Outcome, Option<Duration>) {
        let (ahead, sent) = (Arc::new(AtomicU64::new(0)), Arc::new(OnceLock::new()));
        let (plain, passed) = (self.clock(), Arc::clone(&ahead));
        let clock: Clock = Arc::new(move || {
            let mut now = plain();
            now.boot.nanos += passed.load(Ordering::Relaxed);
            now
        });
        let next = self.store.objects().len() as u64;
        let (begun, first, watch) = (clock().boot.nanos, Arc::clone(&sent), Arc::clone(&clock));
        self.store.on_put(move |key| {
            // Not the canary, which is put where something stands.
            if ObjectKey::parse(key).is_some_and(|key| key.seq >= next) {
                first.get_or_init(|| watch().boot.nanos - begun);
            }
        });
        // Who has nothing to wait for any more may take as long as a busy machine makes it.
        let grace = Duration::from_millis(if passes { 60_000 } else { 50 });
        let settings = Settings { hold: Some(HOLD), grace, ..self.settings(Mode::Live) };
        let mut turns = 0;
        let over = |tally: &Tally| {
            turns += u32::from(tally.seals > 0);
            if passes && turns > 30 {
                let hold = u64::try_from(HOLD.as_nanos()).unwrap();
                ahead.fetch_add(hold, Ordering::Relaxed);
            }
            sent.get().is_some() || (!passes && turns > 30)
        };
        let outcome = self.run_until(settings, clock, over).await;
        (outcome, sent.get().copied().map(Duration::from_nanos))
    }

    pub(crate) async fn verify(&self) -> Report {
        let options = Options {
            origins: vec![self.origin()],
            skew: None,
            ..Options::new(vec![self.vkey.clone()], Time::EPOCH)
        };
        verify(Arc::new(self.store.clone()), &options, |_| {}).await.unwrap()
    }

    pub(crate) async fn restored(&self) -> Vec<u8> {
        self.restored_by(&[self]).await
    }

    /// What the archive gives back to whoever trusts the keys of `nodes`.
    pub(crate) async fn restored_by(&self, nodes: &[&Self]) -> Vec<u8> {
        let options = CatOptions {
            vkeys: Some(nodes.iter().map(|node| node.vkey.clone()).collect()),
            concurrency: 4,
            ..CatOptions::default()
        };
        let file = self.dir.path().join("restored");
        let out = fs::File::create(&file).unwrap();
        let store = Arc::new(self.store.clone());
        cat(store, &self.origin(), &options, Piped::new(out), |_| {}).await.unwrap();
        fs::read(file).unwrap()
    }

    /// The archive is complete and gives back exactly the source.
    pub(crate) async fn assert_same(&self, place: &str) {
        let report = self.verify().await;
        let mut text = Vec::new();
        report.text(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(report.exit_code(), 0, "{place}: {text}");
        assert!(self.restored().await == self.source(), "{place}: the source comes back");
    }
}

/// One reading of the clocks.
pub(crate) fn frozen() -> Now {
    let boot = Boot { id: Uuid([3; 16]), nanos: 7_000_000_000 };
    Now { wall: Time::from_micros(1_795_000_000_000_000), boot }
}

pub(crate) fn lines(from: usize, to: usize) -> Vec<u8> {
    (from..to)
        .flat_map(|i| format!("{{\"event\":{i},\"pad\":\"{i:040}\"}}\n").into_bytes())
        .collect()
}
