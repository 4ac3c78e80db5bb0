//! Reading no faster than somebody allows.

use std::num::NonZeroU64;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rate that all readers share.
#[derive(Debug)]
pub struct Throttle {
    rate: NonZeroU64,
    /// When all that was read so far is paid for.
    paid: Mutex<Option<Instant>>,
}

impl Throttle {
    /// At most `rate` bytes a second, over any time longer than one read.
    #[must_use]
    pub fn new(rate: NonZeroU64) -> Self {
        Self { rate, paid: Mutex::new(None) }
    }

    /// Books bytes that were just read; returns how long to wait before the next are.
    pub(crate) fn took(&self, bytes: u64, now: Instant) -> Duration {
        // In nanoseconds, 64 bits hold the price of 18 GB only.
        let price = u128::from(bytes) * 1_000_000_000 / u128::from(self.rate.get());
        let price = Duration::from_nanos(u64::try_from(price).unwrap_or(u64::MAX));
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        // Time in which nobody read is not saved up.
        let until = paid.map_or(now, |paid| paid.max(now)).checked_add(price);
        let until = until.unwrap_or(now);
        *paid = Some(until);
        until - now
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_wait_as_long_as_their_bytes_take() {
        let throttle = Throttle::new(NonZeroU64::new(1000).unwrap());
        let start = Instant::now();
        let ms = Duration::from_millis;
        assert_eq!(throttle.took(500, start), ms(500));
        assert_eq!(
            throttle.took(500, start),
            ms(1000),
            "the second reader stands behind the first"
        );
        assert_eq!(throttle.took(100, start + ms(400)), ms(700));
        assert_eq!(throttle.took(100, start + ms(9000)), ms(100), "idle time isn't saved up");
    }
}
