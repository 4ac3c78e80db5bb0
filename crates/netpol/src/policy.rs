//! NetworkPolicies as they were given.

use std::fmt;

use auditseal_history::words::netpol::Meaning;
use serde_json::Value;

use crate::strict;

/// What a NetworkPolicy says that it is.
const GROUP: &str = "networking.k8s.io";
const KIND: &str = "NetworkPolicy";

/// A NetworkPolicy that flows are held against.
#[derive(Debug, Clone)]
pub struct PolicyFile {
    /// `NAMESPACE/NAME`.
    pub name: String,
    pub(crate) namespace: String,
    pub(crate) meaning: Meaning,
}

/// Why an object is no policy that flows can be held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotAPolicy {
    name: String,
    why: String,
}

impl fmt::Display for NotAPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.why)
    }
}

impl std::error::Error for NotAPolicy {}

/// An object that is no NetworkPolicy. Prints as `KIND of GROUP NAME`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OtherObject {
    kind: String,
    name: String,
}

impl fmt::Display for OtherObject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

impl PolicyFile {
    /// All policies of an object: a NetworkPolicy, or a list of them. One that names no namespace is of `namespace`.
    ///
    /// # Errors
    /// [`NotAPolicy`], for anything else, and for a policy that an apiserver wouldn't take.
    pub fn all(object: &Value, namespace: &str) -> Result<Vec<Self>, NotAPolicy> {
        members(object).iter().map(|one| Self::one(one, namespace)).collect()
    }

    /// The same, where objects of other kinds stand beside: these are named.
    ///
    /// # Errors
    /// [`NotAPolicy`], for what is no object of Kubernetes, or says that it is a policy and can't be one.
    pub fn among(
        object: &Value,
        namespace: &str,
    ) -> Result<(Vec<Self>, Vec<OtherObject>), NotAPolicy> {
        let (mut policies, mut others) = (Vec::new(), Vec::new());
        for one in members(object) {
            match other(one) {
                Some(other) => others.push(other),
                None => policies.push(Self::one(one, namespace)?),
            }
        }
        Ok((policies, others))
    }

    fn one(object: &Value, namespace: &str) -> Result<Self, NotAPolicy> {
        let of = |path: &str| object.pointer(path).and_then(Value::as_str);
        let name = of("/metadata/name").unwrap_or("(without a name)");
        let own = of("/metadata/namespace").filter(|own| !own.is_empty()).unwrap_or(namespace);
        let name = format!("{own}/{name}").escape_debug().to_string();
        let refused = |why: String| NotAPolicy { name: name.clone(), why };
        let group = of("/apiVersion").and_then(|version| version.split_once('/'));
        let kind = (group.map(|(group, _)| group), of("/kind"));
        if kind != (Some(GROUP), Some(KIND)) {
            return Err(refused("it is no NetworkPolicy of networking.k8s.io".to_owned()));
        }
        strict::check(object).map_err(|why| refused(why.escape_debug().to_string()))?;
        let mut whole = object.clone();
        if let Some(Value::Object(metadata)) = whole.get_mut("metadata") {
            metadata.insert("namespace".to_owned(), own.into());
        }
        let meaning = Meaning::read(&whole).map_err(|unclear| refused(unclear.to_string()))?;
        Ok(Self { name: name.clone(), namespace: own.to_owned(), meaning })
    }
}

/// The objects of a list, or the object itself.
fn members(object: &Value) -> &[Value] {
    let items = object.get("items").and_then(Value::as_array);
    items.map_or(std::slice::from_ref(object), Vec::as_slice)
}

/// What an object is, if it is one of Kubernetes and no NetworkPolicy, nor meant to be one.
fn other(object: &Value) -> Option<OtherObject> {
    let of = |path: &str| object.pointer(path).and_then(Value::as_str);
    let (kind, version) = (of("/kind")?, of("/apiVersion")?);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    // Other groups of projects have a kind of the same name; one of Kubernetes' own groups was meant to be this one.
    let theirs = group.contains('.') && group != GROUP && !group.ends_with(".k8s.io");
    if kind.eq_ignore_ascii_case(KIND) && !theirs {
        return None;
    }
    let kind = if theirs { format!("{kind} of {group}") } else { kind.to_owned() };
    let name = of("/metadata/name").unwrap_or("(without a name)").to_owned();
    let name = match of("/metadata/namespace") {
        Some(space) => format!("{space}/{name}"),
        None => name,
    };
    let plain = |text: String| text.escape_debug().to_string();
    Some(OtherObject { kind: plain(kind), name: plain(name) })
}
