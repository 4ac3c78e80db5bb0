//! Predicates of single flags.

use std::fmt;

/// Why a flag's value says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invalid {
    /// The value.
    pub value: String,
    /// What it should be, for a person.
    pub why: &'static str,
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.value, self.why)
    }
}

impl std::error::Error for Invalid {}

/// Which objects: what is `None` may be anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ObjectFilter<'a> {
    /// `objectRef.resource`, plural: `networkpolicies`.
    pub resource: Option<&'a str>,
    /// `objectRef.apiGroup`; empty is the core group.
    pub group: Option<&'a str>,
    /// `objectRef.subresource`; empty is the object itself.
    pub subresource: Option<&'a str>,
    /// `objectRef.namespace`; empty is the cluster's scope.
    pub namespace: Option<&'a str>,
    /// The object's name. Of a `create`, also the name that the server made (`generateName`), where the level shows it.
    pub name: Option<&'a str>,
}
