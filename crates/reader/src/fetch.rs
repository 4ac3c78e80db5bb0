//! Fetching objects to look at them, with bounds that the store doesn't set.

use std::sync::Arc;

use auditseal_format::{DecoderPool, Fault, MAX_SEAL_BLOCK, ObjectSeal, Origin};
use auditseal_store::{Error, Kind, ObjectFile};
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::check::{ObjectCheck, check_whole};
use crate::listing::Entry;
use crate::payloads::{Gate, Payloads};
use crate::source::{Object, Source, patiently};
use auditseal_chain::{Outcome, Sighting};

/// Objects listed with at most this size are fetched whole.
const WHOLE: u64 = 4 << 20;
/// Bytes of a stream that are looked at together: threads are changed for each piece.
pub(crate) const PIECE: usize = 1 << 20;
/// Bytes of a file that are looked at together, on one thread.
const FILE_PIECE: u64 = 256 << 10;
/// What one fetch of an object's end must hold.
pub(crate) const TAIL: u64 = MAX_SEAL_BLOCK as u64;

/// How much of each object of a chain is looked at.
#[derive(Debug, Clone, Copy)]
pub enum Depth<'a> {
    /// Its seal.
    Seal,
    /// All its bytes as stored.
    Stored,
    /// All its bytes, decompressed where these say that they may be.
    Payload(&'a Arc<Payloads>),
}

/// How much of one object is looked at.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// Its seal.
    Seal,
    /// All its bytes as stored.
    Stored,
    /// All its bytes, decompressed if the gate opens.
    Payload(Gate),
}

impl Wanted {
    /// The decoders that the payload may have.
    fn decoders(&self, seal: &ObjectSeal) -> Option<Arc<DecoderPool>> {
        match self {
            Self::Payload(gate) => gate.open(seal),
            Self::Seal | Self::Stored => None,
        }
    }

    /// Whether the payload was wanted, and wasn't to be had.
    fn refuses(&self, decoders: &Option<Arc<DecoderPool>>) -> bool {
        matches!(self, Self::Payload(_)) && decoders.is_none()
    }
}

/// What came of fetching one object.
#[derive(Debug)]
pub struct Examined {
    /// What it turned out to be.
    pub sighting: Sighting,
    /// The store gave no answer, or only a part of one.
    pub error: Option<Error>,
    /// Its payload wasn't decompressed, for its key wasn't known.
    pub refused: bool,
    /// All its bytes, where they were fetched together.
    pub(crate) whole: Option<Bytes>,
}

impl Examined {
    /// Holds all bytes of an object against its seal, where no more was asked for than that and they came
    /// with it: a genesis or a heartbeat is never looked at again.
    pub(crate) fn held_whole(mut self) -> Self {
        let Outcome::Note(seal, verdict) = self.sighting.outcome else { return self };
        let (seal, verdict) = match (&self.whole, verdict) {
            (Some(whole), Ok(())) => {
                let (seal, verdict) = check_whole(*seal, whole, None);
                (Box::new(seal), verdict)
            }
            (_, verdict) => (seal, verdict),
        };
        self.sighting.outcome = Outcome::Note(seal, verdict);
        self
    }
}

/// What was read of one object.
#[derive(Debug)]
pub struct Look {
    /// What it turned out to be.
    pub outcome: Outcome,
    /// The store gave no answer, or only a part of one.
    pub error: Option<Error>,
    refused: bool,
    whole: Option<Bytes>,
}

impl From<Outcome> for Look {
    fn from(outcome: Outcome) -> Self {
        Self { outcome, error: None, refused: false, whole: None }
    }
}

/// Fetches one version of an object and looks at it.
///
/// Of several versions all stored bytes are looked at, even where the seal alone was asked for:
/// one with the true seal may have other bytes before it.
pub async fn examine(source: &Source, origin: &Origin, entry: Entry, depth: Depth<'_>) -> Examined {
    let key = entry.place.key(origin).to_string();
    let wanted = match depth {
        Depth::Seal if entry.several => Wanted::Stored,
        Depth::Seal => Wanted::Seal,
        Depth::Stored => Wanted::Stored,
        Depth::Payload(payloads) => Wanted::Payload(Gate::at(payloads, origin, entry.place)),
    };
    let mut size = entry.size;
    let object = Object { key: &key, version: entry.version.as_deref() };
    let look = if entry.out_of_reach() {
        Outcome::Gone.into()
    } else {
        match read(source, object, &mut size, wanted).await {
            Ok(look) => look,
            Err(error) if error.kind() == Kind::NotFound => Outcome::Gone.into(),
            Err(error) => Look { error: Some(error), ..Outcome::Unreadable.into() },
        }
    };
    let Entry { place, version, modified, hidden, .. } = entry;
    let Look { outcome, error, refused, whole } = look;
    let (pack, lock) = (None, None);
    let sighting = Sighting { place, pack, version, hidden, size, modified, lock, outcome };
    Examined { sighting, error, refused, whole }
}

