//! What can go wrong, and where.

use std::path::{Path, PathBuf};
use std::{fmt, io};

/// A failed operation on the state directory.
#[derive(Debug)]
pub enum Error {
    /// Another process holds the lock.
    Locked(PathBuf),
    /// An operation of the file system failed.
    Io {
        /// What was tried, as verb and object.
        what: &'static str,
        /// On which path.
        path: PathBuf,
        /// Why it failed.
        cause: io::Error,
    },
    /// A file isn't what this program writes.
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// A file of the format as it was before anything was released.
    Earlier {
        /// The file.
        path: PathBuf,
    },
}

impl Error {
    pub(crate) fn io<'a>(
        what: &'static str,
        path: &'a Path,
    ) -> impl FnOnce(io::Error) -> Self + 'a {
        move |cause| Self::Io { what, path: path.to_owned(), cause }
    }

    /// Whether nothing is wrong but that the disk, or its user's share of it, is full.
    #[must_use]
    pub fn is_full(&self) -> bool {
        use io::ErrorKind::{QuotaExceeded, StorageFull};
        matches!(self, Self::Io { cause, .. } if matches!(cause.kind(), StorageFull | QuotaExceeded))
    }

    /// What might help.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Locked(_) => Some("give each auditseal process a state directory of its own"),
            Self::Io { cause, .. } if cause.kind() == io::ErrorKind::PermissionDenied => {
                Some("the state directory must be writable by the user that auditseal runs as")
            }
            Self::Io { .. } if self.is_full() => {
                Some("make room on the file system of the state directory")
            }
            Self::Io { .. } | Self::Earlier { .. } => None,
            Self::Corrupt { .. } => {
                Some("move the chain's directory away: auditseal goes on from what is in the store")
            }
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Locked(path) => {
                write!(f, "lock state directory {}: another process holds it", path.display())
            }
            Self::Io { what, path, cause } => write!(f, "{what} {}: {cause}", path.display()),
            Self::Corrupt { path, what } => write!(f, "read {}: {what}", path.display()),
            Self::Earlier { path } => {
                write!(f, "read {}: {}", path.display(), auditseal_format::EARLIER)
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { cause, .. } => Some(cause),
            _ => None,
        }
    }
}
