//! The bounds of FORMAT.md that a vector would be too large for.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use auditseal_format::seal::{
    Hole, MAX_CURSORS, MAX_GAPS, MAX_HOLES, MAX_RANGES, MAX_SEQ, MAX_STORED,
};
use auditseal_format::{
    Compression, Fault, MAX_SEAL_BLOCK, ObjectSeal, Packed, Packer, PayloadDecoder, PayloadError,
    Seal, SealError, SealedBatch, hash,
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
        seal.payload.blocks_len *= n as u64;
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
    let packed = Packed::empty(Compression::default(), auditseal_format::TimeField::Audit).unwrap();
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
    // As deep as may be, and braces in strings, which nest nothing.
    let deep =
        |levels: usize| format!("{}{}", "{\"x\":[".repeat(levels / 2), "]}".repeat(levels / 2));
    let braces = format!(
        "{{\"{}\\\"{}\":{}0{}}}",
        "{".repeat(200),
        "[".repeat(200),
        "[".repeat(126),
        "]".repeat(126)
    );
    for index in ["{\"a\":[1, 2]}", &deep(126), &braces] {
        ObjectSeal::open(&seal_with_index(index.as_bytes()).unwrap().bytes).unwrap();
    }
    let like_a_seal = br#"{"x":{"kind":"BatchSeal","apiVersion":"auditseal/v1","note":"y"}}"#;
    let deeper = deep(128);
    let none = [&b""[..], b"[]", b"null", b"{\n}", b"{} ", b"{a:1}", b"{\"\xff\":1}", like_a_seal];
    for index in none.into_iter().chain([deeper.as_bytes()]) {
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

/// What a log can be at worst: lines that cost the most hashing for the fewest bytes.
fn worst() -> Vec<(&'static str, Vec<u8>)> {
    let line = events(0..1);
    vec![
        ("one empty line", b"\n".to_vec()),
        ("empty lines", vec![b'\n'; 150_000]),
        ("a line of two bytes, again and again", b"{}\n".repeat(50_000)),
        ("an event, again and again", line.repeat(2000)),
        ("one long line of one byte", [vec![b'x'; 1 << 20], vec![b'\n']].concat()),
        ("lines just over a chunk", [vec![b'x'; 1009], vec![b'\n']].concat().repeat(1000)),
        ("NUL bytes that no hole names", [vec![0; 1 << 20], b"\n".to_vec()].concat()),
        ("events, and then empty lines", [events(0..500), vec![b'\n'; 50_000]].concat()),
        ("an open line behind empty ones", [vec![b'\n'; 70_000], b"open".to_vec()].concat()),
    ]
}

#[test]
fn whatever_a_log_holds_its_objects_stay_within_the_bounds() {
    for (what, source) in worst() {
        for (level, window) in [(1, 17), (3, 21), (19, 23)] {
            let mut packer = Packer::new(Compression { level, window }, 0).unwrap();
            packer.begin_range(0);
            packer.source(&source).unwrap();
            let facts = packer.end_range().unwrap();
            let packed = packer.finish().unwrap();
            let payload = packed.payload;
            assert!(payload.root.chunks <= payload.blocks_len, "{what}: {payload:?}");
            // Never larger than what it holds, but for the headers of zstd's blocks.
            let raw = payload.bytes + 3 * payload.bytes.div_ceil(128 << 10) + 3;
            assert!(payload.blocks_len <= raw, "{what}: {payload:?}");
            let mut seal = small().head().seal.clone();
            let range = &mut seal.ranges[0];
            (range.end, range.lines) = (source.len() as u64, facts.lines);
            range.unterminated = facts.unterminated;
            let sealed = SealedBatch::seal(seal, packed, None, &mut signer()).expect(what);
            ObjectSeal::open(&sealed.bytes).expect(what);
        }
    }
}

#[test]
fn an_object_of_a_real_log_is_far_from_the_bounds() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/kube-apiserver-1.36.3");
    let source = std::fs::read(format!("{folder}/audit.log")).unwrap();
    let mut packer = Packer::new(Compression { level: 19, window: 23 }, 0).unwrap();
    packer.begin_range(0);
    packer.source(&source).unwrap();
    packer.end_range().unwrap();
    let payload = packer.finish().unwrap().payload;
    assert!(payload.blocks_len > 10 * payload.root.chunks, "{payload:?}");
}

#[test]
fn chunks_and_bytes_are_bounded_by_what_is_stored() {
    let batch = small().head().seal.clone();
    let with = |lines: u64, chunks: u64, blocks: u64, bytes: u64| {
        let mut seal = batch.clone();
        let range = &mut seal.ranges[0];
        (range.end, range.lines) = (bytes, lines);
        seal.payload.blocks_len = blocks;
        (seal.payload.root.chunks, seal.payload.root.lines, seal.payload.bytes) =
            (chunks, lines, bytes);
        seal.payload.malformed = 0;
        (seal.payload.untimed, seal.payload.times) = (lines, None);
        Seal::parse(&seal.text()).map(|_| ()).map_err(|error| error.what)
    };
    for chunks in [2, 1000, 1 << 40] {
        let bytes = 1008 * chunks + 2;
        assert_eq!(with(2, chunks, chunks + 1, bytes), Ok(()), "below");
        assert_eq!(with(2, chunks, chunks, bytes), Ok(()), "at both");
        let above = with(2, chunks, chunks - 1, bytes).unwrap_err();
        assert!(above.contains("more chunks than bytes of blocks"), "{above}");
        let above = with(2, chunks, chunks, bytes + 1).unwrap_err();
        assert!(above.contains("more bytes than the chunks can hold"), "{above}");
    }
    let last = with(1, u64::MAX, u64::MAX, u64::MAX);
    assert_eq!(last, Ok(()), "the highest numbers don't overflow");
}

#[test]
fn newlines_beyond_those_signed_are_not_hashed() {
    // As many bytes as signed, in one line of four gigabytes by the note, all newlines by the blocks.
    let blocks = rle_block(b'\n', 128 << 10).repeat(32_000);
    let mut seal = small().head().seal.clone();
    let bytes = 32_000 << 17;
    seal.payload.root.chunks = 1 + (bytes - 1) / 1008;
    (seal.payload.root.lines, seal.payload.bytes) = (1, bytes);
    (seal.payload.blocks, seal.payload.blocks_len) = (hash(&blocks), blocks.len() as u64);
    let mut decoder = PayloadDecoder::new(&seal.payload).unwrap();
    let mut handed_on = 0;
    decoder.blocks(&blocks, |bytes| handed_on += bytes.len()).unwrap();
    assert_eq!(decoder.finish(), Err(PayloadError::Root));
    let most = seal.payload.root.chunks as usize;
    assert!(handed_on <= most, "{handed_on} of {most}");
}
