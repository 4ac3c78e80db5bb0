//! One of several parts of an estate, each of which another process checks.

use std::fmt;
use std::str::FromStr;

use auditseal_format::{Origin, hash};

/// Most parts of an estate.
const MOST: u32 = 10_000;

/// Part `index` of `of`. Which part a chain is in depends on its name and on `of` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    index: u32,
    of: u32,
}

impl Shard {
    /// All of an estate.
    pub const ALL: Self = Self { index: 0, of: 1 };

    /// Whether it is less than all.
    #[must_use]
    pub fn is_part(self) -> bool {
        self.of > 1
    }

    /// Whether a chain is in this part: by the first eight bytes of its name's hash, little-endian,
    /// modulo the number of parts.
    #[must_use]
    pub fn has(self, origin: &Origin) -> bool {
        let hash = hash(origin.to_string().as_bytes());
        let first = hash.as_bytes().iter().take(8).rev();
        let number = first.fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        number % u64::from(self.of) == u64::from(self.index)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `I/N`, `I` from 0 and below `N`.
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("expected I/N, as 0/4 to 3/4, with N up to {MOST}");
        let (index, of) = text.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.parse::<u32>().map_err(|_| wrong());
        let shard = Self { index: number(index)?, of: number(of)? };
        if shard.index < shard.of && shard.of <= MOST && shard.to_string() == text {
            Ok(shard)
        } else {
            Err(wrong())
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_chain_is_in_one_part_and_always_in_the_same() {
        let parts: Vec<Shard> =
            (0..7).map(|index| format!("{index}/7").parse().expect("a part")).collect();
        let mut counts = [0_usize; 7];
        for node in 0..1000 {
            let origin: Origin = format!("prod/cp-{node}/audit").parse().expect("an origin");
            let of: Vec<usize> = (0..7).filter(|part| parts[*part].has(&origin)).collect();
            assert_eq!(of.len(), 1, "{origin} is in {of:?}");
            counts[of[0]] += 1;
            assert!(Shard::ALL.has(&origin));
        }
        assert!(counts.iter().all(|count| (90..200).contains(count)), "{counts:?}");
        // What other programs and later versions must come to as well.
        let origin: Origin = "prod/cp-1/audit".parse().expect("an origin");
        let part = (0..4).find(|part| Shard { index: *part, of: 4 }.has(&origin));
        assert_eq!(part, Some(1));
    }

    #[test]
    fn a_part_is_one_of_as_many_as_there_are() {
        for text in ["0/1", "3/4", "9999/10000"] {
            assert_eq!(text.parse::<Shard>().map(|shard| shard.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "1", "1/1", "4/4", "-1/4", "+1/4", "01/4", "1/0", "0/0", "0/10001", "1/4/2"]
        {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
