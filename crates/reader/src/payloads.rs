//! Whose payloads are decompressed. To decompress is the work that an object's own numbers say how
//! much of it there is: it is done for whoever a trusted key speaks for, and for nobody else.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use auditseal_format::{DecoderPool, ObjectSeal, Origin, SealId};

use auditseal_chain::{KeyPrint, Place, Trust, print};

/// Decoders for the payloads of one chain, and the keys for which they work.
#[derive(Debug)]
pub struct Payloads {
    pool: Arc<DecoderPool>,
    /// The trusted keys, and those that their notes named as next, as far as they were read.
    /// `None`: nobody's signature is held against a key.
    keys: Option<Keys>,
    /// A note that is known out of band: its key is a known one, and its next.
    vouched: Option<SealId>,
}

/// Whose payloads are decompressed.
#[derive(Debug)]
struct Keys {
    trust: Trust,
    named: Mutex<HashSet<KeyPrint>>,
}

impl Payloads {
    /// For a chain whose notes these trusted keys sign, or keys that they named; and the note that is
    /// known out of band.
    pub fn of(trust: &Trust, vouched: Option<SealId>) -> Self {
        let keys = match trust {
            Trust::Keys(_) => Some(Keys { trust: trust.clone(), named: Mutex::default() }),
            Trust::Anyone => None,
        };
        Self { pool: Arc::default(), keys, vouched }
    }

    /// For whoever looks at one object by itself, and trusts no key. What an object may cost is then
    /// bounded by its size alone: FORMAT.md, "Bounds on work".
    pub fn anyones() -> Self {
        Self { pool: Arc::default(), keys: None, vouched: None }
    }

    /// A note that is the chain's and isn't read itself: the key that it names is a known one.
    pub(crate) fn behind(&self, before: &ObjectSeal) {
        if let Some(keys) = &self.keys {
            let mut named = keys.named.lock().unwrap_or_else(PoisonError::into_inner);
            named.insert(print(&before.seal.next));
        }
    }

    /// How many payloads were decompressed.
    pub fn begun(&self) -> u64 {
        self.pool.begun()
    }
}

/// What is asked of a note before the payload of its object is decompressed.
#[derive(Debug, Clone)]
pub struct Gate {
    payloads: Arc<Payloads>,
    /// Chain and seq of the object's key.
    home: Option<(Origin, u64)>,
}

impl Gate {
    /// For an object at a key of a chain.
    pub fn at(payloads: &Arc<Payloads>, origin: &Origin, place: Place) -> Self {
        Self { payloads: Arc::clone(payloads), home: Some((origin.clone(), place.seq)) }
    }

    /// For an object at a key that isn't one of ours.
    pub fn elsewhere(payloads: &Arc<Payloads>) -> Self {
        Self { payloads: Arc::clone(payloads), home: None }
    }

    /// The decoders, if the note belongs where it stands and its key is a known one; that key's note
    /// makes another one known.
    ///
    /// Objects are read several at a time, so the note that names a fresh key may be read after the
    /// one which that key signed: asked again in the order of the chain, the answer is certain.
    pub fn open(&self, object: &ObjectSeal) -> Option<Arc<DecoderPool>> {
        if let Some(keys) = &self.payloads.keys {
            let seal = &object.seal;
            let home = self
                .home
                .as_ref()
                .is_some_and(|(origin, seq)| (origin, *seq) == (&seal.origin, seal.seq));
            let mut named = keys.named.lock().unwrap_or_else(PoisonError::into_inner);
            let note = object.id();
            let vouched = self.payloads.vouched == Some(note);
            let known = vouched
                || keys.trust.includes(&seal.key, seal.seq)
                || named.contains(&print(&seal.key));
            if !home || !known {
                return None;
            }
            if vouched || seal.next != seal.key {
                named.insert(print(&seal.next));
            }
        }
        Some(Arc::clone(&self.payloads.pool))
    }
}
