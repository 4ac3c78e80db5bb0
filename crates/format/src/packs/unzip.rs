//! A pack's bytes → its text, in bounded memory.

use std::fmt;

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer};

use super::attestation::Attestation;
use super::fault::PackFault;
use crate::frame::{HEADER, MAX_WINDOW_LOG, MIN_WINDOW_LOG, header};

/// Decompresses a pack whose bytes are known to be those that an attestation binds. What comes out is held against
/// nothing yet: [`super::PackObjects`].
pub struct PackText {
    zstd: DCtx<'static>,
    /// What came of the frame's header.
    header: Vec<u8>,
    /// Bytes of text that the header has to announce.
    announced: u64,
    ended: bool,
}

impl fmt::Debug for PackText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackText").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl PackText {
    /// Of the pack that this attestation is about.
    ///
    /// # Errors
    /// [`PackFault::Zstd`] when libzstd refuses the window.
    pub fn of(attestation: &Attestation) -> Result<Self, PackFault> {
        let mut zstd = DCtx::create();
        let window = DParameter::WindowLogMax(MAX_WINDOW_LOG.into());
        zstd.set_parameter(window).map_err(PackFault::zstd)?;
        let header = Vec::with_capacity(HEADER);
        Ok(Self { zstd, header, announced: attestation.text, ended: false })
    }

    /// Puts what comes next of the text in the place of what is in `text`, as much as that has room for, and takes the
    /// bytes which that needs from the front of `bytes`. Whether some of the text may be left that needs no more bytes.
    ///
    /// # Errors
    /// [`PackFault::Header`], [`PackFault::Zstd`], and [`PackFault::TooLong`] for bytes behind the pack's end.
    pub fn next(&mut self, bytes: &mut &[u8], text: &mut Vec<u8>) -> Result<bool, PackFault> {
        text.clear();
        if self.header.len() < HEADER && !self.begin(bytes)? {
            return Ok(false);
        }
        if self.ended && !bytes.is_empty() {
            return Err(PackFault::TooLong);
        }
        self.decompress(bytes, text)?;
        // A full buffer may mean that more is waiting inside the decoder.
        Ok(!bytes.is_empty() || text.len() == text.capacity())
    }

    /// Takes the header; whether it is whole.
    fn begin(&mut self, bytes: &mut &[u8]) -> Result<bool, PackFault> {
        let (start, rest) = bytes.split_at((HEADER - self.header.len()).min(bytes.len()));
        self.header.extend(start);
        *bytes = rest;
        if self.header.len() < HEADER {
            return Ok(false);
        }
        let known = (MIN_WINDOW_LOG..=MAX_WINDOW_LOG)
            .any(|window| self.header == header(window, self.announced));
        if !known {
            return Err(PackFault::Header);
        }
        let start = std::mem::take(&mut self.header);
        let begun = self.decompress(&mut &start[..], &mut Vec::new());
        self.header = start;
        begun.map(|()| true)
    }

    fn decompress(&mut self, bytes: &mut &[u8], text: &mut Vec<u8>) -> Result<(), PackFault> {
        let mut input = InBuffer::around(bytes);
        let mut output = OutBuffer::around(text);
        let hint = self.zstd.decompress_stream(&mut output, &mut input).map_err(PackFault::zstd)?;
        let taken = input.pos();
        self.ended |= hint == 0;
        *bytes = &bytes[taken..];
        Ok(())
    }

    /// Whether the pack's last byte came.
    #[must_use]
    pub fn is_ended(&self) -> bool {
        self.ended
    }
}
