//! zstd frames that others made: rotated logs that somebody compressed.
//!
//! Nothing of the archive's format is read here; this crate is the one that knows zstd.

use std::fmt;

use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, get_error_name};

/// What libzstd calls a frame whose window is larger than allowed.
const TOO_LARGE: &str = "Frame requires too much memory for decoding";
/// And what it says when it gets no memory.
const NO_MEMORY: &str = "Allocation error : not enough memory";

/// Why a frame can't be decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ForeignError {
    /// Its window is larger than allowed, or there is no memory for it.
    Memory,
    /// It is no zstd frame, or damaged.
    Corrupt,
}

/// What one call did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ForeignStep {
    /// Bytes of the input that were used up.
    pub consumed: usize,
    /// Bytes of the output that were written.
    pub produced: usize,
    /// A frame ended here, and its checksum, where it has one, is right.
    pub done: bool,
    /// Nothing more can be decoded.
    pub error: Option<ForeignError>,
}

/// Decodes frames that others made, in memory of at most the allowed window and about 400 KiB.
pub struct ForeignFrames(DCtx<'static>);

impl fmt::Debug for ForeignFrames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ForeignFrames")
    }
}

impl ForeignFrames {
    /// A decoder that allows windows of `2^max_window_log` bytes, from 10 to 31. `None`: libzstd
    /// refuses that, or there is no memory.
    #[must_use]
    pub fn new(max_window_log: u32) -> Option<Self> {
        let mut zstd = DCtx::try_create()?;
        zstd.set_parameter(DParameter::WindowLogMax(max_window_log)).ok()?;
        Some(Self(zstd))
    }

    /// Decodes some of `input` into `output`; stops where a frame ends.
    pub fn decode(&mut self, input: &[u8], output: &mut [u8]) -> ForeignStep {
        let mut from = InBuffer::around(input);
        let mut into = OutBuffer::around(output);
        let answer = self.0.decompress_stream(&mut into, &mut from);
        let error = answer.err().map(|code| match get_error_name(code) {
            TOO_LARGE | NO_MEMORY => ForeignError::Memory,
            _ => ForeignError::Corrupt,
        });
        let (consumed, produced) = (from.pos(), into.pos());
        ForeignStep { consumed, produced, done: answer == Ok(0), error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_that_is_too_large_is_told_from_damage() {
        let frame = |descriptor: u8| [0x28, 0xb5, 0x2f, 0xfd, 0, descriptor, 1, 0, 0];
        let decode =
            |descriptor| ForeignFrames::new(20).unwrap().decode(&frame(descriptor), &mut [0; 10]);
        assert_eq!(
            decode(10 << 3),
            ForeignStep { consumed: 9, done: true, ..ForeignStep::default() }
        );
        assert_eq!(decode(11 << 3).error, Some(ForeignError::Memory));
        let step = ForeignFrames::new(20).unwrap().decode(b"no frame at all", &mut [0; 10]);
        assert_eq!(step.error, Some(ForeignError::Corrupt));
        assert!(ForeignFrames::new(99).is_none());
    }
}
