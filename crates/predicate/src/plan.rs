//! What an index is to be asked for.

use std::sync::Arc;

use auditseal_index::{Pattern, TermField, TermKind};

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

/// A test of one field's value.
pub(crate) type Check = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// What a field's value must be.
#[derive(Clone)]
pub(crate) enum Want {
    Is(String),
    Passes(Check),
}

/// Terms of a kind, of which these fields are so.
pub(crate) fn pattern(kind: TermKind, wants: Vec<(TermField, Want)>) -> Pattern {
    wants.into_iter().fold(Pattern::new(kind), |pattern, (field, want)| match want {
        Want::Is(value) => pattern.with(field, &value),
        Want::Passes(check) => pattern.passing(field, move |value| check(value)),
    })
}
