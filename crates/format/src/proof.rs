//! A proof of one event: FORMAT.md, "Event proofs".

use std::fmt;
use std::str::FromStr;

use auditseal_merkle::{
    FoundLine, Hash, LineError, LineFinder, LinePath, MOST_SIBLINGS, PathError,
};

use crate::object::{Fault, ObjectSeal, read_note};
use crate::seal::Seal;
use crate::seal_id::SealId;

/// First line of a proof.
const VERSION: &str = "auditseal/proof/v1";
/// What v1 has in the place of a checkpoint.
const NO_CHECKPOINT: &str = "checkpoint -";
/// Most bytes of an event that is proved, and of what is read as a proof: whoever checks one holds it
/// in memory.
pub const MOST_BYTES: usize = 256 << 20;

/// One event, and what proves that it is a line of a seal.
///
/// Whatever is one holds by itself: the note's signature for the key that it names, and event, place and
/// siblings for the note's root. Whether that key is to be trusted is the question of whoever was given
/// it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventProof {
    path: LinePath,
    note: String,
    seal: Seal,
    hash: Hash,
    event: Vec<u8>,
}

impl EventProof {
    /// Proves a line of a batch, counted from 1. `payload` is all of the batch's lines, as they were
    /// sealed. It takes two passes over them.
    ///
    /// # Errors
    /// [`ProofError::Line`] if there is no such line, or it has more than [`MOST_BYTES`] bytes;
    /// [`ProofError::Unproved`] if the payload isn't the seal's.
    pub fn make(seal: &ObjectSeal, payload: &[u8], line: u64) -> Result<Self, ProofError> {
        let mut finder = Self::finder(line);
        finder.take(payload);
        let found = finder.finish().map_err(ProofError::Line)?;
        let mut prover = found.prover(seal.seal.payload.root.chunks);
        prover.take(payload);
        Self::of_parts(seal, found, prover.finish())
    }

    /// What looks for a line, counted from 1, in a payload that comes in pieces.
    #[must_use]
    pub fn finder(line: u64) -> LineFinder {
        // Of line 0, which there isn't, the index is one that isn't there either.
        LineFinder::new(line.wrapping_sub(1), MOST_BYTES)
    }

    /// Puts together what was found in two passes over a batch's payload; `path` is absent where that
    /// wasn't as long as the seal says.
    ///
    /// # Errors
    /// [`ProofError::Unproved`] if line and path aren't of this seal.
    pub fn of_parts(
        seal: &ObjectSeal,
        found: FoundLine,
        path: Option<LinePath>,
    ) -> Result<Self, ProofError> {
        let path = path.ok_or(ProofError::Unproved(PathError::Root))?;
        let ObjectSeal { seal, hash, note, .. } = seal;
        let (seal, hash, note) = (seal.clone(), *hash, note.clone());
        Self { path, note, seal, hash, event: found.bytes }.checked()
    }

    /// Reads a proof, and checks all of it that can be checked without knowing whom to trust.
    ///
    /// # Errors
    /// [`ProofError`]: steps 1 to 3 of FORMAT.md, "Event proofs".
    pub fn read(bytes: &[u8]) -> Result<Self, ProofError> {
        let shape = |what: &str| ProofError::Malformed(what.to_owned());
        if bytes.len() > MOST_BYTES {
            return Err(shape("it is larger than a proof may be"));
        }
        let (head, rest) = split(bytes, b"\n\n").ok_or_else(|| shape("its head has no end"))?;
        let (text, rest) = split(rest, b"\n\n").ok_or_else(|| shape("its note has no end"))?;
        let (signature, event) =
            split(rest, b"\n\n").ok_or_else(|| shape("its signature has no end"))?;
        let event = event.strip_suffix(b"\n").ok_or_else(|| shape("its last line has no end"))?;
        if memchr::memchr(b'\n', event).is_some() {
            return Err(shape("an event is one line"));
        }
        let path = Head::parse(head).ok_or_else(|| shape("its head isn't that of a proof v1"))?;
        let note = [text, b"\n\n", signature, b"\n"].concat();
        let note = String::from_utf8(note).map_err(|_| shape("its note isn't UTF-8"))?;
        let (seal, hash) = read_note(&note).map_err(ProofError::Note)?;
        let proof = Self { path, note, seal, hash, event: event.to_vec() };
        if proof.bytes() != bytes {
            return Err(shape("it isn't written as a proof is"));
        }
        proof.checked()
    }

