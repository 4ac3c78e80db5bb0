//! Blocks → payload, checked against what the seal says, in bounded memory.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use auditseal_merkle::{Hasher, RootHasher};
use zstd::zstd_safe::{DCtx, DParameter, InBuffer, OutBuffer, ResetDirective};

use crate::frame::{TERMINATOR, sizeless_header};
use crate::seal::Payload;

/// Bytes decoded at a time: the hasher is fastest with 128 KiB of whole frames.
pub(crate) const OUTPUT: usize = 128 << 10;

/// Decodes the blocks of one object and checks hash, size and root.
///
/// Nothing is trusted before [`PayloadDecoder::finish`] returned; output never exceeds the size
/// that the seal states, hashing never its chunks, and the window never
/// [`crate::MAX_WINDOW_LOG`].
pub struct PayloadDecoder {
    tools: DecoderTools,
    expected: Payload,
    blocks: Hasher,
    taken: u64,
    produced: u64,
    ended: bool,
    /// Decoding failed, and only the hash is still of interest.
    failed: Option<PayloadError>,
    /// The blocks are known to be the signed ones: neither they nor what they decode to is hashed.
    known: bool,
}

/// What a decoder allocates: for whoever decodes many payloads, one after the other.
pub(crate) struct DecoderTools {
    zstd: DCtx<'static>,
    root: RootHasher,
    output: Vec<u8>,
}

impl DecoderTools {
    pub(crate) fn new() -> Self {
        Self { zstd: DCtx::create(), root: RootHasher::new(), output: Vec::with_capacity(OUTPUT) }
    }
}

/// What decoders allocated and don't need any more, for those that come after them, on any thread.
///
/// A decoder's window takes megabytes. Freed, the C library keeps them for the thread that freed
/// them, so a reader of many objects would hold several times what it uses.
#[derive(Default)]
pub struct DecoderPool {
    tools: Mutex<Vec<DecoderTools>>,
    begun: AtomicU64,
}

impl DecoderPool {
    /// A decoder for the payload that a seal states: [`PayloadDecoder::new`].
    ///
    /// # Errors
    /// [`PayloadError::Zstd`] when libzstd refuses the window.
    pub fn decoder(&self, expected: &Payload) -> Result<PayloadDecoder, PayloadError> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        let tools = self.tools.lock().unwrap_or_else(PoisonError::into_inner).pop();
        PayloadDecoder::reusing(tools.unwrap_or_else(DecoderTools::new), expected)
    }

    /// Takes back what a decoder allocated, whatever became of its payload.
    pub fn put_back(&self, decoder: PayloadDecoder) {
        self.tools.lock().unwrap_or_else(PoisonError::into_inner).push(decoder.into_tools());
    }

    /// How many payloads were decompressed, whatever came of them.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for DecoderPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecoderPool").finish_non_exhaustive()
    }
}

impl fmt::Debug for PayloadDecoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PayloadDecoder").field("produced", &self.produced).finish_non_exhaustive()
    }
}

impl PayloadDecoder {
    /// A decoder for the payload that a seal states.
    ///
    /// # Errors
    /// [`PayloadError::Zstd`] when libzstd refuses the window.
    pub fn new(expected: &Payload) -> Result<Self, PayloadError> {
        Self::reusing(DecoderTools::new(), expected)
    }

    /// The same, with what a decoder before allocated.
    /// A decoder of blocks whose hash has been compared with the signed one: what they decode to is what
    /// their writer signed. Whether the root is that of these lines isn't looked at; `verify` does that.
    ///
    /// # Errors
    /// [`PayloadError::Zstd`], where there is no memory.
    pub fn of_known_blocks(expected: &Payload) -> Result<Self, PayloadError> {
        Ok(Self { known: true, ..Self::new(expected)? })
    }

    pub(crate) fn reusing(
        mut tools: DecoderTools,
        expected: &Payload,
    ) -> Result<Self, PayloadError> {
        tools.zstd.reset(ResetDirective::SessionAndParameters).map_err(PayloadError::zstd)?;
        tools
            .zstd
            .set_parameter(DParameter::WindowLogMax(expected.window.into()))
            .map_err(PayloadError::zstd)?;
        tools.root.clear();
        let mut decoder = Self {
            tools,
            expected: *expected,
            blocks: Hasher::new(),
            taken: 0,
            produced: 0,
            ended: false,
            failed: None,
            known: false,
        };
        decoder.feed(&sizeless_header(expected.window), &mut |_| {})?;
        Ok(decoder)
    }

