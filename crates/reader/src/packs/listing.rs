//! Which packs there are of a chain, and which of them are read.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;

use auditseal_chain::{Begin, Extent};
use auditseal_format::packs::{Attestation, MAX_ATTESTATION, PackKey, SignedAttestation};
use auditseal_format::{ObjectKey, Origin, SealId, Time, VerifierKey};
use auditseal_store::{Error, Kind, Version};
use bytes::Bytes;
use futures::StreamExt as _;
use tokio::sync::OwnedSemaphorePermit;

use super::uncounted::Uncounted;
use crate::source::{IN_FLIGHT, Object, Source};
use crate::versions::{Stands, Tried};

/// Bytes of attestations whose sizes of objects stay in memory; those of others are read again when
/// their packs are.
const KEPT_BYTES: usize = 8 << 20;
/// Attestations that don't count which are named.
const NAMED: usize = 100;

/// Where the packs of chains stand, and whose attestations count.
#[derive(Debug, Clone)]
pub struct PackRoot {
    /// The store, from the root of packs on.
    pub source: Source,
    /// The keys of auditors of the chain that is read.
    pub auditors: Vec<VerifierKey>,
    /// The dates of the store that has the objects mean something, so that what is older than an
    /// attestation was judged for it.
    pub by_date: bool,
}

/// A pack that is read in place of objects.
#[derive(Debug, Clone)]
pub struct Pack {
    /// What is attested of it. Its sizes of objects may have been left out: `Packs::sizes`.
    pub attestation: Arc<Attestation>,
    /// The first seq that is read from it: those before are in another pack, or before the part.
    pub first: u64,
    /// The last seq that is read from it.
    pub last: u64,
    /// The key of that attestation.
    pub attested_at: String,
    /// The versions at the pack's key whose size is the attested one, the oldest first.
    versions: Vec<Option<String>>,
    /// The store's own date of the first of these, microseconds since the Unix epoch.
    pub modified: i64,
    /// Versions at its key of any size.
    listed: usize,
}

impl Pack {
    /// Whether the store lists something of the attested size at its key.
    #[must_use]
    pub fn is_listed(&self) -> bool {
        !self.versions.is_empty()
    }

    /// Behind the attested seal before it.
    #[must_use]
    pub fn before(&self) -> Begin {
        let Attestation { first, prev, .. } = *self.attestation;
        Begin::After(SealId { seq: first - 1, hash: prev })
    }

    /// The same, as if its auditor had found nothing.
    #[must_use]
    pub fn without_findings(mut self) -> Self {
        let attestation = (*self.attestation).clone();
        self.attestation = Arc::new(Attestation { findings: 0, found: Vec::new(), ..attestation });
        self
    }

    /// The versions that may have the attested bytes, the oldest first.
    pub(super) fn versions(&self) -> impl Iterator<Item = Option<&str>> {
        self.versions.iter().map(Option::as_deref)
    }

    /// What stands there, when none of these had them.
    pub(super) fn without<T>(&self, tried: Tried) -> Stands<T> {
        match tried.without() {
            // Those of another size weren't looked at.
            Stands::Nothing if self.listed > self.versions.len() => Stands::Other,
            stands => stands,
        }
    }
}

/// An attestation that isn't used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// Its key.
    pub key: String,
    /// Why.
    pub why: String,
}

/// The packs of one chain, as far as trusted auditors attest them.
#[derive(Debug, Clone, Default)]
pub struct Packs {
    source: Option<Source>,
    /// Whose words about roll-ups count.
    auditors: Vec<VerifierKey>,
    /// All packs of which an attestation counts, in the order in which they are taken.
    pub(super) found: Vec<Pack>,
    /// Of these, in the order of the chain; no seq is in two.
    pub(super) taken: Vec<Pack>,
    /// Packs beside the part that was asked for.
    passed: Vec<Pack>,
    /// All attestations that count, those of packs that aren't taken too.
    counting: Vec<Arc<Attestation>>,
    /// First and last seq of each attestation that was listed, whether it counts or not.
    named: Vec<(u64, u64)>,
    unusable: Vec<Unusable>,
    unusable_total: u64,
    uncounted: Option<Uncounted>,
    /// What is older than an attestation isn't judged again.
    by_date: bool,
}

