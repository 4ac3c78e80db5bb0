//! The store, asked again where asking again can help.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use auditseal_vault::{Error, Fetched, Kind, ObjectInfo, Store};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;

/// Waits before a further attempt, milliseconds: a verification of a million objects meets a
/// store's hiccups, and must not have to begin anew because of one.
const WAITS: [u64; 3] = [200, 1000, 4000];

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

    pub(crate) async fn get(&self, key: &str, limit: u64) -> Result<Fetched, Error> {
        patiently(|| self.0.get(key, None, limit)).await
    }

    pub(crate) async fn tail(&self, key: &str, length: u64) -> Result<Fetched, Error> {
        patiently(|| self.0.tail(key, None, length)).await
    }

    /// A stream is asked for once: whoever reads it repeats the whole reading ([`patiently`]).
    pub(crate) async fn stream(
        &self,
        key: &str,
    ) -> Result<BoxStream<'static, Result<Bytes, Error>>, Error> {
        Ok(self.0.stream(key, None).await?.1)
    }

    /// Lists into what `fresh` makes; a listing that fails half-way is begun anew from there.
    pub(crate) async fn list<T>(
        &self,
        prefix: &str,
        fresh: impl Fn() -> T,
        add: impl Fn(&mut T, ObjectInfo),
    ) -> Result<T, Error> {
        patiently(|| async {
            let (mut all, mut objects) = (fresh(), self.0.list(prefix));
            while let Some(object) = objects.next().await {
                add(&mut all, object?);
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
