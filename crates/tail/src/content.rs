//! The bytes of a take, wherever they are.

use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io};

use auditseal_decompress::{Codec, Damage, Decoder, Error};
use auditseal_format::Anchor;
use auditseal_merkle::hash;

use crate::disk::DiskFile;
use crate::names::Role;
use crate::scan::{ANCHOR, STEP, anchor_at};
use crate::stored::Stored;

/// Bytes of a file can't be read.
#[derive(Debug)]
pub enum ReadError {
    /// The disk's answer; it may be another one later.
    Io(io::Error),
    /// The compressed file is cut short or corrupt, or needs too much memory.
    Damaged(Damage),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(f, "read source file: {error}"),
            Self::Damaged(damage) => damage.fmt(f),
        }
    }
}

impl std::error::Error for ReadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(error) => Some(error),
            Self::Damaged(_) => None,
        }
    }
}

impl From<Error> for ReadError {
    fn from(error: Error) -> Self {
        match error {
            Error::Io(error) => Self::Io(error),
            Error::Damaged(damage) => Self::Damaged(damage),
        }
    }
}

/// Readable source bytes: of a plain file, of a compressed one, or held in memory.
pub struct Content<F>(Kind<F>);

enum Kind<F> {
    Plain(Arc<F>),
    Packed {
        file: Arc<F>,
        codec: Codec,
        decoder: Mutex<Option<Decoder<Stored<F>>>>,
    },
    /// The bytes from `offset` on, without the NULs that `holes` stand for: offset and length, in order.
    Memory {
        offset: u64,
        bytes: Vec<u8>,
        holes: Vec<(u64, u64)>,
    },
}

impl<F> fmt::Debug for Content<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.0 {
            Kind::Plain(_) => "Content::Plain",
            Kind::Packed { .. } => "Content::Packed",
            Kind::Memory { .. } => "Content::Memory",
        })
    }
}

impl<F: DiskFile> Content<F> {
    /// The bytes of a file of this role.
    pub(crate) fn of(file: Arc<F>, role: &Role) -> Self {
        match role.codec {
            Some(codec) => Self::packed(codec, file),
            None => Self::plain(file),
        }
    }

    /// The bytes of a plain file.
    fn plain(file: Arc<F>) -> Self {
        Self(Kind::Plain(file))
    }

    /// The uncompressed bytes of a compressed file.
    fn packed(codec: Codec, file: Arc<F>) -> Self {
        Self(Kind::Packed { file, codec, decoder: Mutex::new(None) })
    }

    /// Bytes already read, which stand at `offset` in the file.
    pub(crate) fn memory(offset: u64, bytes: Vec<u8>) -> Self {
        Self(Kind::Memory { offset, bytes, holes: Vec::new() })
    }

    /// Bytes that a seal has, which stand at `offset` in their file. `holes`: offset and length of
    /// the NUL runs that aren't among `bytes`, in order and apart.
    #[must_use]
    pub fn sealed(offset: u64, bytes: Vec<u8>, holes: Vec<(u64, u64)>) -> Self {
        Self(Kind::Memory { offset, bytes, holes })
    }

    /// The NUL runs that needn't be read, as [`Content::sealed`] was told.
    #[must_use]
    pub fn holes(&self) -> &[(u64, u64)] {
        match &self.0 {
            Kind::Memory { holes, .. } => holes,
            Kind::Plain(_) | Kind::Packed { .. } => &[],
        }
    }

