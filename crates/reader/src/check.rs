//! Steps 5 to 7 of FORMAT.md, "Reading and verifying": an object's bytes against its seal.

use std::fmt;
use std::sync::Arc;

use auditseal_format::seal::Range;
use auditseal_format::{
    DecoderPool, Fault, Hasher, LineTimes, ObjectSeal, PayloadDecoder, PayloadError,
};

/// Bytes of the frame header.
const HEADER: u64 = 14;

/// Checks one object's bytes, which come in pieces, in constant memory. Pure.
pub struct ObjectCheck {
    seal: Arc<ObjectSeal>,
    header: Vec<u8>,
    /// What follows the blocks; kept no longer than a seal may be.
    rest: Vec<u8>,
    position: u64,
    blocks: Hasher,
    /// Absent when only stored bytes are checked; an error if libzstd refused to begin.
    decoder: Option<Result<Decoder, PayloadError>>,
}

struct Decoder {
    payload: PayloadDecoder,
    pool: Arc<DecoderPool>,
    lines: RangeLines,
    times: LineTimes,
    /// The first error. It is a verdict only if the stored bytes turn out to be the signed ones,
    /// which is known at their end.
    failed: Option<PayloadError>,
}

impl fmt::Debug for ObjectCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObjectCheck").field("position", &self.position).finish_non_exhaustive()
    }
}

impl ObjectCheck {
    /// A check that has seen no bytes; without decoders it ends with step 5.
    #[must_use]
    pub fn new(seal: Arc<ObjectSeal>, decoders: Option<&Arc<DecoderPool>>) -> Self {
        let decoder = decoders.map(|pool| Decoder::new(&seal, pool));
        Self {
            seal,
            header: Vec::with_capacity(16),
            rest: Vec::new(),
            position: 0,
            blocks: Hasher::new(),
            decoder,
        }
    }

    /// Whether an object of this size can pass at all: asked before any of it is read.
    ///
    /// # Errors
    /// [`Fault::Tampered`].
    pub fn size(&self, size: u64) -> Result<(), Fault> {
        self.seal.check_size(size)
    }

    /// Takes the object's next bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        let blocks = self.seal.blocks();
        let (header, bytes) = self.split(bytes, HEADER);
        self.header.extend_from_slice(header);
        let (inside, rest) = self.split(bytes, blocks.end);
        self.blocks.update(inside);
        if let Some(Ok(decoder)) = &mut self.decoder {
            decoder.take(inside);
        }
        let room = auditseal_format::MAX_SEAL_BLOCK.saturating_sub(self.rest.len());
        self.rest.extend_from_slice(&rest[..rest.len().min(room)]);
        self.position = self.position.saturating_add(rest.len() as u64);
    }

    /// The part of `bytes` before the object's offset `end`, and what is behind; moves on.
    fn split<'a>(&mut self, bytes: &'a [u8], end: u64) -> (&'a [u8], &'a [u8]) {
        let left = usize::try_from(end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let (before, behind) = bytes.split_at(left.min(bytes.len()));
        self.position += before.len() as u64;
        (before, behind)
    }

    /// Whether more bytes than the object may have were taken: no more are needed for a verdict.
    #[must_use]
    pub fn overflows(&self) -> bool {
        let most = auditseal_format::MAX_SEAL_BLOCK as u64;
        self.position > self.seal.blocks().end.saturating_add(most)
    }

    /// The verdict. `tail` is what the seal was read from: the object's last bytes.
    ///
    /// # Errors
    /// [`Fault::Tampered`] for step 5, [`Fault::Malformed`] for step 6, [`Fault::WrongTimes`] for
    /// step 7.
    pub fn finish(self, tail: &[u8]) -> Result<(), Fault> {
        self.seal.check_frame(&self.header, self.position)?;
        if !tail.ends_with(&self.rest) {
            return Err(Fault::Tampered("two reads of it gave different ends".to_owned()));
        }
        if self.blocks.finish() != self.seal.seal.payload.blocks {
            return Err(Fault::Tampered(PayloadError::BlocksHash.to_string()));
        }
        match self.decoder {
            None => Ok(()),
            Some(Ok(decoder)) => decoder.finish(&self.seal),
            Some(Err(error)) => Err(Fault::Malformed(error.to_string())),
        }
    }
}

