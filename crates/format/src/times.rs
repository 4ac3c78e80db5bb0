//! When a payload's lines happened, found as FORMAT.md, "Times", says: by whoever seals them, and by
//! whoever checks what a seal says.

use std::fmt;

use auditseal_audit::{LineScanner, Time, TimeField};

use crate::seal::Payload;

/// The least and the greatest of the times of two payloads, as far as they have any.
#[must_use]
pub fn joined_times(
    one: Option<(Time, Time)>,
    other: Option<(Time, Time)>,
) -> Option<(Time, Time)> {
    match (one, other) {
        (Some(one), Some(other)) => Some((one.0.min(other.0), one.1.max(other.1))),
        (one, other) => one.or(other),
    }
}

/// Goes through a payload that comes in pieces, in constant memory.
#[derive(Debug, Clone)]
pub struct LineTimes {
    field: TimeField,
    scanner: LineScanner,
    malformed: u64,
    untimed: u64,
    span: Option<(Time, Time)>,
}

impl LineTimes {
    /// Before the first line; the times are looked for where `field` says.
    #[must_use]
    pub fn new(field: TimeField) -> Self {
        let scanner = LineScanner::new(field);
        Self { field, scanner, malformed: 0, untimed: 0, span: None }
    }

    /// Takes the payload's next bytes.
    pub fn take(&mut self, payload: &[u8]) {
        self.each(payload, |_| {});
    }

    /// The same, and tells the certain time of each line that ends in them.
    pub fn each(&mut self, mut payload: &[u8], mut tell: impl FnMut(Option<Time>)) {
        while let Some(at) = memchr::memchr(b'\n', payload) {
            let facts = self.scanner.end_line(&payload[..at]);
            // Of another log's lines nobody asks whether they are audit events.
            self.malformed += u64::from(self.field == TimeField::Audit && !facts.well_formed());
            self.untimed += u64::from(facts.time.is_none());
            if let Some(time) = facts.time {
                let (first, last) = self.span.unwrap_or((time, time));
                self.span = Some((first.min(time), last.max(time)));
            }
            tell(facts.time);
            payload = &payload[at + 1..];
        }
        if !payload.is_empty() {
            self.scanner.extend(payload);
        }
    }

    /// Writes what was found into what a seal says of the payload: `times`, `malformed`, `untimed`, `first` and
    /// `last`.
    pub fn fill(&self, payload: &mut Payload) {
        payload.field = self.field;
        payload.malformed = self.malformed;
        payload.untimed = self.untimed;
        payload.times = self.span;
    }

    /// Holds what was found against what a seal says of the whole payload.
    ///
    /// # Errors
    /// [`WrongTimes`] where a line's certain time is outside, or more lines have none than it says.
    pub fn check(&self, said: &Payload) -> Result<(), WrongTimes> {
        if self.untimed > said.untimed {
            let (found, said) = (self.untimed, said.untimed);
            return Err(WrongTimes::Untimed { found, said });
        }
        let outside = |time: &Time| said.times.is_none_or(|(a, b)| *time < a || b < *time);
        let ends = self.span.map_or([None; 2], |(first, last)| [Some(first), Some(last)]);
        match ends.into_iter().flatten().find(outside) {
            Some(found) => Err(WrongTimes::Outside { found, said: said.times }),
            None => Ok(()),
        }
    }
}

/// What a seal says of its lines' times isn't so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WrongTimes {
    /// More lines have no certain time than it says.
    Untimed {
        /// Lines without.
        found: u64,
        /// As the seal has it.
        said: u64,
    },
    /// A line's certain time isn't within `first` and `last`.
    Outside {
        /// That time.
        found: Time,
        /// `first` and `last`.
        said: Option<(Time, Time)>,
    },
}

impl fmt::Display for WrongTimes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Untimed { found, said } => {
                write!(f, "{found} of its lines have no certain time, and its note says {said}")
            }
            Self::Outside { found, said: Some((first, last)) } => {
                write!(f, "a line of {found}, and its note says {first} to {last}")
            }
            Self::Outside { found, said: None } => {
                write!(f, "a line of {found}, and its note says that none has a time")
            }
        }?;
        f.write_str("; a search by time may have passed over it")
    }
}

impl std::error::Error for WrongTimes {}

#[cfg(test)]
mod tests {
    use auditseal_merkle::hash;

    use super::*;

    const LINES: &[u8] = b"{\"t\":\"2026-11-21T08:00:02Z\"}\n\n{\"t\":\"2026-11-21T08:00:01.5Z\"}\nklog\n{\"t\":\"2026-11-21T08:00:03Z\"}\n";

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    fn taken(field: &str, piece: usize) -> LineTimes {
        let mut times = LineTimes::new(field.parse().unwrap());
        LINES.chunks(piece).for_each(|piece| times.take(piece));
        times
    }

    fn said(untimed: u64, times: Option<(Time, Time)>) -> Payload {
        Payload { untimed, times, ..Payload::placeholder(hash(b"")) }
    }

    #[test]
    fn least_and_greatest_and_those_without() {
        let span = (time("2026-11-21T08:00:01.500000Z"), time("2026-11-21T08:00:03.000000Z"));
        for piece in 1..=LINES.len() {
            let mut found = said(0, None);
            taken("json:t", piece).fill(&mut found);
            assert_eq!((found.untimed, found.malformed, found.times), (2, 0, Some(span)));
            taken("audit", piece).fill(&mut found);
            assert_eq!((found.untimed, found.malformed, found.times), (5, 5, None));
            taken("none", piece).fill(&mut found);
            assert_eq!((found.untimed, found.malformed, found.times), (5, 0, None));
            assert_eq!(found.field, TimeField::None);
        }
    }

    #[test]
    fn a_note_may_say_less_and_never_more() {
        let times = taken("json:t", 10);
        let (first, last) =
            (time("2026-11-21T08:00:01.500000Z"), time("2026-11-21T08:00:03.000000Z"));
        for (untimed, span) in [
            (2, Some((first, last))),
            (3, Some((first, last))),
            (2, Some((Time::EPOCH, last))),
            (2, Some((first, Time::MAX))),
        ] {
            assert_eq!(times.check(&said(untimed, span)), Ok(()));
        }
        for (untimed, span, what) in [
            (1, Some((first, last)), "2 of its lines have no certain time, and its note says 1"),
            (0, None, "2 of its lines have no certain time, and its note says 0"),
            (5, None, "a line of 2026-11-21T08:00:01.500000Z, and its note says that none has"),
            (
                2,
                Some((first.saturating_add(1), last)),
                "a line of 2026-11-21T08:00:01.500000Z, and its note says 2026-11-21T08:00:01.500001Z",
            ),
            (2, Some((first, last.saturating_add(-1))), "a line of 2026-11-21T08:00:03.000000Z"),
        ] {
            let wrong = times.check(&said(untimed, span)).unwrap_err().to_string();
            assert!(wrong.starts_with(what), "{wrong}");
        }
    }
}
