//! A file's stored bytes, a buffer at a time.

use std::io::{self, Read};

/// Stored bytes read at a time.
const BUFFER: usize = 64 * 1024;

/// Reads ahead, and gives back what nobody took.
#[derive(Debug)]
pub(crate) struct Input<R> {
    reader: R,
    /// Empty until something is asked for: a file that waits costs nothing.
    buffer: Vec<u8>,
    /// Where the bytes that nobody took begin.
    taken: usize,
    /// Stored bytes taken so far.
    offset: u64,
    ended: bool,
}

impl<R: Read> Input<R> {
    pub(crate) fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::new(), taken: 0, offset: 0, ended: false }
    }

    /// Offset of the next byte in the file.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes at hand: at least `wanted`, at most 64 KiB, or all that the file has left.
    pub(crate) fn peek(&mut self, wanted: usize) -> io::Result<&[u8]> {
        while self.buffer.len() - self.taken < wanted && !self.ended {
            self.buffer.drain(..self.taken);
            self.taken = 0;
            let filled = self.buffer.len();
            self.buffer.resize(BUFFER.max(wanted), 0);
            let read = self.reader.read(&mut self.buffer[filled..]);
            self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => self.ended = true,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(&self.buffer[self.taken..])
    }

    /// Takes bytes that were at hand.
    pub(crate) fn take(&mut self, length: usize) {
        self.taken += length;
        self.offset += length as u64;
    }
}
