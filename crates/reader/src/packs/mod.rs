//! The packs of a chain: FORMAT.md, "Packs".
//!
//! ```text
//! listing ─▶ attestations that count ─▶ those taken, in the order of the chain     Packs
//! pack ─▶ its bytes, known to be the attested ones ─▶ objects, one by one          Unpacking
//!                                                └──▶ payloads, for who knows them  PackCursor
//! roll-ups, indexes ─▶ packs and batches that may have what is asked for           Searched
//! ```
//!
//! No pack is decompressed, and of no index is a byte looked at, that no trusted auditor's attestation
//! binds.

mod bytes;
mod indexes;
mod last;
mod listing;
mod outlet;
mod payload;
mod rollups;
mod search;
mod text;
mod uncounted;
mod unpack;

pub(crate) use bytes::{NoPack, PackBytes};
pub use listing::{Pack, PackRoot, Packs, Unusable};
pub use payload::PackCursor;
pub use search::{Candidate, Searched};
pub use uncounted::Uncounted;
pub(crate) use unpack::{Demand, Unpacked, Unpacking};

#[cfg(test)]
#[allow(clippy::unwrap_used)] // a helper that fails fails its test
mod tests;
