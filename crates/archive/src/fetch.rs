//! Fetching objects to look at them, with bounds that the store doesn't set.

use std::sync::Arc;

use auditseal_format::{DecoderPool, Fault, MAX_SEAL_BLOCK, ObjectSeal, Origin};
use auditseal_vault::{Error, Kind, ObjectFile};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::chain::{Outcome, Sighting};
use crate::check::{ObjectCheck, check_whole};
use crate::listing::Entry;
use crate::source::{Object, Source, patiently};

/// Objects listed with at most this size are fetched whole.
const WHOLE: u64 = 4 << 20;
/// Bytes of a stream that are looked at together: threads are changed for each piece.
pub(crate) const PIECE: usize = 1 << 20;
/// Bytes of a file that are looked at together, on one thread.
const FILE_PIECE: u64 = 256 << 10;
/// What one fetch of an object's end must hold.
pub(crate) const TAIL: u64 = MAX_SEAL_BLOCK as u64;

/// How much of each object is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Depth<'a> {
    /// Its seal.
    Seal,
    /// All its bytes as stored.
    Stored,
    /// All its bytes, decompressed by these.
    Payload(&'a Arc<DecoderPool>),
}

impl Depth<'_> {
    fn decoders(self) -> Option<Arc<DecoderPool>> {
        match self {
            Self::Payload(decoders) => Some(Arc::clone(decoders)),
            Self::Seal | Self::Stored => None,
        }
    }
}

/// What came of fetching one object.
#[derive(Debug)]
pub(crate) struct Examined {
    pub(crate) sighting: Sighting,
    /// The store gave no answer, or only a part of one.
    pub(crate) error: Option<Error>,
}

/// Fetches one version of an object and looks at it.
///
/// Of several versions all stored bytes are looked at, even where the seal alone was asked for:
/// one with the true seal may have other bytes before it.
pub(crate) async fn examine(
    source: &Source,
    origin: &Origin,
    entry: Entry,
    depth: Depth<'_>,
) -> Examined {
    let key = entry.place.key(origin).to_string();
    let depth = if matches!(depth, Depth::Seal) && entry.several { Depth::Stored } else { depth };
    let mut size = entry.size;
    let object = Object { key: &key, version: entry.version.as_deref() };
    let (outcome, error) = if entry.out_of_reach() {
        (Outcome::Gone, None)
    } else {
        match read(source, object, &mut size, depth).await {
            Ok((outcome, error)) => (outcome, error),
            Err(error) if error.kind() == Kind::NotFound => (Outcome::Gone, None),
            Err(error) => (Outcome::Unreadable, Some(error)),
        }
    };
    let Entry { place, version, modified, hidden, .. } = entry;
    let sighting = Sighting { place, version, hidden, size, modified, lock: None, outcome };
    Examined { sighting, error }
}

/// `size` is the listed one at first, then the one found.
pub(crate) async fn read(
    source: &Source,
    object: Object<'_>,
    size: &mut u64,
    depth: Depth<'_>,
) -> Result<(Outcome, Option<Error>), Error> {
    if !matches!(depth, Depth::Seal)
        && let Some(file) = source.file(object).await?
    {
        *size = file.size();
        let file = Arc::new(file);
        let look = || {
            let (file, decoders) = (Arc::clone(&file), depth.decoders());
            blocking(move || look_at_file(&file, decoders.as_ref()))
        };
        return Ok((patiently(look).await?, None));
    }
    if !matches!(depth, Depth::Seal) && *size <= WHOLE {
        let _room = source.room(*size).await;
        match source.get(object, WHOLE).await {
            // The listing said less than there is: read it as what it is.
            Err(error) if error.kind() == Kind::TooLarge => {}
            Err(error) => return Err(error),
            Ok(fetched) => {
                *size = fetched.bytes.len() as u64;
                let decoders = depth.decoders();
                let look = move || look_at_whole(&fetched.bytes, decoders.as_ref());
                let looked = blocking(look).await;
                return Ok((looked, None));
            }
        }
    }
    let tail = source.tail(object, TAIL).await?;
    *size = tail.info.size;
    let seal = match ObjectSeal::read(&tail.bytes) {
        Ok(seal) => seal,
        Err(fault) => return Ok((Outcome::Fault(fault), None)),
    };
    if matches!(depth, Depth::Seal) {
        return Ok((Outcome::Note(Box::new(seal), Ok(())), None));
    }
    let seal = Arc::new(seal);
    let checked = patiently(|| stream(source, object, &seal, &tail.bytes, depth)).await;
    let seal = Box::new(Arc::unwrap_or_clone(seal));
    Ok(match checked {
        Ok(verdict) => (Outcome::Note(seal, verdict), None),
        // The note is true whatever becomes of the rest.
        Err(error) => (Outcome::Note(seal, Ok(())), Some(error)),
    })
}

