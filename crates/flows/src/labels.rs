//! Labels of a pod or a namespace, as far as a line tells them.

use std::collections::BTreeMap;

use crate::{MAX_LABELS, NotAFlow};

/// What is known of a label that isn't listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unlisted {
    /// Nothing: it may be there.
    #[default]
    Unknown,
    /// It isn't there: all labels are listed.
    Absent,
    /// It isn't there, unless it is one of those that Cilium leaves out by its own default.
    AbsentButCiliums,
}

impl Unlisted {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Absent => "absent",
            Self::AbsentButCiliums => "absent-but-ciliums",
        }
    }
}

/// What is known of one label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelValue<'a> {
    /// It is this.
    Is(&'a str),
    /// There is no such label.
    Absent,
    /// The line doesn't tell.
    Unknown,
}

/// Labels, as far as a line tells them.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LabelSet {
    listed: BTreeMap<String, String>,
    unlisted: Unlisted,
}

impl LabelSet {
    /// Those that are listed, and what is known of the others.
    ///
    /// # Errors
    /// [`NotAFlow::Many`].
    pub fn new(listed: BTreeMap<String, String>, unlisted: Unlisted) -> Result<Self, NotAFlow> {
        if listed.len() > MAX_LABELS {
            return Err(NotAFlow::Many);
        }
        Ok(Self { listed, unlisted })
    }

    /// Those that are listed, in order.
    #[must_use]
    pub fn listed(&self) -> &BTreeMap<String, String> {
        &self.listed
    }

    /// What is known of the others.
    #[must_use]
    pub fn unlisted(&self) -> Unlisted {
        self.unlisted
    }

    /// Whether nothing at all is known.
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.listed.is_empty() && self.unlisted == Unlisted::Unknown
    }

    /// What is known of a label.
    #[must_use]
    pub fn get(&self, key: &str) -> LabelValue<'_> {
        match (self.listed.get(key), self.unlisted) {
            (Some(value), _) => LabelValue::Is(value),
            (None, Unlisted::Absent) => LabelValue::Absent,
            (None, Unlisted::AbsentButCiliums) if !left_out_by_cilium(key) => LabelValue::Absent,
            _ => LabelValue::Unknown,
        }
    }
}

/// Whether Cilium's default filter leaves a label out of what makes an identity, and so out of Hubble's flows.
///
/// Source: docs.cilium.io, "Limiting Identity-Relevant Labels", the list of default patterns (1.15 to 1.19), of which
/// `app.kubernetes.io` is taken in again. Where somebody has set more, these look absent: docs/flows.md says so.
fn left_out_by_cilium(key: &str) -> bool {
    let kubernetes = key.contains("kubernetes.io") || key.contains("k8s.io");
    let kubernetes = kubernetes && !key.starts_with("app.kubernetes.io");
    let others = [
        "pod-template-generation",
        "pod-template-hash",
        "controller-revision-hash",
        "controller-uid",
        "etcd_node",
    ];
    kubernetes || key.starts_with("annotation") || others.iter().any(|of| key.contains(of))
}
