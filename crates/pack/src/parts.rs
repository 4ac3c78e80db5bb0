//! The parts of a chain that are in no pack: holes behind the newest one, and what follows it.

use auditseal_chain::{Begin, Finding, Verdict};
use auditseal_format::packs::Attestation;
use auditseal_format::{Date, SealId};
use auditseal_reader::{Entry, Pack, Packs};

/// Consecutive seqs that no pack holds that is attested and listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    /// Where it begins: behind a pack, or where the chain is known to begin.
    pub(crate) from: Begin,
    /// The last seq; `None`: it goes on to the chain's end.
    pub(crate) to: Option<u64>,
    /// The seal that it is known to end with, so that no later one is waited for.
    pub(crate) ended: Option<SealId>,
    /// The days of its objects' keys.
    pub(crate) days: (Option<Date>, Option<Date>),
}

/// The parts of a chain that no pack holds, in order; the last goes on to its end.
pub(crate) fn parts(packs: &Packs, begin: Begin, ended: Option<SealId>) -> Vec<Part> {
    let usable: Vec<&Pack> = packs.taken().iter().filter(|pack| pack.is_listed()).collect();
    let (mut parts, mut from) = (Vec::new(), begin);
    let mut since = None;
    for pack in usable {
        let Attestation { first, last, prev, head, date, .. } = *pack.attestation;
        if last < begin.seq() {
            continue;
        }
        // The genesis is in no pack.
        if from.seq().max(1) < first {
            let before = SealId { seq: first - 1, hash: prev };
            let days = (since, Some(date));
            parts.push(Part { from, to: Some(before.seq), ended: Some(before), days });
        }
        from = Begin::After(SealId { seq: last, hash: head });
        since = Some(date);
    }
    parts.push(Part { from, to: None, ended, days: (since, None) });
    parts
}

impl Part {
    /// Whether a seq is in it.
    pub(crate) fn has(&self, seq: u64) -> bool {
        self.from.seq() <= seq && self.to.is_none_or(|to| seq <= to)
    }

    /// Whether something is listed of each of its seqs: what isn't packed of it can't be, and was judged before.
    /// Only of a part that begins where packs can't be cut this is asked; of any other what is listed is judged.
    pub(crate) fn is_left(&self, entries: &[Entry]) -> bool {
        let (Begin::Known(_), Some(to)) = (self.from, self.to) else { return false };
        let mut next = self.from.seq();
        for entry in entries {
            if entry.place.seq == next {
                next += 1;
            }
        }
        to < next
    }

    /// Before a later pack the chain doesn't end: what is absent there is missing.
    pub(crate) fn name_holes(&self, findings: &mut [Finding]) {
        let cut_off = findings.iter_mut().filter(|finding| finding.verdict == Verdict::Truncated);
        for finding in cut_off.filter(|_| self.to.is_some()) {
            finding.verdict = Verdict::Missing;
            finding.detail =
                "no pack that is attested and there holds it, and its objects aren't there".into();
        }
    }
}
