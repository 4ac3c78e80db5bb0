//! Notes as text: what is accepted has one spelling, and says one thing.

#![allow(clippy::unwrap_used)] // a helper that fails fails its test

use std::collections::HashSet;

use auditseal_format::seal::{
    Boot, Counters, Cursor, Gap, Hole, Payload, Range, Stored, Uuid, Word,
};
use auditseal_format::{
    Alternate, FieldName, FileId, FileName, Hash, Kind, Origin, Root, Seal, Signer as _, Time,
    TimeField, VerifierKey,
};
use auditseal_vectors::{TestSigner, Vector};
use proptest::prelude::*;
use proptest::sample::Index;

fn hashes() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash::new)
}

fn times() -> impl Strategy<Value = Time> {
    prop_oneof![Just(0), Just(Time::MAX.micros()), 0..=Time::MAX.micros()]
        .prop_map(Time::from_micros)
}

/// A key of the chain's, or of its node's.
fn key_for(origin: &Origin, (whole, number): (bool, u8)) -> VerifierKey {
    let (node, origin) = (origin.node_scope(), origin.as_str());
    TestSigner::named(if whole { origin } else { node.as_str() }, number).key().clone()
}

fn words() -> impl Strategy<Value = Word> {
    "[a-z0-9-]{1,64}".prop_map(|text| Word::new(&text).unwrap())
}

fn names() -> impl Strategy<Value = FileName> {
    prop_oneof![
        Just(b"-".to_vec()),
        "[a-zA-Z0-9._-]{1,40}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 1..=255),
    ]
    .prop_map(|name| FileName::new(&name))
}

fn files() -> impl Strategy<Value = FileId> {
    (hashes(), any::<u64>(), any::<u32>()).prop_map(|(hash, base, copy)| FileId {
        hash,
        base,
        copy,
    })
}

fn origins() -> impl Strategy<Value = Origin> {
    let part = || "[A-Za-z0-9][A-Za-z0-9._-]{0,244}";
    (part(), part(), part()).prop_map(|(c, n, s)| Origin::new(&c, &n, &s).unwrap())
}

/// A range whose numbers fit together.
fn ranges() -> impl Strategy<Value = Range> {
    let holes = prop::collection::vec((1_u64..50, 1_u64..50), 0..4);
    let numbers = (0_u64..1 << 40, holes, 1_u64..500, any::<Index>());
    let rest = (any::<bool>(), any::<bool>(), hashes(), names(), prop::option::of(files()));
    (files(), numbers, rest)
        .prop_filter("a file before itself", |(file, _, rest)| rest.4 != Some(*file))
        .prop_map(|(file, (start, gaps, tail, lines), rest)| {
            let mut end = start;
            let holes: Vec<Hole> = gaps
                .iter()
                .map(|(between, length)| {
                    let hole = Hole { offset: end + between, length: *length };
                    end = hole.offset + length;
                    hole
                })
                .collect();
            let (is_final, unterminated, anchor, name, before) = rest;
            let mut range = Range {
                file,
                start,
                end: end + tail,
                lines: 1,
                is_final,
                unterminated,
                anchor,
                name,
                before,
                holes,
            };
            // An unterminated line has a byte besides the newline that is added.
            let most = range.payload_bytes().unwrap() - u64::from(unterminated);
            range.lines = 1 + lines.index(usize::try_from(most).unwrap()) as u64;
            range
        })
}

fn gaps() -> impl Strategy<Value = Gap> {
    let place = prop_oneof![
        Just((None, None)),
        any::<u64>().prop_map(|start| (Some(start), None)),
        (0..u64::MAX, any::<Index>()).prop_map(|(start, by)| {
            let by = 1 + by.index(usize::MAX) as u64;
            (Some(start), Some(start.saturating_add(by)))
        }),
    ];
    let around = (prop::option::of(times()), prop::option::of(times()));
    (prop::option::of(files()), place, words(), around, prop::option::of(names())).prop_map(
        |(file, (start, end), reason, (after, before), name)| {
            let file = file.filter(|_| start.is_some());
            Gap { file, start, end, reason, after, before, name }
        },
    )
}

fn cursors() -> impl Strategy<Value = Vec<Cursor>> {
    let one = (files(), any::<u64>(), hashes(), names())
        .prop_map(|(file, offset, anchor, name)| Cursor { file, offset, anchor, name });
    prop::collection::vec(one, 0..5).prop_map(|mut cursors| {
        let mut files = HashSet::new();
        cursors.retain(|cursor| files.insert(cursor.file));
        cursors
    })
}

