//! One seal of a chain.

use std::fmt;
use std::str::FromStr;

use auditseal_merkle::Hash;

use crate::seal::MAX_SEQ;

/// `<seq>:<hash>`: a seal's place in its chain, and which seal it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SealId {
    /// Place in the chain.
    pub seq: u64,
    /// Hash of the note.
    pub hash: Hash,
}

impl fmt::Display for SealId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for SealId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (seq, hash) = text.split_once(':').ok_or(())?;
        let id = Self { seq: Self::seq(seq).ok_or(())?, hash: hash.parse().map_err(|_| ())? };
        if id.to_string() == text { Ok(id) } else { Err(()) }
    }
}

impl SealId {
    /// Reads a place alone: a number without sign and leading zeros, up to [`MAX_SEQ`].
    #[must_use]
    pub fn seq(text: &str) -> Option<u64> {
        let seq: u64 = text.parse().ok()?;
        (seq <= MAX_SEQ && seq.to_string() == text).then_some(seq)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_has_one_name() {
        let hash = "a7".repeat(32);
        let good = format!("999999999999:{hash}");
        assert_eq!(good.parse::<SealId>().unwrap().to_string(), good);
        for bad in [
            format!("1000000000000:{hash}"),
            format!("01:{hash}"),
            format!("+1:{hash}"),
            format!("-1:{hash}"),
            format!(":{hash}"),
            format!("1:{}", hash.to_uppercase()),
            format!("1:{}", &hash[1..]),
            format!("1:{hash}0"),
            "1".to_owned(),
            "1:".to_owned(),
        ] {
            assert!(bad.parse::<SealId>().is_err(), "{bad}");
        }
    }
}
