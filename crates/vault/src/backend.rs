//! [`Store`] over a client of `object_store`.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error as StoreError, GetOptions, GetRange, GetResult, ObjectMeta,
    ObjectStore, PutMode, PutOptions, PutPayload,
};

use crate::error::{Error, Kind, Operation};
use crate::key;
use crate::location::Location;
use crate::pace::{Pace, Patience};
use crate::store::{Fetched, ObjectInfo, Store, Stored};
use crate::translate;

/// What every object is. No `Content-Encoding`: clients that honour it would unpack on the way.
const CONTENT_TYPE: &str = "application/zstd";

/// What the stores differ in, as far as it shows here.
#[derive(Debug, Clone)]
pub(crate) enum Dialect {
    /// A directory, whose absence the file system reports like that of an object.
    Directory(PathBuf),
    /// S3 and Google: the end of an object can be asked for without knowing its size.
    SuffixRanges,
    /// Azure: the size must be known first.
    BoundedRanges,
}

/// An opened store.
#[derive(Clone)]
pub(crate) struct Backend {
    store: Arc<dyn ObjectStore>,
    dialect: Dialect,
    location: Location,
    pace: Pace,
}

impl fmt::Debug for Backend {
    /// Only the URL: the client's own form holds its configuration, and some of that is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.location.shown).finish()
    }
}

impl Backend {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        dialect: Dialect,
        location: Location,
        pace: Pace,
    ) -> Self {
        Self { store, dialect, location, pace }
    }

    fn call(&self, operation: Operation, key: &str) -> Call {
        let target = if key.is_empty() {
            self.location.shown.clone()
        } else {
            format!("{}/{key}", self.location.shown)
        };
        Call { backend: self.clone(), operation, target }
    }

    /// The whole path of a key, or of a prefix that may be empty.
    fn path(&self, call: &Call, key: &str) -> Result<Path, Error> {
        let whole = match (self.location.prefix.as_str(), key) {
            ("", key) => key.to_owned(),
            (prefix, "") => prefix.to_owned(),
            (prefix, key) => format!("{prefix}/{key}"),
        };
        Path::parse(&whole).map_err(|error| call.error(Kind::Invalid, &error.to_string()))
    }

    fn object_path(&self, call: &Call, key: &str) -> Result<Path, Error> {
        key::check(key).map_err(|why| call.error(Kind::Invalid, why))?;
        self.path(call, key)
    }

    /// The key of a path below this store's prefix; none for the prefix itself.
    fn key<'a>(&self, path: &'a str) -> Option<&'a str> {
        match self.location.prefix.as_str() {
            "" => Some(path),
            prefix => path.strip_prefix(prefix)?.strip_prefix('/'),
        }
    }

    fn info(&self, meta: ObjectMeta) -> ObjectInfo {
        let path = meta.location.as_ref();
        ObjectInfo {
            key: self.key(path).unwrap_or(path).to_owned(),
            size: meta.size,
            modified: meta.last_modified.timestamp_micros(),
            version: meta.version,
        }
    }

    /// An absent directory must not pass for absent objects, nor be created by a put: an unmounted
    /// archive would look empty, and a new one would begin beside it.
    fn check_root(&self, call: &Call) -> Result<(), Error> {
        match &self.dialect {
            Dialect::Directory(root) if !root.is_dir() => Err(call
                .error(Kind::NoBucket, "the directory doesn't exist")
                .with_hint("is its file system mounted?")),
            _ => Ok(()),
        }
    }

    async fn fetch(
        &self,
        call: &Call,
        path: &Path,
        options: GetOptions,
    ) -> Result<GetResult, Error> {
        self.store.get_opts(path, options).await.map_err(|error| call.translate(&error))
    }

    async fn tail_by_size(&self, call: &Call, path: &Path, length: u64) -> Result<Fetched, Error> {
        let options = GetOptions { head: true, ..GetOptions::default() };
        let head = self.fetch(call, path, options).await?;
        let info = self.info(head.meta);
        if info.size == 0 || length == 0 {
            return Ok(Fetched { info, bytes: Bytes::new() });
        }
        let range = GetRange::Bounded(info.size.saturating_sub(length)..info.size);
        let options = GetOptions { range: Some(range), ..GetOptions::default() };
        let result = self.fetch(call, path, options).await?;
        if result.meta.size != info.size {
            return Err(
                call.error(Kind::Unavailable, "the object's size changed between two requests")
            );
        }
        call.collect(result, length).await
    }

    async fn tail_by_suffix(
        &self,
        call: &Call,
        path: &Path,
        length: u64,
    ) -> Result<Fetched, Error> {
        // No server takes a suffix of nothing; one byte too many is cheaper than a second dialect.
        let asked = length.max(1);
        let options = GetOptions { range: Some(GetRange::Suffix(asked)), ..GetOptions::default() };
        let error = match self.store.get_opts(path, options).await {
            Ok(result) => {
                let mut fetched = call.collect(result, asked).await?;
                if length == 0 {
                    fetched.bytes.clear();
                }
                return Ok(fetched);
            }
            Err(error) => error,
        };
        let refused = match translate::failure(&error) {
            Some(failure) => failure.status() == Some(416),
            None => matches!(error, StoreError::Generic { .. }),
        };
        if !refused {
            return Err(call.translate(&error));
        }
        // An empty object has no range, and some servers answer a range that covers the whole
        // object as if none had been asked for: what is small enough can be read whole.
        let result = self.fetch(call, path, GetOptions::default()).await?;
        if result.meta.size > length {
            return Err(call.translate(&error));
        }
        call.collect(result, length).await
    }
}

