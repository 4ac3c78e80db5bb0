//! Why it isn't known what a policy makes of a flow.

use std::fmt;

/// Why it isn't known what a policy makes of a flow.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum FlowDoubt {
    /// The log has an address alone: a pod may have it.
    AddressAlone,
    /// The log doesn't tell this label of a pod.
    Label(String),
    /// The log doesn't tell this label of a namespace.
    NamespaceLabel(String),
    /// A rule names a block that holds a pod's address, and plugins differ in what they make of that.
    PodInBlock,
    /// A rule names a block that holds a node's address, and plugins differ in what they make of that.
    NodeInBlock,
    /// The log has no address of that side.
    NoAddress,
    /// The log has no port.
    NoPort,
    /// A rule names its port by a name, and the pod says which number that is.
    NamedPort,
    /// The other side is a node, and it may be the one on which the pod runs.
    MayBeOwnNode,
    /// Both sides may be one pod.
    MayBeItself,
    /// NetworkPolicies say nothing of this protocol.
    Protocol,
    /// The log doesn't tell who began: it may be an answer, which no policy stops.
    MayAnswer,
}

impl fmt::Display for FlowDoubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AddressAlone => {
                f.write_str("the log has an address alone, and a pod may have it")
            }
            Self::Label(key) => write!(f, "the log doesn't tell the pod's label {key}"),
            Self::NamespaceLabel(key) => {
                write!(f, "the log doesn't tell the namespace's label {key}")
            }
            Self::PodInBlock => f.write_str("a block holds a pod's address: plugins differ"),
            Self::NodeInBlock => f.write_str("a block holds a node's address: plugins differ"),
            Self::NoAddress => f.write_str("the log has no address"),
            Self::NoPort => f.write_str("the log has no port"),
            Self::NamedPort => f.write_str("a rule's port has a name, whose number the pod says"),
            Self::MayBeOwnNode => {
                f.write_str("it may be the pod's own node, between which and the pod all passes")
            }
            Self::MayBeItself => {
                f.write_str("it may be one pod alone, and what it sends itself passes")
            }
            Self::Protocol => f.write_str("NetworkPolicies say nothing of this protocol"),
            Self::MayAnswer => f.write_str("it may be an answer: the log doesn't tell who began"),
        }
    }
}

/// What is known of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Known {
    Yes,
    No,
    Doubt(FlowDoubt),
}

impl Known {
    pub(crate) fn of(known: bool) -> Self {
        if known { Self::Yes } else { Self::No }
    }

    /// Either.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::No, other) => other,
            (doubt, _) => doubt,
        }
    }

    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::No, _) | (_, Self::No) => Self::No,
            (Self::Yes, other) => other,
            (doubt, _) => doubt,
        }
    }
}
