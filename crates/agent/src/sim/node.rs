//! The process: what it holds in memory, and what becomes of what it asks for.

use std::ffi::OsStr;
use std::sync::Arc;
use std::time::Duration;

use auditseal_doubles::Fault;
use auditseal_format::{Compression, FileId, ObjectKey, SealedBatch, Time};
use auditseal_reader::Judged;
use auditseal_shipper::{
    Action, Backoff, Config, End, Input, Job, KnownChain, Limits, Mode, ReadBack, Report, Shipper,
};
use auditseal_spool::{Final, Spool, StateDir};
use auditseal_store::{Kind, Operation, Store};
use auditseal_tail::{Follower, Settings};
use bytes::Bytes;

use super::adopted::assert_kept;
use super::disk::agent::Archive;
use super::disk::{self, SimDisk, SimFile};
use super::hostile::Hostile;
use super::{ALLOWANCE, Sim};
use crate::adopt::adopt;
use crate::finals::Backups;
use crate::fork;
use crate::hands::{pin_of, told};
use crate::pack::pack;
use crate::pulse::Pulse;
use crate::readback::{Stands, read_back};
use crate::repack::Making;
use crate::source::convert;
use crate::spooler::Spooler;
use crate::start::{Asking, Finder, past, read_seal};

type Content = Arc<auditseal_tail::Content<SimFile>>;

/// A seal is made at least this often, nanoseconds.
const HEARTBEAT: u64 = 60_000_000_000;

/// What was asked for and hasn't happened yet.
pub(super) enum Pending {
    Look(u64),
    Pack(Job<Content>),
    Commit(ObjectKey, Arc<SealedBatch>),
    Put(ObjectKey),
    ReadBack(ObjectKey),
    FindHead(KnownChain),
}

impl std::fmt::Debug for Pending {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Look(limit) => write!(f, "look {limit}"),
            Self::Pack(job) => write!(f, "pack {}", job.ticket),
            Self::Commit(key, _) => write!(f, "commit {key}"),
            Self::Put(key) => write!(f, "put {key}"),
            Self::ReadBack(key) => write!(f, "read back {key}"),
            Self::FindHead(_) => write!(f, "find head"),
        }
    }
}

/// How a pipeline ended.
#[derive(Debug)]
pub(super) enum Ended {
    Done,
    /// Between a thing's being done and anybody's knowing it.
    Crashed,
    Restart,
    /// Another writer has the chain.
    Forked(End),
}

pub(super) struct Node {
    follower: Follower<SimDisk>,
    shipper: Shipper<Content>,
    pub(super) spool: Spooler,
    /// Holds the directory's lock.
    _state: StateDir,
    pub(super) pending: Vec<Pending>,
    committed: Vec<(FileId, u64)>,
    /// Sealed and not stored.
    unsent: usize,
    /// No look yet: what happened before, nobody reported.
    starting: bool,
}

impl Node {
    pub(super) fn stored_all(&self) -> bool {
        self.unsent == 0
    }

    pub(super) fn sends_genesis(&self) -> bool {
        self.pending.iter().any(|pending| matches!(pending, Pending::Put(key) if key.seq == 0))
    }
}

impl Sim {
    fn config(&self) -> Config {
        Config {
            origin: Self::origin(),
            times: auditseal_format::TimeField::Audit,
            mode: Mode::Live,
            batch_bytes: 3_000,
            window: 1_000_000_000,
            heartbeat: HEARTBEAT,
            jobs: 2,
            spool_limit: 40_000,
            give_up: None,
            backoff: Backoff { first: 10_000_000, max: 1_000_000_000, seed: 1 },
            cluster_uid: None,
            machine_id: Some([5; 16]),
            read_back: self.hostile.as_ref().is_some_and(|hostile| hostile.read_back),
            beside: vec![],
            without: vec![],
            store: "sim".into(),
            limits: Limits::default(),
        }
    }