fn stored() -> impl Strategy<Value = Stored> {
    let version = prop_oneof![
        1 => Just(b"-".to_vec()),
        9 => prop::collection::vec(any::<u8>(), 1..=1024),
    ];
    let alternate = prop::option::of(any::<u64>());
    ("[a-z0-9._-]{1,64}", alternate, any::<[u8; 32]>(), prop::option::of(version)).prop_map(
        |(store, alternate, sha256, version)| {
            let alternate = alternate.and_then(|n| Alternate::parse(&format!("{n:016x}")));
            Stored { store, seq: 0, alternate, sha256, version }
        },
    )
}

fn fields() -> impl Strategy<Value = TimeField> {
    let name = "[!#-\\[\\]-~]{1,64}";
    prop_oneof![
        2 => Just(TimeField::Audit),
        2 => name.prop_filter_map("it is audit's", |name| FieldName::new(&name).map(TimeField::Json)),
        1 => Just(TimeField::None),
    ]
}

prop_compose! {
    fn payloads()(
        hashes in (hashes(), hashes()),
        extra in 0_u64..9,
        blocks in 1_u64..1 << 40,
        window in 17_u8..=23,
        malformed in any::<Index>(),
        field in fields(),
        times in prop::option::of((times(), times())),
    ) -> (Payload, Index) {
        // Lines and bytes follow from the ranges.
        let root = Root { hash: hashes.0, chunks: extra, lines: 0 };
        let times = times.filter(|_| field != TimeField::None);
        let times = times.map(|(a, b)| (a.min(b), a.max(b)));
        let placeholder = Payload::placeholder(hashes.1);
        let payload = Payload { root, blocks_len: blocks, window, field, times, ..placeholder };
        (payload, malformed)
    }
}

prop_compose! {
    fn optional()(
        cluster_uid in prop::option::of(any::<[u8; 16]>().prop_map(Uuid)),
        machine_id in prop::option::of(any::<[u8; 16]>()),
        config in prop::option::of(hashes()),
        counters in prop::option::of((times(), any::<u64>(), any::<u64>())),
        reason in prop::option::of(words()),
    ) -> (Option<Uuid>, Option<[u8; 16]>, Option<Hash>, Option<Counters>, Option<Word>) {
        let counters = counters.map(|(since, events, errors)| Counters { since, events, errors });
        (cluster_uid, machine_id, config, counters, reason)
    }
}

prop_compose! {
    /// A seal that holds by itself.
    fn seals()(
        place in (origins(), prop_oneof![Just(0), 1..=999_999_999_999_u64]),
        kind in prop::sample::select(&Kind::ALL[1..]),
        hashes in (hashes(), prop::option::of(hashes())),
        keys in any::<[(bool, u8); 2]>(),
        (payload, malformed) in payloads(),
        clock in (times(), any::<[u8; 16]>(), any::<u64>(), times()),
        optional in optional(),
        ranges in prop::collection::vec(ranges(), 1..4),
        gaps in prop::collection::vec(gaps(), 1..4),
        cursors in cursors(),
        stored in prop::collection::vec(stored(), 0..3),
    ) -> Seal {
        let (origin, seq) = place;
        let kind = if seq == 0 { Kind::Genesis } else { kind };
        let (cluster_uid, machine_id, config, counters, reason) = optional;
        let reason = reason.or_else(|| (kind == Kind::Reanchor).then(|| Word::new("x").unwrap()));
        let [key, next] = keys.map(|which| key_for(&origin, which));
        let mut seal = Seal {
            origin, seq, kind,
            prev: (seq > 0).then_some(hashes.0),
            key, next, payload,
            index: hashes.1,
            sealed: clock.0,
            boot: Boot { id: Uuid(clock.1), nanos: clock.2 },
            next_by: (kind != Kind::Final).then_some(clock.3),
            cluster_uid, machine_id, config, counters, reason,
            ranges: if kind == Kind::Batch { ranges } else { vec![] },
            gaps: if kind == Kind::Gap { gaps } else { vec![] },
            cursors,
            stored: if seq > 0 { stored } else { vec![] },
        };
        let payload = &mut seal.payload;
        payload.root.lines = seal.ranges.iter().map(|range| range.lines).sum();
        payload.bytes = seal.ranges.iter().filter_map(Range::payload_bytes).sum();
        if payload.root.lines == 0 {
            (payload.root.chunks, payload.blocks_len, payload.times) = (0, 0, None);
        } else {
            let full = (payload.bytes - payload.root.lines).div_ceil(1008);
            payload.root.chunks += full.max(payload.root.lines);
            payload.blocks_len = payload.blocks_len.saturating_add(payload.root.chunks);
            payload.malformed = malformed.index(payload.root.lines as usize + 1) as u64;
            payload.untimed = match payload.times {
                None => payload.root.lines,
                Some(_) => malformed.index(payload.root.lines as usize) as u64,
            };
        }
        seal
    }
}

