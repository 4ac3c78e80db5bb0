//! Lines that are handed over together.

use std::ops::Range;
use std::sync::Arc;

use auditseal_format::{Origin, SealId, Time};

use crate::position::Position;

/// Where a line comes from: what its copy elsewhere cites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provenance {
    /// The chain.
    pub origin: Origin,
    /// The seal that the line is signed by.
    pub seal: SealId,
    /// The key of the object that the seal stands in.
    pub key: String,
    /// When it was sealed.
    pub sealed: Time,
}

/// A line of a parcel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParcelLine {
    /// Where it comes from.
    pub of: Arc<Provenance>,
    /// Its number in the seal's batch, from 1.
    pub number: u64,
    /// When it happened, where that is certain: FORMAT.md, "Times".
    pub time: Option<Time>,
    /// Its bytes in the parcel's text, without its newline.
    pub at: Range<usize>,
}

impl ParcelLine {
    /// When it happened; where that isn't certain, when it was sealed.
    #[must_use]
    pub fn when(&self) -> Time {
        self.time.unwrap_or(self.of.sealed)
    }

    /// `ORIGIN/SEQ/LINE`, the same at every attempt to hand it over.
    #[must_use]
    pub fn id(&self) -> String {
        format!("{}/{}/{}", self.of.origin, self.of.seal.seq, self.number)
    }
}

/// Lines of one chain in their order, and how far the chain is handed over once they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Lines, each with its newline.
    pub text: Vec<u8>,
    /// Where they are.
    pub lines: Vec<ParcelLine>,
    /// Lines that are too long to be held, and so to be handed over: where they come from, and their numbers.
    pub too_long: Vec<(Arc<Provenance>, u64)>,
    /// What is reached with it.
    pub end: Position,
    /// When the last of its seals was made.
    pub sealed: Time,
}

impl Parcel {
    /// The bytes of a line, without its newline.
    #[must_use]
    pub fn bytes(&self, line: &ParcelLine) -> &[u8] {
        self.text.get(line.at.clone()).unwrap_or_default()
    }
}
