//! Version pins: which version of each stored object is the true one.

use std::collections::{BTreeSet, VecDeque};

use auditseal_format::seal::{MAX_STORED, Stored};
use auditseal_format::{MAX_SEAL_BLOCK, Seal, SealedBatch};

use crate::types::Pin;

/// Pins that wait at most. Uploads can only outrun seals by so many while a backlog drains, and
/// what an object is doesn't hang on its pin: the oldest give way.
const MAX_WAITING: usize = 1024;

/// Longest version id that a note holds, bytes.
const MAX_VERSION: usize = 1024;

/// Bytes of the seal that aren't known before it is signed: the payload's numbers and times.
const MARGIN: usize = 1024;

/// What stores have told us and no seal says yet, oldest first.
#[derive(Debug)]
pub(crate) struct Pins {
    store: String,
    waiting: VecDeque<Stored>,
    /// Sealed by notes that are still in the spool: a restart finds the newest object stored once
    /// more, and needn't say so twice.
    sealed: BTreeSet<(u64, Option<Vec<u8>>)>,
}

impl Pins {
    pub(crate) fn new<'a>(store: String, spooled: impl Iterator<Item = &'a Seal>) -> Self {
        let pinned = spooled.flat_map(|seal| &seal.stored);
        let sealed = pinned.map(|pin| (pin.seq, pin.version.clone())).collect();
        Self { store, waiting: VecDeque::new(), sealed }
    }

    /// Remembers the version that an object is stored as.
    pub(crate) fn add(&mut self, seq: u64, pin: Pin) {
        let version = pin.version.into_bytes();
        // An id that the format can't hold is pinned by nothing: cut short it would name another.
        if version.is_empty() || version.len() > MAX_VERSION {
            return;
        }
        let pin =
            Stored { store: self.store.clone(), seq, sha256: pin.sha256, version: Some(version) };
        if self.sealed.contains(&(seq, pin.version.clone())) || self.waiting.contains(&pin) {
            return;
        }
        if self.waiting.len() == MAX_WAITING {
            self.waiting.pop_front();
        }
        self.waiting.push_back(pin);
    }

    /// Takes as many as `seal`, complete but for its pins and its payload, has room for.
    pub(crate) fn take(&mut self, seal: &Seal) -> Vec<Stored> {
        let mut taken = Vec::new();
        if self.waiting.is_empty() {
            return taken;
        }
        let mut room = (MAX_SEAL_BLOCK - MARGIN).saturating_sub(SealedBatch::seal_size(seal));
        while let Some(pin) = self.waiting.front()
            && taken.len() < MAX_STORED
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
    "stored".len() + pin.store.len() + 20 + 64 + version + 4 + 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_give_way() {
        let mut pins = Pins::new("bucket".to_owned(), std::iter::empty());
        for seq in 0..MAX_WAITING as u64 + 3 {
            let pin = Pin { sha256: [0; 32], version: format!("v{seq}") };
            pins.add(seq, pin.clone());
            pins.add(seq, pin);
        }
        assert_eq!(pins.waiting.len(), MAX_WAITING);
        assert_eq!(pins.waiting.front().map(|pin| pin.seq), Some(3));
    }
}
