//! The read path: verify, cat, ls, inspect, and finding the head of a chain.
//!
//! [`Chain`] is the judge: pure, it is fed what each object of a chain turned out to be, in the
//! order of their keys, and says what is wrong. Everything else fetches with bounded memory
//! ([`verify`], [`cat`], [`ls`], [`inspect`], [`find_head`], [`walk_back`]) or prints.
//!
//! Of each key all versions are listed and read by their ids: what is hidden under a delete marker,
//! or in the shadow of a newer version, is found and given back, and named.
//!
//! Nothing that a store says is believed: sizes in a listing only choose how to fetch, names are
//! escaped before they are shown, and an error of the store is never taken for an absent object.

mod cat;
mod chain;
mod check;
mod choose;
mod error;
mod fetch;
mod finding;
mod head;
mod inspect;
mod listing;
mod ls;
mod paths;
mod payloads;
mod reading;
mod render;
mod report;
mod source;
mod text;
mod verify;

pub use cat::{CatError, CatOptions, Output, Piped, Restored, Sparse, cat};
pub use chain::{
    Accepted, Chain, ChainReport, Extent, Head, Outcome, Place, Retention, Rules, Sighting, Trust,
};
pub use check::ObjectCheck;
pub use error::Error;
pub use finding::{Finding, Severity, Verdict};
pub use head::{
    Before, Days, Found, HeadFound, Judged, Question, find_chain, find_head, find_newest, walk_back,
};
pub use inspect::{Check, Fact, Inspection, inspect};
pub use ls::{Row, ls};
pub use paths::paths;
pub use report::{OriginReport, Report};
pub use text::escape;
pub use verify::{Options, Progress, verify};
