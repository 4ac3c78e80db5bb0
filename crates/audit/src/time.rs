//! UTC times with microseconds, in the one spelling that Kubernetes' `MicroTime` and our notes use.

use std::fmt;
use std::str::FromStr;

const MICROS_PER_SECOND: i64 = 1_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// A UTC time from 1970 to 9999, in microseconds since the Unix epoch.
///
/// Its text is `YYYY-MM-DDThh:mm:ss.ffffffZ` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(i64);

impl Time {
    /// 1970-01-01T00:00:00.000000Z.
    pub const EPOCH: Self = Self(0);
    /// 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(253_402_300_799_999_999);

    /// A time from microseconds since the Unix epoch.
    ///
    /// A clock set before 1970 or after 9999 gives the nearest time that can be written: sealing
    /// must not stop because of it.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(Self::EPOCH.0, Self::MAX.0))
    }

    /// Microseconds since the Unix epoch.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// This time moved by `micros`, kept within what can be written.
    #[must_use]
    pub fn saturating_add(self, micros: i64) -> Self {
        Self::from_micros(self.0.saturating_add(micros))
    }

    /// The UTC day.
    #[must_use]
    pub fn date(self) -> Date {
        Date(self.0 / MICROS_PER_SECOND / SECONDS_PER_DAY)
    }

    /// Reads the 27 bytes of a time; `None` for any other spelling or a time that doesn't exist.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        if text.len() == 27 { Self::certain(text) } else { None }
    }

    /// Reads a time as lines of a log may write it: FORMAT.md, "Times". The fraction may have up to
    /// nine digits, of which six count, or be absent.
    #[must_use]
    pub fn certain(text: &[u8]) -> Option<Self> {
        let (whole, rest) = text.split_first_chunk::<19>()?;
        if [whole[10], whole[13], whole[16]] != *b"T::" {
            return None;
        }
        let date = Date::parse(&whole[..10])?;
        let (hour, minute, second) =
            (number(&whole[11..13])?, number(&whole[14..16])?, number(&whole[17..])?);
        if hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let micros = match rest.strip_suffix(b"Z")? {
            b"" => 0,
            [b'.', digits @ ..] if (1..=9).contains(&digits.len()) => {
                number(digits)?;
                let six = digits.iter().chain(b"000000").take(6);
                six.fold(0, |n, digit| n * 10 + i64::from(digit - b'0'))
            }
            _ => return None,
        };
        let seconds = date.0 * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
        Some(Self(seconds * MICROS_PER_SECOND + micros))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, micros) = (self.0 / MICROS_PER_SECOND, self.0 % MICROS_PER_SECOND);
        let second = seconds % SECONDS_PER_DAY;
        let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{}T{h:02}:{m:02}:{s:02}.{micros:06}Z", self.date())
    }
}

impl FromStr for Time {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::parse(text.as_bytes()).ok_or(())
    }
}

/// A UTC day from 1970 to 9999, in days since the Unix epoch. Its text is `YYYY-MM-DD`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(i64);

impl Date {
    /// 1970-01-01.
    pub const EPOCH: Self = Self(0);

