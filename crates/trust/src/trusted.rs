//! What is trusted, and expected, of one chain.

use auditseal_format::{SealId, VerifierKey};

use crate::item::{Acceptance, RetentionRule, Silence, TrustedKey};

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
    /// Whether a key is trusted for the seal of this seq.
    #[must_use]
    pub fn trusts(&self, vkey: &VerifierKey, seq: u64) -> bool {
        self.keys.iter().any(|key| key.covers(seq) && key.vkey == *vkey)
    }
}
