//! What auditors attest of packs: the seals that they name, and what they found.

use std::str::FromStr;

use auditseal_format::packs::Attestation;
use auditseal_format::{Origin, SealId};

use super::{Chain, Rules};
use crate::finding::{Finding, Verdict};

impl Rules {
    /// Takes an attestation that counts: what it names as its last seal, and as the one before its first,
    /// is known out of band from now on. Gives the seqs for which another seal is known already.
    pub fn attest(&mut self, attestation: &Attestation) -> Vec<u64> {
        let Attestation { first, last, prev, head, .. } = *attestation;
        let before = SealId { seq: first - 1, hash: prev };
        let both = [before, SealId { seq: last, hash: head }];
        let apart = both.into_iter().filter(|seal| !self.policy.attested(*seal));
        apart.map(|seal| seal.seq).collect()
    }

    /// What an auditor found of a pack's objects in the part that is asked for, told once more: whoever reads the
    /// pack in their place, or passes it over by an index, can't find it. What somebody accepted is information.
    /// And how many findings there are that the attestation counts and doesn't tell.
    #[must_use]
    pub fn repeated(&self, origin: &Origin, attestation: &Attestation) -> (Vec<Finding>, u64) {
        let (who, when) = (attestation.key.name(), attestation.attested);
        let (from, to) = (self.extent.from.seq(), self.extent.to.unwrap_or(u64::MAX));
        let told = attestation.found.iter().filter_map(|found| {
            let last = found.through.unwrap_or(found.seq);
            if last < from || to < found.seq {
                return None;
            }
            let detail = format!("{}; attested by {who} at {when}", found.detail);
            let name = found.verdict.as_str();
            // What isn't known is a later auditor's word for something that is wrong.
            let (verdict, detail) = Verdict::from_str(name).map_or_else(
                |()| (Verdict::UnexpectedObject, format!("{name}: {detail}")),
                |verdict| (verdict, detail.clone()),
            );
            let finding = Finding::new(verdict, Some(origin.clone()), &detail).as_finding();
            let finding = finding.at(found.seq.max(from));
            let finding = match found.through {
                Some(last) => finding.through(last.min(to)),
                None => finding,
            };
            let about = found.hash.map(|hash| SealId { seq: found.seq.max(from), hash });
            let reason = about.and_then(|seal| self.policy.accepts(verdict, seal));
            Some(match reason {
                Some(reason) => finding.accepted_for(reason),
                None => finding,
            })
        });
        let more = attestation.findings.saturating_sub(attestation.found.len() as u64);
        (told.collect(), more)
    }
}

impl Chain {
    /// Reports that two attestations that count name different seals for one seq.
    pub fn attested_apart(&mut self, seq: u64) {
        let detail = "two attestations name different seals here, and both count: an auditor signed for \
                      both of two histories";
        let finding = self.findings.of(Verdict::Fork, detail).at(seq);
        self.forked = true;
        self.findings.push(finding);
    }

    /// Tells once more what an auditor found of a pack's objects: whoever reads the pack in their place
    /// can't find it.
    pub fn repeat(&mut self, attestation: &Attestation) {
        let (found, more) = self.rules.repeated(&self.origin, attestation);
        found.into_iter().for_each(|finding| self.findings.push(finding));
        self.findings.findings_total = self.findings.findings_total.saturating_add(more);
    }

    /// Reports what is wrong with a pack itself.
    pub fn pack_at_fault(&mut self, verdict: Verdict, attestation: &Attestation, detail: &str) {
        let Attestation { first, last, .. } = *attestation;
        let finding = self.findings.of(verdict, detail).at(first).through(last);
        self.findings.push(finding.key(&attestation.pack_key()));
    }
}
