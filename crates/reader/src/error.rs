//! Why something couldn't be done, as opposed to [`crate::Finding`]: what was found.

use std::collections::BTreeSet;
use std::fmt;
use std::io;

use auditseal_format::{Origin, VerifierKey};

use auditseal_chain::{Finding, Place, Verdict, escape};

/// Names of keys that are shown.
const SHOWN: usize = 3;

/// Why the archive couldn't be read.
#[derive(Debug)]
pub enum Error {
    /// The store gave no answer.
    Store(auditseal_store::Error),
    /// No key to hold signatures against.
    NoKeys,
    /// No key that was given may sign for this chain, by its name; and the names.
    NoKeyFor(Origin, Vec<String>),
    /// A time was given, and no chain.
    NoOrigin,
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
            Self::NoKeyFor(origin, names) => {
                let named: Vec<&str> = names.iter().take(SHOWN).map(String::as_str).collect();
                let named = named.join(", ");
                write!(f, "check signatures of {origin}: the given keys are for {named}")?;
                match names.len().saturating_sub(SHOWN) {
                    0 => Ok(()),
                    more => write!(f, " and {more} more"),
                }
            }
            Self::NoOrigin => f.write_str("find lines by their time: no chain was named"),
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
    pub fn found(origin: &Origin, place: Place, verdict: Verdict, detail: &str) -> Self {
        let finding = Finding::new(verdict, Some(origin.clone()), detail);
        Self::Found(Box::new(finding.at(place.seq).key(&place.key(origin).to_string())))
    }

    /// That none of the keys is for the chain is whoever gave them's mistake, and no finding.
    pub fn unless_a_key_is_for(origin: &Origin, given: &[VerifierKey]) -> Result<(), Self> {
        if given.iter().any(|key| origin.admits(key)) {
            return Ok(());
        }
        let names: BTreeSet<_> = given.iter().map(|key| key.name().to_owned()).collect();
        Err(Self::NoKeyFor(origin.clone(), names.into_iter().collect()))
    }

    /// What to do about it, where that is known.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Store(error) => error.hint().map(str::to_owned),
            Self::NoKeys => Some("give the vkey that `auditseal keygen` printed".to_owned()),
            Self::NoKeyFor(origin, _) => Some(format!(
                "a key signs what its name says: give the vkey whose name is {} or {origin}, from who \
                 set that node up",
                origin.node_scope()
            )),
            Self::NoOrigin => Some("name its --origin, or all of them".to_owned()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_many_keys_are_shown_in_part() {
        let origin: Origin = "prod/cp-1/audit".parse().unwrap();
        let said = |names: &[&str]| {
            let keys: Vec<_> =
                names.iter().map(|name| VerifierKey::new(name, [7; 32]).unwrap()).collect();
            Error::unless_a_key_is_for(&origin, &keys).map_err(|error| error.to_string())
        };
        assert_eq!(said(&["a/b", "prod/cp-1"]), Ok(()));
        let told = said(&["prod/cp-2", "prod/cp-10", "prod/cp-2"]).unwrap_err();
        assert!(told.ends_with("audit: the given keys are for prod/cp-10, prod/cp-2"), "{told}");
        let told = said(&["a/1", "a/2", "a/3", "a/4", "a/5"]).unwrap_err();
        assert!(told.ends_with("are for a/1, a/2, a/3 and 2 more"), "{told}");
    }
}
