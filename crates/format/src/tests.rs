use auditseal_note::StaticSigner;

use crate::seal::{Boot, Range, Uuid};
use crate::*;

fn origin() -> Origin {
    Origin::new("c", "n", "s").unwrap()
}

/// What was packed before with the same memory doesn't show in a payload.
#[test]
fn a_packer_with_used_memory_packs_the_same() {
    // Longer than a window, so that what lies in the tables is looked at.
    let line = |n: u64| format!("{{\"n\":{},\"text\":\"{}\"}}\n", n % 1000, hash(&n.to_le_bytes()));
    let sources: Vec<String> =
        [0, 7, 0, 3].map(|from: u64| (from..from + 40_000).map(line).collect()).to_vec();
    let mut tools = PackerTools::default();
    for source in &sources {
        let mut fresh = Packer::new(Compression::default(), 8).unwrap();
        let mut used = Packer::reusing(tools, Compression::default(), 8).unwrap();
        for packer in [&mut fresh, &mut used] {
            packer.begin_range(0);
            packer.source(source.as_bytes()).unwrap();
            packer.end_range().unwrap();
        }
        let (packed, kept) = used.finish_keeping().unwrap();
        assert!(packed == fresh.finish().unwrap());
        tools = kept;
    }
}

/// A seal in which everything that the payload decides is still to be filled in.
fn draft(packed: &Packed, ranges: Vec<Range>) -> Seal {
    let signer = StaticSigner::from_seed("c/n", &[1; 32]).unwrap();
    let batch = !ranges.is_empty();
    Seal {
        origin: origin(),
        seq: u64::from(batch),
        kind: if batch { Kind::Batch } else { Kind::Genesis },
        prev: batch.then(|| hash(b"previous")),
        key: signer.key().clone(),
        next: signer.key().clone(),
        payload: packed.payload,
        index: None,
        sealed: Time::from_micros(1_795_248_336_377_966),
        boot: Boot { id: Uuid([7; 16]), nanos: 1 },
        next_by: Some(Time::MAX),
        cluster_uid: None,
        machine_id: None,
        config: None,
        counters: None,
        reason: None,
        ranges,
        gaps: vec![],
        cursors: vec![],
        stored: vec![],
    }
}

fn seal_source(source: &[u8]) -> SealedBatch {
    let mut packer = Packer::new(Compression::default(), 8).unwrap();
    packer.begin_range(0);
    packer.source(source).unwrap();
    let facts = packer.end_range().unwrap();
    let packed = packer.finish().unwrap();
    let range = Range {
        file: FileId { hash: hash(b"first line"), base: 0, copy: 0 },
        start: 0,
        end: source.len() as u64,
        lines: facts.lines,
        is_final: false,
        unterminated: facts.unterminated,
        anchor: hash(source),
        name: FileName::new(b"audit.log"),
        before: None,
        holes: facts.holes,
    };
    let mut signer = StaticSigner::from_seed("c/n", &[1; 32]).unwrap();
    SealedBatch::seal(draft(&packed, vec![range]), packed, None, &mut signer).unwrap()
}

/// Opens an object and gives its payload, with every check there is.
fn open(object: &[u8]) -> Result<Vec<u8>, Fault> {
    let seal = ObjectSeal::read(object)?;
    seal.check_frame(object, object.len() as u64)?;
    let tampered = |e: PayloadError| Fault::Tampered(e.to_string());
    let mut decoder = PayloadDecoder::new(&seal.seal.payload).map_err(tampered)?;
    let blocks = seal.blocks();
    let (start, end) = (blocks.start as usize, blocks.end as usize);
    let mut payload = Vec::new();
    decoder
        .blocks(&object[start..end], |bytes| payload.extend_from_slice(bytes))
        .map_err(tampered)?;
    decoder.finish().map_err(tampered)?;
    Ok(payload)
}

#[test]
fn what_is_sealed_is_what_is_read() {
    for source in
        [&b"one\ntwo\r\n"[..], b"\n", b"\xff\xfe\n", &b"x".repeat(300_000), b"one\nno newline"]
    {
        let batch = seal_source(source);
        let mut payload = source.to_vec();
        if !source.ends_with(b"\n") {
            payload.push(b'\n');
        }
        assert_eq!(open(&batch.bytes).unwrap(), payload);
        // Any zstd reader sees the payload and the seal, and nothing else.
        let whole = zstd::decode_all(batch.bytes.as_slice()).unwrap();
        assert!(whole.starts_with(&payload) && whole.ends_with(b"}\n"));
        assert_eq!(ObjectSeal::read(&batch.bytes).unwrap().seal, batch.seal);
        assert_eq!(batch.bytes, seal_source(source).bytes, "same input, same bytes");
    }
}

#[test]
fn an_empty_payload_is_a_frame_too() {
    let packed = Packed::empty(Compression::default(), TimeField::Audit).unwrap();
    let mut signer = StaticSigner::from_seed("c/n", &[1; 32]).unwrap();
    let batch = SealedBatch::seal(draft(&packed, vec![]), packed, None, &mut signer).unwrap();
    assert_eq!(open(&batch.bytes).unwrap(), b"");
    assert!(
        zstd::decode_all(batch.bytes.as_slice()).unwrap().starts_with(b"{\"kind\":\"BatchSeal\"")
    );
}

#[test]
fn every_bit_of_an_object_matters() {
    let batch = seal_source(b"{\"a\":1}\n{\"b\":2}\n\0\0\0{\"c\":3}\n");
    for at in 0..batch.bytes.len() {
        for bit in 0..8 {
            let mut bytes = batch.bytes.clone();
            bytes[at] ^= 1 << bit;
            assert!(open(&bytes).is_err(), "byte {at}, bit {bit}");
        }
    }
    for length in 0..batch.bytes.len() {
        assert!(open(&batch.bytes[..length]).is_err(), "first {length} bytes");
        assert!(open(&batch.bytes[batch.bytes.len() - length..]).is_err(), "last {length} bytes");
    }
}

#[test]
fn nul_runs_become_holes_while_there_is_room() {
    let batch = seal_source(b"\0\0\0one\n\0two\n\0\0");
    let range = &batch.seal.ranges[0];
    let holes: Vec<_> = range.holes.iter().map(|hole| (hole.offset, hole.length)).collect();
    assert_eq!(holes, [(0, 3), (7, 1), (12, 2)]);
    assert_eq!(open(&batch.bytes).unwrap(), b"one\ntwo\n");
    assert!(!range.unterminated, "bytes that are all NUL are no line");

    let many = b"a\0".repeat(20);
    let batch = seal_source(&many);
    assert_eq!(batch.seal.ranges[0].holes.len(), 8);
    let mut expected = b"a".repeat(8);
    expected.extend(&many[16..]);
    expected.push(b'\n');
    assert_eq!(open(&batch.bytes).unwrap(), expected);
}
