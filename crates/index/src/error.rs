//! What makes an index unusable.

use std::fmt;

/// Why an index or a roll-up can't be used or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IndexError {
    /// The bytes don't begin as one of a version that is known here.
    Unknown,
    /// They end before they should.
    Short,
    /// They aren't what version 1 makes of any text; the words say where.
    Altered(&'static str),
    /// There is more of something than version 1 has room for; the words say what.
    TooMany(&'static str),
    /// There is no batch or pack to make it of.
    Empty,
    /// The pack's numbers aren't those of its index, or it doesn't follow the pack before.
    OutOfOrder,
}

impl fmt::Display for IndexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown => f.write_str(
                "not an index of version 1: it can't be used, and the packs are read without it",
            ),
            Self::Short => f.write_str(
                "the index is cut short: it can't be used, and the packs are read without it",
            ),
            Self::Altered(what) => write!(
                f,
                "the index was altered or made wrong ({what}): it can't be used, and the packs are read without it",
            ),
            Self::TooMany(what) => {
                write!(f, "{what}: no index of version 1 has room for that, and none is made")
            }
            Self::Empty => f.write_str("nothing to make an index of: none is made"),
            Self::OutOfOrder => f.write_str(
                "a pack doesn't follow the one before, or the index is another pack's: no roll-up is made",
            ),
        }
    }
}

impl std::error::Error for IndexError {}
