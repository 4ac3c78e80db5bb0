//! A whole object: sealing one, and opening one that somebody stored.

use std::fmt;

use auditseal_merkle::Hash;
use auditseal_note::{NoteError, SignedNote, Signer, VerifierKey};

use crate::decode::{PayloadDecoder, PayloadError};
use crate::frame::{BLOCK_HEADER, HEADER, MAX_SEAL_BLOCK, final_block, header};
use crate::pack::Packed;
use crate::seal::{MalformedNote, Seal};
use crate::seal_id::SealId;
use crate::times::WrongTimes;
use crate::{Origin, wrapper};

/// An object, final and immutable: its bytes are the same for the same payload, seal and key.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedBatch {
    /// What its note states.
    pub seal: Seal,
    /// Hash of its note.
    pub hash: Hash,
    /// The object.
    pub bytes: Vec<u8>,
}

impl fmt::Debug for SealedBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedBatch")
            .field("seq", &self.seal.seq)
            .field("hash", &self.hash)
            .finish_non_exhaustive()
    }
}

impl SealedBatch {
    /// Signs `seal` and puts the object together.
    ///
    /// `seal.payload`, `seal.index`, `seal.key` and `seal.next` are set here, from `packed`,
    /// `index` and `signer`.
    ///
    /// # Errors
    /// [`SealError`]; nothing was signed then.
    pub fn seal(
        mut seal: Seal,
        packed: Packed,
        index: Option<&[u8]>,
        signer: &mut dyn Signer,
    ) -> Result<Self, SealError> {
        seal.payload = packed.payload;
        seal.index = index.map(auditseal_merkle::hash);
        seal.key = signer.key().clone();
        seal.next = signer.next().clone();
        seal.validate().map_err(SealError::Invalid)?;
        let text = seal.text();
        // What can't be read back must not be signed: the reader is the judge of the writer.
        if Seal::parse(&text).as_ref() != Ok(&seal) {
            return Err(SealError::Invalid(MalformedNote { what: "doesn't read back".to_owned() }));
        }
        if index.is_some_and(|index| !wrapper::is_object(index)) {
            let what = "the index isn't one JSON object on one line".to_owned();
            return Err(SealError::Invalid(MalformedNote { what }));
        }
        let line = wrapper::write(&signer.sign(&text), index);
        if line.len() + BLOCK_HEADER > MAX_SEAL_BLOCK {
            return Err(SealError::TooLong(line.len()));
        }
        let mut bytes = packed.frame;
        let content = seal.payload.bytes + line.len() as u64;
        bytes[..HEADER].copy_from_slice(&header(seal.payload.window, content));
        bytes.reserve_exact(BLOCK_HEADER + line.len());
        bytes.extend(final_block(line.len()));
        bytes.extend(&line);
        Ok(Self { hash: auditseal_merkle::hash(text.as_bytes()), seal, bytes })
    }

    /// The bytes that a seal's line will take, its block header included, before it is signed:
    /// what a writer compares with [`crate::MAX_SEAL_BLOCK`] to close a batch in time.
    #[must_use]
    pub fn seal_size(seal: &Seal) -> usize {
        let text = seal.text();
        let newlines = text.bytes().filter(|b| matches!(b, b'\n' | b'"' | b'\\')).count();
        // Signature line: dash, name, base64 of 68 bytes, separators and escapes.
        let signature = 128 + 2 * seal.key.name().len();
        wrapper::PREFIX.len() + text.len() + newlines + signature + BLOCK_HEADER + 8
    }
}

/// Why a batch couldn't be sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SealError {
    /// The seal breaks a rule of the format.
    Invalid(MalformedNote),
    /// The seal line is too long for its block.
    TooLong(usize),
}

impl fmt::Display for SealError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(error) => write!(f, "seal batch: {error}"),
            Self::TooLong(length) => write!(f, "seal batch: the seal takes {length} bytes"),
        }
    }
}

impl std::error::Error for SealError {}

/// The seal of a stored object, read from its last bytes. Its signature holds for the key that the
/// note itself names; whether that key is to be trusted is the chain's question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSeal {
    /// What its note states.
    pub seal: Seal,
    /// Hash of its note.
    pub hash: Hash,
    /// The signed note, verbatim.
    pub note: String,
    /// The index, if there is one. Its hash is checked by [`ObjectSeal::check_frame`].
    pub index: Option<Vec<u8>>,
    /// Bytes of the seal line.
    line_len: usize,
}

