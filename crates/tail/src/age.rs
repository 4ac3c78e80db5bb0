//! What a rotated file's name tells of when it was rotated.

use std::cmp::{Ordering, Reverse};

use auditseal_format::Time;

use crate::stamp::{Stamp, number};

/// When a name's file was rotated away. The order is the rotation order, oldest first, as well as
/// names can tell it: by the time in the name, and by the number where there is only that.
///
/// Numbered backups come before those with a time. Both together mean that two programs rotate one
/// log, and no order is certain then; nor does it matter to anything but the order.
///
/// Two names never have the same age, but for the codec's suffix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Age {
    /// `audit.log.N`: the higher, the older. Each rotation gives every file the next number.
    Numbered(Number),
    /// A time to the second or better: the one name that its file gets when it is rotated.
    Stamped(Dated),
    /// A coarser time, or any time and what a second rotation put behind it.
    Dated(Dated),
    /// The name that is written to.
    Live,
}

/// A number, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number {
    number: Reverse<u32>,
    /// Before the extension, as logrotate's `extension` puts it: `audit.1.log`.
    inside: bool,
}

/// A time, and where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Dated {
    stamp: Stamp,
    again: Again,
}

/// What a rotated file was given when something rotated it once more. Files of one stamp: the
/// higher number is the older, as logrotate counts. A program that counts up instead, for a second
/// file of one day, gets the order of that day wrong and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Again {
    Number(Reverse<u32>),
    Stamp(Stamp),
    No,
}

impl Again {
    fn read(text: &[u8]) -> Option<Self> {
        if text.is_empty() {
            return Some(Self::No);
        }
        // Eight digits that are a date are one, for nobody keeps twenty million backups.
        Stamp::whole(text)
            .map(Self::Stamp)
            .or_else(|| number(text).map(|n| Self::Number(Reverse(n))))
    }
}

impl Dated {
    fn age(self) -> Age {
        let first = self.again == Again::No && self.stamp.is_exact();
        if first { Age::Stamped(self) } else { Age::Dated(self) }
    }
}

impl Age {
    /// What a time alone tells.
    pub(crate) fn of_stamp(stamp: Stamp) -> Self {
        Dated { stamp, again: Again::No }.age()
    }

    /// The time, where the name tells nothing else.
    pub(crate) fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::Stamped(dated) | Self::Dated(dated) => {
                (dated.again == Again::No).then_some(dated.stamp)
            }
            Self::Numbered(_) | Self::Live => None,
        }
    }

    /// Reads what stands behind a log's base name, the codec's suffix taken off.
    pub(crate) fn read(rest: &[u8], ext: &[u8]) -> Option<Self> {
        if rest == ext {
            return Some(Self::Live);
        }
        let behind = rest.strip_prefix(ext).and_then(Self::behind);
        behind.or_else(|| Self::inside(rest, ext))
    }

    /// `.N`, or a time.
    fn behind(text: &[u8]) -> Option<Self> {
        let dated = Stamp::prefixes(text)
            .find_map(|(stamp, rest)| Some(Dated { stamp, again: Again::read(rest)? }.age()));
        let numbered =
            || Some(Self::Numbered(Number { number: Reverse(number(text)?), inside: false }));
        dated.or_else(numbered)
    }

    /// The same before the extension.
    fn inside(text: &[u8], ext: &[u8]) -> Option<Self> {
        let dated = Stamp::prefixes(text).find_map(|(stamp, rest)| {
            let again = Again::read(rest.strip_prefix(ext)?)?;
            Some(Dated { stamp: stamp.before_extension(), again }.age())
        });
        let numbered = || {
            let number = number(text.strip_suffix(ext)?)?;
            Some(Self::Numbered(Number { number: Reverse(number), inside: true }))
        };
        dated.or_else(numbered)
    }

    /// The name that rotating a file of this name once more gives it, if this number stands behind.
    pub(crate) fn again(&self, text: &[u8]) -> Option<Self> {
        match self {
            Self::Stamped(dated) | Self::Dated(dated) if dated.again == Again::No => {
                Some(Dated { again: Again::read(text)?, ..*dated }.age())
            }
            _ => None,
        }
    }

    /// Whether no two files ever get this name. Numbers and the live name are given again and
    /// again; a day's or an hour's name may be, if the file that had it is gone.
    pub(crate) fn is_unique(&self) -> bool {
        match self {
            Self::Stamped(_) => true,
            Self::Dated(dated) => dated.stamp.is_exact(),
            Self::Numbered(_) | Self::Live => false,
        }
    }

    /// Whether rotation makes the one name of the other: any backup's of the live one, `.2` of
    /// `.1`, and `audit-STAMP.log.1` of `audit-STAMP.log` where something rotates backups.
    pub(crate) fn becomes(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Live, Self::Live) => false,
            (Self::Live, _) => true,
            (Self::Numbered(before), Self::Numbered(after)) => {
                before.inside == after.inside && next(before.number, after.number)
            }
            (Self::Stamped(before) | Self::Dated(before), Self::Dated(after)) => {
                before.stamp == after.stamp
                    && match (before.again, after.again) {
                        (Again::Number(before), Again::Number(after)) => next(before, after),
                        // logrotate begins with 1, or with its `start`.
                        (Again::No, Again::Number(first)) => first.0 <= 1,
                        (Again::No, Again::Stamp(_)) => true,
                        _ => false,
                    }
            }
            _ => false,
        }
    }

    /// Whether a file with the one number gets the other by rotations, however many.
    pub(crate) fn is_shifted_to(&self, later: &Self) -> bool {
        match (self, later) {
            (Self::Numbered(before), Self::Numbered(after)) => {
                before.inside == after.inside && before.number.0 < after.number.0
            }
            _ => false,
        }
    }

    /// When the file was rotated, if the name tells: the beginning of the hour or day where it
    /// tells no more.
    pub(crate) fn rotated(&self) -> Option<Time> {
        match self {
            Self::Stamped(dated) | Self::Dated(dated) => Some(dated.stamp.time()),
            Self::Numbered(_) | Self::Live => None,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Self::Numbered(_) => 0,
            Self::Stamped(_) | Self::Dated(_) => 1,
            Self::Live => 2,
        }
    }
}

