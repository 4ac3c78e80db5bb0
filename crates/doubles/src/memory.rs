//! A store in memory that fails on demand: for tests only.
//!
//! It keeps the contract of [`Store`], so a test against it means what a test against a bucket
//! means; [`conformance`](crate::conformance) holds both to that. Nothing in it depends on a clock
//! or on chance.

mod crowd;
mod mark;
mod weapon;

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::future::ready;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use auditseal_store::{Error, Kind, Operation};
use auditseal_store::{
    Fetched, Lock, LockMode, LockedBy, ObjectInfo, Pieces, Store, Stored, Version,
};

pub use crowd::Crowd;

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails before it has any effect.
    Refuse(Kind),
    /// The put, or the mark, takes effect and yet is reported as failed. A read or a listing yields
    /// part of its result, then fails; reads of one piece fail.
    StoreThenFail(Kind),
    /// The call has no effect and never returns.
    Hang,
    /// The put, or the mark, takes effect, and never returns.
    StoreThenHang,
    /// A read yields the object with its last bit flipped (an empty one gains a byte). A put
    /// stores such bytes and is reported as good; a listing reports sizes one too large.
    WrongBytes,
    /// Something between us and the store answers everything with a page and status 200: reads
    /// yield the page, puts and listings fail because it isn't the store's answer.
    HtmlPage,
    /// A put takes effect whatever is at the key, as on a server that ignores `If-None-Match`.
    IgnoreCreate,
    /// A read by version yields the latest version's bytes under the id that was asked for; one
    /// whose answer has another id is `Refuse(Kind::WrongVersion)`, for the store checks that.
    OtherVersion,
    /// The lock is reported as absent though it's there.
    NoLock,
    /// The lock is reported as ending a day earlier than it was to.
    ShortLock,
    /// A COMPLIANCE lock for a hundred years is reported whatever is there.
    ClaimLock,
}

/// The page of [`Fault::HtmlPage`].
pub const PAGE: &[u8] = b"<!DOCTYPE html><html><title>Sign in</title></html>\n";

type FaultFn = Arc<dyn Fn(Operation, &str, u64) -> Option<Fault> + Send + Sync>;
type PutHook = Arc<dyn Fn(&str) + Send + Sync>;

/// One version of an object, or a marker.
#[derive(Debug, Clone)]
struct Entry {
    id: Option<String>,
    bytes: Bytes,
    time: i64,
    marker: bool,
    lock: Lock,
    marked: bool,
}

const DAY: i64 = 86_400_000_000;

#[derive(Default)]
struct State {
    /// The versions of each object, the oldest first; one where there are no versions.
    objects: BTreeMap<String, Vec<Entry>>,
    /// The same of objects that are out of sight.
    withheld: BTreeMap<String, Vec<Entry>>,
    versioned: bool,
    made: u64,
    lock: Option<Lock>,
    calls: BTreeMap<Operation, u64>,
    script: VecDeque<(Operation, u64, Fault)>,
    decide: Option<FaultFn>,
    on_put: Option<PutHook>,
    time: i64,
}

impl State {
    /// Puts an entry over what is at the key.
    fn push(&mut self, key: &str, bytes: Bytes, marker: bool) -> Stored {
        self.made += 1;
        let id = self.versioned.then(|| format!("v{}", self.made));
        let lock = self.lock.clone().filter(|_| !marker).unwrap_or(Lock::NONE);
        let (time, marked) = (self.time, false);
        let entry = Entry { id: id.clone(), bytes, time, marker, lock, marked };
        let entries = self.objects.entry(key.to_owned()).or_default();
        if !self.versioned {
            entries.clear();
        }
        entries.push(entry);
        Stored { version: id }
    }

    /// What a reader who names no version gets.
    fn latest(&self, key: &str) -> Option<&Entry> {
        self.objects.get(key)?.last().filter(|entry| !entry.marker)
    }
}

/// A [`Store`] in memory. Clones share their contents.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("objects", &self.lock_state().objects.len()).finish()
    }
}

