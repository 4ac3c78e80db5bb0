//! What leads from one line to the root of its batch, and the check of it.

use std::fmt;

use crate::frame::Frame;
use crate::hash::Hash;
use crate::root::Root;
use crate::tree::{MOST_CHUNKS, Node, Span, Tree};
use crate::{FRAME_CAPACITY, FRAME_HEADER, FRAME_SIZE};

/// Most siblings of a line: a tree of 2⁵⁴ chunks is 54 high, and there may be one on each side at
/// each height.
pub const MOST_SIBLINGS: usize = 108;

/// Frames that are made and hashed at a time.
const FRAMES: usize = 64;

/// Where a line stands in its batch, and the chaining values of all that stands beside it in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinePath {
    /// Index of the line in its batch, from 0.
    pub line: u64,
    /// Index of its first chunk in the batch, from 0.
    pub chunk: u64,
    /// The chaining values of the nodes beside the line's chunks, in the order of their chunks, which
    /// is that of a walk in pre-order.
    pub siblings: Vec<Hash>,
}

impl LinePath {
    /// Checks that `line`, the bytes of a line without its `\n`, stands at this place of the batch with
    /// this root. Its frames are made here, of the line's bytes alone.
    ///
    /// How many chunks the batch has is taken from `root`: siblings don't prove that. The time that it
    /// takes goes with the line's length.
    ///
    /// # Errors
    /// [`PathError`].
    pub fn check(&self, line: &[u8], root: &Root) -> Result<(), PathError> {
        let own = self.place(line.len(), root)?;
        let wanted = siblings(own, root.chunks).len();
        if wanted != self.siblings.len() {
            return Err(PathError::Siblings { wanted, given: self.siblings.len() });
        }
        let mut walk = Walk {
            tree: Tree::new(),
            frames: Frames { line, index: self.line, buffer: vec![0; FRAMES * FRAME_SIZE] },
            own,
            siblings: self.siblings.iter(),
        };
        if walk.root(root.chunks) == Some(root.hash) { Ok(()) } else { Err(PathError::Root) }
    }

    /// How many of the siblings stand for a single chunk: for a piece of at most 1,008 bytes of one
    /// other line, which whoever has an idea of it can try.
    ///
    /// # Errors
    /// [`PathError`] if a line of so many bytes can't stand here.
    pub fn single(&self, length: usize, root: &Root) -> Result<usize, PathError> {
        let own = self.place(length, root)?;
        Ok(siblings(own, root.chunks).iter().filter(|span| span.chunks == 1).count())
    }

    /// The chunks of a line of so many bytes, if there is room for it: each line has at least one.
    fn place(&self, length: usize, root: &Root) -> Result<Span, PathError> {
        let (line, lines) = (self.line, root.lines);
        if line >= lines {
            return Err(PathError::Line { line, lines });
        }
        let own = Span { start: self.chunk, chunks: chunks_of(length) };
        let behind = own.start.checked_add(own.chunks).and_then(|end| root.chunks.checked_sub(end));
        let fits = root.chunks <= MOST_CHUNKS && own.start >= line;
        match behind {
            Some(behind) if fits && behind >= lines - line - 1 => Ok(own),
            _ => Err(PathError::Chunk { chunk: own.start, chunks: root.chunks }),
        }
    }
}

/// The chunks that a line of so many bytes has.
pub(crate) fn chunks_of(length: usize) -> u64 {
    length.div_ceil(FRAME_CAPACITY).max(1) as u64
}

/// The nodes beside `own` in a tree of so many chunks, from left to right.
pub(crate) fn siblings(own: Span, chunks: u64) -> Vec<Span> {
    let mut found = Vec::new();
    let mut open = vec![Span { start: 0, chunks }];
    while let Some(span) = open.pop() {
        if span.is_apart(own) {
            found.push(span);
        } else if !span.is_within(own) {
            let (left, right) = span.children();
            open.extend([right, left]);
        }
    }
    found
}

