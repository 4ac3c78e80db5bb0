//! Chains of the same name that other keys began, and objects that no trusted key signed.

use super::{LOG, ORIGIN, four, signer, small, started, stranger};
use crate::text::{restate, substitute};
use crate::{Archive, Chain, Parts, Piece, TestSigner, Vector, events, raw_block, rle_block};

pub(super) fn cases() -> Vec<Vector> {
    [beside(), instead(), not_one(), undecoded()].concat()
}

/// Genesis, a batch, two heartbeats, by another key.
fn foreign() -> Chain {
    let mut chain = started(stranger());
    chain.batch(&[Piece::new(LOG, events(7..9))]);
    chain.heartbeat();
    chain.heartbeat();
    chain
}

/// [`four`], each of whose plain keys was taken by the other chain's object before.
fn squatted(foreign: &Chain) -> Chain {
    let mut chain = Chain::new(ORIGIN, signer());
    let objects: Vec<_> = foreign.batches().map(|batch| batch.bytes.clone()).collect();
    let squat = |chain: &mut Chain, seq: usize| {
        chain.squat(&objects[seq]);
    };
    squat(&mut chain, 0);
    chain.genesis();
    squat(&mut chain, 1);
    chain.batch(&[Piece::new(LOG, events(0..2))]);
    squat(&mut chain, 2);
    chain.batch(&[Piece::new(LOG, events(2..3))]);
    squat(&mut chain, 3);
    chain.heartbeat();
    chain
}

/// The objects of both, where their keys don't collide.
fn both(ours: &Chain, foreign: &Chain) -> Archive {
    let mut objects = foreign.archive();
    objects.extend(ours.archive());
    objects
}

fn told(name: &str, about: &str, ours: &Chain, objects: Archive) -> Vector {
    Vector::new(name, about, ours)
        .objects(objects)
        .complete(ours.head().seal.sealed)
        .restores(&ours.restored())
        .info("FOREIGN_CHAIN c/n/s 0")
}

/// The chain is there in full.
fn beside() -> Vec<Vector> {
    let (other, ours) = (foreign(), squatted(&foreign()));
    let mut genesis = Chain::new(ORIGIN, signer());
    genesis.squat(&other.get(0).bytes).genesis();
    let mut longer = other.clone();
    longer.heartbeat();
    longer.final_();
    let mut two = ours.archive();
    let second = started(TestSigner::new(67)).get(0).bytes.clone();
    two.insert(substitute(&other.key(0), ".jsonl", ".0123456789abcdef.jsonl"), second);
    let mut ratchet = started(TestSigner::ratchet(68));
    ratchet.heartbeat();
    ratchet.reanchor("state-lost");
    ratchet.heartbeat();
    let beside_ratchet = squatted(&ratchet);
    let elsewhere: Archive = other
        .archive()
        .into_iter()
        .map(|(key, object)| (substitute(&key, ".jsonl", ".00000000deadbeef.jsonl"), object))
        .chain(four().archive())
        .collect();
    vec![
        told("foreign-genesis", "another key's genesis was first", &genesis, genesis.archive()),
        told("foreign-chain", "another key's chain was first, each time", &ours, ours.archive()),
        told("foreign-chain-longer", "… and goes on behind ours", &ours, both(&ours, &longer)),
        told("foreign-chain-at-alternates", "it stands at alternates", &four(), elsewhere),
        told("foreign-two-chains", "two other keys began one: one finding for each", &ours, two),
        told(
            "foreign-chain-of-fresh-keys",
            "each note by another key, with a reanchor",
            &beside_ratchet,
            beside_ratchet.archive(),
        ),
    ]
}

/// The chain isn't there, or not all of it.
fn instead() -> Vec<Vector> {
    let (other, ours) = (foreign(), squatted(&foreign()));
    let without = |seqs: &[usize]| {
        let mut objects = ours.archive();
        seqs.iter().for_each(|seq| drop(objects.remove(&ours.key(*seq)).expect("an object")));
        objects
    };
    let mut alone = Vector::new("foreign-chain-alone", "nothing of the chain is there", &other);
    alone.vkeys = vec![signer().identity().to_string()];
    for seq in 0..4 {
        alone = alone.finding(&format!("MISSING c/n/s {seq}"));
    }
    vec![
        alone.finding("FOREIGN_CHAIN c/n/s 0"),
        Vector::new("foreign-chain-where-one-is-gone", "seq 2 is gone but for its", &ours)
            .objects(without(&[2]))
            .finding("MISSING c/n/s 2")
            .info("FOREIGN_CHAIN c/n/s 0"),
        Vector::new("foreign-chain-where-the-genesis-is-gone", "so is seq 0", &ours)
            .objects(without(&[0]))
            .finding("MISSING c/n/s 0")
            .info("FOREIGN_CHAIN c/n/s 0"),
        Vector::new(
            "foreign-chain-head-known",
            "nothing of the chain, and its head is known",
            &ours,
        )
        .objects(without(&[0, 1, 2, 3]))
        .head_of(&ours)
        .finding("FOREIGN_CHAIN c/n/s 0")
        .finding("MISSING c/n/s 0")
        .finding("MISSING c/n/s 1")
        .finding("MISSING c/n/s 2")
        .finding("MISSING c/n/s 3")
        .finding("TRUNCATED c/n/s 0"),
    ]
}

