//! A node in a temporary directory: a log that grows and rotates, and the real program.
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::thread::sleep;
use std::time::{Duration, Instant};

use auditseal_format::{Date, ObjectKey, ObjectSeal};
use rustix::process::{Pid, Signal, kill_process};

/// Longest that anything may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a case starts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scene {
    /// A log, and no archive yet.
    New,
    /// The program was killed before, with objects in the spool.
    Restart,
    /// An archive, and no state directory any more.
    StateLost,
    /// A state directory without its finals.
    FinalsLost,
    /// A state directory as it was before the newest objects were made: a restored snapshot.
    Twin,
    /// The same, and it sealed what nobody else can: the files are gone, and it never sent it.
    Parted,
    /// The same, and the chain in the store says that those files are lost.
    Split,
    /// Somebody else's bytes at the next key, and only the spool still has what belongs there.
    Squatted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Run,
    Backfill,
}

pub(crate) struct Victim {
    dir: tempfile::TempDir,
    vkey: String,
    /// All that was ever written to the log.
    written: Vec<u8>,
    rounds: usize,
    squatters: usize,
    /// Objects, committed or stored, that must be in the store in the end.
    kept: BTreeMap<String, Vec<u8>>,
    /// Whether objects in the spool may lose to others that stand at their keys.
    may_yield: bool,
}

