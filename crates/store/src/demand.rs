//! A lock, held against what is demanded of it.

use std::time::Duration;

use crate::lock::{Lock, LockMode};

/// How much earlier than demanded a lock may end: a bucket's default retention counts from the
/// store's clock, the demand often from another's. (`verify` needs less: it counts from the seal,
/// which is older than the put, and holds that seal's time against the store's date anyway.)
const TOLERANCE: Duration = Duration::from_secs(3600);

/// A retention that each object is put with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Whether nobody may lift or shorten it; else whoever has the permission may.
    pub compliance: bool,
    /// How long, from the put on.
    pub duration: Duration,
}

/// What a lock is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// It is as firm and as long as demanded.
    Enough,
    /// It is less, for this reason.
    Short(&'static str),
    /// What the store tells doesn't say.
    Untold,
}

impl Retention {
    /// Judges the lock of what was put at `put`, microseconds since the Unix epoch. A legal hold
    /// doesn't count: whoever may lift it may do so tomorrow.
    #[must_use]
    pub fn judge(&self, lock: &Lock, put: i64) -> Held {
        match (lock.mode, lock.until) {
            (LockMode::None, _) => Held::Short("it isn't locked"),
            (LockMode::Undisclosed, _) => Held::Untold,
            (mode, _) if mode < self.mode() => {
                Held::Short("whoever may bypass GOVERNANCE can delete it")
            }
            (_, None) => Held::Untold,
            (_, Some(until)) if until < self.until(put).saturating_sub(micros(TOLERANCE)) => {
                Held::Short("it ends too early")
            }
            (_, Some(_)) => Held::Enough,
        }
    }

    /// The least firm mode that suffices.
    #[must_use]
    pub fn mode(&self) -> LockMode {
        if self.compliance { LockMode::Compliance } else { LockMode::Governance }
    }

    /// When the retention of what was put at `put` ends.
    #[must_use]
    pub fn until(&self, put: i64) -> i64 {
        put.saturating_add(micros(self.duration))
    }
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lock::LockedBy;

    #[test]
    fn a_lock_suffices_when_it_is_firm_and_long_enough() {
        const DAY: i64 = 86_400_000_000;
        const HOUR: i64 = DAY / 24;
        const PUT: i64 = 1_795_000_000_000_000;
        use LockMode::{Compliance, Governance, Undisclosed};
        let lock = |mode, days: i64, more: i64| Lock {
            mode,
            until: Some(PUT + days * DAY + more),
            legal_hold: true,
            by: LockedBy::Version,
        };
        let early = Held::Short("it ends too early");
        let weak = Held::Short("whoever may bypass GOVERNANCE can delete it");
        for (compliance, lock, held) in [
            (true, lock(Compliance, 365, 0), Held::Enough),
            (true, lock(Compliance, 365, -HOUR), Held::Enough),
            (true, lock(Compliance, 365, -HOUR - 1), early),
            (true, lock(Compliance, 364, 0), early),
            (true, lock(Governance, 4000, 0), weak),
            (false, lock(Governance, 365, 0), Held::Enough),
            (false, lock(Compliance, 365, 0), Held::Enough),
            (false, lock(Governance, 300, 0), early),
            (false, lock(Undisclosed, 365, 0), Held::Untold),
            (true, Lock { until: None, ..lock(Compliance, 0, 0) }, Held::Untold),
            (false, Lock { legal_hold: true, ..Lock::NONE }, Held::Short("it isn't locked")),
        ] {
            let demand = Retention { compliance, duration: Duration::from_secs(365 * 86_400) };
            assert_eq!(demand.judge(&lock, PUT), held, "{compliance} {lock:?}");
        }
    }
}
