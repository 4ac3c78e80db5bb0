//! Parts of a chain: from a note that is known, up to a seq.

use super::{LOG, four, signer, small, started, stranger};
use crate::{Archive, Chain, Piece, TestSigner, Vector, events};

fn without(chain: &Chain, seqs: impl IntoIterator<Item = usize>) -> Archive {
    let mut archive = chain.archive();
    for seq in seqs {
        archive.remove(&chain.key(seq)).expect("the chain has it");
    }
    archive
}

/// Two files: the first ends in seq 2, the second begins there, and the first grows in seq 4.
fn two_files() -> Chain {
    let mut chain = started(signer());
    chain.batch(&[Piece::new(LOG, events(0..2))]);
    chain.batch(&[
        Piece::new(LOG, events(2..3)).last().named("audit-1.log"),
        Piece::new("new", events(3..4)).named("audit.log"),
    ]);
    chain.batch(&[Piece::new("new", events(4..5)).named("audit.log")]);
    chain.batch(&[Piece::new(LOG, events(5..6)).last().named("audit-1.log")]);
    chain
}

pub(super) fn cases() -> Vec<Vector> {
    [beginnings(), ends()].concat()
}

fn beginnings() -> Vec<Vector> {
    let (chain, until) = (four(), four().head().seal.sealed);
    let files = two_files();
    let mut ratchet = started(TestSigner::ratchet(1));
    ratchet.batch(&[Piece::new(LOG, events(0..2))]);
    ratchet.batch(&[Piece::new(LOG, events(2..3))]);
    let mut other = small();
    other.batch(&[Piece::new(LOG, events(7..9))]);
    let unknown =
        |vector: Vector| Vector { vkeys: vec![stranger().identity().to_string()], ..vector };
    vec![
        Vector::new(
            "part-from-the-genesis",
            "the genesis itself is the note to begin with",
            &chain,
        )
        .from(&chain, 0)
        .complete(until),
        Vector::new("part-without-what-lies-before", "the first two objects have expired", &chain)
            .objects(without(&chain, 0..2))
            .from(&chain, 2)
            .complete(until),
        Vector::new("part-not-asked-for", "the same, and the reader begins at the genesis", &chain)
            .objects(without(&chain, 0..2))
            .finding("MISSING c/n/s 0")
            .finding("MISSING c/n/s 1"),
        Vector::new("part-its-first-is-gone", "the note to begin with is absent", &chain)
            .objects(without(&chain, 0..3))
            .from(&chain, 2)
            .finding("MISSING c/n/s 2"),
        Vector::new("part-all-is-gone", "nothing is left from there on", &chain)
            .objects(without(&chain, 2..4))
            .from(&chain, 2)
            .finding("MISSING c/n/s -"),
        Vector::new("part-from-another-note", "the chain has another note there", &chain)
            .from(&other, 2)
            .finding("FORK c/n/s 2"),
        unknown(
            Vector::new(
                "part-by-a-key-not-trusted",
                "whoever knows the note knows its keys",
                &ratchet,
            )
            .from(&ratchet, 1)
            .complete(ratchet.head().seal.sealed),
        ),
        Vector::new(
            "part-a-file-that-grew",
            "a file that was final before grows: nobody can tell",
            &files,
        )
        .objects(without(&files, 0..3))
        .from(&files, 3)
        .complete(files.head().seal.sealed),
        Vector::new("part-cursors-tell-the-offset", "an object of the part is gone", &files)
            .objects(without(&files, [0, 3]))
            .from(&files, 1)
            .finding("MISSING c/n/s 3"),
    ]
}

fn ends() -> Vec<Vector> {
    let chain = four();
    vec![
        Vector::new(
            "part-ends-before",
            "what follows isn't looked at, nor when it was due",
            &chain,
        )
        .to(2)
        .now(chain.now().saturating_add(86_400_000_000))
        .complete(chain.get(2).seal.sealed),
        Vector::new("part-garbage-behind-its-end", "garbage at the key behind the last", &chain)
            .objects({
                let mut archive = chain.archive();
                archive.insert(chain.key(3), b"garbage".to_vec());
                archive
            })
            .to(2)
            .complete(chain.get(2).seal.sealed),
        Vector::new("part-ends-behind-the-chain", "more is asked for than there is", &chain)
            .to(7)
            .finding("TRUNCATED c/n/s 4"),
        Vector::new("part-from-and-to", "two notes from the midst", &chain)
            .from(&chain, 1)
            .to(2)
            .complete(chain.get(2).seal.sealed),
    ]
}