    /// Reads the 10 bytes of a date; `None` for any other spelling or a day that doesn't exist.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: &[u8; 10] = text.try_into().ok()?;
        if text[4] != b'-' || text[7] != b'-' {
            return None;
        }
        let (year, month, day) = (number(&text[..4])?, number(&text[5..7])?, number(&text[8..])?);
        let exists = year >= 1970 && (1..=days_of(year, month)).contains(&day);
        exists.then(|| Self(days_from_civil(year, month, day)))
    }

    /// Midnight at which the day begins.
    #[must_use]
    pub fn start(self) -> Time {
        Time::from_micros(self.0 * SECONDS_PER_DAY * MICROS_PER_SECOND)
    }

    /// Year, month, day (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
    fn civil(self) -> (i64, i64, i64) {
        let z = self.0 + 719_468;
        let era = z.div_euclid(146_097);
        let day_of_era = z.rem_euclid(146_097);
        let year_of_era =
            (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
        let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let month_from_march = (5 * day_of_year + 2) / 153;
        let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
        let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
        (year_of_era + era * 400 + i64::from(month <= 2), month, day)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.civil();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

/// Days of a month; 0 if there is no such month.
fn days_of(year: i64, month: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    }
}

/// Days since the Unix epoch; same source as [`Date::civil`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

fn number(digits: &[u8]) -> Option<i64> {
    digits
        .iter()
        .try_fold(0, |n, digit| digit.is_ascii_digit().then(|| n * 10 + i64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_times() {
        for (text, micros) in [
            ("1970-01-01T00:00:00.000000Z", 0),
            ("2000-02-29T12:00:00.000001Z", 951_825_600_000_001),
            ("2026-11-21T08:05:36.377966Z", 1_795_248_336_377_966),
            ("9999-12-31T23:59:59.999999Z", Time::MAX.0),
        ] {
            assert_eq!(text.parse(), Ok(Time(micros)), "{text}");
            assert_eq!(Time(micros).to_string(), text);
        }
        assert_eq!(Time::from_micros(-1), Time::EPOCH);
        assert_eq!(Time::from_micros(i64::MAX), Time::MAX);
    }

    #[test]
    fn other_spellings_and_impossible_times_are_refused() {
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T08:05:36Z",
            "2026-11-21T08:05:36.377Z",
            "2026-11-21t08:05:36.377966Z",
            "2026-11-21T08:05:36.377966+",
            "2026-02-29T00:00:00.000000Z",
            "2026-13-01T00:00:00.000000Z",
            "2026-00-01T00:00:00.000000Z",
            "2026-01-00T00:00:00.000000Z",
            "2026-04-31T00:00:00.000000Z",
            "2026-01-01T24:00:00.000000Z",
            "2026-01-01T00:60:00.000000Z",
            "2026-01-01T00:00:60.000000Z",
            "1969-12-31T23:59:59.999999Z",
            "2026-01-01T00:00:0 .000000Z",
            "+026-01-01T00:00:00.000000Z",
        ] {
            assert_eq!(text.parse::<Time>(), Err(()), "{text}");
        }
    }

    #[test]
    fn a_lines_time_may_have_any_fraction() {
        for (text, as_we_write_it) in [
            ("2026-11-21T08:05:36Z", "2026-11-21T08:05:36.000000Z"),
            ("2026-11-21T08:05:36.3Z", "2026-11-21T08:05:36.300000Z"),
            ("2026-11-21T08:05:36.377966Z", "2026-11-21T08:05:36.377966Z"),
            ("2026-11-21T08:05:36.0779669Z", "2026-11-21T08:05:36.077966Z"),
            ("9999-12-31T23:59:59.999999999Z", "9999-12-31T23:59:59.999999Z"),
        ] {
            let time = Time::certain(text.as_bytes()).unwrap();
            assert_eq!(time.to_string(), as_we_write_it, "{text}");
        }
        for text in [
            "",
            "2026-11-21",
            "2026-11-21T08:05:36",
            "2026-11-21T08:05:36.Z",
            "2026-11-21T08:05:36.0123456789Z",
            "2026-11-21T08:05:36.01234567x9Z",
            "2026-11-21T08:05:36.377966",
            "2026-11-21T08:05:36,377Z",
            "2026-11-21T08:05:36z",
            "2026-11-21T08:05:36ZZ",
            "2026-11-21T08:05:36+00:00",
            "2026-11-21T08:05:36.377966+01:00",
            "2026-11-21 08:05:36Z",
            " 2026-11-21T08:05:36Z",
            "2026-02-30T08:05:36Z",
            "2026-11-21T08:05:60Z",
        ] {
            assert_eq!(Time::certain(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_time_round_trips(micros in 0..=Time::MAX.0) {
            prop_assert_eq!(Time(micros).to_string().parse(), Ok(Time(micros)));
        }

        #[test]
        fn days_follow_each_other(day in 0..2_932_896_i64) {
            let (today, tomorrow) = (Date(day), Date(day + 1));
            prop_assert_eq!(Date::parse(today.to_string().as_bytes()), Some(today));
            prop_assert!(today.to_string() < tomorrow.to_string());
        }
    }
}
