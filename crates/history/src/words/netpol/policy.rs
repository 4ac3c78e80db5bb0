//! What a NetworkPolicy means: which pods it isolates, and what it lets through.
//!
//! Source: `k8s.io/api/networking/v1` (NetworkPolicySpec): an absent and an empty `from` or `ports` match everything; an
//! absent list of rules lets nothing through; a peer's empty selector selects all, an absent one none; without
//! policyTypes, `Ingress` counts, and `Egress` where there are egress rules. An `ipBlock` is for addresses outside of the
//! cluster.

use serde_json::Value;

use super::address::Addresses;
use super::labels::Labels;
use super::port::Ports;
use super::{NOWHERE, Unclear};
use crate::value::{at, text};

/// From where to where a rule lets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// What comes in.
    Ingress,
    /// What goes out.
    Egress,
}

/// The other side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Peers {
    /// Pods of these labels in namespaces of those.
    Pods {
        /// Labels of the namespace, its name among them.
        namespaces: Labels,
        /// Labels of the pod.
        pods: Labels,
    },
    /// Addresses outside of the cluster.
    Addresses(Addresses),
}

/// One thing that is let through: these pods, these peers, these ports.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lane {
    /// In or out.
    pub direction: Direction,
    /// Whose policy it is.
    pub pods: Labels,
    /// Who is on the other side.
    pub peers: Peers,
    /// Ports of the one that is reached.
    pub ports: Ports,
}

/// What a policy means.
#[derive(Debug, Clone)]
pub struct Meaning {
    /// The pods that it is for.
    pub pods: Labels,
    /// Directions in which nothing else passes for them.
    pub isolates: Vec<Direction>,
    /// What it lets through.
    pub lanes: Vec<Lane>,
}

/// Rules of a policy, peers and ports of a rule, exceptions of a block: with more, a policy isn't compared.
pub const MAX_LISTED: usize = 1024;

/// Lanes of one policy, and parts of lanes that are compared: with more, it isn't compared.
pub const MAX_LANES: usize = 2048;

impl Meaning {
    /// Reads a policy.
    ///
    /// # Errors
    /// [`Unclear`], where it isn't one, or has too many parts.
    pub fn read(policy: &Value) -> Result<Self, Unclear> {
        let spec = policy.get("spec").ok_or(Unclear::Form("there is no spec"))?;
        let namespace = text(policy, &["metadata", "namespace"]).unwrap_or_default();
        let pods = match given(spec, "podSelector") {
            Some(selector) => Labels::read(selector)?,
            None => Labels::all(),
        };
        let isolates = directions(spec);
        let mut lanes = Vec::new();
        for direction in &isolates {
            let (rules, side) = match direction {
                Direction::Ingress => ("ingress", "from"),
                Direction::Egress => ("egress", "to"),
            };
            for rule in list(spec, rules)? {
                let ports = ports(rule)?;
                for peers in peers(rule, side, namespace)? {
                    let (pods, ports) = (pods.clone(), ports.clone());
                    lanes.push(Lane { direction: *direction, pods, peers, ports });
                    if lanes.len() > MAX_LANES {
                        return Err(Unclear::Large);
                    }
                }
            }
        }
        Ok(Self { pods, isolates, lanes })
    }
}

fn given<'a>(of: &'a Value, name: &str) -> Option<&'a Value> {
    of.get(name).filter(|value| !value.is_null())
}

fn list<'a>(of: &'a Value, name: &str) -> Result<&'a [Value], Unclear> {
    match given(of, name) {
        None => Ok(&[]),
        Some(Value::Array(list)) if list.len() > MAX_LISTED => Err(Unclear::Large),
        Some(Value::Array(list)) => Ok(list),
        Some(_) => Err(Unclear::Form("what should be a list is none")),
    }
}

fn directions(spec: &Value) -> Vec<Direction> {
    let types = at(spec, &["policyTypes"]).and_then(Value::as_array);
    let told = |name: &str| types.into_iter().flatten().any(|one| one.as_str() == Some(name));
    let untold = types.is_none_or(Vec::is_empty);
    let rules = spec.get("egress").and_then(Value::as_array).is_some_and(|rules| !rules.is_empty());
    let mut found = Vec::new();
    if told("Ingress") || untold {
        found.push(Direction::Ingress);
    }
    if told("Egress") || (untold && rules) {
        found.push(Direction::Egress);
    }
    found
}

