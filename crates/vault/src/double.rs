//! A store in memory that fails on demand: for tests only.
//!
//! It keeps the contract of [`Store`], so a test against it means what a test against a bucket
//! means; [`conformance`](crate::conformance) holds both to that. Nothing in it depends on a clock
//! or on chance.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};

use crate::error::{Error, Kind, Operation};
use crate::key;
use crate::store::{Fetched, ObjectInfo, Store, Stored};

/// What goes wrong with one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The call fails before it has any effect.
    Refuse(Kind),
    /// The put takes effect and yet is reported as failed. A read or a listing yields part of its
    /// result, then fails; reads of one piece fail.
    StoreThenFail(Kind),
    /// The call has no effect and never returns.
    Hang,
    /// The put takes effect, and never returns.
    StoreThenHang,
    /// A read yields the object with its last bit flipped (an empty one gains a byte). A put
    /// stores such bytes and is reported as good; a listing reports sizes one too large.
    WrongBytes,
    /// Something between us and the store answers everything with a page and status 200: reads
    /// yield the page, puts and listings fail because it isn't the store's answer.
    HtmlPage,
}

/// The page of [`Fault::HtmlPage`].
pub const PAGE: &[u8] = b"<!DOCTYPE html><html><title>Sign in</title></html>\n";

type FaultFn = Arc<dyn Fn(Operation, &str, u64) -> Option<Fault> + Send + Sync>;
type PutHook = Arc<dyn Fn(&str) + Send + Sync>;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (Bytes, i64)>,
    calls: BTreeMap<Operation, u64>,
    script: VecDeque<(Operation, u64, Fault)>,
    decide: Option<FaultFn>,
    on_put: Option<PutHook>,
    time: i64,
}

/// A [`Store`] in memory. Clones share their contents.
#[derive(Clone, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore").field("objects", &self.lock().objects.len()).finish()
    }
}

impl MemoryStore {
    /// An empty store without faults.
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked elsewhere must not hide its message behind a second panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes the `nth` call (from 1) of `operation` fail so.
    pub fn fail(&self, operation: Operation, nth: u64, fault: Fault) {
        self.lock().script.push_back((operation, nth, fault));
    }

    /// Asks `decide` for a fault at every call that the script has none for. Its arguments are the
    /// operation, the key or prefix, and the number of this operation's call, from 1.
    pub fn fail_when(
        &self,
        decide: impl Fn(Operation, &str, u64) -> Option<Fault> + Send + Sync + 'static,
    ) {
        self.lock().decide = Some(Arc::new(decide));
    }

    /// Removes all faults, scripted or not.
    pub fn heal(&self) {
        let mut state = self.lock();
        state.script.clear();
        state.decide = None;
    }

    /// Calls `hook` with the key of each put, before anything else happens. It may use the store:
    /// that is how a second writer gets in first.
    pub fn on_put(&self, hook: impl Fn(&str) + Send + Sync + 'static) {
        self.lock().on_put = Some(Arc::new(hook));
    }

    /// How often `operation` was called.
    pub fn calls(&self, operation: Operation) -> u64 {
        self.lock().calls.get(&operation).copied().unwrap_or(0)
    }

    /// A copy of what is stored.
    pub fn objects(&self) -> BTreeMap<String, Bytes> {
        let state = self.lock();
        state.objects.iter().map(|(key, (bytes, _))| (key.clone(), bytes.clone())).collect()
    }

    /// Puts an object in place whatever is there: what an attacker with the bucket could do.
    pub fn insert(&self, key: &str, bytes: impl Into<Bytes>) {
        let mut state = self.lock();
        let time = state.time;
        state.objects.insert(key.to_owned(), (bytes.into(), time));
    }

    /// Takes an object away, and returns it.
    pub fn remove(&self, key: &str) -> Option<Bytes> {
        self.lock().objects.remove(key).map(|(bytes, _)| bytes)
    }

    /// Sets the store's own time for what is stored from now on, microseconds since the Unix epoch.
    pub fn set_time(&self, micros: i64) {
        self.lock().time = micros;
    }

