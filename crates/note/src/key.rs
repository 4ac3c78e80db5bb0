//! The public verifier key and its text form, the C2SP vkey.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::signature::{ED25519, UnparsedPublicKey};

use crate::digest::sha256;

/// C2SP's signature type byte for Ed25519.
pub(crate) const ED25519_TYPE: u8 = 0x01;

/// First part of a private key's text, as in Go's `sumdb/note`.
pub(crate) const PRIVATE: &str = "PRIVATE+KEY+";

/// Longest key name accepted, bytes: a key is named by what it may sign, and that is the longest name
/// of a chain. Notes are bounded, and so is what they repeat.
const MAX_NAME: usize = 737;

/// An Ed25519 public key with a name: `<name>+<key id, 8 hex digits>+<base64 of 0x01 ‖ key>`.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct VerifierKey {
    name: String,
    id: [u8; 4],
    public: [u8; 32],
}

impl VerifierKey {
    /// Names a public key.
    ///
    /// # Errors
    /// [`KeyError::Name`] unless the name is 1–737 bytes of printable ASCII without space and `+`.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        check_name(name)?;
        Ok(Self { name: name.to_owned(), id: key_id(name, &public), public })
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256 over name, newline, type and public key.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        self.id
    }

    /// Whether `signature` over `text` was made by this key's private half.
    #[must_use]
    pub fn verifies(&self, text: &str, signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{:08x}+{}", self.name, u32::from_be_bytes(self.id), encode(&self.public))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    /// Parses a vkey. Only the spelling that `Display` prints is accepted.
    fn from_str(text: &str) -> Result<Self, KeyError> {
        if text.starts_with(PRIVATE) {
            return Err(KeyError::Half);
        }
        let (name, id, public) = split(text)?;
        let key = Self::new(name, public)?;
        if key.id != id {
            return Err(KeyError::Id);
        }
        Ok(key)
    }
}

/// Splits `<name>+<id>+<base64 of type ‖ 32 bytes>`, the shape that public and private keys share.
pub(crate) fn split(text: &str) -> Result<(&str, [u8; 4], [u8; 32]), KeyError> {
    // From the right: base64 may hold '+', the name may not.
    let (name, rest) = text.split_once('+').ok_or(KeyError::Shape)?;
    let (id, data) = rest.split_once('+').ok_or(KeyError::Shape)?;
    let lower_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    if id.len() != 8 || !id.as_bytes().iter().all(lower_hex) {
        return Err(KeyError::Shape);
    }
    let id = u32::from_str_radix(id, 16).map_err(|_| KeyError::Shape)?.to_be_bytes();
    let data = STANDARD.decode(data).map_err(|_| KeyError::Shape)?;
    match data.split_first() {
        Some((&ED25519_TYPE, key)) => Ok((name, id, key.try_into().map_err(|_| KeyError::Shape)?)),
        Some(_) => Err(KeyError::Algorithm),
        None => Err(KeyError::Shape),
    }
}

/// Base64 of the type byte and 32 bytes.
pub(crate) fn encode(bytes: &[u8; 32]) -> String {
    let mut data = [ED25519_TYPE; 33];
    data[1..].copy_from_slice(bytes);
    STANDARD.encode(data)
}

/// Non-ASCII names are legal in C2SP; refusing them here rules out look-alike keys in a report.
pub(crate) fn check_name(name: &str) -> Result<(), KeyError> {
    let fits = (1..=MAX_NAME).contains(&name.len());
    if fits && name.bytes().all(|b| b.is_ascii_graphic() && b != b'+') {
        Ok(())
    } else {
        Err(KeyError::Name)
    }
}

pub(crate) fn key_id(name: &str, public: &[u8; 32]) -> [u8; 4] {
    let mut bytes = name.as_bytes().to_vec();
    bytes.extend([b'\n', ED25519_TYPE]);
    bytes.extend(public);
    let digest = sha256(&bytes);
    [digest[0], digest[1], digest[2], digest[3]]
}

/// Why a key isn't one. Never carries the key's text: it may be a private one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyError {
    /// Not `<name>+<id>+<base64>`.
    Shape,
    /// The name is empty, too long, or has characters that can't stand in a note.
    Name,
    /// Not an Ed25519 key (C2SP type 0x01).
    Algorithm,
    /// The key id isn't that of name and key: a mistyped or altered key.
    Id,
    /// The text is a private key where a public one belongs, or the other way round.
    Half,
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "not a key: expected NAME+HASH+BASE64",
            Self::Name => {
                "a key's name is 1 to 737 printable ASCII characters without '+' and space"
            }
            Self::Algorithm => "not an Ed25519 key",
            Self::Id => "the key's hash doesn't match it: mistyped or altered",
            Self::Half => "a private key and a public key (vkey) were mixed up",
        })
    }
}

impl std::error::Error for KeyError {}
