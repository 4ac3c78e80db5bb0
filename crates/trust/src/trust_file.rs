//! `auditseal/trust/v1`: which keys are trusted for which chains, and what is expected of them.

use std::collections::BTreeMap;
use std::fmt;

use auditseal_format::{Origin, VerifierKey};

use crate::block::Block;
use crate::item::{Auditor, Item};
use crate::refused::{Refused, lines};
use crate::trusted::TrustedOrigin;

/// First line of the file.
const VERSION: &str = "auditseal/trust/v1";

/// What is trusted, and expected, of each chain. Whatever this holds prints a file that reads back
/// as the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustFile {
    origins: BTreeMap<Origin, TrustedOrigin>,
    /// In the order of clusters and keys, each once.
    auditors: Vec<Auditor>,
}

impl TrustFile {
    /// A file of these chains, and of auditors whose attestations count.
    ///
    /// # Errors
    /// [`Refused`], with the line that it would have, for what the format doesn't allow.
    pub fn new(
        origins: BTreeMap<Origin, TrustedOrigin>,
        mut auditors: Vec<Auditor>,
    ) -> Result<Self, Refused> {
        auditors.sort_by_key(Auditor::order);
        let file = Self { origins, auditors };
        let read = Self::parse(&file.to_string())?;
        // What is lost in print was no part of the format: from= and until= in another order, say.
        let same = read == file;
        let lost = || Refused { line: 1, what: "it prints as something else".to_owned() };
        if same { Ok(file) } else { Err(lost()) }
    }

    /// Reads a file.
    ///
    /// # Errors
    /// [`Refused`] unless it is exactly what TRUST.md allows.
    pub fn parse(text: &str) -> Result<Self, Refused> {
        let mut file = Self::default();
        let mut open: Option<Block> = None;
        for (line, text) in lines(text, VERSION)? {
            let refused = |what: String| Refused { line, what };
            let item = Item::parse(text).map_err(refused)?;
            if let Some(block) = open.as_mut().filter(|block| block.goes_on_with(&item)) {
                block.take(item).map_err(refused)?;
                continue;
            }
            file.close(open.take())?;
            let (origin, key) = match item {
                Item::Key(origin, key) if file.auditors.is_empty() => (origin, key),
                Item::Key(..) => {
                    return Err(refused("auditors stand behind all origins".to_owned()));
                }
                Item::Auditor(auditor) => {
                    file.audited_by(auditor).map_err(refused)?;
                    continue;
                }
                _ => return Err(refused("it belongs to no origin".to_owned())),
            };
            if file.origins.keys().next_back().is_some_and(|last| *last >= origin) {
                let what = "origins stand in the order of their bytes, each once";
                return Err(refused(what.to_owned()));
            }
            open = Some(Block::new(line, origin, key).map_err(refused)?);
        }
        file.close(open)?;
        Ok(file)
    }

    /// The chains, in the order of their names.
    pub fn origins(&self) -> impl Iterator<Item = (&Origin, &TrustedOrigin)> {
        self.origins.iter()
    }

    /// What is trusted of this chain; `None` if it isn't in the file.
    #[must_use]
    pub fn get(&self, origin: &Origin) -> Option<&TrustedOrigin> {
        self.origins.get(origin)
    }

    /// The keys whose attestations count for a chain.
    #[must_use]
    pub fn auditors_of(&self, origin: &Origin) -> Vec<VerifierKey> {
        let of = self.auditors.iter().filter(|auditor| auditor.cluster == origin.cluster());
        of.map(|auditor| auditor.vkey.clone()).collect()
    }

    /// All keys whose attestations count, each for the chains of its cluster.
    #[must_use]
    pub fn auditors(&self) -> &[Auditor] {
        &self.auditors
    }

    fn audited_by(&mut self, auditor: Auditor) -> Result<(), String> {
        let order = auditor.order();
        if self.auditors.last().is_some_and(|last| last.order() >= order) {
            return Err("auditors stand in the order of cluster and key, each once".to_owned());
        }
        self.auditors.push(auditor);
        Ok(())
    }

    fn close(&mut self, block: Option<Block>) -> Result<(), Refused> {
        if let Some(block) = block {
            let (origin, trusted) = block.finish()?;
            self.origins.insert(origin, trusted);
        }
        Ok(())
    }
}

impl fmt::Display for TrustFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{VERSION}")?;
        for (origin, trusted) in &self.origins {
            let keys = trusted.keys.iter().map(|key| Item::Key(origin.clone(), key.clone()));
            keys.into_iter().try_for_each(|item| writeln!(f, "{item}"))?;
            trusted.rest_of_block().iter().try_for_each(|line| writeln!(f, "{line}"))?;
        }
        let auditors = self.auditors.iter().cloned().map(Item::Auditor);
        auditors.into_iter().try_for_each(|item| writeln!(f, "{item}"))
    }
}
