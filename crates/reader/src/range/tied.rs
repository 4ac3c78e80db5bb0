//! A part that begins in the midst of a chain, so that it can be told who may sign there.

use auditseal_chain::{Begin, Extent, Outcome, Trust};
use auditseal_format::{ObjectSeal, Origin, SealId};
use auditseal_store::Error;

use super::part::Range;
use super::{Sought, days};
use crate::fetch::{Depth, examine};
use crate::listing::Listing;
use crate::packs::{Pack, PackRoot, Packs};
use crate::source::Source;

impl Range {
    /// Behind the last note of the pack before it, which is given too, if its key is trusted by itself. Else, where the
    /// first seal is by a key that isn't trusted by itself, it begins with the nearest seal from which the way to that
    /// key leads.
    pub(super) async fn tied(
        self,
        source: &Source,
        origin: &Origin,
        sought: &Sought<'_>,
        root: Option<&PackRoot>,
    ) -> Result<Self, Error> {
        let first = match self.extent.from {
            Begin::At(seq) => seq,
            Begin::After(seal) => seal.seq + 1,
            Begin::Genesis | Begin::Known(_) => return Ok(self),
        };
        let beside = self.packs.ending_before(first);
        let beside = beside.filter(|pack| pack.attestation.last + 1 == first);
        if let Some(pack) = beside
            && let Some(note) = self.packs.last_note(pack, sought.trust).await?
        {
            let extent = Extent { from: Begin::After(note.id()), ..self.extent };
            return Ok(Self { extent, before: Some(Box::new(note)), ..self });
        }
        if self.packs.with(first).is_none() && self.is_trusted(source, origin, sought, first).await
        {
            return Ok(self);
        }
        let keys = (sought.trust, sought.begin);
        let before = nearest(&self.packs, keys, first).await?;
        let way = way((source, root), origin, (sought.begin, before), self.extent.to).await?;
        Ok(Self { unseen: self.unseen, ..way })
    }

    /// The part of a chain that leads up to a seq: from behind the nearest note before it whose key is trusted by itself,
    /// as far as packs show one without that much is read; else from where the chain begins. It is empty where that note
    /// is the one at the seq.
    pub(crate) async fn leading_to(
        (source, root): (&Source, Option<&PackRoot>),
        origin: &Origin,
        (trust, begin): (&Trust, Option<SealId>),
        seq: u64,
    ) -> Result<Self, Error> {
        let packs = Packs::of(root, origin, Extent::default()).await?;
        let before = nearest(&packs, (trust, begin), seq + 1).await?;
        way((source, root), origin, (begin, before), Some(seq)).await
    }

    /// Whether a key that is trusted by itself signed what stands at a seq.
    async fn is_trusted(
        &self,
        source: &Source,
        origin: &Origin,
        sought: &Sought<'_>,
        seq: u64,
    ) -> bool {
        let at = self.entries.partition_point(|entry| entry.place.seq < seq);
        for entry in self.entries[at..].iter().take_while(|entry| entry.place.seq == seq) {
            let found = examine(source, origin, entry.clone(), Depth::Seal).await;
            if let Outcome::Note(note, _) = &found.sighting.outcome
                && (&note.seal.origin, note.seal.seq) == (origin, seq)
                && sought.trust.includes(&note.seal.key, seq)
            {
                return true;
            }
        }
        false
    }
}

/// The part of a chain from where its keys are known, which is behind this note or where it begins.
async fn way(
    (source, root): (&Source, Option<&PackRoot>),
    origin: &Origin,
    (begin, before): (Option<SealId>, Option<ObjectSeal>),
    to: Option<u64>,
) -> Result<Range, Error> {
    let from = begin.map_or(Begin::Genesis, Begin::Known);
    let from = before.as_ref().map_or(from, |note| Begin::After(note.id()));
    let extent = Extent { from, to };
    if to.is_some_and(|to| to < from.seq()) {
        return Ok(Range { extent, before: before.map(Box::new), ..Range::default() });
    }
    let days = days(source, origin).await?;
    let mut entries = Listing::of_days(source, origin, &days).await?;
    entries.retain(|entry| extent.has(entry.place.seq));
    let packs = Packs::of(root, origin, extent).await?;
    Ok(Range { extent, entries, packs, before: before.map(Box::new), ..Range::default() })
}

/// Of the last notes of packs before a seq one by a key that is trusted by itself, the nearest where such keys come
/// first. Which one it is decides what has to be read, and nothing else.
async fn nearest(
    packs: &Packs,
    (trust, begin): (&Trust, Option<SealId>),
    seq: u64,
) -> Result<Option<ObjectSeal>, Error> {
    let before: Vec<&Pack> = packs.all_ending_before(seq);
    let begin = begin.map_or(0, |begin| begin.seq);
    let (mut low, mut high, mut found) = (0, before.len(), None);
    while low < high {
        let middle = low + (high - low) / 2;
        let pack = before[middle];
        let note = match pack.attestation.last < begin {
            true => None,
            false => packs.last_note(pack, trust).await?,
        };
        let trusted = note.is_some() || pack.attestation.last < begin;
        found = note.or(found);
        if trusted { low = middle + 1 } else { high = middle }
    }
    Ok(found)
}
