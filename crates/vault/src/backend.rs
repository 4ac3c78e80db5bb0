//! [`Store`] over a client of `object_store`.

mod ranged;

use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use object_store::path::Path;
use object_store::{
    Attribute, Attributes, Error as StoreError, GetOptions, GetResult, ObjectStore, PutMode,
    PutOptions, PutPayload,
};
use reqwest::header::{HeaderName, HeaderValue};

use crate::body::{self, Body};
use crate::call::{Base, Call, Home};
use crate::checksum::{self, Sent};
use crate::file::{self, OpenFile};
use crate::listing::{self, What};
use crate::protect::Protection;
use crate::request::{Cloud, Dialect, Extra};
use crate::{facts, lock, mark, translate};
use auditseal_store::Facts;
use auditseal_store::{
    Bookmark, Fetched, Lock, ObjectFile, ObjectInfo, Part, Pieces, Quirks, Store, Stored, Version,
};
use auditseal_store::{Error, Kind, Operation};

/// What every object is. No `Content-Encoding`: clients that honour it would unpack on the way.
const CONTENT_TYPE: &str = "application/zstd";

/// An opened store.
#[derive(Clone)]
pub(crate) struct Backend {
    store: Arc<dyn ObjectStore>,
    base: Base,
    protection: Option<Protection>,
}

impl fmt::Debug for Backend {
    /// Only the URL: the client's own form holds its configuration, and some of that is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Store").field(&self.base.shown()).finish()
    }
}

impl Backend {
    pub(crate) fn new(
        store: Arc<dyn ObjectStore>,
        base: Base,
        protection: Option<Protection>,
    ) -> Self {
        Self { store, base, protection }
    }

    /// Where the objects lie.
    pub(crate) fn home(&self) -> &Home {
        self.base.home()
    }

    /// What an attack on a canary needs: where the objects lie, and the canary's whole path there.
    pub(crate) fn range(&self, key: &str) -> Result<(Call, &Home, Path), Error> {
        let call = self.base.call(Operation::Attack, key);
        let path = self.base.object_path(&call, key)?;
        Ok((call, self.base.home(), path))
    }

    /// The headers without which the bucket may take no put.
    pub(crate) fn encryption(&self) -> Vec<(HeaderName, HeaderValue)> {
        self.protection.as_ref().map(Protection::encryption).unwrap_or_default()
    }

    async fn fetch(
        &self,
        call: &Call,
        path: &Path,
        options: GetOptions,
    ) -> Result<GetResult, Error> {
        let version = options.version.clone();
        self.check_versioned(call, version.as_deref())?;
        self.check_file(call, path).await?;
        let result = self.store.get_opts(path, options).await;
        let result = result.map_err(|error| call.translate(&error))?;
        call.check_version(version.as_deref(), result.meta.version.as_deref())?;
        Ok(result)
    }

    /// What is no file isn't opened: see [`directory::no_file`].
    async fn check_file(&self, call: &Call, path: &Path) -> Result<(), Error> {
        let Home::Directory(at) = self.base.home() else { return Ok(()) };
        let what = file::what_else(at, path).await;
        what.map_or(Ok(()), |what| Err(call.error(Kind::NotFound, &format!("no file, but {what}"))))
    }

    /// A directory has no versions to ask for: whatever it gave would be some other.
    fn check_versioned(&self, call: &Call, version: Option<&str>) -> Result<(), Error> {
        match (self.base.home(), version) {
            (Home::Directory(_), Some(_)) => {
                Err(call.error(Kind::Invalid, "a directory has no versions"))
            }
            (_, Some("")) => Err(call.error(Kind::Invalid, "the version id is empty")),
            _ => Ok(()),
        }
    }

    /// The cloud that keeps the marks.
    fn keeps_marks(&self, call: &Call, version: Option<&str>) -> Result<&Cloud, Error> {
        self.check_versioned(call, version)?;
        match self.base.home() {
            Home::Cloud(cloud) => Ok(cloud),
            Home::Directory(_) => {
                Err(call.error(Kind::Unsupported, "a directory keeps no marks").with_hint(
                    "nothing in it expires; what is packed may be removed by whoever owns it",
                ))
            }
        }
    }

    /// How an object is put into a cloud.
    fn put_options(&self, call: &Call, bytes: &Bytes) -> Result<PutOptions, Error> {
        let mut attributes = Attributes::new();
        attributes.insert(Attribute::ContentType, CONTENT_TYPE.into());
        let mut options = PutOptions { mode: PutMode::Create, attributes, ..PutOptions::default() };
        if let Home::Cloud(cloud) = self.base.home() {
            let mut headers = Vec::new();
            if let Some(protection) = &self.protection {
                headers = protection.headers().map_err(|why| {
                    call.error(Kind::Invalid, &why).with_hint("set this machine's clock")
                })?;
            }
            if cloud.wants_md5.load(Ordering::Relaxed) {
                headers.extend(checksum::content_md5(bytes));
            }
            if !headers.is_empty() {
                options.extensions.insert(Extra { headers, signer: Arc::clone(&cloud.signer) });
            }
        }
        options.extensions.insert(Sent(bytes.clone()));
        Ok(options)
    }