impl MemoryStore {
    /// An empty store without versions, locks and faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// One without versions that has these objects, all put long after they were sealed.
    pub fn holding<B: Into<Bytes>>(objects: impl IntoIterator<Item = (String, B)>) -> Self {
        let store = Self::default();
        store.set_time(i64::MAX / 2);
        objects.into_iter().for_each(|(key, bytes)| store.insert(&key, bytes));
        store
    }

    /// An empty store that keeps every version, as a bucket with Object Lock does.
    pub fn versioned() -> Self {
        let store = Self::default();
        store.lock_state().versioned = true;
        store
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere must not hide its message behind a second panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the `nth` call (from 1) of `operation` fail so.
    pub fn fail(&self, operation: Operation, nth: u64, fault: Fault) {
        self.lock_state().script.push_back((operation, nth, fault));
    }

    /// Asks `decide` for a fault at every call that the script has none for. Its arguments are the
    /// operation, the key or prefix, and the number of this operation's call, from 1.
    pub fn fail_when(
        &self,
        decide: impl Fn(Operation, &str, u64) -> Option<Fault> + Send + Sync + 'static,
    ) {
        self.lock_state().decide = Some(Arc::new(decide));
    }

    /// Removes all faults, scripted or not.
    pub fn heal(&self) {
        let mut state = self.lock_state();
        state.script.clear();
        state.decide = None;
    }

    /// Calls `hook` with the key of each put, before anything else happens. It may use the store:
    /// that is how a second writer gets in first.
    pub fn on_put(&self, hook: impl Fn(&str) + Send + Sync + 'static) {
        self.lock_state().on_put = Some(Arc::new(hook));
    }

    /// How often `operation` was called.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.lock_state().calls.get(&operation).copied().unwrap_or(0)
    }

