//! Which keys may sign where.

use std::collections::HashMap;

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
    /// The lowest seq that each may sign.
    named: HashMap<KeyPrint, u64>,
    /// From which note on which key is the next one's, in order of seq.
    nexts: Vec<(u64, KeyPrint)>,
    /// The `next` of the latest rightly signed note, and that note's seq.
    next: Option<(u64, VerifierKey)>,
}

/// What a note says of its place and signer.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) seq: u64,
    key: KeyPrint,
    /// It begins the chain or takes it up again: whether its key is trusted.
    founds: Option<bool>,
}

impl KnownKeys {
    pub(super) fn new(trust: Trust) -> Self {
        let named = match &trust {
            Trust::Keys(keys) => keys.iter().map(|key| (print(key), 0)).collect(),
            Trust::Anyone => HashMap::new(),
        };
        Self { trust, named, nexts: Vec::new(), next: None }
    }

    /// Whether a key is trusted, or was named as `next` before this seq.
    fn known(&self, key: &KeyPrint, seq: u64) -> bool {
        self.trust == Trust::Anyone || self.named.get(key).is_some_and(|first| *first <= seq)
    }

    /// What is asked, once all of a chain is known, of a note that stands at another key.
    pub(super) fn claims(&self, seal: &Seal) -> Claims {
        let founds = matches!(seal.kind, Kind::Genesis | Kind::Reanchor);
        Claims {
            seq: seal.seq,
            key: print(&seal.key),
            founds: founds.then(|| self.trust.includes(&seal.key)),
        }
    }

    /// Whether it is signed by the key that may; `follows` if the note before it is the chain's.
    pub(super) fn admits(&self, claims: &Claims, follows: bool) -> bool {
        let before = self.nexts.partition_point(|(seq, _)| *seq < claims.seq);
        match (claims.founds, self.nexts[..before].last()) {
            (Some(trusted), _) => trusted,
            (None, Some((_, next))) if follows => *next == claims.key,
            (None, _) => self.known(&claims.key, claims.seq),
        }
    }

    /// Whether this note may be signed by the key that it names.
    pub(super) fn may_sign(&self, seal: &Seal) -> bool {
        if matches!(seal.kind, Kind::Genesis | Kind::Reanchor) {
            return self.trust.includes(&seal.key);
        }
        match &self.next {
            Some((seq, next)) if seq + 1 == seal.seq => seal.key == *next,
            _ => self.known(&print(&seal.key), seal.seq),
        }
    }

    /// Remembers what an accepted note says of the next one.
    pub(super) fn follow(&mut self, seal: &Seal) {
        // Compared before it is hashed: most signers name the same key for ever.
        if self.next.as_ref().is_none_or(|(_, next)| *next != seal.next) {
            let next = print(&seal.next);
            self.named.entry(next).or_insert(seal.seq + 1);
            self.nexts.push((seal.seq, next));
        }
        self.next = Some((seal.seq, seal.next.clone()));
    }
}