    /// Takes note of a put's error that says that the server wants `Content-MD5`; whether it does.
    fn learns_md5(&self, error: &StoreError) -> bool {
        let Home::Cloud(cloud) = self.base.home() else { return false };
        translate::failure(error).is_some_and(|failure| cloud.learns_md5(&failure))
    }
}

#[async_trait]
impl Store for Backend {
    fn allowance(&self) -> Duration {
        match self.base.home() {
            Home::Directory(_) => Duration::ZERO,
            Home::Cloud(_) => self.base.longest(),
        }
    }

    async fn put_new(&self, key: &str, bytes: Bytes) -> Result<Stored, Error> {
        let call = self.base.call(Operation::Put, key);
        let path = self.base.object_path(&call, key)?;
        self.base.check_root(&call)?;
        if let Home::Directory(at) = self.base.home() {
            return file::put(self.store.as_ref(), &call, at, &path, bytes).await;
        }
        let put = |options| self.store.put_opts(&path, PutPayload::from(bytes.clone()), options);
        // Several puts may find it out at the same time.
        let known = self.quirks().wants_md5;
        let sent = put(self.put_options(&call, &bytes)?).await;
        let sent = match sent {
            // Refused for want of it, nothing was stored.
            Err(error) if !known && self.learns_md5(&error) => {
                put(self.put_options(&call, &bytes)?).await
            }
            sent => sent,
        };
        sent.map(|put| Stored { version: put.version }).map_err(|error| call.translate(&error))
    }

    async fn get(&self, key: &str, version: Option<&str>, limit: u64) -> Result<Fetched, Error> {
        let call = self.base.call(Operation::Get, key);
        let path = self.base.object_path(&call, key)?;
        let result = self.fetch(&call, &path, whole(version)).await?;
        body::collect(&call, result, limit).await
    }

    async fn tail(&self, key: &str, version: Option<&str>, length: u64) -> Result<Fetched, Error> {
        let call = self.base.call(Operation::Tail, key);
        let path = self.base.object_path(&call, key)?;
        let version = version.map(str::to_owned);
        match self.base.home() {
            // It takes no range that counts from the end.
            Home::Cloud(cloud) if matches!(cloud.dialect, Dialect::Azure { .. }) => {
                self.tail_by_size(&call, &path, version, length).await
            }
            _ => self.tail_by_suffix(&call, &path, version, length).await,
        }
    }

    async fn range(
        &self,
        key: &str,
        version: Option<&str>,
        range: Range<u64>,
    ) -> Result<Fetched, Error> {
        let call = self.base.call(Operation::Range, key);
        let path = self.base.object_path(&call, key)?;
        self.part(&call, &path, version.map(str::to_owned), range).await
    }

    async fn stream(
        &self,
        key: &str,
        version: Option<&str>,
    ) -> Result<(ObjectInfo, Pieces), Error> {
        let call = self.base.call(Operation::Stream, key);
        let path = self.base.object_path(&call, key)?;
        let result = self.fetch(&call, &path, whole(version)).await?;
        let info = self.base.info(result.meta.clone());
        let body = Body::new(call, result, info.size);
        let pieces = stream::try_unfold(body, |mut body| async move {
            Ok(body.next().await?.map(|piece| (piece, body)))
        });
        Ok((info, pieces.boxed()))
    }

    async fn file(&self, key: &str) -> Result<Option<Box<dyn ObjectFile>>, Error> {
        if !matches!(self.base.home(), Home::Directory(_)) {
            return Ok(None);
        }
        let call = self.base.call(Operation::Get, key);
        let path = self.base.object_path(&call, key)?;
        let result = self.fetch(&call, &path, whole(None)).await?;
        Ok(OpenFile::of(call, result).map(|file| Box::new(file) as Box<dyn ObjectFile>))
    }

