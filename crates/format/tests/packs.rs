//! Packs: what goes in comes out, and nothing else does.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use auditseal_format::packs::*;
use auditseal_format::{Compression, Date, Fault, ObjectSeal, PayloadDecoder, Time, TimeField};
use auditseal_note::{Signer as _, StaticSigner};
use auditseal_vectors::{Chain, Piece, TestSigner, assemble, events, frame_header};

/// Objects of a chain behind its genesis, of so many lines each; 0 is a heartbeat.
fn objects(lines: &[u64]) -> Vec<Vec<u8>> {
    let mut chain = Chain::new("c/n/s", TestSigner::new(1));
    chain.genesis();
    let mut next = 0;
    for count in lines {
        chain.wait(5);
        if *count == 0 {
            chain.heartbeat();
        } else {
            chain.batch(&[Piece::new("audit.log", events(next..next + count))]);
            next += count;
        }
    }
    chain.batches().skip(1).map(|batch| batch.bytes.clone()).collect()
}

fn auditor() -> StaticSigner {
    StaticSigner::from_seed("auditor.example", &[9; 32]).unwrap()
}

/// A pack of these objects, and what is attested of it.
fn packed(objects: &[Vec<u8>]) -> (Vec<u8>, Attestation) {
    let seals: Vec<_> = objects.iter().map(|object| ObjectSeal::open(object).unwrap()).collect();
    let date = Date::parse(b"2026-11-21").unwrap();
    let (first, last) = (&seals[0], &seals[seals.len() - 1]);
    let text = seals.iter().map(ObjectSeal::text_size).sum();
    let (first, last) = (first.seal.seq, last.seal.seq);
    let sizes = seals.iter().map(|seal| Measure::of(seal, date).sizes).sum();
    let cut = Cut { first, last, date, field: TimeField::Audit, text, sizes };
    let mut out = Vec::new();
    let mut draft = PackDraft::new(Compression { level: 9, window: 23 }, cut, &mut out).unwrap();
    for (object, seal) in objects.iter().zip(&seals) {
        let blocks = seal.blocks();
        let mut decoder = PayloadDecoder::new(&seal.seal.payload).unwrap();
        let blocks = &object[blocks.start as usize..blocks.end as usize];
        decoder.blocks(blocks, |payload| draft.payload(payload, &mut out).unwrap()).unwrap();
        draft.seal(seal, &mut out).unwrap();
    }
    let attestation = draft.finish().unwrap();
    let key = auditor().key().clone();
    assert_eq!(attestation.pack, Blob::of(&out));
    (out, Attestation { key, ..attestation })
}

#[derive(Default)]
struct Kept {
    text: Vec<u8>,
    seals: Vec<(ObjectSeal, Result<(), Fault>)>,
    /// Behind each so many objects they have to be vouched for; 0: behind the last.
    each: usize,
    /// Objects that were told to be vouched for.
    proved: usize,
}

impl PackSink for Kept {
    fn payload(&mut self, nth: usize, bytes: &[u8]) {
        assert_eq!(nth, self.seals.len());
        self.text.extend(bytes);
    }

    fn object(&mut self, nth: usize, seal: ObjectSeal, payload: Result<(), Fault>) {
        assert_eq!(nth, self.seals.len());
        self.text.extend(seal.line());
        self.seals.push((seal, payload));
    }

    fn wants_proof(&self) -> bool {
        self.each > 0 && self.seals.len().is_multiple_of(self.each)
    }

    fn proved(&mut self, nth: usize) {
        assert!(self.proved <= nth && nth < self.seals.len());
        self.proved = nth + 1;
    }
}

fn decoded(pack: &[u8], attestation: &Attestation, piece: usize) -> (Kept, Result<(), PackFault>) {
    let mut kept = Kept::default();
    let mut decoder = PackDecoder::new(attestation).unwrap();
    let taken = pack.chunks(piece).try_for_each(|piece| decoder.take(piece, &mut kept));
    let ended = taken.and_then(|()| decoder.finish(&mut kept));
    (kept, ended)
}

/// The same by who decompresses on one thread and takes apart on another, in pieces of text of such a size.
fn taken_apart(
    pack: &[u8],
    attestation: &Attestation,
    (piece, room): (usize, usize),
) -> (Kept, Result<(), PackFault>) {
    let mut kept = Kept::default();
    let mut objects = PackObjects::of(attestation);
    let mut decoder = PackText::of(attestation).unwrap();
    let mut text = Vec::with_capacity(room);
    for mut bytes in pack.chunks(piece) {
        loop {
            let more = match decoder.next(&mut bytes, &mut text) {
                Ok(more) => more,
                Err(fault) => {
                    let fault = objects.broken(fault, &mut kept);
                    return (kept, Err(fault));
                }
            };
            if let Err(fault) = objects.take(&text, &mut kept) {
                return (kept, Err(fault));
            }
            if !more {
                break;
            }
        }
    }
    let ended = objects.finish(decoder.is_ended(), &mut kept);
    (kept, ended)
}