/// One operation on one key: what an error says of it.
#[derive(Clone)]
struct Call {
    backend: Backend,
    operation: Operation,
    target: String,
}

impl Call {
    fn error(&self, kind: Kind, why: &str) -> Error {
        Error::new(self.operation, &self.target, kind, why)
    }

    fn translate(&self, error: &StoreError) -> Error {
        let ours = translate::error(self.operation, &self.target, error);
        match ours.kind() {
            Kind::NotFound => self.backend.check_root(self).err().unwrap_or(ours),
            _ => ours,
        }
    }

    /// Buffers a body of at most `limit` bytes, which must be as long as was announced.
    async fn collect(&self, result: GetResult, limit: u64) -> Result<Fetched, Error> {
        let expected = result.range.end - result.range.start;
        let info = self.backend.info(result.meta.clone());
        let mut body = Body::new(self.clone(), result, expected);
        if expected > limit {
            return Err(self
                .error(Kind::TooLarge, &format!("it has {expected} bytes, the limit is {limit}")));
        }
        // The size is the server's word: memory grows with what really arrives.
        let mut bytes =
            BytesMut::with_capacity(usize::try_from(expected.min(1 << 20)).unwrap_or(0));
        while let Some(piece) = body.next().await? {
            bytes.extend_from_slice(&piece);
        }
        Ok(Fetched { info, bytes: bytes.freeze() })
    }
}

/// An object's body on its way: no slower than the pace, and neither shorter nor longer than said.
struct Body {
    call: Call,
    pieces: BoxStream<'static, Result<Bytes, StoreError>>,
    patience: Patience,
    expected: u64,
}

impl Body {
    fn new(call: Call, result: GetResult, expected: u64) -> Self {
        let patience = call.backend.pace.reader();
        Self { call, pieces: result.into_stream(), patience, expected }
    }

