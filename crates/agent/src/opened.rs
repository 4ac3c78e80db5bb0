//! A sealed object, opened for its source bytes.

use auditseal_format::seal::Range;
use auditseal_format::{Fault, FileId, ObjectSeal, PayloadDecoder, Seal};
use auditseal_tail::fs::OpenFile;

/// A file's bytes, as a range of a sealed object has them.
pub(crate) type Bytes = auditseal_tail::Content<OpenFile>;

/// Bytes compared at a time.
const PIECE: usize = 64 << 10;

/// An object's note and its payload, checked.
pub(crate) struct Opened {
    pub(crate) seal: Seal,
    payload: Vec<u8>,
}

impl Opened {
    /// Opens a whole object.
    pub(crate) fn new(object: &[u8]) -> Result<Self, Fault> {
        let read = ObjectSeal::read(object)?;
        read.check_frame(object, object.len() as u64)?;
        let within = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(object.len());
        let blocks = read.blocks();
        let mut payload = Vec::new();
        let mut decoder = PayloadDecoder::new(&read.seal.payload)?;
        let blocks = &object[within(blocks.start)..within(blocks.end)];
        decoder.blocks(blocks, |piece| payload.extend_from_slice(piece))?;
        decoder.finish()?;
        Ok(Self { seal: read.seal, payload })
    }

    /// The source bytes of the range that has this byte of a file.
    pub(crate) fn content_of(&self, file: FileId, byte: u64) -> Option<Bytes> {
        let has = |range: &Range| range.file == file && (range.start..range.end).contains(&byte);
        self.seal.ranges.iter().position(has).map(|at| self.content(at))
    }

    /// The source bytes of the range at this index of its note.
    pub(crate) fn content(&self, at: usize) -> Bytes {
        let mut start = 0;
        for range in &self.seal.ranges[..at] {
            start += length(range);
        }
        let range = &self.seal.ranges[at];
        // The line break that the source doesn't have is none of its bytes.
        let end = start + length(range) - usize::from(range.unterminated);
        let holes = range.holes.iter().map(|hole| (hole.offset, hole.length)).collect();
        Bytes::sealed(range.start, self.payload[start..end].to_vec(), holes)
    }
}

/// Bytes of a range in its payload. A note whose ranges don't add up to its payload isn't read.
fn length(range: &Range) -> usize {
    range.payload_bytes().and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(0)
}

/// Whether two objects have the same bytes of a file, from `start` to `end`.
pub(crate) fn same(one: &Bytes, other: &Bytes, start: u64, end: u64) -> bool {
    let (mut ours, mut theirs) = (vec![0; PIECE], vec![0; PIECE]);
    let mut at = start;
    while at < end {
        // A hole may be larger than anybody could read.
        let hole = hole_from(one, at).min(hole_from(other, at));
        if hole > 0 {
            at = at.saturating_add(hole);
            continue;
        }
        let wanted = usize::try_from(end - at).unwrap_or(PIECE).min(PIECE);
        // No disk is asked: the bytes are in memory.
        let read = |content: &Bytes, buffer: &mut [u8]| content.read_at(at, buffer).unwrap_or(0);
        let read = read(one, &mut ours[..wanted]).min(read(other, &mut theirs[..wanted]));
        if read == 0 || ours[..read] != theirs[..read] {
            return false;
        }
        at += read as u64;
    }
    true
}

/// How many bytes from `at` on are in a hole.
fn hole_from(content: &Bytes, at: u64) -> u64 {
    let here = |(from, length): &(u64, u64)| length.checked_sub(at.checked_sub(*from)?);
    content.holes().iter().filter_map(here).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(offset: u64, bytes: &[u8], holes: &[(u64, u64)]) -> Bytes {
        Bytes::sealed(offset, bytes.to_vec(), holes.to_vec())
    }

    #[test]
    fn bytes_are_compared_whatever_is_left_out_of_them() {
        let one = content(10, b"abc\0\0\0def", &[]);
        for (start, end) in [(10, 19), (12, 17), (13, 16), (11, 12)] {
            assert!(same(&one, &content(10, b"abcdef", &[(13, 3)]), start, end));
            assert!(same(&content(10, b"abcdef", &[(13, 3)]), &one, start, end));
        }
        assert!(same(&content(8, b"__abc\0def", &[(13, 2)]), &one, 10, 19));
        assert!(!same(&one, &content(10, b"abcdef", &[(13, 2)]), 10, 19));
        assert!(!same(&one, &content(10, b"abcdeg", &[(13, 3)]), 10, 19));
        assert!(same(&one, &content(10, b"abcdeg", &[(13, 3)]), 10, 18));
        assert!(!same(&one, &content(10, b"abc", &[]), 10, 19), "one has less");
        let huge = content(0, b"ab", &[(1, u64::MAX / 2)]);
        assert!(same(&huge, &content(0, b"ab", &[(1, u64::MAX / 2)]), 0, 2 + u64::MAX / 2));
        // Large pieces of a hole on one side only.
        let zeros = content(0, &vec![0; 3 * PIECE], &[]);
        assert!(same(&zeros, &content(0, b"", &[(0, 3 * PIECE as u64)]), 0, 3 * PIECE as u64));
    }
}
