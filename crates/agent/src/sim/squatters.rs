//! Somebody takes every next key before the agent gets there, for an hour.

use auditseal_format::{Compression, Kind, ObjectKey, ObjectSeal, Packed, Seal, SealedBatch, hash};
use auditseal_note::StaticSigner;
use auditseal_store::Store as _;
use bytes::Bytes;

use super::disk::Op;
use super::{Sim, number, private_key, write_private};

/// Who takes the next keys.
struct Squatters {
    /// A key that nobody trusts.
    stranger: StaticSigner,
    /// The newest object of the chain, as far as they looked.
    newest: Option<(ObjectSeal, Bytes)>,
    versioned: bool,
    taken: u64,
}

impl Squatters {
    fn beside(sim: &Sim, seed: u64) -> Self {
        let path = sim.dir.path().join("stranger");
        write_private(&path, &private_key());
        let stranger = crate::read_signer(&path).unwrap();
        Self { stranger, newest: None, versioned: seed.is_multiple_of(2), taken: 0 }
    }

    fn look(&mut self, sim: &Sim) {
        let known = self.newest.as_ref().map_or(0, |(note, _)| note.seal.seq);
        for (key, bytes) in sim.store.objects() {
            if ObjectKey::parse(&key).is_some_and(|key| key.seq >= known)
                && let Ok(note) = ObjectSeal::read(&bytes)
                && note.seal.key == sim.vkey
                && self.newest.as_ref().is_none_or(|(newest, _)| newest.seal.seq < note.seal.seq)
            {
                self.newest = Some((note, bytes));
            }
        }
    }

    /// What they put: nothing, garbage, our own newest object, and a seal of ours in all but the key.
    fn body(&mut self, sim: &mut Sim, seq: u64) -> Bytes {
        match (sim.chance.below(4), &self.newest) {
            (0, _) | (_, None) => Bytes::new(),
            (1, _) => Bytes::from_static(b"somebody else's bytes"),
            (2, Some((_, bytes))) => bytes.clone(),
            (_, Some((note, _))) => {
                let seal = Seal {
                    seq,
                    prev: Some(note.hash),
                    kind: Kind::Heartbeat,
                    reason: None,
                    ranges: vec![],
                    gaps: vec![],
                    cursors: vec![],
                    stored: vec![],
                    ..note.seal.clone()
                };
                let empty =
                    Packed::empty(Compression::default(), auditseal_format::TimeField::Audit)
                        .unwrap();
                let sealed = SealedBatch::seal(seal, empty, None, &mut self.stranger).unwrap();
                sealed.bytes.into()
            }
        }
    }

    /// They take the next three keys, and in a store with versions cover some with markers.
    fn take(&mut self, sim: &mut Sim) {
        self.look(sim);
        let genesis = || ObjectKey::genesis(Sim::origin());
        let next =
            self.newest.as_ref().map_or_else(genesis, |(note, _)| ObjectKey::after(&note.seal));
        for seq in next.seq..next.seq + 3 {
            let name = ObjectKey { seq, ..next.clone() }.to_string();
            let body = self.body(sim, seq);
            if sim.runtime.block_on(sim.store.put_new(&name, body)).is_ok() {
                self.taken += 1;
                if self.versioned && sim.chance.below(8) == 0 {
                    sim.store.hide(&name);
                }
            }
        }
    }
}

#[test]
fn an_hour_of_squatters_costs_one_upload_each() {
    let key = private_key();
    // With versions; among many runs without them too.
    let seeds = if number("AUDITSEAL_RUNS") > Some(100) { &[2, 3][..] } else { &[2] };
    for &seed in seeds {
        let mut sim = Sim::new(seed, &key);
        let mut squatters = Squatters::beside(&sim, seed);
        let mut node = sim.start(false);
        let until = sim.disk.world().clock + 3_600_000;
        let mut late = 0;
        while sim.disk.world().clock < until {
            squatters.take(&mut sim);
            sim.disk.world().apply(Op::Append(1, 60));
            if sim.chance.below(60) == 0 {
                sim.disk.world().apply(Op::Rotate);
            }
            let begun = sim.disk.world().clock;
            node = sim.advance(node, 4_000);
            node = sim.rest(node);
            late = late.max(sim.disk.world().clock - begun - 4_000);
        }
        let (stored, uploads) = (sim.sent.len() as u64, sim.sendings);
        println!(
            "seed {seed}: {stored} seals, {uploads} uploads, {} keys taken, {late} ms",
            squatters.taken
        );
        assert!(stored > 600 && squatters.taken > stored, "{stored} seals, {}", squatters.taken);
        assert!(uploads <= 2 * stored + 1, "{uploads} uploads of {stored} seals");
        assert!(late <= 2_000, "a line waited for {late} ms more");
        sim.end_well(node);
    }
}

/// Ten thousand objects that look like alternates stand at the next seq, and a stranger's genesis.
#[test]
fn ten_thousand_objects_at_one_seq_cost_one_upload() {
    let key = private_key();
    let mut sim = Sim::new(4, &key);
    let mut node = sim.start(false);
    sim.disk.world().apply(Op::Append(4, 60));
    node = sim.calm(node);
    let next = sim.next_keys().remove(0);
    sim.store.insert(&next.to_string(), "taken");
    for n in 0..10_000_u64 {
        let name = hash(&n.to_le_bytes()).to_string();
        let key = next.to_string().replace(".jsonl", &format!(".{}.jsonl", &name[..16]));
        assert!(ObjectKey::parse(&key).is_some(), "{key}");
        sim.store.insert(&key, "somebody else's");
    }
    let before = sim.sendings;
    sim.disk.world().apply(Op::Append(4, 60));
    sim.disk.world().clock += 2_000;
    for _ in 0..400 {
        node = sim.perform_one(node, false);
        if node.pending.is_empty() && node.stored_all() && sim.sendings > before {
            break;
        }
    }
    assert!(sim.sendings - before <= 2, "{} uploads", sim.sendings - before);
    node = sim.crash(node, false);
    node = sim.calm(node);
    sim.end_well(node);
}
