//! Reads compressed files once, from front to back, in bounded memory.
//!
//! [`Decoder`] reads gzip, zstd, xz and bzip2 files of one or more members (zstd calls them frames,
//! xz and bzip2 streams). What it gives was in the file; where a file is cut short, corrupt or
//! needs too much memory, it says so behind the last byte that it could give ([`Damage`]). What the
//! codec's own tool ignores behind the last member is ignored, and named ([`Decoder::ignored`]).
//!
//! Pure but for the reader that it is given.

mod codec;
mod damage;
mod decoder;
mod input;
mod member;

pub use codec::Codec;
pub use damage::{Damage, DamageKind, Error};
pub use decoder::Decoder;

/// Base-2 logarithm of the largest window or dictionary that a decoder allocates: 128 MiB.
///
/// What the tools make by default needs 32 KiB (gzip), 8 MiB (zstd -19, xz -6) or 4 MiB (bzip2);
/// `xz -9` needs 64 MiB and `zstd --long` 128 MiB. Beyond that `zstd -d` refuses a file, too,
/// unless it is told otherwise.
pub const MAX_WINDOW_LOG: u32 = 27;
