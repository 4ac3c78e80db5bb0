//! C2SP signed notes with exactly one Ed25519 signature, their keys, and the [`Signer`].
//!
//! Sources: C2SP `signed-note` (<https://c2sp.org/signed-note>) for the note and the verifier key;
//! Go's `golang.org/x/mod/sumdb/note` for the private key's text; RFC 8032 for Ed25519.
//!
//! This crate is the only user of `ring`, and pure: randomness is an argument.

mod digest;
mod key;
mod signed;
mod signer;

pub use digest::sha256;
pub use key::{KeyError, VerifierKey};
pub use signed::{NoteError, SignedNote};
pub use signer::{Signer, StaticSigner};

#[cfg(test)]
mod tests;
