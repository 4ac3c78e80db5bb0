//! How far sealing is behind the log.

use std::collections::VecDeque;

/// Moments kept. When there are more, every other one is forgotten: the lag is then the longer one.
const MARKS: usize = 512;
/// Time until a file that isn't read is deleted, below which somebody should know: milliseconds.
const ALARM: u64 = 3_600_000;
/// Between two alarms, nanoseconds.
const SILENCE: u64 = 600_000_000_000;

/// Compares what is known to be written with what is sealed.
#[derive(Debug, Default)]
pub(crate) struct Lag {
    /// Bytes handed out by looks.
    taken: u64,
    /// Bytes of these that are sealed, or lost after all.
    done: u64,
    /// Bytes known to be written, as of the last look.
    written: u64,
    /// When it was first known that so many bytes are written.
    marks: VecDeque<Mark>,
    /// The last look that saw all there was to see, boot time in nanoseconds.
    clear: Option<u64>,
    /// When the last alarm was given.
    alarmed: Option<u64>,
}

/// A moment at which more was known to be written than before.
#[derive(Debug)]
struct Mark {
    /// Bytes in total.
    written: u64,
    /// Boot time, nanoseconds.
    since: u64,
    /// The last clear look before it: all that was written by then is sealed when the marks before
    /// this one are gone.
    before: Option<u64>,
}

impl Lag {
    /// A look handed out `taken` bytes, and left `backlog` bytes for later. It is `clear` unless
    /// there may be bytes that it couldn't count: compressed, or in a file that it couldn't read.
    pub(crate) fn looked(&mut self, taken: u64, backlog: u64, clear: bool, now: u64) {
        self.taken += taken;
        self.written = self.taken + backlog;
        self.shrink();
        if self.marks.back().is_none_or(|mark| mark.written < self.written) {
            let (written, before) = (self.written, self.clear);
            self.marks.push_back(Mark { written, since: now, before });
        }
        if clear {
            self.clear = Some(now);
        }
        if self.marks.len() > MARKS {
            self.thin();
        }
        self.forget();
    }

    /// Bytes that waited are gone unread, by a deletion or a truncation: nobody will ever seal them,
    /// and their moments would pass for a lag that grows for ever. What is left waits since then.
    fn shrink(&mut self) {
        let mut earliest = None;
        while self.marks.back().is_some_and(|mark| mark.written > self.written) {
            earliest = self.marks.pop_back();
        }
        let covered = self.marks.back().is_some_and(|mark| mark.written == self.written);
        if let Some(mark) = earliest.filter(|_| !covered) {
            self.marks.push_back(Mark { written: self.written, ..mark });
        }
    }

    /// Forgets every other moment. The first stays: it is the one that the lag is told by.
    fn thin(&mut self) {
        let mut dropped: Option<Mark> = None;
        for (at, mut mark) in std::mem::take(&mut self.marks).into_iter().enumerate() {
            if at % 2 == 0 {
                mark.before = dropped.take().map_or(mark.before, |dropped| dropped.before);
                self.marks.push_back(mark);
            } else {
                dropped = Some(mark);
            }
        }
        // The newest says how much is written: without it the next look would date it anew.
        self.marks.extend(dropped);
    }

    /// Bytes known to be written and not sealed.
    pub(crate) fn bytes(&self) -> u64 {
        self.written.saturating_sub(self.done)
    }

    /// Boot time, nanoseconds, before which everything that was written is sealed; `None` before
    /// that is known of any.
    pub(crate) fn sealed_through(&self) -> Option<u64> {
        self.marks.front().map_or(self.clear, |mark| mark.before)
    }

    /// Bytes that were taken are sealed, or their loss is.
    pub(crate) fn sealed(&mut self, bytes: u64) {
        self.done = self.taken.min(self.done + bytes);
        self.forget();
    }

    /// Nanoseconds since the oldest byte that isn't sealed was first known of.
    pub(crate) fn nanos(&self, now: u64) -> u64 {
        self.marks.front().map_or(0, |mark| now.saturating_sub(mark.since))
    }

    /// Whether to say that files will soon be deleted unread.
    pub(crate) fn alarms(&mut self, until_loss: Option<u64>, now: u64) -> bool {
        let silent = self.alarmed.is_some_and(|at| now.saturating_sub(at) < SILENCE);
        // A file that is read within seconds of its writing is in no danger, however short its life.
        let behind = self.nanos(now) > 10_000_000_000;
        let alarm = behind && !silent && until_loss.is_some_and(|left| left < ALARM);
        if alarm {
            self.alarmed = Some(now);
        }
        alarm
    }

