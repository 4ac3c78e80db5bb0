//! The whole agent under a seeded scheduler: the follower, the packing, the shipper, a real spool
//! and a faulty store, with virtual time.
//!
//! Whatever the shipper asks for is left pending, and chance decides what happens next: one of
//! those things, in whichever of its outcomes; a change of the log, before or amid a look; time; a
//! crash; the loss of the state directory. The simulated disk knows every byte that was ever
//! written, and asks at the end: archived or owned up to, nothing twice, nothing altered. At each
//! step: no object changes, and the head never goes back.
//!
//! `AUDITSEAL_SEED=7 AUDITSEAL_RUNS=1` runs one history, `AUDITSEAL_TRACE=1` shows what happens.

mod adopted;
mod begun_twice;
mod chance;
#[path = "../../../tail/tests/sim/mod.rs"]
mod disk;
mod hostile;
mod hostility;
mod node;
mod reader;
mod squatters;

use std::collections::BTreeMap;
use std::sync::Arc;

use auditseal_archive::{Options, verify};
use auditseal_chain::Verdict;
use auditseal_doubles::MemoryStore;
use auditseal_format::seal::{Boot, Uuid};
use auditseal_format::{ObjectKey, ObjectSeal, Origin, Time, VerifierKey};
use auditseal_shipper::{Input, Now};
use auditseal_store::{Operation, Store as _};
use bytes::Bytes;
use tokio::runtime::Runtime;

use crate::keygen;
use chance::Chance;
use disk::oracle::{Allowed, check};
use disk::{Op, SimDisk};
use hostile::Hostile;
use node::{Ended, Node};

/// Seeds that once went wrong: run with every build.
const ONCE_FAILED: [u64; 5] = [5, 258, 1005, 1642, 2186];

/// The longest that an upload may be under way, milliseconds.
const ALLOWANCE: u64 = 5_000;
/// What squatters put.
const GARBAGE: &[u8] = b"somebody else's bytes";

/// One simulated node, its log and its bucket.
struct Sim {
    chance: Chance,
    disk: SimDisk,
    /// The model that the oracle asks; it also knows what a restart may forget.
    model: disk::agent::Agent,
    store: MemoryStore,
    /// It keeps every version.
    versioned: bool,
    /// What it does on purpose.
    hostile: Option<Hostile>,
    dir: tempfile::TempDir,
    vkey: VerifierKey,
    runtime: Runtime,
    /// Uploads that nobody waits for any more, and when they were begun: they may yet arrive.
    flying: Vec<(u64, ObjectKey, Bytes)>,
    /// What was ever sent for each seq.
    sent: BTreeMap<u64, Bytes>,
    /// How often anything was.
    sendings: u64,
    /// A copy of the state directory, as it was once.
    snapshot: Option<tempfile::TempDir>,
    /// The clock that dates seals is off by this, milliseconds.
    skew: i64,
    /// Every object ever seen in the bucket.
    seen: BTreeMap<String, Bytes>,
    /// The highest seq sealed on the node since it last lost its state.
    sealed: u64,
    /// When a look last came to its end, milliseconds of the world's clock.
    looked: u64,
    /// None did for as long as a heartbeat, once.
    stalled: bool,
    /// How often it went on from objects that it didn't know, and how often it couldn't.
    adopted: u64,
    /// How often there was something to seal again.
    repacked: u64,
    forks: u64,
}

impl Sim {
    fn new(seed: u64, private_key: &str) -> Self {
        let disk = SimDisk::new([]);
        let dir = tempfile::tempdir().unwrap();
        let key = dir.path().join("key");
        write_private(&key, private_key);
        let vkey = crate::read_signer(&key).unwrap();
        let vkey = auditseal_format::Signer::key(&vkey).clone();
        let versioned = seed.is_multiple_of(2);
        Self {
            chance: Chance::new(seed),
            model: disk::agent::Agent::new(disk.clone(), auditseal_tail::Settings::default()),
            disk,
            store: if versioned { MemoryStore::versioned() } else { MemoryStore::new() },
            versioned,
            hostile: None,
            dir,
            vkey,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
            flying: Vec::new(),
            sent: BTreeMap::new(),
            sendings: 0,
            snapshot: None,
            skew: 0,
            seen: BTreeMap::new(),
            sealed: 0,
            looked: 0,
            stalled: false,
            adopted: 0,
            repacked: 0,
            forks: 0,
        }
    }

