//! Holds the apiserver's own count against what is sealed.
//!
//! Both only grow, and neither says at which event it began, so it is their difference that counts.
//! What was counted and isn't sealed yet makes it larger for a while; what was lost, for ever.
//!
//! Let `w` be the lines ever written and `k` what the apiserver counted beyond them, which stays the
//! same as long as its process lives. At each reading `counted - sealed_before >= k`, since what is
//! sealed was written. Once everything is sealed that was written up to a [`GRACE`] after the
//! reading, `counted - sealed_then <= k + lost`. So the largest of the second minus the smallest of
//! the first is never more than what was lost: no false alarm, however late anything is. It is
//! exactly that when the log rests once between a seal and a reading. A loss that is smaller than
//! what comes in between hides until the log does.

use std::collections::VecDeque;

/// How long an event may stay in the apiserver's buffer between being counted and being written,
/// seconds: twice `--audit-log-batch-max-wait`'s default.
pub const GRACE: f64 = 60.0;
/// Readings that wait at most; the oldest is forgotten, which can only hide a loss for longer.
const PENDING: usize = 64;

/// How far sealing is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settled {
    /// Everything written before this time is sealed: seconds of the clock that is passed to
    /// [`Reconcile::counted`].
    pub through: f64,
    /// Lines sealed by then, or by a later time.
    pub lines: u64,
}

/// The comparison for one process of the apiserver.
#[derive(Debug, Clone, Default)]
pub struct Reconcile {
    /// Start of the process, microseconds of Unix time.
    started: Option<i64>,
    /// Smallest of `counted - sealed_before`.
    floor: Option<i128>,
    /// Largest of `counted - sealed_then`.
    ceiling: Option<i128>,
    /// Readings whose lines may not all be sealed: time, events counted.
    pending: VecDeque<(f64, u64)>,
}

impl Reconcile {
    /// Forgets everything: what this process has sealed is no longer all that was sealed.
    pub fn reset(&mut self) {
        *self = Self::default();
    }

    /// Takes a reading of `events`, made at `now`, of the process that began at `started`; `before`
    /// is how many lines were sealed before it was made.
    pub fn counted(&mut self, started: i64, events: u64, before: u64, now: f64) {
        if self.started != Some(started) {
            *self = Self { started: Some(started), ..Self::default() };
        }
        let above = i128::from(events) - i128::from(before);
        self.floor = Some(self.floor.map_or(above, |floor| floor.min(above)));
        self.pending.push_back((now, events));
        if self.pending.len() > PENDING {
            self.pending.pop_front();
        }
    }

    /// Takes note of what is sealed.
    pub fn sealed(&mut self, settled: Settled) {
        while let Some((at, events)) = self.pending.front().copied() {
            if at + GRACE > settled.through {
                break;
            }
            self.pending.pop_front();
            let above = i128::from(events) - i128::from(settled.lines);
            self.ceiling = Some(self.ceiling.map_or(above, |ceiling| ceiling.max(above)));
        }
    }

    /// Events that were counted and that no seal holds: never more than were lost. `None` before
    /// the first reading could be settled.
    #[must_use]
    pub fn unaccounted(&self) -> Option<u64> {
        let missing = self.ceiling? - self.floor?;
        Some(u64::try_from(missing).unwrap_or(0))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One second of an apiserver and an agent that is late in every way.
    #[derive(Debug, Clone)]
    struct Second {
        events: u64,
        lost: u64,
        /// Whether the apiserver writes out its buffer.
        writes: bool,
        /// Whether the agent seals all that is written.
        seals: bool,
        reads: bool,
    }

    #[derive(Debug, Default)]
    struct World {
        rule: Reconcile,
        now: f64,
        counted: u64,
        buffered: u64,
        buffered_since: f64,
        written: u64,
        sealed: u64,
        through: f64,
        lost: u64,
    }

    impl World {
        fn second(&mut self, second: &Second) {
            self.now += 1.0;
            self.counted += second.events;
            let lost = second.lost.min(second.events);
            self.lost += lost;
            if self.buffered == 0 {
                self.buffered_since = self.now;
            }
            self.buffered += second.events - lost;
            if second.writes || self.now - self.buffered_since > GRACE / 2.0 {
                self.written += std::mem::take(&mut self.buffered);
            }
            if second.seals {
                self.sealed = self.written;
                self.through = self.now;
            }
            self.rule.sealed(Settled { through: self.through, lines: self.sealed });
            if second.reads {
                self.rule.counted(1, self.counted, self.sealed, self.now);
            }
        }

        fn rest(&mut self, seconds: u32) {
            for _ in 0..seconds {
                self.second(&Second { events: 0, lost: 0, writes: true, seals: true, reads: true });
            }
        }
    }

    fn second() -> impl Strategy<Value = Second> {
        let lost = prop_oneof![9 => Just(0u64), 1 => 0u64..20];
        (0u64..50, lost, any::<bool>(), prop::bool::weighted(0.3), prop::bool::weighted(0.2))
            .prop_map(|(events, lost, writes, seals, reads)| Second {
                events,
                lost,
                writes,
                seals,
                reads,
            })
    }

    proptest! {
        #[test]
        fn never_more_than_was_lost_and_exactly_that_after_a_rest(
            earlier in 0u64..1000,
            seconds in prop::collection::vec(second(), 0..300),
        ) {
            // The apiserver has counted before anybody asked.
            let mut world = World { counted: earlier, ..World::default() };
            world.rest(2);
            for second in &seconds {
                world.second(second);
                prop_assert!(world.rule.unaccounted().unwrap_or(0) <= world.lost);
            }
            world.rest(200);
            prop_assert_eq!(world.rule.unaccounted(), Some(world.lost));
        }

        #[test]
        fn a_backlog_from_before_is_no_loss(
            written in 0u64..1000,
            seconds in prop::collection::vec(second(), 0..200),
        ) {
            let mut world = World { counted: written, written, ..World::default() };
            for second in &seconds {
                world.second(&Second { lost: 0, ..second.clone() });
                prop_assert_eq!(world.rule.unaccounted().unwrap_or(0), 0);
            }
            world.rest(200);
            prop_assert_eq!(world.rule.unaccounted(), Some(0));
        }
    }

    #[test]
    fn a_restart_begins_anew() {
        let mut rule = Reconcile::default();
        rule.counted(1, 100, 0, 0.0);
        rule.counted(1, 200, 0, 1.0);
        rule.sealed(Settled { through: 500.0, lines: 50 });
        assert_eq!(rule.unaccounted(), Some(50));
        rule.counted(2, 7, 50, 501.0);
        assert_eq!(rule.unaccounted(), None);
        rule.sealed(Settled { through: 600.0, lines: 50 });
        assert_eq!(rule.unaccounted(), Some(0));
    }

    #[test]
    fn readings_that_are_never_settled_take_no_memory() {
        let mut rule = Reconcile::default();
        (0..10_000).for_each(|n| rule.counted(1, n, 0, 0.0));
        assert_eq!(rule.pending.len(), PENDING);
    }
}
