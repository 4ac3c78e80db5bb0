//! Which packs of a chain, and in each which batches, may hold a line that answers a question.
//!
//! ```text
//! packs ──▶ of that time ──▶ named by their roll-ups ──▶ named by their indexes ──▶ read
//!              attested          a range or two each        one read each
//! ```
//!
//! A pack is passed over only by the word of a trusted auditor: an attestation, or a roll-up that such a word
//! binds. Whatever is missing, altered or not to be had costs a read and hides nothing.

use std::collections::BTreeMap;

use auditseal_chain::Extent;
use auditseal_format::VerifierKey;
use auditseal_format::packs::Attestation;
use auditseal_index::{Lookup, Ordinals, PackId};
use futures::StreamExt as _;

use super::listing::{Pack, Packs, Unusable};
use super::rollups::{self, ask, counting};
use crate::times::Window;

/// Indexes that are fetched and looked into at a time: each may have 32 MiB.
const INDEXES: usize = 4;
/// Indexes and roll-ups that couldn't be used and are named.
const NAMED: usize = 100;

/// A pack that may hold an answer.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The pack.
    pub pack: Pack,
    /// Which of its batches may, counted from the first that is attested; all that are read from it, where no
    /// index says more. There is one at least.
    pub batches: Ordinals,
    /// Whether an index said so.
    pub indexed: bool,
}

impl Candidate {
    /// The seqs of the batches, ascending.
    pub fn seqs(&self) -> impl Iterator<Item = u64> {
        let first = self.pack.attestation.first;
        self.batches.iter().map(move |nth| first + u64::from(nth))
    }

    /// Whether the batch with this seq may hold an answer.
    #[must_use]
    pub fn has(&self, seq: u64) -> bool {
        let nth = seq.checked_sub(self.pack.attestation.first);
        nth.and_then(|nth| u32::try_from(nth).ok()).is_some_and(|nth| self.batches.contains(nth))
    }

    /// The seq of the last of them.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.seqs().last().unwrap_or(self.pack.last)
    }

    /// The part of the chain that has to be read for them: from the attested seal before the pack on, so that each
    /// is proved, to the last of them.
    #[must_use]
    pub fn extent(&self) -> Extent {
        Extent { from: self.pack.before(), to: Some(self.last()) }
    }
}

/// What came of a search in a chain's packs.
#[derive(Debug, Default)]
pub struct Searched {
    /// The packs that must be read, in the order of the chain.
    pub found: Vec<Candidate>,
    /// How many packs hold no answer, by the word of `auditors`.
    pub passed: u64,
    /// Whose word was taken for it that packs or batches hold none, each once.
    pub auditors: Vec<VerifierKey>,
    /// Bytes of indexes and roll-ups that were read.
    pub bytes: u64,
    /// Indexes and roll-ups that couldn't be used: the first of them. What they are of is read.
    pub unusable: Vec<Unusable>,
    /// How many there are.
    pub unusable_total: u64,
}

impl Searched {
    fn refuse(&mut self, all: impl IntoIterator<Item = Unusable>) {
        for unusable in all {
            self.unusable_total += 1;
            if self.unusable.len() < NAMED {
                self.unusable.push(unusable);
            }
        }
    }

    fn trusts(&mut self, key: &VerifierKey) {
        if !self.auditors.contains(key) {
            self.auditors.push(key.clone());
        }
    }

    fn pass(&mut self, key: &VerifierKey) {
        self.passed += 1;
        self.trusts(key);
    }
}

impl Packs {
    /// Which of the packs that are read may hold a line of a time that answers. What isn't in a pack must be read
    /// in any case.
    ///
    /// Reads no pack. Of indexes and roll-ups as many bytes as `bytes` says, and at most four indexes of 32 MiB,
    /// or a roll-up's front of 48 MiB, are held at a time.
    pub async fn search(&self, lookup: &Lookup, window: Window) -> Searched {
        let mut searched = Searched::default();
        let mut left = Vec::new();
        for pack in self.taken() {
            if window.meets_pack(&pack.attestation) {
                left.push(pack);
            } else {
                searched.pass(&pack.attestation.key);
            }
        }
        if lookup.is_any() {
            searched.found = left.into_iter().map(whole).collect();
            return searched;
        }
        if lookup.has_terms() {
            left = self.by_rollups(left, lookup, &mut searched).await;
        }
        let asked = futures::stream::iter(left).map(|pack| async move {
            let found = self.index(pack).await.map(|index| index.map(|i| i.answering(lookup)));
            (pack, found)
        });
        let mut asked = std::pin::pin!(asked.buffered(INDEXES));
        while let Some((pack, found)) = asked.next().await {
            searched.settle(pack, found);
        }
        searched
    }

