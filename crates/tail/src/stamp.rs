//! How rotation writes a time into a file's name.

use auditseal_format::Time;

/// A way of writing it: each of `YMDhmsf` stands for a digit of year, month, day, hour, minute,
/// second and thousandths, `E` for one of the seconds since 1970, all else for itself. A longer one
/// comes before its own beginning.
///
/// The first is lumberjack's, which kube-apiserver uses. The others are what logrotate's
/// `dateformat` can make of year, month, day, hour, minute, second and seconds since 1970, as it is
/// commonly set: `YYYYMMDD` by default, `YYYYMMDDhh` for `hourly`.
const FORMS: [&[u8]; 22] = [
    b"YYYY-MM-DDThh-mm-ss.fff",
    b"YYYY-MM-DDThh-mm-ss",
    b"YYYY-MM-DDThh:mm:ss",
    b"YYYY-MM-DD-hh-mm-ss",
    b"YYYY-MM-DD_hh-mm-ss",
    b"YYYYMMDD-EEEEEEEEEE",
    b"YYYY-MM-DD-hhmmss",
    b"YYYY-MM-DD_hhmmss",
    b"YYYY-MM-DD-hh-mm",
    b"YYYYMMDD-hhmmss",
    b"YYYYMMDD_hhmmss",
    b"YYYYMMDDThhmmss",
    b"YYYY-MM-DD-hhmm",
    b"YYYYMMDDhhmmss",
    b"YYYYMMDD-hhmm",
    b"YYYY-MM-DD-hh",
    b"YYYYMMDDhhmm",
    b"YYYYMMDD-hh",
    b"YYYYMMDDhh",
    b"YYYY-MM-DD",
    b"EEEEEEEEEE",
    b"YYYYMMDD",
];

/// What is written before a time, and before the number of a file that was rotated again.
const SEPARATORS: [u8; 3] = [b'-', b'.', b'_'];

/// A separator and a time behind it, as they stand in a name: two texts never give the same value.
///
/// In one number, for a directory may have a hundred thousand: milliseconds since 1970 above (the
/// beginning of the hour or day where nothing finer is written), then the place in [`FORMS`], then
/// that in [`SEPARATORS`], then whether it stands before the extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp(u64);

impl Stamp {
    /// The stamps that a text may begin with, and what follows; the longest first.
    pub(crate) fn prefixes(text: &[u8]) -> impl Iterator<Item = (Self, &[u8])> {
        let split = text.split_first().and_then(|(byte, text)| {
            Some((SEPARATORS.iter().zip(0_u64..).find(|(known, _)| *known == byte)?.1, text))
        });
        split.into_iter().flat_map(|(separator, text)| {
            FORMS.iter().zip(0_u64..).filter_map(move |(form, number)| {
                let (written, rest) = text.split_at_checked(form.len())?;
                let millis = read(form, written)?;
                Some((Self(millis << 16 | number << 8 | separator << 1), rest))
            })
        })
    }

    /// The text as a stamp and nothing else.
    pub(crate) fn whole(text: &[u8]) -> Option<Self> {
        Self::prefixes(text).find(|(_, rest)| rest.is_empty()).map(|(stamp, _)| stamp)
    }

    /// Whether lumberjack writes it so.
    pub(crate) fn is_lumberjacks(self) -> bool {
        self.form() == 0 && self.0 & 0xfe == 0
    }

    /// The same, standing before the extension.
    pub(crate) fn before_extension(self) -> Self {
        Self(self.0 | 1)
    }

    /// Whether it stands before the extension.
    pub(crate) fn is_before_extension(self) -> bool {
        self.0 & 1 == 1
    }

    /// Whether both are written in one form, in one place: then texts are in the order of times.
    pub(crate) fn is_written_as(self, other: Self) -> bool {
        self.0 & 0xffff == other.0 & 0xffff
    }

    /// The separator and the time, as they were read. Not so where a form writes a day and seconds
    /// that don't agree: only the seconds are kept.
    pub(crate) fn text(self) -> Vec<u8> {
        let time = self.time();
        let written = time.to_string();
        let seconds = format!("{:010}", (self.0 >> 16) / 1000).into_bytes();
        let mut seconds = seconds.iter();
        let mut parts = [0, 5, 8, 11, 14, 17, 20].map(|at| written.as_bytes()[at..].iter());
        let separator = SEPARATORS[(self.0 >> 1 & 0x7f) as usize % SEPARATORS.len()];
        let letter = |letter: &u8| match (b"YMDhmsf".iter().position(|part| part == letter), letter)
        {
            (Some(part), _) => parts[part].next().copied().unwrap_or(b'0'),
            (None, b'E') => seconds.next().copied().unwrap_or(b'0'),
            (None, letter) => *letter,
        };
        [separator].into_iter().chain(FORMS[self.form()].iter().map(letter)).collect()
    }

