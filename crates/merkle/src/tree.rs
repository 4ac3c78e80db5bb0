//! BLAKE3's tree over the chunks of a batch: which part of it is where, and what it hashes to.

use blake3::hazmat::{
    ContextKey, HasherExt as _, Mode, hash_derive_key_context, merge_subtrees_non_root,
    merge_subtrees_root,
};

use crate::FRAME_SIZE;
use crate::hash::Hash;
use crate::root::ROOT_CONTEXT;

/// Most chunks of a tree: BLAKE3 hashes less than 2⁶⁴ bytes.
pub(crate) const MOST_CHUNKS: u64 = 1 << 54;

/// Consecutive chunks of a batch that are one node of its tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    /// The first chunk, from 0.
    pub(crate) start: u64,
    /// How many there are, at least 1.
    pub(crate) chunks: u64,
}

impl Span {
    /// The node's children, for a node of more than one chunk: the left one is the largest complete
    /// tree that leaves something to the right one.
    pub(crate) fn children(self) -> (Self, Self) {
        let left = self.chunks.div_ceil(2).next_power_of_two();
        let right = Self { start: self.start + left, chunks: self.chunks - left };
        (Self { start: self.start, chunks: left }, right)
    }

    /// The first chunk behind it.
    pub(crate) fn end(self) -> u64 {
        self.start + self.chunks
    }

    /// Whether it has no chunk of the other.
    pub(crate) fn is_apart(self, other: Self) -> bool {
        self.end() <= other.start || other.end() <= self.start
    }

    /// Whether all of its chunks are the other's.
    pub(crate) fn is_within(self, other: Self) -> bool {
        other.start <= self.start && self.end() <= other.end()
    }
}

/// Hashes nodes of a batch's tree.
pub(crate) struct Tree(ContextKey);

impl Tree {
    pub(crate) fn new() -> Self {
        Self(hash_derive_key_context(ROOT_CONTEXT))
    }

    /// A hasher for the frames of a node that isn't the root; all of them must come.
    pub(crate) fn node(&self, span: Span) -> Node {
        let mut hasher = blake3::Hasher::new_from_context_key(&self.0);
        hasher.set_input_offset(span.start * FRAME_SIZE as u64);
        Node(hasher)
    }

    /// The chaining value of a node, of those of its children.
    pub(crate) fn parent(&self, left: &Hash, right: &Hash) -> Hash {
        let mode = Mode::DeriveKeyMaterial(&self.0);
        Hash::new(merge_subtrees_non_root(left.as_bytes(), right.as_bytes(), mode))
    }

    /// The root, of the chaining values of its children.
    pub(crate) fn root(&self, left: &Hash, right: &Hash) -> Hash {
        let mode = Mode::DeriveKeyMaterial(&self.0);
        Hash::new(*merge_subtrees_root(left.as_bytes(), right.as_bytes(), mode).as_bytes())
    }
}

/// A node whose frames are being hashed.
pub(crate) struct Node(blake3::Hasher);

impl Node {
    /// Takes its next frames.
    pub(crate) fn take(&mut self, frames: &[u8]) {
        self.0.update(frames);
    }

    /// Its chaining value.
    pub(crate) fn finish(&self) -> Hash {
        Hash::new(self.0.finalize_non_root())
    }

    /// What it hashes to if it is the whole tree.
    pub(crate) fn finish_root(&self) -> Hash {
        Hash::new(*self.0.finalize().as_bytes())
    }
}
