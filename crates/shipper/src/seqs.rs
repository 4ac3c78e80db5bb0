//! Consecutive objects of a chain, by their seqs.

use std::fmt;
use std::str::FromStr;

/// Consecutive seqs of a chain; at least one. Written as `FIRST-LAST`, also where they are one: who
/// says which objects are lost says all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seqs {
    first: u64,
    last: u64,
}

impl Seqs {
    /// From `first` to the one before `end`; `None` where there is none.
    #[must_use]
    pub fn before(first: u64, end: u64) -> Option<Self> {
        (first < end).then(|| Self { first, last: end - 1 })
    }

    /// How many they are.
    #[must_use]
    pub fn count(self) -> u64 {
        self.last - self.first + 1
    }

    /// In words: `seq 7`, or `seq 7 to 11`.
    #[must_use]
    pub fn words(self) -> String {
        match self.first == self.last {
            true => format!("seq {}", self.first),
            false => format!("seq {} to {}", self.first, self.last),
        }
    }

    /// Whether they are this one alone.
    pub(crate) fn is_just(self, seq: u64) -> bool {
        (self.first, self.last) == (seq, seq)
    }
}

impl fmt::Display for Seqs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// Not two seqs in order with a `-` between them, as [`Seqs`] prints them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSeqs;

impl FromStr for Seqs {
    type Err = NoSeqs;

    fn from_str(text: &str) -> Result<Self, NoSeqs> {
        let (first, last) = text.split_once('-').ok_or(NoSeqs)?;
        let seq = |text: &str| text.parse::<u64>().map_err(|_| NoSeqs);
        let end = seq(last)?.checked_add(1).ok_or(NoSeqs)?;
        let seqs = Self::before(seq(first)?, end).ok_or(NoSeqs)?;
        (seqs.to_string() == text).then_some(seqs).ok_or(NoSeqs)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use super::*;

    #[test]
    fn they_are_written_in_one_way() {
        for (first, end, text, count, words) in [
            (7, 12, "7-11", 5, "seq 7 to 11"),
            (0, 1, "0-0", 1, "seq 0"),
            (9, 10, "9-9", 1, "seq 9"),
            (0, u64::MAX, "0-18446744073709551614", u64::MAX, "seq 0 to 18446744073709551614"),
        ] {
            let seqs = Seqs::before(first, end).unwrap();
            assert_eq!(seqs.to_string(), text);
            assert_eq!(text.parse(), Ok(seqs));
            assert_eq!((seqs.count(), seqs.words().as_str()), (count, words));
            assert_eq!(seqs.is_just(first), count == 1);
        }
        assert_eq!((Seqs::before(7, 7), Seqs::before(8, 7)), (None, None));
        for no in [
            "",
            "-",
            "7",
            "11",
            "7-",
            "-7",
            "7-11-12",
            "11-7",
            "07-11",
            "7-+11",
            " 7-11",
            "7–11",
            "0-18446744073709551615",
            "-1-3",
        ] {
            assert_eq!(no.parse::<Seqs>(), Err(NoSeqs), "{no:?}");
        }
    }
}
