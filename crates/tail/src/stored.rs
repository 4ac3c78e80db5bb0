//! A file's stored bytes, read from the front.

use std::io::{self, Read};
use std::sync::Arc;

use crate::disk::DiskFile;

/// Reads an open file as it is on the disk, for a decoder.
pub(crate) struct Stored<F> {
    file: Arc<F>,
    offset: u64,
}

impl<F> Stored<F> {
    pub(crate) fn new(file: Arc<F>) -> Self {
        Self { file, offset: 0 }
    }
}

impl<F: DiskFile> Read for Stored<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(self.offset, buf)?;
        self.offset += read as u64;
        Ok(read)
    }
}
