//! What was looked at and is none of the chain's notes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use auditseal_format::{Hash, Hasher, Origin, VerifierKey};

use crate::listing::Entry;

/// Objects that are remembered, 40 bytes each. What more there is is looked at with every question.
const REMEMBERED: usize = 65_536;

/// Remembers between questions which versions of which objects aren't notes by the keys that were
/// asked for: whoever may put objects can put ten thousand above a chain's head, and each would be
/// fetched again at each question. A version is taken for the same one while the store says the same
/// of its key, id, size and date. Clones share what they know.
#[derive(Debug, Clone, Default)]
pub struct Judged(Arc<Mutex<HashSet<Hash>>>);

impl Judged {
    fn known(&self) -> MutexGuard<'_, HashSet<Hash>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn holds(&self, object: &Hash) -> bool {
        self.known().contains(object)
    }

    pub(super) fn remember(&self, object: Hash) {
        let mut known = self.known();
        // Whatever was there first stays: locked objects do.
        if known.len() < REMEMBERED {
            known.insert(object);
        }
    }
}

/// Names what is judged: an object as listed, by these keys.
#[derive(Debug)]
pub(super) struct Judge {
    asked: String,
}

impl Judge {
    pub(super) fn new(origin: &Origin, vkeys: &[VerifierKey]) -> Self {
        let vkeys: Vec<_> = vkeys.iter().map(ToString::to_string).collect();
        // None of these has a line break in it.
        Self { asked: format!("{origin}\n{}\n\n", vkeys.join("\n")) }
    }

    pub(super) fn name(&self, origin: &Origin, entry: &Entry) -> Hash {
        let mut name = Hasher::new();
        let key = entry.place.key(origin);
        let version = entry.version.as_deref().unwrap_or("-");
        name.update(self.asked.as_bytes());
        name.update(format!("{key}\n{}\n{}\n{version}", entry.size, entry.modified).as_bytes());
        name.finish()
    }
}

#[cfg(test)]
mod tests {
    use auditseal_format::hash;

    use super::*;

    #[test]
    fn so_many_are_remembered_and_the_first_stay() {
        let judged = Judged::default();
        let more = REMEMBERED as u64 + 1_000;
        (0..more).for_each(|n| judged.clone().remember(hash(&n.to_be_bytes())));
        let kept = (0..more).filter(|n| judged.holds(&hash(&n.to_be_bytes())));
        assert!(kept.eq(0..REMEMBERED as u64));
    }
}