    /// Reads at an (uncompressed) offset; 0 bytes means that nothing is there.
    ///
    /// A compressed file is decoded forwards: read in ascending order, or it starts over.
    ///
    /// # Errors
    /// When the disk fails or the compressed file is damaged before `offset`.
    pub fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize, ReadError> {
        match &self.0 {
            Kind::Plain(file) => loop {
                match file.read_at(offset, buf) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    other => return other.map_err(ReadError::Io),
                }
            },
            Kind::Packed { file, codec, decoder } => {
                let mut slot = decoder.lock().unwrap_or_else(PoisonError::into_inner);
                let mut decoder = match slot.take() {
                    Some(decoder) if decoder.position() <= offset => decoder,
                    _ => Decoder::new(*codec, Stored::new(Arc::clone(file))),
                };
                // On an error the decoder isn't put back: its state is unknown then.
                let read = read_forward(&mut decoder, offset, buf)?;
                *slot = Some(decoder);
                Ok(read)
            }
            Kind::Memory { offset: first, bytes, holes } => {
                Ok(read_memory((*first, bytes, holes), offset, buf))
            }
        }
    }

    /// The first place at or behind `offset` that isn't known to be in a hole: everything before it
    /// reads as NUL. `offset` itself where that isn't known.
    ///
    /// # Errors
    /// When the disk can't be asked.
    pub fn data_after(&self, offset: u64) -> Result<u64, ReadError> {
        match &self.0 {
            Kind::Plain(file) => file.data_after(offset).map_err(ReadError::Io),
            Kind::Packed { .. } | Kind::Memory { .. } => Ok(offset),
        }
    }

    /// Whether the bytes before `offset` still have this anchor.
    ///
    /// # Errors
    /// When the bytes can't be read.
    pub fn holds(&self, offset: u64, anchor: &Anchor) -> Result<bool, ReadError> {
        match &self.0 {
            Kind::Plain(file) => {
                Ok(anchor_at(&**file, offset).map_err(ReadError::Io)?.as_ref() == Some(anchor))
            }
            // A second decoder: the shared one stands after the payload, and would start over.
            Kind::Packed { file, codec, .. } => {
                let mut decoder = Decoder::new(*codec, Stored::new(Arc::clone(file)));
                let first = offset.saturating_sub(ANCHOR as u64);
                let mut bytes = Vec::with_capacity(ANCHOR);
                let mut piece = [0; ANCHOR];
                while first + (bytes.len() as u64) < offset {
                    let at = first + bytes.len() as u64;
                    let length = (offset - at).min(ANCHOR as u64) as usize;
                    let read = read_forward(&mut decoder, at, &mut piece[..length])?;
                    if read == 0 {
                        return Ok(false);
                    }
                    bytes.extend_from_slice(&piece[..read]);
                }
                Ok(hash(&bytes) == *anchor)
            }
            Kind::Memory { .. } => Ok(true),
        }
    }
}

/// Reads bytes in memory at an offset of their file, up to the next border of a hole.
fn read_memory(
    (first, bytes, holes): (u64, &[u8], &[(u64, u64)]),
    offset: u64,
    buf: &mut [u8],
) -> usize {
    let Some(mut skip) = offset.checked_sub(first) else { return 0 };
    let wanted = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(buf.len());
    let mut most = buf.len();
    for &(at, length) in holes {
        if offset < at {
            most = wanted(at - offset);
            break;
        }
        if offset - at < length {
            let read = wanted(length - (offset - at));
            buf[..read].fill(0);
            return read;
        }
        skip = skip.saturating_sub(length);
    }
    let rest = usize::try_from(skip).ok().and_then(|skip| bytes.get(skip..)).unwrap_or_default();
    let read = rest.len().min(most);
    buf[..read].copy_from_slice(&rest[..read]);
    read
}

/// Skips to `offset`, then reads once; 0 when the file ends before.
fn read_forward<F: DiskFile>(
    decoder: &mut Decoder<Stored<F>>,
    offset: u64,
    buf: &mut [u8],
) -> Result<usize, ReadError> {
    let mut skipped = Vec::new();
    while decoder.position() < offset {
        skipped.resize(STEP.min(usize::try_from(offset - decoder.position()).unwrap_or(STEP)), 0);
        if decoder.read(&mut skipped)? == 0 {
            return Ok(0);
        }
    }
    Ok(decoder.read(buf)?)
}
