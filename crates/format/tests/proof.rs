//! Event proofs: made, read, and whatever else might pass for one.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use auditseal_format::{
    EventProof, LineError, MOST_BYTES, ObjectSeal, PathError, ProofError, SealedBatch,
};
use auditseal_vectors::{Chain, Piece, TestSigner, events};
use proptest::prelude::*;

/// The newest object of a chain that sealed this source, and its lines.
fn sealed(source: &[u8]) -> (ObjectSeal, Vec<u8>) {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", source)]);
    (seal_of(chain.head()), source.to_vec())
}

fn seal_of(batch: &SealedBatch) -> ObjectSeal {
    ObjectSeal::open(&batch.bytes).unwrap()
}

fn lines(payload: &[u8]) -> impl Iterator<Item = &[u8]> {
    payload.strip_suffix(b"\n").unwrap_or_default().split(|byte| *byte == b'\n')
}

/// Lines of many lengths, one of them empty, and bytes that are no UTF-8.
fn odd() -> Vec<u8> {
    let mut source = events(0..5);
    source.extend(b"\n\xff\xfe\x01\r\n");
    for length in [1007, 1008, 1009, 2500] {
        source.extend(vec![b'x'; length]);
        source.push(b'\n');
    }
    source.extend(events(5..9));
    source
}

#[test]
fn every_line_of_a_batch_is_proved_and_reads_back() {
    for source in [odd(), events(0..1), b"\n".to_vec(), events(0..70)] {
        let (seal, payload) = sealed(&source);
        for (line, bytes) in (1..).zip(lines(&payload)) {
            let proof = EventProof::make(&seal, &payload, line).unwrap();
            assert_eq!((proof.line(), proof.event(), proof.id()), (line, bytes, seal.id()));
            assert_eq!(proof.seal(), &seal.seal);
            assert!(proof.guessable() <= proof.siblings());
            assert_eq!(EventProof::read(&proof.bytes()), Ok(proof));
        }
    }
}

#[test]
fn a_proof_is_text_with_the_event_as_its_last_line() {
    let (seal, payload) = sealed(&events(0..3));
    let proof = EventProof::make(&seal, &payload, 2).unwrap().bytes();
    let text = String::from_utf8(proof).unwrap();
    let head: Vec<_> = text.lines().take(3).collect();
    assert_eq!(head, ["auditseal/proof/v1", "line 2", "chunk 1"]);
    assert!(text.contains("\ncheckpoint -\n\nauditseal/seal/v1\norigin c/n/s\nseq 1\n"));
    assert_eq!(text.lines().last().map(str::as_bytes), lines(&payload).nth(1));
}

/// Whatever bit of a proof is another one, nobody is told anything.
#[test]
fn every_flipped_bit_is_refused() {
    let (seal, payload) = sealed(&odd());
    for line in [2, 6, 10] {
        let good = EventProof::make(&seal, &payload, line).unwrap().bytes();
        let mut bytes = good.clone();
        for at in 0..bytes.len() {
            for bit in 0..8 {
                bytes[at] ^= 1 << bit;
                assert!(EventProof::read(&bytes).is_err(), "line {line}, byte {at}, bit {bit}");
                bytes[at] ^= 1 << bit;
            }
        }
        assert_eq!(bytes, good);
    }
}

#[test]
fn what_is_cut_or_longer_is_refused() {
    let (seal, payload) = sealed(&events(0..9));
    let good = EventProof::make(&seal, &payload, 4).unwrap().bytes();
    for length in 0..good.len() {
        assert!(EventProof::read(&good[..length]).is_err(), "{length} bytes");
    }
    for more in [&b"\n"[..], b"x", b"{}\n", b"\0"] {
        assert!(EventProof::read(&[&good, more].concat()).is_err());
        assert!(EventProof::read(&[more, &good].concat()).is_err());
    }
}

#[test]
fn what_another_seal_says_proves_nothing() {
    let (seal, payload) = sealed(&events(0..9));
    let (other, _) = sealed(&events(1..10));
    assert!(matches!(EventProof::make(&other, &payload, 4), Err(ProofError::Unproved(_))));
    let genesis = {
        let mut chain = Chain::new("c/n/s", TestSigner::new(1));
        chain.genesis();
        seal_of(chain.head())
    };
    let none = EventProof::make(&genesis, &payload, 1);
    assert_eq!(none, Err(ProofError::Unproved(PathError::Root)), "a seal without lines");
    for line in [0, 10, u64::MAX] {
        let none = EventProof::make(&seal, &payload, line);
        assert_eq!(none, Err(ProofError::Line(LineError::None { lines: 9 })), "{line}");
    }
    let short = EventProof::make(&seal, &events(0..8), 4);
    assert_eq!(short, Err(ProofError::Unproved(PathError::Root)));
}

fn refusal(bytes: &[u8]) -> ProofError {
    EventProof::read(bytes).unwrap_err()
}

#[test]
fn more_siblings_than_a_line_can_have_are_refused() {
    let (seal, payload) = sealed(&events(0..9));
    let good = EventProof::make(&seal, &payload, 4).unwrap().bytes();
    let good = String::from_utf8(good).unwrap();
    let first = good.find("sibling ").unwrap();
    let sibling = &good[first..first + 73];
    let with = |count: usize| [&good[..first], &sibling.repeat(count), &good[first..]].concat();
    assert!(matches!(refusal(with(50).as_bytes()), ProofError::Unproved(_)));
    assert!(matches!(refusal(with(109).as_bytes()), ProofError::Malformed(_)));
    assert!(matches!(refusal(with(100_000).as_bytes()), ProofError::Malformed(_)));
}

#[test]
fn a_proof_is_bounded() {
    let large = vec![b'x'; MOST_BYTES + 1];
    assert!(matches!(refusal(&large), ProofError::Malformed(what) if what.contains("larger")));
    let mut finder = EventProof::finder(1);
    for piece in large.chunks(1 << 20) {
        finder.take(piece);
    }
    finder.take(b"\n");
    assert_eq!(finder.finish(), Err(LineError::Long { most: MOST_BYTES }));
}

proptest! {
    #[test]
    fn hostile_bytes_are_refused_and_no_more(
        at in any::<prop::sample::Index>(),
        length in 0usize..200,
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let (seal, payload) = sealed(&events(0..3));
        let good = EventProof::make(&seal, &payload, 2).unwrap().bytes();
        let at = at.index(good.len());
        let end = (at + length).min(good.len());
        let other = [&good[..at], &bytes, &good[end..]].concat();
        prop_assert!(other == good || EventProof::read(&other).is_err());
    }
}
