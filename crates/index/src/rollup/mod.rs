//! One index over many packs, read in ranges: FORMAT.md, "Index", *Roll-up*.

mod builder;
mod pack_id;
mod read;
mod search;

pub use builder::RollupBuilder;
pub use pack_id::PackId;
pub use read::Rollup;
pub use search::RollupSearch;

/// What a roll-up begins with.
const MAGIC: &[u8] = b"auditseal/rollup/v1\n";
/// A block ends with the entry that makes it so long.
const BLOCK: usize = 16_384;
/// The most packs of a roll-up.
const MAX_PACKS: u32 = 1 << 16;
/// The most bytes of all blocks.
const MAX_BLOCKS: usize = 1 << 30;
