//! Numbers, compared as they are written: a float would make two of one.

use std::cmp::Ordering;

/// A number as JSON writes it, of any size. What is compared is its value, exactly.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decimal<'a> {
    negative: bool,
    /// Digits before the point and behind it; together they begin with a digit that isn't 0, unless it is zero.
    whole: &'a [u8],
    fraction: &'a [u8],
    /// So many digits stand before the point, if the digits are the number's first ones.
    point: i64,
}

impl<'a> Decimal<'a> {
    /// A number that passed JSON's grammar.
    pub(crate) fn new(text: &'a str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let zeros = |digits: &str| digits.len() - digits.trim_start_matches('0').len();
        let point = exponent_of(exponent).saturating_add(whole.len() as i64);
        let leading = zeros(whole);
        if leading < whole.len() {
            let (whole, fraction) = (&whole.as_bytes()[leading..], fraction.as_bytes());
            return Self { negative, whole, fraction, point: point.saturating_sub(leading as i64) };
        }
        let behind = zeros(fraction);
        let fraction = &fraction.as_bytes()[behind..];
        let point = point.saturating_sub((leading + behind) as i64);
        Self { negative, whole: b"", fraction, point }
    }

    fn digits(&self) -> impl Iterator<Item = u8> + use<'a> {
        self.whole.iter().chain(self.fraction).copied()
    }

    fn is_zero(&self) -> bool {
        self.whole.is_empty() && self.fraction.is_empty()
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        self.point.cmp(&other.point).then_with(|| {
            let (mut ours, mut theirs) = (self.digits(), other.digits());
            loop {
                let (our, their) = (ours.next(), theirs.next());
                if our.is_none() && their.is_none() {
                    return Ordering::Equal;
                }
                // Zeros at the end say nothing.
                let order = our.unwrap_or(b'0').cmp(&their.unwrap_or(b'0'));
                if order.is_ne() {
                    return order;
                }
            }
        })
    }

    /// How two numbers stand to each other.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        match (self.is_zero(), other.is_zero()) {
            (true, true) => return Ordering::Equal,
            (true, false) => {
                return if other.negative { Ordering::Greater } else { Ordering::Less };
            }
            (false, true) => return if self.negative { Ordering::Less } else { Ordering::Greater },
            (false, false) => {}
        }
        match (self.negative, other.negative) {
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
        }
    }
}

/// An exponent, kept within what can be added to: a number of that size has no room in any line.
fn exponent_of(text: &str) -> i64 {
    let far = i64::MAX / 4;
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let size = digits.bytes().fold(0_i64, |size, digit| {
        size.saturating_mul(10).saturating_add(i64::from(digit - b'0')).min(far)
    });
    if negative { -size } else { size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn compare(a: &str, b: &str) -> Ordering {
        Decimal::new(a).compare(&Decimal::new(b))
    }

    #[test]
    fn numbers_of_one_value_are_equal_however_they_are_written() {
        let groups: [&[&str]; 6] = [
            &["-1e400"],
            &["-0.5", "-5e-1", "-50E-2"],
            &["0", "-0", "0.000", "0e99999999999999999999", "-0.0e-5"],
            &["403", "403.0", "4.03e2", "40300e-2", "0.403E+3", "403.000e0"],
            &["9007199254740993", "9007199254740993.0", "9.007199254740993e15"],
            &["1e400", "10e399", "0.1e401"],
        ];
        for (at, group) in groups.iter().enumerate() {
            for (other_at, other) in groups.iter().enumerate() {
                for (a, b) in group.iter().flat_map(|a| other.iter().map(move |b| (a, b))) {
                    assert_eq!(compare(a, b), at.cmp(&other_at), "{a} {b}");
                }
            }
        }
        assert_eq!(compare("9007199254740992", "9007199254740993"), Ordering::Less);
        assert_eq!(compare("1e99999999999999999999", "1e400"), Ordering::Greater);
        assert_eq!(compare("1e-99999999999999999999", "1e-400"), Ordering::Less);
    }

    proptest! {
        #[test]
        fn numbers_compare_as_what_they_mean(a in -99_999_i64..99_999, b in -99_999_i64..99_999, s in 0..5_usize, t in 0..5_usize) {
            // a / 10^s and b / 10^t
            let text = |n: i64, s: usize| {
                let digits = format!("{:0>width$}", n.abs(), width = s + 1);
                let (whole, fraction) = digits.split_at(digits.len() - s);
                let point = if s > 0 { "." } else { "" };
                format!("{}{whole}{point}{fraction}", if n < 0 { "-" } else { "" })
            };
            let meant = (a * 10_i64.pow(t as u32)).cmp(&(b * 10_i64.pow(s as u32)));
            prop_assert_eq!(compare(&text(a, s), &text(b, t)), meant);
            prop_assert_eq!(compare(&format!("{a}e-{s}"), &format!("{b}E-{t}")), meant);
        }
    }
}
