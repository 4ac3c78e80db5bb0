//! A rule that is suggested.

use auditseal_flows::Protocol;

use crate::cited::Seen;
use crate::who::PodGroup;

/// One entry of a rule's `from` or `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum RulePeer {
    Pods(String, PodGroup),
    Block(String),
    /// A block of nodes' addresses, of which plugins differ in what they make.
    NodeBlock(String),
}

/// Peers that have the same ports: one rule.
#[derive(Debug, Clone, Default)]
pub(crate) struct Rule {
    pub(crate) peers: Vec<RulePeer>,
    pub(crate) ports: Vec<(Protocol, u16)>,
    pub(crate) seen: Seen,
}
