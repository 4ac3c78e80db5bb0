//! Seeded chance: the same seed, the same history.

use super::disk::Op;

/// `SplitMix64` (Steele, Lea and Flood, 2014): enough to pick from, and the same everywhere.
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `limit`.
    pub(super) fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Something that happens to the log.
    pub(super) fn op(&mut self) -> Op {
        let length = [9, 30, 60, 2_000, 9_000][self.below(5)];
        match self.below(60) {
            0..=23 => Op::Append(1 + self.below(4) as u8, length),
            24..=26 => Op::Partial(length),
            27..=29 => Op::Finish,
            30..=31 => Op::Rename,
            32..=33 => Op::Create,
            34..=41 => Op::Rotate,
            42 => Op::Restart,
            43 => Op::SecondOpen,
            44..=45 => Op::SecondAppend(30),
            46 => Op::GzipCreate,
            47 => Op::GzipHalf,
            48 => Op::GzipFill,
            49 => Op::GzipRemove,
            50..=53 => Op::Gzip,
            54..=56 => Op::DeleteOldest,
            57 => Op::Truncate,
            58 => Op::Copy,
            _ => Op::UnlinkLive,
        }
    }
}
