//! NetworkPolicies as they were given.

use std::fmt;

use auditseal_history::words::netpol::Meaning;
use serde_json::Value;

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

impl PolicyFile {
    /// All policies of an object: a NetworkPolicy, or a list of them. One that names no namespace is of `namespace`.
    ///
    /// # Errors
    /// [`NotAPolicy`], for anything else.
    pub fn all(object: &Value, namespace: &str) -> Result<Vec<Self>, NotAPolicy> {
        match object.get("items").and_then(Value::as_array) {
            Some(items) => items.iter().map(|one| Self::one(one, namespace)).collect(),
            None => Self::one(object, namespace).map(|one| vec![one]),
        }
    }

    fn one(object: &Value, namespace: &str) -> Result<Self, NotAPolicy> {
        let of = |path: &str| object.pointer(path).and_then(Value::as_str);
        let name = of("/metadata/name").unwrap_or("(without a name)");
        let own = of("/metadata/namespace").unwrap_or(namespace);
        let name = format!("{own}/{name}").escape_debug().to_string();
        let refused = |why: String| NotAPolicy { name: name.clone(), why };
        let group = of("/apiVersion").and_then(|version| version.split_once('/'));
        let kind = (group.map(|(group, _)| group), of("/kind"));
        if kind != (Some("networking.k8s.io"), Some("NetworkPolicy")) {
            return Err(refused("it is no NetworkPolicy of networking.k8s.io".to_owned()));
        }
        let mut whole = object.clone();
        whole["metadata"]["namespace"] = own.into();
        let meaning = Meaning::read(&whole).map_err(|unclear| refused(unclear.to_string()))?;
        Ok(Self { name: name.clone(), namespace: own.to_owned(), meaning })
    }
}
