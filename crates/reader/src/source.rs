//! The store, asked again where asking again can help.

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auditseal_format::Hasher;
use auditseal_format::packs::Blob;
use auditseal_store::{Bookmark, Error, Fetched, Kind, Lock, ObjectFile, Part, Store, Version};
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{StreamExt as _, TryStreamExt as _};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};

/// Waits before a further attempt, milliseconds: a verification of a million objects meets a
/// store's hiccups, and must not have to begin anew because of one.
pub(crate) const WAITS: [u64; 3] = [200, 1000, 4000];

/// Requests in flight at a time: behind a round trip of 20 ms so many give 6,400 answers a second. Large
/// objects are fewer, by their bytes.
pub const IN_FLIGHT: usize = 128;

/// What is read: a key and the id of one of its versions; without one, the latest.
#[derive(Debug, Clone, Copy)]
pub struct Object<'a> {
    /// Its key.
    pub key: &'a str,
    /// Which version of it.
    pub version: Option<&'a str>,
}

/// Bytes of whole objects that are held at a time, for each core, by their listed sizes. Many small
/// ones go over the network at a time, and few large ones lie in memory.
const HELD_PER_CORE: u32 = 3 << 19;

/// A store that is read with patience, and in bounds.
#[derive(Clone)]
pub struct Source {
    store: Arc<dyn Store>,
    held: Arc<Semaphore>,
    most: u32,
    /// Packs that may still be opened.
    packs: Arc<Semaphore>,
    /// What it answered last, if that was an error.
    refusal: Arc<Mutex<Option<Error>>>,
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.store.fmt(f)
    }
}

