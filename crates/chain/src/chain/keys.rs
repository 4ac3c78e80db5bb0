//! Which keys may sign where.

use std::collections::HashMap;

use auditseal_format::seal::{Kind, Seal};
use auditseal_format::{Hash, Origin, VerifierKey, hash};
use auditseal_trust::TrustedKey;

/// Whose signatures count for one chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// These keys, each of which was learnt out of band, begin the chain and take it up again, each
    /// where it may sign.
    Keys(Vec<TrustedKey>),
    /// Any: a chain then proves that it hangs together, and nothing about who made it.
    Anyone,
}

impl Trust {
    /// Of the keys that a reader was given, those that may sign for this chain. Trusted is a key for
    /// what its name says, and never as such: another node's key begins nothing here.
    #[must_use]
    pub fn in_keys_for(origin: &Origin, given: &[VerifierKey]) -> Self {
        let fitting = given.iter().filter(|key| origin.admits(key)).cloned();
        Self::Keys(fitting.map(|vkey| TrustedKey { vkey, from: 0, until: None }).collect())
    }

    /// Whether a key is trusted for the seal of this seq without more ado.
    #[must_use]
    pub fn includes(&self, key: &VerifierKey, seq: u64) -> bool {
        self.last(key, seq).is_some()
    }

    /// The last seq that a key which is trusted here may sign; `None` if it isn't.
    fn last(&self, key: &VerifierKey, seq: u64) -> Option<u64> {
        match self {
            Self::Keys(keys) => {
                let mut trusted = keys.iter().filter(|trusted| trusted.covers(seq));
                trusted.find(|trusted| trusted.vkey == *key).map(last)
            }
            Self::Anyone => Some(u64::MAX),
        }
    }

    /// The last seq that may be signed by whom a note names which is known out of band: as far as the
    /// key that is trusted there reaches.
    fn behind(&self, seq: u64) -> u64 {
        match self {
            Self::Keys(keys) if !keys.is_empty() => {
                keys.iter().find(|trusted| trusted.covers(seq)).map_or(seq, last)
            }
            _ => u64::MAX,
        }
    }
}

