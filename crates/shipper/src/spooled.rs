//! Objects that are committed and not known to be stored: as little of each as uploads need.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use auditseal_format::{Alternate, Date, Hash, ObjectKey, Origin, Seal, Time, VerifierKey};

use crate::seqs::Seqs;

/// A committed object that isn't known to be stored. An outage makes tens of thousands of them, so
/// that each is small: its note is in the spool, for whoever wants more.
#[derive(Debug, Clone)]
pub(crate) struct Pending {
    pub(crate) seq: u64,
    date: Date,
    /// Bytes of the object.
    pub(crate) size: u64,
    /// Hash of its note.
    pub(crate) hash: Hash,
    /// Who signed it; one for all that the same key signed.
    pub(crate) signer: Arc<VerifierKey>,
}

impl Pending {
    /// One of the object's keys.
    pub(crate) fn key(&self, origin: &Origin, alternate: Option<Alternate>) -> ObjectKey {
        let Self { seq, date, .. } = *self;
        ObjectKey { origin: origin.clone(), seq, alternate, date }
    }
}

/// A pinned object: its seq, and the version that a note pins.
pub(crate) type Pinned = (u64, Option<Vec<u8>>);

/// The objects in a chain's spool at the start, oldest first, as far as a shipper must know them:
/// 64 bytes for each.
#[derive(Debug, Clone, Default)]
pub struct Spooled {
    pub(crate) objects: VecDeque<Pending>,
    /// What the note of the oldest says was before it.
    prev: Option<Hash>,
    /// The same of those whose notes don't name the one before them here, by seq.
    astray: BTreeMap<u64, Option<Hash>>,
    /// Bytes of all objects.
    pub(crate) bytes: u64,
    /// What the notes pin of the objects that are here.
    pub(crate) pinned: BTreeSet<Pinned>,
    /// The newest event time that the notes tell.
    pub(crate) last_event: Option<Time>,
    /// The day that the key of the object after them names.
    next: Option<Date>,
}

impl Spooled {
    /// Adds the next object: its key, its size in bytes, what its note states, and its hash.
    pub fn push(&mut self, key: &ObjectKey, size: u64, seal: &Seal, hash: Hash) {
        let known = self.objects.back().map(|last| &last.signer);
        let signer = known.filter(|known| ***known == seal.key).cloned();
        let pending = Pending {
            seq: key.seq,
            date: key.date,
            size,
            hash,
            signer: signer.unwrap_or_else(|| Arc::new(seal.key.clone())),
        };
        self.add(pending, seal.prev);
        self.bytes += size;
        self.next = Some(seal.sealed.date());
        let oldest = self.objects.front().map_or(0, |oldest| oldest.seq);
        let here = seal.stored.iter().filter(|pin| pin.seq >= oldest);
        self.pinned.extend(here.map(|pin| (pin.seq, pin.version.clone())));
        self.last_event = seal.payload.times.map(|(_, last)| last).or(self.last_event);
    }

    fn add(&mut self, pending: Pending, prev: Option<Hash>) {
        match self.objects.back() {
            None => self.prev = prev,
            Some(last) if Some(last.hash) == prev => {}
            Some(_) => drop(self.astray.insert(pending.seq, prev)),
        }
        self.objects.push_back(pending);
    }

    /// Whether a note of the chain is one that ours continue: `None` of a seq where they differ from
    /// it, and of one that they say nothing about.
    #[must_use]
    pub fn meets(&self, seq: u64, hash: &Hash) -> Option<bool> {
        let oldest = self.objects.front()?;
        match self.hash_of(seq) {
            Some(ours) => (ours == *hash).then_some(true),
            // One that was here and isn't any more, or of which ours say nothing yet.
            None if seq > oldest.seq => None,
            None if seq + 1 == oldest.seq => Some(self.prev.as_ref() == Some(hash)),
            // Ours begin behind it, and something else was met there.
            None => Some(false),
        }
    }

    /// Of the object with this seq. There may be holes in the seqs: somebody deleted one, or a disk
    /// that lost power brought an older one back.
    pub(crate) fn hash_of(&self, seq: u64) -> Option<Hash> {
        let at = self.objects.binary_search_by_key(&seq, |object| object.seq).ok()?;
        self.objects.get(at).map(|object| object.hash)
    }

    /// Which seqs up to the newest one here are not here, of those behind `stored`, the newest that
    /// the store has: nobody has them any more.
    pub(crate) fn missing(&self, stored: Option<u64>) -> Vec<Seqs> {
        let (mut missing, mut next) = (Vec::new(), stored.map_or(0, |seq| seq + 1));
        for Pending { seq, .. } in &self.objects {
            missing.extend(Seqs::before(next, *seq));
            next = next.max(seq + 1);
        }
        missing
    }

    /// Which seqs a store lacks whose newest is `stored`, though it has had them: an object leaves the
    /// spool when the one behind it is stored.
    pub(crate) fn lacking(&self, stored: Option<u64>) -> Option<Seqs> {
        Seqs::before(stored.map_or(0, |seq| seq + 1), self.objects.front()?.seq)
    }

    /// What the note of the oldest says was before it.
    pub(crate) fn prev(&self) -> Option<Hash> {
        self.prev
    }

