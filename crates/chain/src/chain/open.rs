//! Seqs that have no note of the chain, until it is known whether the chain reaches them.
//!
//! Anybody who may put objects can put garbage at a key still to come. A chain reaches as far as
//! its highest rightly signed note, or the head that its reader knows: up to there what is absent
//! or garbage is wrong; behind it, it is there, and says nothing.

use super::Chain;
use super::group::Stray;
use crate::finding::{KEPT, Verdict};

/// What was met since the newest note of the chain, in order of seq.
#[derive(Debug, Default)]
pub(super) struct Open {
    strays: Vec<Stray>,
    /// Strays beyond those that are kept.
    more: u64,
    /// First and last seq of each run in which nothing stands.
    absent: Vec<(u64, u64)>,
}

impl Open {
    /// Takes an object that is no note of the chain.
    pub(super) fn stray(&mut self, stray: Stray) {
        if self.strays.len() < KEPT {
            self.strays.push(stray);
        } else {
            self.more += 1;
        }
    }

    /// Nothing stands at these seqs.
    pub(super) fn absent(&mut self, first: u64, last: u64) {
        match self.absent.last_mut() {
            Some(run) if run.1 + 1 == first => run.1 = last,
            _ => self.absent.push((first, last)),
        }
    }
}

impl Chain {
    /// The chain goes on, so it needed all that was left open.
    pub(super) fn needed(&mut self) {
        self.needed_up_to(u64::MAX, u64::MAX);
    }

    /// The chain reaches `reach`, and is known to reach `head`: what is absent behind `reach` is told
    /// otherwise. What is left is information.
    pub(super) fn needed_up_to(&mut self, reach: u64, head: u64) {
        let Open { strays, more, absent } = std::mem::take(&mut self.open);
        let (mut findings, mut information) = (0, 0);
        for Stray { place, verdict, detail, .. } in strays {
            if place.seq <= reach.max(head) {
                self.report(verdict, place, &detail);
                findings = more;
            } else {
                let detail =
                    format!("behind the chain's newest seal; by itself {verdict}: {detail}");
                self.report(Verdict::UnexpectedObject, place, &detail);
                (findings, information) = (0, more);
            }
        }
        self.findings.findings_total += findings;
        self.findings.information_total += information;
        for (first, last) in absent.into_iter().filter(|(first, _)| *first <= reach) {
            self.missing(first, last.min(reach));
        }
    }
}
