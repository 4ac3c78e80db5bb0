//! Texts of objects → a pack.

use std::fmt;

use zstd::zstd_safe::{CCtx, InBuffer, OutBuffer, zstd_sys};

use crate::frame::{final_block, header, sizeless_header};
use crate::{Compression, PackError};

/// Bytes that libzstd's own frame header takes; it is dropped for the one written by hand.
const LIBZSTD_HEADER: usize = 6;

/// Compresses a pack's text, piece by piece, in memory that doesn't grow with it.
pub(super) struct PackEncoder {
    zstd: CCtx<'static>,
    window: u8,
    /// Bytes of text that are still to come.
    left: u64,
    /// Bytes of libzstd's header that are still to be dropped.
    header: Vec<u8>,
    /// What libzstd gives at a time.
    ready: Vec<u8>,
}

impl fmt::Debug for PackEncoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackEncoder").field("left", &self.left).finish_non_exhaustive()
    }
}

impl PackEncoder {
    /// For a text of so many bytes; the pack's first bytes go to `out`.
    ///
    /// # Errors
    /// [`PackError::Zstd`] when libzstd refuses the settings.
    pub(super) fn new(
        compression: Compression,
        text: u64,
        out: &mut Vec<u8>,
    ) -> Result<Self, PackError> {
        let mut zstd = CCtx::create();
        compression.set(&mut zstd)?;
        out.extend(header(compression.window, text));
        let header = Vec::with_capacity(LIBZSTD_HEADER);
        let ready = Vec::with_capacity(CCtx::out_size());
        Ok(Self { zstd, window: compression.window, left: text, header, ready })
    }

    /// Takes the next bytes of the text; what is ready of the pack goes to `out`.
    ///
    /// # Errors
    /// [`PackError::Zstd`].
    ///
    /// # Panics
    /// When more text comes than was announced: whoever packs counts it before.
    pub(super) fn text(&mut self, text: &[u8], out: &mut Vec<u8>) -> Result<(), PackError> {
        self.count(text.len());
        self.compress(text, zstd_sys::ZSTD_EndDirective::ZSTD_e_continue, out)
    }

    /// Ends the pack with its last seal line, which stands as it is: whoever reads the end of an object
    /// finds it.
    ///
    /// # Errors
    /// [`PackError::Zstd`].
    ///
    /// # Panics
    /// When not all of the text came.
    pub(super) fn finish(mut self, seal: &[u8], out: &mut Vec<u8>) -> Result<(), PackError> {
        self.count(seal.len());
        assert_eq!(self.left, 0, "all of the text came");
        // Flushing, not ending, leaves every block without the last-block bit.
        self.compress(b"", zstd_sys::ZSTD_EndDirective::ZSTD_e_flush, out)?;
        out.extend(final_block(seal.len()));
        out.extend(seal);
        Ok(())
    }

    fn count(&mut self, bytes: usize) {
        let left = self.left.checked_sub(bytes as u64);
        self.left = left.expect("no more text than was announced");
    }

    fn compress(
        &mut self,
        bytes: &[u8],
        directive: zstd_sys::ZSTD_EndDirective,
        out: &mut Vec<u8>,
    ) -> Result<(), PackError> {
        let flush = directive != zstd_sys::ZSTD_EndDirective::ZSTD_e_continue;
        let mut input = InBuffer::around(bytes);
        loop {
            self.ready.clear();
            let mut output = OutBuffer::around(&mut self.ready);
            let left = self
                .zstd
                .compress_stream2(&mut output, &mut input, directive)
                .map_err(PackError::zstd)?;
            self.pass_on(out);
            if input.pos() == bytes.len() && (!flush || left == 0) {
                return Ok(());
            }
        }
    }

    fn pass_on(&mut self, out: &mut Vec<u8>) {
        let lacking = LIBZSTD_HEADER - self.header.len();
        let (header, rest) = self.ready.split_at(lacking.min(self.ready.len()));
        self.header.extend(header);
        if lacking > 0 && self.header.len() == LIBZSTD_HEADER {
            let expected = sizeless_header(self.window);
            assert_eq!(self.header, expected, "libzstd's header has the length that is replaced");
        }
        out.extend(rest);
    }
}
