//! What an index is to be asked for.

use std::fmt;
use std::sync::Arc;

use auditseal_index::{Ordinals, Pattern, TermField, TermKind};

/// Which lines must not be left out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Keep {
    /// Those of which the predicate is true, and those of which it is unknown; but not events of stage
    /// `RequestReceived` that are unknown because the answer isn't there yet: a later event of the request has it.
    #[default]
    Answered,
    /// Those too.
    All,
}

/// Lines that are asked of an index; those that a predicate is about are among them.
#[derive(Debug)]
pub enum Plan {
    /// All lines: the index doesn't help.
    All,
    /// No line at all.
    None,
    /// Lines in any of these.
    Any(Vec<Self>),
    /// Lines in each of these.
    Every(Vec<Self>),
    /// Lines with such a term.
    Terms(TermLookup),
    /// Lines with this `auditID`.
    AuditId(String),
}

/// A test of one field's value.
pub(crate) type Check = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// Terms of one kind, by some of their fields.
pub struct TermLookup {
    kind: TermKind,
    wants: Vec<(TermField, Want)>,
}

/// What a field's value must be.
#[derive(Clone)]
pub(crate) enum Want {
    Is(String),
    Passes(Check),
}

impl TermLookup {
    /// Terms of a kind, of which these fields are so.
    pub(crate) fn new(kind: TermKind, wants: Vec<(TermField, Want)>) -> Self {
        Self { kind, wants }
    }

    /// The kind of the terms.
    #[must_use]
    pub fn kind(&self) -> TermKind {
        self.kind
    }

    /// What an index is asked.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        let pattern = Pattern::new(self.kind);
        self.wants.iter().fold(pattern, |pattern, (field, want)| match want {
            Want::Is(value) => pattern.with(*field, value),
            Want::Passes(check) => {
                let check = Arc::clone(check);
                pattern.passing(*field, move |value| check(value))
            }
        })
    }
}

impl fmt::Debug for TermLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern().fmt(f)
    }
}

impl Plan {
    /// Lines in each of these, as simple as it can be said.
    pub(crate) fn every(plans: Vec<Self>) -> Self {
        let mut parts = Vec::new();
        for plan in plans {
            match plan {
                Self::All => {}
                Self::None => return Self::None,
                Self::Every(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::All,
            1 => parts.remove(0),
            _ => Self::Every(parts),
        }
    }

    /// Lines in any of these, as simple as it can be said.
    pub(crate) fn any(plans: Vec<Self>) -> Self {
        let mut parts = Vec::new();
        for plan in plans {
            match plan {
                Self::None => {}
                Self::All => return Self::All,
                Self::Any(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::None,
            1 => parts.remove(0),
            _ => Self::Any(parts),
        }
    }

    /// Whether it leaves anything out.
    #[must_use]
    pub fn is_all(&self) -> bool {
        matches!(self, Self::All)
    }

    /// The batches, or packs, of `below` that may have such a line. `terms` is asked for each lookup and `id` for each
    /// `auditID`; the answer `None` means that it can't be told.
    pub fn ordinals(
        &self,
        below: u32,
        terms: &mut dyn FnMut(&TermLookup) -> Option<Ordinals>,
        id: &mut dyn FnMut(&str) -> Option<Ordinals>,
    ) -> Ordinals {
        let all = || Ordinals::all(below);
        match self {
            Self::All => all(),
            Self::None => Ordinals::none(below),
            Self::Terms(lookup) => terms(lookup).unwrap_or_else(all),
            Self::AuditId(wanted) => id(wanted).unwrap_or_else(all),
            Self::Any(plans) => plans.iter().fold(Ordinals::none(below), |mut found, plan| {
                found.unite(&plan.ordinals(below, terms, id));
                found
            }),
            Self::Every(plans) => plans.iter().fold(all(), |mut found, plan| {
                found.intersect(&plan.ordinals(below, terms, id));
                found
            }),
        }
    }
}