/// Wherever the text is cut between the two, it is the same: for a pack, for one that ends early or goes on, and for one
/// with another byte anywhere in its text, also in its notes and the last signature.
#[test]
fn a_text_is_taken_apart_wherever_it_is_cut() {
    let (pack, attestation) = packed(&objects(&[3, 0, 1, 2]));
    let text = zstd::decode_all(&pack[..]).unwrap();
    let mut others: Vec<_> = (0..pack.len()).step_by(97).map(|end| pack[..end].to_vec()).collect();
    others.push([&pack[..], b"x"].concat());
    others.push(pack.clone());
    others.extend((0..text.len()).step_by(61).map(|at| {
        let mut other = text.clone();
        other[at] ^= 1;
        assemble(&frame_header(23, attestation.text), &[], &other)
    }));
    let mut whole = 0;
    for other in others {
        let (expected, ended) = decoded(&other, &attestation, other.len().max(1));
        for cut in [(1, 1), (13, 100), (1000, 7), (other.len().max(1), 4096)] {
            let (kept, also) = taken_apart(&other, &attestation, cut);
            assert_eq!(also, ended, "{cut:?}");
            // Of a broken block what comes before is given out as it comes.
            assert!(kept.text == expected.text || ended.is_err());
            assert_eq!(kept.seals, expected.seals);
        }
        whole += u32::from(ended.is_ok());
    }
    assert!(whole >= 1);
}

/// The objects that are told to be vouched for, with the signature behind each so many of them checked.
fn vouched(frame: &[u8], attestation: &Attestation, each: usize) -> Kept {
    let mut kept = Kept { each, ..Kept::default() };
    let proof = PackProof::Lines { times: true };
    let mut decoder = PackDecoder::new(attestation).unwrap().proving(proof);
    let taken = frame.chunks(100).try_for_each(|piece| decoder.take(piece, &mut kept));
    drop(taken.and_then(|()| decoder.finish(&mut kept)));
    kept
}

/// However few signatures are checked, what is told to be proved is what whoever checks each finds, but for notes whose own
/// signature is gone and which a good one names.
#[test]
fn few_signatures_vouch_for_all() {
    let objects = objects(&[2, 0, 1, 1, 0]);
    let (_, attestation) = packed(&objects);
    let text = text_of(&objects);
    let lengths = objects.iter().map(|object| zstd::decode_all(&object[..]).unwrap().len());
    let ends: Vec<usize> = lengths
        .scan(0, |end, length| {
            Some({
                *end += length;
                *end
            })
        })
        .collect();
    for each in 0..=6 {
        let frame = assemble(&frame_header(23, attestation.text), &[], &text);
        let kept = vouched(&frame, &attestation, each);
        assert_eq!((kept.proved, kept.text == text), (5, true));
        assert!(kept.seals.iter().all(|(_, verdict)| verdict.is_ok()));
    }
    for at in (0..text.len()).step_by(7) {
        let mut other = text.clone();
        other[at] ^= 1;
        let frame = assemble(&frame_header(23, attestation.text), &[], &other);
        let (checked, _) = decoded(&frame, &attestation, 100);
        let nth = ends.iter().position(|end| at < *end).unwrap();
        for each in [0, 1, 2] {
            let kept = vouched(&frame, &attestation, each);
            let sound = kept.seals[..kept.proved].iter().filter(|(_, verdict)| verdict.is_ok());
            let same = |(seal, _): &(ObjectSeal, _)| {
                objects.iter().any(|object| ObjectSeal::open(object).unwrap().hash == seal.hash)
            };
            assert!(sound.clone().all(same), "byte {at}, each {each}");
            assert!(kept.proved >= checked.seals.len(), "byte {at}, each {each}");
            // One by one it is the same.
            assert!(each != 1 || kept.proved == checked.seals.len(), "byte {at}");
            assert!(sound.count() >= nth, "byte {at}, each {each}: those before stand");
        }
    }
}

fn text_of(objects: &[Vec<u8>]) -> Vec<u8> {
    objects.iter().flat_map(|object| zstd::decode_all(&object[..]).unwrap()).collect()
}