    /// Of these, one alone that was found by a search, and of it no object behind the last that is wanted.
    #[must_use]
    pub fn alone(&self, candidate: &Candidate) -> Self {
        let mut pack = candidate.pack.clone();
        (pack.first, pack.last) = (pack.attestation.first, candidate.last());
        self.only(pack)
    }

    /// Of these packs those that no roll-up says hold nothing.
    async fn by_rollups<'a>(
        &self,
        mut left: Vec<&'a Pack>,
        lookup: &Lookup,
        searched: &mut Searched,
    ) -> Vec<&'a Pack> {
        let (Some(source), [first, .., last]) = (self.source(), left.as_slice()) else {
            return left;
        };
        let origin = &first.attestation.origin;
        let part = (first.attestation.first, last.attestation.last);
        let rollups = match counting(self, origin, part).await {
            Ok((rollups, unusable)) => {
                searched.refuse(unusable);
                rollups
            }
            Err(error) => {
                let key = auditseal_format::packs::PackKey::rollups(origin);
                searched.refuse([Unusable { key, why: error.to_string() }]);
                return left;
            }
        };
        let mut open: BTreeMap<(u64, u64, [u8; 8]), u64> = BTreeMap::new();
        for pack in &left {
            if let Some(index) = pack.attestation.index {
                open.insert(key(&rollups::id(pack)), index.size);
            }
        }
        for rolled in rollups {
            let inside = open.range((rolled.first, 0, [0; 8])..);
            let inside = inside.take_while(|((first, ..), _)| *first <= rolled.last).count();
            // Of one pack its own index says more.
            if inside < 2 {
                continue;
            }
            let indexes = |packs: &[PackId]| packs.iter().filter_map(|id| open.get(&key(id))).sum();
            match ask(source, &rolled, lookup, indexes).await {
                Ok(Some(said)) => {
                    searched.bytes += said.bytes;
                    for (id, may) in said.packs.iter().zip(said.may) {
                        let known = open.remove(&key(id)).is_some();
                        if known && !may {
                            left.retain(|pack| rollups::id(pack) != *id);
                            searched.pass(&rolled.key);
                        }
                    }
                }
                Ok(None) => searched.bytes += rolled.front.size,
                Err(error) => {
                    let key = rolled.key();
                    searched.refuse([Unusable { key, why: error.to_string() }]);
                }
            }
        }
        left
    }
}

impl Searched {
    /// Takes what a pack's index said.
    fn settle(&mut self, pack: &Pack, found: Result<Option<Ordinals>, auditseal_store::Error>) {
        let mut candidate = whole(pack);
        match found {
            Ok(None) => {}
            Ok(Some(batches)) => {
                self.bytes += pack.attestation.index.map_or(0, |index| index.size);
                candidate.batches.intersect(&batches);
                candidate.indexed = true;
                if candidate.batches.is_empty() {
                    return self.pass(&pack.attestation.key);
                }
                self.trusts(&pack.attestation.key);
            }
            Err(error) => {
                let hash = pack.attestation.index.map(|index| index.hash);
                let key =
                    hash.map_or_else(String::new, |hash| pack.attestation.name().index(&hash));
                self.refuse([Unusable { key, why: error.to_string() }]);
            }
        }
        self.found.push(candidate);
    }
}

/// A pack that must be read as far as it is.
fn whole(pack: &Pack) -> Candidate {
    let Attestation { first, .. } = *pack.attestation;
    // Those of a pack are fewer than 2³².
    let nth = |seq: u64| u32::try_from(seq.saturating_sub(first)).unwrap_or(u32::MAX);
    let below = u32::try_from(pack.attestation.objects()).unwrap_or(u32::MAX);
    let batches = Ordinals::run(below, nth(pack.first)..nth(pack.last).saturating_add(1));
    Candidate { pack: pack.clone(), batches, indexed: false }
}

fn key(id: &PackId) -> (u64, u64, [u8; 8]) {
    (id.first, id.last, id.note)
}
