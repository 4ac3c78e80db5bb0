//! What a trust file says of a chain beside its keys: seals that it names, verdicts that somebody
//! accepted, and what silence means.

use std::collections::{BTreeMap, BTreeSet};

use auditseal_format::{Hash, SealId, Time};
use auditseal_store::LockMode;
use auditseal_trust::{Acceptable, Silence, TrustedOrigin};

use super::lock::{DAY, Retention};
use super::{Begin, Chain, Extent, Place, Rules, Trust};
use crate::finding::{Finding, Verdict};

/// What a trust file says of a chain beside its keys; nothing by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Seals that it names: each is the chain's at its seq.
    named: BTreeMap<u64, Hash>,
    accepted: BTreeMap<(u64, Verdict), Acceptance>,
    silence: Option<Silence>,
}

/// A seal about which a verdict was accepted, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Acceptance {
    hash: Hash,
    reason: String,
}

impl Policy {
    /// What is said of a chain.
    #[must_use]
    pub fn of(trusted: &TrustedOrigin) -> Self {
        let first = trusted.begin.map_or(0, |begin| begin.seq);
        let ended = match trusted.silence {
            Silence::Ended(seal) => Some(seal),
            Silence::After(_) => None,
        };
        let keys = trusted.keys.iter().filter_map(|key| key.until);
        let accepted = trusted.accepted.iter().map(|accepted| accepted.seal);
        let named = trusted.begin.into_iter().chain(keys).chain(accepted).chain(ended);
        let named = named.filter(|seal| first <= seal.seq).map(|seal| (seal.seq, seal.hash));
        let accepted = trusted.accepted.iter().map(|accepted| {
            let (seal, reason) = (accepted.seal, accepted.reason.clone());
            ((seal.seq, accepted.verdict.into()), Acceptance { hash: seal.hash, reason })
        });
        Self {
            named: named.collect(),
            accepted: accepted.collect(),
            silence: Some(trusted.silence),
        }
    }

    /// Takes a seal that an auditor names; `false` if another one is named at its seq.
    pub(super) fn attested(&mut self, seal: SealId) -> bool {
        *self.named.entry(seal.seq).or_insert(seal.hash) == seal.hash
    }

    /// The last seal that is named up to a seq.
    fn last(&self, to: u64) -> Option<SealId> {
        let last = self.named.range(..=to).next_back();
        last.map(|(seq, hash)| SealId { seq: *seq, hash: *hash })
    }

    /// The hash of the seal that is named at a seq.
    #[must_use]
    pub fn at(&self, seq: u64) -> Option<Hash> {
        self.named.get(&seq).copied()
    }

    /// Why a verdict about a seal was accepted; `None` if it wasn't.
    pub(super) fn accepts(&self, verdict: Verdict, seal: SealId) -> Option<&str> {
        let accepted = self.accepted.get(&(seal.seq, verdict))?;
        (accepted.hash == seal.hash).then_some(accepted.reason.as_str())
    }

    /// Why one of several seals of a seq was accepted as the chain's. Which of them the chain goes on
    /// from is then known.
    #[must_use]
    pub fn settles(&self, seq: u64) -> Option<&str> {
        self.accepted.get(&(seq, Verdict::Fork)).map(|accepted| accepted.reason.as_str())
    }

    /// The seal with which the chain has ended.
    fn end(&self) -> Option<u64> {
        match self.silence? {
            Silence::Ended(seal) => Some(seal.seq),
            Silence::After(_) => None,
        }
    }
}

impl From<Acceptable> for Verdict {
    fn from(verdict: Acceptable) -> Self {
        match verdict {
            Acceptable::Fork => Self::Fork,
            Acceptable::Hidden => Self::Hidden,
            Acceptable::Shadowed => Self::Shadowed,
            Acceptable::SourceGap => Self::SourceGap,
            Acceptable::Stalled => Self::Stalled,
            Acceptable::TimeInconsistent => Self::TimeInconsistent,
            Acceptable::WeakWorm => Self::WeakWorm,
        }
    }
}

impl Rules {
    /// Keys, a part and a head, and nothing else.
    #[must_use]
    pub fn of(trust: Trust, extent: Extent, head: Option<SealId>) -> Self {
        Self {
            trust,
            extent,
            allow_unanchored: false,
            head,
            branch: Vec::new(),
            accept: BTreeSet::new(),
            skew: None,
            retention: None,
            store: None,
            policy: Policy::default(),
        }
    }

