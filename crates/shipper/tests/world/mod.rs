//! A node and a store in memory, driven by the shipper, with faults at any step.
#![allow(dead_code, reason = "shared by several test files, each using a part")]
#![allow(clippy::unwrap_used, reason = "a test's helper fails the test")]

pub(crate) mod many;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use auditseal_format::seal::{Boot, Uuid};
use auditseal_format::*;
use auditseal_note::StaticSigner;
use auditseal_shipper::*;

pub(crate) const SECOND: u64 = 1_000_000_000;

/// What becomes of one step that touches the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It has no effect and is reported as failed.
    NotDone,
    /// It takes effect and is reported as failed.
    DoneButFailed,
}

/// One source file whose lines are taken as the cursors say.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) source: Vec<u8>,
    pub(crate) spool: BTreeMap<u64, (ObjectKey, Vec<u8>)>,
    pub(crate) store: BTreeMap<String, Vec<u8>>,
    /// Whether the store has versions; an object's id is made of its key.
    pub(crate) versioned: bool,
    /// Uploads are read back.
    pub(crate) read_back: bool,
    /// Up to which seqs it goes on without what the store lacks.
    pub(crate) without: Vec<Seqs>,
    /// So many uploads more are accepted, and not stored.
    pub(crate) forgets: usize,
    /// Which read-backs, counted from 0, show other bytes than stand there.
    pub(crate) lies: Vec<usize>,
    /// Read-backs so far.
    pub(crate) reads: usize,
    pub(crate) now: u64,
    /// Boot clock to wall clock.
    pub(crate) wall: i64,
    pub(crate) steps: usize,
    /// Which step goes wrong, how, and whether the process dies right after it.
    pub(crate) fault: Option<(usize, Fault, bool)>,
    pub(crate) crashed: bool,
    pub(crate) reports: Vec<Report>,
    pub(crate) batch_bytes: u64,
    pub(crate) mode: Mode,
    pub(crate) jobs: usize,
    pub(crate) seed: u8,
    pub(crate) uploads: usize,
    pub(crate) discards: Vec<u64>,
    pub(crate) spool_limit: u64,
    pub(crate) give_up: Option<u64>,
    /// The store answers nothing.
    pub(crate) outage: bool,
    /// From here to there the source's disk gives nothing, once it is packed.
    pub(crate) bad: std::ops::Range<u64>,
    /// The source has been rotated: its end is final.
    pub(crate) rotated: bool,
    /// Bytes that may be handed out and not committed: the source has no descriptor for more.
    pub(crate) held: u64,
    /// From this offset on the source gives nothing before this time.
    pub(crate) refused: (u64, u64),
    /// Looks that begin in this time end with it.
    pub(crate) hangs: std::ops::Range<u64>,
    /// How long nothing is sent after a start.
    pub(crate) hold: u64,
    /// When the daemon is told to stop.
    pub(crate) stop: Option<u64>,
    /// Such a look is under way.
    pub(crate) looking: bool,
    /// Looks so far.
    pub(crate) looks: usize,
    pub(crate) limits: Limits,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Done,
    Crashed,
    Forked,
    Foreign,
    Restart,
    GaveUp,
    Lacking(Seqs),
    Paused,
}

impl World {
    pub(crate) fn new(source: &[u8]) -> Self {
        Self {
            source: source.to_vec(),
            spool: BTreeMap::new(),
            store: BTreeMap::new(),
            versioned: false,
            read_back: false,
            without: vec![],
            forgets: 0,
            lies: vec![],
            reads: 0,
            now: SECOND,
            wall: 1_795_000_000_000_000,
            steps: 0,
            fault: None,
            crashed: false,
            reports: vec![],
            batch_bytes: 40,
            mode: Mode::OneShot,
            jobs: 2,
            seed: 1,
            uploads: 0,
            discards: vec![],
            spool_limit: u64::MAX,
            give_up: None,
            outage: false,
            bad: 0..0,
            rotated: false,
            held: u64::MAX,
            refused: (u64::MAX, 0),
            hangs: 0..0,
            hold: 0,
            stop: None,
            looking: false,
            looks: 0,
            limits: Limits::default(),
        }
    }

