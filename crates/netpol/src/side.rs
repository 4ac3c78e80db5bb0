//! What policies make of one side of a flow.

use auditseal_flows::{Endpoint, EndpointKind, Flow, FlowVerdict, LabelSet, LabelValue, Protocol};
use auditseal_history::words::netpol::{Direction, Labels, Lane, NAMESPACE, Peers};

use crate::doubt::{FlowDoubt, Known};
use crate::policy::PolicyFile;
use crate::who::itself;

/// What the policies make of one side; numbers are places among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SideOutcome {
    /// None of them is for it.
    Free,
    /// These let it through.
    Allowed(Vec<usize>),
    /// These are for it, and none lets it through.
    Blocked(Vec<usize>),
    /// It isn't known.
    Unknown(FlowDoubt),
}

/// `subject` is whose policies are asked, `peer` the other side.
pub(crate) fn side(policies: &[PolicyFile], direction: Direction, flow: &Flow) -> SideOutcome {
    let (subject, peer) = match direction {
        Direction::Ingress => (&flow.destination, &flow.source),
        Direction::Egress => (&flow.source, &flow.destination),
    };
    // Between a pod and its own node everything passes, and what a pod sends itself, says kubernetes.io, "Network Policies".
    let alone = itself(subject, peer);
    if peer.kind == EndpointKind::OwnNode || alone == Known::Yes {
        return SideOutcome::Free;
    }
    let (mut sure, mut unsure) = (Vec::new(), Vec::new());
    for (at, policy) in policies.iter().enumerate() {
        if !policy.meaning.isolates.contains(&direction) {
            continue;
        }
        match selects(policy, subject) {
            Known::Yes => sure.push(at),
            Known::No => {}
            Known::Doubt(doubt) => unsure.push((at, doubt)),
        }
    }
    if sure.is_empty() && unsure.is_empty() {
        return SideOutcome::Free;
    }
    if matches!(flow.protocol, Protocol::Icmp | Protocol::Other) {
        return SideOutcome::Unknown(FlowDoubt::Protocol);
    }
    let lets = |at: usize| {
        let all = policies[at].meaning.lanes.iter();
        passes(all.filter(|lane| lane.direction == direction), flow, peer)
    };
    let by: Vec<usize> = sure.iter().copied().filter(|at| lets(*at) == Known::Yes).collect();
    if !by.is_empty() {
        return SideOutcome::Allowed(by);
    }
    let maybe: Vec<(usize, Known)> = unsure.iter().map(|(at, _)| (*at, lets(*at))).collect();
    if sure.is_empty() {
        // Whichever of them is for it lets it through; if none is, it passes.
        if maybe.iter().all(|(_, known)| *known == Known::Yes) {
            return SideOutcome::Allowed(maybe.into_iter().map(|(at, _)| at).collect());
        }
        let doubt = unsure.into_iter().map(|(_, doubt)| doubt).next();
        return SideOutcome::Unknown(doubt.unwrap_or(FlowDoubt::AddressAlone));
    }
    let doubts = sure.iter().map(|at| lets(*at)).filter_map(|known| match known {
        Known::Doubt(doubt) => Some(doubt),
        _ => None,
    });
    let others = unsure.iter().zip(&maybe).filter(|(_, (_, known))| *known != Known::No);
    let doubt = doubts.chain(others.map(|((_, doubt), _)| doubt.clone())).next();
    match doubt {
        Some(doubt) => SideOutcome::Unknown(doubt),
        // What was stopped was none of what always passes.
        None if flow.verdict != FlowVerdict::Denied => match (alone, peer.kind, flow.reply) {
            (_, _, None) => SideOutcome::Unknown(FlowDoubt::MayAnswer),
            (_, EndpointKind::Node, _) => SideOutcome::Unknown(FlowDoubt::MayBeOwnNode),
            (Known::Doubt(doubt), ..) => SideOutcome::Unknown(doubt),
            _ => SideOutcome::Blocked(sure),
        },
        None => SideOutcome::Blocked(sure),
    }
}

