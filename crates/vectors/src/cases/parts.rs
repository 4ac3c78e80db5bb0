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
    [beginnings(), anywhere(), ends()].concat()
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

/// A seq without a hash.
fn anywhere() -> Vec<Vector> {
    let (chain, files) = (four(), two_files());
    let until = chain.head().seal.sealed;
    let mut ratchet = started(TestSigner::ratchet(1));
    ratchet.batch(&[Piece::new(LOG, events(0..2))]);
    ratchet.batch(&[Piece::new(LOG, events(2..3))]);
    let mut other = small();
    other.batch(&[Piece::new(LOG, events(7..9))]);
    let nowhere = |name: &str, about: &str| {
        Vector::new(name, about, &chain).objects(without(&chain, 0..2)).from_seq(2)
    };
    vec![
        nowhere("part-from-nowhere", "nothing is known of any of its notes")
            .finding("UNANCHORED c/n/s 2"),
        nowhere("part-from-nowhere-to-a-head", "its newest note is known")
            .head_of(&chain)
            .complete(until),
        Vector::new("part-from-seq-0", "the genesis needs no hash", &chain)
            .from_seq(0)
            .complete(until),
        nowhere("part-from-nowhere-its-first-is-gone", "no object at the seq to begin at")
            .objects(without(&chain, 0..3))
            .finding("MISSING c/n/s 2")
            .finding("UNANCHORED c/n/s 2"),
        nowhere("part-from-nowhere-all-is-gone", "nothing is left from there on")
            .objects(without(&chain, 2..4))
            .finding("MISSING c/n/s -"),
        nowhere("part-from-nowhere-another-head", "another note is known to be its newest")
            .head_of(&{
                let mut longer = small();
                longer.batch(&[Piece::new(LOG, events(7..9))]);
                longer.batch(&[Piece::new(LOG, events(9..10))]);
                longer
            })
            .finding("FORK c/n/s 3")
            .finding("UNANCHORED c/n/s 2"),
        nowhere("part-from-nowhere-two-notes", "two rightly signed notes where it begins")
            .objects({
                let mut archive = without(&chain, 0..2);
                let key = auditseal_format::ObjectKey::parse(&chain.key(2)).expect("a key");
                let name = auditseal_format::Alternate::parse("00000000000000aa");
                archive.insert(key.with(name).to_string(), other.get(2).bytes.clone());
                archive
            })
            .finding("FORK c/n/s 2"),
        Vector::new(
            "part-from-nowhere-by-a-fresh-key",
            "no trusted key signed its first note",
            &ratchet,
        )
        .from_seq(1)
        .finding("WRONG_KEY c/n/s 1")
        .finding("WRONG_KEY c/n/s 2"),
        Vector::new("part-from-nowhere-cursors", "a file that was begun before it goes on", &files)
            .objects(without(&files, 0..2))
            .from_seq(2)
            .finding("UNANCHORED c/n/s 2"),
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
