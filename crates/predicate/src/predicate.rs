//! A question of an event, and what is to be read for it.

use auditseal_index::Lookup;

use crate::compile::compile;
use crate::eval::answer;
use crate::event::Event;
use crate::literals::{Literals, literals};
use crate::plan::Keep;
use crate::question::Question;
use crate::syntax::{Refused, parse};
use crate::terms::plan;
use crate::truth::Truth;

/// A question that an event answers with yes, no, or unknown.
#[derive(Debug, Clone)]
pub struct Predicate(pub(crate) Question);

impl Predicate {
    /// Reads CEL: `docs/query-language.md`.
    ///
    /// # Errors
    /// [`Refused`], with its place, for what isn't CEL or can't be asked of an event.
    pub fn from_cel(text: &str) -> Result<Self, Refused> {
        compile(text, &parse(text)?).map(Self)
    }

    /// Each of these is true; of none, that is true.
    #[must_use]
    pub fn all(predicates: Vec<Self>) -> Self {
        Self(Question::All(predicates.into_iter().map(|predicate| predicate.0).collect()))
    }

    /// One of these is true; of none, that is false.
    #[must_use]
    pub fn any(predicates: Vec<Self>) -> Self {
        Self(Question::Any(predicates.into_iter().map(|predicate| predicate.0).collect()))
    }

    /// What it says of an event.
    #[must_use]
    pub fn eval(&self, event: &Event<'_>) -> Truth {
        answer(&self.0, event)
    }

    /// What an index is to be asked for: [`Self::terms_for`] with [`Keep::Answered`].
    #[must_use]
    pub fn terms(&self) -> Lookup {
        self.terms_for(Keep::Answered)
    }

    /// What an index is to be asked for: lines of which it isn't false are among them.
    #[must_use]
    pub fn terms_for(&self, keep: Keep) -> Lookup {
        plan(&self.0, keep)
    }

    /// What the bytes of a line must have: [`Self::literals_for`] with [`Keep::Answered`].
    #[must_use]
    pub fn literals(&self) -> Literals {
        self.literals_for(Keep::Answered)
    }

    /// What the bytes of a line must have, or it is false of it.
    #[must_use]
    pub fn literals_for(&self, keep: Keep) -> Literals {
        literals(&self.0, keep)
    }
}

impl std::ops::Not for Predicate {
    type Output = Self;

    fn not(self) -> Self {
        Self(!self.0)
    }
}
