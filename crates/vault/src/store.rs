//! The four operations that auditseal asks of an object store.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use crate::Error;

/// What a store says about a stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectInfo {
    /// The key, relative to the prefix that the store was opened with.
    pub key: String,
    /// Size in bytes.
    pub size: u64,
    /// The store's own date of the object, microseconds since the Unix epoch.
    pub modified: i64,
    /// The version id, where the store has versions.
    pub version: Option<String>,
}

/// The answer to a [`Store::put_new`] that the store accepted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stored {
    /// The version id, where the store has versions.
    pub version: Option<String>,
}

/// An object's bytes, or its last part, together with what the store says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What the store says of the object; `size` is that of the whole object.
    pub info: ObjectInfo,
    /// The bytes asked for.
    pub bytes: Bytes,
}

/// An object store as auditseal uses it: objects are put once, read and listed, never changed.
///
/// Keys are relative to the prefix of the store's URL, with `/` between segments.
#[async_trait]
pub trait Store: Send + Sync + std::fmt::Debug {
    /// Puts an object at a key that must be free.
    ///
    /// # Errors
    /// Every error is a *doubt*: the object may be there or not. Nothing but reading it back
    /// settles it; `AlreadyExists` isn't excepted (a retry inside the store's own front end
    /// answers so to the first writer).
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error>;

    /// Reads a whole object of at most `limit` bytes.
    ///
    /// # Errors
    /// `Kind::NotFound` when the *store* says that the object is absent; `Kind::TooLarge` when it
    /// is larger than `limit` (nothing was buffered beyond that); anything else is no answer.
    async fn get(&self, key: &str, limit: u64) -> Result<Fetched, Error>;

    /// Reads the last `length` bytes of an object, or all of it when it is shorter.
    ///
    /// # Errors
    /// As [`Store::get`].
    async fn tail(&self, key: &str, length: u64) -> Result<Fetched, Error>;

    /// Reads an object from its start in pieces.
    ///
    /// # Errors
    /// As [`Store::get`]; a piece's error ends the stream.
    async fn stream(
        &self,
        key: &str,
    ) -> Result<(ObjectInfo, BoxStream<'static, Result<Bytes, Error>>), Error>;

    /// Lists the objects below `prefix` (whole segments, `""` for all), in no particular order.
    ///
    /// A failed listing yields an error and ends: it is never taken for an empty one.
    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>>;
}
