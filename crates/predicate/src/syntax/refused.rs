//! Why a text is refused, and where.

use std::fmt;

/// Why a text is no predicate, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The byte at which what is refused begins, from 0.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
    /// Its column in characters, from 1.
    pub column: usize,
    /// What is wrong, and what would be right, for a person.
    pub why: String,
}

impl Refused {
    /// Refuses what begins at a byte of a text.
    pub(crate) fn at(text: &str, offset: usize, why: impl Into<String>) -> Self {
        let before = text.get(..offset).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Self { offset, line, column, why: why.into() }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}: {}", self.line, self.column, self.why)
    }
}

impl std::error::Error for Refused {}
