//! The fsynced local directory: where a batch becomes history.
//!
//! ```text
//! <state>/lock                                    held by the one process that may write here
//! <state>/<cluster>,<node>,<source>/              one directory per chain
//!     000000000017_2026-11-21.jsonl.zst           a committed object; the name holds its plain key
//!     finals                                      files that a note of this chain says are final, as far as anybody may ask
//!     hold                                        nothing may be sent at once, where others may have sent something
//!     fork                                        why nothing more may be sealed here, where that was found
//!     *.next, exchange                            all objects give way to others: see `exchange.rs`
//! ```
//!
//! There is no head file: the head is the committed object with the highest seq, so the two can't
//! disagree. An object is written under another name, fsynced, renamed, and its directory fsynced:
//! what has the final name is whole, whenever the power went.

#[doc(hidden)]
pub mod failpoint;

mod disk;
mod error;
mod exchange;
mod finals;
mod finals_file;
mod folder;
mod object_name;
mod spool;
mod state;
mod turnover;

pub use error::Error;
pub use exchange::Exchange;
pub use finals::{Behind, Final};
pub use spool::{Entry, Spool};
pub use state::StateDir;

#[cfg(test)]
mod power_cut;
#[cfg(test)]
mod tests;