impl Packs {
    /// No packs: all is read from objects.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// Lists the packs of a chain, and takes those that cover the part that is asked for.
    ///
    /// # Errors
    /// The store's; an attestation that can't be read is one.
    pub async fn read(root: &PackRoot, origin: &Origin, extent: Extent) -> Result<Self, Error> {
        let PackRoot { source, auditors, by_date } = root;
        let mut packs = Self {
            source: Some(source.clone()),
            auditors: auditors.clone(),
            by_date: *by_date,
            ..Self::default()
        };
        let (mut found, strangers) = packs.attestations(origin, auditors, extent).await?;
        if found.is_empty() {
            packs.count_strangers(origin, &strangers);
            return Ok(packs);
        }
        found.sort_by(|one, other| order(one).cmp(&order(other)));
        packs.counting = found.iter().map(|pack| Arc::clone(&pack.attestation)).collect();
        packs.found = found;
        packs.place(origin).await?;
        packs.taken = covering(&packs.found, extent);
        packs.count_strangers(origin, &strangers);
        Ok(packs)
    }

    /// Takes note of attestations that nobody trusted signed, of what no pack that is read has.
    fn count_strangers(&mut self, origin: &Origin, strangers: &[Stranger]) {
        for Stranger { seqs, signer } in strangers {
            if !self.has_all(*seqs) {
                Uncounted::add(&mut self.uncounted, origin, *seqs, signer);
            }
        }
    }

    /// Whether each of these seqs is in a pack that is read.
    fn has_all(&self, (first, last): (u64, u64)) -> bool {
        let mut next = first;
        while next <= last {
            match self.with(next) {
                Some(pack) => next = pack.last + 1,
                None => return false,
            }
        }
        true
    }

    /// The same where packs may stand; no packs where none do.
    ///
    /// # Errors
    /// As [`Packs::read`].
    pub async fn of(
        root: Option<&PackRoot>,
        origin: &Origin,
        extent: Extent,
    ) -> Result<Self, Error> {
        match root {
            Some(root) => Self::read(root, origin, extent).await,
            None => Ok(Self::none()),
        }
    }

    /// Of these, the packs that lie in a part.
    #[must_use]
    pub fn within(mut self, extent: Extent) -> Self {
        let inside = |pack: &Pack| extent.has(pack.first) && extent.has(pack.last);
        let (taken, passed) = self.taken.into_iter().partition(inside);
        (self.taken, self.passed) = (taken, passed);
        self
    }

    /// What is attested of packs that would be read but for a part that was asked for ([`Packs::within`]).
    pub fn passed(&self) -> impl Iterator<Item = &Attestation> {
        self.passed.iter().map(|pack| &*pack.attestation)
    }

    /// The packs that are read, in the order of the chain.
    #[must_use]
    pub fn taken(&self) -> &[Pack] {
        &self.taken
    }

    /// All attestations that count.
    #[must_use]
    pub fn counting(&self) -> &[Arc<Attestation>] {
        &self.counting
    }

    /// What looks like an attestation and doesn't count: the first of them, and how many there are.
    #[must_use]
    pub fn unusable(&self) -> (&[Unusable], u64) {
        (&self.unusable, self.unusable_total)
    }

    /// Packs that aren't read because nobody attests them who is trusted to.
    #[must_use]
    pub fn uncounted(&self) -> Option<&Uncounted> {
        self.uncounted.as_ref()
    }

    /// The seqs before a place that attestations name, as runs.
    pub fn named_before(&self, seq: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
        let runs = self.named.iter().map(move |(first, last)| *first..seq.min(last + 1));
        runs.filter(|run| !run.is_empty())
    }

