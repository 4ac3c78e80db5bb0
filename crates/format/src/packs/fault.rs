//! What can be wrong with a pack whose bytes are the attested ones.

use std::fmt;

use crate::Fault;

/// Why a pack isn't what its attestation says, although its bytes are those that it binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackFault {
    /// Its frame header isn't the one that belongs.
    Header,
    /// libzstd can't decode it.
    Zstd(&'static str),
    /// It has more text than attested.
    TooLong,
    /// It has less.
    TooShort,
    /// Where the seal of this object should stand, counted from 0, stands none that holds.
    Seal(usize, Fault),
}

impl PackFault {
    pub(super) fn zstd(code: usize) -> Self {
        Self::Zstd(zstd::zstd_safe::get_error_name(code))
    }
}

impl fmt::Display for PackFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header => f.write_str("its frame header isn't the one that belongs"),
            Self::Zstd(what) => write!(f, "it doesn't decode: {what}"),
            Self::TooLong => f.write_str("it has more text than attested"),
            Self::TooShort => f.write_str("it has less text than attested"),
            Self::Seal(nth, fault) => write!(f, "object {nth} in it has no seal: {fault}"),
        }
    }
}

impl std::error::Error for PackFault {}