    /// What the note of the object with this seq says was before it; `None`: there is no such object.
    pub(crate) fn before(&self, seq: u64) -> Option<Option<Hash>> {
        let at = self.objects.binary_search_by_key(&seq, |object| object.seq).ok()?;
        let Some(last) = at.checked_sub(1).and_then(|at| self.objects.get(at)) else {
            return Some(self.prev);
        };
        Some(self.astray.get(&seq).copied().unwrap_or(Some(last.hash)))
    }

    /// The days that the oldest one's key names, and that of the object after them; `None` for none,
    /// and at a chain's beginning, where another key's chain may stand beside it.
    pub(crate) fn days(&self) -> Option<(Date, Date)> {
        let oldest = self.objects.front().filter(|oldest| oldest.seq > 1)?;
        Some((oldest.date, self.next?))
    }

    /// How many objects there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Seq and size in bytes of each object, oldest first.
    pub fn sizes(&self) -> impl Iterator<Item = (u64, u64)> {
        self.objects.iter().map(|object| (object.seq, object.size))
    }

    /// Takes the oldest object out.
    pub(crate) fn pop(&mut self) -> Option<Pending> {
        let oldest = self.objects.pop_front()?;
        self.bytes -= oldest.size;
        if let Some(next) = self.objects.front() {
            self.prev = self.astray.remove(&next.seq).unwrap_or(Some(oldest.hash));
        }
        // It won't be found stored a second time.
        self.pinned.retain(|(seq, _)| *seq > oldest.seq);
        Some(oldest)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may fail so")]
mod tests {
    use auditseal_format::hash;
    use auditseal_note::{Signer as _, StaticSigner};

    use super::*;

    /// An outage makes hundreds of thousands. What each costs in all is measured in
    /// `agent/tests/outage.rs`.
    #[test]
    fn an_object_that_waits_is_small() {
        assert_eq!(size_of::<Pending>(), 64);
    }

    fn pending(seq: u64, of: impl Fn(u64) -> Hash) -> Pending {
        let signer = StaticSigner::from_seed("c/n", &[7; 32]).unwrap();
        let signer = Arc::new(signer.key().clone());
        Pending { seq, date: Time::EPOCH.date(), size: 0, hash: of(seq), signer }
    }

    #[test]
    fn a_hole_is_told_from_what_the_store_has() {
        let of = |n: u64| hash(&n.to_le_bytes());
        let missing = |spooled: &Spooled, stored| {
            spooled.missing(stored).into_iter().map(|seqs| seqs.to_string()).collect::<Vec<_>>()
        };
        let lacking =
            |spooled: &Spooled, stored| spooled.lacking(stored).map(|seqs| seqs.to_string());
        let mut spooled = Spooled::default();
        assert_eq!(missing(&spooled, None), Vec::<String>::new());
        for seq in [3, 4, 7, 8, 10] {
            spooled.add(pending(seq, of), Some(of(seq - 1)));
        }
        assert_eq!(missing(&spooled, None), ["0-2", "5-6", "9-9"]);
        assert_eq!(lacking(&spooled, None), Some("0-2".to_owned()));
        assert_eq!(lacking(&spooled, Some(1)), Some("2-2".to_owned()));
        assert_eq!(lacking(&spooled, Some(2)), None, "the one before ours is there");
        assert_eq!(lacking(&spooled, Some(9)), None);
        assert_eq!(lacking(&Spooled::default(), None), None);
        assert_eq!(missing(&spooled, Some(1)), ["2-2", "5-6", "9-9"]);
        assert_eq!(missing(&spooled, Some(3)), ["5-6", "9-9"]);
        assert_eq!(missing(&spooled, Some(5)), ["6-6", "9-9"], "the store has one of the two");
        assert_eq!(missing(&spooled, Some(9)), Vec::<String>::new());
        assert_eq!(missing(&spooled, Some(10)), Vec::<String>::new());
        // Behind a hole each is still known by its seq.
        for seq in [3, 4, 7, 8, 10] {
            assert_eq!(spooled.meets(seq, &of(seq)), Some(true), "{seq}");
            assert_eq!(spooled.meets(seq, &of(99)), None, "{seq}");
        }
        assert_eq!(spooled.meets(2, &of(2)), Some(true));
        assert_eq!(spooled.meets(2, &of(99)), Some(false));
        for seq in [5, 6, 9, 11] {
            assert_eq!(spooled.meets(seq, &of(seq)), None, "{seq}: ours say nothing of it");
        }
        assert_eq!(spooled.meets(1, &of(1)), Some(false));
    }

    #[test]
    fn what_was_before_each_is_known_whether_its_note_names_the_one_before_or_not() {
        let of = |n: u64| hash(&n.to_le_bytes());
        // The note of 5 names another, and that of 8 none: a damaged disk may hold such.
        let before = |seq: u64| match seq {
            3 => Some(of(2)),
            5 => Some(of(99)),
            8 => None,
            _ => Some(of(seq - 1)),
        };
        let mut spooled = Spooled::default();
        for seq in 3..12 {
            spooled.add(pending(seq, of), before(seq));
        }
        for seq in 3..12 {
            let first = spooled.objects.front().map(|oldest| oldest.seq);
            assert_eq!((first, spooled.before(seq)), (Some(seq), Some(before(seq))));
            for later in seq..12 {
                assert_eq!(spooled.before(later), Some(before(later)), "{later}");
            }
            assert_eq!(spooled.pop().map(|pending| pending.seq), Some(seq));
        }
        assert!(spooled.pop().is_none() && spooled.astray.is_empty());
    }
}
