//! A pack's text → the objects in it, each held against its own seal, in bounded memory.
//!
//! ```text
//! text ─▶ payload │ seal line │ payload │ seal line …      (sizes: the attestation)
//!            │          │
//!            └─ root, lines of each range, times ─▶ held against the note
//! ```

use std::fmt;

use auditseal_merkle::RootHasher;

use super::attestation::{Attestation, BatchSize};
use super::fault::PackFault;
use crate::times::LineTimes;
use crate::{Fault, ObjectSeal};

/// Who gets what a pack holds.
pub trait PackSink {
    /// The next bytes of the payload of the `nth` object, counted from 0. They are proved only once
    /// that object comes.
    fn payload(&mut self, nth: usize, bytes: &[u8]);

    /// The `nth` object: its seal, and whether its payload is the signed one.
    fn object(&mut self, nth: usize, seal: ObjectSeal, payload: Result<(), Fault>);

    /// Whether no more is wanted: what is left of the pack isn't decoded then.
    fn is_done(&self) -> bool {
        false
    }

    /// Whether the objects so far have to be vouched for now: asked behind each, with [`PackProof::Lines`].
    fn wants_proof(&self) -> bool {
        true
    }

    /// Each object up to the `nth` is vouched for by its key's signature: told with [`PackProof::Lines`].
    fn proved(&mut self, _nth: usize) {}
}

/// What of a pack is held against what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackProof {
    /// Each seal's signature is checked, and each payload is held against its seal.
    All,
    /// The seals alone, for whoever asks for payloads later. A signature that holds covers what its note names
    /// by `prev`: of consecutive seals of one key the last one's is checked. No payload is hashed. What comes to
    /// the sink is proved only once [`PackObjects::finish`] said so.
    Seals,
    /// Each payload is held against its seal, for whoever gives the lines out at once. Of signatures as few are checked as
    /// vouch for all: of consecutive seals of one key, each of which names the one before by `prev`, the last one's,
    /// where [`PackSink::wants_proof`] says that it is one. What comes to the sink is proved once
    /// [`PackSink::proved`] was called behind it, and not before. The times of their lines are held against the
    /// seals too, if so asked.
    Lines {
        /// The times as well.
        times: bool,
    },
    /// The payloads, of a pack whose seals were proved before, from the same bytes. The times of their lines are
    /// held against their seals too, if so asked.
    Payloads {
        /// The times as well.
        times: bool,
    },
}

impl PackProof {
    /// Whether the times of lines are held against their seals.
    fn has_times(self) -> bool {
        match self {
            Self::All => true,
            Self::Seals => false,
            Self::Lines { times } | Self::Payloads { times } => times,
        }
    }
}

/// Takes a pack's text apart: what [`super::PackDecoder`] does with it, for whoever decodes on another thread ([`super::PackText`]).
pub struct PackObjects<'a> {
    attestation: &'a Attestation,
    nth: usize,
    /// The payload that is open: its part, and what is left of that.
    part: usize,
    bytes: u64,
    lines: u64,
    wrong_lines: bool,
    proof: PackProof,
    /// Seals whose signatures nothing has vouched for yet, the latest last: with [`PackProof::Seals`] one at most, with
    /// [`PackProof::Lines`] those since the sink was last told that all is proved.
    unsigned: Vec<ObjectSeal>,
    root: RootHasher,
    times: LineTimes,
    /// What came of the seal line.
    line: Vec<u8>,
}

impl fmt::Debug for PackObjects<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackObjects").field("nth", &self.nth).finish_non_exhaustive()
    }
}

impl<'a> PackObjects<'a> {
    /// For the pack that this attestation is about.
    #[must_use]
    pub fn of(attestation: &'a Attestation) -> Self {
        let mut objects = Self {
            attestation,
            nth: 0,
            part: 0,
            bytes: 0,
            lines: 0,
            wrong_lines: false,
            proof: PackProof::All,
            unsigned: Vec::new(),
            root: RootHasher::new(),
            times: LineTimes::new(attestation.field),
            line: Vec::new(),
        };
        objects.open();
        objects
    }

