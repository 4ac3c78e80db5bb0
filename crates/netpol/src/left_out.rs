//! Lines that ask for no rule.

use std::fmt;

/// Why a line asks for no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LeftOut {
    /// It was stopped.
    Stopped,
    /// The log doesn't tell what became of it.
    Untold,
    /// It answers what the other side began.
    Answer,
    /// It is between a pod and its own node, and always passes.
    OwnNode,
    /// It is between a pod and itself, and always passes.
    Itself,
    /// NetworkPolicies say nothing of its protocol.
    Protocol,
    /// The log has no port.
    NoPort,
    /// The log doesn't tell the labels of the namespace's own pod.
    OwnLabels,
    /// The log doesn't tell the labels of the pod on the other side.
    PeerLabels,
    /// The log has an address alone of the other side, and a pod may have it.
    AddressAlone,
    /// It may answer what the other side began: the log doesn't tell who did.
    MayAnswer,
    /// It is with a node that may be the pod's own.
    SomeNode,
    /// Both sides may be one pod.
    MayBeItself,
    /// The other side let it through; whether the namespace's own pod did isn't seen.
    OneSide,
    /// The other side let it through, and the namespace's own pod stopped it.
    StoppedHere,
    /// Labels, or a namespace, that no apiserver takes.
    NoLabels,
}

impl LeftOut {
    /// Whether a policy would stop what is left out so.
    #[must_use]
    pub fn is_missing(self) -> bool {
        let known = matches!(self, Self::Stopped | Self::StoppedHere | Self::Answer);
        !known && !matches!(self, Self::OwnNode | Self::Itself | Self::Protocol)
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Stopped => "stopped when they were seen: no rule lets them through",
            Self::Untold => "of which the log doesn't tell what became",
            Self::Answer => "answers, of which no policy is asked",
            Self::OwnNode => "between a pod and its own node, which always pass",
            Self::Itself => "between a pod and itself, which always pass",
            Self::Protocol => "of a protocol of which NetworkPolicies say nothing",
            Self::NoPort => "without a port",
            Self::OwnLabels => "of pods whose labels the log doesn't tell",
            Self::PeerLabels => "with pods whose labels the log doesn't tell",
            Self::AddressAlone => "with an address that may be a pod's",
            Self::MayAnswer => "that may be answers: the log doesn't tell who began",
            Self::SomeNode => "with a node that may be the pod's own",
            Self::MayBeItself => "that may be between a pod and itself",
            Self::OneSide => "that the other side let through: whether this side did isn't seen",
            Self::StoppedHere => {
                "that the other side let through and this side stopped: no rule lets them through"
            }
            Self::NoLabels => "with labels that no apiserver takes",
        })
    }
}