    fn form(self) -> usize {
        (self.0 >> 8 & 0xff) as usize
    }

    /// Whether it tells the second: two rotations don't come within one.
    pub(crate) fn is_exact(self) -> bool {
        FORMS[self.form()].iter().any(|letter| matches!(letter, b's' | b'E'))
    }

    /// The time, as if written in UTC.
    pub(crate) fn time(self) -> Time {
        Time::from_micros(i64::try_from((self.0 >> 16) * 1000).unwrap_or(i64::MAX))
    }
}

/// The number of a rotated file, `.N` as logrotate counts: below 2³², without leading zeros.
pub(crate) fn number(text: &[u8]) -> Option<u32> {
    let digits = text.strip_prefix(b".")?;
    let canonical = digits.len() == 1 || digits.first() != Some(&b'0');
    if !canonical || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}

/// Reads a text in one form; `None` for another form or a time that doesn't exist.
fn read(form: &[u8], text: &[u8]) -> Option<u64> {
    let mut time = *b"2000-01-01T00:00:00.000000Z";
    let mut seconds = None;
    let mut at = [0, 5, 8, 11, 14, 17, 20];
    for (letter, byte) in form.iter().zip(text) {
        let part = match letter {
            b'E' if byte.is_ascii_digit() => {
                seconds = Some(seconds.unwrap_or(0) * 10 + u64::from(byte - b'0'));
                continue;
            }
            b'E' => return None,
            letter => b"YMDhmsf".iter().position(|part| part == letter),
        };
        match part {
            Some(part) if byte.is_ascii_digit() => {
                time[at[part]] = *byte;
                at[part] += 1;
            }
            None if byte == letter => {}
            _ => return None,
        }
    }
    // Eight or ten digits may be anything; those of a year before 2000 are no date of ours.
    if time.as_slice() < b"2000".as_slice() {
        return None;
    }
    let written = Time::parse(&time)?;
    match seconds {
        // Ten digits without a leading zero: from 2001 to 2286.
        Some(seconds) => (seconds >= 1_000_000_000).then(|| seconds * 1000),
        None => u64::try_from(written.micros() / 1000).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<String> {
        Stamp::whole(text.as_bytes()).map(|stamp| stamp.time().to_string()[..23].to_owned())
    }

    #[test]
    fn each_form_is_read() {
        for (text, expected) in [
            ("-2026-01-02T15-04-05.678", "2026-01-02T15:04:05.678"),
            ("-20261128", "2026-11-28T00:00:00.000"),
            (".20261128", "2026-11-28T00:00:00.000"),
            ("_2026-11-28", "2026-11-28T00:00:00.000"),
            ("-2026112819", "2026-11-28T19:00:00.000"),
            ("-20261128-134501", "2026-11-28T13:45:01.000"),
            ("-20261128134501", "2026-11-28T13:45:01.000"),
            ("-1795231800", "2026-11-21T03:30:00.000"),
            ("-20261121-1795231800", "2026-11-21T03:30:00.000"),
            ("-2026-11-28-13-45", "2026-11-28T13:45:00.000"),
        ] {
            assert_eq!(time(text).as_deref(), Some(expected), "{text}");
        }
        for text in [
            "",
            "-",
            "20261128",
            "-20261328",
            "-20260230",
            "-19991231",
            "-0795231800",
            "-2026",
            "-202611",
            "-2026-11",
            "-20261128-",
            "-20261128x",
            "-20261128-99",
            "-2026_11_28",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
    }

    #[test]
    fn no_form_hides_behind_another() {
        // What is tried first must not be a beginning of what comes later.
        for (later, form) in FORMS.iter().enumerate() {
            assert!(FORMS[..later].iter().all(|first| first.len() >= form.len()), "{later}");
        }
        assert_eq!(Stamp::prefixes(b"-20261128-134501.1").next().unwrap().1, b".1");
        assert_eq!(Stamp::prefixes(b"-20261128.1").next().unwrap().1, b".1");
    }

    #[test]
    fn numbers_are_canonical() {
        assert_eq!(
            [number(b".0"), number(b".12"), number(b".4294967295")],
            [Some(0), Some(12), Some(u32::MAX)]
        );
        for text in [&b"."[..], b"1", b".01", b".+1", b".4294967296", b".1a", b""] {
            assert_eq!(number(text), None);
        }
    }
}
