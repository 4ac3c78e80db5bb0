//! Source bytes → payload, compressed and hashed, in one pass and bounded memory.

use std::fmt;

use auditseal_audit::TimeField;
use auditseal_merkle::RootHasher;
use zstd::zstd_safe::{CCtx, CParameter, InBuffer, OutBuffer, ResetDirective, zstd_sys};

use crate::decode::{DecoderTools, PayloadDecoder, PayloadError};
use crate::frame::{HEADER, sizeless_header};
use crate::seal::{Hole, Payload};
use crate::times::LineTimes;

/// Bytes that libzstd's own frame header takes; it is dropped for the one written by hand.
const LIBZSTD_HEADER: usize = 6;
/// A raw block without bytes, which isn't the last.
const EMPTY_BLOCK: [u8; 3] = [0; 3];
/// Most bytes handed to the compressor and the hasher at a time: they stay in the cache.
const SLICE: usize = 256 << 10;

/// How payloads are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compression {
    /// zstd level, 1–19.
    pub level: i32,
    /// Base-2 logarithm of the window, 17–23.
    pub window: u8,
}

impl Compression {
    /// Prepares a compressor for a frame of which only the blocks are used.
    pub(crate) fn set(self, zstd: &mut CCtx<'static>) -> Result<(), PackError> {
        zstd.reset(ResetDirective::SessionAndParameters).map_err(PackError::zstd)?;
        for parameter in [
            CParameter::CompressionLevel(self.level),
            CParameter::WindowLog(self.window.into()),
            CParameter::ContentSizeFlag(false),
            CParameter::ChecksumFlag(false),
            CParameter::DictIdFlag(false),
        ] {
            zstd.set_parameter(parameter).map_err(PackError::zstd)?;
        }
        Ok(())
    }
}

impl Default for Compression {
    /// zstd's own default level and its window.
    fn default() -> Self {
        Self { level: 3, window: 21 }
    }
}

/// What a range's bytes turned out to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeFacts {
    /// Lines of the payload.
    pub lines: u64,
    /// NUL runs left out of the payload.
    pub holes: Vec<Hole>,
    /// The payload's last `\n` isn't in the source.
    pub unterminated: bool,
}

/// Builds one payload.
///
/// Source bytes go in range by range; NUL runs become holes; the rest is compressed, hashed into
/// the root and looked at line by line. A line may be of any length.
pub struct Packer {
    tools: PackerTools,
    window: u8,
    times: LineTimes,
    /// The frame so far: room for the header, then the blocks.
    frame: Vec<u8>,
    bytes: u64,
    holes_left: usize,
    range: OpenRange,
}

/// What a packer allocates, about 8 MiB: for whoever packs many payloads, one after the other.
/// Fresh memory for each would cost as much as half of their hashing.
pub struct PackerTools {
    zstd: CCtx<'static>,
    root: RootHasher,
    check: Option<DecoderTools>,
}

impl fmt::Debug for PackerTools {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PackerTools")
    }
}

impl Default for PackerTools {
    fn default() -> Self {
        Self { zstd: CCtx::create(), root: RootHasher::new(), check: None }
    }
}

#[derive(Default)]
struct OpenRange {
    /// Offset in the file of the next source byte.
    offset: u64,
    first_line: u64,
    holes: Vec<Hole>,
    /// The NUL run that the bytes so far end with.
    run: Option<Hole>,
}