    /// Holds no more against the seals than this.
    #[must_use]
    pub fn proving(self, proof: PackProof) -> Self {
        Self { proof, ..self }
    }

    fn size(&self) -> Option<&'a BatchSize> {
        self.attestation.batches.get(self.nth)
    }

    /// Begins the object that is next.
    fn open(&mut self) {
        (self.part, self.wrong_lines) = (0, false);
        self.root.clear();
        self.times = LineTimes::new(self.attestation.field);
        self.line.clear();
        self.open_part();
    }

    fn open_part(&mut self) {
        let part = self.size().and_then(|size| size.parts.get(self.part));
        (self.bytes, self.lines) = part.map_or((0, 0), |part| (part.bytes, part.lines));
    }

    /// Takes the next bytes of the text; what of them is payload comes to the sink where it lies.
    ///
    /// # Errors
    /// [`PackFault`]: what came to the sink before stands, and nothing comes any more.
    pub fn take(&mut self, text: &[u8], sink: &mut impl PackSink) -> Result<(), PackFault> {
        self.split(text, sink).map_err(|fault| self.broken(fault, sink))
    }

    /// Ends the pack before its end, for that fault: those objects before it stand, as far as their signatures hold. Gives
    /// what is wrong first.
    pub fn broken(&mut self, fault: PackFault, sink: &mut impl PackSink) -> PackFault {
        self.settle(sink).err().unwrap_or(fault)
    }

    /// Ends the pack, whose last byte came or didn't: all of its objects came.
    ///
    /// # Errors
    /// [`PackFault::TooShort`]; with [`PackProof::Seals`] and [`PackProof::Lines`] that the last signature doesn't hold.
    pub fn finish(mut self, ended: bool, sink: &mut impl PackSink) -> Result<(), PackFault> {
        self.settle(sink)?;
        let all = self.nth == self.attestation.batches.len();
        if all && ended { Ok(()) } else { Err(PackFault::TooShort) }
    }

    fn split(&mut self, mut text: &[u8], sink: &mut impl PackSink) -> Result<(), PackFault> {
        while !text.is_empty() {
            let size = self.size().ok_or(PackFault::TooLong)?;
            if self.part < size.parts.len() {
                text = self.payload(text, sink);
                continue;
            }
            let lacking = size.seal as usize - self.line.len();
            let (line, rest) = text.split_at(lacking.min(text.len()));
            self.line.extend(line);
            text = rest;
            if self.line.len() == size.seal as usize {
                self.seal(sink)?;
            }
        }
        Ok(())
    }

    /// Takes what of the text is of the open part.
    fn payload<'t>(&mut self, text: &'t [u8], sink: &mut impl PackSink) -> &'t [u8] {
        let here = usize::try_from(self.bytes).unwrap_or(usize::MAX).min(text.len());
        let (part, rest) = text.split_at(here);
        if self.proof == PackProof::Seals {
            sink.payload(self.nth, part);
            self.bytes -= here as u64;
            if self.bytes == 0 {
                self.part += 1;
                self.open_part();
            }
            return rest;
        }
        let ended = memchr::memchr_iter(b'\n', part).count() as u64;
        self.wrong_lines |= ended > self.lines;
        self.lines = self.lines.saturating_sub(ended);
        self.bytes -= here as u64;
        // A line more than attested is a chunk more to hash: no work is done beyond what was announced.
        if !self.wrong_lines {
            self.root.update(part);
            if self.proof.has_times() {
                self.times.take(part);
            }
        }
        sink.payload(self.nth, part);
        if self.bytes == 0 {
            // Each range's part ends with its last line.
            self.wrong_lines |= self.lines > 0 || part.last() != Some(&b'\n');
            self.part += 1;
            self.open_part();
        }
        rest
    }

    /// The seal line is whole: what came before is held against it.
    fn seal(&mut self, sink: &mut impl PackSink) -> Result<(), PackFault> {
        let read = match self.proof {
            PackProof::All => ObjectSeal::of_line(&self.line),
            PackProof::Seals | PackProof::Lines { .. } | PackProof::Payloads { .. } => {
                ObjectSeal::of_unsigned_line(&self.line)
            }
        };
        let seal = read.map_err(|fault| PackFault::Seal(self.nth, fault))?;
        let grouped = matches!(self.proof, PackProof::Lines { .. });
        if grouped || self.proof == PackProof::Seals {
            self.follow(&seal, sink)?;
        }
        let verdict =
            if self.proof == PackProof::Seals { self.fits(&seal) } else { self.holds(&seal) };
        sink.object(self.nth, seal, verdict);
        self.nth += 1;
        self.open();
        if grouped && sink.wants_proof() { self.settle(sink) } else { Ok(()) }
    }

    /// Takes the next seal, whose signature isn't checked yet. One of the same key that names the latest by `prev` says whose
    /// that is.
    fn follow(&mut self, seal: &ObjectSeal, sink: &mut impl PackSink) -> Result<(), PackFault> {
        let covers = |latest: &ObjectSeal| {
            (seal.seal.prev, &seal.seal.key) == (Some(latest.hash), &latest.seal.key)
        };
        if !self.unsigned.last().is_some_and(covers) {
            self.settle(sink)?;
        } else if self.proof == PackProof::Seals {
            self.unsigned.clear();
        }
        self.unsigned.push(seal.clone());
        Ok(())
    }

    /// Has the latest seal's signature vouch for those before it. Where it doesn't hold, those before the first whose own
    /// doesn't stand.
    fn settle(&mut self, sink: &mut impl PackSink) -> Result<(), PackFault> {
        let seals = std::mem::take(&mut self.unsigned);
        let Some(latest) = seals.last() else { return Ok(()) };
        let first = self.nth - seals.len();
        if latest.check_signature().is_ok() {
            sink.proved(self.nth - 1);
            return Ok(());
        }
        for (nth, seal) in (first..).zip(&seals) {
            if let Err(fault) = seal.check_signature() {
                return Err(PackFault::Seal(nth, fault));
            }
            sink.proved(nth);
        }
        Ok(())
    }

    /// What can be told without the payload.
    fn fits(&self, object: &ObjectSeal) -> Result<(), Fault> {
        let said = &object.seal.payload;
        let other = |what: &str| Err(Fault::Tampered(what.to_owned()));
        let parts = object.seal.ranges.iter();
        let parts = parts.map(|range| (range.payload_bytes().unwrap_or(0), range.lines));
        let parts = parts.filter(|part| *part != (0, 0));
        let sizes = self.size().map_or(&[][..], |size| &size.parts);
        if !parts.eq(sizes.iter().map(|part| (part.bytes, part.lines))) {
            return other("its ranges have other sizes than attested");
        }
        if said.field != self.attestation.field {
            return other("the times of its lines are found otherwise than attested");
        }
        if object.index.as_deref().map(auditseal_merkle::hash) != object.seal.index {
            return other("the index isn't the signed one");
        }
        Ok(())
    }

    fn holds(&mut self, object: &ObjectSeal) -> Result<(), Fault> {
        self.fits(object)?;
        let said = &object.seal.payload;
        let other = |what: &str| Err(Fault::Tampered(what.to_owned()));
        // The sizes are the signed ones, so lines that don't fit them aren't the signed ones.
        if self.wrong_lines {
            return other("a range has another number of lines than signed");
        }
        if self.root.in_line() || self.root.take() != said.root {
            return other("the payload's root isn't the signed one");
        }
        self.times.check(said).map_err(Fault::WrongTimes)
    }
}