#[test]
fn a_pack_is_the_texts_of_its_objects_in_one_frame() {
    let objects = objects(&[3, 0, 1, 700, 2]);
    let (pack, attestation) = packed(&objects);
    let text = text_of(&objects);
    assert_eq!(zstd::decode_all(&pack[..]).unwrap(), text);
    assert_eq!(attestation.text, text.len() as u64);
    assert_eq!(attestation.objects(), 5);
    for piece in [1, 13, 14, 15, 4096, pack.len()] {
        let (kept, ended) = decoded(&pack, &attestation, piece);
        assert_eq!(ended, Ok(()));
        assert!(kept.text == text);
        let same = kept.seals.iter().zip(&objects);
        same.for_each(|((seal, verdict), object)| {
            assert_eq!((seal, verdict), (&ObjectSeal::open(object).unwrap(), &Ok(())));
        });
    }
    // Whoever reads the end of an object finds the last seal of a pack.
    let last = ObjectSeal::read(&pack).unwrap();
    assert_eq!(last.hash, attestation.head);
}

#[test]
fn an_attestation_reads_back_and_nothing_else_does() {
    let (_, mut attestation) = packed(&objects(&[3, 0, 1]));
    attestation.findings = 2;
    attestation.found = vec![
        Attested {
            verdict: VerdictName::new("HIDDEN").unwrap(),
            seq: 1,
            through: None,
            hash: Some(attestation.prev),
            detail: "its key looks empty; 2 versions".to_owned(),
        },
        Attested {
            verdict: VerdictName::new("MISSING").unwrap(),
            seq: 2,
            through: Some(3),
            hash: None,
            detail: "x".to_owned(),
        },
    ];
    attestation.lock = PackLock::Compliance(Time::MAX);
    attestation.index = Some(Blob::of(b"index"));
    let proof = SignedAttestation::sign(attestation.clone(), &mut auditor()).unwrap();
    assert_eq!(SignedAttestation::read(proof.note.as_bytes()), Ok(proof.clone()));
    assert_eq!(PackKey::of_attestation(&proof.key()).unwrap().0, attestation.name());
    // A signature by anybody over anything else than the one spelling isn't read.
    let text = attestation.text();
    for (line, number) in text.lines().zip(0..) {
        let others = [
            text.replacen(&format!("{line}\n"), "", 1),
            text.replacen(line, &format!("{line} "), 1),
            text.replacen(line, &line.replace(' ', "  "), 1),
            text.replacen(line, &line.to_uppercase(), 1),
            text.replacen(line, &format!("{line}\n{line}"), 1),
        ];
        for other in others.iter().filter(|other| **other != text) {
            let said = Attestation::parse(other);
            // What a finding says is free; and one finding fewer or more is another count.
            let free =
                line.starts_with("finding ") && other.lines().count() == text.lines().count();
            assert!(said.is_err() || free, "line {number}: {line}");
        }
    }
    for at in 0..proof.note.len() {
        let mut bytes = proof.note.clone().into_bytes();
        bytes[at] ^= 1;
        assert!(SignedAttestation::read(&bytes).is_err(), "byte {at}");
    }
}

type Edit<'a> = (&'a str, &'a dyn Fn(&mut Attestation));

#[test]
fn numbers_that_do_not_fit_are_refused() {
    let (_, attestation) = packed(&objects(&[3, 0, 1]));
    assert!(SignedAttestation::sign(attestation.clone(), &mut auditor()).is_ok());
    let edits: [Edit<'_>; 14] = [
        ("the genesis", &|a| (a.first, a.last) = (0, a.last - a.first)),
        ("order", &|a| a.last = a.first - 1),
        ("a batch too few", &|a| drop(a.batches.pop())),
        ("a batch too many", &|a| a.last += 1),
        ("generation", &|a| a.generation = MAX_GENERATION + 1),
        ("text", &|a| a.text += 1),
        ("text of several", &|a| {
            a.batches[0].parts[0].bytes += MAX_TEXT;
            a.text += MAX_TEXT;
        }),
        ("overflow", &|a| a.batches[0].parts[0].bytes = u64::MAX),
        ("empty part", &|a| a.batches[1].parts.push(PartSize { bytes: 0, lines: 0 })),
        ("lines", &|a| a.batches[0].parts[0].lines = u64::MAX),
        ("untimed", &|a| a.untimed = 5),
        ("times", &|a| a.times = None),
        ("times in order", &|a| a.times = Some((Time::MAX, Time::EPOCH))),
        ("findings", &|a| a.findings = 1),
    ];
    for (what, edit) in edits {
        let mut edited = attestation.clone();
        edit(&mut edited);
        assert!(SignedAttestation::sign(edited, &mut auditor()).is_err(), "{what}");
    }
}

