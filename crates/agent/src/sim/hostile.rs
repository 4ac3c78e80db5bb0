//! A store that keeps every body which it was ever given, and hides and replays them.
//!
//! It takes a body and says that it failed; it hides what it stored, as if it had never been there, and
//! shows it again; it covers it, where there are versions; it puts what it has, whole or behind other
//! bytes, at the next keys of the chain, at other keys of its seq, in other days; and it answers a read
//! with the body of another seq. The node crashes meanwhile, is restored from a snapshot, or loses its state.
//!
//! Two things it doesn't do, for no writer could tell: say of a body, whenever it is asked, that it is
//! where it should be, and lose it; and hide from a node that has lost its state, was restored from a
//! snapshot, or meets what another process sent, what it would have to go on from. The reader can.

use std::collections::{BTreeMap, BTreeSet};

use auditseal_format::{Alternate, Date, ObjectKey, ObjectSeal};
use auditseal_store::Store as _;
use bytes::Bytes;
use futures::TryStreamExt as _;

use super::disk::Op;
use super::node::Node;
use super::{Sim, disk, number, private_key};

/// What of the store is hostile, and what it did.
#[derive(Default)]
pub(super) struct Hostile {
    /// All that it was given, and for which key.
    captured: Vec<(ObjectKey, Bytes)>,
    /// Keys that it hides.
    withheld: BTreeSet<String>,
    /// Keys that it covers, and the version beneath.
    covered: Vec<(String, String)>,
    /// How often this process sent something for each seq.
    sent: BTreeMap<u64, u64>,
    /// How often something was done that may cost this seq another upload.
    excuses: BTreeMap<u64, u64>,
    /// Accepted uploads are read back, for this store may lie.
    pub(super) read_back: bool,
    /// What processes before it sent, and how often anything.
    seals: BTreeSet<u64>,
    uploads: u64,
    /// The node was restored from a snapshot, and hasn't asked yet what was stored since: nothing of it
    /// is hidden.
    pub(super) unasked: bool,
    /// It does nothing any more.
    over: bool,
}

impl Hostile {
    fn excuse(&mut self, seq: u64) {
        *self.excuses.entry(seq).or_default() += 1;
    }

    /// All that it has.
    pub(super) fn bodies(&self) -> impl Iterator<Item = Bytes> {
        self.captured.iter().map(|(_, body)| body.clone())
    }

    /// What leaves the process.
    pub(super) fn capture(&mut self, key: &ObjectKey, bytes: &Bytes) {
        self.captured.push((key.clone(), bytes.clone()));
        *self.sent.entry(key.seq).or_default() += 1;
    }

    /// The process ended: each of its seals it had sent once, and again only for something that the
    /// store did.
    pub(super) fn count(&mut self) {
        for (seq, sent) in std::mem::take(&mut self.sent) {
            let excuses = self.excuses.get(&seq).copied().unwrap_or(0);
            assert!(sent <= 1 + excuses, "seq {seq}: {sent} uploads, {excuses} reasons for more");
            self.uploads += sent;
            self.seals.insert(seq);
        }
    }
}

impl Sim {
    /// One history beside a hostile store.
    fn run_hostile(&mut self, seed: u64, turns: usize) -> [u64; 2] {
        self.hostile = Some(Hostile { read_back: seed.is_multiple_of(3), ..Hostile::default() });
        let mut node = self.start(false);
        for _ in 0..turns {
            if self.chance.below(8) == 0 {
                self.attack();
            }
            node = self.turn(node);
        }
        self.end_hostile(node)
    }

    /// In the end it shows what it has. Returns how many seals were sent, and how many uploads it took.
    fn end_hostile(&mut self, node: Node) -> [u64; 2] {
        self.disclose_all();
        self.hostile().over = true;
        self.end_well(node);
        let hostile = self.hostile();
        hostile.count();
        [hostile.seals.len() as u64, hostile.uploads]
    }

    fn hostile(&mut self) -> &mut Hostile {
        self.hostile.as_mut().unwrap()
    }