    fn origin() -> Origin {
        Origin::new("c", "n", "s").unwrap()
    }

    fn now(&self) -> Now {
        let ms = self.disk.world().clock;
        let wall = 1_795_000_000_000 + i64::try_from(ms).unwrap() + self.skew;
        Now {
            wall: Time::from_micros(wall * 1000),
            boot: Boot { id: Uuid([7; 16]), nanos: ms * 1_000_000 },
        }
    }

    /// One history: so many turns with faults, then calm until all is stored.
    fn run(&mut self, turns: usize) {
        let mut node = self.start(false);
        for _ in 0..turns {
            node = self.turn(node);
            self.look_at_bucket();
        }
        self.end_well(node);
    }

    /// In the end there is an apiserver, with a log, and nothing fails any more.
    fn end_well(&mut self, mut node: Node) {
        self.disk.world().script.clear();
        self.disk.world().apply(Op::Create);
        for _ in 0..4 {
            self.disk.world().clock += disk::ops::LINGER + 1;
            node = self.calm(node);
        }
        self.step(&mut node, Input::Stop);
        let mut node = Some(node);
        while let Some(running) = node.take() {
            node = self.finish(running);
            self.look_at_bucket();
        }
        self.check();
    }

    fn turn(&mut self, mut node: Node) -> Node {
        match self.chance.below(100) {
            0 | 1 => self.crash(node, false),
            // A first start isn't held back, or a fresh install would show nothing for as long as an
            // upload may take: lost while the very first one is under way, the state is that of a
            // chain that is begun twice, and ends until somebody looks (begun_twice.rs).
            2 if self.chance.below(4) == 0 => {
                let lost = !self.begins(&node);
                self.crash(node, lost)
            }
            3..=24 => {
                self.change_log();
                self.advance(node, 5)
            }
            25..=29 => {
                let ms = [10, 40, 1_000, 20_000, 140_000][self.chance.below(5)];
                self.advance(node, ms)
            }
            30 => {
                self.skew = [0, -3_600_000, 86_400_000 * 400, 5][self.chance.below(4)];
                node
            }
            31 => {
                self.land();
                node
            }
            36 => {
                self.squat();
                node
            }
            37 if self.chance.below(3) == 0 => self.snapshot(node),
            32..=35 => {
                let ended = self.step(&mut node, Input::Changed);
                self.go_on(node, ended)
            }
            _ => self.perform_one(node, true),
        }
    }

    /// Something happens to the log: now, or amid what the follower does next.
    fn change_log(&mut self) {
        let op = self.chance.op();
        let mut world = self.disk.world();
        match self.chance.below(3) {
            0 => world.apply(op),
            _ => world.script.push_back((self.chance.below(12) as u8, op)),
        }
    }

    fn advance(&mut self, mut node: Node, ms: u64) -> Node {
        self.disk.world().clock += ms;
        let ended = self.step(&mut node, Input::Wake);
        self.go_on(node, ended)
    }

    /// All that is to be done is done, and nothing goes wrong meanwhile.
    fn rest(&mut self, mut node: Node) -> Node {
        for _ in 0..400 {
            if node.pending.is_empty() && node.stored_all() {
                break;
            }
            node = self.perform_one(node, false);
        }
        assert!(node.stored_all(), "it doesn't come to rest: {:?}", node.pending);
        node
    }

    fn perform_one(&mut self, mut node: Node, faulty: bool) -> Node {
        if node.pending.is_empty() {
            return self.advance(node, 20);
        }
        let at = self.chance.below(node.pending.len());
        let ended = self.perform(&mut node, at, faulty);
        self.go_on(node, ended)
    }

    /// Lets everything be done that is to be done.
    fn calm(&mut self, mut node: Node) -> Node {
        for _ in 0..3_000 {
            let quiet = node.pending.is_empty();
            node = self.perform_one(node, false);
            if quiet && node.pending.is_empty() && node.stored_all() {
                return node;
            }
        }
        panic!("it never comes to rest: {:?}", node.pending);
    }

