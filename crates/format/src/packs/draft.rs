//! Objects → a pack, and what can be attested of it.

use std::fmt;

use auditseal_audit::{Date, Time, TimeField};
use auditseal_merkle::Hasher;
use auditseal_note::VerifierKey;

use super::attestation::{Attestation, BatchSize, Blob, PackLock, PartSize};
use super::cut::{Cut, Measure};
use super::encode::PackEncoder;
use crate::{Compression, ObjectSeal, PackError, joined_times};

/// A pack that is being made: each object's payload goes in, then its seal.
pub struct PackDraft {
    cut: Cut,
    /// Taken when the last seal came.
    encoder: Option<PackEncoder>,
    hasher: Hasher,
    size: u64,
    /// What of the attestation is known by now; absent before the first seal.
    attestation: Option<Attestation>,
    next: u64,
}

impl fmt::Debug for PackDraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackDraft").field("next", &self.next).finish_non_exhaustive()
    }
}

impl Measure {
    /// Of an object.
    #[must_use]
    pub fn of(object: &ObjectSeal, date: Date) -> Self {
        let (seq, field) = (object.seal.seq, object.seal.payload.field);
        let ranges = object.seal.ranges.iter().filter(|range| range.lines > 0).count() as u64;
        Self { seq, date, field, text: object.text_size(), sizes: 1 + ranges }
    }
}

impl PackDraft {
    /// Begins the pack of these objects; its first bytes go to `out`.
    ///
    /// # Errors
    /// [`PackError::Zstd`] when libzstd refuses the settings.
    pub fn new(compression: Compression, cut: Cut, out: &mut Vec<u8>) -> Result<Self, PackError> {
        let mut draft = Self {
            cut,
            encoder: None,
            hasher: Hasher::new(),
            size: 0,
            attestation: None,
            next: cut.first,
        };
        let encoder = draft.counted(out, |out| PackEncoder::new(compression, cut.text, out))?;
        draft.encoder = Some(encoder);
        Ok(draft)
    }

    /// Takes the next bytes of the payload of the object that is next.
    ///
    /// # Errors
    /// [`PackError::Zstd`].
    pub fn payload(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), PackError> {
        self.text(bytes, out)
    }

    /// Ends that object with its seal. The last one ends the pack.
    ///
    /// # Errors
    /// [`PackError::Zstd`].
    ///
    /// # Panics
    /// When it isn't the object that is next.
    pub fn seal(&mut self, object: &ObjectSeal, out: &mut Vec<u8>) -> Result<(), PackError> {
        assert_eq!(object.seal.seq, self.next, "the object that is next");
        self.note(object);
        self.next += 1;
        let line = object.line();
        if object.seal.seq < self.cut.last {
            return self.text(&line, out);
        }
        match self.encoder.take() {
            Some(encoder) => self.counted(out, |out| encoder.finish(&line, out)),
            None => Ok(()),
        }
    }

    /// What can be attested of the whole pack; key, generation, index, lock, time and findings are still
    /// to be set. `None` unless all objects came.
    #[must_use]
    pub fn finish(self) -> Option<Attestation> {
        let pack = Blob { hash: self.hasher.finish(), size: self.size };
        let whole = self.encoder.is_none() && self.next > self.cut.last;
        self.attestation.filter(|_| whole).map(|attestation| Attestation { pack, ..attestation })
    }

    fn text(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Result<(), PackError> {
        let Some(mut encoder) = self.encoder.take() else { return Ok(()) };
        let done = self.counted(out, |out| encoder.text(bytes, out));
        self.encoder = Some(encoder);
        done
    }

    /// Counts and hashes what `write` adds to `out`.
    fn counted<T>(
        &mut self,
        out: &mut Vec<u8>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<T, PackError>,
    ) -> Result<T, PackError> {
        let before = out.len();
        let done = write(out);
        self.hasher.update(&out[before..]);
        self.size += (out.len() - before) as u64;
        done
    }

    fn note(&mut self, object: &ObjectSeal) {
        let seal = &object.seal;
        let parts = seal.ranges.iter().map(|range| PartSize {
            bytes: range.payload_bytes().unwrap_or(0),
            lines: range.lines,
        });
        let parts = parts.filter(|part| part.bytes > 0).collect();
        let line = u32::try_from(object.text_size() - seal.payload.bytes).unwrap_or(u32::MAX);
        let batch = BatchSize { seal: line, parts };
        let (cut, field) = (self.cut, self.cut.field);
        let attestation = self.attestation.get_or_insert_with(|| blank(object, cut, field));
        attestation.head = object.hash;
        attestation.sealed.1 = seal.sealed;
        attestation.untimed = attestation.untimed.saturating_add(seal.payload.untimed);
        attestation.gaps += u64::from(seal.tells_of_loss());
        attestation.times = joined_times(attestation.times, seal.payload.times);
        attestation.batches.push(batch);
    }
}

/// Before the first object.
fn blank(object: &ObjectSeal, cut: Cut, field: TimeField) -> Attestation {
    let seal = &object.seal;
    let Cut { first, last, date, text, .. } = cut;
    let key: VerifierKey = seal.key.clone();
    Attestation {
        origin: seal.origin.clone(),
        key,
        first,
        last,
        date,
        // Only a genesis has none, and no pack has a genesis.
        prev: seal.prev.unwrap_or(object.hash),
        head: object.hash,
        generation: 0,
        pack: Blob { hash: object.hash, size: 0 },
        text,
        index: None,
        field,
        untimed: 0,
        gaps: 0,
        times: None,
        sealed: (seal.sealed, seal.sealed),
        lock: PackLock::None,
        judged: Time::EPOCH,
        attested: Time::EPOCH,
        batches: Vec::new(),
        findings: 0,
        found: Vec::new(),
    }
}
