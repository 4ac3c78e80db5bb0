//! Times and sizes for people.

use std::time::Duration;

const DAY: u64 = 86_400;

/// `365 days`, `36 hours`, `5 minutes`, `12 s`: the largest unit that keeps two digits.
pub(crate) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (count, unit) = match seconds {
        0..120 => return format!("{seconds} s"),
        120..7200 => (seconds / 60, "minutes"),
        7200..172_800 => (seconds / 3600, "hours"),
        _ => (seconds / DAY, "days"),
    };
    format!("{count} {unit}")
}

/// Whole days, not fewer than `time` has.
pub(crate) fn days(time: Duration) -> u64 {
    time.as_secs().div_ceil(DAY)
}

/// `12.3 GiB`.
pub(crate) fn size(bytes: u64) -> String {
    let mut value = bytes as f64;
    let mut units = ["B", "KiB", "MiB", "GiB", "TiB"].into_iter();
    let mut unit = units.next().unwrap_or_default();
    for next in units {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    if unit == "B" { format!("{bytes} B") } else { format!("{value:.1} {unit}") }
}

/// A time in UTC, to the second.
pub(crate) fn date(micros: i64) -> String {
    let since = Duration::from_micros(u64::try_from(micros).unwrap_or(0));
    // Past the year 9999 the library panics.
    let since = since.min(Duration::from_secs(253_402_300_799));
    humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_and_true() {
        for (seconds, text) in [
            (0, "0 s"),
            (119, "119 s"),
            (120, "2 minutes"),
            (7200, "2 hours"),
            (31_536_000, "365 days"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), text);
        }
        assert_eq!(days(Duration::from_secs(DAY + 1)), 2);
        assert_eq!(
            (size(5), size(1536), size(3 << 30)),
            ("5 B".into(), "1.5 KiB".into(), "3.0 GiB".into())
        );
        assert_eq!(date(1_792_567_680_000_000), "2026-10-21T07:28:00Z");
        assert_eq!(date(i64::MAX), "9999-12-31T23:59:59Z");
    }
}
