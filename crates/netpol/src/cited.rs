//! Where flows are sealed.

use std::fmt;
use std::sync::Arc;

/// Lines that are cited of one row or rule: the first of each.
pub const CITED: usize = 3;

/// Where one line is sealed. Prints as `CLUSTER/NODE/SOURCE SEQ:LINE`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FlowSeal {
    /// The chain.
    pub origin: Arc<str>,
    /// The batch's place in it.
    pub seq: u64,
    /// The line's place in the batch, from 1.
    pub line: u64,
}

impl fmt::Display for FlowSeal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}:{}", self.origin, self.seq, self.line)
    }
}

/// How often something was seen, and where first, whatever the order in which it is told.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) lines: u64,
    /// Of these, lines of which objects tell what they don't.
    pub(crate) filled: u64,
    pub(crate) cited: Vec<FlowSeal>,
}

impl Seen {
    pub(crate) fn add(&mut self, at: &FlowSeal) {
        self.lines += 1;
        self.cite(at);
    }

    pub(crate) fn add_filled(&mut self, at: &FlowSeal, filled: bool) {
        self.add(at);
        self.filled += u64::from(filled);
    }

    pub(crate) fn join(&mut self, other: &Self) {
        self.lines += other.lines;
        self.filled += other.filled;
        other.cited.iter().for_each(|at| self.cite(at));
    }

    fn cite(&mut self, at: &FlowSeal) {
        if let Err(place) = self.cited.binary_search(at)
            && place < CITED
        {
            self.cited.insert(place, at.clone());
            self.cited.truncate(CITED);
        }
    }
}
