//! Whether a store and a source are fit for an archive, found out before it matters.
//!
//! [`examine_store`], [`examine_source`] and [`examine_state`] gather facts and change nothing; the rules that judge
//! them ([`store`], [`source`], [`flags`], [`policy`], [`examine_key`]) are pure: facts in, [`Check`]s out. [`worm`]
//! attacks a canary of its own and says what the store's lock was worth. [`suggest`] makes an audit
//! policy of a cluster's own log.

mod check;
mod disk;
pub mod flags;
mod gather;
mod host;
mod key;
pub mod policy;
mod report;
mod sample;
pub mod source;
mod state;
pub mod store;
pub mod suggest;
mod units;
pub mod worm;

pub use check::{Check, Status};
pub use gather::examine_store;
pub use host::{Host, examine_source};
pub use key::{examine_key, no_key};
pub use report::Report;
pub use state::examine_state;