fn next(before: Reverse<u32>, after: Reverse<u32>) -> bool {
    before.0.checked_add(1) == Some(after.0)
}

impl Ord for Age {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            (Self::Numbered(a), Self::Numbered(b)) => a.cmp(b),
            (Self::Stamped(a) | Self::Dated(a), Self::Stamped(b) | Self::Dated(b)) => a.cmp(b),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl PartialOrd for Age {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age(rest: &str) -> Age {
        Age::read(rest.as_bytes(), b".log").unwrap_or_else(|| panic!("{rest}"))
    }

    #[test]
    fn ages_are_small() {
        assert!(size_of::<Age>() <= 32, "{}", size_of::<Age>());
    }

    #[test]
    fn which_names_are_given_once() {
        for (rest, unique) in [
            ("-2026-01-02T15-04-05.000.log", true),
            ("-2026-01-02T15-04-05.000.log.1", true),
            (".log-20261128-134501", true),
            (".log-1795231800", true),
            (".log-20261128", false),
            (".log-2026112819", false),
            ("-20261128.log.2", false),
            (".log.1", false),
            (".log", false),
        ] {
            assert_eq!(age(rest).is_unique(), unique, "{rest}");
        }
    }

    #[test]
    fn which_name_becomes_which() {
        let stamped = "-2026-01-02T15-04-05.000.log";
        let again = |what: &str| format!("{stamped}{what}");
        for (before, after) in [
            (".log", stamped),
            (".log", ".log.1"),
            (".log", ".log-20261128"),
            (".log.9", ".log.10"),
            (".log.1000", ".log.1001"),
            (".1.log", ".2.log"),
            (stamped, &again(".1")),
            (stamped, &again("-20261128")),
            (&again(".1"), &again(".2")),
            ("-20261128.log", "-20261128.log.1"),
        ] {
            assert!(age(before).becomes(&age(after)), "{before} {after}");
            assert!(!age(after).becomes(&age(before)), "{after} {before}");
        }
        for (before, after) in [
            (".log", ".log"),
            (".log.1", ".log.3"),
            (".log.1", ".2.log"),
            (".log.1", stamped),
            (stamped, "-2026-01-02T15-04-05.001.log.1"),
            (stamped, stamped),
            (stamped, &again(".2")),
            (".log-20261128", "-20261128.log.1"),
        ] {
            assert!(!age(before).becomes(&age(after)), "{before} {after}");
        }
    }

    #[test]
    fn which_number_is_shifted_to_which() {
        for (before, after, shifted) in [
            (".log.1", ".log.2", true),
            (".log.1", ".log.3", true),
            (".log.9", ".log.11", true),
            (".1.log", ".3.log", true),
            (".log.3", ".log.1", false),
            (".log.3", ".log.3", false),
            (".log.1", ".3.log", false),
            (".log", ".log.2", false),
            (".log-20261128.1", ".log-20261128.3", false),
        ] {
            assert_eq!(age(before).is_shifted_to(&age(after)), shifted, "{before} {after}");
        }
    }

    #[test]
    fn the_order_is_oldest_first() {
        let ordered = [
            ".log.999999999",
            ".log.1000",
            ".log.2",
            ".log.1",
            "-20251231.log",
            ".log-20251231-235959",
            ".log-20260102.2",
            ".log-20260102.1",
            ".log-20260102",
            ".log-2026010215",
            "-2026-01-02T15-04-05.000.log.2",
            "-2026-01-02T15-04-05.000.log.1",
            "-2026-01-02T15-04-05.000.log",
            "-2026-01-02T15-04-05.001.log",
            ".log-1795231800",
            ".log",
        ];
        let ages: Vec<Age> = ordered.iter().map(|rest| age(rest)).collect();
        assert!(ages.is_sorted(), "{ages:#?}");
    }
}