/// `size` is the listed one at first, then the one found.
pub async fn read(
    source: &Source,
    object: Object<'_>,
    size: &mut u64,
    wanted: Wanted,
) -> Result<Look, Error> {
    if !matches!(wanted, Wanted::Seal)
        && let Some(file) = source.file(object).await?
    {
        *size = file.size();
        let file = Arc::new(file);
        let look = || {
            let (file, wanted) = (Arc::clone(&file), wanted.clone());
            blocking(move || look_at_file(file.as_ref().as_ref(), &wanted))
        };
        return patiently(look).await;
    }
    if !matches!(wanted, Wanted::Seal) && *size <= WHOLE {
        let _room = source.room(*size).await;
        match source.get(object, WHOLE).await {
            // The listing said less than there is: read it as what it is.
            Err(error) if error.kind() == Kind::TooLarge => {}
            Err(error) => return Err(error),
            Ok(fetched) => {
                *size = fetched.bytes.len() as u64;
                return Ok(blocking(move || look_at_whole(fetched.bytes, &wanted)).await);
            }
        }
    }
    let tail = source.tail(object, TAIL).await?;
    *size = tail.info.size;
    let seal = match ObjectSeal::read(&tail.bytes) {
        Ok(seal) => seal,
        Err(fault) => return Ok(Outcome::Fault(fault).into()),
    };
    if matches!(wanted, Wanted::Seal) {
        let whole = (tail.bytes.len() as u64 == tail.info.size).then_some(tail.bytes);
        return Ok(Look { whole, ..Outcome::Note(Box::new(seal), Ok(())).into() });
    }
    let decoders = wanted.decoders(&seal);
    let refused = wanted.refuses(&decoders);
    let seal = Arc::new(seal);
    let checked = patiently(|| stream(source, object, &seal, &tail.bytes, decoders.as_ref())).await;
    let seal = Box::new(Arc::unwrap_or_clone(seal));
    Ok(match checked {
        Ok(verdict) => Look { refused, ..Outcome::Note(seal, verdict).into() },
        // The note is true whatever becomes of the rest.
        Err(error) => Look { error: Some(error), refused, ..Outcome::Note(seal, Ok(())).into() },
    })
}

fn look_at_whole(object: Bytes, wanted: &Wanted) -> Look {
    match ObjectSeal::read(&object) {
        Err(fault) => Outcome::Fault(fault).into(),
        Ok(seal) => {
            let decoders = wanted.decoders(&seal);
            let (seal, verdict) = check_whole(seal, &object, decoders.as_ref());
            let refused = wanted.refuses(&decoders);
            Look { refused, whole: Some(object), ..Outcome::Note(Box::new(seal), verdict).into() }
        }
    }
}

/// Checks an object where it lies: a piece of it is in memory, and its end. Its blocks are read
/// twice if they are to be decompressed: once to learn that they are the signed ones.
fn look_at_file(file: &dyn ObjectFile, wanted: &Wanted) -> Result<Look, Error> {
    let mut tail = vec![0; file.size().min(TAIL) as usize];
    let before = file.size() - tail.len() as u64;
    file.read_at(before, &mut tail)?;
    let seal = match ObjectSeal::read(&tail) {
        Ok(seal) => Arc::new(seal),
        Err(fault) => return Ok(Outcome::Fault(fault).into()),
    };
    let decoders = wanted.decoders(&seal);
    let mut verdict =
        look_at_pieces(file, before, &tail, ObjectCheck::new(Arc::clone(&seal), None))?;
    if verdict.is_ok() && decoders.is_some() {
        let check = ObjectCheck::new(Arc::clone(&seal), decoders.as_ref());
        verdict = look_at_pieces(file, before, &tail, check)?;
    }
    let refused = wanted.refuses(&decoders);
    let seal = Box::new(Arc::unwrap_or_clone(seal));
    Ok(Look { refused, ..Outcome::Note(seal, verdict).into() })
}

fn look_at_pieces(
    file: &dyn ObjectFile,
    before: u64,
    tail: &[u8],
    mut check: ObjectCheck,
) -> Result<Result<(), Fault>, Error> {
    if let Err(fault) = check.size(file.size()) {
        return Ok(Err(fault));
    }
    let mut piece = vec![0; before.min(FILE_PIECE) as usize];
    let mut position = 0;
    while position < before && !check.overflows() {
        let piece = &mut piece[..(before - position).min(FILE_PIECE) as usize];
        file.read_at(position, piece)?;
        check.take(piece);
        position += piece.len() as u64;
    }
    check.take(tail);
    Ok(check.finish(tail))
}

/// Checks a large object as it comes. It is fetched once, so it is decompressed before it is known
/// to be the signed one: within what a known key's note says of it, and no further.
async fn stream(
    source: &Source,
    object: Object<'_>,
    seal: &Arc<ObjectSeal>,
    tail: &Bytes,
    decoders: Option<&Arc<DecoderPool>>,
) -> Result<Result<(), Fault>, Error> {
    let mut check = ObjectCheck::new(Arc::clone(seal), decoders);
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
