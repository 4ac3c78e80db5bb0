//! What a handed-over proof proves, by what its reader trusts, and what it doesn't: FORMAT.md, "Event
//! proofs".
//!
//! ```text
//! file ──▶ EventProof (holds by itself) ──Knowledge──▶ CheckedProof ──▶ text, JSON, a page to print
//! ```
//!
//! Pure: no store, no network, no files, no clock. What the event says was written by whoever sent the
//! request, so all of it is escaped wherever it is shown.

mod event;
mod knowledge;
mod page;
mod proved;
mod report;
mod shown;

pub use event::EventField;
pub use knowledge::{Knowledge, Uncheckable};
pub use report::{CheckedProof, check};
