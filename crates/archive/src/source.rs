//! The store, asked again where asking again can help.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use auditseal_vault::{Error, Fetched, Kind, Lock, Store, Version};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;

/// Waits before a further attempt, milliseconds: a verification of a million objects meets a
/// store's hiccups, and must not have to begin anew because of one.
const WAITS: [u64; 3] = [200, 1000, 4000];

/// What is read: a key and the id of one of its versions; without one, the latest.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    pub(crate) key: &'a str,
    pub(crate) version: Option<&'a str>,
}

/// A store that is read with patience.
#[derive(Clone)]
pub(crate) struct Source(Arc<dyn Store>);

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Source {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }

    pub(crate) async fn get(&self, object: Object<'_>, limit: u64) -> Result<Fetched, Error> {
        patiently(|| self.0.get(object.key, object.version, limit)).await
    }

    pub(crate) async fn tail(&self, object: Object<'_>, length: u64) -> Result<Fetched, Error> {
        patiently(|| self.0.tail(object.key, object.version, length)).await
    }

    /// A stream is asked for once: whoever reads it repeats the whole reading ([`patiently`]).
    pub(crate) async fn stream(
        &self,
        object: Object<'_>,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        Ok(self.0.stream(object.key, object.version).await?.1)
    }

    /// What protects an object.
    pub(crate) async fn lock(&self, object: Object<'_>) -> Result<Lock, Error> {
        patiently(|| self.0.lock(object.key, object.version)).await
    }

    /// Lists versions and markers into what `fresh` makes; a listing that fails half-way is begun
    /// anew from there.
    pub(crate) async fn versions<T>(
        &self,
        prefix: &str,
        fresh: impl Fn() -> T,
        add: impl Fn(&mut T, Version),
    ) -> Result<T, Error> {
        patiently(|| async {
            let (mut all, mut versions) = (fresh(), self.0.versions(prefix));
            while let Some(version) = versions.next().await {
                add(&mut all, version?);
            }
            Ok(all)
        })
        .await
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

fn transient(error: &Error) -> bool {
    matches!(error.kind(), Kind::Timeout | Kind::Unavailable | Kind::Other)
}
