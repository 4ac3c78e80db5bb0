//! The vectors, object by object: steps 1–7 of FORMAT.md, "Reading and verifying".

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::BTreeSet;

use auditseal_format::seal::Range;
use auditseal_format::{Fault, LineTimes, ObjectKey, ObjectSeal, PayloadDecoder, Seal, hash};
use auditseal_note::SignedNote;
use auditseal_vectors::Vector;

/// Verdicts on single objects.
const OBJECT: [&str; 6] =
    ["UNSEALED", "MALFORMED", "BAD_SIGNATURE", "WRONG_ORIGIN", "TAMPERED", "WRONG_TIMES"];

fn all() -> impl Iterator<Item = Vector> {
    let vectors = Vector::committed().unwrap();
    assert!(vectors.len() > 400, "the vectors are there");
    vectors.into_values()
}

/// Opens an object with all checks there are.
fn open(object: &[u8]) -> Result<ObjectSeal, Fault> {
    let seal = ObjectSeal::read(object)?;
    seal.check_frame(object, object.len() as u64)?;
    let mut decoder = PayloadDecoder::new(&seal.seal.payload)?;
    let (mut payload, blocks) = (Vec::new(), seal.blocks());
    decoder.blocks(&object[blocks.start as usize..blocks.end as usize], |bytes| {
        payload.extend_from_slice(bytes);
        assert!(payload.len() as u64 <= seal.seal.payload.bytes, "no more than is stated");
    })?;
    decoder.finish()?;
    if !ranges_hold(&seal.seal.ranges, &payload) {
        return Err(Fault::Malformed("a range has another number of lines".to_owned()));
    }
    let mut times = LineTimes::new(seal.seal.payload.field);
    times.take(&payload);
    times.check(&seal.seal.payload).map_err(Fault::WrongTimes)?;
    Ok(seal)
}

/// Whether each range's part of the payload has its lines.
fn ranges_hold(ranges: &[Range], mut payload: &[u8]) -> bool {
    let mut holds = true;
    for range in ranges {
        let size = range.payload_bytes().unwrap() as usize;
        let (part, rest) = payload.split_at(size);
        let lines = part.iter().filter(|byte| **byte == b'\n').count() as u64;
        holds &= lines == range.lines && (part.is_empty() || part.ends_with(b"\n"));
        payload = rest;
    }
    holds && payload.is_empty()
}

/// The verdict of steps 1–7, if an object fails one.
fn verdict(key: &ObjectKey, object: &[u8]) -> Option<&'static str> {
    match open(object) {
        Err(Fault::Unsealed) => Some("UNSEALED"),
        Err(Fault::Malformed(_) | Fault::Earlier(_)) => Some("MALFORMED"),
        Err(Fault::BadSignature(_)) => Some("BAD_SIGNATURE"),
        Err(Fault::Tampered(_)) => Some("TAMPERED"),
        Err(Fault::WrongTimes(_)) => Some("WRONG_TIMES"),
        Ok(seal) => (seal.seal.origin != key.origin).then_some("WRONG_ORIGIN"),
    }
}

/// Whether a reader asks what an object decompresses to: not if its note is none of the chain's, or
/// belongs at another seq. What it says of the seal and the stored bytes counts all the same.
fn asked(vector: &Vector, key: &ObjectKey, object: &[u8]) -> bool {
    let Ok(seal) = ObjectSeal::read(object) else { return true };
    let blocks = seal.blocks();
    let blocks = object.get(blocks.start as usize..blocks.end as usize);
    let stored = seal.check_frame(object, object.len() as u64).is_ok()
        && blocks.is_some_and(|blocks| hash(blocks) == seal.seal.payload.blocks);
    let key_of_it = seal.seal.key.to_string();
    let known = vector.vkeys.contains(&key_of_it)
        || vector.trust.iter().any(|line| line.contains(&key_of_it));
    !stored || (known && seal.seal.seq == key.seq)
}

#[test]
fn every_object_is_judged_as_its_vector_says() {
    let mut wrong = Vec::new();
    // What packs hold says more than the objects do: the archive's readers are held to those vectors.
    for vector in all().filter(|vector| vector.packs.is_empty()) {
        let name = &vector.name;
        let expected: BTreeSet<&str> = vector
            .findings
            .iter()
            .map(String::as_str)
            .filter(|finding| OBJECT.contains(&finding.split(' ').next().unwrap()))
            .collect();
        let mut found = BTreeSet::new();
        for (key, object) in &vector.objects {
            let Some(key) = ObjectKey::parse(key) else { continue };
            let from = vector.from.as_ref().and_then(|from| from.split(':').next()?.parse().ok());
            if key.seq < from.unwrap_or(0) || vector.to.is_some_and(|to| to < key.seq) {
                continue;
            }
            let place = format!("{} {}", key.origin, key.seq);
            // It isn't the chain's, or somebody accepted what is wrong with it.
            let passed = ["UNEXPECTED_OBJECT", "WRONG_TIMES"]
                .iter()
                .any(|verdict| vector.infos.contains(&format!("{verdict} {place}")));
            if let Some(verdict) = verdict(&key, object)
                && !passed
                && asked(&vector, &key, object)
            {
                found.insert(format!("{verdict} {place}"));
            }
        }
        let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
        if found != expected {
            wrong.push(format!("{name} ({}): {found:?}, not {expected:?}", vector.about));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_call_opens_what_all_checks_open() {
    for vector in all() {
        for object in vector.objects.values() {
            let (whole, stepwise) = (ObjectSeal::open(object), open(object));
            // What it leaves to its caller: the lines of each range, and their times.
            if !["payload-range-", "times-wrong-", "trust-accept-times"]
                .iter()
                .any(|name| vector.name.starts_with(name))
            {
                assert_eq!(whole, stepwise, "{}", vector.name);
            }
        }
    }
}

#[test]
fn every_note_that_is_read_prints_the_same_text() {
    let mut notes = 0;
    for vector in all() {
        for object in vector.objects.values() {
            let Ok(read) = ObjectSeal::read(object) else { continue };
            let text = SignedNote::parse(&read.note).unwrap().text();
            assert_eq!(Seal::parse(text).as_ref(), Ok(&read.seal), "{}", vector.name);
            assert_eq!(read.seal.text(), text, "{}", vector.name);
            assert_eq!(read.seal.hash(), read.hash, "{}", vector.name);
            notes += 1;
        }
    }
    assert!(notes > 500, "only {notes} notes");
}

#[test]
fn objects_cut_in_two_anywhere_are_refused() {
    let chain = auditseal_vectors::example::chain();
    let object = &chain.head().bytes;
    for length in 0..object.len() {
        assert!(ObjectSeal::open(&object[..length]).is_err(), "first {length} bytes");
        assert!(ObjectSeal::open(&object[object.len() - length..]).is_err(), "last {length} bytes");
    }
}
