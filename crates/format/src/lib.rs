#![doc = include_str!("../FORMAT.md")]
//!
//! # This crate
//!
//! Types ⇄ bytes for the format above. It is the only user of `zstd`, and pure: no files, clocks,
//! network or randomness.

mod alternate;
mod decimal;
mod decode;
mod file;
mod foreign;
mod frame;
mod key;
mod object;
mod origin;
mod pack;
pub mod packs;
mod printable;
mod proof;
mod scope;
pub mod seal;
mod seal_id;
mod times;
mod wrapper;

pub use auditseal_audit::{Date, FieldName, Time, TimeField};
pub use auditseal_merkle::{
    FoundLine, Hash, Hasher, LineError, LineFinder, LinePath, PathError, Prover, Root, hash,
};
pub use auditseal_note::{NoteError, Signer, VerifierKey, sha256};

pub use alternate::Alternate;
pub use decode::{DecoderPool, PayloadDecoder, PayloadError};
pub use file::{Anchor, FileId, FileName};
pub use foreign::{ForeignError, ForeignFrames, ForeignStep};
pub use frame::{MAX_SEAL_BLOCK, MAX_WINDOW_LOG, MIN_WINDOW_LOG};
pub use key::ObjectKey;
pub use object::{EARLIER, Fault, ObjectSeal, SealError, SealedBatch};
pub use origin::Origin;
pub use pack::{Compression, PackError, Packed, Packer, PackerTools, RangeFacts};
pub use printable::printable;
pub use proof::{EventProof, MOST_BYTES, MOST_EVENT, ProofError};
pub use scope::{Scope, ScopeError};
pub use seal::{Kind, MalformedNote, Seal};
pub use seal_id::SealId;
pub use times::{LineTimes, WrongTimes, joined_times};

#[cfg(test)]
mod tests;
