//! Which part of a chain is to be searched, and what that costs.

use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Rules, Trust};
use auditseal_format::{Origin, SealId, VerifierKey};
use auditseal_reader::{Error, Listing, PackRoot, Packs, Range, Sought, Source, Window};
use auditseal_store::Store;
use auditseal_trust::{Silence, TrustedOrigin};

use crate::parts::{Known, Part};

/// A chain that is asked.
#[derive(Debug, Clone)]
pub struct AskedChain {
    /// Its name.
    pub origin: Origin,
    /// What a trust file says of it, in place of keys.
    pub trusted: Option<TrustedOrigin>,
    /// Trusted keys, where no trust file says anything.
    pub vkeys: Vec<VerifierKey>,
    /// The keys of its auditors, whose attestations of packs count.
    pub auditors: Vec<VerifierKey>,
    /// How far it is known to reach from before: a heads file's.
    pub head: Option<SealId>,
    /// Seqs of which a heads file keeps two seals, and of which the trust file accepts none.
    pub forks: Vec<u64>,
}

/// Where the chains are read from.
#[derive(Debug, Clone)]
pub struct Archive {
    /// The store, from the archive's prefix on.
    pub store: Arc<dyn Store>,
    /// The store that packs are in, from their root on.
    pub packs: Option<Arc<dyn Store>>,
    /// The store's dates mean something: it isn't a directory.
    pub dated: bool,
}

impl AskedChain {
    /// What it is held against.
    pub(crate) fn rules(&self, extent: Extent, allow_unanchored: bool) -> Rules {
        let plain = match &self.trusted {
            Some(trusted) => {
                let rules = Rules { retention: None, ..Rules::trusting(trusted, self.head) };
                rules.asked(extent)
            }
            None => Rules::of(Trust::in_keys_for(&self.origin, &self.vkeys), extent, None),
        };
        Rules { allow_unanchored, ..plain }
    }

    /// What is known of the chain beside what stands in stores.
    pub(crate) fn known(&self) -> Known {
        let mut known = Known { ended: None, seals: self.head.into_iter().collect() };
        let Some(trusted) = &self.trusted else { return known };
        known.ended = match trusted.silence {
            Silence::Ended(seal) => Some(seal),
            Silence::After(_) => None,
        };
        let keys = trusted.keys.iter().filter_map(|key| key.until);
        let accepted = trusted.accepted.iter().map(|accepted| accepted.seal);
        known
            .seals
            .extend(trusted.begin.into_iter().chain(keys).chain(accepted).chain(known.ended));
        known
    }
}

/// What a search has before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanCost {
    /// Objects and packs that would be fetched.
    pub objects: u64,
    /// Their bytes, by the store's word.
    pub bytes: u64,
}

/// The part of a chain in which lines of the window lie.
pub(crate) async fn find(
    source: &Source,
    archive: &Archive,
    chain: &AskedChain,
    (window, every_seal): (Window, bool),
) -> Result<Range, Error> {
    if chain.trusted.is_none() {
        Error::unless_a_key_is_for(&chain.origin, &chain.vkeys)?;
    }
    let root = archive.packs.as_ref().map(|store| PackRoot {
        source: Source::new(Arc::clone(store)),
        auditors: chain.auditors.clone(),
        by_date: archive.dated,
    });
    let rules = chain.rules(Extent::default(), false);
    let begin = chain.trusted.as_ref().and_then(|trusted| trusted.begin);
    if !window.is_open() {
        let known: Vec<u64> = begin.iter().chain(&chain.head).map(|at| at.seq).collect();
        let sought = Sought { trust: &rules.trust, window, known: &known, begin, every_seal };
        return Ok(Range::find(source, &chain.origin, sought, root.as_ref()).await?);
    }
    let mut listing = Listing::read(source, std::slice::from_ref(&chain.origin)).await?;
    let mut entries = listing.chains.remove(&chain.origin).unwrap_or_default();
    let mut packs = Packs::of(root.as_ref(), &chain.origin, rules.extent).await?;
    if let Some(begin) = begin {
        // Nothing before that is fetched.
        entries.retain(|entry| begin.seq <= entry.place.seq);
        packs = packs.starting(begin.seq);
    }
    let from = begin.map_or(Begin::Genesis, Begin::Known);
    Ok(Range { extent: Extent { from, to: None }, entries, packs, ..Range::default() })
}

/// What it costs to search these parts.
pub(crate) fn cost(parts: &[Part<'_>]) -> ScanCost {
    let mut cost = ScanCost::default();
    let mut add = |bytes: u64| {
        cost.objects += 1;
        cost.bytes = cost.bytes.saturating_add(bytes);
    };
    for part in parts {
        let inside = part.entries.iter().filter(|entry| part.packs.with(entry.place.seq).is_none());
        inside.for_each(|entry| add(entry.size));
        part.packs.taken().iter().for_each(|pack| add(pack.attestation.pack.size));
    }
    cost
}