    fn forget(&mut self) {
        while self.marks.front().is_some_and(|mark| mark.written <= self.done) {
            self.marks.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_unsealed_byte_tells_the_lag() {
        let mut lag = Lag::default();
        assert_eq!(lag.nanos(5), 0, "nothing is known of");
        lag.looked(100, 0, true, 10);
        lag.looked(0, 50, true, 20);
        assert_eq!(lag.nanos(30), 20);
        lag.sealed(100);
        assert_eq!(
            lag.nanos(30),
            10,
            "the first hundred are sealed, the other fifty wait since 20"
        );
        lag.looked(50, 0, true, 40);
        lag.sealed(50);
        assert_eq!(lag.nanos(99), 0);
    }

    /// A file is deleted before it is read: the gap says so, and nothing waits any more.
    #[test]
    fn what_is_gone_unread_is_no_lag() {
        let mut lag = Lag::default();
        lag.looked(100, 0, true, 10);
        lag.looked(0, 50, true, 20);
        lag.looked(0, 80, true, 30);
        lag.sealed(100);
        assert_eq!((lag.bytes(), lag.nanos(40)), (80, 20));
        lag.looked(0, 20, true, 50);
        assert_eq!((lag.bytes(), lag.nanos(60)), (20, 40), "the rest waits since 20");
        lag.looked(0, 0, true, 70);
        assert_eq!((lag.bytes(), lag.nanos(80)), (0, 0));
        assert_eq!(lag.sealed_through(), Some(70));
        lag.looked(5, 0, true, 90);
        assert_eq!(lag.nanos(95), 5);
    }

    #[test]
    fn an_alarm_is_given_in_time_and_not_too_often() {
        let second = 1_000_000_000;
        let mut lag = Lag::default();
        assert!(!lag.alarms(Some(5), second), "nothing waits");
        lag.looked(0, 10, true, second);
        assert!(!lag.alarms(Some(5), 5 * second), "it has only just come");
        assert!(!lag.alarms(None, 60 * second) && !lag.alarms(Some(2 * ALARM), 60 * second));
        assert!(lag.alarms(Some(5), 60 * second));
        assert!(!lag.alarms(Some(5), 61 * second));
        assert!(lag.alarms(Some(5), 661 * second));
    }

    #[test]
    fn what_was_written_before_a_clear_look_is_known_to_be_sealed() {
        let mut lag = Lag::default();
        assert_eq!(lag.sealed_through(), None);
        lag.looked(0, 0, true, 10);
        assert_eq!(lag.sealed_through(), Some(10));
        lag.looked(100, 0, true, 20);
        assert_eq!((lag.sealed_through(), lag.bytes()), (Some(10), 100));
        lag.looked(0, 50, true, 30);
        lag.sealed(100);
        assert_eq!((lag.sealed_through(), lag.bytes()), (Some(20), 50));
        lag.looked(50, 0, false, 40);
        lag.sealed(50);
        assert_eq!((lag.sealed_through(), lag.bytes()), (Some(30), 0), "40 didn't see everything");
        lag.looked(0, 0, true, 50);
        assert_eq!(lag.sealed_through(), Some(50));
    }

    #[test]
    fn thinning_never_claims_too_much() {
        let mut lag = Lag::default();
        for n in 1..=3 * MARKS as u64 {
            lag.looked(1, 0, true, n);
        }
        for sealed in 1..=3 * MARKS as u64 {
            lag.sealed(1);
            // Byte n was written at n: what was written through t is sealed when t bytes are.
            let through = lag.sealed_through().unwrap_or(0);
            assert!(through <= sealed, "{through} {sealed}");
        }
        assert_eq!(lag.sealed_through(), Some(3 * MARKS as u64));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_moment_stays() {
        let mut lag = Lag::default();
        for n in 0..10_000 {
            lag.looked(1, 0, true, n + 1);
        }
        assert!(lag.marks.len() <= MARKS);
        assert_eq!(lag.nanos(20_001), 20_000);
        lag.sealed(10_000);
        assert_eq!(lag.nanos(20_001), 0);
    }
}
