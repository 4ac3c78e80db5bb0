//! A roll-up says of packs what their indexes say of batches, in three ranges at most.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use auditseal_index::{
    Index, IndexError, PackId, Pattern, Rollup, RollupBuilder, Term, TermField, TermKind,
};
use proptest::prelude::*;
use support::{Batch, Model, batches, build};

/// Reads a roll-up as from a store, and counts.
struct Store {
    bytes: Vec<u8>,
    reads: usize,
}

impl Store {
    fn get(&mut self, range: std::ops::Range<u64>) -> Vec<u8> {
        self.reads += usize::from(!range.is_empty());
        let end = (range.end as usize).min(self.bytes.len());
        self.bytes[range.start as usize..end].to_vec()
    }

    fn open(&mut self) -> Rollup {
        let mut front = self.get(0..Rollup::FIRST_READ as u64);
        let length = Rollup::front_length(&front).unwrap();
        front.truncate(length);
        let more = self.get(front.len() as u64..length as u64);
        front.extend(more);
        Rollup::open(&front).unwrap()
    }
}

fn pack(first: u64, batches: usize) -> PackId {
    PackId { first, last: first + batches as u64 - 1, note: [9; 8] }
}

fn rolled(packs: &[(PackId, Index)]) -> Vec<u8> {
    let mut rollup = RollupBuilder::new();
    for (id, index) in packs {
        rollup.push(*id, index).unwrap();
    }
    rollup.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_roll_up_says_what_its_indexes_say(all in prop::collection::vec((batches(), 0..3_u64), 1..12)) {
        let (mut packs, mut first) = (Vec::new(), 0);
        let (mut model, mut open) = (BTreeMap::<Term, BTreeSet<u32>>::new(), BTreeSet::new());
        for (number, (batches, skipped)) in (0..).zip(&all) {
            first += skipped;
            packs.push((pack(first, batches.len()), Index::open(build(first, batches, 4096)).unwrap()));
            first += batches.len() as u64;
            let own = Model::of(batches);
            open.extend(own.open.first().map(|_| number));
            for term in own.terms.into_keys() {
                model.entry(term).or_default().insert(number);
            }
        }
        let mut store = Store { bytes: rolled(&packs), reads: 0 };
        let rollup = store.open();
        prop_assert_eq!(rollup.length(), store.bytes.len() as u64);
        prop_assert_eq!(rollup.packs(), packs.iter().map(|(id, _)| *id).collect::<Vec<_>>());
        prop_assert_eq!(rollup.open_packs().iter().collect::<BTreeSet<_>>(), open.clone());
        for (term, of) in &model {
            let pattern = Pattern::from(term);
            let bytes = store.get(rollup.range(&pattern));
            let found: BTreeSet<_> = rollup.matching(&pattern, &bytes).unwrap().iter().collect();
            prop_assert_eq!(found, of.union(&open).copied().collect::<BTreeSet<_>>());
        }
    }
}

#[test]
fn one_term_of_many_is_three_ranges_away_at_most() {
    let batch = |pack: u32| -> Batch {
        (0..700)
            .map(|n| {
                let name = format!("pod-{}", u64::from(n * 191 + pack).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                format!(r#"{{"verb":"get","objectRef":{{"resource":"pods","namespace":"n","name":"{name}"}}}}"#)
            })
            .collect()
    };
    let rare = r#"{"verb":"delete","objectRef":{"resource":"networkpolicies","apiGroup":"networking.k8s.io","namespace":"prod","name":"web"}}"#;
    let packs: Vec<_> = (0..190)
        .map(|number| {
            let mut lines = batch(number);
            lines.extend((number == 33).then(|| rare.to_owned()));
            let first = u64::from(number) * 10;
            (pack(first, 1), Index::open(build(first, &[lines], 1 << 16)).unwrap())
        })
        .collect();
    let mut store = Store { bytes: rolled(&packs), reads: 0 };
    assert!(store.bytes.len() > 2 << 20, "{} bytes", store.bytes.len());
    let rollup = store.open();
    let pattern = Pattern::new(TermKind::Action)
        .with(TermField::Resource, "networkpolicies")
        .with(TermField::Group, "networking.k8s.io")
        .with(TermField::Verb, "delete");
    let range = rollup.range(&pattern);
    assert!(range.end - range.start < 40_000, "{range:?}");
    let bytes = store.get(range);
    assert_eq!(rollup.matching(&pattern, &bytes).unwrap().iter().collect::<Vec<_>>(), [33]);
    assert!(store.reads <= 3, "{} ranges", store.reads);
    assert_eq!(rollup.matching(&pattern, &bytes[1..]), Err(IndexError::Short));
    let mut altered = bytes;
    altered[9] ^= 1;
    assert!(matches!(rollup.matching(&pattern, &altered), Err(IndexError::Altered(_))));
}

#[test]
fn packs_come_in_order_and_with_their_own_index() {
    let index = |first| Index::open(build(first, &vec![vec![]; 3], 1)).unwrap();
    let mut rollup = RollupBuilder::new();
    assert_eq!(RollupBuilder::default().finish(), Err(IndexError::Empty));
    rollup.push(pack(5, 3), &index(5)).unwrap();
    for (id, of) in [
        (pack(6, 3), 6),
        (pack(7, 3), 7),
        (pack(9, 3), 8),
        (pack(9, 2), 9),
        (PackId { last: 3, ..pack(9, 3) }, 9),
        (PackId { last: u64::MAX, ..pack(9, 3) }, 9),
    ] {
        assert_eq!(rollup.push(id, &index(of)), Err(IndexError::OutOfOrder), "{id:?}");
    }
    rollup.push(pack(8, 3), &index(8)).unwrap();
    let bytes = rollup.finish().unwrap();
    let front = Rollup::front_length(&bytes).unwrap();
    assert_eq!(Rollup::open(&bytes[..front]).unwrap().packs().len(), 2);
}

#[test]
fn more_packs_than_there_is_room_for_are_refused() {
    let mut rollup = RollupBuilder::new();
    let mut bytes = build(0, &[vec![]], 1);
    for first in 0..1 << 16 {
        // The pack's first seq.
        bytes[19..27].copy_from_slice(&u64::to_le_bytes(first));
        rollup.push(pack(first, 1), &Index::open(bytes.clone()).unwrap()).unwrap();
    }
    let last = Index::open(build(1 << 20, &[vec![]], 1)).unwrap();
    assert!(matches!(rollup.push(pack(1 << 20, 1), &last), Err(IndexError::TooMany(_))));
    let bytes = rollup.finish().unwrap();
    let front = Rollup::front_length(&bytes).unwrap();
    assert_eq!(Rollup::open(&bytes[..front]).unwrap().packs().len(), 1 << 16);
}