    /// Starts as the agent does: from the spool, or from the bucket.
    pub(super) fn start(&mut self, restarted: bool) -> Node {
        let state = StateDir::open(&self.dir.path().join("state")).unwrap();
        let spool = state.spool(&Self::origin()).unwrap();
        // Its state is lost, or it never had any: what it isn't shown now it can't know.
        if spool.entries().next().is_none() {
            self.disclose_all();
            self.hostile.iter_mut().for_each(|hostile| hostile.unasked = false);
        }
        let spool = Spooler::new(spool, &Arc::new(Pulse::new())).unwrap();
        let signer = crate::read_signer(&self.dir.path().join("key")).unwrap();
        let family = disk::agent::family();
        let asking = self.asking();
        let past = self.runtime.block_on(past(&spool, &asking, restarted)).unwrap();
        let unsent = past.start.spooled.len();
        let limits = auditseal_tail::Limits { open: 24, ..auditseal_tail::Limits::default() };
        let settings = Settings { limits, ..Settings::default() };
        let follower = Follower::new(family, self.disk.clone(), past.history, settings);
        let config = self.config();
        let (compression, now) = (Compression::default(), self.now());
        let shipper = Shipper::new(config, compression, Box::new(signer), past.start, now);
        let (pending, committed) = (Vec::new(), Vec::new());
        let starting = true;
        let mut node =
            Node { follower, shipper, spool, _state: state, pending, committed, unsent, starting };
        assert!(self.step(&mut node, Input::Wake).is_none(), "it only begins");
        node
    }

    /// What the agent asks its past with.
    fn asking(&self) -> Asking {
        let names: Vec<String> = self.disk.world().dir.keys().cloned().collect();
        let names = names.iter().map(OsStr::new);
        Asking {
            finder: self.finder(),
            backups: Backups::among(&disk::agent::family(), names, Time::MAX),
            machine_id: self.config().machine_id,
            hold: Some(Duration::from_millis(ALLOWANCE)),
            only_existing: false,
            beside: vec![],
        }
    }

    fn finder(&self) -> Finder {
        let (store, backoff) = (Arc::new(self.store.clone()), self.config().backoff);
        let (origin, key) = (Self::origin(), self.vkey.clone());
        let (judged, pulse) = (Judged::default(), Arc::new(Pulse::new()));
        Finder { origin, key, store, give_up: None, backoff, judged, pulse }
    }

    /// The process ends at once; what it had asked the network for may yet happen.
    pub(super) fn crash(&mut self, node: Node, state_lost: bool) -> Node {
        disk::trace(|| format!("crash, state lost: {state_lost}"));
        self.end(node);
        if state_lost {
            std::fs::remove_dir_all(self.dir.path().join("state")).unwrap();
            self.lost_state();
        } else {
            self.forget();
        }
        self.start(false)
    }

    /// The process is gone; what it had sent may yet arrive.
    pub(super) fn end(&mut self, node: Node) {
        for pending in &node.pending {
            if let Pending::Put(key) = pending
                && let Ok(bytes) = node.spool.idle().unwrap().read(key)
            {
                self.fly(key.clone(), bytes.into());
            }
        }
        self.hostile.iter_mut().for_each(Hostile::count);
    }

    pub(super) fn restart(&mut self, node: Node, ended: Ended) -> Node {
        disk::trace(|| format!("ended: {ended:?}"));
        match ended {
            Ended::Done => panic!("nobody said stop"),
            Ended::Forked(end) => panic!("no other writer is here: {end:?}"),
            Ended::Crashed => return self.crash(node, false),
            Ended::Restart => {
                self.disclose_all();
                let (asking, making) = (self.asking(), self.making());
                let before = self.sealed(&node.spool.idle().unwrap());
                let end = self.runtime.block_on(adopt(&node.spool, &asking, making)).unwrap();
                let after = self.sealed(&node.spool.idle().unwrap());
                if let Some(end) = end {
                    assert_eq!(after, before, "what is sealed stays: {end:?}");
                    return self.forked(node, &end);
                }
                assert_kept(&before, &after);
                self.adopted += 1;
                // The first is the one that it goes on from.
                self.repacked += u64::from(node.spool.idle().unwrap().entries().count() > 1);
            }
        }
        drop(node);
        self.sealed = 0;
        self.forget();
        self.start(true)
    }

    /// What this node sealed can't be one history with what the store has: it says so at each start,
    /// until somebody looks and moves the state away. Only where another process couldn't read any
    /// more what this one still could.
    fn forked(&mut self, node: Node, end: &End) -> Node {
        let End::Forked(_, why) = end else { panic!("{end:?}") };
        assert!(why.to_string().contains("are lost"), "{why}");
        assert!(fork::read(&node.spool.idle().unwrap()).unwrap().is_some(), "it is written down");
        self.forks += 1;
        self.crash(node, true)
    }

