//! Times as bodies and people write them.

use auditseal_audit::Time;

/// Microseconds of a second.
const SECOND: i64 = 1_000_000;

/// A time by RFC 3339, with any offset from UTC; what is finer than a microsecond is left out. `None`: it is none, or
/// it is before 1970.
pub(crate) fn time_of(text: &str) -> Option<Time> {
    if let Some(time) = Time::certain(text.as_bytes()) {
        return Some(time);
    }
    let (local, offset) = text.split_at_checked(text.len().checked_sub(6)?)?;
    let time = Time::certain(format!("{local}Z").as_bytes())?;
    let (sign, offset) = offset.split_at_checked(1)?;
    let (hours, minutes) = offset.split_once(':')?;
    let number = |text: &str, below: i64| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<i64>().ok().filter(|number| digits && *number < below)
    };
    let seconds = number(hours, 24)? * 3600 + number(minutes, 60)? * 60;
    match sign {
        "+" => Some(time.saturating_add(-seconds * SECOND)),
        "-" => Some(time.saturating_add(seconds * SECOND)),
        _ => None,
    }
}

/// A length of time as CEL and Go write it, in microseconds: `1h30m`, `1.5s`, `-200ms`. What is finer is left out.
/// `None`: it is none, or has no room.
pub(crate) fn micros_of(text: &str) -> Option<i64> {
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    if rest.is_empty() {
        return None;
    }
    let mut nanos = 0_i128;
    while !rest.is_empty() {
        let behind = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, more) = rest.split_at(behind);
        let ends = more.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(more.len());
        let (unit, more) = more.split_at(ends);
        let unit: i128 = match unit {
            "h" => 3_600_000_000_000,
            "m" => 60_000_000_000,
            "s" => 1_000_000_000,
            "ms" => 1_000_000,
            "us" | "µs" => 1000,
            "ns" => 1,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        if whole.len() + fraction.len() == 0 || whole.len() > 15 || fraction.len() > 12 {
            return None;
        }
        let value =
            |digits: &str| if digits.is_empty() { Some(0) } else { digits.parse::<i128>().ok() };
        let part = value(fraction)? * unit / 10_i128.pow(fraction.len() as u32);
        nanos += value(whole)? * unit + part;
        rest = more;
    }
    let micros = i64::try_from(nanos / 1000).ok()?;
    Some(if negative { -micros } else { micros })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_the_same_with_any_offset() {
        let utc = time_of("2026-11-30T06:00:00.5Z").unwrap();
        for same in [
            "2026-11-30T06:00:00.500000Z",
            "2026-11-30T07:30:00.5+01:30",
            "2026-11-29T23:00:00.5-07:00",
        ] {
            assert_eq!(time_of(same), Some(utc), "{same}");
        }
        for none in [
            "",
            "2026-11-30",
            "2026-11-30T06:00:00",
            "2026-11-30T06:00:00+1:00",
            "2026-11-30T06:00:00*01:00",
            "2026-11-30T06:00:00+24:00",
            "2026-11-30T06:00:00+-1:00",
            "2026-11-30T06:00:0é+01:00",
        ] {
            assert_eq!(time_of(none), None, "{none}");
        }
    }

    #[test]
    fn lengths_of_time_are_read_as_go_writes_them() {
        for (text, micros) in [
            ("5s", 5_000_000),
            ("1h30m", 5_400_000_000),
            ("1.5s", 1_500_000),
            ("-200ms", -200_000),
            (".5s", 500_000),
            ("1500ns", 1),
            ("2µs3us", 5),
            ("0s", 0),
        ] {
            assert_eq!(micros_of(text), Some(micros), "{text}");
        }
        for none in [
            "",
            "-",
            "5",
            "s",
            "5d",
            "1..5s",
            ".s",
            "99999999999999999s",
            "999999999999999h",
            "+5s",
        ] {
            assert_eq!(micros_of(none), None, "{none}");
        }
    }
}