impl fmt::Debug for Packer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packer").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl Packer {
    /// An empty payload that will have at most `max_holes` holes; later NUL runs stay in it.
    ///
    /// # Errors
    /// [`PackError::Zstd`] when libzstd refuses the settings.
    pub fn new(compression: Compression, max_holes: usize) -> Result<Self, PackError> {
        Self::reusing(PackerTools::default(), compression, max_holes)
    }

    /// The same, with what a packer before allocated. The payload is the same as with fresh ones.
    ///
    /// # Errors
    /// As [`Packer::new`].
    pub fn reusing(
        mut tools: PackerTools,
        compression: Compression,
        max_holes: usize,
    ) -> Result<Self, PackError> {
        compression.set(&mut tools.zstd)?;
        tools.root.clear();
        Ok(Self {
            tools,
            window: compression.window,
            times: LineTimes::new(TimeField::Audit),
            frame: vec![0; HEADER - LIBZSTD_HEADER],
            bytes: 0,
            holes_left: max_holes,
            range: OpenRange::default(),
        })
    }

    /// Looks for the lines' times where `field` says, and not where an audit event has them. Before the first range.
    #[must_use]
    pub fn timed_by(self, field: TimeField) -> Self {
        Self { times: LineTimes::new(field), ..self }
    }

    /// Begins a range at `start`, an offset in its file.
    ///
    /// # Panics
    /// When the range before wasn't ended.
    pub fn begin_range(&mut self, start: u64) {
        assert!(!self.tools.root.in_line() && self.range.run.is_none(), "a range is open");
        self.range = OpenRange {
            offset: start,
            first_line: self.tools.root.lines(),
            ..OpenRange::default()
        };
    }

    /// Takes the next source bytes of the open range.
    ///
    /// # Errors
    /// [`PackError::Zstd`].
    pub fn source(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        bytes.chunks(SLICE).try_for_each(|slice| self.slice(slice))
    }

    /// Takes the next `length` source bytes of the open range, which are NULs that nobody need read:
    /// they are a hole, beside those that [`Packer::new`] allows.
    pub fn hole(&mut self, length: u64) {
        let offset = self.range.offset;
        self.range.run.get_or_insert(Hole { offset, length: 0 }).length += length;
        self.range.offset += length;
    }

    fn slice(&mut self, mut bytes: &[u8]) -> Result<(), PackError> {
        while !bytes.is_empty() {
            let nul = bytes[0] == 0;
            let length = if nul {
                bytes.iter().position(|b| *b != 0).unwrap_or(bytes.len())
            } else {
                memchr::memchr(0, bytes).unwrap_or(bytes.len())
            };
            let (run, rest) = bytes.split_at(length);
            if nul {
                self.nul_run(length as u64)?;
            } else {
                self.close_run();
                self.payload(run)?;
            }
            self.range.offset += length as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// A run may go on in the next piece: it is one hole all the same.
    fn nul_run(&mut self, length: u64) -> Result<(), PackError> {
        let offset = self.range.offset;
        match &mut self.range.run {
            Some(run) => run.length += length,
            none if self.holes_left > 0 => {
                self.holes_left -= 1;
                *none = Some(Hole { offset, length });
            }
            // A file full of single NULs: the note has no room for them, the payload has.
            _ => {
                let zeros = [0; 4096];
                let mut left = length;
                while left > 0 {
                    let n = left.min(zeros.len() as u64);
                    self.payload(&zeros[..usize::try_from(n).unwrap_or(zeros.len())])?;
                    left -= n;
                }
            }
        }
        Ok(())
    }

    fn close_run(&mut self) {
        self.range.holes.extend(self.range.run.take());
    }

    /// Ends the open range. Bytes after its last `\n` become a line of their own.
    ///
    /// # Errors
    /// [`PackError::Zstd`].
    pub fn end_range(&mut self) -> Result<RangeFacts, PackError> {
        let unterminated = self.tools.root.in_line();
        self.close_run();
        if unterminated {
            self.payload(b"\n")?;
        }
        let range = std::mem::take(&mut self.range);
        Ok(RangeFacts {
            lines: self.tools.root.lines() - range.first_line,
            holes: range.holes,
            unterminated,
        })
    }

    fn payload(&mut self, bytes: &[u8]) -> Result<(), PackError> {
        self.tools.root.update(bytes);
        self.times.take(bytes);
        self.bytes += bytes.len() as u64;
        self.compress(bytes, zstd_sys::ZSTD_EndDirective::ZSTD_e_continue)
    }

    fn compress(
        &mut self,
        bytes: &[u8],
        directive: zstd_sys::ZSTD_EndDirective,
    ) -> Result<(), PackError> {
        let flush = directive != zstd_sys::ZSTD_EndDirective::ZSTD_e_continue;
        let mut input = InBuffer::around(bytes);
        loop {
            self.frame.reserve(CCtx::out_size());
            let at = self.frame.len();
            let mut output = OutBuffer::around_pos(&mut self.frame, at);
            let left = self
                .tools
                .zstd
                .compress_stream2(&mut output, &mut input, directive)
                .map_err(PackError::zstd)?;
            if input.pos() == bytes.len() && (!flush || left == 0) {
                return Ok(());
            }
        }
    }

    /// Ends the payload and checks it: what was compressed is decoded again, and must give the
    /// same root. A fault in memory or in the compressor would otherwise be found years later.
    ///
    /// # Errors
    /// [`PackError::Zstd`], or [`PackError::Check`] when the blocks don't decode to the payload.
    pub fn finish(self) -> Result<Packed, PackError> {
        self.finish_keeping().map(|(packed, _)| packed)
    }

    /// The same, and gives back what the packer allocated.
    ///
    /// # Errors
    /// As [`Packer::finish`].
    pub fn finish_keeping(mut self) -> Result<(Packed, PackerTools), PackError> {
        if self.bytes > 0 {
            // Flushing, not ending, leaves every block without the last-block bit.
            self.compress(b"", zstd_sys::ZSTD_EndDirective::ZSTD_e_flush)?;
            assert_eq!(
                self.frame[HEADER - LIBZSTD_HEADER..HEADER],
                sizeless_header(self.window),
                "libzstd's frame header has the length that is replaced"
            );
        } else {
            self.frame.resize(HEADER, 0);
        }
        let root = self.tools.root.take();
        pad(&mut self.frame, root.chunks);
        let blocks = &self.frame[HEADER..];
        let mut payload = Payload {
            root,
            bytes: self.bytes,
            blocks: auditseal_merkle::hash(blocks),
            blocks_len: blocks.len() as u64,
            window: self.window,
            malformed: 0,
            field: TimeField::Audit,
            untimed: 0,
            times: None,
        };
        self.times.fill(&mut payload);
        let check = self.tools.check.take().unwrap_or_else(DecoderTools::new);
        let mut decoder = PayloadDecoder::reusing(check, &payload).map_err(PackError::Check)?;
        decoder.blocks(blocks, |_| {}).and_then(|()| decoder.finish()).map_err(PackError::Check)?;
        self.tools.check = Some(decoder.into_tools());
        Ok((Packed { payload, frame: self.frame }, self.tools))
    }
}

/// A log of empty lines compresses to next to nothing, and costs its readers a chunk of hashing for
/// each: empty blocks make the object as large as FORMAT.md demands for that, at most as large as
/// its lines are. Anything like an audit log has thirty bytes for each chunk by itself.
fn pad(frame: &mut Vec<u8>, chunks: u64) {
    let blocks = (frame.len() - HEADER) as u64;
    let lacking = chunks.saturating_sub(blocks).div_ceil(EMPTY_BLOCK.len() as u64);
    for _ in 0..lacking {
        frame.extend(EMPTY_BLOCK);
    }
}

/// A finished payload: what the seal says of it, and its blocks.
#[derive(Clone, PartialEq, Eq)]
pub struct Packed {
    /// What the seal says of it.
    pub payload: Payload,
    /// Room for the frame header, then the blocks.
    pub(crate) frame: Vec<u8>,
}

impl Packed {
    /// The payload of a seal without lines, in a chain whose lines' times are where `field` says.
    ///
    /// # Errors
    /// [`PackError::Zstd`] when libzstd refuses the settings.
    pub fn empty(compression: Compression, field: TimeField) -> Result<Self, PackError> {
        Packer::new(compression, 0)?.timed_by(field).finish()
    }
}

impl fmt::Debug for Packed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Packed").field("payload", &self.payload).finish_non_exhaustive()
    }
}

/// Why a payload couldn't be packed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackError {
    /// libzstd failed.
    Zstd(&'static str),
    /// What was compressed doesn't decode to what went in.
    Check(PayloadError),
}

impl PackError {
    pub(crate) fn zstd(code: usize) -> Self {
        Self::Zstd(zstd::zstd_safe::get_error_name(code))
    }
}

impl fmt::Display for PackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zstd(what) => write!(f, "compress batch: {what}"),
            Self::Check(error) => write!(f, "check compressed batch: {error}"),
        }
    }
}

impl std::error::Error for PackError {}
