//! What two policies of one name differ in.

use super::Unclear;
use super::labels::Labels;
use super::policy::{Direction, Lane, MAX_LANES, Meaning, Peers};

/// One difference in meaning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Finding {
    /// These pods were isolated before and after, and this is let through now.
    Opened(Part),
    /// And this isn't any more.
    Closed(Part),
    /// These pods weren't isolated in this direction, and are now.
    Isolated(Direction, Labels),
    /// What is let through to pods that are newly isolated.
    LetsThrough(Lane),
    /// These pods were isolated, and aren't any more.
    Released(Direction, Labels),
}

/// A part of what one rule lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) part: Lane,
    /// All that the rule lets through there.
    pub(crate) whole: Lane,
}

/// All differences; none: both mean the same, whatever other policies there are.
///
/// `None` is a policy that isn't there.
pub(crate) fn compare(
    old: Option<&Meaning>,
    new: Option<&Meaning>,
) -> Result<Vec<Finding>, Unclear> {
    let mut found = Vec::new();
    for direction in [Direction::Ingress, Direction::Egress] {
        let (before, after) = (isolated(old, direction), isolated(new, direction));
        let outside = |one: Option<&Labels>, other: Option<&Labels>| match (one, other) {
            (None, _) => Vec::new(),
            (Some(one), None) => vec![one.clone()],
            (Some(one), Some(other)) => one.minus(other),
        };
        let isolated = outside(after, before);
        let released = outside(before, after);
        let both = before.zip(after).and_then(|(before, after)| before.and(after));
        let lanes = |of: Option<&Meaning>, pods: &Labels| -> Vec<Lane> {
            let all = of.map(|of| of.lanes.as_slice()).unwrap_or_default().iter();
            let here = all.filter(|lane| lane.direction == direction);
            let inside = |lane: &Lane| {
                let pods = lane.pods.and(pods)?;
                Some(Lane { pods, ..lane.clone() })
            };
            here.filter_map(inside).collect()
        };
        if let Some(both) = both {
            let (old, new) = (lanes(old, &both), lanes(new, &both));
            found.extend(left(&new, &old)?.into_iter().map(Finding::Opened));
            found.extend(left(&old, &new)?.into_iter().map(Finding::Closed));
        }
        for pods in &isolated {
            found.push(Finding::Isolated(direction, pods.clone()));
            found.extend(lanes(new, pods).into_iter().map(Finding::LetsThrough));
        }
        found.extend(released.into_iter().map(|pods| Finding::Released(direction, pods)));
    }
    Ok(found)
}

fn isolated(of: Option<&Meaning>, direction: Direction) -> Option<&Labels> {
    let of = of.filter(|of| of.isolates.contains(&direction) && !of.pods.is_none())?;
    Some(&of.pods)
}

/// What of some lanes none of the others lets through.
fn left(lanes: &[Lane], others: &[Lane]) -> Result<Vec<Part>, Unclear> {
    let mut found: Vec<Part> = Vec::new();
    for lane in lanes.iter().filter(|lane| !lane.is_none()) {
        // Two rules may let the same through: it is told once.
        let told: Vec<Lane> = found.iter().map(|found| found.part.clone()).collect();
        let mut parts = vec![lane.clone()];
        for other in others.iter().chain(&told) {
            parts = parts.iter().flat_map(|part| part.minus(other)).collect();
            if parts.len() + found.len() > MAX_LANES {
                return Err(Unclear::Large);
            }
        }
        found.extend(parts.into_iter().map(|part| Part { part, whole: lane.clone() }));
    }
    Ok(found)
}

/// Lanes with one subject and one set of ports, and their peers.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) lane: Lane,
    pub(crate) peers: Vec<Peers>,
    /// Not all of it is new.
    pub(crate) in_part: bool,
}

/// What is told of parts: the part, where a rule has one; where it fell into several, the whole.
pub(crate) fn told(parts: &[Part]) -> Vec<(Lane, bool)> {
    let mut told: Vec<(Lane, bool)> = Vec::new();
    for of in parts {
        let several = parts.iter().filter(|other| other.whole == of.whole).count() > 1;
        let one = if several { (of.whole.clone(), true) } else { (of.part.clone(), false) };
        if !told.contains(&one) {
            told.push(one);
        }
    }
    told
}

/// Joins lanes that differ in one thing alone, so that they are one sentence.
pub(crate) fn joined(mut lanes: Vec<(Lane, bool)>) -> Vec<Group> {
    lanes.sort_unstable();
    let like =
        |one: &Lane, other: &Lane| one.direction == other.direction && one.pods == other.pods;
    let mut ports: Vec<(Lane, bool)> = Vec::new();
    for (lane, in_part) in lanes {
        let same = ports.iter_mut().find(|(of, _)| like(of, &lane) && of.peers == lane.peers);
        match same {
            Some((of, part)) => {
                of.ports = of.ports.or(&lane.ports);
                *part |= in_part;
            }
            None => ports.push((lane, in_part)),
        }
    }
    let mut groups: Vec<Group> = Vec::new();
    for (lane, in_part) in ports {
        let same = |group: &&mut Group| like(&group.lane, &lane) && group.lane.ports == lane.ports;
        let Some(group) = groups.iter_mut().find(same) else {
            groups.push(Group { peers: vec![lane.peers.clone()], lane, in_part });
            continue;
        };
        group.in_part |= in_part;
        match (group.peers.iter_mut().find_map(addresses), &lane.peers) {
            (Some(all), Peers::Addresses(more)) => *all = all.or(more),
            _ => group.peers.push(lane.peers),
        }
    }
    groups
}

fn addresses(peers: &mut Peers) -> Option<&mut super::address::Addresses> {
    match peers {
        Peers::Addresses(addresses) => Some(addresses),
        Peers::Pods { .. } => None,
    }
}