    /// Everything stands where it was put.
    pub(super) fn disclose_all(&mut self) {
        let Some(hostile) = &mut self.hostile else { return };
        for key in std::mem::take(&mut hostile.withheld) {
            self.store.disclose(&key);
        }
        // The last one that was covered first: another cover may be beneath. What isn't there went with
        // what covered the same body once more.
        for (key, beneath) in std::mem::take(&mut hostile.covered).iter().rev() {
            self.uncover(key, beneath);
        }
    }

    /// Takes away what stands over a version; false if that is out of sight.
    fn uncover(&self, key: &str, beneath: &str) -> bool {
        let versions = self.versions(key);
        let Some(at) = versions.iter().position(|version| version == beneath) else { return false };
        for version in &versions[..at] {
            self.store.remove_version(key, version);
        }
        true
    }

    /// The versions of a key, the newest first.
    fn versions(&self, key: &str) -> Vec<String> {
        let versions = self.store.versions(&ObjectKey::prefix(&Self::origin()));
        let versions: Vec<_> = self.runtime.block_on(versions.try_collect()).unwrap();
        let here = versions.into_iter().filter(|version| version.key == key);
        here.filter_map(|version| version.id).collect()
    }

    /// A node that has lost its state is shown all there is; and what the store has, and hasn't stored
    /// where it belongs, is out of this world.
    pub(super) fn hostile_lost_state(&mut self) {
        self.disclose_all();
        let objects = self.store.objects();
        let Some(hostile) = &mut self.hostile else { return };
        let belongs = |key: &ObjectKey, own: &ObjectKey| (key.seq, key.date) == (own.seq, own.date);
        hostile.captured.retain(|(own, body)| {
            let mut here = objects.iter().filter(|(_, stored)| *stored == body);
            here.any(|(key, _)| ObjectKey::parse(key).is_some_and(|key| belongs(&key, own)))
        });
        let hash = |bytes: &Bytes| ObjectSeal::read(bytes).ok().map(|note| note.hash);
        let stored: BTreeSet<_> = hostile.captured.iter().map(|(_, body)| hash(body)).collect();
        for (key, bytes) in &objects {
            if hash(bytes).is_some() && !stored.contains(&hash(bytes)) {
                self.store.remove(key);
            }
        }
    }

    fn captured(&mut self) -> Option<(ObjectKey, Bytes)> {
        let captured = &self.hostile.as_ref()?.captured;
        let count = captured.len();
        let at = match self.chance.below(2) {
            0 => count.checked_sub(1)?,
            _ => self.chance.below(count.max(1)),
        };
        captured.get(at).cloned()
    }

    /// A body that it has, or one behind other bytes, which ends like it.
    fn body(&mut self) -> Option<(ObjectKey, Bytes)> {
        let (key, body) = self.captured()?;
        Some(match self.chance.below(4) {
            0 => (key, [b"other bytes".as_slice(), &body].concat().into()),
            _ => (key, body),
        })
    }

    /// Something is hidden, shown again, covered, or put where it doesn't belong.
    fn attack(&mut self) {
        match self.chance.below(8) {
            0..=4 if self.hostile().unasked => {}
            0 | 1 => self.withhold(),
            2 => {
                let hostile = self.hostile();
                if let Some(key) = hostile.withheld.pop_first() {
                    self.store.disclose(&key);
                }
            }
            3 => self.cover(),
            4 => {
                if let Some((key, beneath)) = self.hostile().covered.pop()
                    && !self.uncover(&key, &beneath)
                {
                    // It is out of sight with what it covers.
                    self.hostile().covered.push((key, beneath));
                }
            }
            _ => self.replay(),
        }
    }

    /// A key at which an object stands that the node has sent, as far as it knows.
    fn known(&mut self) -> Option<ObjectKey> {
        let objects = self.store.objects();
        let sent = |key: &ObjectKey, body: &Bytes| self.sent.get(&key.seq) == Some(body);
        let keys = objects.iter().filter_map(|(key, body)| Some((ObjectKey::parse(key)?, body)));
        let known: Vec<_> =
            keys.filter(|(key, body)| sent(key, body)).map(|(key, _)| key).collect();
        let behind = self.chance.below(6).min(known.len().checked_sub(1)?);
        known.get(known.len() - 1 - behind).cloned()
    }

