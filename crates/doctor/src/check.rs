//! What one check found.

use serde::Serialize;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// As it should be.
    Pass,
    /// It works, and could fail somebody one day.
    Warn,
    /// The archive isn't safe, or will lose something.
    Fail,
    /// It couldn't be found out.
    Unknown,
}

impl Status {
    /// Four characters, for the beginning of a line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Fail => "fail",
            Self::Unknown => "????",
        }
    }
}

/// One question, what was found, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was examined: a store's URL, a source's name.
    pub subject: String,
    /// The question, in a word.
    pub check: &'static str,
    /// How it ended.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// Why it matters.
    pub why: Option<String>,
    /// What would make it right.
    pub fix: Option<String>,
    /// The command that does so, or that finds out.
    pub command: Option<String>,
    /// Whether nothing can be said of the whole while this is unknown.
    pub essential: bool,
}

impl Check {
    /// A check that ended so. The subject is filled in by whoever knows it.
    pub(crate) fn new(check: &'static str, status: Status, found: impl Into<String>) -> Self {
        let found = found.into();
        let subject = String::new();
        Self {
            subject,
            check,
            status,
            found,
            why: None,
            fix: None,
            command: None,
            essential: false,
        }
    }

    pub(crate) fn pass(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Pass, found)
    }

    pub(crate) fn warn(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Warn, found)
    }

    pub(crate) fn fail(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Fail, found)
    }

    pub(crate) fn unknown(check: &'static str, found: impl Into<String>) -> Self {
        Self::new(check, Status::Unknown, found)
    }

    pub(crate) fn why(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    pub(crate) fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }

    pub(crate) fn command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    pub(crate) fn essential(mut self) -> Self {
        self.essential = true;
        self
    }

    /// What the store answered to a question that it didn't answer.
    pub(crate) fn unanswered(check: &'static str, error: &auditseal_store::Error) -> Self {
        let unknown = Self::unknown(check, error.to_string());
        match error.hint() {
            Some(hint) => unknown.fix(hint),
            None => unknown,
        }
    }
}