    pub(crate) fn origin() -> Origin {
        Origin::new("c", "n", "s").unwrap()
    }

    pub(crate) fn config(&self) -> Config {
        Config {
            origin: Self::origin(),
            times: TimeField::Audit,
            mode: self.mode,
            batch_bytes: self.batch_bytes,
            window: 5 * SECOND,
            heartbeat: 60 * SECOND,
            jobs: self.jobs,
            spool_limit: self.spool_limit,
            give_up: self.give_up,
            backoff: Backoff { first: SECOND / 5, max: 30 * SECOND, seed: 7 },
            cluster_uid: None,
            machine_id: None,
            read_back: self.read_back,
            beside: vec![],
            without: self.without.clone(),
            store: "bucket".to_owned(),
            limits: self.limits,
        }
    }

    pub(crate) fn clock(&self) -> Now {
        let micros = self.wall + i64::try_from(self.now / 1000).unwrap();
        Now { wall: Time::from_micros(micros), boot: Boot { id: Uuid([1; 16]), nanos: self.now } }
    }

    /// A shipper that starts from what the spool holds.
    pub(crate) fn start(&self) -> Shipper<Arc<Vec<u8>>> {
        let (mut spooled, mut head) = (Spooled::default(), None);
        for (key, bytes) in self.spool.values() {
            let ObjectSeal { seal, hash, .. } = ObjectSeal::open(bytes).unwrap();
            spooled.push(key, bytes.len() as u64, &seal, hash);
            head = Some(Head { seal, hash });
        }
        self.shipper(Start { head, spooled, reanchor: None, hold: self.hold })
    }

    pub(crate) fn shipper(&self, start: Start) -> Shipper<Arc<Vec<u8>>> {
        let signer = StaticSigner::from_seed("c/n", &[self.seed; 32]).unwrap();
        Shipper::new(self.config(), Compression::default(), Box::new(signer), start, self.clock())
    }

    /// A new chain's shipper with other settings.
    pub(crate) fn shipper_as(&self, config: Config) -> Shipper<Arc<Vec<u8>>> {
        let signer = StaticSigner::from_seed("c/n", &[self.seed; 32]).unwrap();
        let (compression, start) = (Compression::default(), Start::default());
        Shipper::new(config, compression, Box::new(signer), start, self.clock())
    }

    fn file(&self) -> FileId {
        let first = self.source.split(|b| *b == b'\n').next().unwrap_or_default();
        FileId { hash: hash(first), base: 0, copy: 0 }
    }

    /// Where the newest spooled note says that reading goes on.
    pub(crate) fn offset(&self) -> u64 {
        let Some((_, bytes)) = self.spool.values().last() else { return 0 };
        let seal = ObjectSeal::open(bytes).unwrap().seal;
        seal.cursors.first().map_or(0, |cursor| cursor.offset)
    }

    /// Whole lines from `offset` on, up to about `limit` bytes.
    pub(crate) fn look(&self, offset: u64, limit: u64) -> (Vec<Take<Arc<Vec<u8>>>>, Rest) {
        let start = usize::try_from(offset).unwrap();
        let mut end = start;
        let mut rest = Rest::More;
        while ((end - start) as u64) < limit {
            let Some(line) = self.source[end..].iter().position(|b| *b == b'\n') else {
                rest = Rest::Nothing;
                break;
            };
            if end as u64 >= self.refused.0 && self.now < self.refused.1 {
                rest = Rest::Later;
                break;
            }
            if end as u64 >= self.offset().saturating_add(self.held) {
                rest = Rest::Sealing;
                break;
            }
            end += line + 1;
        }
        if end == start {
            return (vec![], rest);
        }
        let bytes = self.source[start..end].to_vec();
        let take = Take {
            file: self.file(),
            name: FileName::new(b"audit.log"),
            start: offset,
            end: end as u64,
            mid_line: false,
            is_final: self.rotated && end == self.source.len(),
            anchor: hash(&self.source[end.saturating_sub(4096)..end]),
            before: None,
            parts: vec![Part {
                end: end as u64,
                anchor: hash(&self.source[end.saturating_sub(4096)..end]),
                content: Arc::new(bytes),
            }],
        };
        let rest = if end == self.source.len() { Rest::Nothing } else { rest };
        (vec![take], rest)
    }

