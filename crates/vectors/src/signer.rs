//! Signers whose keys anybody can make again: for tests, and for nothing else.

use auditseal_format::Origin;
use auditseal_note::{Signer, StaticSigner, VerifierKey};

/// A signer with keys that follow from one small number. Cloning it copies its state.
#[derive(Debug, Clone)]
pub struct TestSigner {
    name: String,
    number: u8,
    /// Keys used so far, for a ratchet; a static signer has no steps.
    step: Option<u32>,
    seed: [u8; 32],
    key: VerifierKey,
    next: VerifierKey,
}

impl TestSigner {
    /// One key, made from 32 times the byte `number`, of the node `c/n`: most chains here are its.
    #[must_use]
    pub fn new(number: u8) -> Self {
        Self::named("c/n", number)
    }

    /// As [`TestSigner::new`], of the node that this chain is of.
    ///
    /// # Panics
    /// When `origin` isn't one.
    #[must_use]
    pub fn of(origin: &str, number: u8) -> Self {
        let origin: Origin = origin.parse().expect("CLUSTER/NODE/SOURCE");
        Self::named(origin.node_scope().as_str(), number)
    }

    /// As [`TestSigner::new`], with a name of its own.
    ///
    /// # Panics
    /// For a name that can't stand in a note.
    #[must_use]
    pub fn named(name: &str, number: u8) -> Self {
        let seed = [number; 32];
        let key = key(name, &seed);
        Self { name: name.to_owned(), number, step: None, seed, next: key.clone(), key }
    }

    /// A fresh key for each note; the first is the identity key, the same as that of
    /// [`TestSigner::new`].
    #[must_use]
    pub fn ratchet(number: u8) -> Self {
        let mut signer = Self::new(number);
        signer.step = Some(0);
        signer.next = key(&signer.name, &signer.fresh_seed(1));
        signer
    }

    /// The identity key: the one that a reader is told to trust.
    #[must_use]
    pub fn identity(&self) -> VerifierKey {
        key(&self.name, &[self.number; 32])
    }

    /// Makes the identity key sign the next note, as a reanchor needs it.
    pub fn return_to_identity(&mut self) {
        self.seed = [self.number; 32];
        self.key = self.identity();
    }

    fn fresh_seed(&self, step: u32) -> [u8; 32] {
        let mut seed = [self.number; 32];
        seed[28..].copy_from_slice(&step.to_be_bytes());
        seed
    }
}

fn pair(name: &str, seed: &[u8; 32]) -> StaticSigner {
    StaticSigner::from_seed(name, seed).expect("a test key's name can stand in a note")
}

fn key(name: &str, seed: &[u8; 32]) -> VerifierKey {
    pair(name, seed).key().clone()
}

impl Signer for TestSigner {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn next(&self) -> &VerifierKey {
        &self.next
    }

    fn sign(&mut self, text: &str) -> String {
        let note = pair(&self.name, &self.seed).sign(text);
        if let Some(step) = self.step {
            self.step = Some(step + 1);
            self.seed = self.fresh_seed(step + 1);
            self.key = self.next.clone();
            self.next = key(&self.name, &self.fresh_seed(step + 2));
        }
        note
    }

    fn signature(&self, text: &str) -> [u8; 64] {
        pair(&self.name, &self.seed).signature(text)
    }
}
