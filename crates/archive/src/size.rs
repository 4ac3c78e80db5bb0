//! Numbers of bytes, for people.

/// A number of bytes in at most six characters.
pub(crate) fn short(bytes: u64) -> String {
    let mut unit = 0;
    let mut value = bytes as f64;
    while value >= 999.5 && unit < 6 {
        value /= 1024.0;
        unit += 1;
    }
    match (unit, ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].get(unit)) {
        (0, _) | (_, None) => bytes.to_string(),
        (_, Some(name)) if value < 9.95 => format!("{value:.1}{name}"),
        (_, Some(name)) => format!("{value:.0}{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        for (bytes, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1.0Ki"),
            (16 << 20, "16Mi"),
            (1_048_000, "1.0Mi"),
            (u64::MAX, "16Ei"),
        ] {
            assert_eq!(short(bytes), text);
            assert!(short(bytes).len() <= 6);
        }
    }
}
