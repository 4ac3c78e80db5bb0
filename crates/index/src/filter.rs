//! Which audit IDs a pack may hold: a Golomb-coded set (FORMAT.md, "Index", *Filter*).
//!
//! Of the compact filters it is the one whose bytes follow from its members alone: no seed to be tried, no
//! order in which they are added. A Bloom filter of this error takes 17 bits for each member, this one 13.6.

use auditseal_merkle::hash;

/// Bits of a remainder: one in 2¹² IDs that aren't there seems to be.
const REMAINDER: u32 = 12;
/// The most IDs of a filter; a pack with more has none.
pub(crate) const MAX_IDS: usize = 1 << 19;

/// Gathers IDs in bounded memory.
#[derive(Debug)]
pub(crate) struct Ids {
    hashes: Vec<u64>,
    /// [`MAX_IDS`], but in tests.
    most: usize,
    /// There are more than a filter has room for.
    many: bool,
}

impl Ids {
    pub(crate) fn new() -> Self {
        Self::within(MAX_IDS)
    }

    fn within(most: usize) -> Self {
        Self { hashes: Vec::new(), most, many: false }
    }

    pub(crate) fn add(&mut self, id: &str) {
        if self.many {
            return;
        }
        self.hashes.push(hash_of(id));
        if self.hashes.len() > 2 * self.most {
            self.settle();
        }
    }

    /// Keeps each once; or none, if they are too many.
    fn settle(&mut self) {
        self.hashes.sort_unstable();
        self.hashes.dedup();
        self.many |= self.hashes.len() > self.most;
        if self.many {
            self.hashes = Vec::new();
        }
    }

    /// The number of IDs and the filter's bytes. `None`: more than there is room for.
    pub(crate) fn finish(mut self) -> Option<(u32, Vec<u8>)> {
        self.settle();
        (!self.many).then(|| (self.hashes.len() as u32, encode(&self.hashes)))
    }
}

fn hash_of(id: &str) -> u64 {
    let hash = hash(id.as_bytes());
    hash.as_bytes().iter().take(8).rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}

/// The place of a hash among those of a filter with so many members: below `count` · 2¹², in the hashes' order.
fn place(hash: u64, count: u32) -> u64 {
    let places = u128::from(count) << REMAINDER;
    ((u128::from(hash) * places) >> 64) as u64
}

fn encode(hashes: &[u64]) -> Vec<u8> {
    let mut bits = BitWriter::default();
    let mut last = 0;
    for hash in hashes {
        let place = place(*hash, hashes.len() as u32);
        let step = place - last;
        bits.ones(step >> REMAINDER);
        bits.put(step & ((1 << REMAINDER) - 1), REMAINDER);
        last = place;
    }
    bits.bytes
}

/// The places of a filter, ascending. `None` as an item: the bytes aren't those of a filter.
fn places(bytes: &[u8], count: u32) -> impl Iterator<Item = Option<u64>> {
    let (mut bits, mut last) = (BitReader { bytes, at: 0 }, Some(0_u64));
    (0..count).map(move |_| {
        let step = bits.ones().zip(bits.take(REMAINDER)).map(|(high, low)| high << REMAINDER | low);
        last = last.zip(step).map(|(last, step)| last + step);
        last
    })
}

/// Whether these are the bytes of some set of so many members: nothing missing, nothing beyond.
pub(crate) fn is_filter(bytes: &[u8], count: u32) -> bool {
    let end = u64::from(count) << REMAINDER;
    let mut bits = BitWriter::default();
    let mut last = 0;
    for place in places(bytes, count) {
        let Some(place) = place.filter(|place| *place < end) else { return false };
        bits.ones((place - last) >> REMAINDER);
        bits.put((place - last) & ((1 << REMAINDER) - 1), REMAINDER);
        last = place;
    }
    bits.bytes == bytes
}

/// Whether a filter, which [`is_filter`] was asked of, may have been given this ID.
pub(crate) fn may_hold(bytes: &[u8], count: u32, id: &str) -> bool {
    let wanted = place(hash_of(id), count);
    places(bytes, count)
        .take_while(|place| place.is_some_and(|place| place <= wanted))
        .any(|place| place == Some(wanted))
}

/// Bits, the most significant of each byte first.
#[derive(Default)]
struct BitWriter {
    bytes: Vec<u8>,
    /// Bits of the last byte that are free.
    free: u32,
}