impl Source {
    /// A store that is read so.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        // One is fetched while another is looked at.
        let cores = std::thread::available_parallelism().map_or(1, usize::from).clamp(2, 64);
        let most = HELD_PER_CORE * cores as u32;
        let held = Arc::new(Semaphore::new(most as usize));
        let packs = Arc::new(Semaphore::new(cores));
        Self { store, held, most, packs, refusal: Arc::default() }
    }

    /// The same store for one of so many readers, of which one may wait for another: room that one holds the
    /// others don't wait for, and together they hold about as much as one alone would, but for what each
    /// needs at least.
    #[must_use]
    pub fn apart(&self, readers: usize) -> Self {
        let cores = (self.most / HELD_PER_CORE) as usize;
        let share = (cores / readers.max(1)).max(2);
        let most = HELD_PER_CORE * share as u32;
        Self {
            held: Arc::new(Semaphore::new(most as usize)),
            most,
            packs: Arc::new(Semaphore::new(share)),
            ..self.clone()
        }
    }

    /// What the store last answered instead of what was asked for.
    pub fn refusal(&self) -> Option<Error> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Takes note of an answer: what was refused before and is given now is no refusal any more.
    pub fn note<T>(&self, answer: &Result<T, Error>) {
        let mut refusal = self.refusal.lock().unwrap_or_else(PoisonError::into_inner);
        *refusal = answer.as_ref().err().cloned();
    }

    /// Whether the store lists each object's latest version only.
    pub fn lists_latest_only(&self) -> bool {
        self.store.quirks().latest_only
    }

    async fn patiently<T, F>(&self, attempt: impl Fn() -> F) -> Result<T, Error>
    where
        F: Future<Output = Result<T, Error>>,
    {
        patiently(|| async {
            let answer = attempt().await;
            self.note(&answer);
            answer
        })
        .await
    }

    /// Waits for room for an object that is held whole. It is given to those who wait in their
    /// order, and must be given back without waiting for any other.
    pub async fn room(&self, size: u64) -> Option<SemaphorePermit<'_>> {
        let wanted = u32::try_from(size).unwrap_or(self.most).min(self.most);
        // Nobody closes it.
        self.held.acquire_many(wanted).await.ok()
    }

    /// Waits for the turn of a pack: as many are open as there are cores.
    pub(crate) async fn unpacking(&self) -> Option<OwnedSemaphorePermit> {
        // Nobody closes it.
        Arc::clone(&self.packs).acquire_owned().await.ok()
    }

    /// The whole object, of at most `limit` bytes.
    pub async fn get(&self, object: Object<'_>, limit: u64) -> Result<Fetched, Error> {
        self.patiently(|| self.store.get(object.key, object.version, limit)).await
    }

    /// The object as a file, where it is one.
    pub async fn file(&self, object: Object<'_>) -> Result<Option<Box<dyn ObjectFile>>, Error> {
        match object.version {
            None => self.patiently(|| self.store.file(object.key)).await,
            Some(_) => Ok(None),
        }
    }

    /// Its last bytes, at most `length`.
    pub async fn tail(&self, object: Object<'_>, length: u64) -> Result<Fetched, Error> {
        self.patiently(|| self.store.tail(object.key, object.version, length)).await
    }

    /// The bytes of a range, fewer where the object ends before.
    pub async fn range(&self, object: Object<'_>, range: Range<u64>) -> Result<Fetched, Error> {
        self.patiently(|| self.store.range(object.key, object.version, range.clone())).await
    }

    /// A stream is asked for once: whoever reads it repeats the whole reading (`patiently`).
    pub async fn stream(
        &self,
        object: Object<'_>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        Ok(self.store.stream(object.key, object.version).await?.1)
    }

    /// Whether an object has these bytes, read in pieces of which none is kept.
    ///
    /// # Errors
    /// The store's.
    pub async fn holds(&self, object: Object<'_>, bytes: Blob) -> Result<bool, Error> {
        patiently(|| async {
            let (mut hasher, mut left) = (Hasher::new(), bytes.size);
            let mut stream = self.stream(object).await?;
            while let Some(piece) = stream.next().await {
                let piece = piece?;
                let Some(rest) = left.checked_sub(piece.len() as u64) else { return Ok(false) };
                left = rest;
                hasher.update(&piece);
            }
            Ok(left == 0 && hasher.finish() == bytes.hash)
        })
        .await
    }

    /// What protects an object.
    pub async fn lock(&self, object: Object<'_>) -> Result<Lock, Error> {
        self.patiently(|| self.store.lock(object.key, object.version)).await
    }

    /// Lists versions and markers into what `fresh` makes; a listing that fails half-way is begun
    /// anew from there.
    pub async fn versions<T>(
        &self,
        prefix: &str,
        fresh: impl Fn() -> T,
        add: impl Fn(&mut T, Version),
    ) -> Result<T, Error> {
        self.patiently(|| async {
            let (mut all, mut versions) = (fresh(), self.store.versions(prefix));
            while let Some(version) = versions.next().await {
                add(&mut all, version?);
            }
            Ok(all)
        })
        .await
    }

    /// The same in parts from a bookmark on; whoever reads them goes on behind an error.
    pub fn parts(
        &self,
        prefix: &str,
        from: Option<&Bookmark>,
    ) -> BoxStream<'static, Result<Part, Error>> {
        self.store.parts(prefix, from)
    }

    /// The folders whose paths begin so.
    pub async fn folders(&self, start: &str) -> Result<Vec<String>, Error> {
        self.patiently(|| self.store.folders(start).try_collect()).await
    }
}

/// Repeats an attempt while the store gives no answer.
pub(crate) async fn patiently<T, F>(attempt: impl Fn() -> F) -> Result<T, Error>
where
    F: Future<Output = Result<T, Error>>,
{
    for wait in WAITS {
        match attempt().await {
            Err(error) if transient(&error) => {
                tokio::time::sleep(Duration::from_millis(wait)).await
            }
            settled => return settled,
        }
    }
    attempt().await
}

pub(crate) fn transient(error: &Error) -> bool {
    matches!(error.kind(), Kind::Timeout | Kind::Unavailable | Kind::Other)
}
