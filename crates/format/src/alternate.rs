//! The names of the keys that a seal goes to where its own key is taken.

use std::fmt::{self, Write as _};

use auditseal_merkle::{Hash, hash};
use auditseal_note::Signer;

use crate::Origin;

/// First line of the text whose signature names an alternate: no note begins so, and no name can
/// be taken for a seal's signature.
const VERSION: &str = "auditseal/alternate/v1";

/// One of a seal's alternate keys: FORMAT.md, "Keys of objects". Without the signing key nobody can
/// tell which comes next; whoever has it always comes to the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Alternate(u64);

impl Alternate {
    /// The `k`-th alternate, from 1, of the object at `seq` that follows the note with hash `prev`.
    /// `signer` is the one whose key signs that seq.
    #[must_use]
    pub fn new(signer: &dyn Signer, origin: &Origin, seq: u64, prev: Option<Hash>, k: u32) -> Self {
        let prev = prev.map_or_else(|| "-".to_owned(), |prev| prev.to_string());
        let mut text = String::new();
        // Writing to a String can't fail.
        writeln!(text, "{VERSION}\norigin {origin}\nseq {seq}\nprev {prev}\nalternate {k}")
            .expect("write to a string");
        let named = hash(&signer.signature(&text));
        let [a, b, c, d, e, f, g, h, ..] = *named.as_bytes();
        Self(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
    }

    /// Reads 16 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let name = Self(u64::from_str_radix(text, 16).ok()?);
        (name.to_string() == text).then_some(name)
    }
}

impl fmt::Display for Alternate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl fmt::Debug for Alternate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
