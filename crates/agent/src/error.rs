//! What stops the agent.

use std::fmt;

/// What an error means for the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// Wrong arguments or files: trying again can't help.
    Usage,
    /// The source can't be used.
    Source,
    /// The store can't be used.
    Store,
    /// The disk of the state directory is full: the daemon waits for room.
    DiskFull,
    /// Another process holds the state directory: it may be about to end.
    Locked,
    /// Anything else.
    Other,
}

/// "What failed: why", and what might help.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    text: String,
    hint: Option<String>,
}

impl Error {
    /// An error while doing `what` (verb and object), because of `why`.
    pub fn new(kind: ErrorKind, what: &str, why: impl fmt::Display) -> Self {
        Self { kind, text: format!("{what}: {why}"), hint: None }
    }

    /// Says what might help.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the error means.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What might help.
    #[must_use]
    pub fn get_hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Error {}

impl From<auditseal_spool::Error> for Error {
    fn from(error: auditseal_spool::Error) -> Self {
        let kind = match &error {
            auditseal_spool::Error::Locked(_) => ErrorKind::Locked,
            error if error.is_full() => ErrorKind::DiskFull,
            _ => ErrorKind::Other,
        };
        Self { kind, text: error.to_string(), hint: error.hint().map(str::to_owned) }
    }
}

impl From<auditseal_store::Error> for Error {
    fn from(error: auditseal_store::Error) -> Self {
        let kind = match error.kind() {
            auditseal_store::Kind::Invalid => ErrorKind::Usage,
            _ => ErrorKind::Store,
        };
        Self { kind, text: error.to_string(), hint: error.hint().map(str::to_owned) }
    }
}