    /// What seals are made with where a chain is adopted.
    fn making(&self) -> Making {
        let signer = Box::new(crate::read_signer(&self.dir.path().join("key")).unwrap());
        let (config, compression, now) = (self.config(), Compression::default(), self.now());
        Making { config, compression, signer, clock: Arc::new(move || now) }
    }

    /// What the oracle may no longer ask for: what only the ended run knew.
    pub(super) fn forget(&mut self) {
        let path = self.dir.path().join("state");
        let state = StateDir::open(&path).ok();
        let spool = state.as_ref().map(|state| state.spool(&Self::origin()).unwrap());
        self.model.archive = match &spool {
            Some(spool) => self.sealed(spool),
            None => super::reader::archive(&self.stored(), None),
        };
        self.model.crash();
    }

    /// What the chain holds whose newest object is the spool's; or, without one, the store's.
    fn sealed(&self, spool: &Spool) -> Archive {
        let (mut objects, mut head) = (self.stored(), None);
        for entry in spool.entries() {
            let bytes = spool.read(&entry.key).unwrap();
            head = Some(read_seal(spool, &entry.key).unwrap().hash());
            objects.push(bytes.into());
        }
        super::reader::archive(&objects, head)
    }

    /// What is stored, whatever the store shows of it.
    fn stored(&self) -> Vec<Bytes> {
        let captured = self.hostile.iter().flat_map(Hostile::bodies);
        self.store.objects().into_values().chain(captured).collect()
    }

    pub(super) fn step(&mut self, node: &mut Node, input: Input<Content>) -> Option<Ended> {
        let now = self.now();
        let ms = now.boot.nanos / 1_000_000;
        self.stalled |= ms - self.looked >= HEARTBEAT / 1_000_000;
        if matches!(input, Input::Looked { .. }) {
            self.looked = ms;
        }
        for action in node.shipper.step(input, now) {
            match action {
                Action::Look(limit) => node.pending.push(Pending::Look(limit)),
                Action::Pack(job) => node.pending.push(Pending::Pack(job)),
                Action::Commit(key, sealed) => node.pending.push(Pending::Commit(key, sealed)),
                Action::Put(key) => node.pending.push(Pending::Put(key)),
                Action::ReadBack(key) => node.pending.push(Pending::ReadBack(key)),
                Action::Discard(key) => {
                    let mut spool = node.spool.idle().unwrap();
                    let seal = read_seal(&spool, &key).unwrap();
                    spool.remember(&Final::of(&seal).collect::<Vec<_>>()).unwrap();
                    spool.discard(&key).unwrap();
                }
                Action::Report(report) => self.report(node, report),
                Action::FindHead(known) => node.pending.push(Pending::FindHead(known)),
                Action::Restart => return Some(Ended::Restart),
                Action::End(End::Done | End::Stopped) => return Some(Ended::Done),
                Action::End(end @ End::Forked(..)) => return Some(Ended::Forked(end)),
                Action::End(end) => panic!("nothing gives up here: {end:?}"),
            }
        }
        None
    }

    fn report(&mut self, node: &mut Node, report: Report) {
        match report {
            Report::Sealed { seal, .. } => {
                assert!(seal.seq == 0 || seal.seq > self.sealed, "the head goes back");
                self.sealed = seal.seq;
                node.unsent += 1;
                node.committed.extend(seal.ranges.iter().map(|range| (range.file, range.end)));
            }
            Report::Stored(_) | Report::FoundStored(_) => {
                node.unsent = node.unsent.saturating_sub(1);
            }
            _ => {}
        }
    }

