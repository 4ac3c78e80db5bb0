//! SHA-256, for the places where other people's formats ask for it.

use ring::digest::{SHA256, digest};

/// SHA-256 of `bytes` (FIPS 180-4), 32 bytes.
#[must_use]
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}
