//! How long to wait before something is tried again.

/// Waits between attempts: doubling, with jitter, bounded.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// First wait, nanoseconds.
    pub first: u64,
    /// Longest wait, nanoseconds.
    pub max: u64,
    /// Any number: agents that fail together then don't come back together.
    pub seed: u64,
}

impl Backoff {
    /// The wait after so many failed attempts (1 or more), nanoseconds: between half and all of
    /// the doubled value. A function of seed and attempts, so that a run can be repeated.
    #[must_use]
    pub fn wait(&self, attempts: u32) -> u64 {
        let doubled = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        let whole = doubled.min(self.max);
        // splitmix64: any mixing will do, this one is known not to repeat itself.
        let mut z = self.seed.wrapping_add(u64::from(attempts).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        whole / 2 + (z ^ (z >> 31)) % (whole / 2).max(1)
    }
}
