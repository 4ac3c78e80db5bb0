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
    /// When it was first known that so many bytes are written: total, boot time in nanoseconds.
    marks: VecDeque<(u64, u64)>,
    /// When the last alarm was given.
    alarmed: Option<u64>,
}

impl Lag {
    /// A look handed out `taken` bytes, and left `backlog` bytes for later.
    pub(crate) fn looked(&mut self, taken: u64, backlog: u64, now: u64) {
        self.taken += taken;
        let written = self.taken + backlog;
        if self.marks.back().is_none_or(|(last, _)| *last < written) {
            self.marks.push_back((written, now));
        }
        if self.marks.len() > MARKS {
            let mut keep = false;
            // The first moment stays: it is the one that the lag is told by.
            self.marks.retain(|_| {
                keep = !keep;
                keep
            });
        }
        self.forget();
    }

    /// Bytes that were taken are sealed, or their loss is.
    pub(crate) fn sealed(&mut self, bytes: u64) {
        self.done = self.taken.min(self.done + bytes);
        self.forget();
    }

    /// Nanoseconds since the oldest byte that isn't sealed was first known of.
    pub(crate) fn nanos(&self, now: u64) -> u64 {
        self.marks.front().map_or(0, |(_, since)| now.saturating_sub(*since))
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
        while self.marks.front().is_some_and(|(written, _)| *written <= self.done) {
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
        lag.looked(100, 0, 10);
        lag.looked(0, 50, 20);
        assert_eq!(lag.nanos(30), 20);
        lag.sealed(100);
        assert_eq!(
            lag.nanos(30),
            10,
            "the first hundred are sealed, the other fifty wait since 20"
        );
        lag.looked(50, 0, 40);
        lag.sealed(50);
        assert_eq!(lag.nanos(99), 0);
    }

    #[test]
    fn an_alarm_is_given_in_time_and_not_too_often() {
        let second = 1_000_000_000;
        let mut lag = Lag::default();
        assert!(!lag.alarms(Some(5), second), "nothing waits");
        lag.looked(0, 10, second);
        assert!(!lag.alarms(Some(5), 5 * second), "it has only just come");
        assert!(!lag.alarms(None, 60 * second) && !lag.alarms(Some(2 * ALARM), 60 * second));
        assert!(lag.alarms(Some(5), 60 * second));
        assert!(!lag.alarms(Some(5), 61 * second));
        assert!(lag.alarms(Some(5), 661 * second));
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_moment_stays() {
        let mut lag = Lag::default();
        for n in 0..10_000 {
            lag.looked(1, 0, n + 1);
        }
        assert!(lag.marks.len() <= MARKS);
        assert_eq!(lag.nanos(20_001), 20_000);
        lag.sealed(10_000);
        assert_eq!(lag.nanos(20_001), 0);
    }
}