/// A walk over the tree that hashes the line's own chunks and takes the siblings as they are.
struct Walk<'a> {
    tree: Tree,
    frames: Frames<'a>,
    own: Span,
    siblings: std::slice::Iter<'a, Hash>,
}

impl Walk<'_> {
    fn root(&mut self, chunks: u64) -> Option<Hash> {
        let all = Span { start: 0, chunks };
        if all.is_within(self.own) {
            return Some(self.hash(all).finish_root());
        }
        let (left, right) = all.children();
        let (left, right) = (self.node(left)?, self.node(right)?);
        Some(self.tree.root(&left, &right))
    }

    /// The chaining value of a node. It goes no deeper than the tree is high.
    fn node(&mut self, span: Span) -> Option<Hash> {
        if span.is_apart(self.own) {
            return self.siblings.next().copied();
        }
        if span.is_within(self.own) {
            return Some(self.hash(span).finish());
        }
        let (left, right) = span.children();
        let (left, right) = (self.node(left)?, self.node(right)?);
        Some(self.tree.parent(&left, &right))
    }

    /// Hashes consecutive chunks of the line.
    fn hash(&mut self, span: Span) -> Node {
        let mut node = self.tree.node(span);
        let first = span.start - self.own.start;
        self.frames.each(first, span.chunks, |frames| node.take(frames));
        node
    }
}

/// Makes the frames of one line.
struct Frames<'a> {
    line: &'a [u8],
    index: u64,
    buffer: Vec<u8>,
}

impl Frames<'_> {
    /// Hands over so many of its frames, from one on.
    fn each(&mut self, first: u64, count: u64, mut take: impl FnMut(&[u8])) {
        let pieces = chunks_of(self.line.len());
        let mut filled = 0;
        for piece in first..first + count {
            let frame = &mut self.buffer[filled..filled + FRAME_SIZE];
            // In bounds: the line has these pieces.
            let at = usize::try_from(piece).unwrap_or(usize::MAX).saturating_mul(FRAME_CAPACITY);
            let rest = self.line.get(at..).unwrap_or_default();
            let part = &rest[..rest.len().min(FRAME_CAPACITY)];
            let header = Frame {
                line: self.index,
                piece: u32::try_from(piece).unwrap_or(u32::MAX),
                used: u16::try_from(part.len()).unwrap_or(u16::MAX),
                last: piece + 1 == pieces,
            };
            frame.fill(0);
            frame[..FRAME_HEADER].copy_from_slice(&header.header());
            frame[FRAME_HEADER..FRAME_HEADER + part.len()].copy_from_slice(part);
            filled += FRAME_SIZE;
            if filled == self.buffer.len() {
                take(&self.buffer);
                filled = 0;
            }
        }
        take(&self.buffer[..filled]);
    }
}

/// Why a line isn't the one at this place of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathError {
    /// The batch has fewer lines.
    Line {
        /// Index of the line, from 0.
        line: u64,
        /// Lines of the batch.
        lines: u64,
    },
    /// A line of this length can't begin with this chunk: all others need chunks too.
    Chunk {
        /// Index of the first chunk, from 0.
        chunk: u64,
        /// Chunks of the batch.
        chunks: u64,
    },
    /// There are more or fewer siblings than there are nodes beside the line's.
    Siblings {
        /// As many there must be.
        wanted: usize,
        /// As many there are.
        given: usize,
    },
    /// Line, place and siblings lead to another root.
    Root,
}

impl fmt::Display for PathError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { line, lines } => {
                write!(f, "it says line {}, and the batch has {lines}", line.saturating_add(1))
            }
            Self::Chunk { chunk, chunks } => write!(
                f,
                "the line doesn't fit at chunk {chunk} of {chunks}: the lines around it need room too"
            ),
            Self::Siblings { wanted, given } => {
                write!(f, "a line at this place has {wanted} siblings, and there are {given}")
            }
            Self::Root => f.write_str("line, place and siblings don't lead to the batch's root"),
        }
    }
}

impl std::error::Error for PathError {}
