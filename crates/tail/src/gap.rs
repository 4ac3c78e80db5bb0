//! What is lost, and why.

use std::ffi::OsString;

use auditseal_decompress::Codec;
use auditseal_format::{Anchor, FileId};

/// Why source bytes are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GapReason {
    /// The file was gone before it was read (to its end).
    DeletedBeforeRead,
    /// The file was cut short, or cut and written anew, in place.
    Truncated,
    /// The disk reports an error for these bytes.
    Unreadable,
    /// A gzip file is cut short or corrupt.
    GzipDamaged,
    /// Another compressed file is, or it can't be decoded in the memory that is allowed.
    Undecodable,
    /// Another file stands where this one was.
    Replaced,
    /// Unlinked files held more disk than allowed, or it was nearly full: the oldest was given up.
    Budget,
    /// Nobody watched for so long that none of the files known before is left: any number of
    /// others may have come and gone.
    Unseen,
    /// A file with one of the log's names isn't opened: a link, or a stranger's.
    Refused,
    /// The file isn't found; it may lie there under a name that isn't known for a backup's.
    Unrecognised,
}

impl GapReason {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::DeletedBeforeRead,
        Self::Truncated,
        Self::Unreadable,
        Self::GzipDamaged,
        Self::Undecodable,
        Self::Replaced,
        Self::Budget,
        Self::Unseen,
        Self::Refused,
        Self::Unrecognised,
    ];

    /// For a compressed file of which nothing more can be had, by what its name promises.
    #[must_use]
    pub const fn of_damaged(codec: Codec) -> Self {
        match codec {
            Codec::Gzip => Self::GzipDamaged,
            Codec::Zstd | Codec::Xz | Codec::Bzip2 => Self::Undecodable,
        }
    }

    /// The word for it in notes and metrics.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::DeletedBeforeRead => "deleted-before-read",
            Self::Truncated => "truncated",
            Self::Unreadable => "unreadable",
            Self::GzipDamaged => "gzip-damaged",
            Self::Undecodable => "undecodable",
            Self::Replaced => "replaced",
            Self::Budget => "budget",
            Self::Unseen => "unseen",
            Self::Refused => "refused",
            Self::Unrecognised => "unrecognised",
        }
    }
}

/// Source bytes that were there and can't be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gap {
    /// The file, if its identity was ever known.
    pub file: Option<FileId>,
    /// Its last known base name.
    pub name: OsString,
    /// First lost byte, if known; always known when `file` is.
    pub start: Option<u64>,
    /// Byte after the last one known to be lost; `None`: unknown.
    pub end: Option<u64>,
    /// The anchor there, where reading goes on behind the loss.
    pub anchor: Option<Anchor>,
    /// Why.
    pub reason: GapReason,
}

impl Gap {
    /// A file whose identity was never known, from its first byte on.
    pub(crate) fn unidentified(name: OsString, end: Option<u64>, reason: GapReason) -> Self {
        Self { file: None, name, start: Some(0), end, anchor: None, reason }
    }
}
