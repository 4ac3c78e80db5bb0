//! Which part of a chain is asked for, and what is known of the chain out of band.

use std::fmt;
use std::str::FromStr;

use auditseal_format::{Date, Hash, ObjectSeal, SealId};

use super::{Accepted, Chain, ForkPair, Place, Rules};
use crate::finding::Verdict;

/// Pairs of different notes for one seq that are kept.
const FORKS_KEPT: usize = 100;

/// The latest accepted notes of which the hash is kept: about six hours of a chain that seals every
/// five seconds.
const TRAIL: usize = 4096;

/// Where reading begins. Nothing before it is fetched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Begin {
    /// With the genesis.
    #[default]
    Genesis,
    /// With this note, whose number and hash are known out of band.
    Known(SealId),
    /// Behind this note, whose number and hash are known out of band, and which isn't read.
    After(SealId),
    /// At this place, and nothing is known of the note there: unless a note that is known follows in the
    /// part, the part is `UNANCHORED`.
    At(u64),
}

impl Begin {
    /// The first place.
    #[must_use]
    pub fn seq(self) -> u64 {
        match self {
            Self::Genesis => 0,
            Self::Known(seal) => seal.seq,
            Self::After(seal) => seal.seq + 1,
            Self::At(seq) => seq,
        }
    }

    /// The note there, if it is known out of band.
    #[must_use]
    pub fn known(self) -> Option<SealId> {
        match self {
            Self::Known(seal) => Some(seal),
            Self::Genesis | Self::After(_) | Self::At(_) => None,
        }
    }

    /// Whether something may lie before it.
    #[must_use]
    pub fn is_late(self) -> bool {
        self != Self::Genesis
    }
}

impl fmt::Display for Begin {
    /// `SEQ:HASH`, or `SEQ` alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Genesis => f.write_str("0"),
            Self::Known(seal) => seal.fmt(f),
            Self::After(seal) => write!(f, "{} (behind {seal})", seal.seq + 1),
            Self::At(seq) => seq.fmt(f),
        }
    }
}

impl FromStr for Begin {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.contains(':') {
            return text.parse().map(Self::Known);
        }
        match SealId::seq(text).ok_or(())? {
            0 => Ok(Self::Genesis),
            seq => Ok(Self::At(seq)),
        }
    }
}
/// The part of a chain that is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// The first note.
    pub from: Begin,
    /// The last place; `None`: as far as the chain reaches.
    pub to: Option<u64>,
}

impl Extent {
    /// Whether it is less than the chain.
    #[must_use]
    pub fn is_part(&self) -> bool {
        self.from.is_late() || self.to.is_some()
    }

    /// Whether a place is inside.
    #[must_use]
    pub fn has(&self, seq: u64) -> bool {
        self.from.seq() <= seq && self.to.is_none_or(|to| seq <= to)
    }
}

impl Chain {
    /// The place that the chain is known to reach, or asked to: the head's or the last of the extent.
    pub(super) fn known_reach(&self) -> u64 {
        let top = self.rules.top().map(|top| top.seq);
        top.max(self.rules.extent.to).unwrap_or(0)
    }

    /// The seq of the next object.
    pub(super) fn expected(&self) -> u64 {
        let first = self.rules.extent.from.seq();
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
        self.rules.extent.from.known() == Some(object.id())
    }

    /// Whether this note may be signed by the key that it names.
    pub(super) fn may_sign(&self, object: &ObjectSeal) -> bool {
        self.vouched(object) || self.keys.may_sign(&object.seal)
    }

    /// Holds a note against what is known to stand at its seq; `ours` if its key may sign there.
    pub(super) fn compare_head(&mut self, note: SealId, ours: bool) {
        let Rules { head, extent, policy, .. } = &self.rules;
        let other = |known: &SealId| known.seq == note.seq && known.hash != note.hash;
        let head = head.filter(other);
        let named = policy.at(note.seq).filter(|hash| *hash != note.hash);
        let contradicted = head.is_some()
            || named.is_some()
            || extent.from.known().is_some_and(|from| other(&from));
        // Where somebody said which of several is the chain's, that counts more than what was known.
        let settled = policy.settles(note.seq).is_some() && named.is_none();
        if !contradicted || settled || !extent.has(note.seq) {
            return;
        }
        self.contradicted.insert(note.seq);
        self.forked |= ours;
        // What somebody wrote down may be a slip of the pen: a head alone was read off a seal.
        self.keep_fork(note.seq, head.filter(|_| ours).map(|head| [head.hash, note.hash]));
    }

    /// Keeps two notes of one seq, for whoever is to be shown both.
    pub(super) fn keep_fork(&mut self, seq: u64, seals: Option<[Hash; 2]>) {
        let kept = seals.filter(|_| self.forks.len() < FORKS_KEPT);
        self.forks.extend(kept.map(|hashes| ForkPair { seq, hashes }));
    }

    /// Remembers an accepted note's place as one of the latest.
    pub(super) fn leave_trail(&mut self, note: SealId) {
        if self.trail.len() == TRAIL {
            self.trail.pop_front();
        }
        self.trail.push_back(note);
    }

    /// Whether the part that is asked for begins with this note.
    pub(super) fn begins_with(&self, object: &ObjectSeal) -> bool {
        let from = self.rules.extent.from;
        self.vouched(object)
            || (from.is_late() && from.known().is_none() && from.seq() == object.seal.seq)
    }

    /// Remembers that a note of the part is one that is known out of band.
    pub(super) fn anchor(&mut self, object: &ObjectSeal) {
        self.anchored |= self.rules.trusted(object.seal.seq) == Some(object.hash);
    }

    /// A part that begins anywhere is the chain's only as far as its signatures say so.
    pub(super) fn check_anchor(&mut self) {
        let Begin::At(seq) = self.rules.extent.from else { return };
        if self.anchored || self.newest.is_none() {
            return;
        }
        let detail = "the part begins with a note that nobody vouched for, and reaches none that is \
                      known: whether it is a part of the history that was verified before isn't shown";
        let finding = self.findings.of(Verdict::Unanchored, detail).at(seq);
        let allowed = self.rules.allow_unanchored;
        self.findings.push(if allowed { finding.accepted() } else { finding });
    }

    /// Holds the chain against what is known of it out of band.
    pub(super) fn check_reach(&mut self) {
        let (head, to) = (self.rules.top().map(|top| top.seq), self.rules.extent.to);
        let known = head.max(to);
        let newest = self.newest.as_ref().map(|newest| newest.seq);
        let short = known.filter(|known| newest.is_none_or(|newest| newest < *known));
        if let Some(known) = short {
            let from = self.rules.extent.from.seq();
            let first = newest.map_or(from, |newest| newest + 1);
            let detail = match head {
                Some(head) if head == known => format!("the chain is known to reach seq {head}"),
                _ => format!("the chain ends before seq {known}, which is asked for"),
            };
            let finding = self.findings.of(Verdict::Truncated, &detail).at(first).through(known);
            self.findings.push(finding);
        }
        // Of a head that isn't reached, the other note at its seq is told by itself.
        for seq in std::mem::take(&mut self.contradicted) {
            if short.is_some() && Some(seq) == head {
                continue;
            }
            let detail = "the note here isn't the one that is known to stand here";
            let finding = self.findings.of(Verdict::Fork, detail).at(seq);
            self.findings.push(finding);
        }
    }
}