impl Decoder {
    fn new(seal: &ObjectSeal, pool: &Arc<DecoderPool>) -> Result<Self, PayloadError> {
        let (payload, pool) = (pool.decoder(&seal.seal.payload)?, Arc::clone(pool));
        let (lines, times) =
            (RangeLines::new(&seal.seal.ranges), LineTimes::new(seal.seal.payload.field));
        Ok(Self { payload, pool, lines, times, failed: None })
    }

    fn take(&mut self, blocks: &[u8]) {
        if self.failed.is_none() {
            let (lines, times) = (&mut self.lines, &mut self.times);
            let each = |payload: &[u8]| {
                lines.take(payload);
                times.take(payload);
            };
            self.failed = self.payload.blocks(blocks, each).err();
        }
    }

    fn finish(mut self, seal: &ObjectSeal) -> Result<(), Fault> {
        let ended = self.failed.map_or_else(|| self.payload.finish(), Err);
        self.pool.put_back(self.payload);
        ended.map_err(|error| Fault::Malformed(error.to_string()))?;
        if !self.lines.holds() {
            let what = "a range has another number of lines than signed";
            return Err(Fault::Malformed(what.to_owned()));
        }
        self.times.check(&seal.seal.payload).map_err(Fault::WrongTimes)
    }
}

/// Counts the lines of each range's part of a payload.
struct RangeLines {
    /// Bytes and lines still to come of each range, the next one last.
    ranges: Vec<(u64, u64)>,
    wrong: bool,
}

impl RangeLines {
    fn new(ranges: &[Range]) -> Self {
        let parts = ranges.iter().rev();
        let parts = parts.map(|range| (range.payload_bytes().unwrap_or(0), range.lines));
        Self { ranges: parts.filter(|part| *part != (0, 0)).collect(), wrong: false }
    }

    fn take(&mut self, mut payload: &[u8]) {
        while let Some((bytes, lines)) = self.ranges.last_mut()
            && !payload.is_empty()
        {
            let here = usize::try_from(*bytes).unwrap_or(usize::MAX).min(payload.len());
            let (part, rest) = payload.split_at(here);
            payload = rest;
            *bytes -= here as u64;
            let ended = memchr::memchr_iter(b'\n', part).count() as u64;
            self.wrong |= ended > *lines;
            *lines = lines.saturating_sub(ended);
            if *bytes == 0 {
                // Each range's part ends with its last line.
                self.wrong |= *lines > 0 || part.last() != Some(&b'\n');
                self.ranges.pop();
            }
        }
    }

    fn holds(&self) -> bool {
        !self.wrong && self.ranges.is_empty()
    }
}

/// Checks an object that is in memory whole; decompresses nothing before it is the signed one.
pub(crate) fn check_whole(
    seal: ObjectSeal,
    object: &[u8],
    decoders: Option<&Arc<DecoderPool>>,
) -> (ObjectSeal, Result<(), Fault>) {
    let seal = Arc::new(seal);
    let mut check = ObjectCheck::new(Arc::clone(&seal), None);
    check.take(object);
    let stored = check.finish(object);
    let verdict = match decoders {
        Some(pool) => stored.and_then(|()| decompress(&seal, object, pool)),
        None => stored,
    };
    (Arc::unwrap_or_clone(seal), verdict)
}

/// Steps 6 and 7 alone.
fn decompress(seal: &ObjectSeal, object: &[u8], pool: &Arc<DecoderPool>) -> Result<(), Fault> {
    let refused = |error: PayloadError| Fault::Malformed(error.to_string());
    let mut decoder = Decoder::new(seal, pool).map_err(refused)?;
    let blocks = seal.blocks();
    // In bounds: the object has the size that its seal says.
    let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX).min(object.len());
    decoder.take(&object[at(blocks.start)..at(blocks.end)]);
    decoder.finish(seal)
}