    /// Objects in the packs that are read.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.taken.iter().map(|pack| pack.last - pack.first + 1).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.taken.is_empty()
    }

    /// The pack that has a seq.
    #[must_use]
    pub fn with(&self, seq: u64) -> Option<&Pack> {
        let at = self.taken.partition_point(|pack| pack.last < seq);
        self.taken.get(at).filter(|pack| pack.first <= seq)
    }

    /// All packs that have a seq and stand there, the one that is read first.
    pub(super) fn holding(&self, seq: u64) -> impl Iterator<Item = &Pack> {
        let first = self.with(seq);
        let other = move |pack: &&Pack| {
            let same = first.is_some_and(|first| first.attested_at == pack.attested_at);
            !same && pack.is_listed() && (pack.first..=pack.last).contains(&seq)
        };
        first.into_iter().chain(self.found.iter().filter(other))
    }

    /// What holds these seqs besides the packs of these attestations, which aren't as attested.
    pub(crate) fn instead(&self, but: &[String], seqs: RangeInclusive<u64>) -> Vec<Pack> {
        let others = |pack: &&Pack| pack.is_listed() && !but.contains(&pack.attested_at);
        taken(self.found.iter().filter(others), seqs)
    }

    /// Loose objects of a pack's seqs that are older than this were judged for its attestation.
    pub(crate) fn judged(&self, pack: &Pack) -> i64 {
        if self.by_date { pack.attestation.judged.micros() } else { i64::MIN }
    }

    /// Waits until a further pack may be read: each takes a core, and memory for all its bytes.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        match &self.source {
            Some(source) => source.unpacking().await,
            None => None,
        }
    }

    /// These, with one pack alone that is read.
    #[must_use]
    pub fn only(&self, pack: Pack) -> Self {
        Self { taken: vec![pack], ..self.clone() }
    }

    /// These, and loose objects beside them are read whatever their dates.
    #[must_use]
    pub fn undated(self) -> Self {
        Self { by_date: false, ..self }
    }

    /// Whose words count.
    pub(super) fn auditors(&self) -> &[VerifierKey] {
        &self.auditors
    }

    pub(crate) fn source(&self) -> Option<&Source> {
        self.source.as_ref()
    }

    /// The attestation of a pack with the sizes of its objects.
    ///
    /// # Errors
    /// The store's.
    pub async fn sizes(&self, pack: &Pack) -> Result<Arc<Attestation>, Error> {
        if !pack.attestation.batches.is_empty() {
            return Ok(Arc::clone(&pack.attestation));
        }
        let Some(source) = &self.source else { return Ok(Arc::clone(&pack.attestation)) };
        let (_, own) =
            PackKey::of_attestation(&pack.attested_at).ok_or_else(|| gone(&pack.attested_at))?;
        let bytes = content(source, &pack.attested_at, own).await?;
        let signed = bytes.and_then(|bytes| SignedAttestation::read(&bytes).ok());
        signed.map(|signed| Arc::new(signed.attestation)).ok_or_else(|| gone(&pack.attested_at))
    }

    /// All bytes of a pack, which are the attested ones; `None` where no version of it has them.
    ///
    /// # Errors
    /// The store's.
    pub async fn whole(&self, pack: &Pack) -> Result<Option<Bytes>, Error> {
        let Some(source) = &self.source else { return Ok(None) };
        let (key, attested) = (pack.attestation.pack_key(), pack.attestation.pack);
        let mut tried = Tried::default();
        for version in pack.versions() {
            let answer = source.get(Object { key: &key, version }, attested.size).await;
            let bytes =
                answer.map(|fetched| Some(fetched.bytes).filter(|bytes| attested.is(bytes)));
            if let Some(bytes) = tried.take(bytes)? {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }

    /// Reads the attestations of a part of a chain: those that count, and those that nobody trusted signed.
    async fn attestations(
        &mut self,
        origin: &Origin,
        auditors: &[VerifierKey],
        extent: Extent,
    ) -> Result<(Vec<Pack>, Vec<Stranger>), Error> {
        let Some(source) = self.source.clone() else { return Ok(Default::default()) };
        let mut keys = names(&source, &PackKey::attestations(origin)).await?;
        keys.iter().try_for_each(|key| listable(key))?;
        keys.sort_unstable();
        keys.dedup();
        let mut wanted = Vec::new();
        for key in keys {
            match PackKey::of_attestation(&key) {
                Some((name, _)) if name.origin != *origin => {}
                Some((name, own)) => {
                    self.named.push((name.first, name.last));
                    let from = extent.from.seq();
                    if from <= name.last && extent.to.is_none_or(|to| name.first <= to) {
                        wanted.push((key, own));
                    }
                }
                None => self.refuse(key, "not the name of an attestation"),
            }
        }
        let read = futures::stream::iter(wanted).map(|(key, own)| {
            let source = source.clone();
            async move {
                let content = content(&source, &key, own).await;
                (key, content)
            }
        });
        let mut read = std::pin::pin!(read.buffered(IN_FLIGHT));
        let (mut found, mut strangers, mut kept) = (Vec::new(), Vec::new(), 0);
        while let Some((key, content)) = read.next().await {
            let Some(bytes) = content? else {
                self.refuse(key, "no version of it has the bytes that its name says");
                continue;
            };
            match counting(&bytes, &key, auditors) {
                Err(NotCounting::Wrong(why)) => self.refuse(key, &why),
                Err(NotCounting::By(stranger)) => {
                    let who = &stranger.signer;
                    let why = format!(
                        "signed by {who}, who isn't an auditor of this cluster by the trust file"
                    );
                    self.refuse(key, &why);
                    strangers.push(stranger);
                }
                Ok(mut attestation) => {
                    kept += bytes.len();
                    if kept > KEPT_BYTES {
                        attestation.batches = Vec::new();
                    }
                    found.push(Pack::of(attestation, key));
                }
            }
        }
        Ok((found, strangers))
    }

    fn refuse(&mut self, key: String, why: &str) {
        self.unusable_total += 1;
        if self.unusable.len() < NAMED {
            self.unusable.push(Unusable { key, why: why.to_owned() });
        }
    }

    /// Finds out which versions of the packs there are.
    async fn place(&mut self, origin: &Origin) -> Result<(), Error> {
        let Some(source) = &self.source else { return Ok(()) };
        // Several may attest one pack.
        let mut wanted: BTreeMap<String, Vec<&mut Pack>> = BTreeMap::new();
        for pack in &mut self.found {
            wanted.entry(pack.attestation.pack_key()).or_default().push(pack);
        }
        let prefix = ObjectKey::prefix(origin);
        let fresh = || (Vec::<Version>::new(), Vec::<String>::new());
        let (mut versions, folders) = source
            .versions(&prefix, fresh, |(all, folders), version| {
                if version.key.ends_with('/') {
                    folders.push(version.key);
                } else if !version.marker && wanted.contains_key(&version.key) {
                    all.push(version);
                }
            })
            .await?;
        versions.sort_by_key(|version| (version.latest, version.modified));
        folders.iter().try_for_each(|key| listable(key))?;
        for version in versions {
            for pack in wanted.get_mut(&version.key).into_iter().flatten() {
                pack.listed += 1;
                if version.size == pack.attestation.pack.size {
                    if pack.versions.is_empty() {
                        pack.modified = version.modified;
                    }
                    pack.versions.push(version.id.clone());
                }
            }
        }
        Ok(())
    }
}

impl Pack {
    fn of(attestation: Attestation, attested_at: String) -> Self {
        let (first, last) = (attestation.first, attestation.last);
        let (attestation, versions) = (Arc::new(attestation), Vec::new());
        Self { attestation, first, last, attested_at, versions, modified: i64::MAX, listed: 0 }
    }
}

/// Attestations in the order of the chain, and of those that begin together the one first that is taken first.
fn order(pack: &Pack) -> (u64, Reverse<u64>, Reverse<Time>, &str) {
    let Attestation { first, last, attested, .. } = *pack.attestation;
    // The last part of a key of one name is the hash of the bytes.
    (first, Reverse(last), Reverse(attested), &pack.attested_at)
}

/// Those that cover the seqs of the part, each seq at most once; they come in the order of the chain. Those that
/// are listed come first: of the others, which are lost, those are taken that have what is left.
fn covering(found: &[Pack], Extent { from, to }: Extent) -> Vec<Pack> {
    let to = to.unwrap_or(u64::MAX);
    let there = taken(found.iter().filter(|pack| pack.is_listed()), from.seq()..=to);
    if there.len() == found.len() {
        return there;
    }
    let lost = |seqs| taken(found.iter().filter(|pack| !pack.is_listed()), seqs);
    let (mut next, mut all) = (from.seq(), Vec::new());
    for pack in there {
        if next < pack.first {
            all.extend(lost(next..=pack.first - 1));
        }
        next = pack.last.saturating_add(1);
        all.push(pack);
    }
    if next <= to {
        all.extend(lost(next..=to));
    }
    all
}

/// Of packs in their order those that cover these seqs: of those that have the next seq the one that goes furthest,
/// of equals the newest, then the first by its own hash.
fn taken<'a>(found: impl Iterator<Item = &'a Pack>, seqs: RangeInclusive<u64>) -> Vec<Pack> {
    let (mut next, to) = seqs.into_inner();
    let mut found = found.peekable();
    let (mut holding, mut taken) = (BTreeMap::new(), Vec::new());
    while next <= to {
        while let Some(pack) = found.next_if(|pack| pack.attestation.first <= next) {
            let Attestation { last, attested, .. } = *pack.attestation;
            let own = PackKey::of_attestation(&pack.attested_at).map_or(u64::MAX, |(_, own)| own);
            holding.insert((last, attested, Reverse(own)), pack);
        }
        match holding.pop_last() {
            Some(((last, ..), pack)) if next <= last => {
                taken.push(Pack { first: next, last: last.min(to), ..pack.clone() });
                next = last + 1;
            }
            // None reaches so far.
            Some(_) => holding.clear(),
            None => match found.peek() {
                Some(pack) => next = pack.attestation.first,
                None => break,
            },
        }
    }
    taken
}

