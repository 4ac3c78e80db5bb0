//! Times and sizes as people write them.

use std::time::Duration;

/// `5s`, `1m 30s`, `250ms`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let duration = humantime::parse_duration(text)
        .map_err(|_| "expected a time like 250ms, 5s or 1m 30s".to_owned())?;
    if duration < Duration::from_millis(10) {
        return Err("shorter than 10ms".to_owned());
    }
    if duration > Duration::from_secs(30 * 86_400) {
        return Err("longer than 30 days".to_owned());
    }
    Ok(duration)
}

/// `365d`, `7years`: a time that something is locked for.
pub(crate) fn retention(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|_| "expected a time like 365d or 7years".to_owned())?;
    let longest = Duration::from_secs(36_500 * 86_400);
    match time.as_secs() {
        0 => Err("shorter than a second".to_owned()),
        _ if time > longest => Err("longer than 36500 days, which no store takes".to_owned()),
        _ => Ok(time),
    }
}

/// `16MiB`, `1GiB`, or bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let wrong = || "expected a size like 16MiB (B, KiB, MiB, GiB)".to_owned();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = text.get(digits.len()..).unwrap_or_default();
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = digits.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).filter(|n| *n > 0).ok_or_else(|| "out of range".to_owned())
}

/// A size of a batch: it is compressed in memory, and goes out in one request.
pub(crate) fn batch_size(text: &str) -> Result<u64, String> {
    let size = size(text)?;
    if size > 1 << 30 { Err("larger than 1GiB".to_owned()) } else { Ok(size) }
}

/// A size for people.
pub(crate) fn show_size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
