//! Roles and bindings: what somebody may do now that they couldn't, and the reverse.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::facts::{Facts, list, said_of, selected, shown, text_of};
use super::unclear::{NOWHERE, Unclear};
use crate::value::at;

/// Single rights of one role, and comparisons of rights with rules: with more, it isn't told in words.
pub const MAX_RIGHTS: usize = 4096;

/// One right: a verb on a resource, all or one of its objects, or on an address.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Right {
    Resource { group: String, resource: String, name: Option<String>, verb: String },
    Address { path: String, verb: String },
}

impl Right {
    /// Whether there is something that both allow.
    fn meets(&self, other: &Self) -> bool {
        let meet = |one: &str, other: &str| one == "*" || other == "*" || one == other;
        let below = |one: &str, other: &str| {
            let subresource = one.strip_prefix("*/");
            subresource.is_some() && subresource == other.split_once('/').map(|(_, below)| below)
        };
        let starts = |one: &str, other: &str| {
            one.strip_suffix('*').is_some_and(|start| {
                other.starts_with(start)
                    || other.strip_suffix('*').is_some_and(|other| start.starts_with(other))
            })
        };
        match (self, other) {
            (
                Self::Resource { group, resource, name, verb },
                Self::Resource { group: groups, resource: other, name: named, verb: verbs },
            ) => {
                let names = name.as_ref().zip(named.as_ref());
                meet(verb, verbs)
                    && meet(group, groups)
                    && (meet(resource, other) || below(resource, other) || below(other, resource))
                    && names.is_none_or(|(name, other)| name == other)
            }
            (Self::Address { path, verb }, Self::Address { path: other, verb: verbs }) => {
                meet(verb, verbs) && (path == other || starts(path, other) || starts(other, path))
            }
            _ => false,
        }
    }
}

/// An address' stars at its end count for one: `NonResourceURLMatches` takes away all of them.
fn starred(address: String) -> String {
    match address.strip_suffix('*') {
        Some(start) => format!("{}*", start.trim_end_matches('*')),
        None => address,
    }
}

/// A rule, as sets.
#[derive(Debug, Default)]
struct Rule {
    verbs: BTreeSet<String>,
    groups: BTreeSet<String>,
    resources: BTreeSet<String>,
    names: BTreeSet<String>,
    addresses: BTreeSet<String>,
}

impl Rule {
    fn read(rule: &Value) -> Self {
        let set = |name| list(rule, name).iter().map(crate::path::plain).collect();
        let addresses: BTreeSet<String> = set("nonResourceURLs");
        Self {
            verbs: set("verbs"),
            groups: set("apiGroups"),
            resources: set("resources"),
            names: set("resourceNames"),
            addresses: addresses.into_iter().map(starred).collect(),
        }
    }

    /// `k8s.io/kubernetes/pkg/apis/rbac/v1/evaluation_helpers.go`.
    fn grants(&self, right: &Right) -> bool {
        let has = |set: &BTreeSet<String>, one: &str| set.contains("*") || set.contains(one);
        match right {
            Right::Resource { group, resource, name, verb } => {
                let below = resource.split_once('/').map(|(_, below)| format!("*/{below}"));
                let resource = has(&self.resources, resource)
                    || below.is_some_and(|below| self.resources.contains(&below));
                let named = self.names.is_empty()
                    || name.as_ref().is_some_and(|name| self.names.contains(name));
                has(&self.verbs, verb) && has(&self.groups, group) && resource && named
            }
            Right::Address { path, verb } => {
                let fits = |rule: &String| match rule.strip_suffix('*') {
                    Some(start) => path.starts_with(start),
                    None => rule == path,
                };
                has(&self.verbs, verb) && self.addresses.iter().any(fits)
            }
        }
    }

    fn rights(&self, into: &mut BTreeSet<Right>) -> Result<(), Unclear> {
        let names: Vec<Option<&String>> = match self.names.is_empty() {
            true => vec![None],
            false => self.names.iter().map(Some).collect(),
        };
        let count = self.verbs.len().saturating_mul(
            (self.groups.len().saturating_mul(self.resources.len()).saturating_mul(names.len()))
                .saturating_add(self.addresses.len()),
        );
        if count.saturating_add(into.len()) > MAX_RIGHTS {
            return Err(Unclear::Large);
        }
        for verb in &self.verbs {
            for group in &self.groups {
                for resource in &self.resources {
                    into.extend(names.iter().map(|name| Right::Resource {
                        group: group.clone(),
                        resource: resource.clone(),
                        name: name.cloned(),
                        verb: verb.clone(),
                    }));
                }
            }
            let address = |path: &String| Right::Address { path: path.clone(), verb: verb.clone() };
            into.extend(self.addresses.iter().map(address));
        }
        Ok(())
    }
}

fn rules(role: Option<&Value>) -> Result<(Vec<Rule>, BTreeSet<Right>), Unclear> {
    let rules: Vec<_> =
        role.map(|role| list(role, "rules")).unwrap_or_default().iter().map(Rule::read).collect();
    let mut rights = BTreeSet::new();
    for rule in &rules {
        rule.rights(&mut rights)?;
    }
    if rules.len().saturating_mul(rights.len()) > MAX_RIGHTS * MAX_RIGHTS {
        return Err(Unclear::Large);
    }
    Ok((rules, rights))
}