/// One thing that is done to a text.
#[derive(Debug, Clone)]
enum Change {
    Byte(Index, u8),
    Insert(Index, u8),
    Remove(Index),
    Swap(Index, Index),
    Drop(Index),
    Repeat(Index),
}

fn changes() -> impl Strategy<Value = Change> {
    let byte = || prop_oneof![Just(b'\n'), Just(b' '), Just(b'-'), Just(b'0'), 0x20_u8..0x7f];
    prop_oneof![
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        (any::<Index>(), byte()).prop_map(|(at, byte)| Change::Insert(at, byte)),
        any::<Index>().prop_map(Change::Remove),
        (any::<Index>(), any::<Index>()).prop_map(|(a, b)| Change::Swap(a, b)),
        any::<Index>().prop_map(Change::Drop),
        any::<Index>().prop_map(Change::Repeat),
    ]
}

fn change(text: &str, change: &Change) -> String {
    let mut bytes = text.as_bytes().to_vec();
    let mut lines: Vec<&str> = text.split_inclusive('\n').collect();
    if bytes.is_empty() {
        return String::new();
    }
    let whole_lines = match change {
        Change::Byte(at, byte) => {
            bytes[at.index(text.len())] = *byte;
            false
        }
        Change::Insert(at, byte) => {
            bytes.insert(at.index(text.len()), *byte);
            false
        }
        Change::Remove(at) => {
            bytes.remove(at.index(text.len()));
            false
        }
        Change::Swap(a, b) => {
            let (a, b) = (a.index(lines.len()), b.index(lines.len()));
            lines.swap(a, b);
            true
        }
        Change::Drop(at) => {
            lines.remove(at.index(lines.len()));
            true
        }
        Change::Repeat(at) => {
            lines.insert(at.index(lines.len()), lines[at.index(lines.len())]);
            true
        }
    };
    if whole_lines { lines.concat() } else { String::from_utf8_lossy(&bytes).into_owned() }
}

fn examples() -> Vec<String> {
    let vectors = Vector::committed().unwrap();
    ["optional-fields", "gap-several", "hole-inner", "ratchet-reanchored"]
        .iter()
        .map(|name| {
            let object = vectors[*name].objects.values().next_back().unwrap();
            auditseal_format::ObjectSeal::read(object).unwrap().seal.text()
        })
        .collect()
}

proptest! {
    #[test]
    fn any_seal_round_trips(seal in seals()) {
        prop_assert_eq!(seal.validate(), Ok(()));
        prop_assert_eq!(Seal::parse(&seal.text()), Ok(seal));
    }

    #[test]
    fn any_change_is_refused_or_says_something_else(
        which in any::<Index>(),
        list in prop::collection::vec(changes(), 1..4),
    ) {
        let texts = examples();
        let text = which.get(&texts);
        let changed = list.iter().fold(text.clone(), |text, one| change(&text, one));
        if let Ok(seal) = Seal::parse(&changed) {
            prop_assert_eq!(seal.text(), &*changed, "one spelling");
            let same = Seal::parse(text) == Ok(seal);
            prop_assert_eq!(same, &changed == text, "one meaning");
        }
    }

    #[test]
    fn any_change_of_a_random_note_too(seal in seals(), one in changes()) {
        let changed = change(&seal.text(), &one);
        if let Ok(other) = Seal::parse(&changed) {
            prop_assert_eq!(other.text(), &*changed);
            prop_assert_eq!(other == seal, changed == seal.text());
        }
    }

    #[test]
    fn any_text_at_all_is_judged(text in "\\PC{0,300}") {
        prop_assert!(Seal::parse(&text).is_err());
    }
}
