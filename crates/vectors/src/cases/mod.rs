//! The cases: how each archive is made, and, written by hand, what a reader must find in it.

mod attestations;
mod chains;
mod crossings;
mod files;
mod foreign;
mod frames;
mod good;
mod lines;
mod names;
mod notes;
mod objects;
mod packs;
mod parts;
mod payloads;
mod policy;
mod proof_trust;
mod proofs;
mod ranges;
mod rollups;
mod silence;
mod times;
mod wrappers;

pub use rollups::rollups;

use crate::{Archive, Chain, Parts, Piece, ProofVector, TestSigner, Vector, events};

/// The origin of nearly all chains here.
const ORIGIN: &str = "c/n/s";
/// The file that nearly all lines stand in.
const LOG: &str = "audit.log";

/// All vectors, sorted by name.
///
/// # Panics
/// When two have the same name.
#[must_use]
pub fn all() -> Vec<Vector> {
    let all = [
        good::cases(),
        lines::cases(),
        times::cases(),
        files::cases(),
        notes::cases(),
        names::cases(),
        ranges::cases(),
        wrappers::cases(),
        frames::cases(),
        payloads::cases(),
        objects::cases(),
        parts::cases(),
        chains::cases(),
        crossings::cases(),
        foreign::cases(),
        silence::cases(),
        policy::cases(),
        packs::cases(),
        attestations::cases(),
    ]
    .concat();
    by_name(all, |vector| &vector.name)
}

/// All vectors of proofs, sorted by name.
///
/// # Panics
/// When two have the same name.
#[must_use]
pub fn proofs() -> Vec<ProofVector> {
    by_name([proofs::cases(), proof_trust::cases()].concat(), |vector| &vector.name)
}

fn by_name<T>(mut all: Vec<T>, name: impl Fn(&T) -> &str) -> Vec<T> {
    all.sort_by(|a, b| name(a).cmp(name(b)));
    for pair in all.windows(2) {
        assert_ne!(name(&pair[0]), name(&pair[1]), "two vectors with one name");
    }
    all
}

fn signer() -> TestSigner {
    TestSigner::new(1)
}

/// The key of another node.
fn neighbour() -> TestSigner {
    TestSigner::named("c/m", 2)
}

/// A key that no reader trusts.
fn stranger() -> TestSigner {
    TestSigner::new(66)
}

fn started(signer: TestSigner) -> Chain {
    let mut chain = Chain::new(ORIGIN, signer);
    chain.genesis();
    chain
}

/// Genesis and one batch of two lines.
fn small() -> Chain {
    with_lines(&events(0..2))
}

/// Genesis and one batch of these bytes of source.
fn with_lines(source: &[u8]) -> Chain {
    let mut chain = started(signer());
    chain.batch(&[Piece::new(LOG, source)]);
    chain
}

/// Genesis, two batches, a heartbeat.
fn four() -> Chain {
    let mut chain = small();
    chain.batch(&[Piece::new(LOG, events(2..3))]);
    chain.heartbeat();
    chain
}

/// The archive with another object in place of the chain's newest.
fn with_last(chain: &Chain, object: Vec<u8>) -> Archive {
    let mut archive = chain.archive();
    archive.insert(chain.key(chain.batches().count() - 1), object);
    archive
}

/// The same, and one more seal behind it: the chain needs what stands there.
fn with_last_needed(chain: &Chain, object: Vec<u8>) -> Archive {
    let mut longer = chain.clone();
    longer.heartbeat();
    let mut archive = longer.archive();
    archive.insert(chain.key(chain.batches().count() - 1), object);
    archive
}

/// A case in which the object of seq 1 of [`small`] is replaced.
fn bad_object(name: &str, about: &str, verdict: &str, object: Vec<u8>) -> Vector {
    let chain = small();
    let archive = with_last_needed(&chain, object);
    Vector::new(name, about, &chain).objects(archive).finding(&format!("{verdict} {ORIGIN} 1"))
}

/// The object of seq 1 of [`small`] in its parts.
fn small_parts() -> Parts {
    Parts::of(&small().head().bytes)
}
