//! The first trust file of an estate: each chain, and the one key that was given for it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use auditseal_format::{Origin, VerifierKey};

use crate::item::{RetentionRule, Silence, TrustedKey};
use crate::refused::Refused;
use crate::trust_file::TrustFile;
use crate::trusted::TrustedOrigin;

/// Why there is no first trust file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    /// No key that was given is for this chain, by its name.
    NoKey(Origin),
    /// Several are, and nothing says which of them signed what.
    Several(Origin, Vec<VerifierKey>),
    /// The format doesn't allow it.
    Refused(Refused),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoKey(origin) => write!(f, "no key that was given is for {origin}"),
            Self::Several(origin, keys) => {
                write!(f, "{} keys that were given are for {origin}", keys.len())?;
                keys.iter().try_for_each(|key| write!(f, ", {key}"))
            }
            Self::Refused(refused) => write!(f, "{refused}"),
        }
    }
}

impl std::error::Error for Unfit {}

impl TrustFile {
    /// A file of these chains from their geneses on, each with the only key that is for it by its
    /// name, and the same expected of all.
    ///
    /// # Errors
    /// [`Unfit`]: nothing is guessed.
    pub fn first(
        origins: &BTreeSet<Origin>,
        keys: &[VerifierKey],
        silence: Silence,
        retention: Option<RetentionRule>,
    ) -> Result<Self, Unfit> {
        let mut blocks = BTreeMap::new();
        for origin in origins {
            let mut fitting: Vec<&VerifierKey> =
                keys.iter().filter(|key| origin.admits(key)).collect();
            fitting.sort_by_key(|key| key.to_string());
            fitting.dedup();
            let vkey = match fitting.as_slice() {
                [] => return Err(Unfit::NoKey(origin.clone())),
                [one] => (*one).clone(),
                several => {
                    let several = several.iter().map(|key| (*key).clone()).collect();
                    return Err(Unfit::Several(origin.clone(), several));
                }
            };
            let keys = vec![TrustedKey { vkey, from: 0, until: None }];
            let accepted = Vec::new();
            let trusted = TrustedOrigin { keys, begin: None, retention, silence, accepted };
            blocks.insert(origin.clone(), trusted);
        }
        Self::new(blocks, Vec::new()).map_err(Unfit::Refused)
    }
}
