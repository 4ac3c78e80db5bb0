//! A store that may be opened anew under whoever uses it.

use std::ops::Range;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use auditseal_store::{
    Bookmark, Fetched, Lock, ObjectInfo, Part, Pieces, Quirks, Store, Stored, Version,
};
use auditseal_store::{Error, Facts, ObjectFile};

/// The same bucket, with the credentials and certificates that it was opened with last. What is
/// under way is brought to its end with those that it was begun with.
#[derive(Debug)]
pub struct Swap(RwLock<Arc<dyn Store>>);

impl Swap {
    /// Begins with this one.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(RwLock::new(store))
    }

    /// From now on this one is asked.
    pub fn replace(&self, store: Arc<dyn Store>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = store;
    }

    fn now(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Store for Swap {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        self.now().put_new(key, bytes).await
    }

    async fn get(&self, key: &str, version: Option<&str>, limit: u64) -> Result<Fetched, Error> {
        self.now().get(key, version, limit).await
    }

    async fn tail(&self, key: &str, version: Option<&str>, length: u64) -> Result<Fetched, Error> {
        self.now().tail(key, version, length).await
    }

    async fn range(
        &self,
        key: &str,
        version: Option<&str>,
        range: Range<u64>,
    ) -> Result<Fetched, Error> {
        self.now().range(key, version, range).await
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), Error> {
        self.now().stream(key, version).await
    }

    async fn file(&self, key: &str) -> Result<Option<Box<dyn ObjectFile>>, Error> {
        self.now().file(key).await
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>> {
        self.now().list(prefix)
    }

    fn folders(&self, start: &str) -> BoxStream<'static, Result<String, Error>> {
        self.now().folders(start)
    }

    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, Error>> {
        self.now().versions(prefix)
    }

    fn parts(
        &self,
        prefix: &str,
        from: Option<&Bookmark>,
    ) -> BoxStream<'static, Result<Part, Error>> {
        self.now().parts(prefix, from)
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, Error> {
        self.now().lock(key, version).await
    }

    async fn mark(&self, key: &str, version: Option<&str>) -> Result<(), Error> {
        self.now().mark(key, version).await
    }

    async fn marked(&self, key: &str, version: Option<&str>) -> Result<bool, Error> {
        self.now().marked(key, version).await
    }

    fn allowance(&self) -> Duration {
        self.now().allowance()
    }

    fn quirks(&self) -> Quirks {
        self.now().quirks()
    }

    fn endpoint(&self) -> Option<String> {
        self.now().endpoint()
    }

    async fn facts(&self) -> Facts {
        self.now().facts().await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditseal_doubles::MemoryStore;

    #[tokio::test]
    async fn what_comes_after_a_swap_goes_to_the_new_one() {
        let (first, second) = (MemoryStore::versioned(), MemoryStore::versioned());
        let swap = Swap::new(Arc::new(first.clone()));
        swap.put_new("a", Bytes::from_static(b"x")).await.unwrap();
        swap.replace(Arc::new(second.clone()));
        swap.put_new("b", Bytes::from_static(b"x")).await.unwrap();
        assert!(first.get("a", None, 9).await.is_ok() && first.get("b", None, 9).await.is_err());
        assert!(second.get("b", None, 9).await.is_ok() && swap.get("a", None, 9).await.is_err());
        swap.mark("b", None).await.unwrap();
        assert!(swap.marked("b", None).await.unwrap() && second.marked("b", None).await.unwrap());
    }
}
