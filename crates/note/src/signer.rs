//! Who signs the seals.

use std::fmt;

use ring::signature::{Ed25519KeyPair, KeyPair as _};
use zeroize::Zeroizing;

use crate::key::{KeyError, PRIVATE, VerifierKey, encode, key_id, split};
use crate::signed::write;

/// Signs the notes of one chain.
///
/// A note names the key that signs it and the key that alone may sign the next one, both before
/// it is signed. A signer with a fresh key for each note moves on in [`Signer::sign`].
pub trait Signer: Send + fmt::Debug {
    /// The key that will sign the next note.
    fn key(&self) -> &VerifierKey;

    /// The key that will sign the note after the next.
    fn next(&self) -> &VerifierKey;

    /// Signs `text`, which ends with a newline, and returns the whole signed note.
    fn sign(&mut self, text: &str) -> String;

    /// The signature over `text`, which is no note, by the key that will sign the next note. The
    /// same text gives the same bytes, and the signer doesn't move on.
    fn signature(&self, text: &str) -> [u8; 64];
}

/// One Ed25519 key for the whole chain: `key` and `next` are the same, and it is its own identity
/// key. Ed25519 signatures are deterministic (RFC 8032), so sealing again gives the same bytes.
pub struct StaticSigner {
    pair: Ed25519KeyPair,
    key: VerifierKey,
}

impl StaticSigner {
    /// A signer from 32 secret bytes, which must come from a cryptographic random source.
    ///
    /// # Errors
    /// [`KeyError::Name`] for a name that can't stand in a note.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Shape)?;
        let mut public = [0; 32];
        public.copy_from_slice(pair.public_key().as_ref());
        Ok(Self { key: VerifierKey::new(name, public)?, pair })
    }

    /// Reads the text of a private key: `PRIVATE+KEY+<name>+<key id>+<base64 of 0x01 ‖ seed>`.
    ///
    /// # Errors
    /// [`KeyError`]; it never repeats any of the text.
    pub fn from_private_text(text: &str) -> Result<Self, KeyError> {
        let text = text.trim_end_matches(['\n', '\r']);
        let rest = text.strip_prefix(PRIVATE).ok_or_else(|| {
            // A vkey given as --key is the likeliest mistake: say so.
            if text.parse::<VerifierKey>().is_ok() { KeyError::Half } else { KeyError::Shape }
        })?;
        let (name, id, seed) = split(rest)?;
        let seed = Zeroizing::new(seed);
        let signer = Self::from_seed(name, &seed)?;
        if signer.key.id() != id {
            return Err(KeyError::Id);
        }
        Ok(signer)
    }

    /// The text of the private key made of `name` and `seed`, without a newline. A secret.
    ///
    /// # Errors
    /// As [`StaticSigner::from_seed`].
    pub fn private_text(name: &str, seed: &[u8; 32]) -> Result<Zeroizing<String>, KeyError> {
        let signer = Self::from_seed(name, seed)?;
        let mut public = [0; 32];
        public.copy_from_slice(signer.pair.public_key().as_ref());
        let id = u32::from_be_bytes(key_id(name, &public));
        let secret = Zeroizing::new(encode(seed));
        Ok(Zeroizing::new(format!("{PRIVATE}{name}+{id:08x}+{}", *secret)))
    }
}

impl fmt::Debug for StaticSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The public half only: a signer ends up in logs sooner or later.
        f.debug_struct("StaticSigner").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Signer for StaticSigner {
    fn key(&self) -> &VerifierKey {
        &self.key
    }

    fn next(&self) -> &VerifierKey {
        &self.key
    }

    fn sign(&mut self, text: &str) -> String {
        write(text, &self.key, &self.signature(text))
    }

    fn signature(&self, text: &str) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.pair.sign(text.as_bytes()).as_ref());
        signature
    }
}
