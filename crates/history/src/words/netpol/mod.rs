//! What a change of a NetworkPolicy opens and closes.
//!
//! Compared are meanings, by exact algebra of sets (labels, addresses, ports): a policy that says the same in other words
//! gives no sentence. A policy is one of many, and another one may let through what this one doesn't; so what is told is
//! which pods it isolates, and what it lets through to them, and both together say all that any set of policies makes of
//! it. A named port is taken for none of the numbers.

mod address;
mod compare;
mod labels;
mod policy;
mod port;

use serde_json::Value;

pub(crate) use super::unclear::{NOWHERE, Unclear};

pub use address::Addresses;
pub use labels::{Labels, MAX_REQUIREMENTS, NAMESPACE};
pub use policy::{Direction, Lane, MAX_LANES, MAX_LISTED, Meaning, Peers};
pub use port::Ports;

use compare::{Finding, Group, Part, compare, joined, told};

/// Sentences that say what differs between two NetworkPolicies of one name; none: they mean the same.
///
/// # Errors
/// [`Unclear`], where one of them can't be read as a NetworkPolicy or has too many parts.
pub fn network_policy(
    before: Option<&Value>,
    after: Option<&Value>,
) -> Result<Vec<String>, Unclear> {
    let read = |policy: Option<&Value>| policy.map(Meaning::read).transpose();
    let (before, after) = (read(before)?, read(after)?);
    let found = compare(before.as_ref(), after.as_ref())?;
    Ok(said(&found))
}

/// A label selector in words.
pub(crate) fn selector(selector: &Value) -> Result<String, Unclear> {
    Labels::read(selector).map(|labels| labels.to_string())
}

fn said(found: &[Finding]) -> Vec<String> {
    let mut said = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        let parts = |pick: fn(&Finding) -> Option<&Part>| -> Vec<Part> {
            let parts = found.iter().filter_map(pick);
            parts.filter(|part| part.part.direction == direction).cloned().collect()
        };
        let opened = parts(|finding| match finding {
            Finding::Opened(part) => Some(part),
            _ => None,
        });
        let closed = parts(|finding| match finding {
            Finding::Closed(part) => Some(part),
            _ => None,
        });
        for group in joined(told(&opened)) {
            let before = if group.in_part { " (a part of it was open before)" } else { "" };
            said.push(format!("opened: {}{before}", way(&group)));
        }
        for group in joined(told(&closed)) {
            let still = if group.in_part { " (a part of it is still open)" } else { "" };
            said.push(format!("closed: {}{still}", way(&group)));
        }
        said.extend(found.iter().filter_map(|finding| isolation(finding, direction)));
        let let_through = found.iter().filter_map(|finding| match finding {
            Finding::LetsThrough(lane) if lane.direction == direction => {
                Some((lane.clone(), false))
            }
            _ => None,
        });
        let groups = joined(let_through.collect());
        said.extend(groups.iter().map(|group| format!("allowed: {}", way(group))));
    }
    said
}

fn isolation(finding: &Finding, direction: Direction) -> Option<String> {
    let of = |pods: &Labels| match direction {
        Direction::Ingress => format!("what comes in to {}", subject(pods)),
        Direction::Egress => format!("what goes out of {}", subject(pods)),
    };
    match finding {
        Finding::Isolated(to, pods) if *to == direction => {
            Some(format!("isolated: {}, but for what policies allow", of(pods)))
        }
        Finding::Released(to, pods) if *to == direction => {
            Some(format!("no longer isolated: {}, but by other policies", of(pods)))
        }
        _ => None,
    }
}

fn subject(pods: &Labels) -> String {
    if pods.is_all() { "all pods".to_owned() } else { format!("pods with {pods}") }
}

fn way(group: &Group) -> String {
    let Group { lane, peers, .. } = group;
    let peers = others(peers);
    match (lane.direction, lane.pods.is_all()) {
        (Direction::Ingress, true) => format!("{peers} → {}", lane.ports),
        (Direction::Ingress, false) => {
            format!("{peers} → {} of pods with {}", lane.ports, lane.pods)
        }
        (Direction::Egress, true) => format!("all pods → {} of {peers}", lane.ports),
        (Direction::Egress, false) => {
            format!("pods with {} → {} of {peers}", lane.pods, lane.ports)
        }
    }
}

fn others(peers: &[Peers]) -> String {
    let every = |peer: &Peers| match peer {
        Peers::Pods { namespaces, pods } => namespaces.is_all() && pods.is_all(),
        Peers::Addresses(addresses) => addresses.is_all(),
    };
    if peers.len() >= 2 && peers.iter().filter(|peer| every(peer)).count() == 2 {
        return "anyone".to_owned();
    }
    peers.iter().map(other).collect::<Vec<_>>().join(", ")
}

fn other(peer: &Peers) -> String {
    match peer {
        Peers::Addresses(addresses) => addresses.to_string(),
        Peers::Pods { namespaces, pods } => {
            let pods =
                if pods.is_all() { "any pod".to_owned() } else { format!("pods with {pods}") };
            match namespaces.names() {
                Some(names) => format!("{pods} in namespace {}", names.join(" or ")),
                None if namespaces.is_all() => format!("{pods} in any namespace"),
                None if namespaces.but_names().is_some() => {
                    let names = namespaces.but_names().unwrap_or_default().join(" and ");
                    format!("{pods} in any namespace but {names}")
                }
                None => format!("{pods} in namespaces with {namespaces}"),
            }
        }
    }
}

#[cfg(test)]
mod tests;
