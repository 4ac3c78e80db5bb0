//! A compressed file read once from front to back, a take at a time.

use std::io;
use std::sync::Arc;

use auditseal_decompress::{Codec, Damage, Decoder, Error};
use auditseal_format::Anchor;
use memchr::{memchr, memrchr};

use crate::disk::DiskFile;
use crate::scan::{STEP, Tail};
use crate::stored::Stored;

/// How the compressed file ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    Damaged(Damage),
}

/// Whether an offset was reached.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Skip {
    Reached,
    /// The work allowed is used up.
    Pending,
    /// The file ends before it.
    Ended,
}

/// Decodes forwards, and keeps what was decoded and not taken, so that nothing is decoded twice.
pub(crate) struct Unpack<F> {
    decoder: Decoder<Stored<F>>,
    /// The bytes before `at`, for the anchor there.
    tail: Tail,
    at: u64,
    /// Decoded bytes from `at` on.
    ahead: Vec<u8>,
    end: Option<End>,
}

impl<F: DiskFile> Unpack<F> {
    pub(crate) fn new(codec: Codec, file: Arc<F>) -> Self {
        Self {
            decoder: Decoder::new(codec, Stored::new(file)),
            tail: Tail::default(),
            at: 0,
            ahead: Vec::new(),
            end: None,
        }
    }

    /// Offset of the next byte to take.
    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    /// The anchor at [`Unpack::at`].
    pub(crate) fn anchor(&self) -> Anchor {
        self.tail.anchor()
    }

    /// The byte before [`Unpack::at`].
    pub(crate) fn last(&self) -> Option<u8> {
        self.tail.last()
    }

    /// How the file ends, once all of it is decoded.
    pub(crate) fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// Offset, in the stored file, of bytes behind its last member that are no member and are
    /// ignored, as the codec's own tool does: known with [`End::Whole`].
    pub(crate) fn ignored(&self) -> Option<u64> {
        self.decoder.ignored()
    }

    /// Decoded bytes from [`Unpack::at`] on.
    pub(crate) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// Decodes until `wanted` bytes are ahead, or the file ends.
    pub(crate) fn fill(&mut self, wanted: usize) -> io::Result<()> {
        self.ahead.reserve_exact(wanted.saturating_sub(self.ahead.len()));
        while self.ahead.len() < wanted && self.end.is_none() {
            let filled = self.ahead.len();
            let step = STEP.min(wanted - filled);
            self.ahead.resize(filled + step, 0);
            let read = self.decoder.read(&mut self.ahead[filled..]);
            self.ahead.truncate(filled + *read.as_ref().unwrap_or(&0));
            self.note(read)?;
        }
        Ok(())
    }

    /// Moves on to `offset` without keeping the bytes, decoding at most about `work` bytes.
    pub(crate) fn skip_to(&mut self, offset: u64, work: &mut u64) -> io::Result<Skip> {
        while self.at < offset {
            if self.ahead.is_empty() {
                if self.end.is_some() {
                    return Ok(Skip::Ended);
                }
                if *work == 0 {
                    return Ok(Skip::Pending);
                }
                self.fill(STEP)?;
                *work = work.saturating_sub(self.ahead.len() as u64);
            }
            let step = usize::try_from(offset - self.at).unwrap_or(usize::MAX);
            self.drop_ahead(step.min(self.ahead.len()));
        }
        Ok(Skip::Reached)
    }

    /// Moves on to the end of the file, likewise.
    pub(crate) fn skip_to_end(&mut self, work: &mut u64) -> io::Result<Skip> {
        self.skip_to(u64::MAX, work)
    }

    /// Moves on past the next `\n`, or to the file's end, in constant memory.
    pub(crate) fn skip_line(&mut self) -> io::Result<()> {
        loop {
            if let Some(at) = memchr(b'\n', &self.ahead) {
                self.drop_ahead(at + 1);
                return Ok(());
            }
            self.drop_ahead(self.ahead.len());
            if self.end.is_some() {
                return Ok(());
            }
            self.fill(STEP)?;
        }
    }

    /// Length of the decoded whole lines within the next `limit` bytes.
    pub(crate) fn lines(&self, limit: usize) -> usize {
        memrchr(b'\n', &self.ahead[..limit.min(self.ahead.len())]).map_or(0, |at| at + 1)
    }

    /// Takes the next `length` decoded bytes.
    pub(crate) fn take(&mut self, length: usize) -> Vec<u8> {
        // As long as it is: the buffer's spare room would be held along with it.
        let taken = self.ahead[..length].to_vec();
        self.ahead.drain(..length);
        self.tail.push(&taken);
        self.at += taken.len() as u64;
        taken
    }

    fn drop_ahead(&mut self, length: usize) {
        self.tail.push(&self.ahead[..length]);
        self.ahead.drain(..length);
        self.at += length as u64;
    }

    fn note(&mut self, read: Result<usize, Error>) -> io::Result<()> {
        match read {
            Ok(0) => self.end = Some(End::Whole),
            Ok(_) => {}
            Err(Error::Damaged(damage)) => self.end = Some(End::Damaged(damage)),
            Err(Error::Io(error)) => return Err(error),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::disk::Stat;
    use crate::inode::FileKey;

    struct Bytes(Vec<u8>);

    impl DiskFile for Bytes {
        fn stat(&self) -> io::Result<Stat> {
            Ok(Stat { key: FileKey { dev: 1, ino: 1 }, size: self.0.len() as u64, links: 1 })
        }

        fn read_at(&self, offset: u64, buf: &mut [u8]) -> io::Result<usize> {
            let mut rest = usize::try_from(offset).map_or(&[][..], |at| &self.0[at..]);
            io::Read::read(&mut rest, buf)
        }

        fn data_after(&self, offset: u64) -> io::Result<u64> {
            Ok(offset)
        }
    }

    #[test]
    fn what_is_ignored_behind_the_last_member_is_known_at_the_end() {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(b"one\ntwo\n").unwrap();
        let mut stored = encoder.finish().unwrap();
        let whole = stored.len() as u64;
        stored.extend([0; 512]);
        let mut unpack = Unpack::new(Codec::Gzip, Arc::new(Bytes(stored)));
        assert_eq!(unpack.ignored(), None);
        unpack.fill(100).unwrap();
        assert_eq!(unpack.ahead(), b"one\ntwo\n");
        assert_eq!((unpack.end(), unpack.ignored()), (Some(&End::Whole), Some(whole)));
    }
}
