//! Dates as the clouds write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
/// The first second of the year 10000, which no store's format can write.
const END: u64 = 253_402_300_800;

/// Reads a date in either form that the stores use, `2026-10-21T07:28:00.123Z` or
/// `Wed, 21 Oct 2026 07:28:00 GMT`, as microseconds since the Unix epoch.
pub(crate) fn parse(text: &str) -> Option<i64> {
    let text = text.trim();
    let iso = match text.strip_suffix(" GMT") {
        Some(http) => iso_of(http)?,
        None => match text.strip_suffix("+00:00") {
            Some(start) => format!("{start}Z"),
            None => text.to_owned(),
        },
    };
    let time = humantime::parse_rfc3339(&iso).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}

/// Microseconds since the Unix epoch; 0 before it.
pub(crate) fn micros(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

fn iso_of(http: &str) -> Option<String> {
    let mut words = http.split(' ').skip(1);
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    words.next().is_none().then(|| format!("{year}-{month:02}-{day}T{time}Z"))
}

/// The first whole second that isn't before `time`, `2026-10-21T07:28:00Z`: a retention may end
/// later than demanded, never earlier.
pub(crate) fn iso(time: SystemTime) -> Option<String> {
    let time = time.duration_since(UNIX_EPOCH).ok()?;
    let seconds = time.as_secs() + u64::from(time.subsec_nanos() > 0);
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    (seconds < END).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

/// As [`iso`], in HTTP's form: `Wed, 21 Oct 2026 07:28:00 GMT`.
pub(crate) fn http(time: SystemTime) -> Option<String> {
    let iso = iso(time)?;
    let seconds = humantime::parse_rfc3339(&iso).ok()?.duration_since(UNIX_EPOCH).ok()?.as_secs();
    let weekday = DAYS.get(usize::try_from(seconds / 86_400 % 7).ok()?)?;
    let (date, clock) = iso.strip_suffix('Z')?.split_once('T')?;
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    let month = MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?)?;
    Some(format!("{weekday}, {day} {month} {year} {clock} GMT"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_are_read() {
        for text in [
            "2026-10-21T07:28:00Z",
            "2026-10-21T07:28:00.000Z",
            "2026-10-21T07:28:00+00:00",
            "Wed, 21 Oct 2026 07:28:00 GMT",
        ] {
            assert_eq!(parse(text), Some(1_792_567_680_000_000), "{text}");
        }
        assert_eq!(parse("2026-10-21T07:28:00.123Z"), Some(1_792_567_680_123_000));
        for text in
            ["", "now", "2026-10-21", "Wed, 21 Okt 2026 07:28:00 GMT", "1960-01-01T00:00:00Z"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn written_dates_round_up_and_read_back() {
        let whole = UNIX_EPOCH + Duration::from_secs(1_792_567_680);
        assert_eq!(iso(whole).unwrap(), "2026-10-21T07:28:00Z");
        assert_eq!(iso(whole + Duration::from_nanos(1)).unwrap(), "2026-10-21T07:28:01Z");
        assert_eq!(http(whole).unwrap(), "Wed, 21 Oct 2026 07:28:00 GMT");
        for day in 0..40_000_u64 {
            let time = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 1);
            let micros = i64::try_from(day * 86_400 + 1).unwrap() * 1_000_000;
            assert_eq!(parse(&http(time).unwrap()), Some(micros));
        }
        assert_eq!(iso(UNIX_EPOCH + Duration::from_secs(END)), None);
        assert_eq!(iso(UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
