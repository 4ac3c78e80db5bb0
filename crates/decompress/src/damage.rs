//! How a compressed file can end early, and in what words that is said.

use std::{fmt, io};

use crate::codec::Codec;

/// Why nothing more can be had of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DamageKind {
    /// It just ends; it may be about to grow.
    Truncated,
    /// Its bytes aren't what the codec's compressor makes, or a checksum is wrong.
    Corrupt,
    /// It can't be decoded in 128 MiB of memory. It may be whole.
    TooLarge,
}

/// How a compressed file ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// What its name promises.
    pub codec: Codec,
    /// Uncompressed bytes that could be read.
    pub good: u64,
    /// Uncompressed bytes of whole members. Their checksums were seen to be right, where the
    /// compressor wrote any: all do, unless told not to.
    pub verified: u64,
    /// Why.
    pub kind: DamageKind,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = match self.kind {
            DamageKind::Truncated => "ends early",
            DamageKind::Corrupt => "is corrupt",
            DamageKind::TooLarge => "needs more than 128 MiB of memory",
        };
        write!(f, "{} file {how} after {} uncompressed bytes", self.codec.name(), self.good)
    }
}

/// Uncompressed bytes can't be read.
#[derive(Debug)]
pub enum Error {
    /// What the reader answered; it may be another answer later.
    Io(io::Error),
    /// The file is damaged: the same answer for ever, unless the file changes.
    Damaged(Damage),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "read compressed file: {error}"),
            Self::Damaged(damage) => damage.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Damaged(_) => None,
        }
    }
}
