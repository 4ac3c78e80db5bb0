//! Forward-only decompression of a gzip file, member by member.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;

use flate2::bufread::GzDecoder;

use crate::content::ReadError;
use crate::disk::DiskFile;

/// Compressed bytes read at a time.
const BUFFER: usize = 64 * 1024;

/// How a gzip file ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GzipDamage {
    /// Uncompressed bytes that could be read.
    pub good: u64,
    /// Uncompressed bytes whose checksum was seen to be right: those of whole members.
    pub verified: u64,
    /// The file just ends; else its bytes are corrupt.
    pub truncated: bool,
}

impl fmt::Display for GzipDamage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let how = if self.truncated { "ends early" } else { "is corrupt" };
        write!(f, "gzip file {how} after {} uncompressed bytes", self.good)
    }
}

/// Reads a file's stored bytes from the front.
struct Stored<F> {
    file: Arc<F>,
    offset: u64,
}

/// Marks the disk's own errors, so that the decoder's can be told from them: one is to be tried
/// again, the other is a loss.
#[derive(Debug)]
struct DiskError(io::Error);

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for DiskError {}

impl<F: DiskFile> Read for Stored<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(self.offset, buf) {
                Ok(read) => {
                    self.offset += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io::Error::other(DiskError(error))),
            }
        }
    }
}

enum Stage<F> {
    /// Between members.
    Between(BufReader<Stored<F>>),
    Member(Box<GzDecoder<BufReader<Stored<F>>>>),
    Ended,
    Damaged(GzipDamage),
}

/// Decompresses a gzip file of one or more members.
pub(crate) struct Gunzip<F> {
    stage: Stage<F>,
    position: u64,
    verified: u64,
}

impl<F: DiskFile> Gunzip<F> {
    pub(crate) fn new(file: Arc<F>) -> Self {
        let stored = Stored { file, offset: 0 };
        Self {
            stage: Stage::Between(BufReader::with_capacity(BUFFER, stored)),
            position: 0,
            verified: 0,
        }
    }

    /// Uncompressed bytes read.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// Reads the next uncompressed bytes; 0 means that the last member ended as it should.
    ///
    /// After a disk error the decoder's state is unknown: start a new one.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> Result<usize, ReadError> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match std::mem::replace(&mut self.stage, Stage::Ended) {
                Stage::Ended => return Ok(0),
                Stage::Damaged(damage) => {
                    self.stage = Stage::Damaged(damage.clone());
                    return Err(ReadError::Gzip(damage));
                }
                Stage::Between(mut stored) => match stored.fill_buf().map(<[u8]>::is_empty) {
                    // A file of no bytes at all is no gzip file: it was created, never filled.
                    Ok(true) if stored.get_ref().offset == 0 => return Err(self.damaged(true)),
                    Ok(true) => return Ok(0),
                    Ok(false) => self.stage = Stage::Member(Box::new(GzDecoder::new(stored))),
                    Err(error) => return Err(self.failed(error)),
                },
                Stage::Member(mut member) => match member.read(buf) {
                    Ok(0) => {
                        self.verified = self.position;
                        self.stage = Stage::Between(member.into_inner());
                    }
                    Ok(read) => {
                        self.position += read as u64;
                        self.stage = Stage::Member(member);
                        return Ok(read);
                    }
                    Err(error) => return Err(self.failed(error)),
                },
            }
        }
    }

    fn failed(&mut self, error: io::Error) -> ReadError {
        let truncated = error.kind() == io::ErrorKind::UnexpectedEof;
        match error.downcast::<DiskError>() {
            Ok(DiskError(disk)) => ReadError::Io(disk),
            Err(_) => self.damaged(truncated),
        }
    }

    fn damaged(&mut self, truncated: bool) -> ReadError {
        let damage = GzipDamage { good: self.position, verified: self.verified, truncated };
        self.stage = Stage::Damaged(damage.clone());
        ReadError::Gzip(damage)
    }
}
