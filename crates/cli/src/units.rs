//! Times and sizes as people write them.

use std::num::NonZeroU64;
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

/// How long an object is kept from being changed: `400d`, `2years`.
pub(crate) fn retention(text: &str) -> Result<Duration, String> {
    let wrong = || "expected a time in days, like 400d".to_owned();
    let duration = humantime::parse_duration(text).map_err(|_| wrong())?;
    if duration < Duration::from_secs(86_400) {
        return Err(format!("shorter than a day: {}", wrong()));
    }
    if duration > Duration::from_secs(36_500 * 86_400) {
        return Err("longer than 36500 days, the most that any store takes".to_owned());
    }
    Ok(duration)
}

/// `16MiB`, `1GiB`, or bytes.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    size_or_none(text).and_then(|n| if n > 0 { Ok(n) } else { Err("out of range".to_owned()) })
}

/// The same, or 0.
pub(crate) fn size_or_none(text: &str) -> Result<u64, String> {
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
    number.checked_mul(factor).ok_or_else(|| "out of range".to_owned())
}

/// A size of a batch: it is compressed in memory, and goes out in one request.
pub(crate) fn batch_size(text: &str) -> Result<u64, String> {
    let size = size(text)?;
    if size > 1 << 30 { Err("larger than 1GiB".to_owned()) } else { Ok(size) }
}

/// Bytes a second.
pub(crate) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let rate = size(text.strip_suffix("/s").unwrap_or(text))?;
    // A batch must go through before the process is told to stop, and killed.
    if rate < 64 << 10 {
        return Err("less than 64KiB".to_owned());
    }
    NonZeroU64::new(rate).ok_or_else(|| "out of range".to_owned())
}

/// A size for people.
pub(crate) fn show_size(bytes: u64) -> String {
    indicatif::BinaryBytes(bytes).to_string()
}
