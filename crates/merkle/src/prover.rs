//! Finding a line in a payload, and the siblings of its chunks.

use std::fmt;

use crate::FRAME_SIZE;
use crate::framer::Framer;
use crate::hash::Hash;
use crate::path::{LinePath, chunks_of, siblings};
use crate::tree::{MOST_CHUNKS, Node, Span, Tree};

/// A line of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundLine {
    /// Index of the line in its batch, from 0.
    pub line: u64,
    /// Index of its first chunk, from 0.
    pub chunk: u64,
    /// Its bytes, without the `\n`.
    pub bytes: Vec<u8>,
}

/// Looks for one line in a payload that comes in pieces. Memory is bounded by that line, and by
/// `most`.
#[derive(Debug)]
pub struct LineFinder {
    wanted: u64,
    most: usize,
    /// The open line, its first chunk, and how many of its bytes have come.
    line: u64,
    chunk: u64,
    length: usize,
    bytes: Vec<u8>,
    found: Option<FoundLine>,
    too_long: bool,
}

impl LineFinder {
    /// Looks for the line of this index, from 0, if it has at most so many bytes.
    #[must_use]
    pub fn new(line: u64, most: usize) -> Self {
        Self {
            wanted: line,
            most,
            line: 0,
            chunk: 0,
            length: 0,
            bytes: Vec::new(),
            found: None,
            too_long: false,
        }
    }

    /// Takes the payload's next bytes.
    pub fn take(&mut self, mut payload: &[u8]) {
        while !self.ended()
            && let Some(at) = memchr::memchr(b'\n', payload)
        {
            self.extend(&payload[..at]);
            if self.line == self.wanted && !self.too_long {
                let bytes = std::mem::take(&mut self.bytes);
                self.found = Some(FoundLine { line: self.line, chunk: self.chunk, bytes });
            }
            self.chunk = self.chunk.saturating_add(chunks_of(self.length));
            self.line += 1;
            self.length = 0;
            payload = &payload[at + 1..];
        }
        if !self.ended() {
            self.extend(payload);
        }
    }

    /// What was found.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn finish(self) -> Result<FoundLine, LineError> {
        match self.found {
            Some(found) => Ok(found),
            None if self.too_long => Err(LineError::Long { most: self.most }),
            None => Err(LineError::None { lines: self.line }),
        }
    }

    fn ended(&self) -> bool {
        self.found.is_some() || self.too_long
    }

    fn extend(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len());
        if self.line == self.wanted {
            self.too_long = self.length > self.most;
            if !self.too_long {
                self.bytes.extend_from_slice(bytes);
            }
        }
    }
}

/// Why a line wasn't found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineError {
    /// There are so many lines, and it isn't one of them.
    None {
        /// Lines of the payload, but for an open one.
        lines: u64,
    },
    /// It is longer than was allowed for, in bytes.
    Long {
        /// As many bytes may be.
        most: usize,
    },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None { lines } => write!(f, "there are {lines} lines"),
            Self::Long { most } => write!(f, "the line is longer than {most} bytes"),
        }
    }
}

impl std::error::Error for LineError {}

impl FoundLine {
    /// Looks for the siblings of its chunks, in a batch of so many chunks.
    #[must_use]
    pub fn prover(&self, chunks: u64) -> Prover {
        let own = Span { start: self.chunk, chunks: chunks_of(self.bytes.len()) };
        let fits = chunks <= MOST_CHUNKS && own.start.checked_add(own.chunks) <= Some(chunks);
        Prover {
            framer: Framer::new(),
            beside: Beside {
                tree: Tree::new(),
                wanted: if fits { siblings(own, chunks) } else { Vec::new() },
                open: None,
                at: 0,
                found: Vec::new(),
            },
            chunks: fits.then_some(chunks),
            line: self.line,
            chunk: self.chunk,
        }
    }
}

/// Hashes all that stands beside a line in its batch, in one pass over the payload and constant memory.
pub struct Prover {
    framer: Framer,
    beside: Beside,
    /// Chunks of the batch, if the line fits into them.
    chunks: Option<u64>,
    line: u64,
    chunk: u64,
}

impl fmt::Debug for Prover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prover").field("line", &self.line).finish_non_exhaustive()
    }
}

impl Prover {
    /// Takes the payload's next bytes, cut anywhere.
    pub fn take(&mut self, payload: &[u8]) {
        let Some(chunks) = self.chunks else { return };
        let Self { framer, beside, .. } = self;
        // One chunk more is one beside no node, and the payload isn't the batch's.
        if !framer.take(payload, chunks, &mut |frames| beside.take(frames)) {
            self.chunks = None;
        }
    }

    /// What leads from the line to the root; `None` if the payload isn't one of as many chunks.
    #[must_use]
    pub fn finish(mut self) -> Option<LinePath> {
        let Self { framer, beside, .. } = &mut self;
        framer.flush(&mut |frames| beside.take(frames));
        let whole = !framer.in_line() && Some(framer.chunks()) == self.chunks;
        let Self { line, chunk, beside, .. } = self;
        whole.then_some(LinePath { line, chunk, siblings: beside.found })
    }
}

/// The nodes beside a line, hashed as their frames go by.
struct Beside {
    tree: Tree,
    /// All of them, from left to right.
    wanted: Vec<Span>,
    /// The one whose frames are going by.
    open: Option<Node>,
    /// The chunk whose frame comes next.
    at: u64,
    found: Vec<Hash>,
}

impl Beside {
    fn take(&mut self, mut frames: &[u8]) {
        while !frames.is_empty() {
            let Some(span) = self.wanted.get(self.found.len()).copied() else { return };
            // Up to its beginning it is the line's own chunks.
            let inside = self.at >= span.start;
            let border = if inside { span.end() } else { span.start };
            let count = frames.len() as u64 / FRAME_SIZE as u64;
            let count = count.min(border - self.at);
            let bytes = usize::try_from(count).unwrap_or(usize::MAX).saturating_mul(FRAME_SIZE);
            let (now, rest) = frames.split_at(bytes.min(frames.len()));
            frames = rest;
            self.at += count;
            if inside {
                let node = self.open.get_or_insert_with(|| self.tree.node(span));
                node.take(now);
                if self.at == span.end() {
                    self.found.push(node.finish());
                    self.open = None;
                }
            }
        }
    }
}