    /// Counts a step; says whether it takes effect, and whether it is reported as done.
    fn step(&mut self) -> (bool, bool) {
        self.steps += 1;
        match self.fault {
            Some((at, fault, crash)) if at == self.steps => {
                self.crashed = crash;
                (fault == Fault::DoneButFailed, false)
            }
            _ => (true, true),
        }
    }

    /// Runs until the shipper ends, the process crashes, or `until` (boot time) has come.
    pub(crate) fn run(&mut self, shipper: &mut Shipper<Arc<Vec<u8>>>, until: u64) -> Ended {
        let mut inputs = VecDeque::from([Input::Wake]);
        let mut taken = self.offset();
        let mut turns = 0;
        loop {
            turns += 1;
            assert!(turns < 100_000, "the shipper doesn't come to rest");
            let input = inputs.pop_front().unwrap_or_else(|| {
                let mut wake = shipper.deadline().min(until);
                if let Some(stop) = self.stop {
                    wake = wake.min(stop);
                }
                if self.looking {
                    wake = wake.min(self.hangs.end);
                }
                self.now = self.now.max(wake);
                if self.stop.is_some_and(|stop| stop <= self.now) {
                    self.stop = None;
                    return Input::Stop;
                }
                if self.looking && self.hangs.end <= self.now {
                    self.looking = false;
                    let (takes, rest) = self.look(taken, u64::MAX);
                    taken = takes.last().map_or(taken, |take| take.end);
                    return Input::Looked { takes, losses: vec![], rest };
                }
                Input::Wake
            });
            for action in shipper.step(input, self.clock()) {
                if let Some(ended) = self.act(action, &mut taken, &mut inputs) {
                    return ended;
                }
                if self.crashed {
                    self.crashed = false;
                    return Ended::Crashed;
                }
            }
            if self.now >= until {
                return Ended::Paused;
            }
            self.now += 1000;
        }
    }

    fn act(
        &mut self,
        action: Action<Arc<Vec<u8>>>,
        taken: &mut u64,
        inputs: &mut VecDeque<Input<Arc<Vec<u8>>>>,
    ) -> Option<Ended> {
        match action {
            Action::Look(limit) => {
                self.looks += 1;
                if self.hangs.contains(&self.now) {
                    self.looking = true;
                    return None;
                }
                let (takes, rest) = self.look(*taken, limit);
                *taken = takes.last().map_or(*taken, |take| take.end);
                inputs.push_back(Input::Looked { takes, losses: vec![], rest });
            }
            Action::Pack(job) => {
                inputs.push_back(Input::Packed(job.ticket, Box::new(self.pack(&job))));
            }
            Action::Commit(key, sealed) => {
                let (effect, fine) = self.step();
                if effect && !self.spool.contains_key(&key.seq) {
                    self.spool.insert(key.seq, (key, sealed.bytes.clone()));
                }
                // Done but reported as failed can't happen without a crash: the spool's own
                // retry finds the file. The world says "committed" then, as the spool would.
                let done = fine || effect;
                inputs.push_back(if done {
                    Input::Committed
                } else {
                    Input::CommitFailed("disk full".into())
                });
            }
            Action::Put(key) => {
                let (effect, fine) = self.step();
                self.uploads += 1;
                let bytes = self.spool[&key.seq].1.clone();
                let free = !self.store.contains_key(&key.to_string());
                let answers = !self.outage;
                let kept = self.keeps();
                if effect && free && answers && kept {
                    self.store.insert(key.to_string(), bytes);
                }
                inputs.push_back(if fine && free && answers {
                    Input::Stored(self.pin(&key))
                } else {
                    Input::Doubt("503".into())
                });
            }
            Action::ReadBack(key) => inputs.push_back(Input::ReadBack(self.stands(&key))),
            Action::Discard(key) => {
                let (effect, _) = self.step();
                self.discards.push(key.seq);
                if effect {
                    self.spool.remove(&key.seq);
                }
            }
            Action::Report(report) => self.reports.push(report),
            Action::FindHead(_) => inputs.push_back(Input::HeadFound(self.head(), None)),
            Action::Restart => return Some(Ended::Restart),
            Action::End(End::Done | End::Stopped) => return Some(Ended::Done),
            Action::End(End::GaveUp(_)) => return Some(Ended::GaveUp),
            Action::End(End::Lacking(seqs)) => return Some(Ended::Lacking(seqs)),
            Action::End(End::Forked(..)) => return Some(Ended::Forked),
            Action::End(End::Foreign(..)) => return Some(Ended::Foreign),
        }
        None
    }

