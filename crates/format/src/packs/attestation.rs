//! What an auditor attests of a pack: FORMAT.md, "Attestation".

use std::fmt;

use auditseal_audit::{Date, Time, TimeField};
use auditseal_merkle::{Hash, hash};
use auditseal_note::{NoteError, SignedNote, Signer, VerifierKey};

use super::key::{MAX_GENERATION, PackKey};
use super::{MAX_SIZES, MAX_TEXT};
use crate::seal::{MAX_RANGES, MAX_SEQ};
use crate::{MAX_SEAL_BLOCK, MalformedNote, Origin};

/// First line of every attestation.
pub(super) const VERSION: &str = "auditseal/attestation/v1";
/// Most bytes of an attestation.
pub const MAX_ATTESTATION: usize = 4 << 20;
/// Most `finding` lines; `findings` says how many there are.
pub const MAX_FINDINGS: usize = 1_000;
/// Most characters of what a finding says.
pub(super) const MAX_SAID: usize = 1_000;

/// What an attestation states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attestation {
    /// The chain.
    pub origin: Origin,
    /// The key that signs it.
    pub key: VerifierKey,
    /// Seq of the pack's first object.
    pub first: u64,
    /// Seq of its last.
    pub last: u64,
    /// The date in the keys of its objects.
    pub date: Date,
    /// Hash of the note before the first.
    pub prev: Hash,
    /// Hash of the last one's note.
    pub head: Hash,
    /// Which generation of the key has the pack.
    pub generation: u32,
    /// The pack.
    pub pack: Blob,
    /// Bytes of its text.
    pub text: u64,
    /// Its index.
    pub index: Option<Blob>,
    /// How the times of its lines are found.
    pub field: TimeField,
    /// Lines without a certain time.
    pub untimed: u64,
    /// Its notes that tell of a loss: [`crate::Seal::tells_of_loss`].
    pub gaps: u64,
    /// Least and greatest certain time that its notes state.
    pub times: Option<(Time, Time)>,
    /// When the first and the last note were made.
    pub sealed: (Time, Time),
    /// What the store said protects the pack.
    pub lock: PackLock,
    /// Of the loose objects that were judged, the latest date by the archive's store; the epoch without
    /// any.
    pub judged: Time,
    /// When it was attested, by the auditor's clock.
    pub attested: Time,
    /// Sizes of each object's text, in order.
    pub batches: Vec<BatchSize>,
    /// How many findings there were that the pack itself doesn't show.
    pub findings: u64,
    /// The first of them.
    pub found: Vec<Attested>,
}

/// An object that an attestation binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// Hash of its bytes.
    pub hash: Hash,
    /// How many there are.
    pub size: u64,
}

/// What a store says protects a pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackLock {
    /// Nothing.
    None,
    /// A policy of which the store doesn't say more.
    Undisclosed,
    /// A lock that can be lifted, until then.
    Governance(Time),
    /// A lock that nobody can lift, until then.
    Compliance(Time),
}

/// Sizes of one object's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchSize {
    /// Bytes of its seal line, the `\n` included.
    pub seal: u32,
    /// The parts of its payload, one for each range that has any.
    pub parts: Vec<PartSize>,
}

impl BatchSize {
    /// Bytes of the payload; `None` if its numbers are too large.
    #[must_use]
    pub fn payload(&self) -> Option<u64> {
        self.parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(part.bytes))
    }
}

/// A range's part of a payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartSize {
    /// Its bytes.
    pub bytes: u64,
    /// Its lines.
    pub lines: u64,
}

/// What was found of the objects of a pack, and the pack itself doesn't show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    /// The verdict.
    pub verdict: VerdictName,
    /// The first seq that it is about.
    pub seq: u64,
    /// The last, where it is about several.
    pub through: Option<u64>,
    /// Hash of the note there, where it is about a seal of the chain.
    pub hash: Option<Hash>,
    /// What was found, printable ASCII.
    pub detail: String,
}

/// The name of a verdict: 1–32 of `A–Z _`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerdictName(String);

impl VerdictName {
    /// Checks a name; `None` if it isn't one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let fits = (1..=32).contains(&text.len());
        let plain = |b: u8| b.is_ascii_uppercase() || b == b'_';
        (fits && text.bytes().all(plain)).then(|| Self(text.to_owned()))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VerdictName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An attestation as stored: what it states, and its signed bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedAttestation {
    /// What it states.
    pub attestation: Attestation,
    /// The signed note, verbatim.
    pub note: String,
}

impl SignedAttestation {
    /// Signs an attestation. `attestation.key` is set here.
    ///
    /// # Errors
    /// What breaks a rule of the format; nothing was signed then.
    pub fn sign(
        mut attestation: Attestation,
        signer: &mut dyn Signer,
    ) -> Result<Self, MalformedNote> {
        attestation.key = signer.key().clone();
        attestation.validate()?;
        let text = attestation.text();
        // What can't be read back must not be signed.
        if Attestation::parse(&text).as_ref() != Ok(&attestation) {
            return Err(MalformedNote { what: "doesn't read back".to_owned() });
        }
        let note = signer.sign(&text);
        Ok(Self { attestation, note })
    }

    /// Reads a stored attestation whose signature holds for the key that it names; whether that key is to
    /// be trusted is the reader's question.
    ///
    /// # Errors
    /// [`AttestationError`].
    pub fn read(bytes: &[u8]) -> Result<Self, AttestationError> {
        let (text, note) = signed_text(bytes, VERSION)?;
        let attestation = Attestation::parse(text).map_err(AttestationError::Malformed)?;
        Ok(Self { attestation, note: note.to_owned() })
    }

