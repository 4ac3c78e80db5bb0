//! Version pins: what later notes say about the versions that objects were stored as.

use std::collections::BTreeMap;

use auditseal_format::seal::Stored;

use super::keys::fingerprint;
use super::{Chain, Place};
use crate::finding::Verdict;
use crate::text::escape;

/// Objects whose versions are remembered until a note pins them. A writer pins what it stored
/// within a few notes; what is pinned later than this isn't held against anything.
const REMEMBERED: usize = 4096;

/// Versions that were listed, as fingerprints of their ids, by seq.
#[derive(Debug, Default)]
pub(super) struct Versions(BTreeMap<u64, Vec<u64>>);

impl Versions {
    pub(super) fn remember(&mut self, seq: u64, listed: Vec<u64>) {
        if listed.is_empty() {
            return;
        }
        self.0.insert(seq, listed);
        if self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
    }

    /// Whether an object is there, and the version that is pinned isn't.
    fn lack(&self, pin: &Stored) -> bool {
        let (Some(listed), Some(id)) = (self.0.get(&pin.seq), &pin.version) else { return false };
        !listed.contains(&of_id(id))
    }
}

/// Enough of a version's id to tell it from others.
pub(super) fn of_id(id: &[u8]) -> u64 {
    fingerprint(&auditseal_format::hash(id))
}

impl Chain {
    /// The chain's own bytes in another version than the one they were stored as: nothing is lost,
    /// but somebody could delete what was to be kept, and put it back.
    pub(super) fn check_pins(&mut self, place: Place, stored: &[Stored]) {
        let Some(store) = &self.rules.store else { return };
        let gone = stored.iter().filter(|pin| pin.store == *store && self.versions.lack(pin));
        let gone: Vec<_> = gone.filter_map(|pin| Some((pin.seq, pin.version.clone()?))).collect();
        for (seq, id) in gone {
            let id = escape(&String::from_utf8_lossy(&id));
            let detail = format!(
                "seq {} says that it was stored as version {id}, which is there no more: \
                 what is there was put again",
                place.seq
            );
            let finding = self.findings.of(Verdict::UnexpectedObject, &detail).at(seq);
            self.findings.push(finding);
        }
    }
}