fn last(key: &TrustedKey) -> u64 {
    key.until.map_or(u64::MAX, |until| until.seq)
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

/// Keys that rightly signed notes of a chain named as their next, and the first and the last seq that each may sign. What
/// was read of a chain tells by them whose notes may follow where nothing tells which note comes before.
#[derive(Debug, Clone, Default)]
pub struct NamedKeys(HashMap<KeyPrint, (u64, u64)>);

impl NamedKeys {
    fn name(&mut self, key: KeyPrint, (first, last): (u64, u64)) {
        let named = self.0.entry(key).or_insert((first, last));
        *named = (first.min(named.0), last.max(named.1));
    }

    pub(super) fn join(&mut self, other: Self) {
        other.0.into_iter().for_each(|(key, seqs)| self.name(key, seqs));
    }

    fn last(&self, key: &KeyPrint) -> Option<u64> {
        self.0.get(key).map(|(_, last)| *last)
    }

    fn has(&self, key: &KeyPrint, seq: u64) -> bool {
        self.0.get(key).is_some_and(|(first, last)| (*first..=*last).contains(&seq))
    }
}

/// The trusted keys, and those that rightly signed notes named as their next.
#[derive(Debug)]
pub(super) struct KnownKeys {
    trust: Trust,
    trusted: Vec<(KeyPrint, TrustedKey)>,
    pub(super) named: NamedKeys,
    /// From which note on which key is the next one's, and the last seq that it may sign; in order of
    /// seq.
    nexts: Vec<(u64, KeyPrint, u64)>,
    /// What the latest rightly signed note names.
    next: Option<Next>,
}

/// The `next` of a note.
#[derive(Debug)]
struct Next {
    /// The note's seq.
    seq: u64,
    key: VerifierKey,
    /// The last seq that it may sign. A key that another named reaches as far as the trusted key
    /// which the two go back to, and no further.
    last: u64,
}

/// Enough of a note's hash to tell a copy from another note.
pub(super) fn fingerprint(hash: &Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

/// What a note says of its place and signer.
#[derive(Debug)]
pub(super) struct Claims {
    pub(super) seq: u64,
    key: KeyPrint,
    /// It begins the chain, takes it up again, or is known out of band: whether it counts.
    founds: Option<bool>,
}

impl KnownKeys {
    pub(super) fn new(trust: Trust) -> Self {
        let trusted = match &trust {
            Trust::Keys(keys) => keys.iter().map(|key| (print(&key.vkey), key.clone())).collect(),
            Trust::Anyone => Vec::new(),
        };
        Self { trust, trusted, named: NamedKeys::default(), nexts: Vec::new(), next: None }
    }

    /// Whether a key is trusted for this seq.
    fn trusts(&self, key: &KeyPrint, seq: u64) -> bool {
        self.trust == Trust::Anyone
            || self.trusted.iter().any(|(print, trusted)| print == key && trusted.covers(seq))
    }

    /// Whether a key is trusted for this seq, or was named before it by one that is.
    fn known(&self, key: &KeyPrint, seq: u64) -> bool {
        self.trusts(key, seq) || self.named.has(key, seq)
    }

    /// What is asked, once all of a chain is known, of a note that stands at another key; `vouched` if it
    /// is known out of band, whoever signed it.
    pub(super) fn claims(&self, seal: &Seal, vouched: bool) -> Claims {
        let founds = vouched || matches!(seal.kind, Kind::Genesis | Kind::Reanchor);
        let trusted = || vouched || self.trust.includes(&seal.key, seal.seq);
        Claims { seq: seal.seq, key: print(&seal.key), founds: founds.then(trusted) }
    }

    /// Whether it is signed by the key that may; `follows` if the note before it is the chain's.
    pub(super) fn admits(&self, claims: &Claims, follows: bool) -> bool {
        let Claims { seq, key, founds } = claims;
        let before = self.nexts.partition_point(|(note, ..)| note < seq);
        match (founds, self.nexts[..before].last()) {
            (Some(trusted), _) => *trusted,
            (None, Some((_, next, last))) if follows => {
                next == key && (self.trusts(key, *seq) || seq <= last)
            }
            (None, _) => self.known(key, *seq),
        }
    }

    /// The last seq that a key might have signed before this one, where it signs past that.
    pub(super) fn used_past(&self, key: &VerifierKey, seq: u64) -> Option<u64> {
        let print = print(key);
        let trusted = self.trusted.iter().filter(|(of, _)| *of == print).map(|(_, key)| last(key));
        trusted.chain(self.named.last(&print)).filter(|last| *last < seq).max()
    }

    /// Whether this note may be signed by the key that it names.
    pub(super) fn may_sign(&self, seal: &Seal) -> bool {
        if self.trust.includes(&seal.key, seal.seq) {
            let follows = self.next.as_ref().filter(|next| next.seq + 1 == seal.seq);
            let begins = matches!(seal.kind, Kind::Genesis | Kind::Reanchor);
            return begins || follows.is_none_or(|next| next.key == seal.key);
        }
        if matches!(seal.kind, Kind::Genesis | Kind::Reanchor) {
            return false;
        }
        match &self.next {
            Some(next) if next.seq + 1 == seal.seq => seal.key == next.key && seal.seq <= next.last,
            _ => self.known(&print(&seal.key), seal.seq),
        }
    }

    /// Remembers what an accepted note says of the next one; `vouched` if it is known out of band,
    /// whoever signed it.
    pub(super) fn follow(&mut self, seal: &Seal, vouched: bool) {
        let before = self.next.take();
        let last = match self.trust.last(&seal.key, seal.seq) {
            Some(last) => last,
            None if vouched => self.trust.behind(seal.seq),
            None => match &before {
                Some(next) if next.seq + 1 == seal.seq => next.last,
                _ => self.named.last(&print(&seal.key)).unwrap_or(seal.seq),
            },
        };
        // Compared before it is hashed: most signers name the same key for ever.
        let told = |next: &Next| next.key == seal.next && last <= next.last;
        if !before.as_ref().is_some_and(told) {
            let next = print(&seal.next);
            self.named.name(next, (seal.seq + 1, last));
            self.nexts.push((seal.seq, next, last));
        }
        self.next = Some(Next { seq: seal.seq, key: seal.next.clone(), last });
    }
}
