//! Hashes, and the root that commits a batch to every byte of its lines.
//!
//! BLAKE3 cuts its input into chunks of 1,024 bytes and hashes them into a binary tree. Lines are
//! framed so that each chunk holds a piece of exactly one line ([`Frame`]); BLAKE3's own tree is
//! then a Merkle tree over the lines, at the speed of BLAKE3 over contiguous input. The layout is
//! specified in `crates/format/FORMAT.md`, "Root".
//!
//! A [`LinePath`] leads from one line to the root: the line's place, and the chaining values beside its
//! chunks ("Event proofs" there).
//!
//! This crate is the only user of `blake3`, and pure: bytes in, hashes out.

mod frame;
mod framer;
mod hash;
mod path;
#[cfg(test)]
mod path_tests;
mod prover;
mod root;
mod tree;

pub use frame::{FRAME_CAPACITY, FRAME_HEADER, FRAME_SIZE, Frame};
pub use hash::{Hash, Hasher, ParseHashError, hash};
pub use path::{LinePath, MOST_SIBLINGS, PathError};
pub use prover::{FoundLine, LineError, LineFinder, Prover};
pub use root::{ROOT_CONTEXT, Root, RootHasher};
