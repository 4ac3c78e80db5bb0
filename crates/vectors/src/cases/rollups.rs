//! Roll-ups in a store, and what is wrong with them: FORMAT.md, *Roll-ups in a store*.

use auditseal_format::packs::{Blob, Month, RolledUp, SignedRolledUp};
use auditseal_format::{Date, Time};
use auditseal_index::{Builder, Index, PackId, Rollup, RollupBuilder};
use auditseal_note::Signer as _;

use super::packs::auditor;
use crate::rollup_vector::{RolledPack, RollupVector};
use crate::{TestSigner, resign};

const ORIGIN: &str = "c/n/s";

/// A line that says so much.
fn line(verb: &str, name: &str) -> String {
    format!(
        r#"{{"auditID":"{name}","verb":"{verb}","user":{{"username":"eve"}},"objectRef":{{"resource":"pods","namespace":"n","name":"{name}"}}}}"#
    )
}

/// Three packs, one of which has a batch that can't be read.
fn packs() -> Vec<RolledPack> {
    let pack = |first: u64, batches: Vec<Vec<String>>| {
        let last = first + batches.len() as u64 - 1;
        RolledPack { first, last, note: [last as u8; 8], batches }
    };
    vec![
        pack(1, vec![vec![line("get", "a"), line("list", "")], vec![line("delete", "b")]]),
        pack(3, vec![vec![line("get", "b")], vec!["{".to_owned()], vec![]]),
        pack(6, vec![vec![line("exec", "c")]]),
    ]
}

fn index(pack: &RolledPack, left_out: &str) -> Index {
    let mut builder = Builder::new(pack.first);
    for batch in &pack.batches {
        for line in batch.iter().filter(|line| left_out.is_empty() || !line.contains(left_out)) {
            builder.text(line.as_bytes());
            builder.text(b"\n");
        }
        builder.end_batch();
    }
    Index::open(builder.finish().expect("few terms")).expect("an index")
}

/// The roll-up of these packs; lines that have some word are left out.
fn roll_up(packs: &[RolledPack], left_out: &str) -> Vec<u8> {
    let mut rollup = RollupBuilder::new();
    for pack in packs {
        let RolledPack { first, last, note, .. } = *pack;
        let id = PackId { first, last, note };
        rollup.push(id, &index(pack, left_out)).expect("packs in order");
    }
    rollup.finish().expect("packs")
}

/// What is said of a roll-up with this front.
fn said(packs: &[RolledPack], bytes: &[u8], front: usize) -> RolledUp {
    RolledUp {
        origin: ORIGIN.parse().expect("an origin"),
        key: auditor().key().clone(),
        month: Month::of(Date::parse(b"2026-11-30").expect("a date")),
        first: packs.first().map_or(1, |pack| pack.first),
        last: packs.last().map_or(1, |pack| pack.last),
        packs: packs.len() as u64,
        front: Blob::of(&bytes[..front]),
        size: bytes.len() as u64,
        attested: Time::EPOCH,
    }
}

fn front_of(bytes: &[u8]) -> usize {
    Rollup::front_length(bytes).expect("a roll-up")
}

/// A roll-up, rightly bound.
fn right() -> (RollupVector, RolledUp) {
    let packs = packs();
    let bytes = roll_up(&packs, "");
    let rolled = said(&packs, &bytes, front_of(&bytes));
    (bound("plain", "a roll-up of three packs", &rolled, packs, bytes), rolled)
}

/// A roll-up at its key, and what an auditor says of it.
fn bound(
    name: &str,
    about: &str,
    rolled: &RolledUp,
    packs: Vec<RolledPack>,
    bytes: Vec<u8>,
) -> RollupVector {
    let signed = SignedRolledUp::sign(rolled.clone(), &mut auditor()).expect("what can be said");
    let (name, about) = (name.to_owned(), about.to_owned());
    let auditor = auditor().identity().to_string();
    let note = (signed.key(), signed.note.into_bytes());
    let stored = Some((rolled.key(), bytes));
    let origin = ORIGIN.to_owned();
    RollupVector { name, about, origin, auditor, used: true, made: true, packs, note, stored }
}

