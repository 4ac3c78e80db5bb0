//! One way to read: the seals of a chain in order, from a place that is trusted.
//!
//! [`Reading`] fetches what a [`Listing`] names, with bounded memory, asks for what it left out, and
//! hands it to the judge ([`Chain`]); whoever calls it gets each seal that is the chain's, and decides
//! what a finding means. [`find_head`], [`find_chain`] and [`walk_back`] find the newest seal, and the
//! way from it.
//!
//! Of each key all versions are listed and read by their ids: what is hidden under a delete marker,
//! or in the shadow of a newer version, is found and given back, and named.
//!
//! Nothing that a store says is believed: sizes in a listing only choose how to fetch, and an error of
//! the store is never taken for an absent object.
//!
//! [`Chain`]: auditseal_chain::Chain

mod batch;
mod check;
mod choose;
mod error;
mod fetch;
mod head;
mod led;
mod listed;
mod listing;
mod open_pack;
mod packs;
mod payloads;
mod range;
mod reading;
mod single;
mod source;
mod times;
mod units;
mod versions;

pub use batch::{Batch, Blocks, Fetched};
pub use check::ObjectCheck;
pub use choose::{Chosen, Notice, choose};
pub use error::Error;
pub use fetch::{Depth, Examined, Look, Wanted, examine, read};
pub use head::{
    Before, Days, Found, HeadFound, Judged, Question, find_chain, find_head, find_newest, walk_back,
};
pub use led::led_to;
pub use listed::{How, PackedLines};
pub use listing::{Entry, Listing};
pub use packs::{Candidate, Pack, PackCursor, PackRoot, Packs, Searched, Uncounted, Unusable};
pub use payloads::{Gate, Payloads};
pub use range::{Range, Sought, Unseen, listed_between};
pub use reading::{Reading, Sealed, Step};
pub use single::Search;
pub use source::{IN_FLIGHT, Object, Source};
pub use times::Window;
pub use versions::{Stands, Tried};