/// Whether a policy is for this side.
fn selects(policy: &PolicyFile, side: &Endpoint) -> Known {
    match (side.kind, side.namespace.as_deref()) {
        (EndpointKind::Outside, _) => Known::No,
        (EndpointKind::Node | EndpointKind::OtherNode | EndpointKind::OwnNode, _) => Known::No,
        (_, Some(own)) if own != policy.namespace => Known::No,
        (EndpointKind::Unknown, None) => Known::Doubt(FlowDoubt::AddressAlone),
        (EndpointKind::Pod, None) => Known::Doubt(FlowDoubt::NamespaceLabel(NAMESPACE.to_owned())),
        (_, Some(_)) => pods(&policy.meaning.pods, &side.labels),
    }
}

fn pods(asked: &Labels, labels: &LabelSet) -> Known {
    match asked.weigh(|key| value(labels, key)) {
        Ok(known) => Known::of(known),
        Err(key) => Known::Doubt(FlowDoubt::Label(key.to_owned())),
    }
}

fn value<'a>(labels: &'a LabelSet, key: &str) -> Option<Option<&'a str>> {
    match labels.get(key) {
        LabelValue::Is(value) => Some(Some(value)),
        LabelValue::Absent => Some(None),
        LabelValue::Unknown => None,
    }
}

/// Whether one of the lanes lets a flow through to or from this peer.
fn passes<'a>(
    lanes: impl Iterator<Item = &'a Lane> + Clone,
    flow: &Flow,
    peer: &Endpoint,
) -> Known {
    let any = |peer: &Endpoint| {
        let one = |lane: &Lane| ports(lane, flow).and(is_peer(lane, peer));
        lanes.clone().map(one).fold(Known::No, Known::or)
    };
    if peer.kind != EndpointKind::Unknown {
        return any(peer);
    }
    // It is a pod, or it is none: what holds for both is known.
    let as_one = |kind| any(&Endpoint { kind, ..peer.clone() });
    match (as_one(EndpointKind::Pod), as_one(EndpointKind::Outside)) {
        (Known::Yes, Known::Yes) => Known::Yes,
        (Known::No, Known::No) => Known::No,
        _ => Known::Doubt(FlowDoubt::AddressAlone),
    }
}

fn is_peer(lane: &Lane, peer: &Endpoint) -> Known {
    match (&lane.peers, peer.kind) {
        (Peers::Pods { namespaces, pods: of }, EndpointKind::Pod) => {
            let space = namespaces.weigh(|key| match key {
                NAMESPACE => peer.namespace.as_deref().map(Some),
                key => value(&peer.namespace_labels, key),
            });
            let space = match space {
                Ok(known) => Known::of(known),
                Err(key) => Known::Doubt(FlowDoubt::NamespaceLabel(key.to_owned())),
            };
            space.and(pods(of, &peer.labels))
        }
        (Peers::Pods { .. }, _) => Known::No,
        // A rule without peers is for everybody, and its other half says so of pods.
        (Peers::Addresses(addresses), kind) if addresses.is_all() => {
            Known::of(kind != EndpointKind::Pod)
        }
        (Peers::Addresses(addresses), kind) => match (peer.ip, kind) {
            (None, _) => Known::Doubt(FlowDoubt::NoAddress),
            (Some(ip), _) if !addresses.holds(ip) => Known::No,
            (Some(_), EndpointKind::Pod) => Known::Doubt(FlowDoubt::PodInBlock),
            (Some(_), EndpointKind::Node | EndpointKind::OtherNode) => {
                Known::Doubt(FlowDoubt::NodeInBlock)
            }
            (Some(_), _) => Known::Yes,
        },
    }
}

fn ports(lane: &Lane, flow: &Flow) -> Known {
    let protocol = flow.protocol.word();
    match flow.port {
        Some(port) => match lane.ports.weigh(protocol, port) {
            Some(known) => Known::of(known),
            None => Known::Doubt(FlowDoubt::NamedPort),
        },
        None if lane.ports.has_all(protocol) => Known::Yes,
        None => Known::Doubt(FlowDoubt::NoPort),
    }
}
