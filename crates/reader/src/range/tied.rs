//! A part that begins in the midst of a chain, so that it can be told who may sign there.

use auditseal_chain::{Begin, Extent, Outcome};
use auditseal_format::{ObjectSeal, Origin};
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
        let note = nearest(&self.packs, sought, first).await?;
        let begin = sought.begin.map_or(Begin::Genesis, Begin::Known);
        let from = note.as_ref().map_or(begin, |note| Begin::After(note.id()));
        let extent = Extent { from, ..self.extent };
        let days = days(source, origin).await?;
        let mut entries = Listing::of_days(source, origin, &days).await?;
        entries.retain(|entry| extent.has(entry.place.seq));
        let packs = Packs::of(root, origin, extent).await?;
        Ok(Self { extent, entries, packs, before: note.map(Box::new), unseen: self.unseen })
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

/// Of the last notes of packs before a seq one by a key that is trusted by itself, the nearest where such keys come
/// first. Which one it is decides what has to be read, and nothing else.
async fn nearest(
    packs: &Packs,
    sought: &Sought<'_>,
    seq: u64,
) -> Result<Option<ObjectSeal>, Error> {
    let before: Vec<&Pack> = packs.all_ending_before(seq);
    let begin = sought.begin.map_or(0, |begin| begin.seq);
    let (mut low, mut high, mut found) = (0, before.len(), None);
    while low < high {
        let middle = low + (high - low) / 2;
        let pack = before[middle];
        let note = match pack.attestation.last < begin {
            true => None,
            false => packs.last_note(pack, sought.trust).await?,
        };
        let trusted = note.is_some() || pack.attestation.last < begin;
        found = note.or(found);
        if trusted { low = middle + 1 } else { high = middle }
    }
    Ok(found)
}
