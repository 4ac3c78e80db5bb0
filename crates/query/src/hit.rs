//! An event that is an answer, and where it is proved.

use std::fmt;

use auditseal_format::{Hash, Origin, Time};

/// Where a line is sealed. Prints as `CLUSTER/NODE/SOURCE SEQ:LINE`.
#[derive(Debug, Clone, Copy)]
pub struct Citation<'a> {
    /// The chain.
    pub origin: &'a Origin,
    /// The batch's place in it.
    pub seq: u64,
    /// The line's place in the batch, from 1.
    pub line: u64,
    /// The hash of the batch's note.
    pub seal: Hash,
    /// The key of the batch's object; of one in a pack, where it would stand.
    pub key: &'a str,
}

impl fmt::Display for Citation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.origin, self.seq, self.line)
    }
}

/// An event that was found, in its turn.
#[derive(Debug, Clone)]
pub struct Hit {
    /// Its chain, as a place among those that were asked.
    pub chain: usize,
    /// The batch's place in the chain.
    pub seq: u64,
    /// The line's place in the batch, from 1.
    pub line: u64,
    /// The hash of the batch's note.
    pub seal: Hash,
    /// The line's certain time.
    pub time: Option<Time>,
    /// What is shown of it.
    pub shown: Vec<u8>,
}

/// Why it isn't known whether a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Unknowns {
    /// Logged at level `Metadata`.
    pub metadata: u64,
    /// Logged at level `Request`.
    pub request: u64,
    /// Logged at level `RequestResponse`: a stage that came before the answer.
    pub response: u64,
    /// The apiserver cut the bodies, for the event was too large for its log.
    pub truncated: u64,
    /// Not an event that can be read.
    pub unreadable: u64,
    /// Longer than is looked at.
    pub too_long: u64,
    /// A flow whose line doesn't tell what decides.
    pub untold: u64,
    /// A line of a log of flows that is none.
    pub no_flow: u64,
}

impl Unknowns {
    /// All of them.
    #[must_use]
    pub fn total(&self) -> u64 {
        let Self { metadata, request, response, truncated, unreadable, .. } = self;
        let Self { too_long, untold, no_flow, .. } = self;
        metadata + request + response + truncated + unreadable + too_long + untold + no_flow
    }

    /// Adds others.
    pub(crate) fn add(&mut self, other: &Self) {
        self.metadata += other.metadata;
        self.request += other.request;
        self.response += other.response;
        self.truncated += other.truncated;
        self.unreadable += other.unreadable;
        self.too_long += other.too_long;
        self.untold += other.untold;
        self.no_flow += other.no_flow;
    }
}
