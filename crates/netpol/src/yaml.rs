//! Suggested policies as YAML that a person reads: each string quoted, each rule below what asks for it.

use std::collections::{BTreeMap, BTreeSet};

use auditseal_flows::Protocol;
use auditseal_history::words::netpol::{Direction, NAMESPACE};
use serde_json::{Value, json};

use crate::cited::FlowSeal;
use crate::left_out::LeftOut;
use crate::roster::RosterFile;
use crate::rule::{Rule, RulePeer};
use crate::selector::selector;
use crate::who::PodGroup;

/// Peers of one policy: of more another policy is made. A policy with more than 1,024 in one rule isn't read.
const PEERS: usize = 1000;

/// Ports that follow each other from which on they are a range.
const RANGE: u16 = 3;

/// Labels that name what a pod is, most telling first.
const TELLING: [&str; 5] = ["app.kubernetes.io/name", "app", "k8s-app", "name", "run"];

/// What stands above a block of nodes' addresses.
///
/// Source: docs.cilium.io, "Selecting nodes with CIDR / ipBlock", where `policy-cidr-match-mode=nodes` is needed for it.
const OF_NODES: &str = "        # of nodes or the apiserver: plugins differ in whether a block takes these (Cilium: only\n        \
                        # with policy-cidr-match-mode=nodes), and a replay says that it can't be told\n";

/// Characters of a policy's name that are made of labels.
const LONGEST: usize = 40;

type Policies = BTreeMap<PodGroup, Vec<(Direction, Vec<Rule>)>>;
type Groups = BTreeMap<String, BTreeSet<PodGroup>>;

/// All policies below their head, one document each, how many they are, and how many rules they have; nothing where there is none.
pub(crate) fn policies(
    namespace: &str,
    head: String,
    policies: Policies,
    groups: &Groups,
) -> (String, (usize, usize)) {
    if policies.is_empty() {
        return (String::new(), (0, 0));
    }
    let (mut out, mut size) = (head, (0, 0));
    let mut names = BTreeSet::new();
    let none = BTreeSet::new();
    for (group, ways) in policies {
        let pods = flow(&selector(&group, groups.get(namespace).unwrap_or(&none)));
        for ways in parts(ways) {
            size.0 += 1;
            let types: Vec<&str> = ways.iter().map(|(way, _)| words(*way).0).collect();
            out.push_str(&format!(
                "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: {}\n  \
                 namespace: {}\nspec:\n  podSelector: {pods}\n  policyTypes: {}\n",
                json!(name(&group, &mut names)),
                json!(namespace),
                flow(&json!(types)),
            ));
            for (way, rules) in &ways {
                let (_, key, side) = words(*way);
                size.1 += rules.len();
                out.push_str(&format!("  {key}:\n"));
                rules.iter().for_each(|rule| out.push_str(&one(rule, side, groups)));
            }
        }
    }
    (out, size)
}

/// The rules of one group of pods, as few policies as have no more peers than are read of one; together they mean the same.
fn parts(ways: Vec<(Direction, Vec<Rule>)>) -> Vec<Vec<(Direction, Vec<Rule>)>> {
    let (mut parts, mut room) = (vec![Vec::<(Direction, Vec<Rule>)>::new()], PEERS);
    for (way, rules) in ways {
        for mut rule in rules {
            while !rule.peers.is_empty() {
                if room == 0 {
                    parts.push(Vec::new());
                    room = PEERS;
                }
                let rest = rule.peers.split_off(rule.peers.len().min(room));
                room -= rule.peers.len();
                let part = rule.clone();
                rule.peers = rest;
                if let Some(open) = parts.last_mut() {
                    match open.last_mut().filter(|(of, _)| *of == way) {
                        Some((_, rules)) => rules.push(part),
                        None => open.push((way, vec![part])),
                    }
                }
            }
        }
    }
    parts
}

fn words(way: Direction) -> (&'static str, &'static str, &'static str) {
    match way {
        Direction::Ingress => ("Ingress", "ingress", "from"),
        Direction::Egress => ("Egress", "egress", "to"),
    }
}