fn unused(name: &str, about: &str, vector: RollupVector) -> RollupVector {
    RollupVector { name: name.to_owned(), about: about.to_owned(), used: false, ..vector }
}

/// The vectors of roll-ups in a store, by name.
#[must_use]
pub fn rollups() -> Vec<RollupVector> {
    let mut all = vec![right().0];
    let packs = packs();
    let less = roll_up(&packs, "delete");
    let rolled = said(&packs, &less, front_of(&less));
    let less = bound("lacks-a-term", "a term is left out, and it is signed", &rolled, packs, less);
    all.push(RollupVector { made: false, ..less });
    all.extend([notes(), keys(), stored(), numbers(), fronts()].concat());
    all.sort_by(|one, other| one.name.cmp(&other.name));
    all
}

/// Where the note is put, by what it says.
fn key_of(rolled: &RolledUp, note: &[u8]) -> String {
    let key = rolled.key();
    let (stem, _) = key.rsplit_once('-').expect("a key");
    format!("{stem}-{}.note", &auditseal_format::hash(note).to_string()[..16])
}

/// The note isn't one, or nobody's whose word counts.
fn notes() -> Vec<RollupVector> {
    let (right, rolled) = right();
    let signed = |name: &str, about: &str, text: &str, mut signer: TestSigner| {
        let note = resign(text, &mut signer).into_bytes();
        let note = (key_of(&rolled, &note), note);
        unused(name, about, RollupVector { note, ..right.clone() })
    };
    let edited = |name: &str, about: &str, from: &str, to: &str| {
        let text = rolled.text();
        assert!(text.contains(from), "{from}");
        signed(&format!("note-{name}"), about, &text.replace(from, to), auditor())
    };
    let mut flipped = right.note.1.clone();
    let at = flipped.len() - 10;
    flipped[at] = if flipped[at] == b'A' { b'B' } else { b'A' };
    let flipped = RollupVector { note: (key_of(&rolled, &flipped), flipped), ..right.clone() };
    let stranger = TestSigner::named("auditor.example", 7);
    let theirs = rolled.text().replace(&rolled.key.to_string(), &stranger.key().to_string());
    let long = format!("objects 1 6{}", " ".repeat(4096));
    vec![
        unused("note-signature", "its signature doesn't hold", flipped),
        signed("note-of-a-stranger", "another key of the auditor's name", &theirs, stranger),
        edited("version", "another version", "rolled-up/v1", "rolled-up/v2"),
        edited("more", "a line more", "attested ", "more -\nattested "),
        edited("less", "a line less", "packs 3\n", ""),
        edited("zero", "it begins with the genesis", "objects 1 6", "objects 0 6"),
        edited("backwards", "it ends before it begins", "objects 1 6", "objects 7 6"),
        edited("no-packs", "of no packs", "packs 3", "packs 0"),
        edited("many-packs", "of more packs than objects", "packs 3", "packs 7"),
        edited("number", "a number with a zero before it", "packs 3", "packs 03"),
        edited("small", "smaller than its front", &format!("size {}", rolled.size), "size 9"),
        edited("month", "a month that there isn't", "month 2026-11", "month 2026-13"),
        edited("large", "of more bytes than may be", "objects 1 6", &long),
        edited("origin", "of another chain", "origin c/n/s", "origin c/n/t"),
    ]
}

