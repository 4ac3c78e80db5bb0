//! Sets of IP addresses, as sorted ranges.

// `core::net` are the types alone: nothing here reaches a network.
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

use super::Unclear;

/// Blocks that are named of one set; more are counted.
const NAMED: usize = 6;

type Ranges = Vec<(u128, u128)>;

/// Addresses of both families.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Addresses {
    four: Ranges,
    six: Ranges,
}

const LAST4: u128 = u32::MAX as u128;

impl Addresses {
    /// Every address.
    #[must_use]
    pub fn all() -> Self {
        Self { four: vec![(0, LAST4)], six: vec![(0, u128::MAX)] }
    }

    /// These alone.
    #[must_use]
    pub fn of(each: impl IntoIterator<Item = IpAddr>) -> Self {
        let (mut four, mut six) = (Vec::new(), Vec::new());
        for address in each {
            match address {
                IpAddr::V4(address) => four.push(u128::from(u32::from(address))),
                IpAddr::V6(address) => six.push(u128::from(address)),
            }
        }
        Self { four: ranges(four), six: ranges(six) }
    }

    /// Reads a block such as `10.0.0.0/8`; bits behind the prefix don't count.
    ///
    /// # Errors
    /// [`Unclear::Block`].
    pub fn block(text: &str) -> Result<Self, Unclear> {
        let bad = || Unclear::Block(text.to_owned());
        let (address, bits) = text.split_once('/').ok_or_else(bad)?;
        let address: IpAddr = address.parse().map_err(|_| bad())?;
        let bits: u32 = bits.parse().map_err(|_| bad())?;
        let (first, width) = match address {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        if bits > width {
            return Err(bad());
        }
        let free = u128::MAX.checked_shr(128 - (width - bits)).unwrap_or(0);
        let range = vec![(first & !free, first | free)];
        Ok(match address {
            IpAddr::V4(_) => Self { four: range, six: Vec::new() },
            IpAddr::V6(_) => Self { four: Vec::new(), six: range },
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.four.is_empty() && self.six.is_empty()
    }

    /// Whether it is every one.
    #[must_use]
    pub fn is_all(&self) -> bool {
        *self == Self::all()
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        Self { four: both(&self.four, &other.four), six: both(&self.six, &other.six) }
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        Self { four: without(&self.four, &other.four), six: without(&self.six, &other.six) }
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        // What is added is what isn't there yet.
        let more = other.minus(self);
        let join = |one: &Ranges, other: &Ranges| {
            let mut all: Ranges = one.iter().chain(other).copied().collect();
            all.sort_unstable();
            all.into_iter().fold(Ranges::new(), |mut joined, (from, to)| {
                match joined.last_mut() {
                    Some(last) if last.1.checked_add(1) == Some(from) => last.1 = to,
                    _ => joined.push((from, to)),
                }
                joined
            })
        };
        Self { four: join(&self.four, &more.four), six: join(&self.six, &more.six) }
    }

    /// Whether this is one of them.
    #[must_use]
    pub fn holds(&self, address: IpAddr) -> bool {
        let (ranges, number) = match address {
            IpAddr::V4(address) => (&self.four, u128::from(u32::from(address))),
            IpAddr::V6(address) => (&self.six, u128::from(address)),
        };
        ranges.iter().any(|(from, to)| (*from..=*to).contains(&number))
    }
}

/// Numbers as ranges.
fn ranges(mut numbers: Vec<u128>) -> Ranges {
    numbers.sort_unstable();
    numbers.into_iter().fold(Ranges::new(), |mut all, number| {
        match all.last_mut() {
            Some(last) if last.1 == number || last.1.checked_add(1) == Some(number) => {
                last.1 = number;
            }
            _ => all.push((number, number)),
        }
        all
    })
}

fn both(one: &Ranges, other: &Ranges) -> Ranges {
    let meets = |a: &(u128, u128), b: &(u128, u128)| (a.0.max(b.0), a.1.min(b.1));
    let all = one.iter().flat_map(|a| other.iter().map(move |b| meets(a, b)));
    all.filter(|(from, to)| from <= to).collect()
}

fn without(one: &Ranges, other: &Ranges) -> Ranges {
    other.iter().fold(one.clone(), |left, (from, to)| {
        let mut rest = Ranges::new();
        for (start, end) in left {
            if start < *from {
                rest.push((start, end.min(from.saturating_sub(1))));
            }
            if end > *to {
                rest.push((start.max(to.saturating_add(1)), end));
            }
        }
        rest
    })
}

/// A range as blocks.
fn blocks(range: (u128, u128), width: u32, into: &mut Vec<String>) {
    let (mut at, last) = range;
    loop {
        // The largest block that begins here and ends in the range.
        let fits = |bits: &u32| {
            let free = u128::MAX.checked_shr(128 - bits).unwrap_or(0);
            at & free == 0 && at.checked_add(free).is_some_and(|end| end <= last)
        };
        let bits = (0..=width).rev().find(fits).unwrap_or(0);
        let address = match u32::try_from(at) {
            Ok(four) if width == 32 => IpAddr::V4(Ipv4Addr::from(four)),
            _ => IpAddr::V6(Ipv6Addr::from(at)),
        };
        into.push(format!("{address}/{}", width - bits));
        let free = u128::MAX.checked_shr(128 - bits).unwrap_or(0);
        match at.checked_add(free).and_then(|end| end.checked_add(1)) {
            Some(next) if next <= last => at = next,
            _ => return,
        }
    }
}

impl Addresses {
    /// All of them as blocks, none of which has an address more: those of IPv4 first, each family in order.
    #[must_use]
    pub fn blocks(&self) -> Vec<String> {
        let mut all = Vec::new();
        self.four.iter().for_each(|range| blocks(*range, 32, &mut all));
        self.six.iter().for_each(|range| blocks(*range, 128, &mut all));
        all
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("any address");
        }
        let mut names = Vec::new();
        let families = [(&self.four, 32, LAST4), (&self.six, 128, u128::MAX)];
        for (ranges, width, last) in families {
            let gaps = without(&vec![(0, last)], ranges);
            let (mut plain, mut holes) = (Vec::new(), Vec::new());
            ranges.iter().for_each(|range| blocks(*range, width, &mut plain));
            gaps.iter().for_each(|gap| blocks(*gap, width, &mut holes));
            // "Everything but one block" is shorter said so.
            if !ranges.is_empty() && holes.len() < plain.len() {
                let whole = if width == 32 { "0.0.0.0/0" } else { "::/0" };
                let but =
                    if holes.is_empty() { String::new() } else { format!(" but {}", few(&holes)) };
                names.push(format!("{whole}{but}"));
            } else if !plain.is_empty() {
                names.push(few(&plain));
            }
        }
        f.write_str(&names.join(", "))
    }
}

fn few(names: &[String]) -> String {
    match names.len().checked_sub(NAMED) {
        Some(more) if more > 0 => format!("{} and {more} more blocks", names[..NAMED].join(", ")),
        _ => names.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_read_taken_apart_and_said() {
        let block = |text| Addresses::block(text).unwrap();
        for (set, text) in [
            (block("10.1.2.3/8"), "10.0.0.0/8"),
            (block("0.0.0.0/0"), "0.0.0.0/0"),
            (
                block("0.0.0.0/0").minus(&block("169.254.169.254/32")),
                "0.0.0.0/0 but 169.254.169.254/32",
            ),
            (block("10.0.0.0/24").minus(&block("10.0.0.0/25")), "10.0.0.128/25"),
            (block("10.0.0.0/25").or(&block("10.0.0.128/25")), "10.0.0.0/24"),
            (block("2001:db8::/32"), "2001:db8::/32"),
            (block("::/0").or(&block("0.0.0.0/0")), "any address"),
            (block("255.255.255.255/32"), "255.255.255.255/32"),
            (
                Addresses::of(
                    ["10.0.0.3", "10.0.0.2", "::1", "10.0.0.2"].map(|ip| ip.parse().unwrap()),
                ),
                "10.0.0.2/31, ::1/128",
            ),
            (
                block("10.0.0.0/24").minus(&block("10.0.0.85/32")),
                "10.0.0.0/26, 10.0.0.64/28, 10.0.0.80/30, 10.0.0.84/32, 10.0.0.86/31, 10.0.0.88/29 and 2 more blocks",
            ),
        ] {
            assert_eq!(set.to_string(), text);
        }
        assert!(block("10.0.0.0/8").and(&block("11.0.0.0/8")).is_none());
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "10.0.0.0/-1", "::/129"] {
            assert!(Addresses::block(text).is_err(), "{text}");
        }
    }
}
