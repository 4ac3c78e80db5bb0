//! Times on the command line.

use std::time::SystemTime;

use auditseal_format::Time;
use chrono::{DateTime, Local, MappedLocalTime, NaiveDate, NaiveDateTime, NaiveTime};

use crate::failure::Failure;

/// A time: RFC 3339, a local date or date and time, or how long ago.
///
/// # Errors
/// What would have been right.
pub(crate) fn time(text: &str) -> Result<Time, String> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(now.as_micros()).unwrap_or(i64::MAX);
    parse(text, now, &Local)
}

/// Refuses a part of time that ends before it begins.
///
/// # Errors
/// `why`, which says what was asked for.
pub(crate) fn in_order(since: Option<Time>, until: Option<Time>, why: &str) -> Result<(), Failure> {
    if since.zip(until).is_none_or(|(since, until)| since <= until) {
        return Ok(());
    }
    let hint = "1h is an hour ago, and a day alone its first moment, here and not in UTC";
    Err(Failure::new(why).hint(Some(hint)))
}

/// `now` in microseconds since the Unix epoch; `zone` is what a time without one is in.
fn parse<Z: chrono::TimeZone>(text: &str, now: i64, zone: &Z) -> Result<Time, String> {
    let micros = match humantime::parse_duration(text) {
        Ok(ago) => i64::try_from(ago.as_micros()).ok().and_then(|ago| now.checked_sub(ago)),
        Err(_) => match DateTime::parse_from_rfc3339(text) {
            Ok(time) => Some(time.timestamp_micros()),
            Err(_) => local(text, zone)?,
        },
    };
    // The format's times are of the years 1970 to 9999.
    let time = micros.filter(|micros| (0..=LAST).contains(micros)).map(Time::from_micros);
    time.ok_or_else(|| format!("{EXPECTED}, from 1970 to 9999"))
}

const EXPECTED: &str = "expected a time like 2026-11-21T08:00:00Z, a local 2026-11-21 or 2026-11-21T08:00, or 7d for seven days ago";

/// The last microsecond of the year 9999.
const LAST: i64 = 253_402_300_799_999_999;

/// A date, or a date and a time, of the clocks on the wall. Where they were set back the time came
/// twice, and the earlier one is meant; where they were set forward it never came.
fn local<Z: chrono::TimeZone>(text: &str, zone: &Z) -> Result<Option<i64>, String> {
    let formats =
        ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M"];
    let exact = formats.iter().find_map(|format| NaiveDateTime::parse_from_str(text, format).ok());
    let day = || {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        Some(date.and_time(NaiveTime::MIN))
    };
    let wall = exact.or_else(day).ok_or(EXPECTED)?;
    // In which order a zone names the two is its own affair.
    let times = match zone.from_local_datetime(&wall) {
        MappedLocalTime::Single(time) => [Some(time), None],
        MappedLocalTime::Ambiguous(one, other) => [Some(one), Some(other)],
        MappedLocalTime::None => [None, None],
    };
    match times.iter().flatten().map(DateTime::timestamp_micros).min() {
        Some(time) => Ok(Some(time)),
        None => Err(format!("{text} never was: the clocks here were set forward over it")),
    }
}

#[cfg(test)]
mod tests {
    use chrono::FixedOffset;

    use super::*;

    const NOW: i64 = 1_795_564_800_000_000; // 2026-11-25T00:00:00Z

    fn shown(text: &str) -> Result<String, String> {
        let zone = FixedOffset::east_opt(2 * 3600).ok_or("no zone")?;
        parse(text, NOW, &zone).map(|time| time.to_string())
    }

    #[test]
    fn each_way_to_write_a_time_means_what_it_says() {
        for (given, meant) in [
            ("2026-11-21T08:00:00Z", "2026-11-21T08:00:00.000000Z"),
            ("2026-11-21T08:00:00.25Z", "2026-11-21T08:00:00.250000Z"),
            ("2026-11-21T08:00:00-05:00", "2026-11-21T13:00:00.000000Z"),
            ("2026-11-21", "2026-11-20T22:00:00.000000Z"),
            ("2026-11-21T08:00", "2026-11-21T06:00:00.000000Z"),
            ("2026-11-21 08:00:01", "2026-11-21T06:00:01.000000Z"),
            ("7d", "2026-11-18T00:00:00.000000Z"),
            ("90m", "2026-11-24T22:30:00.000000Z"),
        ] {
            assert_eq!(shown(given).as_deref(), Ok(meant), "{given}");
        }
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for given in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-02-30",
            "7",
            "1969-12-31",
            "10000-01-01",
            "99999d",
        ] {
            let refused = shown(given).unwrap_err();
            assert!(refused.contains("expected a time like"), "{given}: {refused}");
        }
    }
}
