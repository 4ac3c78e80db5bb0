//! Times, microseconds since the Unix epoch, as the clouds write them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A day, microseconds.
pub const DAY: i64 = 86_400_000_000;

fn system(micros: i64) -> SystemTime {
    UNIX_EPOCH + Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}

fn micros(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_micros()).ok()
}

/// This machine's time.
#[must_use]
pub fn now() -> i64 {
    micros(SystemTime::now()).unwrap_or(0)
}

/// `2026-10-21T07:28:00.000Z`
pub(crate) fn iso(micros: i64) -> String {
    humantime::format_rfc3339_millis(system(micros)).to_string()
}

/// `Wed, 21 Oct 2026 07:28:00 GMT`
pub(crate) fn http(micros: i64) -> String {
    httpdate::fmt_http_date(system(micros))
}

pub(crate) fn of_http(text: &str) -> Option<i64> {
    micros(httpdate::parse_http_date(text).ok()?)
}

pub(crate) fn of_iso(text: &str) -> Option<i64> {
    micros(humantime::parse_rfc3339(text.trim()).ok()?)
}

/// `20261021T072800Z`
pub(crate) fn of_amz(text: &str) -> Option<i64> {
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(9, 11)?, part(11, 13)?, part(13, 15)?);
    of_iso(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}
