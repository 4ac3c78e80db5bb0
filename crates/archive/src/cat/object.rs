//! One object of the second pass: fetched again, and checked before any of it is handed over.

use std::sync::Arc;

use auditseal_format::{Fault, Hash, ObjectSeal, Origin, hash};
use auditseal_store::Kind;
use bytes::Bytes;

use super::plan::{Batch, print};
use super::writer::Writer;
use crate::check::{ObjectCheck, check_whole};
use crate::error::Error;
use crate::fetch::{Pieces, TAIL, blocking};
use crate::finding::Verdict;
use crate::source::{Object, Source, patiently};

/// Objects of more bytes are streamed instead of held: a batch is as large as its longest line.
const WHOLE: u64 = 32 << 20;

/// A fetched object.
pub(super) enum Ready {
    /// Its blocks, checked.
    Whole(Arc<ObjectSeal>, Bytes),
    /// Its seal; the blocks are still to come.
    Large(Arc<ObjectSeal>),
}

/// Fetches a batch's object.
pub(super) async fn ready(source: Source, origin: Origin, batch: Batch) -> Result<Ready, Error> {
    let key = batch.place.key(&origin).to_string();
    let object = Object { key: &key, version: batch.version.as_deref() };
    let trouble = |error| refused(&origin, &batch, error);
    if batch.size > WHOLE {
        let tail = source.tail(object, TAIL).await.map_err(trouble)?;
        let seal = same_seal(&tail.bytes, &batch.print)
            .map_err(|fault| at_fault(&origin, &batch, &fault))?;
        return Ok(Ready::Large(Arc::new(seal)));
    }
    let object = source.get(object, batch.size).await.map_err(trouble)?.bytes;
    let expected = batch.print;
    let checked = blocking(move || {
        let seal = same_seal(&object, &expected)?;
        let (seal, verdict) = check_whole(seal, &object, None);
        verdict?;
        // In bounds: the check compared the object's size with that of the blocks.
        let blocks = seal.blocks();
        let at = |offset| usize::try_from(offset).unwrap_or(usize::MAX).min(object.len());
        let blocks = object.slice(at(blocks.start)..at(blocks.end));
        Ok(Ready::Whole(Arc::new(seal), blocks))
    });
    checked.await.map_err(|fault: Fault| at_fault(&origin, &batch, &fault))
}

/// Reads a seal and requires that it is the one whose place in the chain was proved.
fn same_seal(tail: &[u8], expected: &[u8; 16]) -> Result<ObjectSeal, Fault> {
    let seal = ObjectSeal::read(tail)?;
    if print(&seal.hash) == *expected {
        Ok(seal)
    } else {
        Err(Fault::Tampered("two reads of it gave different notes".to_owned()))
    }
}

fn at_fault(origin: &Origin, batch: &Batch, fault: &Fault) -> Error {
    Error::found(origin, batch.place, fault.into(), &fault.to_string())
}

fn refused(origin: &Origin, batch: &Batch, error: auditseal_store::Error) -> Error {
    match error.kind() {
        Kind::NotFound => {
            Error::found(origin, batch.place, Verdict::Missing, "it was there a moment ago")
        }
        Kind::TooLarge => {
            Error::found(origin, batch.place, Verdict::Tampered, "the object is larger than signed")
        }
        _ => Error::Store(error),
    }
}

/// A large object whose bytes have gone by once and were the signed ones.
pub(super) struct Large<'a> {
    source: &'a Source,
    origin: Origin,
    batch: Batch,
    key: String,
    seal: Arc<ObjectSeal>,
    /// Hashes of its pieces: the store is asked for the bytes again, and might give others.
    pieces: Vec<Hash>,
}

impl<'a> Large<'a> {
    /// Reads all bytes of an object and checks them.
    pub(super) async fn check(
        source: &'a Source,
        origin: Origin,
        batch: Batch,
        seal: Arc<ObjectSeal>,
    ) -> Result<Self, Error> {
        let key = batch.place.key(&origin).to_string();
        let object = Object { key: &key, version: batch.version.as_deref() };
        let read = patiently(|| hash_pieces(source, object, &seal)).await;
        let (check, tail, pieces) = read.map_err(|error| refused(&origin, &batch, error))?;
        check.finish(&tail).map_err(|fault| at_fault(&origin, &batch, &fault))?;
        Ok(Self { source, origin, batch, key, seal, pieces })
    }

    /// Streams the object's blocks to the writer. Whether the writer takes more.
    pub(super) async fn send(&self, writer: &mut Writer) -> Result<bool, Error> {
        let trouble = |error| refused(&self.origin, &self.batch, error);
        let object = Object { key: &self.key, version: self.batch.version.as_deref() };
        let stream = patiently(|| self.source.stream(object)).await.map_err(trouble)?;
        let (mut stream, blocks) = (Pieces::new(stream), self.seal.blocks());
        let mut position = 0_u64;
        for expected in &self.pieces {
            let piece = stream.next().await.map_err(trouble)?.unwrap_or_default();
            if hash(&piece) != *expected {
                let detail = "two reads of it gave different bytes";
                return Err(Error::found(
                    &self.origin,
                    self.batch.place,
                    Verdict::Tampered,
                    detail,
                ));
            }
            let at = |offset: u64| {
                let inside = offset.saturating_sub(position).min(piece.len() as u64);
                usize::try_from(inside).unwrap_or(piece.len())
            };
            let inside = piece.slice(at(blocks.start)..at(blocks.end));
            position += piece.len() as u64;
            if !writer.blocks(inside).await {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

type Hashed = (ObjectCheck, Bytes, Vec<Hash>);

async fn hash_pieces(
    source: &Source,
    object: Object<'_>,
    seal: &Arc<ObjectSeal>,
) -> Result<Hashed, auditseal_store::Error> {
    let tail = source.tail(object, TAIL).await?.bytes;
    let mut state = (ObjectCheck::new(Arc::clone(seal), None), Vec::new());
    let mut stream = Pieces::new(source.stream(object).await?);
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