/// Whatever a pack has in place of its text, what is given out as proved is the signed one.
#[test]
fn what_an_auditor_gets_wrong_is_found() {
    let objects = objects(&[3, 2, 1]);
    let (_, attestation) = packed(&objects);
    let text = text_of(&objects);
    let verdicts = |text: &[u8], attestation: &Attestation| {
        let frame = assemble(&frame_header(23, attestation.text), &[], text);
        let (kept, ended) = decoded(&frame, attestation, 1000);
        (kept.seals.into_iter().map(|(_, verdict)| verdict).collect::<Vec<_>>(), ended)
    };
    assert_eq!(verdicts(&text, &attestation), (vec![Ok(()); 3], Ok(())));
    // Every byte of the text.
    for at in 0..text.len() {
        for flip in [1, b'\n' ^ text[at]].into_iter().filter(|flip| *flip != 0) {
            let mut other = text.clone();
            other[at] ^= flip;
            let (seals, ended) = verdicts(&other, &attestation);
            let good = seals.iter().filter(|verdict| verdict.is_ok()).count();
            assert!(good < 3 || ended.is_err(), "byte {at}");
        }
    }
    // Two objects swapped, with the sizes that then fit.
    let swapped = [objects[1].clone(), objects[0].clone(), objects[2].clone()];
    let mut other = attestation.clone();
    other.batches.swap(0, 1);
    let (seals, ended) = verdicts(&text_of(&swapped), &other);
    assert_eq!(
        (seals.len(), ended),
        (3, Ok(())),
        "each holds by itself: the chain judges their order"
    );
    // Sizes that are shifted by a line.
    let mut other = attestation.clone();
    other.batches[0].parts[0].lines -= 1;
    let (seals, _) = verdicts(&text, &other);
    assert!(matches!(seals[0], Err(Fault::Tampered(_))), "{seals:?}");
    // Less and more.
    let (_, ended) = verdicts(&text[..text.len() - 1], &attestation);
    assert!(ended.is_err());
    let (_, ended) = verdicts(&[&text[..], b"\n"].concat(), &attestation);
    assert!(ended.is_err());
}

#[test]
fn a_bomb_costs_one_buffer() {
    let (_, attestation) = packed(&objects(&[3]));
    let nothing = vec![0_u8; 64 << 20];
    let mut bomb = zstd::encode_all(&nothing[..], 19).unwrap();
    let mut frame = frame_header(23, attestation.text).to_vec();
    // The blocks behind a header that says the attested size.
    frame.extend(bomb.split_off(9));
    let (kept, ended) = decoded(&frame, &attestation, 4096);
    assert!(ended.is_err());
    assert!(kept.text.len() <= attestation.text as usize);
    let mut other = frame.clone();
    other[5] = 0xff; // a window of terabytes
    assert_eq!(decoded(&other, &attestation, 4096).1, Err(PackFault::Header));
}

/// As many objects and findings as there may be, and more.
#[test]
fn the_largest_attestations() {
    let (_, mut attestation) = packed(&objects(&[3]));
    let line = 1000;
    let empty = BatchSize { parts: Vec::new(), seal: 1000 };
    attestation.batches.extend(std::iter::repeat_n(empty.clone(), MAX_SIZES as usize - 2));
    attestation.last += MAX_SIZES - 2;
    attestation.text += line * (MAX_SIZES - 2);
    let found = |n: u64| Attested {
        verdict: VerdictName::new("UNEXPECTED_OBJECT").unwrap(),
        seq: attestation.first + n,
        through: None,
        hash: Some(attestation.head),
        detail: "x".repeat(1000),
    };
    let told: Vec<_> = (0..MAX_FINDINGS as u64).map(found).collect();
    (attestation.findings, attestation.found) = (10 * MAX_FINDINGS as u64, told);
    let proof = SignedAttestation::sign(attestation.clone(), &mut auditor()).unwrap();
    assert_eq!(SignedAttestation::read(proof.note.as_bytes()), Ok(proof));
    let refused = |edit: &dyn Fn(&mut Attestation)| {
        let mut edited = attestation.clone();
        edit(&mut edited);
        assert!(SignedAttestation::sign(edited, &mut auditor()).is_err());
    };
    refused(&|a| a.found.push(a.found[0].clone()));
    refused(&|a| a.found[0].detail.push('x'));
    refused(&|a| a.found[0].detail = "ü".to_owned());
    refused(&|a| {
        a.batches.push(empty.clone());
        a.last += 1;
        a.text += line;
    });
    let long = "x".repeat(MAX_ATTESTATION);
    assert!(matches!(
        SignedAttestation::read(format!("{long}x").as_bytes()),
        Err(AttestationError::Malformed(_))
    ));
    assert!(matches!(
        SignedAttestation::read(long.as_bytes()),
        Err(AttestationError::Signature(_))
    ));
}