    fn checked(self) -> Result<Self, ProofError> {
        let checked = self.path.check(&self.event, &self.seal.payload.root);
        checked.map(|()| self).map_err(ProofError::Unproved)
    }

    /// The file.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let head = Head(&self.path).to_string();
        [head.as_bytes(), b"\n", self.note.as_bytes(), b"\n", &self.event, b"\n"].concat()
    }

    /// The event: the bytes of the line, without the `\n`.
    #[must_use]
    pub fn event(&self) -> &[u8] {
        &self.event
    }

    /// Which line of the seal it is, from 1.
    #[must_use]
    pub fn line(&self) -> u64 {
        self.path.line + 1
    }

    /// What the seal states.
    #[must_use]
    pub fn seal(&self) -> &Seal {
        &self.seal
    }

    /// The seal's place in its chain, and which seal it is.
    #[must_use]
    pub fn id(&self) -> SealId {
        SealId { seq: self.seal.seq, hash: self.hash }
    }

    /// How many chaining values of other lines it holds.
    #[must_use]
    pub fn siblings(&self) -> usize {
        self.path.siblings.len()
    }

    /// How many of them stand for a single piece of at most 1,008 bytes of another line: whoever has an
    /// idea of what that says can find out whether it is so.
    #[must_use]
    pub fn guessable(&self) -> usize {
        // It was checked when this was made.
        self.path.single(self.event.len(), &self.seal.payload.root).unwrap_or(0)
    }
}

/// What stands before and behind the first such bytes.
fn split<'a>(bytes: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(bytes, by)?;
    Some((&bytes[..at], &bytes[at + by.len()..]))
}

/// A proof's head: the lines before the note.
struct Head<'a>(&'a LinePath);

impl Head<'_> {
    /// Reads the lines, the last one without its `\n`. Whoever prints them again knows whether they had
    /// their one spelling.
    fn parse(head: &[u8]) -> Option<LinePath> {
        let mut lines = std::str::from_utf8(head).ok()?.split('\n');
        (lines.next()? == VERSION).then_some(())?;
        let line: u64 = value(lines.next()?, "line ")?;
        let chunk = value(lines.next()?, "chunk ")?;
        let mut siblings = Vec::new();
        loop {
            match lines.next()? {
                NO_CHECKPOINT => break,
                _ if siblings.len() == MOST_SIBLINGS => return None,
                sibling => siblings.push(value(sibling, "sibling ")?),
            }
        }
        lines.next().is_none().then_some(())?;
        Some(LinePath { line: line.checked_sub(1)?, chunk, siblings })
    }
}

fn value<T: FromStr>(line: &str, keyword: &str) -> Option<T> {
    line.strip_prefix(keyword)?.parse().ok()
}

impl fmt::Display for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LinePath { line, chunk, siblings } = self.0;
        writeln!(f, "{VERSION}\nline {}\nchunk {chunk}", line + 1)?;
        siblings.iter().try_for_each(|sibling| writeln!(f, "sibling {sibling}"))?;
        writeln!(f, "{NO_CHECKPOINT}")
    }
}

/// Why something is no proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProofError {
    /// Not of a proof's shape.
    Malformed(String),
    /// Its note is none, or isn't signed by the key that it names.
    Note(Fault),
    /// Its event isn't the line of the seal that it says.
    Unproved(PathError),
    /// There is no such line to prove.
    Line(LineError),
}

impl fmt::Display for ProofError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => f.write_str(what),
            Self::Note(fault) => write!(f, "{fault}"),
            Self::Unproved(error) => write!(f, "{error}"),
            Self::Line(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for ProofError {}
