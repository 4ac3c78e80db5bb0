//! What may still happen to a file, and what is known of its content.

use auditseal_format::FileId;

use crate::scan::Head;

/// Whether somebody may still write to the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// It has the live name, where the source's path leads now.
    Live,
    /// It has, or had last, a backup's name: with one writer it is closed.
    Rotated,
    /// It had the live name and lost it without getting a backup's that we saw, or the path leads
    /// elsewhere. The apiserver writes on, without an error, into a live file that was deleted.
    Deleted,
}

/// What is known of a carrier's content.
#[derive(Debug, Clone, Copy)]
pub(crate) enum State {
    /// Not identified yet.
    Unread,
    /// Identified; which account it belongs to is being found out.
    Identified(Head),
    /// An account reads from it.
    Active(FileId),
    /// It holds the same bytes as an account that reads from another carrier: a copy made by
    /// logrotate, or a compressed file whose plain one we still hold.
    Standby(FileId, Head),
}

impl State {
    /// The file whose bytes it holds, if that is known.
    pub(crate) fn file(self) -> Option<FileId> {
        match self {
            Self::Active(file) | Self::Standby(file, _) => Some(file),
            Self::Unread | Self::Identified(_) => None,
        }
    }
}
