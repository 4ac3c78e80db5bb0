//! The least NetworkPolicies of a namespace that let through what was seen.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use auditseal_flows::{Endpoint, EndpointKind, Flow, FlowVerdict, Protocol};
use auditseal_history::words::netpol::{Addresses, Direction};

use crate::cited::{FlowSeal, Seen};
use crate::left_out::LeftOut;
use crate::rule::{Rule, RulePeer};
use crate::selector::{are_labels, is_name};
use crate::who::{PodGroup, group};
use crate::yaml;

/// Pairs of peer and port that are kept, of all groups of pods: with more, nothing is suggested.
pub const MAX_NEEDS: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NeedPeer {
    Pods(String, PodGroup),
    Address(IpAddr),
}

/// Who on the other side, and which ports.
pub(crate) type Needs = BTreeMap<NeedPeer, BTreeMap<(Protocol, u16), Seen>>;

/// Gathers what was seen of a namespace.
#[derive(Debug, Clone)]
pub struct Suggest {
    namespace: String,
    /// All groups of pods that were seen, by namespace: what a selector mustn't take.
    groups: BTreeMap<String, BTreeSet<PodGroup>>,
    needs: BTreeMap<(PodGroup, Direction), Needs>,
    count: usize,
    left: BTreeMap<LeftOut, Seen>,
    lines: u64,
}

/// More is seen than is suggested for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooManyNeeds;

impl fmt::Display for TooManyNeeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "more than {MAX_NEEDS} pairs of peer and port were seen")
    }
}

impl std::error::Error for TooManyNeeds {}

/// What is suggested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// NetworkPolicies as YAML, each rule below a comment of the lines that ask for it; empty: nothing asks for one.
    pub yaml: String,
    /// How many policies, and how many rules they have.
    pub size: (usize, usize),
    /// Lines that ask for no rule: why, how many, and the first of them.
    pub left_out: Vec<(LeftOut, u64, Vec<FlowSeal>)>,
    /// Lines with a pod of the namespace on one side.
    pub lines: u64,
}

impl Suggest {
    /// Before the first flow; `None` where no namespace is called so.
    #[must_use]
    pub fn new(namespace: &str) -> Option<Self> {
        is_name(namespace).then(|| Self {
            namespace: namespace.to_owned(),
            groups: BTreeMap::new(),
            needs: BTreeMap::new(),
            count: 0,
            left: BTreeMap::new(),
            lines: 0,
        })
    }

    /// Takes a flow.
    ///
    /// # Errors
    /// [`TooManyNeeds`].
    pub fn add(&mut self, flow: &Flow, at: &FlowSeal) -> Result<(), TooManyNeeds> {
        for side in [&flow.source, &flow.destination] {
            if let Some((namespace, group)) = group(side).filter(|(_, group)| are_labels(group)) {
                self.groups.entry(namespace.to_owned()).or_default().insert(group);
            }
        }
        let ours = |side: &Endpoint| side.namespace.as_deref() == Some(&self.namespace);
        let ways = [
            (Direction::Ingress, &flow.destination, &flow.source),
            (Direction::Egress, &flow.source, &flow.destination),
        ];
        let ways: Vec<_> = ways.into_iter().filter(|(_, subject, _)| ours(subject)).collect();
        self.lines += u64::from(!ways.is_empty());
        let mut left = BTreeSet::new();
        for (direction, subject, peer) in ways {
            match need(flow, subject, peer) {
                Err(why) => {
                    left.insert(why);
                }
                Ok((group, peer)) => {
                    let port = (flow.protocol, flow.port.unwrap_or_default());
                    let peers = self.needs.entry((group, direction)).or_default();
                    let ports = peers.entry(peer).or_default();
                    self.count += usize::from(!ports.contains_key(&port));
                    ports.entry(port).or_default().add(at);
                }
            }
        }
        left.into_iter().for_each(|why| self.left.entry(why).or_default().add(at));
        if self.count > MAX_NEEDS { Err(TooManyNeeds) } else { Ok(()) }
    }

    /// The policies.
    #[must_use]
    pub fn finish(self) -> Suggestion {
        let Self { namespace, groups, needs, left, lines, .. } = self;
        let mut policies: BTreeMap<PodGroup, Vec<(Direction, Vec<Rule>)>> = BTreeMap::new();
        for ((group, direction), needs) in needs {
            policies.entry(group).or_default().push((direction, rules(needs)));
        }
        let left_out: Vec<_> =
            left.into_iter().map(|(why, seen)| (why, seen.lines, seen.cited)).collect();
        let (yaml, size) = yaml::policies(&namespace, policies, &groups, &left_out);
        Suggestion { yaml, size, left_out, lines }
    }
}

/// What a flow asks for.
fn need(flow: &Flow, subject: &Endpoint, peer: &Endpoint) -> Result<(PodGroup, NeedPeer), LeftOut> {
    if flow.reply == Some(true) {
        return Err(LeftOut::Answer);
    }
    match flow.verdict {
        FlowVerdict::Denied => return Err(LeftOut::Stopped),
        FlowVerdict::Unknown => return Err(LeftOut::Untold),
        FlowVerdict::Allowed => {}
    }
    if peer.kind == EndpointKind::OwnNode {
        return Err(LeftOut::OwnNode);
    }
    if matches!(flow.protocol, Protocol::Icmp | Protocol::Other) {
        return Err(LeftOut::Protocol);
    }
    if flow.port.is_none() {
        return Err(LeftOut::NoPort);
    }
    let (_, own) = group(subject).ok_or(LeftOut::OwnLabels)?;
    if !are_labels(&own) {
        return Err(LeftOut::NoLabels);
    }
    let peer = match (peer.kind, peer.ip) {
        (EndpointKind::Pod, _) => {
            let (namespace, group) = group(peer).ok_or(LeftOut::PeerLabels)?;
            if !is_name(namespace) || !are_labels(&group) {
                return Err(LeftOut::NoLabels);
            }
            NeedPeer::Pods(namespace.to_owned(), group)
        }
        (EndpointKind::Outside | EndpointKind::Node, Some(ip)) => NeedPeer::Address(ip),
        _ => return Err(LeftOut::AddressAlone),
    };
    Ok((own, peer))
}

/// Peers with the same ports together, addresses as blocks that hold these alone.
fn rules(needs: Needs) -> Vec<Rule> {
    /// Of a rule, addresses apart: they are joined at last.
    type Half = (Rule, Vec<IpAddr>);
    let mut by_ports: BTreeMap<Vec<(Protocol, u16)>, Half> = BTreeMap::new();
    for (peer, ports) in needs {
        let seen = ports.values().fold(Seen::default(), |mut all, one| {
            all.join(one);
            all
        });
        let (rule, addresses) = by_ports.entry(ports.into_keys().collect()).or_default();
        rule.seen.join(&seen);
        match peer {
            NeedPeer::Pods(namespace, group) => rule.peers.push(RulePeer::Pods(namespace, group)),
            NeedPeer::Address(ip) => addresses.push(ip),
        }
    }
    let whole = |(ports, (mut rule, addresses)): (_, Half)| {
        let blocks = Addresses::of(addresses).blocks().into_iter();
        rule.peers.extend(blocks.map(RulePeer::Block));
        Rule { ports, ..rule }
    };
    by_ports.into_iter().map(whole).collect()
}
