//! Which keys may sign where.

use std::collections::HashSet;

use auditseal_format::seal::{Kind, Seal};
use auditseal_format::{Origin, VerifierKey, hash};

/// Whose signatures count for one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// These keys, each of which was learnt out of band, begin the chain and take it up again.
    Keys(Vec<VerifierKey>),
    /// Any: a chain then proves that it hangs together, and nothing about who made it.
    Anyone,
}

impl Trust {
    /// Of the keys that a reader was given, those that may sign for this chain. Trusted is a key for
    /// what its name says, and never as such: another node's key begins nothing here.
    #[must_use]
    pub fn in_keys_for(origin: &Origin, given: &[VerifierKey]) -> Self {
        Self::Keys(given.iter().filter(|key| origin.admits(key)).cloned().collect())
    }

    /// Whether a key is trusted without more ado.
    #[must_use]
    pub fn includes(&self, key: &VerifierKey) -> bool {
        match self {
            Self::Keys(keys) => keys.contains(key),
            Self::Anyone => true,
        }
    }
}

/// Sixteen bytes of a key's hash: a signer with a fresh key for each note names a million of them.
pub type KeyPrint = [u8; 16];

/// Half of a hash of a key: enough to know it again.
pub fn print(key: &VerifierKey) -> KeyPrint {
    let hash = hash(key.to_string().as_bytes());
    let mut print = [0; 16];
    print.copy_from_slice(&hash.as_bytes()[..16]);
    print
}

/// The trusted keys, and those that rightly signed notes named as their next.
#[derive(Debug)]
pub(super) struct KnownKeys {
    trust: Trust,
    named: HashSet<KeyPrint>,
    /// The `next` of the latest rightly signed note, and that note's seq.
    next: Option<(u64, VerifierKey)>,
}

impl KnownKeys {
    pub(super) fn new(trust: Trust) -> Self {
        let named = match &trust {
            Trust::Keys(keys) => keys.iter().map(print).collect(),
            Trust::Anyone => HashSet::new(),
        };
        Self { trust, named, next: None }
    }

    /// Whether a key is trusted or was named as `next` so far.
    pub(super) fn known(&self, key: &KeyPrint) -> bool {
        self.trust == Trust::Anyone || self.named.contains(key)
    }

    /// Whether this note may be signed by the key that it names.
    pub(super) fn may_sign(&self, seal: &Seal) -> bool {
        if matches!(seal.kind, Kind::Genesis | Kind::Reanchor) {
            return self.trust.includes(&seal.key);
        }
        match &self.next {
            Some((seq, next)) if seq + 1 == seal.seq => seal.key == *next,
            _ => self.known(&print(&seal.key)),
        }
    }

    /// Remembers what an accepted note says of the next one.
    pub(super) fn follow(&mut self, seal: &Seal) {
        // Compared before it is hashed: most signers name the same key for ever.
        if self.next.as_ref().is_none_or(|(_, next)| *next != seal.next) {
            self.named.insert(print(&seal.next));
        }
        self.next = Some((seal.seq, seal.next.clone()));
    }
}
