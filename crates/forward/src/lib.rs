//! Hands sealed events over to the systems that people already have.
//!
//! ```text
//!            store ──▶ Follower: the chain's next seals, proved ──▶ Feed: their lines ──▶ parcels
//!  for each chain of each sink                                                            │
//!            Ledger: positions, dead letters, the file ◀── answers ◀── Sender ◀── Course ◀┘
//! ```
//!
//! Each sink follows each chain by itself, so that one which is slow or gone holds none of the others up. What is
//! handed over is in the sink's ledger, on the disk, which a thread of its own writes: a disk that hangs holds up its
//! sink alone. What was under way when the process ends is handed over again. A line whose seal isn't proved to be the
//! chain's next is never handed over.

mod asked;
mod check;
mod counts;
mod disk;
mod feed;
mod filed;
mod follow;
mod followed;
mod frames;
mod halt;
mod keeper;
mod lane;
mod lanes;
mod ledger;
mod metrics;
mod opening;
mod options;
mod pulse;
mod refusal;
mod run;
mod sender;
mod standing;
mod tally;
mod told;

pub use check::{CheckOptions, Checked, Miscount, check};
pub use followed::{AcceptedChains, Archived, Followed};
pub use ledger::LedgerError;
pub use options::ForwardOptions;
pub use refusal::NotForwarded;
pub use run::{Handed, forward};
pub use tally::ForwardTally;
