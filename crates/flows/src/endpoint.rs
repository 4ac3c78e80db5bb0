//! One side of a flow.

// `core::net` are the types alone: nothing here reaches a network.
use core::net::IpAddr;

use crate::labels::LabelSet;

/// What one side is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EndpointKind {
    /// The line doesn't tell: there is an address, and a pod may have it.
    #[default]
    Unknown,
    /// A pod, with an address of its own.
    Pod,
    /// Outside of the cluster.
    Outside,
    /// The node on which the other side's pod runs.
    OwnNode,
    /// Some node of the cluster, or what runs in its network; it may be the node of the other side's pod.
    Node,
    /// The same of a node on which the other side's pod doesn't run.
    OtherNode,
}

impl EndpointKind {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Pod => "pod",
            Self::Outside => "outside",
            Self::OwnNode => "own-node",
            Self::Node => "node",
            Self::OtherNode => "other-node",
        }
    }
}

/// One side of a flow, as far as the line tells.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Endpoint {
    /// Its address.
    pub ip: Option<IpAddr>,
    /// What it is.
    pub kind: EndpointKind,
    /// The pod's namespace.
    pub namespace: Option<String>,
    /// The pod's name.
    pub pod: Option<String>,
    /// The pod's labels.
    pub labels: LabelSet,
    /// The labels of its namespace, but for its name's, which is known with the name.
    pub namespace_labels: LabelSet,
}

impl Endpoint {
    /// One word that names it: `NAMESPACE/POD`, or its address.
    #[must_use]
    pub fn name(&self) -> String {
        let ip = || self.ip.map(|ip| ip.to_string());
        match (&self.namespace, &self.pod) {
            (Some(namespace), Some(pod)) => format!("{namespace}/{pod}"),
            (Some(namespace), None) => {
                format!("{namespace}/{}", ip().unwrap_or_else(|| "?".to_owned()))
            }
            _ => ip().unwrap_or_else(|| self.kind.word().to_owned()),
        }
    }
}
