//! A chain that is followed, and where it is read from.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditseal_chain::{Extent, Rules};
use auditseal_format::{Origin, VerifierKey};
use auditseal_reader::{PackRoot, Source};
use auditseal_store::Store;
use auditseal_trust::TrustedOrigin;

/// The chains that are followed: what trust says at a time.
#[derive(Debug, Clone, Default)]
pub struct AcceptedChains {
    chains: BTreeMap<Origin, Followed>,
    /// The store that packs are in, from their root on.
    pub(crate) packs: Option<Arc<dyn Store>>,
}

impl AcceptedChains {
    /// Of these chains, and the store that packs are in, from their root on.
    #[must_use]
    pub fn new(chains: impl IntoIterator<Item = Followed>, packs: Option<Arc<dyn Store>>) -> Self {
        let chains = chains.into_iter().map(|chain| (chain.origin.clone(), chain)).collect();
        Self { chains, packs }
    }

    /// What is accepted of a chain.
    #[must_use]
    pub fn chain(&self, origin: &Origin) -> Option<&Followed> {
        self.chains.get(origin)
    }

    /// The chains, each once.
    pub fn chains(&self) -> impl ExactSizeIterator<Item = &Followed> {
        self.chains.values()
    }
}

/// A chain that is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// Its name.
    pub origin: Origin,
    /// What is trusted of it.
    pub trusted: TrustedOrigin,
    /// The keys of its auditors, whose attestations of packs count.
    pub auditors: Vec<VerifierKey>,
}

/// Where chains are read from.
#[derive(Debug, Clone)]
pub struct Archived {
    /// The store, from the archive's prefix on.
    pub store: Arc<dyn Store>,
    /// The store that packs are in, from their root on.
    pub packs: Option<Arc<dyn Store>>,
    /// The store's dates mean something: it isn't a directory.
    pub dated: bool,
}

impl Followed {
    /// What it is held against. A part that begins at a time is tied to nothing before it.
    pub(crate) fn rules(&self, extent: Extent) -> Rules {
        let plain = Rules { retention: None, ..Rules::trusting(&self.trusted, None) };
        Rules { allow_unanchored: true, ..plain.asked(extent) }
    }

    /// Where its packs stand.
    pub(crate) fn root(&self, place: &Archived) -> Option<PackRoot> {
        let store = place.packs.as_ref().filter(|_| !self.auditors.is_empty())?;
        Some(PackRoot {
            source: Source::new(Arc::clone(store)),
            auditors: self.auditors.clone(),
            by_date: place.dated,
        })
    }
}
