//! A store in memory in a bucket of millions of keys, listed page by page as a cloud does.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt as _, TryStreamExt as _};

use super::{Fault, MemoryStore, below, injected};
use auditseal_store::fold;
use auditseal_store::{Bookmark, Fetched, Lock, ObjectInfo, Part, Pieces, Store, Stored, Version};
use auditseal_store::{Error, Kind, Operation};

/// Versions on a page.
const PAGE: usize = 1000;

type Name = Arc<dyn Fn(u64) -> String + Send + Sync>;

/// A [`MemoryStore`] among so many other keys that nobody could hold them: they are made when they
/// are listed, and there is nothing to be read at them. Each page counts as a call of
/// [`Operation::Versions`], and may fail as such.
#[derive(Clone)]
pub struct Crowd {
    inside: MemoryStore,
    name: Name,
    count: u64,
}

impl fmt::Debug for Crowd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crowd").field("count", &self.count).finish_non_exhaustive()
    }
}

impl Crowd {
    /// Beside what is `inside`, `count` keys, of which `name` gives the n-th in their order.
    pub fn new(
        inside: MemoryStore,
        count: u64,
        name: impl Fn(u64) -> String + Send + Sync + 'static,
    ) -> Self {
        Self { inside, name: Arc::new(name), count }
    }

    /// The first of the crowd behind a key.
    fn first_behind(&self, key: &str) -> u64 {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if (self.name)(middle).as_str() > key { high = middle } else { low = middle + 1 }
        }
        low
    }
}

/// A listing under way.
struct Turn {
    crowd: Crowd,
    prefix: String,
    /// Of the crowd, the next one.
    next: u64,
    /// Of the others, those to come; the last one first.
    own: Vec<Version>,
    over: bool,
}

impl Turn {
    fn page(&mut self) -> Result<Part, Error> {
        let inside = &self.crowd.inside;
        let failed = |kind| Err(injected(Operation::Versions, &self.prefix, kind, "refused"));
        match inside.begin(Operation::Versions, &self.prefix) {
            Some(Fault::Refuse(kind) | Fault::StoreThenFail(kind)) => return failed(kind),
            Some(Fault::HtmlPage) => return failed(Kind::Unavailable),
            _ => {}
        }
        let mut versions: Vec<Version> = Vec::new();
        while versions.len() < PAGE || versions.last().map(|v| &v.key) == self.key().as_ref() {
            let Some(version) = self.take() else {
                self.over = true;
                break;
            };
            versions.push(version);
        }
        let behind = versions.last().filter(|_| !self.over);
        let behind = behind.map(|version| Bookmark::behind(&version.key));
        Ok(Part { versions, behind })
    }

    /// The next of the others' keys.
    fn key(&self) -> Option<String> {
        self.own.last().map(|version| version.key.clone())
    }

    fn take(&mut self) -> Option<Version> {
        let crowd = (self.next < self.crowd.count).then(|| (self.crowd.name)(self.next));
        let crowd = crowd.filter(|key| below(key, &self.prefix));
        match (crowd, self.own.last()) {
            (Some(key), own) if own.is_none_or(|own| key < own.key) => {
                self.next += 1;
                let (size, modified, latest) = (2_000, 0, true);
                let (id, marker, archived) = (None, false, false);
                Some(Version { key, id, size, modified, latest, marker, archived })
            }
            _ => self.own.pop(),
        }
    }
}

#[async_trait]
impl Store for Crowd {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        self.inside.put_new(key, bytes).await
    }

    async fn get(&self, key: &str, version: Option<&str>, limit: u64) -> Result<Fetched, Error> {
        self.inside.get(key, version, limit).await
    }

    async fn tail(&self, key: &str, version: Option<&str>, length: u64) -> Result<Fetched, Error> {
        self.inside.tail(key, version, length).await
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), Error> {
        self.inside.stream(key, version).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>> {
        let versions = self.versions(prefix).try_filter_map(|version| {
            let seen = version.latest && !version.marker;
            let Version { key, id, size, modified, .. } = version;
            std::future::ready(Ok(seen.then_some(ObjectInfo { key, size, modified, version: id })))
        });
        versions.boxed()
    }

    /// As a cloud does it, by a delimiter: of each folder one key is asked for.
    fn folders(&self, start: &str) -> BoxStream<'static, Result<String, Error>> {
        let own = self.inside.folders(start).map_ok(|folder| format!("{folder}/"));
        let (mut next, mut one_of_each) = (self.first_behind(start), vec![]);
        while next < self.count {
            let key = (self.name)(next);
            let Some(rest) = key.strip_prefix(start) else { break };
            let folder = &key[..key.len() - rest.len() + rest.find('/').unwrap_or(rest.len())];
            // Behind all that begins with `folder/`.
            next = self.first_behind(&format!("{folder}0")).max(next + 1);
            one_of_each.push(Ok(key));
        }
        fold(own.chain(stream::iter(one_of_each)).boxed(), start)
    }

    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, Error>> {
        let parts = self.parts(prefix, None);
        parts.map_ok(|part| stream::iter(part.versions).map(Ok)).try_flatten().boxed()
    }

    fn parts(
        &self,
        prefix: &str,
        from: Option<&Bookmark>,
    ) -> BoxStream<'static, Result<Part, Error>> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix).to_owned();
        let from = from.and_then(Bookmark::key).unwrap_or_default().to_owned();
        let mut own = self.inside.below(&prefix);
        own.retain(|version| version.key > from);
        own.reverse();
        let next = self.first_behind(from.as_str().max(&format!("{prefix}/")));
        let turn = Turn { crowd: self.clone(), prefix, next, own, over: false };
        stream::unfold(Some(turn), |turn| async move {
            let mut turn = turn?;
            if turn.over {
                return None;
            }
            let page = turn.page();
            let rest = page.is_ok().then_some(turn);
            Some((page, rest))
        })
        .boxed()
    }

    async fn mark(&self, key: &str, version: Option<&str>) -> Result<(), Error> {
        self.inside.mark(key, version).await
    }

    async fn marked(&self, key: &str, version: Option<&str>) -> Result<bool, Error> {
        self.inside.marked(key, version).await
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, Error> {
        self.inside.lock(key, version).await
    }
}
