//! Packs: the texts of consecutive objects in one frame, and what an auditor attests of them.
//! FORMAT.md, "Packs".

mod attestation;
mod cut;
mod decode;
mod draft;
mod encode;
mod fault;
mod key;
mod objects;
mod rolled;
mod text;
mod unzip;

pub use attestation::{
    Attestation, AttestationError, Attested, BatchSize, Blob, MAX_ATTESTATION, MAX_FINDINGS,
    PackLock, PartSize, SignedAttestation, VerdictName,
};
pub use cut::{Cut, Cutter, Measure};
pub use decode::PackDecoder;
pub use draft::PackDraft;
pub use fault::PackFault;
pub use key::{MAX_GENERATION, PackKey};
pub use objects::{PackObjects, PackProof, PackSink};
pub use rolled::{MAX_ROLLED, Month, RolledUp, RolledUpName, SignedRolledUp};
pub use unzip::PackText;

/// Most bytes that the text of a pack of several objects has.
pub const MAX_TEXT: u64 = 128 << 20;
/// Most objects in a pack of several, together with their ranges that aren't empty: so many sizes an
/// attestation has.
pub const MAX_SIZES: u64 = 131_072;
