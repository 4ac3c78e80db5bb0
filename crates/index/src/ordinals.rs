//! Sets of batches, or of packs, by their place in the order.

use std::ops::Range;

use crate::varint;

/// A set of numbers below a bound: batches of a pack, or packs of a roll-up, counted from 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ordinals {
    below: u32,
    words: Vec<u64>,
}

impl Ordinals {
    /// None of the numbers below `below`.
    #[must_use]
    pub fn none(below: u32) -> Self {
        Self { below, words: vec![0; below.div_ceil(u64::BITS) as usize] }
    }

    /// All of them.
    #[must_use]
    pub fn all(below: u32) -> Self {
        Self::run(below, 0..below)
    }

    /// Consecutive ones; those that aren't below the bound are left out.
    #[must_use]
    pub fn run(below: u32, run: Range<u32>) -> Self {
        let mut set = Self::none(below);
        set.fill(run);
        set
    }

    /// What the numbers are below.
    #[must_use]
    pub fn below(&self) -> u32 {
        self.below
    }

    /// Whether a number is in it.
    #[must_use]
    pub fn contains(&self, ordinal: u32) -> bool {
        let word = self.words.get((ordinal / u64::BITS) as usize);
        word.is_some_and(|word| word >> (ordinal % u64::BITS) & 1 == 1)
    }

    /// How many are in it.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.words.iter().map(|word| word.count_ones()).sum()
    }

    /// Whether none is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The numbers, ascending.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        (0..).step_by(u64::BITS as usize).zip(&self.words).flat_map(|(first, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = left.trailing_zeros();
                left &= left.wrapping_sub(1);
                (bit < u64::BITS).then_some(first + bit)
            })
        })
    }

    /// Adds what another set of the same bound has.
    pub fn unite(&mut self, other: &Self) {
        for (word, others) in self.words.iter_mut().zip(&other.words) {
            *word |= others;
        }
    }

    /// Keeps only what another set of the same bound has too.
    pub fn intersect(&mut self, other: &Self) {
        let others = other.words.iter().copied().chain(std::iter::repeat(0));
        for (word, others) in self.words.iter_mut().zip(others) {
            *word &= others;
        }
    }

    /// Adds consecutive numbers; those that aren't below the bound are left out.
    pub(crate) fn fill(&mut self, run: Range<u32>) {
        for ordinal in run.start..run.end.min(self.below) {
            self.words[(ordinal / u64::BITS) as usize] |= 1 << (ordinal % u64::BITS);
        }
    }
}

/// Runs of consecutive numbers, of numbers that ascend.
fn runs(ordinals: &[u32]) -> impl Iterator<Item = Range<u32>> {
    let parts = ordinals.chunk_by(|one, next| one.checked_add(1) == Some(*next));
    parts.filter_map(|part| Some(*part.first()?..part.last()?.checked_add(1)?))
}

/// One run as it is written: how many numbers before it are in no run, doubled, and 1 if it is longer
/// than one; then how much longer than two.
fn pieces(run: &Range<u32>, end: Option<u32>) -> (u32, Option<u32>) {
    // Between two runs one number is missing at least: it goes without saying.
    let gap = run.start - end.map_or(0, |end| end + 1);
    let length = run.end - run.start;
    (gap << 1 | u32::from(length > 1), length.checked_sub(2))
}

/// Bytes of a bitmap, with the zero before it.
fn bitmap_length(below: u32) -> usize {
    1 + below.div_ceil(8) as usize
}

/// Writes ascending numbers, at least one of them and all below `below`, which is at most 2³¹.
pub(crate) fn put(ordinals: &[u32], below: u32, out: &mut Vec<u8>) {
    if let [one] = ordinals {
        return varint::put(one << 1 | 1, out);
    }
    let start = out.len();
    varint::put((runs(ordinals).count() as u32) << 1, out);
    let mut end = None;
    for run in runs(ordinals) {
        let (gap, longer) = pieces(&run, end);
        varint::put(gap, out);
        if let Some(longer) = longer {
            varint::put(longer, out);
        }
        end = Some(run.end);
    }
    if out.len() - start > bitmap_length(below) {
        out.truncate(start);
        out.resize(start + bitmap_length(below), 0);
        for ordinal in ordinals {
            out[start + 1 + (ordinal / 8) as usize] |= 1 << (ordinal % 8);
        }
    }
}

/// Takes a set off the front and hands out its runs, ascending. `None`: there is none that [`put`]
/// would have written; runs may have been handed out before that is found.
pub(crate) fn take(bytes: &mut &[u8], below: u32, mut each: impl FnMut(Range<u32>)) -> Option<()> {
    let before = bytes.len();
    let first = varint::take(bytes)?;
    if first == 0 {
        return take_bitmap(bytes, below, each);
    }
    if first & 1 == 1 {
        let one = Some(first >> 1).filter(|one| *one < below)?;
        each(one..one + 1);
        return Some(());
    }
    let (mut end, mut members): (Option<u32>, u32) = (None, 0);
    for _ in 0..first >> 1 {
        let first = varint::take(bytes)?;
        let start = (first >> 1).checked_add(end.map_or(0, |end| end + 1))?;
        let mut length = 1;
        if first & 1 == 1 {
            length = varint::take(bytes)?.checked_add(2)?;
        }
        let run = start..start.checked_add(length).filter(|end| *end <= below)?;
        end = Some(run.end);
        members += length;
        each(run);
    }
    (members > 1 && before - bytes.len() <= bitmap_length(below)).then_some(())
}