    /// Takes the next bytes of the blocks and hands the payload's next bytes to `sink`.
    ///
    /// Blocks that don't decode are hashed to their end all the same: whether they are the signed
    /// ones tells a changed object from one that was made wrong, and [`PayloadDecoder::finish`]
    /// says which.
    ///
    /// # Errors
    /// [`PayloadError::BlocksLength`] when there are more of them than stated.
    pub fn blocks(
        &mut self,
        bytes: &[u8],
        mut sink: impl FnMut(&[u8]),
    ) -> Result<(), PayloadError> {
        self.taken += bytes.len() as u64;
        if self.taken > self.expected.blocks_len {
            return Err(PayloadError::BlocksLength);
        }
        if !self.known {
            self.blocks.update(bytes);
        }
        if self.failed.is_none() {
            self.failed = self.feed(bytes, &mut sink).err();
        }
        Ok(())
    }

    fn feed(&mut self, bytes: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<(), PayloadError> {
        let mut input = InBuffer::around(bytes);
        loop {
            if self.ended && input.pos() < bytes.len() {
                return Err(PayloadError::EndsEarly);
            }
            let DecoderTools { zstd, root, output: decoded } = &mut self.tools;
            decoded.clear();
            let mut output = OutBuffer::around(decoded);
            let hint =
                zstd.decompress_stream(&mut output, &mut input).map_err(PayloadError::zstd)?;
            self.ended |= hint == 0;
            let full = decoded.len() == decoded.capacity();
            self.produced += decoded.len() as u64;
            // Checked before anything is done with the bytes: a bomb costs one buffer.
            if self.produced > self.expected.bytes {
                return Err(PayloadError::TooLong);
            }
            if !self.known && !root.update_within(decoded, self.expected.root.chunks) {
                return Err(PayloadError::Root);
            }
            sink(decoded);
            // A full buffer may mean that more is waiting inside the decoder.
            if input.pos() == bytes.len() && !full {
                return Ok(());
            }
        }
    }

    /// Checks that the blocks are complete and are the ones the seal states.
    ///
    /// # Errors
    /// [`PayloadError`].
    pub fn finish(&mut self) -> Result<(), PayloadError> {
        if self.taken != self.expected.blocks_len {
            return Err(PayloadError::BlocksLength);
        }
        if !self.known && self.blocks.finish() != self.expected.blocks {
            return Err(PayloadError::BlocksHash);
        }
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.feed(&TERMINATOR, &mut |_| {})?;
        if !self.ended {
            return Err(PayloadError::EndsInBlock);
        }
        if self.produced != self.expected.bytes {
            return Err(PayloadError::TooShort);
        }
        if self.known {
            return Ok(());
        }
        if self.tools.root.in_line() {
            return Err(PayloadError::Root);
        }
        if self.tools.root.take() == self.expected.root { Ok(()) } else { Err(PayloadError::Root) }
    }

    /// Gives back what it allocated.
    pub(crate) fn into_tools(self) -> DecoderTools {
        self.tools
    }
}

/// Why blocks aren't the payload that the seal states.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PayloadError {
    /// There are more or fewer bytes of blocks.
    BlocksLength,
    /// The blocks' hash is another.
    BlocksHash,
    /// libzstd can't decode them.
    Zstd(&'static str),
    /// A block inside says that it is the last.
    EndsEarly,
    /// The blocks end inside a block.
    EndsInBlock,
    /// They decode to more bytes than stated.
    TooLong,
    /// They decode to fewer bytes than stated.
    TooShort,
    /// Root, lines or chunks are others.
    Root,
}

impl PayloadError {
    fn zstd(code: usize) -> Self {
        Self::Zstd(zstd::zstd_safe::get_error_name(code))
    }

    /// Whether the stored bytes aren't the signed ones; otherwise whoever signed made them so.
    #[must_use]
    pub fn stored_bytes_differ(self) -> bool {
        matches!(self, Self::BlocksLength | Self::BlocksHash)
    }
}

impl fmt::Display for PayloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BlocksLength => "the blocks have another length than signed",
            Self::BlocksHash => "the blocks' hash isn't the signed one",
            Self::Zstd(what) => return write!(f, "the blocks don't decode: {what}"),
            Self::EndsEarly => "a block inside says that it is the last",
            Self::EndsInBlock => "the blocks end inside a block",
            Self::TooLong => "the payload is longer than signed",
            Self::TooShort => "the payload is shorter than signed",
            Self::Root => "the payload's root isn't the signed one",
        })
    }
}

impl std::error::Error for PayloadError {}
