//! What is trusted, and expected, of one chain.

use auditseal_format::{SealId, VerifierKey};

use crate::item::{Acceptance, Item, RetentionRule, Silence, TrustedKey};

/// What is trusted, and expected, of one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrustedOrigin {
    /// The keys, in the order of what they may sign; no two for one seq.
    pub keys: Vec<TrustedKey>,
    /// Where reading begins; `None` for the genesis.
    pub begin: Option<SealId>,
    /// What must protect each object; `None` if nothing need to.
    pub retention: Option<RetentionRule>,
    /// What silence means.
    pub silence: Silence,
    /// Verdicts that somebody accepted, in the order of seq and word.
    pub accepted: Vec<Acceptance>,
}

impl TrustedOrigin {
    /// The lines of its block behind those of the keys, as the trust file has them.
    #[must_use]
    pub fn rest_of_block(&self) -> Vec<String> {
        let retention = self.retention.map(Item::Retention);
        let first = [Item::Begin(self.begin)].into_iter().chain(retention);
        let accepted = self.accepted.iter().cloned().map(Item::Accept);
        let rest = first.chain([Item::Silence(self.silence)]).chain(accepted);
        rest.map(|item| item.to_string()).collect()
    }

    /// Whether a key is trusted for the seal of this seq.
    #[must_use]
    pub fn trusts(&self, vkey: &VerifierKey, seq: u64) -> bool {
        self.keys.iter().any(|key| key.covers(seq) && key.vkey == *vkey)
    }
}
