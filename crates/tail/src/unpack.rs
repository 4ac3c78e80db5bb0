//! A compressed file read once from front to back, a take at a time.

use std::io;
use std::sync::Arc;

use memchr::{memchr, memrchr};

use crate::content::ReadError;
use crate::disk::DiskFile;
use crate::gzip::{Gunzip, GzipDamage};
use crate::names::Role;
use crate::scan::{STEP, Tail};
use crate::types::Anchor;

/// How the compressed file ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// As it should.
    Whole,
    Damaged(GzipDamage),
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
    decoder: Gunzip<F>,
    /// The bytes before `at`, for the anchor there.
    tail: Tail,
    at: u64,
    /// Decoded bytes from `at` on.
    ahead: Vec<u8>,
    end: Option<End>,
}

impl<F: DiskFile> Unpack<F> {
    /// The decoder of a file of this role.
    pub(crate) fn new(file: Arc<F>, _: &Role) -> Self {
        Self {
            decoder: Gunzip::new(file),
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

    fn note(&mut self, read: Result<usize, ReadError>) -> io::Result<()> {
        match read {
            Ok(0) => self.end = Some(End::Whole),
            Ok(_) => {}
            Err(ReadError::Gzip(damage)) => self.end = Some(End::Damaged(damage)),
            Err(ReadError::Io(error)) => return Err(error),
        }
        Ok(())
    }
}
