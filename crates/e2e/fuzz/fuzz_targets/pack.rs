//! A pack of any bytes under an attestation of any sizes: nothing panics, no more comes out than was
//! attested, and what comes out as proved holds by its own seal. The first bytes are the sizes.
#![no_main]

use auditseal_format::packs::{
    Attestation, BatchSize, Blob, PackDecoder, PackLock, PackSink, PartSize,
};
use auditseal_format::{Date, Fault, ObjectSeal, Time, TimeField, hash};
use libfuzzer_sys::fuzz_target;

/// Bytes that a size may have.
const MOST: u64 = 1 << 16;

#[derive(Default)]
struct Sink {
    bytes: u64,
    objects: usize,
}

impl PackSink for Sink {
    fn payload(&mut self, _: usize, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
    }

    fn object(&mut self, nth: usize, seal: ObjectSeal, payload: Result<(), Fault>) {
        assert_eq!(nth, self.objects);
        self.objects += 1;
        self.bytes += seal.line().len() as u64;
        assert!(payload.is_err() || seal.seal.payload.root.lines <= seal.seal.payload.bytes);
    }
}

fn attestation(sizes: &[u8]) -> Attestation {
    let number = |pair: &[u8]| u64::from(u16::from_le_bytes([pair[0], pair[1]])) % MOST;
    let batches: Vec<_> = sizes
        .chunks_exact(6)
        .map(|of| {
            let (seal, bytes, lines) = (number(&of[..2]), number(&of[2..4]), number(&of[4..]));
            let part = (bytes > 0).then_some(PartSize { bytes, lines });
            BatchSize {
                seal: u32::try_from(seal).unwrap_or(1).max(1),
                parts: part.into_iter().collect(),
            }
        })
        .collect();
    let text = batches.iter().map(|of| u64::from(of.seal) + of.payload().unwrap_or(0)).sum();
    Attestation {
        origin: "c/n/s".parse().expect("an origin"),
        key: "auditor.example+6b27eef7+AQYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYGBgYG"
            .parse()
            .unwrap_or_else(|_| panic!("a key")),
        first: 1,
        last: batches.len().max(1) as u64,
        date: Date::EPOCH,
        prev: hash(b"before"),
        head: hash(b"last"),
        generation: 0,
        pack: Blob::of(b""),
        text,
        index: None,
        field: TimeField::Audit,
        untimed: 0,
        gaps: 0,
        times: None,
        sealed: (Time::EPOCH, Time::EPOCH),
        lock: PackLock::None,
        judged: Time::EPOCH,
        attested: Time::EPOCH,
        batches,
        findings: 0,
        found: Vec::new(),
    }
}

fuzz_target!(|bytes: &[u8]| {
    let Some((count, rest)) = bytes.split_first() else { return };
    let sizes = (usize::from(*count) % 16) * 6;
    if rest.len() < sizes {
        return;
    }
    let (sizes, pack) = rest.split_at(sizes);
    let attestation = attestation(sizes);
    let decode = |piece: usize| {
        let mut sink = Sink::default();
        let Ok(mut decoder) = PackDecoder::new(&attestation) else { return (sink, false) };
        let taken = pack.chunks(piece).all(|piece| decoder.take(piece, &mut sink).is_ok());
        let ended = taken && decoder.finish(&mut sink).is_ok();
        (sink, ended)
    };
    let (whole, ended) = decode(pack.len().max(1));
    assert!(whole.bytes <= attestation.text);
    assert!(!ended || whole.objects == attestation.batches.len());
    let (pieces, again) = decode(7);
    assert_eq!((ended, ended.then_some(whole.objects)), (again, again.then_some(pieces.objects)));
    // The same under the header that belongs, which mutation hardly finds.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0xc0, 23 - 10 << 3];
    frame.extend(attestation.text.to_le_bytes());
    frame.extend(pack);
    let mut sink = Sink::default();
    if let Ok(mut decoder) = PackDecoder::new(&attestation)
        && decoder.take(&frame, &mut sink).is_ok()
    {
        drop(decoder.finish(&mut sink));
    }
    assert!(sink.bytes <= attestation.text);
});
