//! Why something couldn't be done, as opposed to [`crate::Finding`]: what was found.

use std::fmt;
use std::io;

use auditseal_format::Origin;

use crate::chain::Place;
use crate::finding::{Finding, Verdict};
use crate::text::escape;

/// Why the archive couldn't be read.
#[derive(Debug)]
pub enum Error {
    /// The store gave no answer.
    Store(auditseal_store::Error),
    /// No key to hold signatures against.
    NoKeys,
    /// A place in a chain was given, and there isn't exactly one chain that it can belong to.
    HeadOfMany(usize),
    /// The store has no object of this chain.
    NoChain(Origin),
    /// The store has no object at this key.
    NoObject(String),
    /// The archive isn't what it should be, and going on would give out what isn't proved.
    Found(Box<Finding>),
    /// The output couldn't be written.
    Write(io::Error),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => write!(f, "{error}"),
            Self::NoKeys => f.write_str("check signatures: no trusted key was given"),
            Self::HeadOfMany(chains) => {
                write!(
                    f,
                    "find seq: a head, and a part, are of one chain, and there are {chains} here"
                )
            }
            Self::NoChain(origin) => {
                write!(f, "read chain {origin}: the store has no object of it")
            }
            Self::NoObject(key) => write!(f, "read object {}: there is none", escape(key)),
            Self::Found(finding) => write!(f, "read archive: {finding}"),
            Self::Write(error) => write!(f, "write output: {error}"),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => Some(error),
            Self::Write(error) => Some(error),
            _ => None,
        }
    }
}

impl Error {
    /// A finding about one object, which stops what was being done.
    pub(crate) fn found(origin: &Origin, place: Place, verdict: Verdict, detail: &str) -> Self {
        let finding = Finding::new(verdict, Some(origin.clone()), detail);
        Self::Found(Box::new(finding.at(place.seq).key(&place.key(origin).to_string())))
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::NoKeys => Some("give the vkey that `auditseal keygen` printed".to_owned()),
            Self::HeadOfMany(_) => Some("name the chain that it belongs to".to_owned()),
            Self::NoChain(_) => Some(
                "`auditseal ls` lists the chains that are there: is --origin one of them, and --store the archive's own prefix? If both are right, the chain was never stored here, or was destroyed".to_owned(),
            ),
            Self::NoObject(key) if !key.ends_with(".jsonl.zst") => Some(
                "this looks like a prefix: an object's key ends in .jsonl.zst, and `auditseal ls` lists them".to_owned(),
            ),
            Self::Found(_) => Some("`auditseal verify` says all that is wrong".to_owned()),
            Self::NoObject(_) | Self::Write(_) => None,
        }
    }

    /// Whether the archive is at fault (exit 1), and not whoever should have given it (exit 2).
    #[must_use]
    pub fn is_finding(&self) -> bool {
        matches!(self, Self::Found(_))
    }
}

impl From<auditseal_store::Error> for Error {
    fn from(error: auditseal_store::Error) -> Self {
        Self::Store(error)
    }
}
