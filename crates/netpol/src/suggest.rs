//! The least NetworkPolicies of a namespace that let through what was seen.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use auditseal_flows::{Endpoint, EndpointKind, Flow, FlowDirection, FlowVerdict, Protocol};
use auditseal_history::words::netpol::{Addresses, Direction};

use crate::cited::{FlowSeal, Seen};
use crate::doubt::Known;
use crate::filled::FilledTotals;
use crate::left_out::LeftOut;
use crate::need::{NeedSaid, NeedTold};
use crate::roster::Roster;
use crate::rule::{Rule, RulePeer};
use crate::selector::{are_labels, is_name};
use crate::who::{PodGroup, group, itself};
use crate::yaml;

/// Pairs of peer and port that are kept, of all groups of pods: with more, nothing is suggested.
pub const MAX_NEEDS: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum NeedPeer {
    Pods(String, PodGroup),
    Address(IpAddr),
    Node(IpAddr),
}

/// Who on the other side, and which ports, with what is told of each.
type Needs = BTreeMap<NeedPeer, BTreeMap<(Protocol, u16), NeedTold>>;

/// The same, of what asks for a rule.
type Asked = BTreeMap<NeedPeer, BTreeMap<(Protocol, u16), Seen>>;

/// The first port that Linux gives to who begins.
const EPHEMERAL: u16 = 32_768;

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
    roster: Roster,
    filled: FilledTotals,
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
    /// What objects told of all lines.
    pub filled: FilledTotals,
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
            roster: Roster::default(),
            filled: FilledTotals::default(),
        })
    }

    /// Takes of these objects what the lines don't tell.
    #[must_use]
    pub fn with_roster(mut self, roster: Roster) -> Self {
        self.roster = roster;
        self
    }

    /// Takes a flow. A line speaks for the side whose policies it is about, where it tells that.
    ///
    /// # Errors
    /// [`TooManyNeeds`].
    pub fn add(&mut self, flow: &Flow, at: &FlowSeal) -> Result<(), TooManyNeeds> {
        let filled = self.roster.fill(flow);
        self.filled.count(&filled);
        let flow = &*filled.flow;
        for side in [&flow.source, &flow.destination] {
            if let Some((namespace, group)) = group(side).filter(|(_, group)| are_labels(group)) {
                self.groups.entry(namespace.to_owned()).or_default().insert(group);
            }
        }
        let ours = |side: &Endpoint| side.namespace.as_deref() == Some(&self.namespace);
        let ways = [
            (Direction::Ingress, FlowDirection::Ingress, &flow.destination, &flow.source),
            (Direction::Egress, FlowDirection::Egress, &flow.source, &flow.destination),
        ];
        let ways: Vec<_> = ways.into_iter().filter(|(_, _, subject, _)| ours(subject)).collect();
        self.lines += u64::from(!ways.is_empty());
        let mut left = BTreeSet::new();
        for (direction, own, subject, peer) in ways {
            let said = outcome(flow, own);
            left.extend(said.err());
            let need = match need(flow, subject, peer) {
                // Of what was stopped nothing more is said.
                Err(_) if said.is_err() => continue,
                Err(why) => {
                    left.insert(why);
                    continue;
                }
                Ok(need) => need,
            };
            // What one side stopped says nothing of what the other let through.
            let said = match said {
                Ok(said) => said,
                Err(LeftOut::Stopped) if flow.direction == Some(own) => NeedSaid::Stopped,
                Err(_) => continue,
            };
            let (group, peer) = need;
            let port = (flow.protocol, flow.port.unwrap_or_default());
            let ports = self.needs.entry((group, direction)).or_default().entry(peer).or_default();
            self.count += usize::from(!ports.contains_key(&port));
            ports.entry(port).or_default().add(said, at, filled.rests_on_objects());
        }
        left.into_iter().for_each(|why| self.left.entry(why).or_default().add(at));
        if self.count > MAX_NEEDS { Err(TooManyNeeds) } else { Ok(()) }
    }

    /// The policies.
    #[must_use]
    pub fn finish(self) -> Suggestion {
        let Self { namespace, groups, needs, mut left, lines, roster, filled, .. } = self;
        let mut policies: BTreeMap<PodGroup, Vec<(Direction, Vec<Rule>)>> = BTreeMap::new();
        for ((group, direction), needs) in needs {
            let rules = rules(asked(needs, &mut left));
            if !rules.is_empty() {
                policies.entry(group).or_default().push((direction, rules));
            }
        }
        let left_out: Vec<_> =
            left.into_iter().map(|(why, seen)| (why, seen.lines, seen.cited)).collect();
        let head = yaml::head(&namespace, &left_out, (roster.files(), filled.no_zone));
        let (yaml, size) = yaml::policies(&namespace, head, policies, &groups);
        Suggestion { yaml, size, left_out, lines, filled }
    }
}