fn take_bitmap(bytes: &mut &[u8], below: u32, mut each: impl FnMut(Range<u32>)) -> Option<()> {
    let (map, rest) = bytes.split_at_checked(bitmap_length(below) - 1)?;
    *bytes = rest;
    let bit = |ordinal: u32| map[(ordinal / 8) as usize] >> (ordinal % 8) & 1 == 1;
    let spare = 8 * map.len() as u32;
    if (below..spare).any(bit) {
        return None;
    }
    let (mut count, mut length, mut end, mut at) = (0_u32, 0, None, 0);
    while at < below {
        if map[(at / 8) as usize] >> (at % 8) == 0 {
            at = (at / 8 + 1) * 8;
            continue;
        }
        let start = (at..below).find(|at| bit(*at))?;
        let run = start..(start..below).find(|at| !bit(*at)).unwrap_or(below);
        let (gap, longer) = pieces(&run, end);
        length += varint::length(gap) + longer.map_or(0, varint::length);
        count += 1;
        (at, end) = (run.end, Some(run.end));
        each(run);
    }
    let longer = varint::length(count << 1) + length > bitmap_length(below);
    (longer && map.iter().map(|byte| byte.count_ones()).sum::<u32>() > 1).then_some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn read(mut bytes: &[u8], below: u32) -> Option<Ordinals> {
        let mut set = Ordinals::none(below);
        take(&mut bytes, below, |run| set.fill(run))?;
        bytes.is_empty().then_some(set)
    }

    fn members() -> impl Strategy<Value = (u32, BTreeSet<u32>)> {
        (1..700_u32, 0..4_u32).prop_flat_map(|(below, dense)| {
            let few = prop::collection::btree_set(0..below, 1..=(below as usize).min(6));
            let half = prop::collection::vec(any::<bool>(), below as usize);
            (Just(below), few, half, Just(dense)).prop_map(|(below, few, half, dense)| {
                let picked = |of: bool| {
                    (0..below).filter(|at| half[*at as usize] == of).chain(few.clone()).collect()
                };
                match dense {
                    0 => (below, few),
                    1 => (below, picked(true)),
                    2 => (below, (0..below).filter(|at| !few.contains(at)).chain([0]).collect()),
                    _ => (below, picked(false)),
                }
            })
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read((below, set) in members()) {
            let list: Vec<_> = set.iter().copied().collect();
            let mut out = Vec::new();
            put(&list, below, &mut out);
            prop_assert!(out.len() <= bitmap_length(below));
            let back = read(&out, below).unwrap();
            prop_assert_eq!(back.iter().collect::<Vec<_>>(), list);
            prop_assert_eq!(back.len() as usize, set.len());
            prop_assert!((0..below + 9).all(|at| back.contains(at) == set.contains(&at)));
        }

        #[test]
        fn whatever_is_read_is_what_would_be_written(
            bytes in prop::collection::vec(prop_oneof![0..9_u8, any::<u8>()], 0..12),
            below in 1..90_u32,
        ) {
            if let Some(set) = read(&bytes, below) {
                let mut out = Vec::new();
                put(&set.iter().collect::<Vec<_>>(), below, &mut out);
                prop_assert_eq!(out, bytes);
            }
        }

        #[test]
        fn sets_are_added_and_cut((below, one) in members(), (_, two) in members()) {
            let set = |of: &BTreeSet<u32>| {
                let mut set = Ordinals::none(below);
                of.iter().for_each(|at| set.fill(*at..at + 1));
                set
            };
            let inside = |of: &BTreeSet<u32>| -> BTreeSet<u32> { of.range(..below).copied().collect() };
            let (one, two) = (inside(&one), inside(&two));
            let (mut both, mut either) = (set(&one), set(&one));
            both.intersect(&set(&two));
            either.unite(&set(&two));
            prop_assert_eq!(both.iter().collect::<Vec<_>>(), one.intersection(&two).copied().collect::<Vec<_>>());
            prop_assert_eq!(either.iter().collect::<Vec<_>>(), one.union(&two).copied().collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_bitmap_stands_only_where_it_is_shorter() {
        let odd: Vec<u32> = (0..64).filter(|at| at % 2 == 1).collect();
        let mut out = Vec::new();
        put(&odd, 64, &mut out);
        assert_eq!(out, [0, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa, 0xaa]);
        // The same bytes for numbers of which two thirds are missing would have been runs.
        assert_eq!(read(&[0, 1, 0, 0, 0, 0, 0, 0, 0], 64), None);
        // A bit beyond the bound.
        assert_eq!(read(&[0, 0x55, 0x55, 0x55], 22), None);
        assert!(read(&[0, 0x55, 0x55, 0x15], 22).is_some());
        assert_eq!(read(&[0, 0, 0], 16), None, "an empty set");
        assert_eq!(Ordinals::all(70).len(), 70);
        assert!(Ordinals::none(70).is_empty());
    }
}
