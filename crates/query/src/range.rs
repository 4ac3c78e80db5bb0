//! Which part of a chain is to be searched, and what that costs.

use std::sync::Arc;

use auditseal_chain::{Begin, Extent, Outcome, Rules, Trust};
use auditseal_format::{ObjectSeal, Origin, SealId, VerifierKey};
use auditseal_reader::{Depth, Error, Listing, PackRoot, Packs, Range, Source, Window, examine};
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

    /// Of a part that was found, what stands from the seal on with which the trust file begins: nothing before that is
    /// fetched.
    fn behind_its_begin(&self, mut range: Range) -> Range {
        let begin = self.trusted.as_ref().and_then(|trusted| trusted.begin);
        if let Some(begin) = begin.filter(|begin| range.extent.from.seq() <= begin.seq) {
            range.extent.from = Begin::Known(begin);
            range.entries.retain(|entry| begin.seq <= entry.place.seq);
            range.packs = range.packs.starting(begin.seq);
        }
        range
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

/// The part of a chain in which lines of the window lie, and the seal before it, where that is known.
pub(crate) async fn find(
    source: &Source,
    archive: &Archive,
    chain: &AskedChain,
    window: Window,
) -> Result<(Range, Option<ObjectSeal>), Error> {
    if chain.trusted.is_none() {
        Error::unless_a_key_is_for(&chain.origin, &chain.vkeys)?;
    }
    let root = archive.packs.as_ref().map(|store| PackRoot {
        source: Source::new(Arc::clone(store)),
        auditors: chain.auditors.clone(),
        by_date: archive.dated,
    });
    let rules = chain.rules(Extent::default(), false);
    if !window.is_open() {
        let begin = chain.trusted.as_ref().and_then(|trusted| trusted.begin);
        let known: Vec<u64> = begin.iter().chain(&chain.head).map(|at| at.seq).collect();
        let (origin, trust) = (&chain.origin, &rules.trust);
        let found = Range::find_packed(source, origin, trust, window, &known, root.as_ref());
        return tied(source, chain, root.as_ref(), chain.behind_its_begin(found.await?)).await;
    }
    let mut listing = Listing::read(source, std::slice::from_ref(&chain.origin)).await?;
    let entries = listing.chains.remove(&chain.origin).unwrap_or_default();
    let packs = Packs::of(root.as_ref(), &chain.origin, rules.extent).await?;
    let all = Range { extent: Extent::default(), entries, packs };
    Ok((chain.behind_its_begin(all), None))
}

/// A part that begins in the midst of a chain, so that it can be told who may sign there: behind the last note of the
/// pack before it, which is given too. Where that isn't to be had, and its first seal is by a key that isn't trusted by
/// itself, it begins with the nearest seal from which the way to that key leads.
async fn tied(
    source: &Source,
    chain: &AskedChain,
    root: Option<&PackRoot>,
    range: Range,
) -> Result<(Range, Option<ObjectSeal>), Error> {
    let rules = chain.rules(Extent::default(), false);
    let mut extent = range.extent;
    let mut note = None;
    if let Begin::At(first) = extent.from {
        if let Some(pack) = range.packs.ending_before(first) {
            note = range.packs.last_note(pack, &rules.trust).await?;
        }
        let behind = note.as_ref().map(|note| Begin::After(note.id()));
        let adjacent = behind.filter(|behind| behind.seq() == first);
        let packed = range.packs.with(first).is_some();
        if let Some(behind) = adjacent {
            extent.from = behind;
        } else if packed || !is_trusted(source, chain, &rules, &range, first).await {
            extent.from = behind.unwrap_or(rules.extent.from);
        }
    }
    if extent.from.seq() == range.extent.from.seq() && extent.to == range.extent.to {
        return Ok((Range { extent, ..range }, note));
    }
    let mut listing = Listing::read(source, std::slice::from_ref(&chain.origin)).await?;
    let mut entries = listing.chains.remove(&chain.origin).unwrap_or_default();
    entries.retain(|entry| extent.has(entry.place.seq));
    let packs = Packs::of(root, &chain.origin, extent).await?;
    Ok((Range { extent, entries, packs }, note))
}

/// Whether a trusted key signed what stands at a seq.
async fn is_trusted(
    source: &Source,
    chain: &AskedChain,
    rules: &Rules,
    range: &Range,
    seq: u64,
) -> bool {
    let at = range.entries.partition_point(|entry| entry.place.seq < seq);
    for entry in range.entries[at..].iter().take_while(|entry| entry.place.seq == seq) {
        let found = examine(source, &chain.origin, entry.clone(), Depth::Seal).await;
        if let Outcome::Note(note, _) = &found.sighting.outcome
            && (&note.seal.origin, note.seal.seq) == (&chain.origin, seq)
            && rules.trust.includes(&note.seal.key, seq)
        {
            return true;
        }
    }
    false
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
