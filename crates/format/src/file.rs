//! Source files as notes name them.

use std::fmt;
use std::str::FromStr;

use auditseal_merkle::Hash;

use crate::decimal::number;

/// Hash of the at most 4,096 source bytes before an offset.
pub type Anchor = Hash;

/// Identity of a source file: survives rename and gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId {
    /// Hash of the first line that isn't NUL.
    pub hash: Hash,
    /// NUL bytes before that line.
    pub base: u64,
    /// Different files with the same hash and base before this one in the chain.
    pub copy: u32,
}

impl fmt::Display for FileId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.hash, self.base, self.copy)
    }
}

impl FromStr for FileId {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (hash, rest) = text.split_once(':').ok_or(())?;
        let (base, copy) = rest.split_once(':').ok_or(())?;
        let copy = number(copy).and_then(|n| u32::try_from(n).ok()).ok_or(())?;
        Ok(Self { hash: hash.parse().map_err(drop)?, base: number(base).ok_or(())?, copy })
    }
}

/// A file's base name at the time: 1–255 bytes, any of them.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileName(Box<[u8]>);

impl FileName {
    /// Longest name, bytes (`NAME_MAX`).
    pub const MAX: usize = 255;

    /// Takes a name's bytes; longer ones are cut, an empty one becomes `?`: a name is a hint for
    /// people, and must not stop a seal.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            Self((*b"?").into())
        } else {
            Self(bytes[..bytes.len().min(Self::MAX)].into())
        }
    }

    /// The name's bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&escape(&self.0))
    }
}

impl FromStr for FileName {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Ok(Self(unescape(text, Self::MAX).ok_or(())?.into()))
    }
}

/// Percent-encodes all bytes but letters, digits, `.`, `_` and `-`. A lone `-` would read as "none".
pub(crate) fn escape(bytes: &[u8]) -> String {
    if bytes == b"-" {
        return "%2D".to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for &byte in bytes {
        if byte.is_ascii_alphanumeric() || b"._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// Reverses [`escape`]; `None` for any other spelling, or unless there are 1 to `max` bytes.
pub(crate) fn unescape(text: &str, max: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len().min(max));
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex = [rest.next()?, rest.next()?];
                u8::from_str_radix(std::str::from_utf8(&hex).ok()?, 16).ok()?
            }
            plain => plain,
        });
    }
    ((1..=max).contains(&bytes.len()) && escape(&bytes) == text).then_some(bytes)
}
