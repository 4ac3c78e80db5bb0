//! The payload of one batch, fetched once its place in the chain is proved, and checked before any of
//! it is handed over.
//!
//! ```text
//! Batch ──fetch──▶ Fetched ──check──▶ Blocks ──pieces──▶ compressed bytes, all of them the signed ones
//! ```

use std::fmt;
use std::sync::Arc;

use auditseal_chain::{Place, Verdict};
use auditseal_format::{Fault, Hash, MAX_SEAL_BLOCK, ObjectSeal, Origin, hash};
use auditseal_store::{Error as StoreError, Kind};
use bytes::Bytes;

use crate::check::{ObjectCheck, check_whole};
use crate::error::Error;
use crate::fetch::{Pieces, TAIL, blocking};
use crate::listing::Entry;
use crate::reading::Sealed;
use crate::source::{Object, Source, patiently};

/// Objects of more bytes are streamed instead of held: a batch is as large as its longest line.
const WHOLE: u64 = 32 << 20;

/// A batch whose note is the chain's.
#[derive(Debug, Clone)]
pub struct Batch {
    /// Where its object stands.
    pub place: Place,
    /// Which version there has its bytes, where the store has versions.
    pub version: Option<Arc<str>>,
    /// What its note says of its lines' times is so, as far as they were looked at.
    pub timed: bool,
    /// The most bytes that its object has, as signed.
    pub size: u64,
    /// A pack holds it: its payload comes from there ([`crate::PackCursor`]).
    pub packed: bool,
    /// Half of its note's hash. The object is fetched a second time, and must be the one whose
    /// place in the chain was proved.
    print: [u8; 16],
    /// Its object, if it was fetched already.
    whole: Option<Bytes>,
}

impl Batch {
    /// The batch of a note that is the chain's.
    #[must_use]
    pub fn of(sealed: &Sealed) -> Self {
        let Sealed { note, whole, .. } = sealed;
        let size = note.seal.blocks().end.saturating_add(MAX_SEAL_BLOCK as u64);
        let (place, version) = (note.place, note.version.clone());
        Self {
            place,
            version,
            timed: note.timed,
            size,
            packed: note.pack.is_some(),
            print: print(&note.seal.hash),
            whole: whole.clone(),
        }
    }

    /// The same batch in an object that was listed.
    #[must_use]
    pub fn in_object(&self, entry: &Entry) -> Self {
        let (place, version) = (entry.place, entry.version.clone());
        Self { place, version, packed: false, whole: None, ..self.clone() }
    }

    /// Whether this is the seal whose place in the chain was proved.
    pub(crate) fn is_of(&self, seal: &ObjectSeal) -> bool {
        print(&seal.hash) == self.print
    }

    /// Fetches its object, unless it was kept, and checks it if it is held; of a large one no more than
    /// its seal.
    ///
    /// # Errors
    /// [`Error::Found`] if it isn't the object whose place was proved, or not whole; [`Error::Store`].
    pub async fn fetch(self, source: Source, origin: Origin) -> Result<Fetched, Error> {
        let mut object = Wanted { source, origin, batch: self };
        let fetched = object.batch.whole.take();
        if fetched.is_none() && object.batch.size > WHOLE {
            let tail = object.source.tail(object.id().of(), TAIL).await;
            let tail = tail.map_err(|error| object.refused(error))?;
            let seal = same_seal(&tail.bytes, &object.batch.print);
            let seal = Arc::new(seal.map_err(|fault| object.at_fault(&fault))?);
            return Ok(Fetched { object, seal, held: None });
        }
        let whole = match fetched {
            Some(whole) => whole,
            None => {
                let whole = object.source.get(object.id().of(), object.batch.size).await;
                whole.map_err(|error| object.refused(error))?.bytes
            }
        };
        let expected = object.batch.print;
        let checked = blocking(move || {
            let seal = same_seal(&whole, &expected)?;
            let (seal, verdict) = check_whole(seal, &whole, None);
            verdict?;
            // In bounds: the check compared the object's size with that of the blocks.
            let blocks = seal.blocks();
            let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX).min(whole.len());
            let blocks = whole.slice(at(blocks.start)..at(blocks.end));
            Ok((Arc::new(seal), blocks))
        });
        let (seal, blocks) = checked.await.map_err(|fault: Fault| object.at_fault(&fault))?;
        Ok(Fetched { object, seal, held: Some(blocks) })
    }
}

/// Half of a note's hash.
fn print(hash: &Hash) -> [u8; 16] {
    let mut print = [0; 16];
    print.copy_from_slice(&hash.as_bytes()[..16]);
    print
}

/// Reads a seal and requires that it is the one whose place in the chain was proved: whoever signed that.
fn same_seal(tail: &[u8], expected: &[u8; 16]) -> Result<ObjectSeal, Fault> {
    let seal = ObjectSeal::read_unsigned(tail)?;
    if print(&seal.hash) == *expected {
        Ok(seal)
    } else {
        Err(Fault::Tampered("two reads of it gave different notes".to_owned()))
    }
}