    fn withhold(&mut self) {
        let Some(key) = self.known() else { return };
        disk::trace(|| format!("{key} is hidden"));
        self.store.withhold(&key.to_string());
        self.hostile().withheld.insert(key.to_string());
        self.hostile().excuse(key.seq);
    }

    /// A marker, or another's body, over what is stored.
    fn cover(&mut self) {
        let (Some(key), Some((_, body))) = (self.known(), self.body()) else { return };
        let name = key.to_string();
        if !self.versioned {
            return;
        }
        disk::trace(|| format!("{key} is covered"));
        let beneath = self.versions(&name).remove(0);
        match self.chance.below(2) {
            0 => drop(self.store.shadow(&name, body)),
            _ => self.store.hide(&name),
        }
        self.hostile().covered.push((name, beneath));
        self.hostile().excuse(key.seq);
    }

    /// A body is put at its own key, or at one that isn't its own.
    fn replay(&mut self) {
        let Some((own, body)) = self.body() else { return };
        let other = self.captured().map_or_else(|| own.clone(), |(key, _)| key);
        let next = self.next_keys();
        let key = match self.chance.below(8) {
            0 => own,
            1 => ObjectKey { alternate: other.alternate, ..own },
            2 => own.with(Alternate::parse("0123456789abcdef")),
            3 => ObjectKey { date: Date::EPOCH, ..own },
            4 => other,
            n => next[n - 5].clone(),
        };
        disk::trace(|| format!("a captured body at {key}"));
        let wrong = self.sent.get(&key.seq) != Some(&body);
        let put = self.runtime.block_on(self.store.put_new(&key.to_string(), body));
        if put.is_ok() && wrong {
            self.hostile().excuse(key.seq);
        }
    }

    /// What becomes of a body that is sent. Returns whether the store says that it accepted it.
    pub(super) fn hostile_put(&mut self, key: &ObjectKey, bytes: &Bytes) -> bool {
        let (over, believed) = (self.hostile().over, !self.hostile().read_back);
        let fate = match self.chance.below(20) {
            _ if over => Fate::Stored,
            0 => Fate::Taken,
            1 | 2 => Fate::Kept { accepted: false },
            3 if !believed => Fate::Kept { accepted: true },
            3 | 4 => Fate::Failed { hidden: false },
            5 => Fate::Failed { hidden: true },
            6 => Fate::Hidden,
            _ => Fate::Stored,
        };
        disk::trace(|| format!("the store: {fate:?}"));
        let name = key.to_string();
        if fate != Fate::Stored {
            self.hostile().excuse(key.seq);
        }
        if fate == Fate::Taken
            && let Some((_, body)) = self.body()
        {
            drop(self.runtime.block_on(self.store.put_new(&name, body)));
        }
        if let Fate::Kept { accepted } = fate {
            return accepted;
        }
        let stored = self.runtime.block_on(self.store.put_new(&name, bytes.clone())).is_ok();
        if stored && matches!(fate, Fate::Hidden | Fate::Failed { hidden: true }) {
            self.store.withhold(&name);
            self.hostile().withheld.insert(name);
        }
        stored && !matches!(fate, Fate::Failed { .. })
    }

    /// A read is answered with another body, until [`Sim::hostile_was_read`].
    pub(super) fn hostile_read(&mut self, key: &ObjectKey) -> Option<Lie> {
        if self.hostile.as_ref()?.over || self.chance.below(5) != 0 {
            return None;
        }
        let (_, body) = self.body().filter(|(_, body)| self.sent.get(&key.seq) != Some(body))?;
        self.hostile().excuse(key.seq);
        disk::trace(|| format!("a read of {key} is answered with another body"));
        let key = key.to_string();
        if self.versioned {
            let version = self.store.shadow(&key, body);
            return Some(Lie { key, version: Some(version), before: None });
        }
        let before = self.store.remove(&key);
        self.store.insert(&key, body);
        Some(Lie { key, version: None, before })
    }