    /// Does one of the pending things, in one of its outcomes.
    pub(super) fn perform(&mut self, node: &mut Node, at: usize, faulty: bool) -> Option<Ended> {
        let pending = node.pending.remove(at);
        let fate = if faulty { self.chance.below(20) } else { 19 };
        disk::trace(|| format!("{pending:?}, fate {fate}"));
        let input = match pending {
            Pending::Look(limit) => self.look(node, limit, fate == 0),
            Pending::Pack(job) => {
                let packed =
                    pack(&job, (Compression::default(), auditseal_format::TimeField::Audit))
                        .unwrap();
                Input::Packed(job.ticket, Box::new(packed))
            }
            Pending::Commit(key, sealed) => match fate {
                0 => Input::CommitFailed("not done".into()),
                1 => {
                    node.spool.idle().unwrap().commit(&key, &sealed.bytes).unwrap();
                    return Some(Ended::Crashed);
                }
                _ => {
                    node.spool.idle().unwrap().commit(&key, &sealed.bytes).unwrap();
                    Input::Committed
                }
            },
            // The store is away, and what is read meanwhile is sealed.
            Pending::FindHead(known) if fate < 17 => {
                node.pending.push(Pending::FindHead(known));
                return None;
            }
            Pending::FindHead(known) => {
                self.hostile.iter_mut().for_each(|hostile| hostile.unasked = false);
                told(self.runtime.block_on(self.finder().find_newest(known)).unwrap())
            }
            Pending::Put(key) => self.put(node, &key, fate),
            Pending::ReadBack(key) => self.read_back(node, &key, fate),
        };
        self.step(node, input)
    }

    fn look(&mut self, node: &mut Node, limit: u64, lost: bool) -> Input<Content> {
        for (file, end) in node.committed.drain(..) {
            node.follower.committed(&file, end);
        }
        self.model.deaf |= lost;
        let (now, notices) = {
            let mut world = self.disk.world();
            (world.clock, world.hear(lost || std::mem::take(&mut node.starting)))
        };
        node.follower.noticed(notices);
        let look = node.follower.look(now, limit);
        disk::trace(|| format!("-> {look:?}"));
        convert(look)
    }

    fn put(&mut self, node: &mut Node, key: &ObjectKey, fate: usize) -> Input<Content> {
        let bytes = Bytes::from(node.spool.idle().unwrap().read_to_send(key).unwrap());
        self.sending(key, &bytes);
        if self.hostile.is_some() {
            return match self.hostile_put(key, &bytes) {
                // Nobody asks for a version that it may have made up.
                true => Input::Stored(None),
                false => Input::Doubt("refused".to_owned()),
            };
        }
        let nth = self.store.calls(Operation::Put) + 1;
        let fault = match fate {
            0 => Some(Fault::Refuse(Kind::Unavailable)),
            1 => Some(Fault::StoreThenFail(Kind::Timeout)),
            2 => Some(Fault::Refuse(Kind::Denied)),
            3 => {
                // Nobody hears of it again for now.
                self.fly(key.clone(), bytes);
                return Input::Doubt("no answer in time".into());
            }
            _ => None,
        };
        let sent = bytes.clone();
        if let Some(fault) = fault {
            self.store.fail(Operation::Put, nth, fault);
        }
        match self.runtime.block_on(self.store.put_new(&key.to_string(), bytes)) {
            Ok(stored) => Input::Stored(pin_of(&sent, stored.version)),
            Err(error) => Input::Doubt(error.to_string()),
        }
    }

    fn read_back(&mut self, node: &mut Node, key: &ObjectKey, fate: usize) -> Input<Content> {
        let ours = Bytes::from(node.spool.idle().unwrap().read(key).unwrap());
        let nth = self.store.calls(Operation::Get) + 1;
        match fate {
            0 => self.store.fail(Operation::Get, nth, Fault::Refuse(Kind::Timeout)),
            1 => self.store.fail(Operation::Get, nth, Fault::HtmlPage),
            2 => self.store.fail(Operation::Get, nth, Fault::WrongBytes),
            _ => {}
        }
        if fate <= 2 {
            self.hostile_failed(key);
        }
        let lie = self.hostile_read(key);
        let store: Arc<dyn Store> = Arc::new(self.store.clone());
        let stands = self.runtime.block_on(read_back(&store, key, &ours));
        lie.into_iter().for_each(|lie| self.hostile_was_read(lie));
        Input::ReadBack(match stands {
            Stands::Ours(info) => ReadBack::Same(pin_of(&ours, info.version)),
            Stands::Nothing => ReadBack::Absent,
            Stands::Unknown(_, why) => ReadBack::Unknown(why),
            Stands::Other(bytes) => ReadBack::Other(bytes),
        })
    }
}
