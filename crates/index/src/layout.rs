//! How an index is laid out: FORMAT.md, "Index", *Index of a pack*.

use auditseal_merkle::hash;

use crate::table::Table;

/// The most batches of a pack.
pub(crate) const MAX_BATCHES: u32 = 1 << 20;
/// The greatest seq of a seal (FORMAT.md, "Note").
pub(crate) const MAX_SEQ: u64 = 999_999_999_999;

/// What an index begins with.
pub(crate) const MAGIC: &[u8] = b"auditseal/index/v1\n";
/// A block ends with the entry that makes it so long.
pub(crate) const BLOCK: usize = 4096;
/// The number of IDs where there is no filter.
pub(crate) const NO_FILTER: u32 = u32::MAX;

/// What an index is written from.
pub(crate) struct Parts {
    pub(crate) first: u64,
    pub(crate) batches: u32,
    pub(crate) open: Vec<u8>,
    pub(crate) table: Table,
    /// The number of IDs, and the filter.
    pub(crate) filter: Option<(u32, Vec<u8>)>,
}

pub(crate) fn write(parts: Parts) -> Vec<u8> {
    let Table { count, directory, blocks } = parts.table;
    let (ids, filter) = parts.filter.unwrap_or((NO_FILTER, Vec::new()));
    let mut front = MAGIC.to_vec();
    front.extend_from_slice(&parts.first.to_le_bytes());
    let lengths = [parts.batches, parts.open.len() as u32, count, directory.len() as u32];
    for number in lengths.into_iter().chain([ids, filter.len() as u32]) {
        front.extend_from_slice(&number.to_le_bytes());
    }
    front.extend_from_slice(hash(&filter).as_bytes());
    front.extend_from_slice(&parts.open);
    front.extend_from_slice(&directory);
    // Put before the blocks and not beside them: they are the most of it.
    let mut out = blocks;
    out.splice(0..0, front);
    out.extend_from_slice(&filter);
    out
}
