//! The bounds of FORMAT.md that a vector would be too large for.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use auditseal_format::seal::{
    Hole, MAX_CURSORS, MAX_GAPS, MAX_HOLES, MAX_RANGES, MAX_SEQ, MAX_STORED,
};
use auditseal_format::{
    Compression, Fault, MAX_SEAL_BLOCK, ObjectSeal, Packed, PayloadDecoder, PayloadError, Seal,
    SealError, SealedBatch, hash,
};
use auditseal_vectors::text::{restate, set};
use auditseal_vectors::{Chain, Lost, Parts, Piece, TestSigner, events, rle_block};

fn signer() -> TestSigner {
    TestSigner::new(1)
}

/// A chain whose newest note is a batch of two lines.
fn small() -> Chain {
    let mut chain = Chain::new("c/n/s", signer());
    chain.genesis();
    chain.batch(&[Piece::new("audit.log", events(0..2))]);
    chain
}

/// Whether a seal's text is accepted with `most` of something and refused with one more.
fn bounded(most: usize, fill: impl Fn(usize) -> Seal) {
    let full = fill(most);
    assert_eq!(Seal::parse(&full.text()), Ok(full), "{most} are accepted");
    assert!(Seal::parse(&fill(most + 1).text()).is_err(), "one more is refused");
}

#[test]
fn lists_are_bounded() {
    let batch = small().head().seal.clone();
    bounded(MAX_RANGES, |n| {
        let mut seal = batch.clone();
        seal.ranges = vec![seal.ranges[0].clone(); n];
        seal.payload.bytes *= n as u64;
        seal.payload.root.lines *= n as u64;
        seal.payload.root.chunks *= n as u64;
        seal
    });
    bounded(MAX_CURSORS, |n| {
        let mut seal = batch.clone();
        seal.cursors = vec![seal.cursors[0].clone(); n];
        for (cursor, copy) in seal.cursors.iter_mut().zip(0..) {
            cursor.file.copy = copy;
        }
        seal
    });
    let mut lossy = small();
    lossy.gap(&[Lost::unknown(None)]);
    bounded(MAX_GAPS, |n| {
        let mut seal = lossy.head().seal.clone();
        seal.gaps = vec![seal.gaps[0].clone(); n];
        seal
    });
    bounded(MAX_STORED, |n| {
        let mut seal = batch.clone();
        let one = auditseal_format::seal::Stored {
            store: "b".to_owned(),
            seq: 0,
            alternate: None,
            sha256: [7; 32],
            version: None,
        };
        seal.stored = vec![one; n];
        seal
    });
}

#[test]
fn holes_are_bounded_over_all_ranges() {
    let batch = small().head().seal.clone();
    let with_holes = |counts: [usize; 2]| {
        let mut seal = batch.clone();
        let one = seal.ranges[0].clone();
        seal.ranges = vec![one.clone(), one];
        for (range, count) in seal.ranges.iter_mut().zip(counts) {
            range.holes = (0..count as u64).map(|n| Hole { offset: 3 * n, length: 1 }).collect();
            range.end += 4 * count as u64;
        }
        seal.payload.bytes = seal.ranges.iter().filter_map(|range| range.payload_bytes()).sum();
        seal.payload.root.lines *= 2;
        seal.payload.root.chunks *= 2;
        seal
    };
    bounded(MAX_HOLES, |n| with_holes([n, 0]));
    bounded(MAX_HOLES, |n| with_holes([n / 2, n - n / 2]));
}

#[test]
fn the_highest_seq_and_no_higher() {
    let text = Parts::of(&small().head().bytes).text().to_owned();
    let with = |seq: u64| Seal::parse(&set(&text, "seq", &seq.to_string()));
    assert_eq!(with(MAX_SEQ).map(|seal| seal.seq), Ok(MAX_SEQ));
    assert!(with(MAX_SEQ + 1).is_err());
}