/// What stands above all policies.
pub(crate) fn head(
    namespace: &str,
    left_out: &[(LeftOut, u64, Vec<FlowSeal>)],
    (objects, no_zone): (&[RosterFile], u64),
) -> String {
    let mut out = format!(
        "# NetworkPolicies that let through what was seen of pods in {namespace}, and nothing else between what was seen.\n\
         # A policy isolates its pods only in directions in which they were seen. What wasn't seen (a nightly job, a\n\
         # failover) would be stopped: replay it over more flows before you apply it.\n"
    );
    for file in objects {
        let name = file.name.escape_debug();
        out.push_str(&format!(
            "# What the log doesn't tell of a pod, {name} of {} does: nothing proves it, nor that labels were the same before.\n",
            file.times()
        ));
    }
    if no_zone > 0 {
        let lines = counted(no_zone);
        out.push_str(&format!(
            "# {lines} of these have a time without a zone, which was read as UTC.\n"
        ));
    }
    for (why, lines, cited) in left_out {
        let missing = if why.is_missing() { "MISSING: " } else { "" };
        out.push_str(&format!(
            "# {missing}{}: {why} ({})\n",
            counted(*lines),
            places(*lines, cited)
        ));
    }
    out
}

fn counted(lines: u64) -> String {
    if lines == 1 { "1 line".to_owned() } else { format!("{lines} lines") }
}

fn places(lines: u64, cited: &[FlowSeal]) -> String {
    let named: Vec<String> = cited.iter().map(ToString::to_string).collect();
    let more = if lines > cited.len() as u64 { ", …" } else { "" };
    format!("{}{more}", named.join(", "))
}

fn one(rule: &Rule, side: &str, groups: &Groups) -> String {
    let seen = &rule.seen;
    let mut out = format!("    # {}: {}\n", counted(seen.lines), places(seen.lines, &seen.cited));
    if seen.filled > 0 {
        let all = counted(seen.filled);
        out.push_str(&format!("    # {all} of these by what objects tell of a side\n"));
    }
    out.push_str(&format!("    - {side}:\n"));
    for peer in &rule.peers {
        let text = match peer {
            RulePeer::Block(block) => format!("ipBlock: {}", flow(&json!({"cidr": block}))),
            RulePeer::NodeBlock(block) => {
                out.push_str(OF_NODES);
                format!("ipBlock: {}", flow(&json!({"cidr": block})))
            }
            RulePeer::Pods(namespace, group) => {
                let none = BTreeSet::new();
                let pods = selector(group, groups.get(namespace).unwrap_or(&none));
                let spaces = flow(&json!({"matchLabels": {NAMESPACE: namespace}}));
                format!("namespaceSelector: {spaces}\n          podSelector: {}", flow(&pods))
            }
        };
        out.push_str(&format!("        - {text}\n"));
    }
    out.push_str("      ports:\n");
    ports(&rule.ports).iter().for_each(|port| out.push_str(&format!("        - {}\n", flow(port))));
    out
}

/// Ports of each protocol, those that follow each other as a range.
fn ports(all: &[(Protocol, u16)]) -> Vec<Value> {
    let mut ranges: Vec<(Protocol, u16, u16)> = Vec::new();
    for (protocol, port) in all {
        match ranges.last_mut() {
            Some((of, _, end)) if of == protocol && end.checked_add(1) == Some(*port) => {
                *end = *port
            }
            _ => ranges.push((*protocol, *port, *port)),
        }
    }
    let told = |(protocol, from, to): (Protocol, u16, u16)| -> Vec<Value> {
        let protocol = protocol.word();
        if to - from + 1 >= RANGE {
            return vec![json!({"protocol": protocol, "port": from, "endPort": to})];
        }
        (from..=to).map(|port| json!({"protocol": protocol, "port": port})).collect()
    };
    ranges.into_iter().flat_map(told).collect()
}

/// JSON in one line, with a space where a person expects one; all of it is YAML.
fn flow(value: &Value) -> String {
    match value {
        Value::Object(all) => {
            let one = |(key, value): (&String, &Value)| format!("{}: {}", json!(key), flow(value));
            format!("{{{}}}", all.iter().map(one).collect::<Vec<_>>().join(", "))
        }
        Value::Array(all) => format!("[{}]", all.iter().map(flow).collect::<Vec<_>>().join(", ")),
        other => other.to_string(),
    }
}

/// `seen-` and what the labels say, once.
fn name(group: &PodGroup, names: &mut BTreeSet<String>) -> String {
    let telling = TELLING.iter().find_map(|key| group.get(*key).filter(|value| !value.is_empty()));
    let text =
        telling.cloned().unwrap_or_else(|| group.values().cloned().collect::<Vec<_>>().join("-"));
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().map(plain).take(LONGEST).collect();
    let slug = slug.trim_matches('-');
    let base = if slug.is_empty() { "seen-pods".to_owned() } else { format!("seen-{slug}") };
    let mut name = base.clone();
    let mut nth = 1;
    while !names.insert(name.clone()) {
        nth += 1;
        name = format!("{base}-{nth}");
    }
    name
}
