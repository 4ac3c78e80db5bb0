//! The crate's one error type.

use std::borrow::Cow;
use std::fmt;

use crate::text;

/// Longest cause in characters: a log line stays a line whatever a server answers.
const CAUSE_LIMIT: usize = 300;
/// Longest target in characters: the longest key of any store, with its bucket.
const TARGET_LIMIT: usize = 1400;

/// What was being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Operation {
    /// Opening a store from its URL.
    Open,
    /// [`Store::put_new`](crate::Store::put_new).
    Put,
    /// [`Store::get`](crate::Store::get).
    Get,
    /// [`Store::tail`](crate::Store::tail).
    Tail,
    /// [`Store::range`](crate::Store::range).
    Range,
    /// [`Store::stream`](crate::Store::stream).
    Stream,
    /// [`Store::list`](crate::Store::list).
    List,
    /// [`Store::versions`](crate::Store::versions).
    Versions,
    /// [`Store::lock`](crate::Store::lock).
    Lock,
    /// [`Store::mark`](crate::Store::mark).
    Mark,
    /// [`Store::marked`](crate::Store::marked).
    Marked,
    /// [`Store::facts`](crate::Store::facts).
    Facts,
    /// An attempt of an attacker on its canary (crate `attack`).
    Attack,
    /// Getting a page of another server (`vault::Page`).
    Page,
}

impl Operation {
    /// The verb that begins an error's text.
    pub fn verb(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Put => "put",
            Self::Get => "get",
            Self::Tail => "read the end of",
            Self::Range => "read a part of",
            Self::Stream => "read",
            Self::List => "list",
            Self::Versions => "list the versions of",
            Self::Lock => "read the lock of",
            Self::Mark => "mark",
            Self::Marked => "read the mark of",
            Self::Facts => "read the settings of",
            Self::Attack => "attack",
            Self::Page => "get",
        }
    }
}

/// What an error means to whoever decides what to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// The store itself says that the object is absent.
    NotFound,
    /// The bucket, the container or the directory is absent: no answer about any object.
    NoBucket,
    /// The key is taken (maybe by this very put: read it back).
    AlreadyExists,
    /// The object is larger than the caller's limit, or than the store takes.
    TooLarge,
    /// The store answered with another version than the one asked for.
    WrongVersion,
    /// The object lies in an archive tier and must be restored before it can be read.
    Archived,
    /// No credentials, wrong credentials, or not allowed.
    Denied,
    /// No answer, or not all of it, in time.
    Timeout,
    /// Unreachable, overloaded, or answered by something that isn't the store.
    Unavailable,
    /// The URL, a key or the configuration is wrong: trying again can't help.
    Invalid,
    /// The bucket is in another region than the one that was asked: trying again can't help.
    Elsewhere,
    /// The store itself says that it doesn't know how to do this: trying again can't help.
    Unsupported,
    /// Anything else; the text says what.
    Other,
}

impl Kind {
    /// A stable lower-case name, for metric labels.
    pub fn name(self) -> &'static str {
        match self {
            Self::NotFound => "not-found",
            Self::NoBucket => "no-bucket",
            Self::AlreadyExists => "already-exists",
            Self::TooLarge => "too-large",
            Self::WrongVersion => "wrong-version",
            Self::Archived => "archived",
            Self::Denied => "denied",
            Self::Timeout => "timeout",
            Self::Unavailable => "unavailable",
            Self::Invalid => "invalid",
            Self::Elsewhere => "elsewhere",
            Self::Unsupported => "unsupported",
            Self::Other => "other",
        }
    }
}

/// A failed operation on a store: what failed, on what, and why.
///
/// Its text is one line of bounded length without control characters, and holds no credentials,
/// also in its `Debug` form: servers and proxies write parts of it, and it ends up in logs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    operation: Operation,
    target: String,
    kind: Kind,
    cause: String,
    hint: Option<Cow<'static, str>>,
}

impl Error {
    /// Makes an error; `target` is a store's URL, with a key or without, and is shown as it is but
    /// for control characters; `cause` is cleaned, cut, and rid of what looks like a credential.
    pub fn new(operation: Operation, target: &str, kind: Kind, cause: &str) -> Self {
        let target = text::clean(target, TARGET_LIMIT);
        let cause = text::clean(&text::redact(cause), CAUSE_LIMIT);
        Self { operation, target, kind, cause, hint: None }
    }

    /// Adds a sentence that tells the reader what to do.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Cow<'static, str>>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What the error means.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What was being done.
    pub fn operation(&self) -> Operation {
        self.operation
    }

    /// The URL or the key that the operation was about.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// What to do about it, where that is known.
    pub fn hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.operation.verb(), self.target, self.cause)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_of_bounded_length() {
        let cause = format!("first\nsecond\u{1b}[31m\u{202e} {}", "x".repeat(5000));
        let error = Error::new(Operation::Get, "s3://b/k", Kind::Other, &cause);
        let shown = error.to_string();
        assert!(shown.starts_with("get s3://b/k: first second [31m xxx"), "{shown}");
        assert!(shown.chars().count() < 330, "{}", shown.len());
        assert!(!shown.chars().any(|c| c.is_control() || c == '\u{202e}'), "{shown:?}");
    }

    #[test]
    fn names_are_distinct() {
        use Kind::*;
        let kinds = [
            NotFound,
            NoBucket,
            AlreadyExists,
            TooLarge,
            WrongVersion,
            Archived,
            Denied,
            Timeout,
            Unavailable,
            Invalid,
            Elsewhere,
            Unsupported,
            Other,
        ];
        let names: std::collections::BTreeSet<_> = kinds.iter().map(|kind| kind.name()).collect();
        assert_eq!(names.len(), kinds.len());
    }
}