    /// What a trust file says of a chain, and how far it is known to reach. A clock of the store's and
    /// its name are still to be said.
    #[must_use]
    pub fn trusting(trusted: &TrustedOrigin, known: Option<SealId>) -> Self {
        let retention = trusted.retention.map(|rule| Retention {
            mode: if rule.compliance { LockMode::Compliance } else { LockMode::Governance },
            micros: i64::from(rule.days) * DAY,
        });
        let from = trusted.begin.map_or(Begin::Genesis, Begin::Known);
        let extent = Extent { from, to: None };
        let plain = Self::of(Trust::Keys(trusted.keys.clone()), extent, known);
        Self { retention, policy: Policy::of(trusted), ..plain }
    }

    /// Of the chain, the part that is asked for: what doesn't say where it begins, begins as before.
    #[must_use]
    pub fn asked(mut self, part: Extent) -> Self {
        let from = if part.from.is_late() { part.from } else { self.extent.from };
        self.extent = Extent { from, to: part.to };
        self
    }

    /// The last seal of the part that is asked for which is known out of band to be the chain's; what
    /// the part begins with is none.
    #[must_use]
    pub fn top(&self) -> Option<SealId> {
        let named = self.policy.last(self.extent.to.unwrap_or(u64::MAX));
        let known = self.head.into_iter().chain(named);
        known.filter(|seal| self.extent.has(seal.seq)).max_by_key(|seal| seal.seq)
    }
}

impl Chain {
    /// Reports something about a seal, as information if somebody accepted it.
    pub(super) fn report_about(&mut self, seal: SealId, finding: Finding) {
        let reason = self.rules.policy.accepts(finding.verdict, seal);
        let finding = match reason {
            Some(reason) => finding.accepted_for(reason),
            None => finding,
        };
        self.findings.push(finding);
    }

    /// Reports that a seq has a second rightly signed note beside one of these hashes; kept as
    /// evidence unless somebody settled which of them is the chain's.
    pub(super) fn report_fork(&mut self, place: Place, detail: &str, seals: Option<[Hash; 2]>) {
        let key = place.key(&self.origin).to_string();
        let finding = self.findings.of(Verdict::Fork, detail).at(place.seq).key(&key);
        let finding = match self.rules.policy.settles(place.seq) {
            Some(reason) => finding.accepted_for(reason),
            None => {
                self.forked = true;
                self.keep_fork(place.seq, seals);
                finding
            }
        };
        self.findings.push(finding);
    }

    /// What silence, or its absence, means by the trust file; `false` where that says nothing of it.
    pub(super) fn judge_silence(
        &mut self,
        now: Time,
        seq: u64,
        last: Time,
        is_final: bool,
    ) -> bool {
        let Some(silence) = self.rules.policy.silence else { return false };
        let Silence::After(limit) = silence else { return true };
        let over = last.saturating_add(i64::from(limit).saturating_mul(1_000_000));
        let detail = if is_final {
            "it says that nothing follows, and the trust file doesn't say that the chain has ended"
                .to_owned()
        } else if over < now {
            format!(
                "no seal since {last}: silence longer than {limit}s, until {over}, is a finding"
            )
        } else {
            return true;
        };
        let finding = self.findings.of(Verdict::Silent, &detail).at(seq);
        self.findings.push(finding);
        true
    }

    /// Takes note of an accepted seal behind the one with which the chain has ended.
    pub(super) fn compare_end(&mut self, seq: u64) {
        if self.rules.policy.end().is_some_and(|end| end < seq) {
            let first = self.behind_end.map_or(seq, |(first, _)| first);
            self.behind_end = Some((first, seq));
        }
    }

    /// Tells of the seals behind the chain's end.
    pub(super) fn tell_behind_end(&mut self) {
        if let (Some((first, last)), Some(end)) = (self.behind_end, self.rules.policy.end()) {
            let detail = format!("rightly signed, and the chain has ended with seq {end}");
            let finding = self.findings.of(Verdict::Resumed, &detail).at(first).through(last);
            self.findings.push(finding);
        }
    }
}

impl super::ChainReport {
    /// Holds what stands before the seal that reading began with against what must be kept:
    /// `listed` are the seqs there that the store names. It may be gone once that seal's retention is
    /// over, and not before.
    pub fn judge_before(
        &mut self,
        begin: SealId,
        listed: &BTreeSet<u64>,
        retention: Retention,
        now: Time,
    ) {
        let Some((first, sealed)) = self.oldest.filter(|(first, _)| *first == begin) else {
            return;
        };
        let over = sealed.saturating_add(retention.micros);
        if over <= now {
            return;
        }
        let mut next = 0;
        for seq in listed.range(..first.seq).copied().chain([first.seq]) {
            if next < seq {
                let detail = format!(
                    "no object at the keys of these seqs, which must be kept until {over} at least"
                );
                let finding = self.findings.of(Verdict::Missing, &detail).at(next);
                self.findings.push(finding.through(seq - 1));
            }
            next = seq + 1;
        }
        self.findings.sort();
    }
}
