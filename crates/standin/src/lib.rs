//! A server on loopback that stands in for S3, Google Cloud Storage and Azure Blob Storage.
//!
//! It speaks as much of each as the vault uses: versions and markers, locks, retention policies,
//! conditions, signatures, pages, tags, archive tiers. [`World`] is the server as a state machine, a
//! request and a time in and an answer out; [`Server`] puts a socket before it. [`Fault`]s make it
//! fail, or lie, as real ones do. It never decides what is right: the vault's conformance cases run
//! on it and on real servers, and where they differ, this one is wrong. [`SinkServer`] stands in for what events are handed over to.

mod azure;
mod bucket;
mod fault;
mod google;
mod listed;
mod loopback;
pub mod matrix;
mod message;
mod s3;
mod server;
mod sign;
mod sink;
mod sink_hours;
mod tags;
pub mod time;
mod world;

pub use bucket::{Bucket, Entry, Retention};
pub use fault::{Effect, Fault, On};
pub use message::{Answer, Request};
pub use server::Server;
pub use sign::Keys;
pub use sink::{SinkHoldings, SinkManners, SinkServer};
pub use world::{Delivery, Dialect, World};