/// Objects of another key that are no such chain, or no part of it.
fn not_one() -> Vec<Vector> {
    let mut longer = foreign();
    longer.heartbeat();
    longer.heartbeat();
    let behind = |name: &str, about: &str, objects: Archive, seqs: &[u64]| {
        let mut vector =
            Vector::new(name, about, &four()).objects(objects).complete(four().head().seal.sealed);
        for seq in seqs {
            vector = vector.info(&format!("UNEXPECTED_OBJECT c/n/s {seq}"));
        }
        vector
    };
    let mut late = four().archive();
    let day = substitute(&longer.key(0), "1970-01-01", "1970-01-02");
    late.insert(day, longer.get(0).bytes.clone());
    let mut headless = four().archive();
    headless.insert(longer.key(4), longer.get(4).bytes.clone());
    headless.insert(longer.key(5), longer.get(5).bytes.clone());
    let ours = squatted(&foreign());
    let mut torn = both(&ours, &longer);
    torn.remove(&longer.key(4)).expect("an object");
    let mut fork = foreign();
    fork.signer(TestSigner::new(67)).heartbeat();
    vec![
        behind("foreign-genesis-at-another-date", "a genesis at another day's key", late, &[0]),
        behind(
            "foreign-without-genesis",
            "notes of another key, and no genesis",
            headless,
            &[4, 5],
        ),
        told("foreign-torn", "behind a hole nothing says whose it is", &ours, torn)
            .info("UNEXPECTED_OBJECT c/n/s 5"),
        told(
            "foreign-of-a-third-key",
            "a note by a key that it doesn't name",
            &ours,
            both(&ours, &fork),
        )
        .info("UNEXPECTED_OBJECT c/n/s 4"),
    ]
}

/// A batch of another key whose blocks are no zstd, or decode to far more than it says.
fn bad_batch(chain: &Chain, blocks: &[u8]) -> Vec<u8> {
    let mut signer = chain.current_signer().clone();
    let parts = Parts { blocks: blocks.to_vec(), ..Parts::of(&chain.head().bytes) };
    let range = events(0..2).len();
    let edit = |text: &str| {
        let text = restate(text, b"one line\n", blocks);
        substitute(&text, &format!(" 0 {range} 2 - "), " 0 9 1 - ")
    };
    parts.edit(&mut signer, edit).bytes()
}

/// What no trusted key signed isn't decompressed: nobody says that it doesn't decode.
fn undecoded() -> Vec<Vector> {
    let bomb = rle_block(b'\n', 128 << 10).repeat(1000);
    let mut usurper = started(stranger());
    usurper.batch(&[Piece::new(LOG, events(0..2))]);
    let mut first = Chain::new(ORIGIN, signer());
    first.squat(&usurper.get(0).bytes).genesis();
    first.squat(&bad_batch(&usurper, b"not zstd")).heartbeat();
    let mut next = four();
    next.signer(stranger()).batch(&[Piece::new("b", events(0..2))]);
    let mut behind = four().archive();
    behind.insert(next.key(4), bad_batch(&next, &bomb));
    let mut needed = small();
    needed.heartbeat();
    let mut forged = started(signer());
    forged.signer(stranger()).batch(&[Piece::new(LOG, events(0..2))]);
    let mut instead = needed.archive();
    instead.insert(needed.key(1), bad_batch(&forged, &bomb));
    // Of our own signer's making, and not where it belongs.
    let mut moved = needed.archive();
    moved.remove(&needed.key(1)).expect("an object");
    moved.insert(needed.next_key().to_string(), bad_batch(&small(), &raw_block(b"one line!")));
    vec![
        told("foreign-chain-undecoded", "its batch isn't zstd", &first, first.archive()),
        Vector::new("foreign-bomb-behind", "another key's bomb at the next key", &four())
            .objects(behind)
            .complete(four().head().seal.sealed)
            .info("UNEXPECTED_OBJECT c/n/s 4"),
        Vector::new("foreign-bomb-needed", "the same where the chain needs its object", &needed)
            .objects(instead)
            .finding("FORK c/n/s 2")
            .finding("WRONG_KEY c/n/s 1"),
        Vector::new("foreign-bomb-misplaced", "our key's, at another key than its own", &needed)
            .objects(moved)
            .finding("MISSING c/n/s 1")
            .finding("REORDERED c/n/s 3"),
    ]
}
