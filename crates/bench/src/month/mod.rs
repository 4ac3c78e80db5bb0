//! Months of several nodes: made, packed by the program, and read by it.
//!
//! ```text
//! make: Node ──▶ Shelf, two files for each chain ──▶ pack: Stand + the program ──▶ packs and marks beside them ──▶ read: Stand + the program
//! ```
//!
//! Real are the seals (made, signed and put together by the crates that the agent uses), the packs (made by `auditseal pack`), the program and
//! its requests. Made up are the lines, the clock, and the store: [`auditseal_standin`] on loopback, which answers each request so much later.

mod course;
mod node;
mod shelf;
mod stand;

pub use course::{Cost, HELD, pack, read};
pub use shelf::{Measure, make};
