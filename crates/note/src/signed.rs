//! A signed note: text, a blank line, and the one signature line that belongs.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::{VerifierKey, check_name};

/// A parsed note. Its signature has not been checked: call [`SignedNote::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote<'a> {
    text: &'a str,
    name: &'a str,
    id: [u8; 4],
    signature: [u8; 64],
}

impl<'a> SignedNote<'a> {
    /// Splits a note into text and signature.
    ///
    /// # Errors
    /// Unless the note is text of non-empty lines without control characters, a blank line, and
    /// exactly one signature line. C2SP lets anybody add signature lines; here an added line would
    /// be bytes that no hash covers, so it is refused.
    pub fn parse(note: &'a str) -> Result<Self, NoteError> {
        // Whoever reads a chain reads each of its notes: all bytes are looked at together, and none by itself.
        if note.bytes().fold(false, |control, b| control | ((b < 0x20) & (b != b'\n'))) {
            return Err(NoteError::Control);
        }
        let blank = note.as_bytes().windows(2).position(|pair| pair == b"\n\n");
        let (text, signatures) = note.split_at(blank.ok_or(NoteError::Unsigned)? + 1);
        let signatures = &signatures[1..];
        if text == "\n" {
            return Err(NoteError::Text);
        }
        let line = signatures.strip_suffix('\n').ok_or(NoteError::Unsigned)?;
        if line.contains('\n') {
            return Err(NoteError::Signatures);
        }
        let (name, data) = line
            .strip_prefix("— ")
            .and_then(|rest| rest.split_once(' '))
            .ok_or(NoteError::Signature)?;
        check_name(name).map_err(|_| NoteError::Signature)?;
        let data = STANDARD.decode(data).map_err(|_| NoteError::Signature)?;
        let (id, signature) = data.split_first_chunk::<4>().ok_or(NoteError::Signature)?;
        let signature = signature.try_into().map_err(|_| NoteError::Signature)?;
        Ok(Self { text, name, id: *id, signature })
    }

    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &'a str {
        self.text
    }

    /// Whether the signature line names this key.
    #[must_use]
    pub fn names(&self, key: &VerifierKey) -> bool {
        self.name == key.name() && self.id == key.id()
    }

    /// Checks the signature.
    ///
    /// # Errors
    /// [`NoteError::OtherKey`] when the note names another key, [`NoteError::Forged`] when it names
    /// this one and the signature doesn't hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<(), NoteError> {
        if !self.names(key) {
            return Err(NoteError::OtherKey);
        }
        if key.verifies(self.text, &self.signature) { Ok(()) } else { Err(NoteError::Forged) }
    }
}

/// Writes a note: `text` (which ends in a newline), a blank line, the signature line.
pub(crate) fn write(text: &str, key: &VerifierKey, signature: &[u8; 64]) -> String {
    let mut data = key.id().to_vec();
    data.extend(signature);
    format!("{text}\n— {} {}\n", key.name(), STANDARD.encode(data))
}

/// Why a note isn't one, or isn't signed as it should be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteError {
    /// A control character other than newline.
    Control,
    /// No blank line followed by a complete signature line.
    Unsigned,
    /// No text, or a blank line in the text.
    Text,
    /// More than one signature line.
    Signatures,
    /// The signature line isn't `— <name> <base64 of key id ‖ 64 bytes>`.
    Signature,
    /// Signed by a key other than the expected one.
    OtherKey,
    /// The signature doesn't verify.
    Forged,
}

impl fmt::Display for NoteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Control => "the note has a control character",
            Self::Unsigned => "the note has no signature",
            Self::Text => "the note has no text",
            Self::Signatures => "the note has more than one signature line",
            Self::Signature => "the note's signature line is malformed",
            Self::OtherKey => "the note names another key",
            Self::Forged => "the note's signature doesn't verify",
        })
    }
}

impl std::error::Error for NoteError {}
