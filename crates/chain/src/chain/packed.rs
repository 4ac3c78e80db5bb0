//! What auditors attest of packs: the seals that they name, and what they found.

use std::str::FromStr;

use auditseal_format::SealId;
use auditseal_format::packs::Attestation;

use super::{Chain, Rules};
use crate::finding::Verdict;

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
        let (who, when) = (attestation.key.name(), attestation.attested);
        let extent = self.rules.extent;
        let (from, to) = (extent.from.seq(), extent.to.unwrap_or(u64::MAX));
        for found in &attestation.found {
            let last = found.through.unwrap_or(found.seq);
            if last < from || to < found.seq {
                continue;
            }
            let seq = found.seq.max(from);
            let detail = format!("{}; attested by {who} at {when}", found.detail);
            let name = found.verdict.as_str();
            let verdict = Verdict::from_str(name);
            let finding = match verdict {
                Ok(verdict) => self.findings.of(verdict, &detail),
                // A later auditor's word for something that is wrong.
                Err(()) => {
                    self.findings.of(Verdict::UnexpectedObject, &format!("{name}: {detail}"))
                }
            };
            let finding = finding.as_finding().at(seq);
            let finding = match found.through {
                Some(last) => finding.through(last.min(to)),
                None => finding,
            };
            match found.hash {
                Some(hash) => self.report_about(SealId { seq, hash }, finding),
                None => self.findings.push(finding),
            }
        }
        let more = attestation.findings.saturating_sub(attestation.found.len() as u64);
        self.findings.findings_total = self.findings.findings_total.saturating_add(more);
    }

    /// Reports what is wrong with a pack itself.
    pub fn pack_at_fault(&mut self, verdict: Verdict, attestation: &Attestation, detail: &str) {
        let Attestation { first, last, .. } = *attestation;
        let finding = self.findings.of(verdict, detail).at(first).through(last);
        self.findings.push(finding.key(&attestation.pack_key()));
    }
}