impl ObjectSeal {
    /// Its place in its chain, and which seal it is.
    #[must_use]
    pub fn id(&self) -> SealId {
        SealId { seq: self.seal.seq, hash: self.hash }
    }

    /// Reads the seal from `tail`: the object's last [`crate::MAX_SEAL_BLOCK`] bytes, or all of it.
    ///
    /// # Errors
    /// [`Fault`]: steps 1–3 of FORMAT.md, "Reading and verifying".
    pub fn read(tail: &[u8]) -> Result<Self, Fault> {
        Self::read_unsigned(tail).and_then(|seal| seal.check_signature().map(|()| seal))
    }

    /// The same, for whoever asks [`ObjectSeal::check_signature`] later, or knows by the note's hash whose it is.
    ///
    /// # Errors
    /// [`Fault`], as [`ObjectSeal::read`], but for the signature.
    pub fn read_unsigned(tail: &[u8]) -> Result<Self, Fault> {
        let tail = &tail[tail.len().saturating_sub(MAX_SEAL_BLOCK)..];
        let at = wrapper::find(tail).ok_or(Fault::Unsealed)?;
        let line = &tail[at..];
        let fits = at >= BLOCK_HEADER && tail[at - BLOCK_HEADER..at] == final_block(line.len());
        if !fits {
            return Err(Fault::Malformed("the seal isn't the frame's final raw block".to_owned()));
        }
        Self::of_unsigned_line(line)
    }

    /// Reads a seal from its line, the `\n` included.
    ///
    /// # Errors
    /// [`Fault`], as [`ObjectSeal::read`].
    pub fn of_line(line: &[u8]) -> Result<Self, Fault> {
        Self::of_unsigned_line(line).and_then(|seal| seal.check_signature().map(|()| seal))
    }

    /// The same, for whoever asks [`ObjectSeal::check_signature`] later, or knows by the note's hash whose it is.
    ///
    /// # Errors
    /// [`Fault`], as [`ObjectSeal::read`], but for the signature.
    pub fn of_unsigned_line(line: &[u8]) -> Result<Self, Fault> {
        let wrapped = wrapper::parse(line)
            .ok_or_else(|| Fault::Malformed("the seal line isn't canonical".to_owned()))?;
        let note = SignedNote::parse(&wrapped.note).map_err(|e| Fault::Malformed(e.to_string()))?;
        let (seal, hash) = parse_note(&note)?;
        Ok(Self {
            hash,
            seal,
            line_len: line.len(),
            index: wrapped.index.map(|index| index.into_owned()),
            note: wrapped.note.clone(),
        })
    }

    /// Whether the key that the note names has signed it.
    ///
    /// # Errors
    /// [`Fault::BadSignature`].
    pub fn check_signature(&self) -> Result<(), Fault> {
        let note = SignedNote::parse(&self.note).map_err(|e| Fault::Malformed(e.to_string()))?;
        note.verify(&self.seal.key).map_err(Fault::BadSignature)
    }

    /// The seal line, its `\n` included, byte for byte.
    #[must_use]
    pub fn line(&self) -> Vec<u8> {
        wrapper::write(&self.note, self.index.as_deref())
    }

    /// Bytes of the object's text: payload and seal line.
    #[must_use]
    pub fn text_size(&self) -> u64 {
        self.seal.payload.bytes.saturating_add(self.line_len as u64)
    }

    /// Reads and checks a whole object that is at hand: steps 1–6, but for the lines of each range.
    ///
    /// # Errors
    /// [`Fault`].
    pub fn open(object: &[u8]) -> Result<Self, Fault> {
        let found = Self::read(object)?;
        found.check_frame(object, object.len() as u64)?;
        let blocks = &object[HEADER..object.len() - found.line_len - BLOCK_HEADER];
        let mut decoder = PayloadDecoder::new(&found.seal.payload)?;
        decoder.blocks(blocks, |_| {})?;
        decoder.finish()?;
        Ok(found)
    }

    /// Checks what can be checked without the blocks: step 5 but for their hash.
    ///
    /// `start` holds at least the object's first 14 bytes, `size` is that of the whole object.
    ///
    /// # Errors
    /// [`Fault::Tampered`].
    pub fn check_frame(&self, start: &[u8], size: u64) -> Result<(), Fault> {
        let payload = &self.seal.payload;
        let content = payload.bytes.checked_add(self.line_len as u64);
        let header = content.map(|content| header(payload.window, content));
        if header.is_none_or(|header| !start.starts_with(&header)) {
            return Err(Fault::Tampered("the frame header isn't the one that belongs".to_owned()));
        }
        self.check_size(size)?;
        if self.index.as_deref().map(auditseal_merkle::hash) != self.seal.index {
            return Err(Fault::Tampered("the index isn't the signed one".to_owned()));
        }
        Ok(())
    }