    fn pack(&self, job: &Job<Arc<Vec<u8>>>) -> PackedJob {
        let mut job = job.clone();
        let mut short = Vec::new();
        for (at, take) in job.takes.iter_mut().enumerate() {
            let start = self.bad.start.max(take.start);
            if start < take.end.min(self.bad.end) {
                // Takes of these tests are of one part.
                let part = &mut take.parts[0];
                let left = usize::try_from(start - take.start).unwrap();
                part.content = Arc::new(part.content[..left].to_vec());
                short.push((at, start, hash(&part.content), "unreadable"));
            }
        }
        PackedJob { short, ..pack(&job) }
    }

    /// What the store shows at a key.
    fn stands(&mut self, key: &ObjectKey) -> ReadBack {
        let (_, fine) = self.step();
        let lies = self.lies.contains(&self.reads);
        self.reads += 1;
        match self.store.get(&key.to_string()) {
            _ if !fine || self.outage => ReadBack::Unknown("timeout".into()),
            _ if lies => ReadBack::Other(b"garbage".to_vec()),
            None => ReadBack::Absent,
            Some(bytes) if *bytes == self.spool[&key.seq].1 => ReadBack::Same(self.pin(key)),
            Some(bytes) => ReadBack::Other(bytes.clone()),
        }
    }

    /// Whether the store keeps what it accepts now.
    fn keeps(&mut self) -> bool {
        let forgets = self.forgets;
        self.forgets = forgets.saturating_sub(1);
        forgets == 0
    }

    /// What the store says of an object that it has.
    fn pin(&self, key: &ObjectKey) -> Option<Pin> {
        let sha256 = sha256(&self.spool[&key.seq].1);
        self.versioned.then(|| Pin { sha256, version: version(&key.to_string()) })
    }

    /// The notes in the store, by seq.
    pub(crate) fn seals(&self) -> BTreeMap<u64, Seal> {
        let seals = self.store.values().map(|bytes| ObjectSeal::open(bytes).unwrap().seal);
        seals.map(|seal| (seal.seq, seal)).collect()
    }

    /// Starts and restarts until everything is done, as a service manager would.
    pub(crate) fn run_to_done(&mut self) {
        for _ in 0..20 {
            let mut shipper = self.start();
            match self.run(&mut shipper, u64::MAX) {
                Ended::Done => return,
                Ended::Crashed => {}
                Ended::Restart => self.adopt(),
                other => panic!("{other:?}"),
            }
        }
        panic!("never done");
    }

