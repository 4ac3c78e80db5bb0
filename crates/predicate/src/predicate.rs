//! A question of an event.

use auditseal_audit::Time;

use crate::cel::Refused;
use crate::event::Event;
use crate::flags::{Invalid, ObjectFilter};
use crate::literals::Literals;
use crate::plan::{Keep, Plan};
use crate::truth::Truth;

/// A question that an event answers with yes, no, or unknown.
#[derive(Debug, Clone)]
pub struct Predicate {}

impl Predicate {
    /// Reads CEL: `docs/query-language.md`.
    ///
    /// # Errors
    /// [`Refused`], with its place, for what isn't CEL or can't be asked of an event.
    pub fn from_cel(text: &str) -> Result<Self, Refused> {
        Err(Refused::at(text, 0, "can't be asked"))
    }

    /// The verb is one of these: `delete`.
    #[must_use]
    pub fn verbs<'a>(verbs: impl IntoIterator<Item = &'a str>) -> Self {
        assert!(verbs.into_iter().all(|verb| !verb.contains(char::is_whitespace)));
        Self {}
    }

    /// The name of who was authenticated, or of whom they acted for, fits a glob: `*` is any text, `?` any character.
    ///
    /// # Errors
    /// [`Invalid`] for a glob that is too long.
    pub fn user(_glob: &str) -> Result<Self, Invalid> {
        Ok(Self {})
    }

    /// One of the source addresses is this one, or in this network: `10.0.0.1`, `10.0.0.0/8`, `2001:db8::/32`.
    ///
    /// # Errors
    /// [`Invalid`] for what is neither.
    pub fn source_ip(_address: &str) -> Result<Self, Invalid> {
        Ok(Self {})
    }

    /// The answer's code is one of these: `403`, `4xx`, `400-499`, `403,5xx`.
    ///
    /// # Errors
    /// [`Invalid`] for anything else.
    pub fn code(_codes: &str) -> Result<Self, Invalid> {
        Ok(Self {})
    }

    /// It is about such an object.
    #[must_use]
    pub fn object(_object: ObjectFilter<'_>) -> Self {
        Self {}
    }

    /// It happened then or later. Of a line without a certain time that is unknown.
    #[must_use]
    pub fn since(_time: Time) -> Self {
        Self {}
    }

    /// It happened then or before. Of a line without a certain time that is unknown.
    #[must_use]
    pub fn until(_time: Time) -> Self {
        Self {}
    }

    /// The `auditID` is this one.
    #[must_use]
    pub fn audit_id(_id: &str) -> Self {
        Self {}
    }

    /// Each of these is true; of none, that is true.
    #[must_use]
    pub fn all(predicates: Vec<Self>) -> Self {
        drop(predicates);
        Self {}
    }

    /// One of these is true; of none, that is false.
    #[must_use]
    pub fn any(predicates: Vec<Self>) -> Self {
        drop(predicates);
        Self {}
    }

    /// What it says of an event.
    #[must_use]
    pub fn eval(&self, _event: &Event<'_>) -> Truth {
        Truth::Unknown
    }

    /// What an index is to be asked for: [`Self::terms_for`] with [`Keep::Answered`].
    #[must_use]
    pub fn terms(&self) -> Plan {
        self.terms_for(Keep::Answered)
    }

    /// What an index is to be asked for: lines of which it isn't false are among them.
    #[must_use]
    pub fn terms_for(&self, _keep: Keep) -> Plan {
        Plan::All
    }

    /// What the bytes of a line must have: [`Self::literals_for`] with [`Keep::Answered`].
    #[must_use]
    pub fn literals(&self) -> Literals {
        self.literals_for(Keep::Answered)
    }

    /// What the bytes of a line must have, unless it is false.
    #[must_use]
    pub fn literals_for(&self, _keep: Keep) -> Literals {
        Literals::default()
    }
}

impl std::ops::Not for Predicate {
    type Output = Self;

    fn not(self) -> Self {
        self
    }
}
