//! A pack → the objects in it, on one thread.
//!
//! ```text
//! bytes ─▶ PackText (zstd) ─▶ text ─▶ PackObjects ─▶ payloads and seals
//! ```

use std::fmt;

use super::attestation::Attestation;
use super::fault::PackFault;
use super::objects::{PackObjects, PackProof, PackSink};
use super::unzip::PackText;
use crate::decode::OUTPUT;

/// Decodes a pack whose bytes are known to be those that an attestation binds.
pub struct PackDecoder<'a> {
    text: PackText,
    output: Vec<u8>,
    objects: PackObjects<'a>,
}

impl fmt::Debug for PackDecoder<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackDecoder").field("objects", &self.objects).finish_non_exhaustive()
    }
}

impl<'a> PackDecoder<'a> {
    /// For the pack that this attestation is about.
    ///
    /// # Errors
    /// [`PackFault::Zstd`] when libzstd refuses the window.
    pub fn new(attestation: &'a Attestation) -> Result<Self, PackFault> {
        let (text, objects) = (PackText::of(attestation)?, PackObjects::of(attestation));
        Ok(Self { text, output: Vec::with_capacity(OUTPUT), objects })
    }

    /// Holds no more against the seals than this.
    #[must_use]
    pub fn proving(self, proof: PackProof) -> Self {
        Self { objects: self.objects.proving(proof), ..self }
    }

    /// Takes the pack's next bytes.
    ///
    /// # Errors
    /// [`PackFault`]: what came to the sink before stands, and nothing comes any more.
    pub fn take(&mut self, mut bytes: &[u8], sink: &mut impl PackSink) -> Result<(), PackFault> {
        while !sink.is_done() {
            let more = match self.text.next(&mut bytes, &mut self.output) {
                Ok(more) => more,
                Err(fault) => return Err(self.objects.broken(fault, sink)),
            };
            self.objects.take(&self.output, sink)?;
            if !more {
                break;
            }
        }
        Ok(())
    }

    /// Ends the pack: all of its objects came.
    ///
    /// # Errors
    /// [`PackFault::TooShort`]; with [`PackProof::Seals`] and [`PackProof::Lines`] that the last signature doesn't hold.
    pub fn finish(self, sink: &mut impl PackSink) -> Result<(), PackFault> {
        let ended = self.text.is_ended();
        self.objects.finish(ended, sink)
    }
}
