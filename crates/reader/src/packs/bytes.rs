//! A pack's bytes, known to be the attested ones before any of them is decoded.

use std::fmt;
use std::sync::Arc;

use auditseal_chain::Verdict;
use auditseal_format::packs::Attestation;
use auditseal_format::{Hash, Hasher, hash};
use auditseal_store::{Error, Kind, Operation};
use bytes::Bytes;
use tokio::sync::mpsc;

use super::listing::{Pack, Packs};
use crate::fetch::{Pieces, blocking};
use crate::source::{Object, Source, patiently};
use crate::versions::{Stands, Tried};

/// Packs of more bytes are read twice instead of held: once to learn that they are the attested ones.
const WHOLE: u64 = 32 << 20;

/// A pack whose bytes are the attested ones.
pub(crate) struct PackBytes {
    /// What is attested of it, with the sizes of its objects.
    pub(crate) attestation: Arc<Attestation>,
    /// Which version of it, where the store has versions.
    pub(crate) version: Option<Arc<str>>,
    kept: Kept,
}

enum Kept {
    Whole(Bytes),
    /// The hashes of its pieces: the store is asked for them again, and might give others.
    Pieces(Source, Vec<Hash>),
}

impl fmt::Debug for PackBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackBytes").field("version", &self.version).finish_non_exhaustive()
    }
}

/// Why a pack's bytes aren't to be had.
#[derive(Debug)]
pub(crate) enum NoPack {
    /// What stands at its key isn't what is attested.
    Found(Verdict, String),
    /// The store gave no answer.
    Store(Error),
}

impl From<Error> for NoPack {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl PackBytes {
    /// Fetches a pack, in the version that has the attested bytes.
    pub(crate) async fn fetch(packs: &Packs, pack: &Pack) -> Result<Self, NoPack> {
        let Some(source) = packs.source() else {
            return Err(NoPack::Found(Verdict::Missing, "no packs were listed".to_owned()));
        };
        let attestation = packs.sizes(pack).await?;
        let key = attestation.pack_key();
        let mut tried = Tried::default();
        for version in pack.versions() {
            let read = Self::read(source, Object { key: &key, version }, &attestation).await;
            if let Some(kept) = tried.take(read)? {
                return Ok(Self { attestation, version: version.map(Arc::from), kept });
            }
        }
        let found =
            |verdict, why: &str| NoPack::Found(verdict, format!("the attested pack: {why}"));
        Err(match pack.without::<()>(tried) {
            Stands::Nothing => found(Verdict::Missing, "it isn't there"),
            _ => found(Verdict::Tampered, "what stands there isn't what was attested"),
        })
    }

    async fn read(
        source: &Source,
        object: Object<'_>,
        attestation: &Arc<Attestation>,
    ) -> Result<Option<Kept>, Error> {
        if attestation.pack.size <= WHOLE {
            let bytes = source.get(object, attestation.pack.size).await?.bytes;
            let expected = Arc::clone(attestation);
            let (bytes, same) = blocking(move || {
                let same = expected.pack.is(&bytes);
                (bytes, same)
            })
            .await;
            return Ok(same.then_some(Kept::Whole(bytes)));
        }
        let pieces = patiently(|| hashes(source, object, attestation)).await?;
        Ok(pieces.map(|pieces| Kept::Pieces(source.clone(), pieces)))
    }

    /// Hands the bytes over in order, then `None`: without that last word a pack of which only the start
    /// came would pass for one that ended. Whoever takes them may go.
    ///
    /// # Errors
    /// The store's, and that it gives other bytes now than before.
    pub(super) async fn feed(self, to: mpsc::Sender<Option<Bytes>>) -> Result<(), Error> {
        let (source, pieces) = match self.kept {
            Kept::Whole(bytes) => {
                if to.send(Some(bytes)).await.is_ok() {
                    drop(to.send(None).await);
                }
                return Ok(());
            }
            Kept::Pieces(source, pieces) => (source, pieces),
        };
        let key = self.attestation.pack_key();
        let object = Object { key: &key, version: self.version.as_deref() };
        let mut stream = Pieces::new(patiently(|| source.stream(object)).await?);
        for expected in pieces {
            let piece = stream.next().await?.unwrap_or_default();
            if hash(&piece) != expected {
                let what = "two reads of it gave different bytes";
                return Err(Error::new(Operation::Get, &key, Kind::Other, what));
            }
            if to.send(Some(piece)).await.is_err() {
                return Ok(());
            }
        }
        drop(to.send(None).await);
        Ok(())
    }
}

/// The hashes of the pieces of a pack that is too large to be held; `None` if it isn't the attested one.
async fn hashes(
    source: &Source,
    object: Object<'_>,
    attestation: &Attestation,
) -> Result<Option<Vec<Hash>>, Error> {
    let mut state = (Hasher::new(), Vec::new(), 0_u64);
    let mut stream = Pieces::new(source.stream(object).await?);
    while let Some(piece) = stream.next().await? {
        state = blocking(move || {
            state.0.update(&piece);
            state.1.push(hash(&piece));
            state.2 += piece.len() as u64;
            state
        })
        .await;
        // A store may go on sending for ever.
        if state.2 > attestation.pack.size {
            break;
        }
    }
    let (whole, pieces, size) = state;
    let same = size == attestation.pack.size && whole.finish() == attestation.pack.hash;
    Ok(same.then_some(pieces))
}