    /// The read is over, and all is as it was.
    pub(super) fn hostile_was_read(&self, lie: Lie) {
        match (lie.version, lie.before) {
            (Some(version), _) => drop(self.store.remove_version(&lie.key, &version)),
            (None, before) => {
                self.store.remove(&lie.key);
                before.into_iter().for_each(|bytes| self.store.insert(&lie.key, bytes));
            }
        }
    }

    /// What isn't of the hostile store's doing may cost this seq another upload.
    pub(super) fn hostile_failed(&mut self, key: &ObjectKey) {
        if let Some(hostile) = &mut self.hostile {
            hostile.excuse(key.seq);
        }
    }
}

/// What becomes of a body that is sent.
#[derive(Debug, PartialEq, Eq)]
enum Fate {
    Stored,
    /// It is stored, and nowhere to be seen.
    Hidden,
    /// It is stored, and the answer says that it isn't.
    Failed {
        hidden: bool,
    },
    /// The store has it, and doesn't store it.
    Kept {
        accepted: bool,
    },
    /// Something else of what the store has was put there a moment before.
    Taken,
}

/// What stands at a key for one read, and what stood there.
pub(super) struct Lie {
    key: String,
    version: Option<String>,
    before: Option<Bytes>,
}

#[test]
fn what_a_hostile_store_captures_hides_and_replays_costs_nothing_but_time() {
    let key = private_key();
    let first = number("AUDITSEAL_SEED").unwrap_or(1);
    let runs = number("AUDITSEAL_RUNS").unwrap_or(100);
    let mut counts = [0; 2];
    for seed in first..first + runs {
        let run = std::panic::catch_unwind(|| Sim::new(seed, &key).run_hostile(seed, 400));
        let Ok(more) = run else {
            panic!("seed {seed}: AUDITSEAL_SEED={seed} AUDITSEAL_RUNS=1 shows it again")
        };
        counts.iter_mut().zip(more).for_each(|(count, more)| *count += more);
    }
    let [seals, uploads] = counts;
    println!("{runs} histories: {seals} seals, {uploads} uploads");
    assert!(runs < 20 || uploads > seals, "nothing is shown");
}

/// Something is written every four seconds, and all of what this store does it does all the time.
#[test]
fn beside_a_hostile_store_no_line_waits() {
    let key = private_key();
    // With versions; among many runs an hour, and without them too.
    let (seeds, minutes) = match number("AUDITSEAL_RUNS") > Some(100) {
        true => (&[2, 3][..], 60),
        false => (&[2][..], 10),
    };
    for &seed in seeds {
        let mut sim = Sim::new(seed, &key);
        sim.hostile = Some(Hostile { read_back: seed == 3, ..Hostile::default() });
        let mut node = sim.start(false);
        let until = sim.disk.world().clock + minutes * 60_000;
        let (mut late, mut lines) = (0, 0);
        while sim.disk.world().clock < until {
            sim.attack();
            sim.disk.world().apply(Op::Append(1, 60));
            lines += 1;
            let begun = sim.disk.world().clock;
            node = sim.advance(node, 4_000);
            for _ in 0..400 {
                if node.pending.is_empty() && node.stored_all() {
                    break;
                }
                node = sim.perform_one(node, false);
            }
            assert!(node.stored_all(), "it doesn't come to rest: {:?}", node.pending);
            late = late.max(sim.disk.world().clock - begun - 4_000);
        }
        let [seals, uploads] = sim.end_hostile(node);
        println!("seed {seed}: {lines} lines, {seals} seals, {uploads} uploads, {late} ms");
        assert!(seals > 10 * minutes && uploads > seals, "{seals} seals, {uploads} uploads");
        assert!(late <= 1_000, "a line waited for {late} ms more");
    }
}