    /// Checks the size of the whole object: what can be known of it before any of it is read.
    ///
    /// # Errors
    /// [`Fault::Tampered`].
    pub fn check_size(&self, size: u64) -> Result<(), Fault> {
        let around = (HEADER + BLOCK_HEADER + self.line_len) as u64;
        if self.seal.payload.blocks_len.checked_add(around) == Some(size) {
            Ok(())
        } else {
            Err(Fault::Tampered("the object has another size than signed".to_owned()))
        }
    }

    /// Where the blocks stand in the object.
    #[must_use]
    pub fn blocks(&self) -> std::ops::Range<u64> {
        HEADER as u64..HEADER as u64 + self.seal.payload.blocks_len
    }
}

/// Reads a seal's note, whose signature must hold for the key that it names itself; and its hash.
///
/// # Errors
/// [`Fault`]: steps 2 and 3 of FORMAT.md, "Reading and verifying", as far as they are about the note.
pub(crate) fn read_note(note: &str) -> Result<(Seal, Hash), Fault> {
    let note = SignedNote::parse(note).map_err(|e| Fault::Malformed(e.to_string()))?;
    let (seal, hash) = parse_note(&note)?;
    note.verify(&seal.key).map_err(Fault::BadSignature)?;
    Ok((seal, hash))
}

/// The same, but for the signature.
fn parse_note(note: &SignedNote<'_>) -> Result<(Seal, Hash), Fault> {
    if let Some((origin, key)) = earlier(note.text()) {
        note.verify(&key).map_err(Fault::BadSignature)?;
        return Err(Fault::Earlier(Box::new((origin, key))));
    }
    let seal = Seal::parse(note.text()).map_err(|e| Fault::Malformed(e.to_string()))?;
    Ok((seal, auditseal_merkle::hash(note.text().as_bytes())))
}

/// What to do about an archive, spool or state directory of the format before the first release.
pub const EARLIER: &str = "made by an auditseal from before the first release: keep it, read and \
     verify it with the revision that made it, and begin a new chain with an empty --state and \
     another --store prefix";

/// Origin and key of a note that has an `epoch`, as they had before the first release.
fn earlier(text: &str) -> Option<(Origin, VerifierKey)> {
    let mut lines = text.lines().skip(1);
    let origin = lines.next()?.strip_prefix("origin ")?.parse().ok()?;
    lines.next()?.strip_prefix("epoch ")?;
    let key = lines.find_map(|line| line.strip_prefix("key "))?.parse().ok()?;
    Some((origin, key))
}

/// Why an object isn't the sealed batch that it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// No seal in its last bytes.
    Unsealed,
    /// Not of this format's shape.
    Malformed(String),
    /// The note's signature doesn't hold.
    BadSignature(NoteError),
    /// Its bytes aren't the signed ones.
    Tampered(String),
    /// Its bytes are the signed ones, and its lines' times aren't those that its note says.
    WrongTimes(WrongTimes),
    /// An object of the format as it was before anything was released, rightly signed by this key.
    Earlier(Box<(Origin, VerifierKey)>),
}

impl Fault {
    /// Whether its lines are the signed ones all the same.
    #[must_use]
    pub fn leaves_lines_true(&self) -> bool {
        matches!(self, Self::WrongTimes(_))
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsealed => f.write_str("no seal in the object's last 64 KiB"),
            Self::Malformed(what) | Self::Tampered(what) => f.write_str(what),
            Self::BadSignature(error) => write!(f, "{error}"),
            Self::WrongTimes(error) => write!(f, "{error}"),
            Self::Earlier(_) => f.write_str(EARLIER),
        }
    }
}

impl std::error::Error for Fault {}

impl From<PayloadError> for Fault {
    /// Other bytes than the signed ones are tampering; signed bytes that aren't the payload they
    /// should be were malformed by whoever signed them.
    fn from(error: PayloadError) -> Self {
        if error.stored_bytes_differ() {
            Self::Tampered(error.to_string())
        } else {
            Self::Malformed(error.to_string())
        }
    }
}
