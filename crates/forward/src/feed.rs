//! The lines of a proved batch, into parcels, and these to whoever hands them over.

use std::sync::{Arc, Mutex, PoisonError};

use auditseal_chain::Verdict;
use auditseal_delivery::{Loading, Parcel, Position, Provenance};
use auditseal_format::{Date, Origin, PayloadDecoder, PayloadError, TimeField};
use auditseal_reader::{Batch, Error, PackCursor, Packs, Source};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

/// Pieces of a batch that wait to be taken.
const PIECES: usize = 2;
/// KiB of parcels that a sink's chains have under way in all.
const ROOM: u32 = 32 << 10;
/// Batches of a sink's chains that are decoded at a time.
const TURNS: usize = 2;

/// A parcel, and the room that it takes until it is dropped.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) parcel: Parcel,
    pub(crate) _room: Option<OwnedSemaphorePermit>,
}

/// What all chains of a sink share.
#[derive(Debug, Clone)]
pub(crate) struct Shares {
    room: Arc<Semaphore>,
    turns: Arc<Semaphore>,
}

impl Default for Shares {
    fn default() -> Self {
        Self {
            room: Arc::new(Semaphore::new(ROOM as usize)),
            turns: Arc::new(Semaphore::new(TURNS)),
        }
    }
}

impl Shares {
    /// Waits for the turn to decode a batch.
    pub(crate) async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        Arc::clone(&self.turns).acquire_owned().await.ok()
    }

    fn wanted(parcel: &Parcel) -> u32 {
        u32::try_from(parcel.text.len().div_ceil(1 << 10)).unwrap_or(ROOM).clamp(1, ROOM)
    }

    /// A parcel with the room that it takes. A larger one than there is room waits for all of it.
    pub(crate) async fn load(&self, parcel: Parcel) -> Loaded {
        let room = Arc::clone(&self.room).acquire_many_owned(Self::wanted(&parcel)).await.ok();
        Loaded { parcel, _room: room }
    }
}

/// Where parcels go; it is known when nobody takes them any more.
#[derive(Debug, Clone)]
pub(crate) struct Outlet {
    to: mpsc::Sender<Loaded>,
    pub(crate) shares: Shares,
    handed: Arc<Mutex<Option<Position>>>,
}

impl Outlet {
    pub(crate) fn new(to: mpsc::Sender<Loaded>, shares: Shares, from: Option<Position>) -> Self {
        Self { to, shares, handed: Arc::new(Mutex::new(from)) }
    }

    /// Hands a parcel on; whether anybody took it.
    pub(crate) async fn send(&self, parcel: Parcel) -> bool {
        let end = parcel.end;
        let loaded = self.shares.load(parcel).await;
        let taken = self.to.send(loaded).await.is_ok();
        if taken {
            *self.handed.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
        }
        taken
    }

    /// The end of what was handed on.
    pub(crate) fn handed(&self) -> Option<Position> {
        *self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The text of a batch.
pub(crate) enum Text<'a> {
    /// It came out of a pack.
    Held(Vec<Bytes>),
    /// It is in a pack.
    Packed(&'a Packs, &'a mut PackCursor),
    /// It is in an object.
    Loose(&'a Source, &'a Origin),
}

/// What a batch's lines are loaded as.
pub(crate) struct Headed {
    pub(crate) of: Arc<Provenance>,
    /// The date in the key.
    pub(crate) date: Date,
    pub(crate) field: TimeField,
    /// Lines that were handed over before.
    pub(crate) skip: u64,
}

/// Loads what is in a batch, and hands on what becomes full. Gives the loading back, or nothing if nobody takes
/// parcels any more.
pub(crate) async fn feed(
    mut loading: Loading,
    headed: Headed,
    batch: Batch,
    text: Text<'_>,
    outlet: &Outlet,
) -> Result<Option<Loading>, Error> {
    loading.begin(headed.of, headed.date, headed.field, headed.skip);
    match text {
        Text::Held(pieces) => {
            let (to, taken) = taking(loading, outlet.clone());
            for piece in pieces {
                if to.send(piece).await.is_err() {
                    break;
                }
            }
            drop(to);
            Ok(joined(taken.await))
        }
        Text::Packed(packs, cursor) => {
            cursor.seal(packs, &batch).await?;
            let (to, taken) = taking(loading, outlet.clone());
            let fed =
                cursor.payload(packs, &batch, async |piece| to.send(piece).await.is_ok()).await;
            drop(to);
            let taken = joined(taken.await);
            fed?;
            Ok(taken)
        }
        Text::Loose(source, origin) => loose(loading, batch, source, origin, outlet.clone()).await,
    }
}

/// A thread that takes text.
fn taking(
    mut loading: Loading,
    outlet: Outlet,
) -> (mpsc::Sender<Bytes>, tokio::task::JoinHandle<Option<Loading>>) {
    let (to, mut pieces) = mpsc::channel::<Bytes>(PIECES);
    let handle = Handle::current();
    let taken = tokio::task::spawn_blocking(move || {
        let mut open = true;
        let mut full = |parcel| open = open && handle.block_on(outlet.send(parcel));
        while let Some(piece) = pieces.blocking_recv() {
            loading.take(&piece, &mut full);
        }
        loading.end(&mut full);
        open.then_some(loading)
    });
    (to, taken)
}

/// Fetches an object by itself, checks all of its stored bytes, and loads what they decode to.
async fn loose(
    mut loading: Loading,
    batch: Batch,
    source: &Source,
    origin: &Origin,
    outlet: Outlet,
) -> Result<Option<Loading>, Error> {
    let place = batch.place;
    let blocks = {
        let _room = source.room(batch.size).await;
        batch.fetch(source.clone(), origin.clone()).await?.check().await?
    };
    let (to, mut pieces) = mpsc::channel::<Bytes>(PIECES);
    let (handle, seal) = (Handle::current(), Arc::clone(&blocks.seal));
    let taken = tokio::task::spawn_blocking(move || {
        let mut open = true;
        let mut full = |parcel| open = open && handle.block_on(outlet.send(parcel));
        let mut decoder = PayloadDecoder::of_known_blocks(&seal.seal.payload)?;
        while let Some(piece) = pieces.blocking_recv() {
            decoder.blocks(&piece, |text| loading.take(text, &mut full))?;
        }
        decoder.finish()?;
        loading.end(&mut full);
        Ok(open.then_some(loading))
    });
    let fed = blocks.pieces(async |piece| to.send(piece).await.is_ok()).await;
    drop(to);
    let taken = joined(taken.await);
    fed?;
    taken.map_err(|wrong: PayloadError| {
        Error::found(origin, place, Verdict::Malformed, &wrong.to_string())
    })
}

fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> T {
    match ended {
        Ok(done) => done,
        // Nobody cancels it: it panicked, and so does whoever waited for it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
