//! Lines → frames, in one pass and constant memory.

use crate::{FRAME_CAPACITY, FRAME_HEADER, FRAME_SIZE, Frame};

/// Frames are handed on 128 at a time: BLAKE3 needs many whole chunks per call to use SIMD.
const BUFFER: usize = 128 * FRAME_SIZE;

/// Cuts payload bytes into frames: lines, each ended by `\n`.
///
/// A line may have any length: the frame says "last", not how long the line is, so that its length
/// needn't be known when it begins.
pub(crate) struct Framer {
    buffer: Box<[u8]>,
    /// Bytes of finished frames in `buffer`; the open frame starts here.
    filled: usize,
    /// Bytes of the line in the open frame.
    used: usize,
    piece: u32,
    line: u64,
    chunks: u64,
    in_line: bool,
}

impl Framer {
    /// Before the first line.
    pub(crate) fn new() -> Self {
        Self {
            buffer: vec![0; BUFFER].into_boxed_slice(),
            filled: 0,
            used: 0,
            piece: 0,
            line: 0,
            chunks: 0,
            in_line: false,
        }
    }

    /// Takes the next payload bytes, cut anywhere, and hands whole frames to `sink`; stops where the
    /// lines that ended have more than `most` chunks. False then.
    pub(crate) fn take(
        &mut self,
        mut payload: &[u8],
        most: u64,
        sink: &mut impl FnMut(&[u8]),
    ) -> bool {
        while let Some(at) = memchr::memchr(b'\n', payload) {
            self.extend(&payload[..at], sink);
            self.close_frame(true, sink);
            if self.chunks > most {
                return false;
            }
            payload = &payload[at + 1..];
        }
        if !payload.is_empty() {
            self.extend(payload, sink);
        }
        self.chunks <= most
    }

    /// Lines ended so far.
    pub(crate) fn lines(&self) -> u64 {
        self.line
    }

    /// Chunks of the lines so far, without the open one's last.
    pub(crate) fn chunks(&self) -> u64 {
        self.chunks
    }

    /// Whether bytes have come after the last `\n`.
    pub(crate) fn in_line(&self) -> bool {
        self.in_line
    }

    /// Hands on the finished frames that are still here.
    pub(crate) fn flush(&mut self, sink: &mut impl FnMut(&[u8])) {
        sink(&self.buffer[..self.filled]);
        self.filled = 0;
    }

    /// Forgets all lines, also an open one.
    pub(crate) fn clear(&mut self) {
        (self.filled, self.used, self.piece) = (0, 0, 0);
        (self.line, self.chunks, self.in_line) = (0, 0, false);
    }

    /// Adds bytes of the open line. A full frame is closed only when a byte follows it, for only
    /// then is it known not to be the line's last.
    fn extend(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(&[u8])) {
        self.in_line = true;
        while !bytes.is_empty() {
            if self.used == FRAME_CAPACITY {
                self.close_frame(false, sink);
            }
            let n = bytes.len().min(FRAME_CAPACITY - self.used);
            let at = self.filled + FRAME_HEADER + self.used;
            self.buffer[at..at + n].copy_from_slice(&bytes[..n]);
            self.used += n;
            bytes = &bytes[n..];
        }
    }

    fn close_frame(&mut self, last: bool, sink: &mut impl FnMut(&[u8])) {
        let used = u16::try_from(self.used).expect("a frame holds 1,008 bytes");
        let frame = Frame { line: self.line, piece: self.piece, used, last };
        let start = self.filled;
        self.buffer[start..start + FRAME_HEADER].copy_from_slice(&frame.header());
        self.buffer[start + FRAME_HEADER + self.used..start + FRAME_SIZE].fill(0);
        self.filled += FRAME_SIZE;
        self.chunks += 1;
        self.used = 0;
        if last {
            self.line += 1;
            self.piece = 0;
            self.in_line = false;
        } else {
            self.piece += 1;
        }
        if self.filled == BUFFER {
            self.flush(sink);
        }
    }
}
