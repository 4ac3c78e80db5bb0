//! Why a line is no flow.

use std::fmt;

use crate::{MAX_LABELS, MAX_LINE, MAX_POLICIES};

/// Characters that are shown of what was found in place of what was due.
const SHOWN: usize = 40;

/// Why a line is no flow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAFlow {
    /// It is longer than [`MAX_LINE`].
    Long,
    /// It isn't UTF-8.
    NotText,
    /// It isn't JSON, or nested too deep.
    NotJson,
    /// A key stands twice in one object.
    Twice,
    /// It isn't as lines of its log are.
    Form(&'static str),
    /// It says something else than a flow: the log's own words for what.
    Note(String),
    /// This isn't there.
    Missing(&'static str),
    /// This is there, and can't be: what it is, and how it begins.
    Bad(&'static str, String),
    /// More labels or policies than are read.
    Many,
}

impl NotAFlow {
    /// Something is there and can't be.
    pub(crate) fn bad(what: &'static str, found: &str) -> Self {
        Self::Bad(what, found.chars().take(SHOWN).collect())
    }
}

impl fmt::Display for NotAFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a flow: ")?;
        match self {
            Self::Long => write!(f, "longer than {MAX_LINE} bytes"),
            Self::NotText => f.write_str("not UTF-8"),
            Self::NotJson => f.write_str("not a JSON object, or nested too deep"),
            Self::Twice => f.write_str("a key stands twice"),
            Self::Form(why) => f.write_str(why),
            Self::Note(what) => write!(f, "the log's own note, {}", what.escape_debug()),
            Self::Missing(what) => write!(f, "there is no {what}"),
            Self::Bad(what, found) => write!(f, "the {what} is none: '{}'", found.escape_debug()),
            Self::Many => write!(f, "more than {MAX_LABELS} labels or {MAX_POLICIES} policies"),
        }
    }
}

impl std::error::Error for NotAFlow {}
