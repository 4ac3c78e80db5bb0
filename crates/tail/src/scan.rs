//! Reading a plain file in places: line ends, anchors and the first line.

use std::io;

use auditseal_format::Anchor;
use auditseal_merkle::{Hash, Hasher, hash};
use memchr::{memchr, memrchr};

use crate::disk::DiskFile;

/// Bytes an anchor covers.
pub(crate) const ANCHOR: usize = 4096;
/// Bytes read at a time while searching.
pub(crate) const STEP: usize = 64 * 1024;

/// Reads until `buf` is full or the file ends; returns the bytes read.
pub(crate) fn read_full<F: DiskFile>(file: &F, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buf.len() {
        match file.read_at(offset + filled as u64, &mut buf[filled..]) {
            Ok(0) => break,
            Ok(n) => filled += n,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The anchor at `offset`, or `None` when the file ends before it.
pub(crate) fn anchor_at<F: DiskFile>(file: &F, offset: u64) -> io::Result<Option<Anchor>> {
    let length = usize::try_from(offset).unwrap_or(ANCHOR).min(ANCHOR);
    let mut bytes = [0; ANCHOR];
    let read = read_full(file, offset - length as u64, &mut bytes[..length])?;
    Ok((read == length).then(|| hash(&bytes[..length])))
}

/// Where a line ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineEnd {
    /// Offset after a `\n`.
    At(u64),
    /// There is no `\n` in the range.
    None,
    /// The file ends inside the range: it was cut since its size was asked.
    Short,
    /// None stands before this, and the work allowed is used up.
    Unfinished(u64),
    /// None stands before this, where a large hole begins or ends.
    Hole(u64),
}

/// The end of the last line that ends in `from..to`, searched backwards: a take's cut is near the
/// end of what is there, and the bytes before it are read only once, by whoever packs them.
pub(crate) fn last_line_end<F: DiskFile>(file: &F, from: u64, to: u64) -> io::Result<LineEnd> {
    let mut buffer = vec![0; STEP];
    let mut end = to;
    while end > from {
        let start = end.saturating_sub(STEP as u64).max(from);
        let piece = &mut buffer[..(end - start) as usize];
        if read_full(file, start, piece)? < piece.len() {
            return Ok(LineEnd::Short);
        }
        if let Some(at) = memrchr(b'\n', piece) {
            return Ok(LineEnd::At(start + at as u64 + 1));
        }
        end = start;
    }
    Ok(LineEnd::None)
}

/// The end of the first line that ends in `from..to`, reading at most about `work` bytes; or where
/// a hole of at least `hole` bytes begins before that.
pub(crate) fn first_line_end<F: DiskFile>(
    file: &F,
    from: u64,
    to: u64,
    hole: u64,
    work: &mut u64,
) -> io::Result<LineEnd> {
    let mut buffer = vec![0; STEP];
    let mut start = from;
    while start < to {
        let data = file.data_after(start)?;
        if data.min(to).saturating_sub(start) >= hole {
            return Ok(LineEnd::Hole(start));
        }
        if *work == 0 {
            return Ok(LineEnd::Unfinished(start));
        }
        let length = STEP.min(usize::try_from(to - start).unwrap_or(STEP));
        let piece = &mut buffer[..length];
        *work = work.saturating_sub(length as u64);
        if read_full(file, start, piece)? < length {
            return Ok(LineEnd::Short);
        }
        if let Some(at) = memchr(b'\n', piece) {
            return Ok(LineEnd::At(start + at as u64 + 1));
        }
        start += length as u64;
    }
    Ok(LineEnd::None)
}

/// The last bytes of a stream, as many as an anchor covers.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tail(Vec<u8>);

impl Tail {
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        if bytes.len() >= ANCHOR {
            self.0.clear();
            self.0.extend_from_slice(&bytes[bytes.len() - ANCHOR..]);
            return;
        }
        let excess = (self.0.len() + bytes.len()).saturating_sub(ANCHOR);
        self.0.drain(..excess);
        self.0.extend_from_slice(bytes);
    }

    pub(crate) fn anchor(&self) -> Anchor {
        hash(&self.0)
    }

    pub(crate) fn last(&self) -> Option<u8> {
        self.0.last().copied()
    }
}

/// A file's first line, found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) hash: Hash,
    pub(crate) base: u64,
    /// Offset after the line and its `\n`.
    pub(crate) end: u64,
    /// The anchor at `end`.
    pub(crate) anchor: Anchor,
}