fn look_at_whole(object: &[u8], decoders: Option<&Arc<DecoderPool>>) -> Outcome {
    match ObjectSeal::read(object) {
        Err(fault) => Outcome::Fault(fault),
        Ok(seal) => {
            let (seal, verdict) = check_whole(seal, object, decoders);
            Outcome::Note(Box::new(seal), verdict)
        }
    }
}

/// Checks an object where it lies: a piece of it is in memory, and its end.
fn look_at_file(file: &ObjectFile, decoders: Option<&Arc<DecoderPool>>) -> Result<Outcome, Error> {
    let mut tail = vec![0; file.size().min(TAIL) as usize];
    let before = file.size() - tail.len() as u64;
    file.read_at(before, &mut tail)?;
    let seal = match ObjectSeal::read(&tail) {
        Ok(seal) => Arc::new(seal),
        Err(fault) => return Ok(Outcome::Fault(fault)),
    };
    let mut check = ObjectCheck::new(Arc::clone(&seal), decoders);
    let mut piece = vec![0; before.min(FILE_PIECE) as usize];
    let mut position = 0;
    while position < before && !check.overflows() {
        let piece = &mut piece[..(before - position).min(FILE_PIECE) as usize];
        file.read_at(position, piece)?;
        check.take(piece);
        position += piece.len() as u64;
    }
    check.take(&tail);
    let verdict = check.finish(&tail);
    Ok(Outcome::Note(Box::new(Arc::unwrap_or_clone(seal)), verdict))
}

/// Checks a large object as it comes.
async fn stream(
    source: &Source,
    object: Object<'_>,
    seal: &Arc<ObjectSeal>,
    tail: &Bytes,
    depth: Depth<'_>,
) -> Result<Result<(), Fault>, Error> {
    let mut check = ObjectCheck::new(Arc::clone(seal), depth.decoders().as_ref());
    let mut pieces = Pieces::new(source.stream(object).await?);
    while let Some(piece) = pieces.next().await? {
        check = blocking(move || {
            check.take(&piece);
            check
        })
        .await;
        // A store may go on sending for ever.
        if check.overflows() {
            break;
        }
    }
    Ok(check.finish(tail))
}

/// A stream cut into pieces of about [`PIECE`] bytes, however the store cuts it.
pub(crate) struct Pieces {
    stream: BoxStream<'static, Result<Bytes, Error>>,
    rest: Bytes,
}

impl Pieces {
    pub(crate) fn new(stream: BoxStream<'static, Result<Bytes, Error>>) -> Self {
        Self { stream, rest: Bytes::new() }
    }

    /// The next piece: [`PIECE`] bytes exactly, but for the last.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let mut piece = BytesMut::new();
        loop {
            let room = PIECE - piece.len();
            let part = self.rest.split_to(self.rest.len().min(room));
            if piece.is_empty() && part.len() == PIECE {
                return Ok(Some(part));
            }
            piece.extend_from_slice(&part);
            if piece.len() == PIECE {
                return Ok(Some(piece.freeze()));
            }
            match self.stream.next().await {
                Some(next) => self.rest = next?,
                None => return Ok((!piece.is_empty()).then(|| piece.freeze())),
            }
        }
    }
}

/// Runs what takes a core for a while where it doesn't hold up others.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The work isn't cancelled by anybody; it panicked, and so does whoever waited for it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