    fn list(&self, prefix: &str) -> BoxStream<'static, Result<ObjectInfo, Error>> {
        let entries = self.entries(Operation::List, prefix, What::Objects);
        let info = |entry: Version| ObjectInfo {
            key: entry.key,
            size: entry.size,
            modified: entry.modified,
            version: entry.id,
        };
        entries.map_ok(info).boxed()
    }

    fn folders(&self, start: &str) -> BoxStream<'static, Result<String, Error>> {
        let call = self.base.call(Operation::List, start);
        let parent = start.rsplit_once('/').map_or("", |(parent, _)| parent);
        let Home::Cloud(cloud) = self.base.home() else {
            return auditseal_store::fold(self.list(parent).map_ok(|info| info.key).boxed(), start);
        };
        let name = start.rsplit('/').next().unwrap_or_default();
        let checked = [parent, name].into_iter().try_for_each(auditseal_store::check_prefix);
        if let Err(why) = checked {
            let error = call.error(Kind::Invalid, why);
            return stream::once(async { Err(error) }).boxed();
        }
        let root = self.base.below(start);
        // Not every server folds versions as it folds objects: what one listing has counts.
        let list = |what| listing::list(call.clone(), Arc::clone(cloud), root.clone(), what);
        let entries = list(What::Folders).chain(list(What::AllFolders));
        let keys = auditseal_store::ending_with_error(entries.map_ok(|entry| entry.key).boxed());
        auditseal_store::fold(keys, start)
    }

    fn versions(&self, prefix: &str) -> BoxStream<'static, Result<Version, Error>> {
        self.entries(Operation::Versions, prefix, What::Versions)
    }

    fn parts(
        &self,
        prefix: &str,
        from: Option<&Bookmark>,
    ) -> BoxStream<'static, Result<Part, Error>> {
        let (call, path) = match self.listed(Operation::Versions, prefix) {
            Ok(listed) => listed,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        match self.base.home() {
            Home::Cloud(cloud) => {
                let (cloud, root) = (Arc::clone(cloud), path.as_ref().to_owned());
                listing::parts(call, cloud, root, What::Versions, from)
            }
            Home::Directory(at) => auditseal_store::in_parts(file::list(call, at, &path)),
        }
    }

    async fn mark(&self, key: &str, version: Option<&str>) -> Result<(), Error> {
        let call = self.base.call(Operation::Mark, key);
        let path = self.base.object_path(&call, key)?;
        auditseal_store::check_markable(key).map_err(|why| call.error(Kind::Invalid, why))?;
        mark::set(&call, self.keeps_marks(&call, version)?, path.as_ref(), version).await
    }

    async fn marked(&self, key: &str, version: Option<&str>) -> Result<bool, Error> {
        let call = self.base.call(Operation::Marked, key);
        let path = self.base.object_path(&call, key)?;
        mark::read(&call, self.keeps_marks(&call, version)?, path.as_ref(), version).await
    }

    async fn lock(&self, key: &str, version: Option<&str>) -> Result<Lock, Error> {
        let call = self.base.call(Operation::Lock, key);
        let path = self.base.object_path(&call, key)?;
        self.check_versioned(&call, version)?;
        match self.base.home() {
            Home::Cloud(cloud) => lock::read(&call, cloud, path.as_ref(), version).await,
            Home::Directory(_) => {
                let head = GetOptions { head: true, ..GetOptions::default() };
                self.fetch(&call, &path, head).await?;
                Ok(Lock::NONE)
            }
        }
    }

    fn quirks(&self) -> Quirks {
        match self.base.home() {
            Home::Directory(_) => Quirks::default(),
            Home::Cloud(cloud) => Quirks {
                latest_only: cloud.version_lists.are_none(),
                wants_md5: cloud.wants_md5.load(Ordering::Relaxed),
            },
        }
    }

    fn endpoint(&self) -> Option<String> {
        match self.base.home() {
            Home::Cloud(cloud) => cloud.endpoint.clone(),
            Home::Directory(_) => None,
        }
    }

    async fn facts(&self) -> Facts {
        let call = self.base.call(Operation::Facts, "");
        match self.base.home() {
            Home::Cloud(cloud) => facts::read(&call, cloud).await,
            Home::Directory(_) => {
                let why = "a directory has no settings: nothing in it is locked";
                Facts::unknown(&call.error(Kind::Invalid, why))
            }
        }
    }
}

/// Asks for a whole object.
fn whole(version: Option<&str>) -> GetOptions {
    GetOptions { version: version.map(str::to_owned), ..GetOptions::default() }
}

impl Backend {
    fn entries(
        &self,
        operation: Operation,
        prefix: &str,
        what: What,
    ) -> BoxStream<'static, Result<Version, Error>> {
        let (call, path) = match self.listed(operation, prefix) {
            Ok(listed) => listed,
            Err(error) => return stream::once(async { Err(error) }).boxed(),
        };
        match self.base.home() {
            Home::Cloud(cloud) => {
                listing::list(call, Arc::clone(cloud), path.as_ref().to_owned(), what)
            }
            Home::Directory(at) => file::list(call, at, &path),
        }
    }

    /// What a listing is of.
    fn listed(&self, operation: Operation, prefix: &str) -> Result<(Call, Path), Error> {
        let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
        let call = self.base.call(operation, prefix);
        auditseal_store::check_prefix(prefix).map_err(|why| call.error(Kind::Invalid, why))?;
        self.base.check_root(&call)?;
        let path = self.base.path(&call, prefix)?;
        Ok((call, path))
    }
}
