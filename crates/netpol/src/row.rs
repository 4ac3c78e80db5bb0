//! What is told of a replay.

use std::fmt;

use crate::cited::FlowSeal;
use crate::filled::SideMark;

/// What the policies would make of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Would {
    /// They would stop it.
    Blocked,
    /// It can't be told.
    Unknown,
    /// They would let it through.
    Allowed,
}

impl Would {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Unknown => "unknown",
            Self::Allowed => "allowed",
        }
    }
}

impl fmt::Display for Would {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Flows that are alike: one peer, one port, one outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayRow {
    /// What would become of them.
    pub would: Would,
    /// They were stopped already when they were seen.
    pub stopped: bool,
    /// `ingress` or `egress`: whose policies decide.
    pub way: &'static str,
    /// Whose policies these are.
    pub subject: String,
    /// Whose word that is.
    pub subject_mark: SideMark,
    /// The other side.
    pub peer: String,
    /// Whose word that is.
    pub peer_mark: SideMark,
    /// Port and protocol.
    pub port: String,
    /// The policies that decide, or why it can't be told.
    pub why: String,
    /// How many lines.
    pub lines: u64,
    /// The first of them.
    pub cited: Vec<FlowSeal>,
}

/// What one policy came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyTally {
    /// `NAMESPACE/NAME`.
    pub name: String,
    /// Lines that it lets through.
    pub allowed: u64,
    /// Lines that it is for, and that neither it nor another one lets through.
    pub blocked: u64,
}
