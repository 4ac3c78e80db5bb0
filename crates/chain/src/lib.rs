//! The judge of one chain: what each of its objects turned out to be goes in, in the order of their
//! keys, and findings come out.
//!
//! Pure: no clock, no store, no randomness; time is an argument. [`Chain`] says which note is the
//! chain's at each seq, and [`Finding`] what is wrong: FORMAT.md, "Reading and verifying". Who fetches
//! the objects is `auditseal-reader`.

mod chain;
mod finding;
mod text;

pub use chain::{
    Accepted, Begin, Chain, ChainReport, Extent, ForkPair, KeyPrint, NamedKeys, Outcome, Place,
    Policy, Retention, Rules, Sighting, Totals, Trust, lost, print,
};
pub use finding::{Finding, Findings, KEPT, Severity, Verdict};
pub use text::{displayed, escape, escape_html, hides, shown};