/// An attestation that nobody trusted signed.
struct Stranger {
    seqs: (u64, u64),
    signer: String,
}

/// Why an attestation doesn't count.
enum NotCounting {
    Wrong(String),
    By(Stranger),
}

/// An attestation, if it counts; else why not.
fn counting(bytes: &[u8], key: &str, auditors: &[VerifierKey]) -> Result<Attestation, NotCounting> {
    let signed =
        SignedAttestation::read(bytes).map_err(|error| NotCounting::Wrong(error.to_string()))?;
    if signed.key() != key {
        let why = "it is about something else than its name says";
        return Err(NotCounting::Wrong(why.to_owned()));
    }
    let attested = signed.attestation;
    if !auditors.contains(&attested.key) {
        let (seqs, signer) = ((attested.first, attested.last), attested.key.name().to_owned());
        return Err(NotCounting::By(Stranger { seqs, signer }));
    }
    Ok(attested)
}

async fn names(source: &Source, prefix: &str) -> Result<Vec<String>, Error> {
    let add = |all: &mut Vec<String>, version: Version| {
        if !version.marker {
            all.push(version.key);
        }
    };
    source.versions(prefix, Vec::new, add).await
}

/// The bytes of an attestation whose key says which they are, in whatever version has them.
async fn content(source: &Source, key: &str, own: u64) -> Result<Option<Bytes>, Error> {
    let fits = |bytes: &[u8]| PackKey::matches(own, bytes);
    Ok(source.content(key, MAX_ATTESTATION as u64, fits).await?.found())
}

/// A directory lists what it can't look into by its name: what stands there isn't known then, and nothing
/// is concluded from its not being listed.
fn listable(key: &str) -> Result<(), Error> {
    if !key.ends_with('/') {
        return Ok(());
    }
    let what = "this folder of packs can't be looked into";
    Err(Error::new(auditseal_store::Operation::Versions, key, Kind::Denied, what))
}

fn gone(key: &str) -> Error {
    Error::new(
        auditseal_store::Operation::Get,
        key,
        Kind::Unavailable,
        "the attestation that was read a moment ago isn't there any more",
    )
}