    /// Counts the call and says what is to go wrong with it.
    fn begin(&self, operation: Operation, key: &str) -> Option<Fault> {
        let (nth, scripted, decide) = {
            let mut state = self.lock();
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
        let mut state = self.lock();
        if state.objects.contains_key(key) {
            return Err(injected(Operation::Put, key, Kind::AlreadyExists, "the key is taken"));
        }
        let time = state.time;
        state.objects.insert(key.to_owned(), (bytes, time));
        Ok(Stored::default())
    }

    /// Finds an object and applies what a fault does to reads.
    async fn read(
        &self,
        operation: Operation,
        key: &str,
    ) -> Result<(Fetched, Option<Kind>), Error> {
        key::check(key).map_err(|why| injected(operation, key, Kind::Invalid, why))?;
        let fault = self.begin(operation, key);
        match fault {
            Some(Fault::Refuse(kind)) => return Err(injected(operation, key, kind, "refused")),
            Some(Fault::Hang | Fault::StoreThenHang) => return futures::future::pending().await,
            Some(Fault::HtmlPage) => {
                let bytes = Bytes::from_static(PAGE);
                return Ok((fetched(key, bytes, 0), None));
            }
            _ => {}
        }
        let found = self.lock().objects.get(key).cloned();
        let Some((bytes, time)) = found else {
            return Err(injected(operation, key, Kind::NotFound, "no such object"));
        };
        match fault {
            Some(Fault::WrongBytes) => Ok((fetched(key, spoil(&bytes), time), None)),
            Some(Fault::StoreThenFail(kind)) => Ok((fetched(key, bytes, time), Some(kind))),
            _ => Ok((fetched(key, bytes, time), None)),
        }
    }
}

fn injected(operation: Operation, key: &str, kind: Kind, why: &str) -> Error {
    Error::new(operation, &format!("memory://{key}"), kind, why)
}

fn fetched(key: &str, bytes: Bytes, modified: i64) -> Fetched {
    let size = bytes.len() as u64;
    Fetched { info: ObjectInfo { key: key.to_owned(), size, modified, version: None }, bytes }
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
        key::check(key).map_err(|why| injected(Operation::Put, key, Kind::Invalid, why))?;
        let hook = self.lock().on_put.clone();
        if let Some(hook) = hook {
            hook(key);
        }
        let failed = |kind| Err(injected(Operation::Put, key, kind, "injected fault"));
        match self.begin(Operation::Put, key) {
            None => self.create(key, bytes),
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
        }
    }

    async fn get(&self, key: &str, limit: u64) -> Result<Fetched, Error> {
        let (fetched, fails) = self.read(Operation::Get, key).await?;
        if let Some(kind) = fails {
            return Err(injected(Operation::Get, key, kind, "the answer ended early"));
        }
        if fetched.info.size > limit {
            let why = format!("it has {} bytes, the limit is {limit}", fetched.info.size);
            return Err(injected(Operation::Get, key, Kind::TooLarge, &why));
        }
        Ok(fetched)
    }

    async fn tail(&self, key: &str, length: u64) -> Result<Fetched, Error> {
        let (mut fetched, fails) = self.read(Operation::Tail, key).await?;
        if let Some(kind) = fails {
            return Err(injected(Operation::Tail, key, kind, "the answer ended early"));
        }
        let length = usize::try_from(length).unwrap_or(usize::MAX).min(fetched.bytes.len());
        fetched.bytes = fetched.bytes.split_off(fetched.bytes.len() - length);
        Ok(fetched)
    }

    async fn stream(
        &self,
        key: &str,
    ) -> Result<(ObjectInfo, BoxStream<'static, Result<Bytes, Error>>), Error> {
        let (fetched, fails) = self.read(Operation::Stream, key).await?;
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
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let failed = |kind, why: &str| Err(injected(Operation::List, prefix, kind, why));
        if let Err(why) = key::check_prefix(prefix) {
            return stream::iter([failed(Kind::Invalid, why)]).boxed();
        }
        let fault = self.begin(Operation::List, prefix);
        let mut entries: Vec<Result<ObjectInfo, Error>> = self
            .lock()
            .objects
            .iter()
            .filter(|(key, _)| below(key, prefix))
            .map(|(key, (bytes, time))| Ok(fetched(key, bytes.clone(), *time).info))
            .collect();
        match fault {
            None => {}
            Some(Fault::Refuse(kind)) => entries = vec![failed(kind, "refused")],
            Some(Fault::HtmlPage) => entries = vec![failed(Kind::Unavailable, "an HTML page")],
            Some(Fault::Hang | Fault::StoreThenHang) => return stream::pending().boxed(),
            Some(Fault::StoreThenFail(kind)) => entries.push(failed(kind, "ended early")),
            Some(Fault::WrongBytes) => {
                entries.iter_mut().flatten().for_each(|info| info.size += 1);
            }
        }
        stream::iter(entries).boxed()
    }
}

/// Whether `key` lies below `prefix`, in whole segments.
fn below(key: &str, prefix: &str) -> bool {
    prefix.is_empty() || key.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
}