    /// The key that it is stored at.
    #[must_use]
    pub fn key(&self) -> String {
        self.attestation.name().attestation(self.note.as_bytes())
    }
}

/// The text of a note whose signature holds for the key that it names, and the note.
pub(super) fn signed_text<'a>(
    bytes: &'a [u8],
    version: &str,
) -> Result<(&'a str, &'a str), AttestationError> {
    let malformed =
        |what: &str| AttestationError::Malformed(MalformedNote { what: what.to_owned() });
    if bytes.len() > MAX_ATTESTATION {
        return Err(malformed("larger than an attestation may be"));
    }
    let note = std::str::from_utf8(bytes).map_err(|_| malformed("not UTF-8"))?;
    let signed = SignedNote::parse(note).map_err(AttestationError::Signature)?;
    // The signature comes before the rest is looked at: it is cheap, and the rest may be long.
    let key =
        key_of(signed.text(), version).ok_or_else(|| malformed("no key in its third line"))?;
    signed.verify(&key).map_err(AttestationError::Signature)?;
    Ok((signed.text(), note))
}

/// The key that a note of an auditor names, without a look at the rest.
fn key_of(text: &str, version: &str) -> Option<VerifierKey> {
    let mut lines = text.lines();
    (lines.next()? == version).then_some(())?;
    lines.nth(1)?.strip_prefix("key ")?.parse().ok()
}

/// Why something isn't an attestation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttestationError {
    /// It isn't a note with the signature that it should have.
    Signature(NoteError),
    /// It isn't of the format's shape.
    Malformed(MalformedNote),
}

impl fmt::Display for AttestationError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signature(error) => write!(f, "{error}"),
            Self::Malformed(error) => write!(f, "{}", error.what),
        }
    }
}

impl std::error::Error for AttestationError {}

impl Attestation {
    /// The name of its pack.
    #[must_use]
    pub fn name(&self) -> PackKey {
        PackKey::new(self.origin.clone(), self.date, self.first, self.last, &self.head)
    }

    /// The key of its pack.
    #[must_use]
    pub fn pack_key(&self) -> String {
        self.name().pack(self.generation)
    }

    /// Objects in the pack.
    #[must_use]
    pub fn objects(&self) -> u64 {
        self.last - self.first + 1
    }

    /// Bytes of the pack's last seal line.
    #[must_use]
    pub fn last_seal(&self) -> u32 {
        self.batches.last().map_or(0, |batch| batch.seal)
    }

    /// What must hold beyond the shape of each line.
    pub(super) fn validate(&self) -> Result<(), MalformedNote> {
        let holds = |holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(MalformedNote { what: what.to_owned() }) }
        };
        let order = 0 < self.first && self.first <= self.last && self.last <= MAX_SEQ;
        holds(order, "its seqs are in no order")?;
        let objects = self.last - self.first + 1;
        let count = self.batches.len() as u64 == objects;
        holds(count, "it hasn't one 'batch' for each of its objects")?;
        let ranges: u64 = self.batches.iter().map(|batch| batch.parts.len() as u64).sum();
        holds(objects == 1 || objects + ranges <= MAX_SIZES, "it has too many sizes")?;
        holds(self.generation <= MAX_GENERATION, "its generation is too high")?;
        holds(objects == 1 || self.text <= MAX_TEXT, "its text is too long for several objects")?;
        holds(self.batches.iter().all(BatchSize::is_sound), "sizes of a batch don't fit")?;
        let sizes = self.batches.iter().try_fold(0_u64, |sum, batch| {
            sum.checked_add(batch.payload()?)?.checked_add(u64::from(batch.seal))
        });
        holds(sizes == Some(self.text), "its batches don't add up to its text")?;
        let lines = self.batches.iter().flat_map(|batch| &batch.parts);
        let lines = lines.fold(0_u64, |sum, part| sum.saturating_add(part.lines));
        holds(self.untimed <= lines, "more lines are without a time than there are")?;
        holds(self.gaps <= objects, "more of its notes tell of a loss than there are")?;
        let none = self.times.is_none();
        holds(none == (self.untimed == lines), "its times don't fit its lines")?;
        holds(self.times.is_none_or(|(a, b)| a <= b), "its times are in no order")?;
        let told = self.found.len() as u64;
        let most = self.findings.min(MAX_FINDINGS as u64);
        holds(told == most, "it tells another number of findings than it should")?;
        holds(self.found.iter().all(|found| self.tells(found)), "a finding isn't of this pack")
    }

    fn tells(&self, found: &Attested) -> bool {
        let range = self.first..=self.last;
        let detail = found.detail.as_bytes();
        range.contains(&found.seq)
            && found.through.is_none_or(|last| found.seq < last && range.contains(&last))
            && (found.through.is_none() || found.hash.is_none())
            && (1..=MAX_SAID).contains(&detail.len())
            && detail.iter().all(|b| (b' '..=b'~').contains(b))
            && !found.detail.starts_with(' ')
            && !found.detail.ends_with(' ')
    }
}

impl BatchSize {
    fn is_sound(&self) -> bool {
        let seal = (1..=MAX_SEAL_BLOCK as u32 - 3).contains(&self.seal);
        let part = |part: &PartSize| 0 < part.lines && part.lines <= part.bytes;
        seal && self.parts.len() <= MAX_RANGES && self.parts.iter().all(part)
    }
}

impl Blob {
    /// Of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { hash: hash(bytes), size: bytes.len() as u64 }
    }

    /// Whether these are the bytes.
    #[must_use]
    pub fn is(&self, bytes: &[u8]) -> bool {
        bytes.len() as u64 == self.size && hash(bytes) == self.hash
    }
}