fn ports(rule: &Value) -> Result<Ports, Unclear> {
    let mut ports: Option<Ports> = None;
    for port in list(rule, "ports")? {
        let one = Ports::read(port)?;
        ports = Some(ports.map_or_else(|| one.clone(), |ports| ports.or(&one)));
    }
    Ok(ports.unwrap_or_else(Ports::all))
}

fn peers(rule: &Value, side: &str, namespace: &str) -> Result<Vec<Peers>, Unclear> {
    let listed = list(rule, side)?;
    if listed.is_empty() {
        let pods = Peers::Pods { namespaces: Labels::all(), pods: Labels::all() };
        return Ok(vec![pods, Peers::Addresses(Addresses::all())]);
    }
    let mut found = Vec::new();
    for peer in listed {
        let selectors = (given(peer, "namespaceSelector"), given(peer, "podSelector"));
        match (given(peer, "ipBlock"), selectors) {
            (Some(block), (None, None)) => {
                let addresses = block_of(block)?;
                found.push(Peers::Addresses(addresses));
            }
            (None, (namespaces, pods)) if namespaces.is_some() || pods.is_some() => {
                let own = || match namespace {
                    "" => Err(Unclear::Form(NOWHERE)),
                    namespace => Ok(Labels::namespace(namespace)),
                };
                let namespaces = namespaces.map_or_else(own, Labels::read)?;
                let pods = pods.map_or_else(|| Ok(Labels::all()), Labels::read)?;
                if !namespaces.is_none() && !pods.is_none() {
                    found.push(Peers::Pods { namespaces, pods });
                }
            }
            _ => return Err(Unclear::Form("a peer is neither a block nor pods")),
        }
    }
    Ok(found)
}

fn block_of(block: &Value) -> Result<Addresses, Unclear> {
    let cidr = text(block, &["cidr"]).ok_or(Unclear::Form("a block has no cidr"))?;
    let mut addresses = Addresses::block(cidr)?;
    for except in list(block, "except")? {
        let text = except.as_str().ok_or(Unclear::Form("an exception is no text"))?;
        addresses = addresses.minus(&Addresses::block(text)?);
    }
    Ok(addresses)
}

impl Lane {
    pub(crate) fn is_none(&self) -> bool {
        let peers = match &self.peers {
            Peers::Pods { namespaces, pods } => namespaces.is_none() || pods.is_none(),
            Peers::Addresses(addresses) => addresses.is_none(),
        };
        peers || self.pods.is_none() || self.ports.is_none()
    }

    fn with(&self, pods: Labels, peers: Peers, ports: Ports) -> Self {
        Self { direction: self.direction, pods, peers, ports }
    }

    /// What passes here and not there, in parts.
    pub(crate) fn minus(&self, other: &Self) -> Vec<Self> {
        let whole = || vec![self.clone()];
        if self.direction != other.direction {
            return whole();
        }
        let Some(pods) = self.pods.and(&other.pods) else { return whole() };
        let (inside, outside) = match (&self.peers, &other.peers) {
            (
                Peers::Pods { namespaces, pods },
                Peers::Pods { namespaces: of_namespaces, pods: of_pods },
            ) => {
                let both = namespaces.and(of_namespaces).zip(pods.and(of_pods));
                let Some((inner, inner_pods)) = both else { return whole() };
                let here = |namespaces: Labels, pods: Labels| Peers::Pods { namespaces, pods };
                let mut outside: Vec<_> = namespaces
                    .minus(of_namespaces)
                    .into_iter()
                    .map(|part| here(part, pods.clone()))
                    .collect();
                let rest = pods.minus(of_pods).into_iter().map(|part| here(inner.clone(), part));
                outside.extend(rest);
                (here(inner, inner_pods), outside)
            }
            (Peers::Addresses(own), Peers::Addresses(of)) => {
                let (inside, outside) = (own.and(of), own.minus(of));
                if inside.is_none() {
                    return whole();
                }
                (Peers::Addresses(inside), vec![Peers::Addresses(outside)])
            }
            _ => return whole(),
        };
        if self.ports.and(&other.ports).is_none() {
            return whole();
        }
        let mut parts: Vec<_> = self
            .pods
            .minus(&other.pods)
            .into_iter()
            .map(|part| self.with(part, self.peers.clone(), self.ports.clone()))
            .collect();
        let peers =
            outside.into_iter().map(|part| self.with(pods.clone(), part, self.ports.clone()));
        parts.extend(peers);
        parts.push(self.with(pods.clone(), inside, self.ports.minus(&other.ports)));
        parts.retain(|part| !part.is_none());
        parts
    }
}
