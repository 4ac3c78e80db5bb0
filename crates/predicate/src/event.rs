//! One line of an audit log as an event.

use std::fmt;

use auditseal_audit::policy::{Level, Stage};
use auditseal_audit::{Time, TimeField};

use crate::field::{FieldPath, FieldValue};

/// Why a line can't be asked anything: what it holds is unknown, and it is to be counted, not left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It isn't one JSON object by RFC 8259; from this byte on, counted from 0.
    NotJson(usize),
    /// Brackets are nested deeper than kube-apiserver's encoder goes.
    TooDeep,
    /// It has more members than are looked at.
    TooManyMembers,
    /// One of its keys stands twice: which of the two counts?
    Twice,
    /// Its level or stage is none that is known.
    UnknownLevel,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(at) => write!(f, "not a JSON object, from byte {at} on"),
            Self::TooDeep => f.write_str("nested deeper than an apiserver writes"),
            Self::TooManyMembers => f.write_str("more members than any event has"),
            Self::Twice => f.write_str("a key of the event stands twice"),
            Self::UnknownLevel => f.write_str("its audit level or stage is none that is known"),
        }
    }
}

impl std::error::Error for Unreadable {}

/// An event, borrowed from its line.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    line: &'a [u8],
    times: TimeField,
}

impl<'a> Event<'a> {
    /// Reads a line, without its newline. The grammar of all of it is checked; values are read when they are asked
    /// for, so that a body of 100 MB costs one pass and no memory.
    ///
    /// # Errors
    /// [`Unreadable`]: what the line holds can't be known.
    pub fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        Ok(Self { line, times: TimeField::Audit })
    }

    /// The same event of a chain whose lines have their times elsewhere: a note's `times`.
    #[must_use]
    pub fn timed_by(self, times: TimeField) -> Self {
        Self { times, ..self }
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// The line's certain time: FORMAT.md, "Times".
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        let mut finder = auditseal_audit::TimeFinder::new(self.times);
        finder.take(self.line);
        finder.end()
    }

    /// At which level it was logged; none in a line that isn't an audit event.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        None
    }

    /// Of which stage of a request it tells; none in a line that isn't an audit event.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        None
    }

    /// Whether kube-apiserver took the bodies out because the event was too large.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        false
    }

    /// A field's value.
    #[must_use]
    pub fn field(&self, path: &FieldPath) -> FieldValue<'a> {
        path.of(self)
    }
}