impl BitWriter {
    fn ones(&mut self, count: u64) {
        for _ in 0..count {
            self.put(1, 1);
        }
        self.put(0, 1);
    }

    fn put(&mut self, bits: u64, count: u32) {
        for at in (0..count).rev() {
            if self.free == 0 {
                self.bytes.push(0);
                self.free = 8;
            }
            self.free -= 1;
            if let Some(last) = self.bytes.last_mut() {
                *last |= ((bits >> at & 1) as u8) << self.free;
            }
        }
    }
}

struct BitReader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl BitReader<'_> {
    fn bit(&mut self) -> Option<u64> {
        let byte = self.bytes.get(self.at / 8)?;
        let bit = byte >> (7 - self.at % 8) & 1;
        self.at += 1;
        Some(u64::from(bit))
    }

    fn ones(&mut self) -> Option<u64> {
        let mut count = 0;
        while self.bit()? == 1 {
            count += 1;
        }
        Some(count)
    }

    fn take(&mut self, count: u32) -> Option<u64> {
        (0..count).try_fold(0, |bits, _| Some(bits << 1 | self.bit()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn filter(ids: impl Iterator<Item = String>) -> (u32, Vec<u8>) {
        let mut all = Ids::new();
        ids.for_each(|id| all.add(&id));
        all.finish().unwrap()
    }

    #[test]
    fn none_is_missed_and_few_are_taken_for_members() {
        let (count, bytes) = filter((0..2_000).map(|n| format!("id-{n}")));
        assert_eq!(count, 2_000);
        assert!(is_filter(&bytes, count));
        let bits = bytes.len() as f64 * 8.0 / f64::from(count);
        assert!((13.3..13.8).contains(&bits), "{bits} bits for each");
        assert!((0..2_000).all(|n| may_hold(&bytes, count, &format!("id-{n}"))));
        let wrong = (0..8_000).filter(|n| may_hold(&bytes, count, &format!("other-{n}"))).count();
        assert!(wrong < 12, "{wrong} of 8,000");
    }

    #[test]
    fn more_ids_than_there_is_room_for_make_no_filter() {
        let most = || (0..1000).map(|n| n.to_string());
        let finish = |ids: &mut dyn Iterator<Item = String>| {
            let mut all = Ids::within(1000);
            ids.for_each(|id| {
                all.add(&id);
                assert!(all.hashes.len() <= 2000);
            });
            all.finish()
        };
        let (count, bytes) = finish(&mut (0..5).flat_map(|_| most())).unwrap();
        assert_eq!((count, &bytes), (1000, &filter(most()).1));
        let more = || most().chain(["one more".to_owned()]);
        assert!(finish(&mut more()).is_none());
        assert!(finish(&mut (0..5).flat_map(|_| more())).is_none());
    }

    #[test]
    fn an_empty_filter_holds_nothing() {
        assert_eq!(Ids::new().finish(), Some((0, Vec::new())));
        // Places are below 4,096 for each member.
        assert!(is_filter(&[0x7f, 0xf8], 1) && !is_filter(&[0x80, 0], 1));
        assert!(is_filter(&[], 0) && !is_filter(&[0], 0) && !may_hold(&[], 0, "x"));
    }

    proptest! {
        #[test]
        fn the_order_and_how_often_say_nothing(ids in prop::collection::vec("[a-c]{0,3}", 0..40)) {
            let twice = ids.iter().rev().chain(&ids).cloned();
            let (count, bytes) = filter(ids.iter().cloned());
            prop_assert_eq!(&filter(twice), &(count, bytes.clone()));
            prop_assert!(is_filter(&bytes, count));
            prop_assert!(ids.iter().all(|id| may_hold(&bytes, count, id)));
            prop_assert!(!is_filter(&bytes, count + 1));
            let mut longer = bytes.clone();
            longer.push(0);
            prop_assert!(!is_filter(&longer, count));
            if let Some(shorter) = bytes.split_last() {
                prop_assert!(!is_filter(shorter.1, count));
            }
        }

        #[test]
        fn any_bytes_are_judged(bytes in prop::collection::vec(any::<u8>(), 0..20), count in 0..20_u32) {
            if is_filter(&bytes, count) {
                prop_assert_eq!(places(&bytes, count).count(), count as usize);
            }
            may_hold(&bytes, count, "x");
        }
    }
}