/// What a line says of one side of a flow.
fn outcome(flow: &Flow, own: FlowDirection) -> Result<NeedSaid, LeftOut> {
    if flow.reply == Some(true) {
        return Err(LeftOut::Answer);
    }
    match (flow.verdict, flow.direction) {
        (FlowVerdict::Denied, _) => Err(LeftOut::Stopped),
        (FlowVerdict::Unknown, _) => Err(LeftOut::Untold),
        (FlowVerdict::Allowed, None) => Ok(NeedSaid::ByNobody),
        (FlowVerdict::Allowed, Some(side)) if side == own => Ok(NeedSaid::ByItself),
        (FlowVerdict::Allowed, Some(_)) => Ok(NeedSaid::ByTheOther),
    }
}

/// Whether it may be an answer: the log doesn't tell who began, and its port is one that systems give to who begins.
///
/// Source: Linux' `ip_local_port_range`, 32768 to 60999 by default; where it is another, a port that is lower at the source
/// tells the same.
fn may_answer(flow: &Flow) -> bool {
    let Some(port) = flow.port.filter(|_| flow.reply.is_none()) else { return false };
    port >= EPHEMERAL || flow.source_port.is_some_and(|source| source < port.min(EPHEMERAL))
}

/// What a flow asks for.
fn need(flow: &Flow, subject: &Endpoint, peer: &Endpoint) -> Result<(PodGroup, NeedPeer), LeftOut> {
    if peer.kind == EndpointKind::OwnNode {
        return Err(LeftOut::OwnNode);
    }
    match itself(subject, peer) {
        Known::Yes => return Err(LeftOut::Itself),
        Known::Doubt(_) => return Err(LeftOut::MayBeItself),
        Known::No => {}
    }
    if matches!(flow.protocol, Protocol::Icmp | Protocol::Other) {
        return Err(LeftOut::Protocol);
    }
    if flow.port.is_none() {
        return Err(LeftOut::NoPort);
    }
    if may_answer(flow) {
        return Err(LeftOut::MayAnswer);
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
        (EndpointKind::Outside, Some(ip)) => NeedPeer::Address(ip),
        (EndpointKind::OtherNode, Some(ip)) => NeedPeer::Node(ip),
        (EndpointKind::Node, _) => return Err(LeftOut::SomeNode),
        _ => return Err(LeftOut::AddressAlone),
    };
    Ok((own, peer))
}

/// What asks for a rule; what only the other side says, or this one stopped, is left out.
fn asked(needs: Needs, left: &mut BTreeMap<LeftOut, Seen>) -> Asked {
    let mut asked = Asked::new();
    for (peer, ports) in needs {
        for (port, told) in ports {
            match told.asks() {
                Ok(seen) => {
                    asked.entry(peer.clone()).or_default().insert(port, seen);
                }
                Err((why, seen)) if seen.lines > 0 => left.entry(why).or_default().join(&seen),
                Err(_) => {}
            }
        }
    }
    asked
}

/// Peers with the same ports together, addresses as blocks that hold these alone.
fn rules(needs: Asked) -> Vec<Rule> {
    /// Of a rule, addresses apart, and those of nodes: they are joined at last.
    type Half = (Rule, Vec<IpAddr>, Vec<IpAddr>);
    let mut by_ports: BTreeMap<Vec<(Protocol, u16)>, Half> = BTreeMap::new();
    for (peer, ports) in needs {
        let seen = ports.values().fold(Seen::default(), |mut all, one| {
            all.join(one);
            all
        });
        let (rule, addresses, nodes) = by_ports.entry(ports.into_keys().collect()).or_default();
        rule.seen.join(&seen);
        match peer {
            NeedPeer::Pods(namespace, group) => rule.peers.push(RulePeer::Pods(namespace, group)),
            NeedPeer::Address(ip) => addresses.push(ip),
            NeedPeer::Node(ip) => nodes.push(ip),
        }
    }
    let whole = |(ports, (mut rule, addresses, nodes)): (_, Half)| {
        let blocks = |of| Addresses::of(of).blocks().into_iter();
        rule.peers.extend(blocks(addresses).map(RulePeer::Block));
        rule.peers.extend(blocks(nodes).map(RulePeer::NodeBlock));
        Rule { ports, ..rule }
    };
    by_ports.into_iter().map(whole).collect()
}
