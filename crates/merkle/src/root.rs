//! The root of a batch, computed in one pass over its payload.

use crate::framer::Framer;
use crate::hash::Hash;

/// BLAKE3 `derive_key` context of the root: no other hash of ours can be mistaken for it.
pub const ROOT_CONTEXT: &str = "auditseal 2026-11-21 batch root v1";

/// What a batch's lines hash to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Root {
    /// The root hash.
    pub hash: Hash,
    /// Frames, hence BLAKE3 chunks, hashed; 0 for an empty batch.
    pub chunks: u64,
    /// Lines hashed.
    pub lines: u64,
}

/// Computes a [`Root`] from payload bytes: lines, each ended by `\n`.
///
/// A line may have any length; memory is constant.
pub struct RootHasher {
    inner: blake3::Hasher,
    framer: Framer,
}

impl Default for RootHasher {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for RootHasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RootHasher").field("lines", &self.lines()).finish_non_exhaustive()
    }
}

impl RootHasher {
    /// A hasher over no lines.
    #[must_use]
    pub fn new() -> Self {
        Self { inner: blake3::Hasher::new_derive_key(ROOT_CONTEXT), framer: Framer::new() }
    }

    /// Takes the next payload bytes, cut anywhere.
    pub fn update(&mut self, payload: &[u8]) {
        // Nobody counts so far.
        let _within = self.update_within(payload, u64::MAX);
    }

    /// The same, and stops where the lines that ended have more than `most` chunks: each newline
    /// costs a whole chunk of hashing, and a few bytes of zstd are a hundred thousand of them. False
    /// then, and what was hashed means nothing any more.
    #[must_use]
    pub fn update_within(&mut self, payload: &[u8], most: u64) -> bool {
        let Self { inner, framer } = self;
        framer.take(payload, most, &mut |frames| {
            inner.update(frames);
        })
    }

    /// Lines ended so far.
    #[must_use]
    pub fn lines(&self) -> u64 {
        self.framer.lines()
    }

    /// Chunks of the lines so far, without the open one's last.
    #[must_use]
    pub fn chunks(&self) -> u64 {
        self.framer.chunks()
    }

    /// Whether bytes have come after the last `\n`.
    #[must_use]
    pub fn in_line(&self) -> bool {
        self.framer.in_line()
    }

    /// The root of all lines so far.
    ///
    /// # Panics
    /// When the payload doesn't end with `\n`: an open line has no frame yet, and a root that left
    /// it out would say nothing about it. Ask [`RootHasher::in_line`] first.
    #[must_use]
    pub fn finish(mut self) -> Root {
        self.take()
    }

    /// The same, and begins anew: a batch after the other needs no other buffer.
    ///
    /// # Panics
    /// As [`RootHasher::finish`].
    pub fn take(&mut self) -> Root {
        let Self { inner, framer } = self;
        assert!(!framer.in_line(), "payload ends inside a line");
        framer.flush(&mut |frames| {
            inner.update(frames);
        });
        let hash = Hash::new(*inner.finalize().as_bytes());
        let root = Root { hash, chunks: framer.chunks(), lines: framer.lines() };
        self.clear();
        root
    }

    /// Forgets all lines, also an open one.
    pub fn clear(&mut self) {
        self.inner.reset();
        self.framer.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FRAME_CAPACITY, FRAME_SIZE};
    use proptest::prelude::*;

