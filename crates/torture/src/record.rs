//! What was written: one hash for each serial number, 8 bytes in a file.

use std::fs::File;
use std::hash::{DefaultHasher, Hasher as _};
use std::io::{self, BufWriter, Write as _};
use std::path::Path;

/// What stands for an event that was never written as a whole.
pub(crate) const VOID: u64 = 0;

/// Hashes a line, however it comes in pieces. SipHash with a fixed key: 64 bits tell a line from
/// an altered one, and nobody attacks this.
#[derive(Debug, Default)]
pub(crate) struct LineHash(DefaultHasher);

impl LineHash {
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.write(bytes);
    }

    pub(crate) fn value(&self) -> u64 {
        self.0.finish().max(VOID + 1)
    }
}

/// Collects the hashes.
#[derive(Debug)]
pub(crate) struct Record(BufWriter<File>);

impl Record {
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        Ok(Self(BufWriter::new(File::create_new(path)?)))
    }

    pub(crate) fn add(&mut self, hash: u64) -> io::Result<()> {
        self.0.write_all(&hash.to_le_bytes())
    }

    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }

    /// All hashes, by serial number.
    pub(crate) fn read(path: &Path) -> io::Result<Vec<u64>> {
        let bytes = std::fs::read(path)?;
        let (hashes, rest) = bytes.as_chunks();
        if rest.is_empty() {
            Ok(hashes.iter().map(|hash| u64::from_le_bytes(*hash)).collect())
        } else {
            Err(io::Error::new(io::ErrorKind::InvalidData, "the record is cut short"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lines_hash_does_not_depend_on_its_pieces() {
        let (mut whole, mut pieces) = (LineHash::default(), LineHash::default());
        whole.add(b"{\"kind\":\"Event\"}\n");
        for piece in b"{\"kind\":\"Event\"}\n".chunks(3) {
            pieces.add(piece);
        }
        assert_eq!(whole.value(), pieces.value());
    }
}
