//! An object that is a file here.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use object_store::{Error as StoreError, GetResult, GetResultPayload};

use crate::backend::Call;
use crate::error::{Error, Kind};

/// An object of a directory, open: whoever reads it where it lies holds a piece of it in memory,
/// on one thread, instead of all of it.
pub struct ObjectFile {
    call: Call,
    file: File,
    size: u64,
}

impl std::fmt::Debug for ObjectFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ObjectFile").field("size", &self.size).finish_non_exhaustive()
    }
}

impl ObjectFile {
    /// The file behind an answer, if it is one.
    pub(crate) fn of(call: Call, result: GetResult) -> Option<Self> {
        let size = result.meta.size;
        match result.payload {
            GetResultPayload::File(file, _) => Some(Self { call, file, size }),
            GetResultPayload::Stream(_) => None,
        }
    }

    /// Its size when it was opened, bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Fills `buffer` with the object's bytes from `offset` on. Blocks.
    ///
    /// # Errors
    /// [`Kind::Unavailable`] when it has fewer; else what the file system said.
    pub fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), Error> {
        self.file.read_exact_at(buffer, offset).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                let why = format!("it ended before byte {}", offset + buffer.len() as u64);
                self.call.error(Kind::Unavailable, &why)
            }
            _ => {
                let source = Box::new(error);
                self.call.translate(&StoreError::Generic { store: "directory", source })
            }
        })
    }
}