    /// After the stop: until the shipper says that it is done.
    fn finish(&mut self, mut node: Node) -> Option<Node> {
        for _ in 0..3_000 {
            let ended = if node.pending.is_empty() {
                self.disk.world().clock += 500;
                self.step(&mut node, Input::Wake)
            } else {
                self.perform(&mut node, 0, false)
            };
            match ended {
                Some(Ended::Done) => return None,
                Some(other) => {
                    let mut node = self.restart(node, other);
                    self.step(&mut node, Input::Stop);
                    return Some(node);
                }
                None => {}
            }
        }
        panic!("it never ends: {:?}", node.pending);
    }

    fn go_on(&mut self, node: Node, ended: Option<Ended>) -> Node {
        match ended {
            None => node,
            Some(ended) => self.restart(node, ended),
        }
    }

    /// An upload is begun whose answer nobody will hear.
    fn fly(&mut self, key: ObjectKey, bytes: Bytes) {
        self.sending(&key, &bytes);
        self.flying.push((self.disk.world().clock, key, bytes));
    }

    /// Whatever leaves the process is the only thing that ever leaves it for its seq.
    fn sending(&mut self, key: &ObjectKey, bytes: &Bytes) {
        self.sendings += 1;
        self.hostile.iter_mut().for_each(|hostile| hostile.capture(key, bytes));
        let before = self.sent.entry(key.seq).or_insert_with(|| bytes.clone());
        assert!(before == bytes, "two objects were sent for seq {}", key.seq);
    }

    /// An upload whose writer is gone, or had given it up, arrives; not later than it may.
    fn land(&mut self) {
        let now = self.disk.world().clock;
        self.flying.retain(|(begun, ..)| now - begun < ALLOWANCE);
        if self.flying.is_empty() {
            return;
        }
        let (_, key, bytes) = self.flying.remove(self.chance.below(self.flying.len()));
        disk::trace(|| format!("{key} lands late"));
        drop(self.runtime.block_on(self.store.put_new(&key.to_string(), bytes)));
    }

    /// Whether the chain's very first upload is under way, or about to be.
    fn begins(&self, node: &Node) -> bool {
        let now = self.disk.world().clock;
        let may_land =
            |(begun, key, _): &(u64, ObjectKey, Bytes)| key.seq == 0 && now - begun < ALLOWANCE;
        let first = self.flying.iter().any(may_land) || node.sends_genesis();
        first && self.store.objects().values().all(|bytes| ObjectSeal::open(bytes).is_err())
    }

    /// Somebody puts garbage where the next objects belong.
    fn squat(&mut self) {
        let keys = self.next_keys();
        for key in keys.into_iter().take(1 + self.chance.below(3)) {
            disk::trace(|| format!("garbage at {key}"));
            let garbage = Bytes::from_static(GARBAGE);
            if self.runtime.block_on(self.store.put_new(&key.to_string(), garbage)).is_ok() {
                self.hostile_failed(&key);
            }
        }
    }

    /// The plain keys behind the newest object, as far as anybody can tell who has no key.
    fn next_keys(&self) -> Vec<ObjectKey> {
        let objects = self.store.objects();
        let notes = objects.values().filter_map(|bytes| ObjectSeal::open(bytes).ok());
        let newest = notes.max_by_key(|note| note.seal.seq);
        let plain = || ObjectKey::genesis(Self::origin());
        let next = newest.map_or_else(plain, |note| ObjectKey::after(&note.seal));
        (next.seq..next.seq + 3).map(|seq| ObjectKey { seq, ..next.clone() }).collect()
    }

    /// A copy of the state is made; or the one that was made takes the state's place, as where a
    /// machine is restored.
    fn snapshot(&mut self, node: Node) -> Node {
        let state = self.dir.path().join("state");
        let Some(snapshot) = self.snapshot.take() else {
            let copy = tempfile::tempdir().unwrap();
            copy_dir(&state, copy.path());
            self.snapshot = Some(copy);
            return node;
        };
        disk::trace(|| "a snapshot of the state is restored".to_owned());
        self.end(node);
        // It takes longer than an upload may be under way.
        self.disk.world().clock += ALLOWANCE;
        std::fs::remove_dir_all(&state).unwrap();
        copy_dir(snapshot.path(), &state);
        self.lost_state();
        self.hostile.iter_mut().for_each(|hostile| hostile.unasked = true);
        self.start(false)
    }

