//! Bytes that nobody made: an index is what version 1 makes, or it isn't read.

#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

mod support;

use auditseal_index::{Index, IndexError, PackId, Pattern, Rollup, RollupBuilder, TermKind};
use proptest::prelude::*;
use support::{Batch, batches, build};

fn sample() -> Vec<u8> {
    let line = |n: u32| {
        format!(
            r#"{{"auditID":"{n}","verb":"get","user":{{"username":"user-{n}"}},"sourceIPs":["10.0.0.{}"]}}"#,
            n % 3
        )
    };
    let mut batches: Vec<Batch> = (0..40).map(|n| vec![line(n), line(n + 1)]).collect();
    batches.push(vec!["not read".to_owned()]);
    build(7, &batches, 4096)
}

/// Where the pack's first seq stands.
const FIRST: std::ops::Range<usize> = 19..27;
/// Where that and the number of batches stand: of another pack, or one with more batches that are empty, the same
/// bytes may be right.
const PACK: std::ops::Range<usize> = 19..31;

#[test]
fn each_bit_of_an_index_matters() {
    let good = sample();
    assert!(Index::open(good.clone()).is_ok());
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            assert!(Index::open(bytes).is_err() || PACK.contains(&at), "bit {bit} of byte {at}");
        }
        assert!(Index::open(good[..at].to_vec()).is_err(), "{at} bytes");
    }
    let mut longer = good.clone();
    longer.push(0);
    assert!(Index::open(longer).is_err());
}

fn rollup() -> Vec<u8> {
    let mut rollup = RollupBuilder::new();
    for first in [7, 48, 200] {
        let mut bytes = sample();
        bytes[FIRST].copy_from_slice(&u64::to_le_bytes(first));
        let index = Index::open(bytes).unwrap();
        let pack = PackId { first, last: first + 40, note: [first as u8; 8] };
        rollup.push(pack, &index).unwrap();
    }
    rollup.finish().unwrap()
}

#[test]
fn each_bit_of_a_roll_up_matters() {
    let good = rollup();
    let front = Rollup::front_length(&good).unwrap();
    let hash = Rollup::open(&good[..front]).unwrap().hash();
    let pattern = Pattern::new(TermKind::Actor);
    for at in 0..good.len() {
        for bit in 0..8 {
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            let length = Rollup::front_length(&bytes).unwrap_or(usize::MAX);
            let Some(front) = bytes.get(..length) else { continue };
            let Ok(rollup) = Rollup::open(front) else { continue };
            let range = rollup.range(&pattern);
            let block = &bytes[range.start as usize..(range.end as usize).min(bytes.len())];
            let same = rollup.hash() == hash;
            assert!(!same || rollup.matching(&pattern, block).is_err(), "bit {bit} of byte {at}");
        }
    }
    for length in 0..front {
        assert!(Rollup::open(&good[..length]).is_err(), "{length} bytes");
    }
    assert!(Rollup::open(&good).is_err(), "more than the front");
}

#[test]
fn a_front_that_no_roll_up_has_is_refused() {
    let mut beginning = rollup()[..36].to_vec();
    for number in [20, 24, 32] {
        let mut bytes = beginning.clone();
        bytes[number..number + 4].copy_from_slice(&u32::MAX.to_le_bytes());
        assert!(matches!(Rollup::front_length(&bytes), Err(IndexError::TooMany(_))));
    }
    assert!(Rollup::front_length(&beginning).is_ok());
    beginning.pop();
    assert_eq!(Rollup::front_length(&beginning), Err(IndexError::Short));
    assert_eq!(Rollup::front_length(b"auditseal/rollup/v2\n"), Err(IndexError::Unknown));
}

proptest! {
    #[test]
    fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..300), of in 0..2_usize) {
        let mut whole = [&b"auditseal/index/v1\n"[..], b"auditseal/rollup/v1\n"][of].to_vec();
        whole.extend_from_slice(&bytes);
        assert!(Rollup::open(&whole).is_err());
        assert!(Index::open(whole).is_err());
    }

    /// Several bytes at once, where lengths and counts stand.
    #[test]
    fn an_altered_head_is_judged(batches in batches(), at in 19..83_usize, to in any::<u64>(), cut in 0..9_usize) {
        let mut bytes = build(3, &batches, 4096);
        let end = (at + 8 - cut.min(7)).min(83);
        let to = to.to_le_bytes();
        bytes[at..end].copy_from_slice(&to[..end - at]);
        if Index::open(bytes.clone()).is_ok() {
            prop_assert_eq!(&bytes[PACK.end..], &build(3, &batches, 4096)[PACK.end..]);
        }
    }
}