/// A batch's object in its store.
#[derive(Debug)]
struct Wanted {
    source: Source,
    origin: Origin,
    batch: Batch,
}

/// How a store is asked for an object.
struct Id<'a> {
    key: String,
    version: Option<&'a str>,
}

impl Id<'_> {
    fn of(&self) -> Object<'_> {
        Object { key: &self.key, version: self.version }
    }
}

impl Wanted {
    fn id(&self) -> Id<'_> {
        let key = self.batch.place.key(&self.origin).to_string();
        Id { key, version: self.batch.version.as_deref() }
    }

    fn at_fault(&self, fault: &Fault) -> Error {
        Error::found(&self.origin, self.batch.place, fault.into(), &fault.to_string())
    }

    fn refused(&self, error: StoreError) -> Error {
        let found = |verdict, detail| Error::found(&self.origin, self.batch.place, verdict, detail);
        match error.kind() {
            Kind::NotFound => found(Verdict::Missing, "it was there a moment ago"),
            Kind::TooLarge => found(Verdict::Tampered, "the object is larger than signed"),
            _ => Error::Store(error),
        }
    }

    /// Reads all bytes of an object that is too large to be held, and hashes its pieces.
    async fn hash_pieces(&self, seal: &Arc<ObjectSeal>) -> Result<Hashed, StoreError> {
        let id = self.id();
        let tail = self.source.tail(id.of(), TAIL).await?.bytes;
        let mut state = (ObjectCheck::new(Arc::clone(seal), None), Vec::new());
        let mut stream = Pieces::new(self.source.stream(id.of()).await?);
        while let Some(piece) = stream.next().await? {
            state = blocking(move || {
                state.0.take(&piece);
                state.1.push(hash(&piece));
                state
            })
            .await;
            if state.0.overflows() {
                break;
            }
        }
        Ok((state.0, tail, state.1))
    }
}

type Hashed = (ObjectCheck, Bytes, Vec<Hash>);

/// A batch's object whose seal is the one whose place was proved.
#[derive(Debug)]
pub struct Fetched {
    object: Wanted,
    seal: Arc<ObjectSeal>,
    /// Its blocks, checked; `None` where they are too many to be held.
    held: Option<Bytes>,
}

impl Fetched {
    /// Brings it so far that all its bytes are known to be the signed ones.
    ///
    /// # Errors
    /// [`Error::Found`] if they aren't; [`Error::Store`].
    pub async fn check(self) -> Result<Blocks, Error> {
        let Self { object, seal, held } = self;
        let (place, timed) = (object.batch.place, object.batch.timed);
        let kept = match held {
            Some(blocks) => Kept::Whole(blocks),
            None => {
                let read = patiently(|| object.hash_pieces(&seal)).await;
                let (check, tail, pieces) = read.map_err(|error| object.refused(error))?;
                check.finish(&tail).map_err(|fault| object.at_fault(&fault))?;
                Kept::Pieces(object, pieces)
            }
        };
        Ok(Blocks { place, seal, timed, kept })
    }
}

/// The compressed payload of a batch. All its bytes are the signed ones.
pub struct Blocks {
    /// Where the batch's object stands.
    pub place: Place,
    /// Its seal.
    pub seal: Arc<ObjectSeal>,
    /// What that says of its lines' times is so, as far as they were looked at.
    pub timed: bool,
    kept: Kept,
}

enum Kept {
    Whole(Bytes),
    /// Too large to be held, and these are the hashes of its pieces: the store is asked for the bytes
    /// again, and might give others.
    Pieces(Wanted, Vec<Hash>),
}

impl fmt::Debug for Blocks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks").field("place", &self.place).finish_non_exhaustive()
    }
}

impl Blocks {
    /// Hands the bytes over in order, until `take` says `false`: whether it took them all. May be
    /// called again.
    ///
    /// # Errors
    /// [`Error::Found`] if the store gives other bytes than those that were checked; [`Error::Store`].
    pub async fn pieces(&self, mut take: impl AsyncFnMut(Bytes) -> bool) -> Result<bool, Error> {
        let (object, pieces) = match &self.kept {
            Kept::Whole(blocks) => return Ok(take(blocks.clone()).await),
            Kept::Pieces(object, pieces) => (object, pieces),
        };
        let id = object.id();
        let trouble = |error| object.refused(error);
        let stream = patiently(|| object.source.stream(id.of())).await.map_err(trouble)?;
        let (mut stream, blocks) = (Pieces::new(stream), self.seal.blocks());
        let mut position = 0_u64;
        for expected in pieces {
            let piece = stream.next().await.map_err(trouble)?.unwrap_or_default();
            if hash(&piece) != *expected {
                let detail = "two reads of it gave different bytes".to_owned();
                return Err(object.at_fault(&Fault::Tampered(detail)));
            }
            let at = |offset: u64| {
                let inside = offset.saturating_sub(position).min(piece.len() as u64);
                usize::try_from(inside).unwrap_or(piece.len())
            };
            let inside = piece.slice(at(blocks.start)..at(blocks.end));
            position += piece.len() as u64;
            if !take(inside).await {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
