//! A question as far as an index can answer it: which terms a line must have.

use crate::{Index, Ordinals, Pattern};

/// What must be so of each line that answers a question. It says less than the question, never more: what it
/// leaves out has no answer, what it leaves in is read.
#[derive(Debug, Clone)]
pub enum Lookup {
    /// Nothing that an index knows: any line may answer.
    Any,
    /// The line has a term of these.
    Term(Pattern),
    /// The line's `auditID`, not empty: an empty one is as good as [`Lookup::Any`].
    AuditId(String),
    /// All of these are so; of none, any line may answer.
    All(Vec<Self>),
    /// One of these is so at least; of none, no line answers.
    Either(Vec<Self>),
}

impl Lookup {
    /// All of these are so, as simple as it can be said.
    #[must_use]
    pub fn all_of(lookups: Vec<Self>) -> Self {
        let mut parts = Vec::new();
        for lookup in lookups {
            match lookup {
                Self::Any => {}
                Self::Either(none) if none.is_empty() => return Self::Either(none),
                Self::All(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        match parts.len() {
            0 => Self::Any,
            1 => parts.remove(0),
            _ => Self::All(parts),
        }
    }

    /// One of these is so at least, as simple as it can be said.
    #[must_use]
    pub fn one_of(lookups: Vec<Self>) -> Self {
        let mut parts = Vec::new();
        for lookup in lookups {
            match lookup {
                Self::Any => return Self::Any,
                Self::Either(inner) => parts.extend(inner),
                other => parts.push(other),
            }
        }
        if parts.len() == 1 { parts.remove(0) } else { Self::Either(parts) }
    }

    /// Whether it leaves nothing out.
    #[must_use]
    pub fn is_any(&self) -> bool {
        match self {
            Self::Any => true,
            Self::Term(_) => false,
            Self::AuditId(id) => id.is_empty(),
            Self::All(parts) => parts.iter().all(Self::is_any),
            Self::Either(parts) => parts.iter().any(Self::is_any),
        }
    }

    /// Whether terms are asked for, which a roll-up knows, and not only IDs, which it doesn't.
    #[must_use]
    pub fn has_terms(&self) -> bool {
        !self.patterns().is_empty()
    }

    /// The patterns in it, in order.
    pub(crate) fn patterns(&self) -> Vec<&Pattern> {
        let (mut found, mut left) = (Vec::new(), vec![self]);
        while let Some(next) = left.pop() {
            match next {
                Self::Any | Self::AuditId(_) => {}
                Self::Term(pattern) => found.push(pattern),
                Self::All(parts) | Self::Either(parts) => left.extend(parts.iter().rev()),
            }
        }
        found
    }

    /// What of all below `below` is left in, where `leaf` says that of a term or an ID; terms come in the
    /// order of [`Self::patterns`].
    pub(crate) fn left_in(&self, below: u32, leaf: &mut impl FnMut(&Self) -> Ordinals) -> Ordinals {
        match self {
            Self::Any => Ordinals::all(below),
            Self::Term(_) | Self::AuditId(_) => leaf(self),
            Self::All(parts) => parts.iter().fold(Ordinals::all(below), |mut all, part| {
                all.intersect(&part.left_in(below, leaf));
                all
            }),
            Self::Either(parts) => parts.iter().fold(Ordinals::none(below), |mut either, part| {
                either.unite(&part.left_in(below, leaf));
                either
            }),
        }
    }
}

impl Index {
    /// The batches that may have a line which answers, counted from the pack's first; in the others there is none.
    #[must_use]
    pub fn answering(&self, lookup: &Lookup) -> Ordinals {
        let mut found = lookup.left_in(self.batches(), &mut |leaf| match leaf {
            Lookup::Term(pattern) => self.matching(pattern),
            Lookup::AuditId(id) => self.with_audit_id(id),
            _ => Ordinals::all(self.batches()),
        });
        found.unite(self.open_batches());
        found
    }
}

impl From<Pattern> for Lookup {
    fn from(pattern: Pattern) -> Self {
        Self::Term(pattern)
    }
}
