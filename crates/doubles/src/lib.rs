//! Stores in memory, and what every store must do: for tests only.
//!
//! The same cases run on the doubles here and on real servers, so a test against a double means what
//! a test against a bucket means.

pub mod conformance;
mod memory;

pub use memory::{Crowd, Fault, MemoryStore, PAGE};