    /// The specification, word for word: frames of each line, hashed in one piece.
    fn specified(lines: &[Vec<u8>]) -> Root {
        let mut input = Vec::new();
        for (line, bytes) in lines.iter().enumerate() {
            let pieces = bytes.len().div_ceil(FRAME_CAPACITY).max(1);
            for piece in 0..pieces {
                let part =
                    &bytes[piece * FRAME_CAPACITY..bytes.len().min((piece + 1) * FRAME_CAPACITY)];
                input.extend((line as u64).to_le_bytes());
                input.extend((piece as u32).to_le_bytes());
                input.extend((part.len() as u16).to_le_bytes());
                input.extend(u16::from(piece + 1 == pieces).to_le_bytes());
                input.extend(part);
                input.resize(input.len().next_multiple_of(FRAME_SIZE), 0);
            }
        }
        Root {
            hash: Hash::new(blake3::derive_key(ROOT_CONTEXT, &input)),
            chunks: (input.len() / FRAME_SIZE) as u64,
            lines: lines.len() as u64,
        }
    }

    fn computed(lines: &[Vec<u8>], cut: usize) -> Root {
        let payload: Vec<u8> =
            lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
        let mut hasher = RootHasher::new();
        payload.chunks(cut.max(1)).for_each(|piece| hasher.update(piece));
        hasher.finish()
    }

    #[test]
    fn edges_agree_with_the_specification() {
        for length in [0, 1, 1007, 1008, 1009, 2015, 2016, 2017, 65_535, 65_537, 300_000] {
            let lines = vec![vec![b'x'; length], vec![b'y'; 3]];
            for cut in [1, 7, 1008, 4096, usize::MAX] {
                assert_eq!(computed(&lines, cut), specified(&lines), "length {length}, cut {cut}");
            }
        }
        assert_eq!(computed(&[], 1), specified(&[]));
        assert_eq!(computed(&[], 1).chunks, 0);
        assert_eq!(computed(&[vec![]], 1).chunks, 1, "an empty line has a chunk of its own");
    }

    #[test]
    #[should_panic(expected = "inside a line")]
    fn an_open_line_has_no_root() {
        let mut hasher = RootHasher::new();
        hasher.update(b"open");
        assert!(hasher.in_line());
        assert_eq!(hasher.finish().lines, 0, "not reached");
    }

    #[test]
    fn hashing_ends_with_the_chunks_that_are_allowed() {
        for (payload, chunks) in
            [(vec![b'\n'; 5000], 5000), ([vec![b'x'; 9000], vec![b'\n']].concat(), 9)]
        {
            let mut hasher = RootHasher::new();
            assert!(hasher.update_within(&payload, chunks));
            assert_eq!(hasher.take().chunks, chunks);
            assert!(!hasher.update_within(&payload, chunks - 1));
            hasher.clear();
            assert!(!hasher.update_within(&vec![b'\n'; 1 << 20], 7));
            assert_eq!(hasher.chunks(), 8, "one beyond, and no more");
        }
    }

    proptest! {
        #[test]
        fn any_lines_and_any_cuts_agree(
            lines in prop::collection::vec(
                prop::collection::vec(any::<u8>().prop_map(|b| if b == b'\n' { 0 } else { b }), 0..3000), 0..300),
            cut in 1usize..5000,
        ) {
            prop_assert_eq!(computed(&lines, cut), specified(&lines));
        }

        /// What a hasher saw before doesn't show.
        #[test]
        fn a_hasher_begins_anew(
            before in prop::collection::vec(any::<u8>(), 0..5000),
            lines in prop::collection::vec(prop::collection::vec(1u8..=9, 0..3000), 0..9),
        ) {
            let mut hasher = RootHasher::new();
            hasher.update(&before);
            hasher.clear();
            for _ in 0..2 {
                lines.iter().for_each(|line| hasher.update(&[line.as_slice(), b"\n"].concat()));
                prop_assert_eq!(hasher.take(), specified(&lines));
            }
        }

        /// Moving the border between two lines, or one byte, changes the root.
        #[test]
        fn borders_matter(line in prop::collection::vec(1u8..=9, 2..2500), at in any::<prop::sample::Index>()) {
            let at = 1 + at.index(line.len() - 1);
            let split = [line[..at].to_vec(), line[at..].to_vec()];
            prop_assert_ne!(specified(&split).hash, specified(&[line]).hash);
        }
    }
}