    /// A copy of what a reader sees.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        let state = self.lock_state();
        let seen = |key: &String| Some((key.clone(), state.latest(key)?.bytes.clone()));
        state.objects.keys().filter_map(seen).collect()
    }

    /// Puts an object in place whatever is there: what an attacker with the bucket could do.
    pub fn insert(&self, key: &str, bytes: impl Into<Bytes>) {
        self.lock_state().push(key, bytes.into(), false);
    }

    /// As [`MemoryStore::insert`], over the versions that are there; returns the new one's id.
    ///
    /// # Panics
    /// Without versions, where nothing would stay in the shadow.
    pub fn shadow(&self, key: &str, bytes: impl Into<Bytes>) -> String {
        let stored = self.lock_state().push(key, bytes.into(), false);
        stored.version.expect("a store without versions has no shadows")
    }

    /// Hides an object under a delete marker, which no lock prevents.
    ///
    /// # Panics
    /// Without versions, where deleting is [`MemoryStore::remove`].
    pub fn hide(&self, key: &str) {
        let mut state = self.lock_state();
        assert!(state.versioned, "a store without versions has no markers");
        state.push(key, Bytes::new(), true);
    }

    /// Takes an object out of sight with all its versions, as if nothing had ever stood at the key;
    /// [`MemoryStore::disclose`] brings it back as it was.
    pub fn withhold(&self, key: &str) {
        let mut state = self.lock_state();
        if let Some(mut entries) = state.objects.remove(key) {
            state.withheld.entry(key.to_owned()).or_default().append(&mut entries);
        }
    }

    /// Shows what was withheld at a key: over what came there meanwhile, or in its place where there
    /// are no versions.
    pub fn disclose(&self, key: &str) {
        let mut state = self.lock_state();
        let Some(mut withheld) = state.withheld.remove(key) else { return };
        let versioned = state.versioned;
        let entries = state.objects.entry(key.to_owned()).or_default();
        entries.append(&mut withheld);
        if !versioned {
            entries.drain(..entries.len() - 1);
        }
    }

    /// Takes an object away with all its versions, and returns the bytes of the newest.
    pub fn remove(&self, key: &str) -> Option<Bytes> {
        self.lock_state().objects.remove(key)?.pop().map(|entry| entry.bytes)
    }

    /// Takes one version or marker away, and returns its bytes.
    pub fn remove_version(&self, key: &str, id: &str) -> Option<Bytes> {
        let mut state = self.lock_state();
        let entries = state.objects.get_mut(key)?;
        let at = entries.iter().position(|entry| entry.id.as_deref() == Some(id))?;
        let removed = entries.remove(at).bytes;
        if entries.is_empty() {
            state.objects.remove(key);
        }
        Some(removed)
    }

    /// Locks what is stored from now on, or no longer.
    pub fn set_lock(&self, lock: Option<Lock>) {
        self.lock_state().lock = lock;
    }

    /// Sets the store's own time for what is stored from now on, microseconds since the Unix epoch.
    pub fn set_time(&self, micros: i64) {
        self.lock_state().time = micros;
    }

    /// Counts the call and says what is to go wrong with it.
    fn begin(&self, operation: Operation, key: &str) -> Option<Fault> {
        let (nth, scripted, decide) = {
            let mut state = self.lock_state();
            let calls = state.calls.entry(operation).or_default();
            *calls += 1;
            let nth = *calls;
            let found = state.script.iter().position(|(op, n, _)| (*op, *n) == (operation, nth));
            let scripted = found.and_then(|at| state.script.remove(at)).map(|(_, _, fault)| fault);
            (nth, scripted, state.decide.clone())
        };
        // Outside the lock: the function may look into the store.
        scripted.or_else(|| decide.and_then(|decide| decide(operation, key, nth)))
    }

    /// Stores at a free key.
    fn create(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        let mut state = self.lock_state();
        if state.latest(key).is_some() {
            return Err(injected(Operation::Put, key, Kind::AlreadyExists, "the key is taken"));
        }
        Ok(state.push(key, bytes, false))
    }

    /// Finds a version, or the latest.
    fn find(&self, operation: Operation, key: &str, version: Option<&str>) -> Result<Entry, Error> {
        let failed = |kind, why: &str| injected(operation, key, kind, why);
        let state = self.lock_state();
        let Some(id) = version else {
            let latest = state.latest(key).cloned();
            return latest.ok_or_else(|| failed(Kind::NotFound, "no such object"));
        };
        if !state.versioned {
            return Err(failed(Kind::Invalid, "the store has no versions"));
        }
        let entries = state.objects.get(key).into_iter().flatten();
        let found = entries.filter(|entry| !entry.marker).find(|e| e.id.as_deref() == Some(id));
        found.cloned().ok_or_else(|| failed(Kind::NotFound, "no such version"))
    }

    /// Finds an object and applies what a fault does to reads.
    async fn read(
        &self,
        operation: Operation,
        key: &str,
        version: Option<&str>,
    ) -> Result<(Fetched, Option<Kind>), Error> {
        auditseal_store::check_key(key)
            .map_err(|why| injected(operation, key, Kind::Invalid, why))?;
        let fault = self.begin(operation, key);
        match fault {
            Some(Fault::Refuse(kind)) => return Err(injected(operation, key, kind, "refused")),
            Some(Fault::Hang | Fault::StoreThenHang) => return futures::future::pending().await,
            Some(Fault::HtmlPage) => {
                let bytes = Bytes::from_static(PAGE);
                let id = version.map(str::to_owned);
                let (lock, marker, marked) = (Lock::NONE, false, false);
                let page = Entry { id, bytes, time: 0, marker, lock, marked };
                return Ok((fetched(key, page), None));
            }
            _ => {}
        }
        let mut entry = self.find(operation, key, version)?;
        match fault {
            Some(Fault::WrongBytes) => entry.bytes = spoil(&entry.bytes),
            Some(Fault::OtherVersion) => {
                let state = self.lock_state();
                let mut entries = state.objects.get(key).into_iter().flatten();
                if let Some(other) = entries.rfind(|entry| !entry.marker) {
                    entry.bytes = other.bytes.clone();
                }
            }
            Some(Fault::StoreThenFail(kind)) => return Ok((fetched(key, entry), Some(kind))),
            _ => {}
        }
        Ok((fetched(key, entry), None))
    }

    /// The versions and markers below a prefix.
    fn below(&self, prefix: &str) -> Vec<Version> {
        let mut found = Vec::new();
        for (key, entries) in self.lock_state().objects.iter().filter(|(key, _)| below(key, prefix))
        {
            for (at, entry) in entries.iter().enumerate().rev() {
                found.push(Version {
                    key: key.clone(),
                    id: entry.id.clone(),
                    size: entry.bytes.len() as u64,
                    modified: entry.time,
                    latest: at + 1 == entries.len(),
                    marker: entry.marker,
                    archived: false,
                });
            }
        }
        found
    }

    /// What a listing holds, with what a fault does to it.
    fn entries(
        &self,
        operation: Operation,
        prefix: &str,
    ) -> BoxStream<'static, Result<Version, Error>> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let failed = |kind, why: &str| Err(injected(operation, prefix, kind, why));
        if let Err(why) = auditseal_store::check_prefix(prefix) {
            return stream::iter([failed(Kind::Invalid, why)]).boxed();
        }
        let fault = self.begin(operation, prefix);
        let mut found: Vec<_> = self.below(prefix).into_iter().map(Ok).collect();
        match fault {
            Some(Fault::Refuse(kind)) => found = vec![failed(kind, "refused")],
            Some(Fault::HtmlPage) => found = vec![failed(Kind::Unavailable, "an HTML page")],
            Some(Fault::Hang | Fault::StoreThenHang) => return stream::pending().boxed(),
            Some(Fault::StoreThenFail(kind)) => found.push(failed(kind, "ended early")),
            Some(Fault::WrongBytes) => found.iter_mut().flatten().for_each(|entry| entry.size += 1),
            _ => {}
        }
        stream::iter(found).boxed()
    }
}