/// Roles and ClusterRoles.
pub(crate) fn role(before: Option<&Value>, after: Option<&Value>) -> Result<Vec<String>, Unclear> {
    let (old_rules, old) = rules(before)?;
    let (new_rules, new) = rules(after)?;
    let without = |rights: &BTreeSet<Right>, rules: &[Rule]| -> Vec<Right> {
        let granted = |right: &&Right| !rules.iter().any(|rule| rule.grants(right));
        rights.iter().filter(granted).cloned().collect()
    };
    let mut said = tell("granted", &without(&new, &old_rules), &old, "was granted before");
    said.extend(tell("revoked", &without(&old, &new_rules), &new, "is still granted"));
    let (old, new) = (collects(before), collects(after));
    if old != new {
        said.push(format!("collects the rights of {new}; before: {old}"));
    }
    Ok(said)
}

/// Whose rights a role collects, in any order of the selectors.
fn collects(role: Option<&Value>) -> String {
    let selectors = role.and_then(|role| at(role, &["aggregationRule", "clusterRoleSelectors"]));
    let one = |selector: &Value| {
        let any = |name| {
            selector.get(name).is_none_or(|of| {
                of.is_null()
                    || of.as_object().is_some_and(serde_json::Map::is_empty)
                    || of.as_array().is_some_and(Vec::is_empty)
            })
        };
        if any("matchLabels") && any("matchExpressions") {
            "all ClusterRoles".to_owned()
        } else {
            format!("ClusterRoles with {}", selected(selector))
        }
    };
    let all: BTreeSet<String> =
        selectors.and_then(Value::as_array).into_iter().flatten().map(one).collect();
    match all.is_empty() {
        true => "no ClusterRoles".to_owned(),
        false => all.into_iter().collect::<Vec<_>>().join(", and of "),
    }
}

/// Rights that are there on one side alone; `others` are the other side's, which may be a part of one of them.
fn tell(word: &str, rights: &[Right], others: &BTreeSet<Right>, also: &str) -> Vec<String> {
    let mut things: BTreeMap<String, (BTreeSet<String>, bool)> = BTreeMap::new();
    for right in rights {
        let (thing, verb) = match right {
            Right::Resource { group, resource, name, verb } => {
                let (resource, group) = (shown(resource), bare(group));
                let resource = match (&*resource, &*group) {
                    ("*", "*") => "everything".to_owned(),
                    ("*", "") => "everything of the core group".to_owned(),
                    ("*", group) => format!("everything of {group}"),
                    (resource, "") => resource.to_owned(),
                    (resource, "*") => format!("{resource} of any group"),
                    (resource, group) => format!("{resource}.{group}"),
                };
                let name =
                    name.as_ref().map_or(String::new(), |name| format!(" named {}", shown(name)));
                (format!("{resource}{name}"), verb)
            }
            Right::Address { path, verb } => (format!("address {}", shown(path)), verb),
        };
        let (verbs, in_part) = things.entry(thing).or_default();
        verbs.insert(shown(verb));
        *in_part |= others.iter().any(|other| right.meets(other));
    }
    let say = |(thing, (verbs, in_part)): (&String, &(BTreeSet<String>, bool))| {
        let verbs: Vec<&str> = verbs.iter().map(String::as_str).collect();
        let verbs = if verbs.contains(&"*") { "every verb".to_owned() } else { verbs.join(", ") };
        let part = if *in_part { format!(" (a part of it {also})") } else { String::new() };
        format!("{word}: {verbs} on {thing}{part}")
    };
    things.iter().map(say).collect()
}

/// The core's group has no name.
fn bare(group: &str) -> String {
    if group.is_empty() { String::new() } else { shown(group) }
}

/// RoleBindings and ClusterRoleBindings.
pub(crate) fn binding(binding: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let part = said_of;
    let role = binding.get("roleRef").unwrap_or(&Value::Null);
    let role = format!("{} {}", part(role, "kind"), part(role, "name"));
    let place = match text_of(binding, "kind").as_deref() {
        Some("ClusterRoleBinding") => " everywhere".to_owned(),
        _ => {
            let namespace = at(binding, &["metadata", "namespace"]).and_then(Value::as_str);
            let namespace = namespace.filter(|name| !name.is_empty());
            format!(" in namespace {}", shown(namespace.ok_or(Unclear::Form(NOWHERE))?))
        }
    };
    if list(binding, "subjects").is_empty() {
        facts.say("nobody", &format!("{role}{place}"))?;
    }
    for subject in list(binding, "subjects") {
        let name = part(subject, "name");
        let who = match &*part(subject, "kind") {
            "ServiceAccount" => format!("service account {}/{name}", part(subject, "namespace")),
            "Group" => match &*name {
                "system:unauthenticated" => {
                    "everybody, even unauthenticated (group system:unauthenticated)".to_owned()
                }
                "system:authenticated" => {
                    "everybody who is authenticated (group system:authenticated)".to_owned()
                }
                "system:serviceaccounts" => {
                    "every service account (group system:serviceaccounts)".to_owned()
                }
                _ => format!("group {name}"),
            },
            "User" => format!("user {name}"),
            kind => format!("{kind} {name}"),
        };
        let space = match &*part(subject, "namespace") {
            "" => String::new(),
            _ if who.starts_with("service account") => String::new(),
            space => format!(" of namespace {space}"),
        };
        facts.say(format!("{who}{space}"), &format!("{role}{place}"))?;
    }
    Ok(facts)
}