impl Victim {
    /// A node with a history.
    pub(crate) fn make(scene: Scene) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("logs")).unwrap();
        fs::create_dir(dir.path().join("sent")).unwrap();
        let out = program()
            .args(["keygen", "--name", "c/n", "--out"])
            .arg(dir.path().join("key"))
            .output()
            .unwrap();
        let vkey = String::from_utf8(out.stdout).unwrap().trim().to_owned();
        let may_yield =
            !matches!(scene, Scene::New | Scene::Restart | Scene::StateLost | Scene::FinalsLost);
        let (written, kept) = (Vec::new(), BTreeMap::new());
        let mut victim = Self { dir, vkey, written, rounds: 0, squatters: 0, kept, may_yield };
        for _ in 0..4 {
            victim.feed();
        }
        match scene {
            Scene::New => return victim,
            Scene::Restart => assert!(victim.disturb(Mode::Backfill, "agent.put.before=4")),
            _ => victim.complete(Mode::Backfill),
        }
        victim.spoil(scene);
        victim.feed();
        victim
    }

    /// What happened to the node before it starts again.
    fn spoil(&mut self, scene: Scene) {
        let state = self.path("state");
        match scene {
            Scene::New | Scene::Restart => {}
            Scene::StateLost => fs::remove_dir_all(&state).unwrap(),
            Scene::FinalsLost => fs::remove_file(state.join("c,n,s/finals")).unwrap(),
            Scene::Twin => {
                let snapshot = self.path("snapshot");
                copy(&state, &snapshot);
                self.feed();
                self.complete(Mode::Backfill);
                fs::remove_dir_all(&state).unwrap();
                fs::rename(&snapshot, &state).unwrap();
            }
            Scene::Parted | Scene::Split => {
                if scene == Scene::Split {
                    // A file that the double has begun, and will look for.
                    self.feed();
                    self.complete(Mode::Backfill);
                }
                let (other, before) = (self.path("other"), self.written.len());
                copy(&state, &other);
                let old = files(&self.path("logs"));
                let mut sealed = self.feed();
                if scene == Scene::Parted {
                    sealed.extend(self.feed());
                }
                self.seal_unsent();
                self.forget_logs(&old);
                // The double never saw these lines; the chain has them behind its own.
                self.written.truncate(before);
                let ours = self.path("ours");
                fs::rename(&state, &ours).unwrap();
                fs::rename(&other, &state).unwrap();
                self.feed();
                self.feed();
                self.complete(Mode::Backfill);
                fs::remove_dir_all(&state).unwrap();
                fs::rename(&ours, &state).unwrap();
                self.written.extend(sealed);
            }
            Scene::Squatted => {
                let newest = self.stored().into_values().next_back().unwrap();
                let key = ObjectKey::after(&ObjectSeal::open(&newest).unwrap().seal);
                let path = self.path("store").join(key.to_string());
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "no seal").unwrap();
                self.squatters = 1;
                let old = files(&self.path("logs"));
                self.feed();
                self.feed();
                self.seal_unsent();
                self.forget_logs(&old);
            }
        }
    }

    /// The same node once more, in a directory of its own.
    pub(crate) fn copy(&self) -> Self {
        let dir = tempfile::tempdir().unwrap();
        copy(self.dir.path(), dir.path());
        fs::create_dir_all(dir.path().join("sent")).unwrap();
        let mut victim = Self {
            dir,
            vkey: self.vkey.clone(),
            written: self.written.clone(),
            kept: self.kept.clone(),
            ..*self
        };
        victim.keep();
        victim
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The log grows; every other time it is rotated, and every third time a backup is compressed.
    fn feed(&mut self) -> Vec<u8> {
        let round = self.rounds;
        self.rounds += 1;
        let line = |i| format!("{{\"event\":\"{round}.{i}\",\"pad\":\"{i:040}\"}}\n");
        let bytes: String = (0..7).map(line).collect();
        self.written.extend(bytes.as_bytes());
        let logs = self.path("logs");
        let live = logs.join("audit.log");
        let mut file = File::options().create(true).append(true).open(&live).unwrap();
        file.write_all(bytes.as_bytes()).unwrap();
        let backup = |round| logs.join(format!("audit-2026-11-21T08-04-{round:02}.000.log"));
        if round % 2 == 1 {
            fs::rename(&live, backup(round)).unwrap();
        }
        let plain = (0..round).rev().map(backup).find(|path| path.exists());
        if let Some(plain) = plain.filter(|_| round.is_multiple_of(3)) {
            fs::write(plain.with_extension("log.gz"), gzip(&fs::read(&plain).unwrap())).unwrap();
            fs::remove_file(plain).unwrap();
        }
        bytes.into_bytes()
    }

    /// Seals all there is, and sends nothing of it: the store is out of reach.
    fn seal_unsent(&mut self) {
        let sealed = || {
            let objects = self.spooled().into_values();
            let seals = objects.map(|bytes| ObjectSeal::open(&bytes).unwrap().seal);
            seals.flat_map(|seal| seal.ranges).map(|range| range.end - range.start).sum::<u64>()
        };
        let wanted = sealed() + (self.written.len() as u64 - self.taken());
        let mut child = self.start_with(Mode::Run, None, Some("s3://bucket"));
        let start = Instant::now();
        while sealed() < wanted || !heeds_sigterm(&child) {
            assert!(
                child.try_wait().unwrap().is_none() && start.elapsed() < PATIENCE,
                "{}",
                self.said()
            );
            sleep(Duration::from_millis(15));
        }
        kill_process(Pid::from_child(&child), Signal::KILL).unwrap();
        self.wait(&mut child);
    }

    /// Rotation was faster: of the log's files these are left.
    fn forget_logs(&self, left: &[PathBuf]) {
        let logs = files(&self.path("logs")).into_iter();
        logs.filter(|path| !left.contains(path)).for_each(|path| fs::remove_file(path).unwrap());
    }

    fn start(&self, mode: Mode, plan: Option<&str>) -> Child {
        self.start_with(mode, plan, None)
    }

    fn start_with(&self, mode: Mode, plan: Option<&str>, elsewhere: Option<&str>) -> Child {
        let mut command = program();
        match mode {
            Mode::Run => command.args(["run", "--window", "50ms", "--heartbeat", "300ms"]),
            Mode::Backfill => command.arg("backfill"),
        };
        command.args(["--cluster", "c", "--node", "n", "--batch-size", "500B", "--store"]);
        match elsewhere {
            Some(store) => command.args([store, "--endpoint", "http://127.0.0.1:1"]),
            None => command.arg(self.url()),
        };
        command.arg("--key").arg(self.path("key"));
        command.arg(format!("--source=s={}", self.path("logs/audit.log").display()));
        command.arg("--state").arg(self.path("state"));
        command.envs(plan.map(|plan| ("AUDITSEAL_FAILPOINT", plan)));
        command.env("AUDITSEAL_SENT", self.path("sent"));
        command.env("AWS_ACCESS_KEY_ID", "nobody").env("AWS_SECRET_ACCESS_KEY", "none");
        command.stdout(File::create(self.path("stdout")).unwrap());
        command.stderr(File::create(self.path("stderr")).unwrap()).spawn().unwrap()
    }

    fn url(&self) -> String {
        format!("file://{}", self.path("store").display())
    }

    /// Runs under a plan while the log grows; whether it was killed.
    pub(crate) fn disturb(&mut self, mode: Mode, plan: &str) -> bool {
        let status = self.run_beside_feeding(mode, plan);
        self.keep();
        let killed = status.signal() == Some(9);
        assert!(killed || status.success(), "{status}: {}", self.said());
        killed
    }

    /// The same of a one-shot whose plan feigns a full disk, which may be what ends it.
    pub(crate) fn disturb_by_full_disk(&mut self, plan: &str) -> bool {
        let status = self.run_beside_feeding(Mode::Backfill, plan);
        self.keep();
        let full = status.code() == Some(2) && self.said().contains("No space left on device");
        let killed = status.signal() == Some(9);
        assert!(killed || status.success() || full, "{status}: {}", self.said());
        killed
    }

    fn run_beside_feeding(&mut self, mode: Mode, plan: &str) -> ExitStatus {
        let mut child = self.start(mode, Some(plan));
        if mode == Mode::Run {
            for _ in 0..4 {
                self.feed();
                if child.try_wait().unwrap().is_none() {
                    sleep(Duration::from_millis(40));
                }
            }
            return self.stop_when_taken(child);
        }
        let status = self.wait(&mut child);
        if !status.success() {
            self.feed();
        }
        status
    }

    fn complete(&mut self, mode: Mode) {
        let mut child = self.start(mode, None);
        let status = match mode {
            Mode::Run => self.stop_when_taken(child),
            Mode::Backfill => self.wait(&mut child),
        };
        assert!(status.success(), "{status}: {}", self.said());
    }

    /// Runs until everything is taken, and checks the archive.
    pub(crate) fn complete_and_check(&mut self, mode: Mode) {
        self.complete(mode);
        self.check();
    }

    /// Runs with a disk that is full for a moment; whether that was noticed. It must not have to
    /// be started again.
    pub(crate) fn fill_disk(&mut self, mode: Mode, plan: &str) -> bool {
        let status = self.run_beside_feeding(mode, plan);
        assert!(status.success(), "{status}: {}", self.said());
        self.said().contains("No space left on device")
    }

    /// Starts a one-shot with a disk that is full: that must be said, and nothing be stored.
    pub(crate) fn refuse_to_start(&mut self, plan: &str) {
        let before = self.stored();
        let mut child = self.start(Mode::Backfill, Some(plan));
        let status = self.wait(&mut child);
        assert_eq!(status.code(), Some(2), "{plan}: {}", self.said());
        assert!(self.said().contains("No space left on device"), "{plan}: {}", self.said());
        assert!(self.stored() == before, "{plan}: something was stored");
    }

    /// Runs to where it finds that its chain is another's too; whether it was killed before it said
    /// so. What it sealed stays where it is, and nothing is stored.
    pub(crate) fn fork(&mut self, plan: Option<&str>) -> bool {
        let (before, spooled) = (self.stored(), self.spooled());
        let mut child = self.start(Mode::Backfill, plan);
        let status = self.wait(&mut child);
        let killed = status.signal() == Some(9);
        assert!(killed || status.code() == Some(3), "{status}: {}", self.said());
        assert!(killed || self.said().contains("are lost, which seq"), "{}", self.said());
        assert!(self.stored() == before, "something was stored");
        let now = self.spooled();
        assert!(
            spooled.iter().all(|(key, bytes)| now.get(key) == Some(bytes)),
            "what is sealed stays"
        );
        let written = self.path("state/c,n,s/fork").exists();
        assert!(killed || written);
        self.feed();
        killed
    }

    /// What the program said last.
    fn said(&self) -> String {
        fs::read_to_string(self.path("stderr")).unwrap()
    }

    fn wait(&self, child: &mut Child) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = child.try_wait().unwrap() {
                return status;
            }
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("it doesn't end: {}", self.said());
            }
            sleep(Duration::from_millis(4));
        }
    }

    /// Waits until the store has all that was written, or the process is gone; then stops it.
    fn stop_when_taken(&self, mut child: Child) -> ExitStatus {
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            if self.taken() >= self.written.len() as u64 && heeds_sigterm(&child) {
                kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
                break;
            }
            if start.elapsed() > PATIENCE {
                child.kill().unwrap();
                panic!("{} of {} bytes: {}", self.taken(), self.written.len(), self.said());
            }
            sleep(Duration::from_millis(15));
        }
        self.wait(&mut child)
    }

    /// Source bytes in the store.
    fn taken(&self) -> u64 {
        let seals = self.stored().into_values().filter_map(|bytes| ObjectSeal::open(&bytes).ok());
        seals.flat_map(|found| found.seal.ranges).map(|range| range.end - range.start).sum()
    }

    /// All objects in the store.
    fn stored(&self) -> BTreeMap<String, Vec<u8>> {
        let root = self.path("store");
        let mut found = BTreeMap::new();
        for path in files(&root) {
            let key = path.strip_prefix(&root).unwrap().to_str().unwrap();
            if ObjectKey::parse(key).is_some() {
                found.insert(key.to_owned(), fs::read(&path).unwrap());
            }
        }
        found
    }

    /// All objects in the spool, by the key that they will have in the store.
    fn spooled(&self) -> BTreeMap<String, Vec<u8>> {
        let mut found = BTreeMap::new();
        for path in files(&self.path("state/c,n,s")) {
            let name = path.file_name().unwrap().to_str().unwrap();
            if name.ends_with(".zst") {
                let bytes = fs::read(&path).unwrap();
                let seal = ObjectSeal::open(&bytes).expect("what has its name is whole").seal;
                let date = name.split('_').nth(1).unwrap().strip_suffix(".jsonl.zst").unwrap();
                let date = Date::parse(date.as_bytes()).unwrap();
                let (seq, alternate) = (seal.seq, None);
                let key = ObjectKey { origin: seal.origin, seq, alternate, date };
                found.insert(key.to_string(), bytes);
            }
        }
        found
    }

    /// Takes note of what must not change any more, and sees that nothing has.
    fn keep(&mut self) {
        let mut kept = self.stored();
        if !self.may_yield {
            for (key, bytes) in self.spooled() {
                assert!(kept.get(&key).is_none_or(|stored| *stored == bytes), "{key} differs");
                kept.insert(key, bytes);
            }
        }
        for (key, bytes) in &self.kept {
            assert!(kept.get(key) == Some(bytes), "{key} changed or is gone");
        }
        self.kept = kept;
    }

    /// The archive is whole, gives back every byte once, and nothing in it was ever changed.
    pub(crate) fn check(&self) {
        let stored = self.stored();
        for (key, bytes) in &self.kept {
            assert!(stored.get(key) == Some(bytes), "{key} changed or is gone");
        }
        let seals = stored.values().filter_map(|bytes| ObjectSeal::open(bytes).ok());
        let newest = seals.map(|found| found.seal.seq).max().unwrap();
        let keys: Vec<_> = stored.keys().collect();
        assert_eq!(stored.len() - self.squatters, newest as usize + 1, "{keys:#?}");

        let sent = files(&self.path("sent")).into_iter();
        let sent = sent.map(|path| path.file_name().unwrap().to_str().unwrap().to_owned());
        let mut seqs = BTreeMap::new();
        for name in sent {
            let other = seqs.insert(name.split('-').next().unwrap().to_owned(), name.clone());
            assert!(other.is_none(), "two bodies were sent for one seq: {name} and {other:?}");
        }
        assert!(!seqs.is_empty());

        let trust = ["--origin", "c/n/s", "--vkey", &self.vkey, "--store", &self.url()];
        // As of a time before any promise is due: the daemon was stopped, and is silent.
        let at = ["--at", "2026-01-01"];
        let verify = program().arg("verify").args(trust).args(at).output().unwrap();
        assert!(verify.status.success(), "{}", String::from_utf8_lossy(&verify.stdout));
        let cat = program().arg("cat").args(trust).output().unwrap();
        assert!(cat.status.success(), "{}", String::from_utf8_lossy(&cat.stderr));
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        let (restored, written) = (text(&cat.stdout), text(&self.written));
        assert!(restored == written, "restored:\n{restored}\nwritten:\n{written}");
    }
}

/// The program, without what this test's environment might say to it.
fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_auditseal"));
    let ours = std::env::vars_os().map(|(name, _)| name);
    for name in ours.filter(|name| name.as_encoded_bytes().starts_with(b"AUDITSEAL_")) {
        command.env_remove(name);
    }
    command
}

/// Whether the process has installed its handler: until then the signal would just end it.
fn heeds_sigterm(child: &Child) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_some_and(|mask| mask & (1 << 14) != 0)
}

fn files(below: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(below) else { return vec![] };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

fn copy(from: &Path, to: &Path) {
    for path in files(from) {
        let target = to.join(path.strip_prefix(from).unwrap());
        fs::create_dir_all(target.parent().unwrap()).unwrap();
        fs::copy(path, target).unwrap();
    }
}

/// A gzip file of one stored block: what counts is that it must be unpacked.
fn gzip(bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap();
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let mut out = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 1];
    out.extend(length.to_le_bytes());
    out.extend((!length).to_le_bytes());
    out.extend(bytes);
    out.extend((!crc).to_le_bytes());
    out.extend(u32::from(length).to_le_bytes());
    out
}