/// Hashes the first line that isn't NUL as its bytes come, in constant memory.
pub(crate) struct HeadScan {
    at: u64,
    base: Option<u64>,
    line: Hasher,
    tail: Tail,
}

impl HeadScan {
    pub(crate) fn new() -> Self {
        Self { at: 0, base: None, line: Hasher::new(), tail: Tail::default() }
    }

    /// Bytes seen.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The anchor after the bytes seen.
    pub(crate) fn anchor(&self) -> Anchor {
        self.tail.anchor()
    }

    /// Takes the next bytes; the line may end among them.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Option<Head> {
        if self.base.is_none() {
            let nuls = bytes.iter().take_while(|byte| **byte == 0).count();
            self.seen(&bytes[..nuls]);
            bytes = &bytes[nuls..];
            if !bytes.is_empty() {
                self.base = Some(self.at);
            }
        }
        let end = memchr(b'\n', bytes);
        self.line.update(&bytes[..end.unwrap_or(bytes.len())]);
        self.seen(&bytes[..end.map_or(bytes.len(), |at| at + 1)]);
        end.map(|_| self.finish())
    }

    /// The head if the file ends after the bytes seen.
    pub(crate) fn finish(&self) -> Head {
        Head {
            hash: self.line.finish(),
            base: self.base.unwrap_or(self.at),
            end: self.at,
            anchor: self.tail.anchor(),
        }
    }

    /// Whether nothing but NULs came so far.
    fn is_blank(&self) -> bool {
        self.base.is_none()
    }

    /// Takes so many NULs, before the line.
    fn skip(&mut self, nuls: u64) {
        let kept = usize::try_from(nuls).unwrap_or(ANCHOR).min(ANCHOR);
        self.tail.push(&[0; ANCHOR][..kept]);
        self.at += nuls;
    }

    fn seen(&mut self, bytes: &[u8]) {
        self.tail.push(bytes);
        self.at += bytes.len() as u64;
    }
}

/// How far the search for a plain file's first line came.
pub(crate) enum Progress {
    Head(Head),
    /// The file ends before the line does.
    Incomplete,
    /// The work allowed is used up.
    Unfinished,
    /// What was read before is no longer there.
    Changed,
}