/// The object of [`small`] with an index that makes the final block take `size` bytes.
fn with_block_of(size: usize) -> Vec<u8> {
    let mut parts = Parts::of(&small().head().bytes);
    let sized = |parts: &Parts, n: usize| {
        let index = format!("{{\"x\":\"{}\"}}", "y".repeat(n)).into_bytes();
        let hash = hash(&index).to_string();
        let parts = Parts { index: Some(index), ..parts.clone() };
        parts.edit(&mut signer(), |text| set(text, "index", &hash))
    };
    parts = sized(&parts, size - 3 - sized(&parts, 0).line().len());
    assert_eq!(parts.line().len() + 3, size);
    parts.bytes()
}

#[test]
fn a_seal_fits_the_tail_that_readers_fetch() {
    let fits = with_block_of(MAX_SEAL_BLOCK);
    ObjectSeal::open(&fits).unwrap();
    let tail = &fits[fits.len() - MAX_SEAL_BLOCK..];
    assert_eq!(ObjectSeal::read(tail), ObjectSeal::read(&fits));
    // One byte more, and its block header is out of sight; then the seal's beginning is too.
    for more in 1..=3 {
        let object = with_block_of(MAX_SEAL_BLOCK + more);
        assert!(matches!(ObjectSeal::read(&object), Err(Fault::Malformed(_))), "{more} more");
    }
    let object = with_block_of(MAX_SEAL_BLOCK + 4);
    assert_eq!(ObjectSeal::read(&object), Err(Fault::Unsealed));
}

/// Seals an empty note with this index.
fn seal_with_index(index: &[u8]) -> Result<SealedBatch, SealError> {
    let packed = Packed::empty(Compression::default()).unwrap();
    let genesis = small().get(0).seal.clone();
    SealedBatch::seal(genesis, packed, Some(index), &mut signer())
}

#[test]
fn a_seal_that_would_not_fit_is_not_signed() {
    let index = format!("{{\"x\":\"{}\"}}", "y".repeat(MAX_SEAL_BLOCK)).into_bytes();
    assert!(matches!(seal_with_index(&index), Err(SealError::TooLong(_))));
}

#[test]
fn an_index_that_no_reader_takes_is_not_signed() {
    ObjectSeal::open(&seal_with_index(b"{\"a\":[1, 2]}").unwrap().bytes).unwrap();
    let like_a_seal = br#"{"x":{"kind":"BatchSeal","apiVersion":"auditseal/v1","note":"y"}}"#;
    for index in [&b""[..], b"[]", b"null", b"{\n}", b"{} ", b"{a:1}", b"{\"\xff\":1}", like_a_seal]
    {
        assert!(matches!(seal_with_index(index), Err(SealError::Invalid(_))), "{index:?}");
    }
}

#[test]
fn a_bomb_costs_no_more_than_is_signed() {
    // 40,000 blocks of 128 KiB in 160,000 bytes: five gigabytes, signed as nine bytes.
    let blocks = rle_block(b'x', 128 << 10).repeat(40_000);
    let payload = b"one line\n";
    let parts = Parts { blocks, ..Parts::of(&small().head().bytes) };
    let blocks = parts.blocks.clone();
    let size = events(0..2).len();
    let parts = parts.edit(&mut signer(), |text| {
        let text = restate(text, payload, &blocks);
        text.replace(&format!(" 0 {size} 2 - "), " 0 9 1 - ")
    });
    let object = parts.bytes();
    let seal = ObjectSeal::read(&object).unwrap();
    seal.check_frame(&object, object.len() as u64).unwrap();
    let mut handed_on = 0;
    let mut decoder = PayloadDecoder::new(&seal.seal.payload).unwrap();
    for piece in parts.blocks.chunks(1000) {
        decoder.blocks(piece, |bytes| handed_on += bytes.len()).unwrap();
    }
    assert_eq!(decoder.finish(), Err(PayloadError::TooLong));
    assert!(handed_on <= payload.len(), "{handed_on} bytes were handed on");
    assert!(matches!(ObjectSeal::open(&object), Err(Fault::Malformed(_))));
}