    async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let piece = self.patience.next(&mut self.pieces).await.map_err(|slow| {
            let why = format!(
                "{} of {} bytes after {:.1} s of waiting",
                self.patience.received(),
                self.expected,
                slow.waited.as_secs_f64()
            );
            self.call.error(Kind::Timeout, &why)
        })?;
        let received = self.patience.received();
        match piece {
            Some(Err(error)) => Err(self.call.translate(&error)),
            Some(Ok(_)) if received > self.expected => Err(self.call.error(
                Kind::Unavailable,
                &format!("more than the announced {} bytes arrived", self.expected),
            )),
            None if received < self.expected => Err(self.call.error(
                Kind::Unavailable,
                &format!("the answer ended after {received} of {} bytes", self.expected),
            )),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            None => Ok(None),
        }
    }
}

#[async_trait]
impl Store for Backend {
    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        let call = self.call(Operation::Put, key);
        let path = self.object_path(&call, key)?;
        self.check_root(&call)?;
        let mut attributes = Attributes::new();
        if !matches!(self.dialect, Dialect::Directory(_)) {
            attributes.insert(Attribute::ContentType, CONTENT_TYPE.into());
        }
        let options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
        let result = self.store.put_opts(&path, PutPayload::from(bytes), options).await;
        result.map(|put| Stored { version: put.version }).map_err(|error| call.translate(&error))
    }

    async fn get(&self, key: &str, limit: u64) -> Result<Fetched, Error> {
        let call = self.call(Operation::Get, key);
        let path = self.object_path(&call, key)?;
        let result = self.fetch(&call, &path, GetOptions::default()).await?;
        call.collect(result, limit).await
    }

    async fn tail(&self, key: &str, length: u64) -> Result<Fetched, Error> {
        let call = self.call(Operation::Tail, key);
        let path = self.object_path(&call, key)?;
        match self.dialect {
            Dialect::BoundedRanges => self.tail_by_size(&call, &path, length).await,
            Dialect::SuffixRanges | Dialect::Directory(_) => {
                self.tail_by_suffix(&call, &path, length).await
            }
        }
    }

    async fn stream(
        &self,
        key: &str,
    ) -> Result<(ObjectInfo, BoxStream<'static, Result<Bytes, Error>>), Error> {
        let call = self.call(Operation::Stream, key);
        let path = self.object_path(&call, key)?;
        let result = self.fetch(&call, &path, GetOptions::default()).await?;
        let info = self.info(result.meta.clone());
        let body = Body::new(call, result, info.size);
        let pieces = stream::try_unfold(body, |mut body| async move {
            Ok(body.next().await?.map(|piece| (piece, body)))
        });
        Ok((info, pieces.boxed()))
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let call = self.call(Operation::List, prefix);
        let checked = key::check_prefix(prefix)
            .map_err(|why| call.error(Kind::Invalid, why))
            .and_then(|()| self.check_root(&call))
            .and_then(|()| self.path(&call, prefix));
        let path = match checked {
            Ok(path) => path,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        let below = (!path.as_ref().is_empty()).then_some(&path);
        let entries = self.store.list(below);
        let root = path.clone();
        let entries = entries.map(move |entry| {
            let meta = entry.map_err(|error| call.translate(&error))?;
            // A marker that a console left for the "folder" itself.
            if meta.location == root {
                return Ok(None);
            }
            if !meta.location.prefix_matches(&root) {
                return Err(
                    call.error(Kind::Other, "the listing holds a key that wasn't asked for")
                );
            }
            Ok(Some(call.backend.info(meta)))
        });
        ending_with_error(entries.try_filter_map(|entry| async { Ok(entry) }).boxed())
    }
}

/// Ends a listing with its first error: what follows one can't be known to be complete.
fn ending_with_error(
    entries: BoxStream<'static, Result<ObjectInfo, Error>>,
) -> BoxStream<'static, Result<ObjectInfo, Error>> {
    stream::unfold(Some(entries), |entries| async move {
        let mut entries = entries?;
        let entry = entries.next().await?;
        let rest = entry.is_ok().then_some(entries);
        Some((entry, rest))
    })
    .boxed()
}