/// Reads on in a plain file until its first line is complete, at most about `work` bytes. A hole
/// before it costs nothing, however large it is.
pub(crate) fn advance<F: DiskFile>(
    scan: &mut HeadScan,
    file: &F,
    work: &mut u64,
) -> io::Result<Progress> {
    let mut proof = (scan.at() > 0).then(|| (scan.at(), scan.anchor()));
    let mut buffer = vec![0; STEP];
    let mut unfinished = false;
    let found = loop {
        if *work == 0 {
            unfinished = true;
            break None;
        }
        if scan.is_blank() {
            let data = file.data_after(scan.at())?;
            scan.skip(data.saturating_sub(scan.at()));
        }
        let read = match file.read_at(scan.at(), &mut buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        *work = work.saturating_sub(read as u64);
        let found = scan.feed(&buffer[..read]);
        if found.is_some() || read == 0 {
            break found;
        }
        proof.get_or_insert_with(|| (scan.at(), scan.anchor()));
    };
    // Asked last: a truncation can't be undone, so what matched now was there during all reads
    // above. Without it, the identity could be made of two files' bytes.
    if let Some((offset, anchor)) = proof
        && anchor_at(file, offset)? != Some(anchor)
    {
        return Ok(Progress::Changed);
    }
    let ended = if unfinished { Progress::Unfinished } else { Progress::Incomplete };
    Ok(found.map_or(ended, Progress::Head))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::Stat;
    use crate::inode::FileKey;

    struct Bytes(Vec<u8>);

    impl DiskFile for Bytes {
        fn stat(&self) -> io::Result<Stat> {
            let size = self.0.len() as u64;
            Ok(Stat { key: FileKey { dev: 0, ino: 0 }, size, links: 1 })
        }

        /// Short reads are allowed.
        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let rest = self.0.get(offset as usize..).unwrap_or_default();
            let read = rest.len().min(buf.len()).min(1000);
            buf[..read].copy_from_slice(&rest[..read]);
            Ok(read)
        }

        fn data_after(&self, offset: u64) -> io::Result<u64> {
            Ok(offset)
        }
    }

    #[test]
    fn line_ends_are_found_from_both_sides() {
        let mut bytes = vec![b'x'; 200_000];
        bytes[10] = b'\n';
        bytes[150_000] = b'\n';
        let file = Bytes(bytes);
        assert_eq!(last_line_end(&file, 0, 200_000).unwrap(), LineEnd::At(150_001));
        assert_eq!(last_line_end(&file, 0, 150_001).unwrap(), LineEnd::At(150_001));
        assert_eq!(last_line_end(&file, 0, 150_000).unwrap(), LineEnd::At(11));
        assert_eq!(last_line_end(&file, 11, 150_000).unwrap(), LineEnd::None);
        assert_eq!(last_line_end(&file, 0, 200_001).unwrap(), LineEnd::Short);
        let first = |from, to| first_line_end(&file, from, to, 1 << 20, &mut (1 << 20)).unwrap();
        assert_eq!(first(0, 200_000), LineEnd::At(11));
        assert_eq!(first(11, 200_000), LineEnd::At(150_001));
        assert_eq!(first(11, 150_000), LineEnd::None);
        assert_eq!(first(150_001, 200_001), LineEnd::Short);
    }

    #[test]
    fn anchors_are_of_the_bytes_before() {
        let bytes: Vec<u8> = (0..10_000_u32).map(|n| (n % 251) as u8).collect();
        let file = Bytes(bytes.clone());
        let mut tail = Tail::default();
        let mut fed = 0;
        for offset in [0, 1, 4095, 4096, 4097, 9_999, 10_000] {
            tail.push(&bytes[fed..offset]);
            fed = offset;
            let expected = hash(&bytes[offset.saturating_sub(4096)..offset]);
            assert_eq!(anchor_at(&file, offset as u64).unwrap(), Some(expected));
            assert_eq!(tail.anchor(), expected, "{offset}");
        }
        assert_eq!(anchor_at(&file, 10_001).unwrap(), None);
        tail.push(&bytes);
        assert_eq!(tail.anchor(), hash(&bytes[10_000 - 4096..]), "a long push replaces all");
    }

    #[test]
    fn heads_are_the_same_however_the_bytes_come() {
        let bytes = [&[0; 3000][..], b"first\0line\nsecond\n"].concat();
        let expected = Head {
            hash: hash(b"first\0line"),
            base: 3000,
            end: 3011,
            anchor: hash(&bytes[..3011]),
        };
        for step in [1, 7, 2999, 3000, 3001, 5000] {
            let mut scan = HeadScan::new();
            let head = bytes.chunks(step).find_map(|piece| scan.feed(piece));
            assert_eq!(head, Some(expected), "{step}");
        }
        let mut scan = HeadScan::new();
        assert_eq!(scan.feed(&[0; 5]), None);
        assert_eq!((scan.finish().hash, scan.finish().base), (hash(b""), 5), "nothing but NUL");
        let mut scan = HeadScan::new();
        assert_eq!(scan.feed(b"\nx").map(|head| (head.hash, head.end)), Some((hash(b""), 1)));
    }

    #[test]
    fn a_head_is_not_made_of_two_files() {
        let mut scan = HeadScan::new();
        let old = Bytes(b"half of the old".to_vec());
        assert!(matches!(advance(&mut scan, &old, &mut (1 << 20)).unwrap(), Progress::Incomplete));
        let new = Bytes(b"something else, longer\n".to_vec());
        assert!(matches!(advance(&mut scan, &new, &mut (1 << 20)).unwrap(), Progress::Changed));
        let mut scan = HeadScan::new();
        assert!(matches!(advance(&mut scan, &old, &mut (1 << 20)).unwrap(), Progress::Incomplete));
        let grown = Bytes(b"half of the old\n".to_vec());
        assert!(
            matches!(advance(&mut scan, &grown, &mut (1 << 20)).unwrap(), Progress::Head(h) if h.end == 16)
        );
    }
}
