//! Which part of a chain is asked for, and what is known of the chain out of band.

use auditseal_format::{Date, ObjectSeal, SealId};

use super::{Accepted, Chain, Place};
use crate::finding::Verdict;

/// The part of a chain that is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first note, whose number and hash are known out of band; `None`: the genesis. Nothing
    /// before it is fetched.
    pub from: Option<SealId>,
    /// The last place; `None`: as far as the chain reaches.
    pub to: Option<u64>,
}

impl Extent {
    /// Whether it is less than the chain.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.from.is_some() || self.to.is_some()
    }

    /// Whether a place is inside.
    #[must_use]
    pub fn has(&self, seq: u64) -> bool {
        self.from.is_none_or(|from| from.seq <= seq) && self.to.is_none_or(|to| seq <= to)
    }
}

impl Chain {
    /// The place that the chain is known to reach, or asked to: the head's or the last of the extent.
    pub(super) fn known_reach(&self) -> u64 {
        let Extent { to, .. } = self.rules.extent;
        let head = self.head().map(|head| head.seq);
        head.max(to).unwrap_or(0)
    }

    /// The known head, where it lies in the part that is asked for.
    pub(super) fn head(&self) -> Option<SealId> {
        self.rules.head.filter(|head| self.rules.extent.has(head.seq))
    }

    /// The seq of the next object.
    pub(super) fn expected(&self) -> u64 {
        let first = self.rules.extent.from.map_or(0, |from| from.seq);
        self.closed.map_or(first, |closed| closed + 1)
    }

    /// Where the next object should stand, if that is before `seq`, at which the next one that was
    /// listed stands, and if the note before says so. Ends the seq before that.
    pub fn lacks(&mut self, seq: u64) -> (Option<Accepted>, Option<Place>) {
        let over = self.group.as_ref().is_some_and(|group| group.seq < seq);
        let accepted = if over { self.close() } else { None };
        let next = self.expected();
        if self.undecided.is_some() || self.group.is_some() || next >= seq {
            return (accepted, None);
        }
        let date = match next {
            0 => Some(Date::EPOCH),
            _ => self.facts_before(next).map(|facts| facts.sealed.date()),
        };
        (accepted, date.map(|date| Place { seq: next, alternate: None, date }))
    }

    /// Whether a note is the one that the part that is asked for begins with: its hash is known out
    /// of band, whoever signed it.
    pub(super) fn vouched(&self, object: &ObjectSeal) -> bool {
        self.rules.extent.from == Some(SealId { seq: object.seal.seq, hash: object.hash })
    }

    /// Whether this note may be signed by the key that it names.
    pub(super) fn may_sign(&self, object: &ObjectSeal) -> bool {
        self.vouched(object) || self.keys.may_sign(&object.seal)
    }

    pub(super) fn compare_head(&mut self, note: SealId) {
        let mut known = self.head().into_iter().chain(self.rules.extent.from);
        if known.any(|known| known.seq == note.seq && known.hash != note.hash) {
            self.contradicted.get_or_insert(note.seq);
        }
    }

    /// Holds the chain against what is known of it out of band.
    pub(super) fn check_reach(&mut self) {
        let (head, to) = (self.head().map(|head| head.seq), self.rules.extent.to);
        let known = head.max(to);
        let newest = self.newest.as_ref().map(|newest| newest.seq);
        let short = known.filter(|known| newest.is_none_or(|newest| newest < *known));
        if let Some(known) = short {
            let from = self.rules.extent.from.map_or(0, |from| from.seq);
            let first = newest.map_or(from, |newest| newest + 1);
            let detail = match head {
                Some(head) if head == known => format!("the chain is known to reach seq {head}"),
                _ => format!("the chain ends before seq {known}, which is asked for"),
            };
            let finding = self.findings.of(Verdict::Truncated, &detail).at(first).through(known);
            self.findings.push(finding);
        }
        // Of a head that isn't reached, the other note at its seq is told by itself.
        if let Some(seq) = self.contradicted.filter(|seq| short.is_none() || Some(*seq) != head) {
            let detail = "the note here isn't the one that is known to stand here";
            let finding = self.findings.of(Verdict::Fork, detail).at(seq);
            self.findings.push(finding);
        }
    }
}