/// The note stands at a key that isn't its own.
fn keys() -> Vec<RollupVector> {
    let (right, _) = right();
    let at = |name: &str, about: &str, from: &str, to: &str| {
        let key = right.note.0.replacen(from, to, 1);
        assert_ne!(key, right.note.0);
        let note = (key, right.note.1.clone());
        unused(&format!("key-{name}"), about, RollupVector { note, ..right.clone() })
    };
    let own = right.note.0.rsplit(['-', '.']).nth(1).expect("a hash").to_owned();
    vec![
        at("hash", "its key has another hash", &own, "0123456789abcdef"),
        at("first", "its key has another first seq", "000000000001-", "000000000002-"),
        at("last", "its key has another last seq", "-000000000006-", "-000000000007-"),
        at("month", "its key has another month", "month=2026-11", "month=2026-12"),
        at("short", "a seq in its key has one digit", "000000000001-", "1-"),
    ]
}

/// What stands at the roll-up's key isn't what the note binds.
fn stored() -> Vec<RollupVector> {
    let (right, _) = right();
    let (key, bytes) = right.stored.clone().expect("a roll-up");
    let with = |name: &str, about: &str, stored: Option<Vec<u8>>| {
        let stored = stored.map(|bytes| (key.clone(), bytes));
        unused(name, about, RollupVector { stored, made: false, ..right.clone() })
    };
    let flipped = |at: usize| {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1;
        Some(bytes)
    };
    vec![
        with("absent", "it isn't there", None),
        with("front-changed", "a bit of its front", flipped(50)),
        with("block-changed", "a bit of its block", flipped(bytes.len() - 5)),
        with("cut-short", "its last byte is missing", Some(bytes[..bytes.len() - 1].to_vec())),
    ]
}

/// What the note says isn't what the front says.
fn numbers() -> Vec<RollupVector> {
    let (right, rolled) = right();
    let bytes = right.stored.clone().expect("a roll-up").1;
    let of = |name: &str, about: &str, rolled: &RolledUp| {
        let right = bound("", "", rolled, right.packs.clone(), bytes.clone());
        unused(&format!("says-{name}"), about, right)
    };
    vec![
        of("packs", "of fewer packs than its front", &RolledUp { packs: 2, ..rolled.clone() }),
        of("first", "from a later seq", &RolledUp { first: 2, ..rolled.clone() }),
        of("last", "to a later seq", &RolledUp { last: 7, ..rolled.clone() }),
        of("size", "of a byte more", &RolledUp { size: rolled.size + 1, ..rolled.clone() }),
    ]
}

/// What the note binds is no front.
fn fronts() -> Vec<RollupVector> {
    let (right, _) = right();
    let bytes = right.stored.clone().expect("a roll-up").1;
    let front = front_of(&bytes);
    let of = |name: &str, about: &str, edit: &dyn Fn(&mut Vec<u8>) -> usize| {
        let mut edited = bytes.clone();
        let front = edit(&mut edited);
        let made = edited == bytes;
        let rolled = said(&right.packs, &edited, front);
        let vector = bound("", "", &rolled, right.packs.clone(), edited);
        unused(&format!("front-{name}"), about, RollupVector { made, ..vector })
    };
    // The line, four numbers, and 24 bytes of each pack.
    let pack = |nth: usize| 20 + 16 + nth * 24;
    vec![
        of("version", "another version", &|bytes| {
            bytes[18] = b'2';
            front
        }),
        of("twice", "a pack twice", &|bytes| {
            bytes.copy_within(pack(0)..pack(1), pack(1));
            front
        }),
        of("backwards", "a pack ends before it begins", &|bytes| {
            bytes[pack(0) + 8] = 0;
            front
        }),
        of("open", "an open pack that isn't among its packs", &|bytes| {
            bytes[pack(3)] = 2 * 3 + 1;
            front
        }),
        of("longer", "a byte of its block passes for one of its front", &|_| front + 1),
        of("shorter", "its last byte is missing", &|_| front - 1),
        of("directory", "its directory has a byte more", &|bytes| {
            bytes.insert(front, 0);
            bytes[20 + 12] += 1;
            front + 1
        }),
    ]
}
