//! What a listing shows of the log.

use std::collections::BTreeSet;

use crate::inode::{FileKey, FolderId};
use crate::label::Label;
use crate::sorted::Sorted;

/// An entry of a listing whose name is one of the log's. Within a directory, the order is that of
/// rotation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sight {
    pub(crate) folder: FolderId,
    pub(crate) label: Label,
    pub(crate) key: FileKey,
    /// Stored bytes.
    pub(crate) size: u64,
}

/// What a listing showed of the log.
#[derive(Debug, Default)]
pub(crate) struct Sights {
    /// Carriers that it shows as they are known.
    pub(crate) unchanged: Sorted<u64>,
    /// Entries of inodes that carriers have, but for those.
    pub(crate) known: Vec<Sight>,
    /// All others. At a start that may be a hundred thousand, which are taken out while carriers are
    /// made of them: in small pieces, or the C library would keep room for all of them from then on.
    pub(crate) fresh: BTreeSet<Sight>,
}
