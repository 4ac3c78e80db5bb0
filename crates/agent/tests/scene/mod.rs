//! Many files, of which every byte is remembered: what an archive of them has to give back.
#![allow(clippy::unwrap_used, reason = "a test's helper fails the test")]
#![allow(dead_code, reason = "shared by several test files, each using a part")]

use std::fs;
use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use auditseal_agent::{
    ChainEnd, Error, Limits, Mode, Outcome, Progress, Settings, Tally, run, system_clock,
};
use auditseal_format::{ObjectSeal, Seal};
use auditseal_store::Retention;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::node::Node;

/// How a source is archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Once.
    Backfill,
    /// By a daemon that is stopped when it has sealed everything.
    Run,
    /// By a daemon that is stopped before it begins.
    Stop,
    /// Once, of a node that goes away.
    Retire,
}

impl Way {
    pub(crate) const ALL: [Self; 4] = [Self::Backfill, Self::Run, Self::Stop, Self::Retire];
}

/// One below a bound, at it, above it, and ten times as many.
pub(crate) fn around(bound: usize) -> [usize; 4] {
    [bound - 1, bound, bound + 1, 10 * bound]
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A node, and what its files held.
pub(crate) struct Scene {
    pub(crate) node: Node,
    pub(crate) limits: Limits,
    /// All that was written, in the order of the files.
    pub(crate) expected: Vec<u8>,
    /// The live file's name without `.log`.
    pub(crate) base: String,
    pub(crate) spool_limit: u64,
    pub(crate) jobs: usize,
    pub(crate) demand: Option<Retention>,
    pub(crate) grace: Duration,
    progress: Arc<Progress>,
    files: usize,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self {
            node: Node::new(),
            limits: Limits::default(),
            expected: Vec::new(),
            base: "audit".to_owned(),
            spool_limit: 1 << 30,
            jobs: 2,
            demand: None,
            grace: Duration::from_secs(120),
            progress: Arc::default(),
            files: 0,
        }
    }

    /// Where nothing but the bound that is tried is in the way: descriptors and bytes for all.
    pub(crate) fn roomy() -> Self {
        let mut scene = Self::new();
        scene.limits.tail.open = 100_000;
        scene.node.batch_bytes = 1 << 30;
        scene
    }

    /// A new file behind all others, whose text is `text`.
    pub(crate) fn file(&mut self, ending: &str, stored: &[u8], text: &[u8]) {
        let n = self.files;
        self.files += 1;
        let (day, hour) = (n / 86_400 + 1, n / 3600 % 24);
        let stamp = format!("2026-01-{day:02}T{hour:02}-{:02}-{:02}.000", n / 60 % 60, n % 60);
        fs::write(self.node.log(&format!("{}-{stamp}.{ending}", self.base)), stored).unwrap();
        self.expected.extend_from_slice(text);
    }

    pub(crate) fn backup(&mut self, text: &[u8]) {
        self.file("log", text, text);
    }

    pub(crate) fn gzipped(&mut self, text: &[u8]) {
        self.file("log.gz", &gzip(text), text);
    }

    pub(crate) fn backups(&mut self, count: usize, text: impl Fn(usize) -> Vec<u8>) {
        // Each begins with a line of its own: files are recognised by their first line.
        for n in 0..count {
            let head = format!("{{\"file\":{}}}\n", self.files).into_bytes();
            self.backup(&[head, text(n)].concat());
        }
    }

    /// Appends to the live file.
    pub(crate) fn live(&mut self, text: &[u8]) {
        let live = self.node.log(&format!("{}.log", self.base));
        fs::File::options().create(true).append(true).open(live).unwrap().write_all(text).unwrap();
        self.expected.extend_from_slice(text);
    }

    /// Names of all files.
    pub(crate) fn names(&self) -> Vec<String> {
        let logs = self.node.dir.path().join("logs");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string();
        fs::read_dir(logs).unwrap().map(|entry| name(entry).unwrap()).collect()
    }

    fn settings(&self, mode: Mode) -> Settings {
        let mut settings = self.node.settings(mode);
        settings.sources[0].path = self.node.log(&format!("{}.log", self.base));
        settings.limits = self.limits.clone();
        settings.spool_limit = self.spool_limit;
        settings.jobs = self.jobs;
        settings.require_retention = self.demand;
        settings.grace = self.grace;
        settings
    }

    /// Only a chain that is there can be retired.
    pub(crate) async fn begin(&mut self, way: Way) {
        if way == Way::Retire {
            // Of all that a test writes, nothing begins like it.
            self.backup(b"{\"begun\":true}\n");
            self.archive(Way::Backfill).await;
        }
    }

    /// Starts the agent; the sender stops it.
    pub(crate) fn start(
        &mut self,
        mode: Mode,
    ) -> (watch::Sender<bool>, JoinHandle<Result<Outcome, Error>>) {
        self.started(self.settings(mode), false)
    }

    fn started(
        &mut self,
        settings: Settings,
        stopped: bool,
    ) -> (watch::Sender<bool>, JoinHandle<Result<Outcome, Error>>) {
        self.progress = Arc::default();
        let (stop, stopped) = watch::channel(stopped);
        let store = Arc::new(self.node.store.clone());
        let progress = Arc::clone(&self.progress);
        let running = async move {
            let outcomes = run(settings, store, system_clock(), progress, stopped).await?;
            Ok(outcomes.into_iter().next().unwrap())
        };
        (stop, tokio::spawn(running))
    }

    /// Waits until the running agent has got so far.
    pub(crate) async fn until(&self, place: &str, done: impl Fn(&Tally) -> bool) {
        let begun = Instant::now();
        while !done(&self.progress.total()) {
            let tally = self.progress.total();
            assert!(begun.elapsed() < Duration::from_secs(60), "{place}: it got to {tally:?}");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// What the running agent has done so far.
    pub(crate) fn tally(&self) -> Tally {
        self.progress.total()
    }

    /// Archives what is there.
    pub(crate) async fn archive(&mut self, way: Way) -> Outcome {
        let mode = if matches!(way, Way::Run | Way::Stop) { Mode::Live } else { Mode::OneShot };
        let settings = Settings { retire: way == Way::Retire, ..self.settings(mode) };
        let (stop, running) = self.started(settings, way == Way::Stop);
        if way == Way::Run {
            self.settled().await;
            stop.send_replace(true);
        }
        let outcome = running.await.unwrap().unwrap();
        assert_eq!(outcome.end, ChainEnd::Done, "{way:?}");
        outcome
    }

    /// Waits until a daemon has nothing left to do: no number moves for a second.
    pub(crate) async fn settled(&self) {
        let (mut before, mut since) = (self.progress.total(), Instant::now());
        // Where all is archived already, it never seals anything.
        let calm = |seals: u64| Duration::from_secs(if seals == 0 { 3 } else { 1 });
        while since.elapsed() < calm(before.seals) {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let mut now = self.progress.total();
            now.lag_millis = 0;
            if now != before {
                (before, since) = (now, Instant::now());
            }
        }
    }

    /// The seals in the store, oldest first.
    pub(crate) fn seals(&self) -> Vec<Seal> {
        let objects = self.node.store.objects();
        let open = |bytes| ObjectSeal::open(bytes).ok().map(|object| object.seal);
        let mut seals: Vec<_> = objects.values().filter_map(|bytes| open(bytes)).collect();
        seals.sort_by_key(|seal| seal.seq);
        seals
    }

    pub(crate) async fn restored(&self) -> Vec<u8> {
        self.node.restored().await
    }

    /// The archive is complete, and gives back what was written.
    pub(crate) async fn assert_all(&self, place: &str) {
        let report = self.node.verify().await;
        let mut text = Vec::new();
        report.text(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert_eq!(report.exit_code(), 0, "{place}: {text}");
        self.assert_bytes(place).await;
    }

    /// All that could be had comes back, and `count` losses for this reason are what is said.
    pub(crate) async fn assert_gaps(&self, count: usize, reason: &str, place: &str) {
        let seals = self.seals();
        let gaps: Vec<_> = seals.iter().flat_map(|seal| &seal.gaps).collect();
        assert!(gaps.iter().all(|gap| gap.reason.as_str() == reason), "{place}: {gaps:?}");
        assert_eq!(gaps.len(), count, "{place}");
        let report = self.node.verify().await;
        assert_eq!((report.exit_code(), report.origins[0].findings_total), (1, count as u64));
        self.assert_bytes(place).await;
    }

    async fn assert_bytes(&self, place: &str) {
        let restored = self.restored().await;
        let lines = |bytes: &[u8]| bytes.iter().filter(|byte| **byte == b'\n').count();
        let (got, wanted) = (lines(&restored), lines(&self.expected));
        assert!(restored == self.expected, "{place}: {got} of {wanted} lines come back");
    }
}
