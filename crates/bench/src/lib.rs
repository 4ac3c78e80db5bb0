//! What auditseal is measured with.
//!
//! [`Events`] makes audit events, [`corpus`] writes them into files, [`reader`] has the readers behind a round trip, [`month`] months of several nodes, [`stages`] each stage of
//! the program by itself. `benches/run.py` measures the whole program with the former two,
//! `benches/check.sh` counts the instructions of the latter.

mod cluster;
pub mod corpus;
mod event;
mod files;
pub mod month;
pub mod packs;
pub mod reader;
pub mod stages;

pub use event::Events;
