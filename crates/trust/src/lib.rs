#![doc = include_str!("../TRUST.md")]
//!
//! # This crate
//!
//! Types ⇄ text for the two files above. Pure: no files, clocks, network or randomness.

mod block;
mod commit;
mod diff;
mod edit;
mod first;
mod heads;
mod item;
mod refused;
mod trust_file;
mod trusted;

pub use commit::{Kept, Proof};
pub use diff::{Difference, Trend};
pub use edit::Change;
pub use first::Unfit;
pub use heads::{Heads, KnownHead};
pub use item::{Acceptable, Acceptance, Auditor, RetentionRule, Silence, TrustedKey};
pub use refused::Refused;
pub use trust_file::TrustFile;
pub use trusted::TrustedOrigin;