    /// What was sent, and never stored, nobody knows any more.
    fn lost_state(&mut self) {
        self.sealed = 0;
        self.hostile_lost_state();
        let objects = self.store.objects();
        self.sent.retain(|_, sent| objects.values().any(|stored| stored == sent));
        self.forget();
    }

    /// What is in the bucket stays as it is.
    fn look_at_bucket(&mut self) {
        if self.hostile.is_some() {
            return;
        }
        let objects = self.store.objects();
        for (key, bytes) in &self.seen {
            assert!(objects.get(key) == Some(bytes), "{key} changed, or is gone");
        }
        self.seen = objects;
    }

    fn check(&mut self) {
        let options = Options {
            origins: vec![Self::origin()],
            skew: None,
            ..Options::new(vec![self.vkey.clone()], Time::EPOCH)
        };
        let store = Arc::new(self.store.clone());
        let report = self.runtime.block_on(verify(store, &options, |_| {})).unwrap();
        let mut text = Vec::new();
        report.text(&mut text).unwrap();
        let text = String::from_utf8(text).unwrap();
        disk::trace(|| text.clone());
        let objects: Vec<Bytes> = self.store.objects().into_values().collect();
        self.model.archive = reader::archive(&objects, None);
        let files = self.model.archive.files.values();
        let gaps = files.map(|f| f.gaps.len()).sum::<usize>() + self.model.archive.nameless.len();
        // Time may pass while a look is still pending: then the heartbeats say so, and nothing else
        // may be found.
        let stalled = report.origins.iter().flat_map(|origin| &origin.findings);
        let stalled = stalled.filter(|found| found.verdict == Verdict::Stalled).count();
        assert!(stalled == 0 || self.stalled, "no look stood still: {text}");
        assert_eq!(report.exit_code(), u8::from(gaps + stalled > 0), "{gaps} gaps: {text}");
        assert_eq!(self.store.calls(Operation::Lock), 0, "nothing else was asked of the store");
        check(&self.model, Allowed { disorder: true, unruly: true, ..Allowed::default() });
    }
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            copy_dir(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

fn write_private(path: &std::path::Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut options = std::fs::File::options();
    let mut file = options.write(true).create_new(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// A fresh key, for all runs of a test.
fn private_key() -> String {
    let dir = tempfile::tempdir().unwrap();
    keygen(&dir.path().join("key"), &Sim::origin().node_scope()).unwrap();
    std::fs::read_to_string(dir.path().join("key")).unwrap()
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[test]
fn every_byte_is_sealed_once_or_owned_up_to() {
    let key = private_key();
    let first = number("AUDITSEAL_SEED").unwrap_or(1);
    let runs = number("AUDITSEAL_RUNS").unwrap_or(25);
    let mut counts = [0; 3];
    for seed in ONCE_FAILED.into_iter().chain(first..first + runs) {
        let run = std::panic::catch_unwind(|| {
            let mut sim = Sim::new(seed, &key);
            sim.run(400);
            [sim.adopted, sim.repacked, sim.forks]
        });
        let Ok(more) = run else {
            panic!("seed {seed}: AUDITSEAL_SEED={seed} AUDITSEAL_RUNS=1 shows it again")
        };
        counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
    }
    let [adopted, repacked, forks] = counts;
    println!(
        "{runs} histories: {adopted} times it went on from objects that it didn't know, {repacked} of them with something to seal again; {forks} times it couldn't"
    );
    assert!(repacked > 0 || runs < 20, "nothing is shown of going on from unknown objects");
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let key = private_key();
    for seed in 1..6 {
        let objects = || {
            let mut sim = Sim::new(seed, &key);
            sim.run(300);
            sim.store.objects()
        };
        assert!(objects() == objects(), "seed {seed}");
    }
}
