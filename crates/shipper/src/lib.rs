//! The sans-IO state machine from bytes taken to objects stored.
//!
//! [`Shipper::step`] takes what happened and the time, and returns what is to be done; it performs
//! nothing itself. The order of its actions *is* the commit protocol (FORMAT.md, "Order of
//! writing"): an object is committed to the spool before its upload begins, uploads go one at a
//! time and in order, every doubt is read back, and nothing is discarded before it is stored.

mod adoption;
mod backoff;
mod batch;
mod course;
mod files;
mod limits;
mod look;
mod pins;
mod seqs;
mod shipper;
mod short;
mod spooled;
mod types;
mod upload;

pub use adoption::{Adoption, Conflict, Left, Overlap};
pub use backoff::Backoff;
pub use course::{Course, course};
pub use limits::Limits;
pub use seqs::{NoSeqs, Seqs};
pub use shipper::Shipper;
pub use spooled::Spooled;
pub use types::{
    Action, Config, End, Fork, Head, Input, Job, KnownChain, Loss, Mode, Now, PackedJob, Part,
    Pause, Pin, ReadBack, Report, Rest, Start, StoreHead, Take,
};