fn injected(operation: Operation, key: &str, kind: Kind, why: &str) -> Error {
    Error::new(operation, &format!("memory://{key}"), kind, why)
}

fn fetched(key: &str, entry: Entry) -> Fetched {
    let size = entry.bytes.len() as u64;
    let info = ObjectInfo { key: key.to_owned(), size, modified: entry.time, version: entry.id };
    Fetched { info, bytes: entry.bytes }
}

/// The bytes with their last bit flipped; one byte for none.
fn spoil(bytes: &Bytes) -> Bytes {
    let mut bytes = bytes.to_vec();
    match bytes.last_mut() {
        Some(last) => *last ^= 1,
        None => bytes.push(0),
    }
    bytes.into()
}

#[async_trait]
impl Store for MemoryStore {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        auditseal_store::check_key(key)
            .map_err(|why| injected(Operation::Put, key, Kind::Invalid, why))?;
        let hook = self.lock_state().on_put.clone();
        if let Some(hook) = hook {
            hook(key);
        }
        let failed = |kind| Err(injected(Operation::Put, key, kind, "injected fault"));
        match self.begin(Operation::Put, key) {
            Some(Fault::IgnoreCreate) => Ok(self.lock_state().push(key, bytes, false)),
            Some(Fault::WrongBytes) => self.create(key, spoil(&bytes)),
            Some(Fault::Refuse(kind)) => failed(kind),
            Some(Fault::HtmlPage) => failed(Kind::Unavailable),
            Some(Fault::Hang) => futures::future::pending().await,
            Some(Fault::StoreThenFail(kind)) => {
                // A taken key stays as it is: the store's lock holds whatever the answer says.
                self.create(key, bytes)?;
                failed(kind)
            }
            Some(Fault::StoreThenHang) => {
                self.create(key, bytes)?;
                futures::future::pending().await
            }
            _ => self.create(key, bytes),
        }
    }

    async fn get(&self, key: &str, version: Option<&str>, limit: u64) -> Result<Fetched, Error> {
        let (fetched, fails) = self.read(Operation::Get, key, version).await?;
        if let Some(kind) = fails {
            return Err(injected(Operation::Get, key, kind, "the answer ended early"));
        }
        if fetched.info.size > limit {
            let why = format!("it has {} bytes, the limit is {limit}", fetched.info.size);
            return Err(injected(Operation::Get, key, Kind::TooLarge, &why));
        }
        Ok(fetched)
    }

    async fn tail(&self, key: &str, version: Option<&str>, length: u64) -> Result<Fetched, Error> {
        let (mut fetched, fails) = self.read(Operation::Tail, key, version).await?;
        if let Some(kind) = fails {
            return Err(injected(Operation::Tail, key, kind, "the answer ended early"));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(fetched.bytes.len());
        fetched.bytes = fetched.bytes.split_off(fetched.bytes.len() - length);
        Ok(fetched)
    }

    async fn range(
        &self,
        key: &str,
        version: Option<&str>,
        range: Range<u64>,
    ) -> Result<Fetched, Error> {
        let (mut fetched, fails) = self.read(Operation::Range, key, version).await?;
        if let Some(kind) = fails {
            return Err(injected(Operation::Range, key, kind, "the answer ended early"));
        }
        if range.is_empty() || range.start >= fetched.info.size {
            return Err(injected(
                Operation::Range,
                key,
                Kind::Invalid,
                "the range is behind its end",
            ));
        }
        let at = |place: u64| place.min(fetched.info.size) as usize;
        fetched.bytes = fetched.bytes.slice(at(range.start)..at(range.end));
        Ok(fetched)
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), Error> {
        let (fetched, fails) = self.read(Operation::Stream, key, version).await?;
        let mut pieces = Vec::new();
        let mut rest = fetched.bytes;
        if let Some(kind) = fails {
            let half = rest.len() / 2;
            rest.truncate(half);
            pieces.push(Err(injected(Operation::Stream, key, kind, "the answer ended early")));
        }
        while !rest.is_empty() {
            let piece = rest.split_to(rest.len().min(64 * 1024));
            let at = pieces.len() - usize::from(fails.is_some());
            pieces.insert(at, Ok(piece));
        }
        Ok((fetched.info, stream::iter(pieces).boxed()))
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>> {
        let entries = self.entries(Operation::List, prefix);
        let seen = entries.try_filter(|entry| ready(entry.latest && !entry.marker));
        seen.map_ok(|entry| ObjectInfo {
            key: entry.key,
            size: entry.size,
            modified: entry.modified,
            version: entry.id,
        })
        .boxed()
    }

    fn folders(&self, start: &str) -> BoxStream<'static, Result<String, Error>> {
        let parent = start.rsplit_once('/').map_or("", |(parent, _)| parent);
        let entries = self.entries(Operation::List, parent);
        auditseal_store::fold(entries.map_ok(|entry| entry.key).boxed(), start)
    }

    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, Error>> {
        self.entries(Operation::Versions, prefix)
    }

    async fn mark(&self, key: &str, version: Option<&str>) -> Result<(), Error> {
        self.set_mark(key, version).await
    }

    async fn marked(&self, key: &str, version: Option<&str>) -> Result<bool, Error> {
        self.has_mark(key, version).await
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, Error> {
        let operation = Operation::Lock;
        auditseal_store::check_key(key)
            .map_err(|why| injected(operation, key, Kind::Invalid, why))?;
        let failed = |kind| Err(injected(operation, key, kind, "injected fault"));
        let fault = self.begin(operation, key);
        match fault {
            Some(Fault::Refuse(kind) | Fault::StoreThenFail(kind)) => return failed(kind),
            Some(Fault::HtmlPage) => return failed(Kind::Unavailable),
            Some(Fault::Hang | Fault::StoreThenHang) => return futures::future::pending().await,
            _ => {}
        }
        let lock = self.find(operation, key, version)?.lock;
        Ok(match fault {
            Some(Fault::NoLock) => Lock::NONE,
            Some(Fault::ShortLock) => Lock { until: lock.until.map(|until| until - DAY), ..lock },
            Some(Fault::ClaimLock) => Lock {
                mode: LockMode::Compliance,
                until: Some(self.lock_state().time + 36_500 * DAY),
                legal_hold: false,
                by: LockedBy::Version,
            },
            _ => lock,
        })
    }
}

/// Whether `key` lies below `prefix`, in whole segments.
fn below(key: &str, prefix: &str) -> bool {
    prefix.is_empty() || key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}
