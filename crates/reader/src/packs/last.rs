//! The last note of a pack, without the pack: it stands in the raw block at the pack's end, and its hash is attested.

use auditseal_chain::Trust;
use auditseal_format::{ObjectSeal, SealId};
use auditseal_store::Error;

use super::listing::{Pack, Packs};
use crate::fetch::TAIL;
use crate::source::Object;
use crate::versions::Tried;

impl Packs {
    /// The last note of a pack, which is the attested one; `None` where no version of the pack ends with it, and
    /// where its key isn't trusted by itself: then whoever attested the pack may have made it. Costs a read of at
    /// most 64 KiB. Of the rest of the pack nothing is known by that.
    ///
    /// # Errors
    /// The store's.
    pub async fn last_note(&self, pack: &Pack, trust: &Trust) -> Result<Option<ObjectSeal>, Error> {
        let Some(source) = self.source() else { return Ok(None) };
        let key = pack.attestation.pack_key();
        let attested = SealId { seq: pack.attestation.last, hash: pack.attestation.head };
        let mut tried = Tried::default();
        for version in pack.versions() {
            let tail = source.tail(Object { key: &key, version }, TAIL).await;
            let note = tail.map(|tail| {
                ObjectSeal::read(&tail.bytes).ok().filter(|note| {
                    note.id() == attested && note.seal.origin == pack.attestation.origin
                })
            });
            if let Some(note) = tried.take(note)? {
                return Ok(Some(note).filter(|note| trust.includes(&note.seal.key, attested.seq)));
            }
        }
        Ok(None)
    }

    /// Of all packs that are listed, the one that ends last before a seq, in the part that is asked for or before it.
    #[must_use]
    pub fn ending_before(&self, seq: u64) -> Option<&Pack> {
        let before =
            self.found.iter().filter(|pack| pack.is_listed() && pack.attestation.last < seq);
        before.max_by_key(|pack| pack.attestation.last)
    }

    /// All packs that are listed and end before a seq, in the order of their ends.
    pub(crate) fn all_ending_before(&self, seq: u64) -> Vec<&Pack> {
        let before = self.found.iter().filter(|pack| pack.is_listed());
        let mut before: Vec<_> = before.filter(|pack| pack.attestation.last < seq).collect();
        before.sort_by_key(|pack| pack.attestation.last);
        before
    }

    /// These, beginning with a seq: packs before it are left out, and of the one that has it what stands before.
    #[must_use]
    pub fn starting(mut self, seq: u64) -> Self {
        self.taken.retain(|pack| seq <= pack.last);
        if let Some(pack) = self.taken.first_mut() {
            pack.first = pack.first.max(seq);
        }
        self
    }
}