    /// The chain's notes in the store, each with the object that it is read from.
    fn notes(&self) -> Vec<(ObjectKey, ObjectSeal, &Vec<u8>)> {
        let signer = StaticSigner::from_seed("c/n", &[self.seed; 32]).unwrap();
        let mut notes: Vec<_> = self
            .store
            .iter()
            .filter_map(|(key, bytes)| {
                let (key, found) = (ObjectKey::parse(key)?, ObjectSeal::open(bytes).ok()?);
                let ours = found.seal.key == *signer.key() && found.seal.seq == key.seq;
                ours.then_some((key, found, bytes))
            })
            .collect();
        notes.sort_by_key(|(key, ..)| key.seq);
        notes
    }

    /// What the chain's seals in the store are for.
    pub(crate) fn kinds(&self) -> Vec<Kind> {
        self.notes().into_iter().map(|(_, found, _)| found.seal.kind).collect()
    }

    fn head(&self) -> Option<StoreHead> {
        if self.outage {
            return None;
        }
        let (key, found, _) = self.notes().pop()?;
        Some(StoreHead { key, hash: found.hash })
    }

    /// Goes on from what the store has; the lines of ours are still in the source.
    fn adopt(&mut self) {
        let ours = |key: &ObjectKey, bytes: &Vec<u8>| {
            self.spool.get(&key.seq).is_none_or(|(_, ours)| ours == bytes)
        };
        let notes = self.notes();
        let common = notes.iter().take_while(|(key, _, bytes)| ours(key, bytes)).count() as u64;
        let (key, _, bytes) = notes.into_iter().next_back().unwrap();
        let (key, bytes) = (key, bytes.clone());
        self.spool.split_off(&common);
        self.spool.insert(key.seq, (key, bytes));
    }

    /// Checks the chain in the store from its genesis on, and gives all its lines.
    pub(crate) fn restored(&self) -> Vec<u8> {
        let mut lines = Vec::new();
        let mut previous: Option<ObjectSeal> = None;
        let mut file_end = 0;
        loop {
            let next = self.store.iter().find_map(|(key, bytes)| {
                let found = ObjectSeal::open(bytes).ok()?;
                let key = ObjectKey::parse(key)?;
                let plain = previous.as_ref().map(|p| ObjectKey::after(&p.seal));
                let plain = plain.unwrap_or_else(|| ObjectKey::genesis(found.seal.origin.clone()));
                let right = key.with(None) == plain;
                let links = found.seal.prev == previous.as_ref().map(|p| p.hash);
                (right && links).then_some((found, bytes))
            });
            let Some((found, bytes)) = next else { break };
            for range in &found.seal.ranges {
                assert_eq!(range.start, file_end, "ranges join");
                file_end = range.end;
            }
            for gap in &found.seal.gaps {
                assert_eq!(gap.start, Some(file_end), "a gap joins");
                file_end = gap.end.unwrap();
            }
            let mut decoder = PayloadDecoder::new(&found.seal.payload).unwrap();
            let blocks = found.blocks();
            let (start, end) = (blocks.start as usize, blocks.end as usize);
            decoder.blocks(&bytes[start..end], |part| lines.extend_from_slice(part)).unwrap();
            decoder.finish().unwrap();
            previous = Some(found);
        }
        lines
    }
}

/// The version id of the object at a key.
pub(crate) fn version(key: &str) -> String {
    format!("version of {key}")
}

pub(crate) fn pack(job: &Job<Arc<Vec<u8>>>) -> PackedJob {
    let mut packer = Packer::new(Compression::default(), 16).unwrap();
    let facts = job.takes.iter().map(|take| {
        packer.begin_range(take.start);
        for part in &take.parts {
            packer.source(&part.content).unwrap();
        }
        packer.end_range().unwrap()
    });
    let facts = facts.collect();
    PackedJob { facts, packed: packer.finish().unwrap(), short: vec![] }
}

pub(crate) fn lines(n: usize) -> Vec<u8> {
    (0..n).flat_map(|i| format!("{{\"event\":{i}}}\n").into_bytes()).collect()
}

/// From one seq to another.
pub(crate) fn seqs(first: u64, last: u64) -> Seqs {
    Seqs::before(first, last + 1).unwrap()
}
