//! Version pins: which version of each stored object is the true one.

use std::collections::{BTreeSet, VecDeque};

use auditseal_format::seal::Stored;
use auditseal_format::{Alternate, Seal, SealedBatch};

use crate::limits::{Limits, UNSIGNED};
use crate::spooled::Pinned;
use crate::types::Pin;

/// What stores have told us and no seal says yet, oldest first.
#[derive(Debug)]
pub(crate) struct Pins {
    store: String,
    waiting: VecDeque<Stored>,
    /// Sealed by notes that are still in the spool: a restart finds the newest object stored once
    /// more, and needn't say so twice.
    sealed: BTreeSet<Pinned>,
    limits: Limits,
}

impl Pins {
    pub(crate) fn new(store: String, sealed: BTreeSet<Pinned>, limits: Limits) -> Self {
        Self { store, waiting: VecDeque::new(), sealed, limits }
    }

    /// Remembers the version that an object is stored as.
    pub(crate) fn add(&mut self, seq: u64, alternate: Option<Alternate>, pin: Pin) {
        let version = pin.version.into_bytes();
        // An id that the format can't hold is pinned by nothing: cut short it would name another.
        if version.is_empty() || version.len() > self.limits.version_bytes {
            return;
        }
        let (store, version) = (self.store.clone(), Some(version));
        let pin = Stored { store, seq, alternate, sha256: pin.sha256, version };
        if self.sealed.contains(&(seq, pin.version.clone())) || self.waiting.contains(&pin) {
            return;
        }
        // Uploads come in order: of what is before, nothing is found again.
        self.sealed.retain(|(sealed, _)| *sealed > seq);
        self.waiting.push_back(pin);
        while self.waiting.len() > self.limits.waiting_pins {
            self.waiting.pop_front();
        }
    }

    /// Takes as many as `seal`, complete but for its pins and its payload, has room for.
    pub(crate) fn take(&mut self, seal: &Seal) -> Vec<Stored> {
        let mut taken = Vec::new();
        if self.waiting.is_empty() {
            return taken;
        }
        let most = self.limits.seal_bytes.saturating_sub(UNSIGNED);
        let mut room = most.saturating_sub(SealedBatch::seal_size(seal));
        while let Some(pin) = self.waiting.front()
            && taken.len() < self.limits.stored
            && pin.seq < seal.seq
            && weight(pin) <= room
        {
            room -= weight(pin);
            taken.extend(self.waiting.pop_front());
        }
        taken
    }
}

/// Bytes that a pin takes in a seal at most: each of its version's may be escaped, and its newline
/// is.
fn weight(pin: &Stored) -> usize {
    let version = pin.version.as_ref().map_or(1, |version| 3 * version.len());
    "stored".len() + pin.store.len() + 20 + 16 + 64 + version + 5 + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way() {
        for limit in [0, 1, 2, 1024] {
            let limits = Limits { waiting_pins: limit, ..Limits::default() };
            let mut pins = Pins::new("bucket".to_owned(), BTreeSet::new(), limits);
            for seq in 0..10 * limit as u64 + 3 {
                let pin = Pin { sha256: [0; 32], version: format!("v{seq}") };
                pins.add(seq, None, pin.clone());
                pins.add(seq, None, pin);
                assert_eq!(pins.waiting.len(), limit.min(seq as usize + 1));
                assert!(limit == 0 || pins.waiting.back().is_some_and(|pin| pin.seq == seq));
            }
        }
    }
}
