//! Parts of objects: their ends, and ranges.

use std::ops::Range;

use bytes::Bytes;
use object_store::path::Path;
use object_store::{Error as StoreError, GetOptions, GetRange};

use super::Backend;
use crate::body::collect;
use crate::call::Call;
use crate::translate;
use auditseal_store::{Error, Fetched, Kind};

impl Backend {
    /// The bytes of a range that begins in the object.
    pub(super) async fn part(
        &self,
        call: &Call,
        path: &Path,
        version: Option<String>,
        range: Range<u64>,
    ) -> Result<Fetched, Error> {
        if range.is_empty() {
            return Err(call.error(Kind::Invalid, "a range of no bytes"));
        }
        let length = range.end - range.start;
        let bounded = Some(GetRange::Bounded(range));
        let options = GetOptions { range: bounded, version, ..GetOptions::default() };
        collect(call, self.fetch(call, path, options).await?, length).await
    }

    pub(super) async fn tail_by_size(
        &self,
        call: &Call,
        path: &Path,
        version: Option<String>,
        length: u64,
    ) -> Result<Fetched, Error> {
        let options = GetOptions { head: true, version: version.clone(), ..GetOptions::default() };
        let head = self.fetch(call, path, options).await?;
        let info = self.base.info(head.meta);
        if info.size == 0 || length == 0 {
            return Ok(Fetched { info, bytes: Bytes::new() });
        }
        let range = GetRange::Bounded(info.size.saturating_sub(length)..info.size);
        let options = GetOptions { range: Some(range), version, ..GetOptions::default() };
        let result = self.fetch(call, path, options).await?;
        if result.meta.size != info.size {
            return Err(
                call.error(Kind::Unavailable, "the object's size changed between two requests")
            );
        }
        collect(call, result, length).await
    }

    pub(super) async fn tail_by_suffix(
        &self,
        call: &Call,
        path: &Path,
        version: Option<String>,
        length: u64,
    ) -> Result<Fetched, Error> {
        self.check_versioned(call, version.as_deref())?;
        // No server takes a suffix of nothing; one byte too many is cheaper than a second dialect.
        let asked = length.max(1);
        let whole = GetOptions { version: version.clone(), ..GetOptions::default() };
        let options = GetOptions { range: Some(GetRange::Suffix(asked)), ..whole.clone() };
        self.check_file(call, path).await?;
        let error = match self.store.get_opts(path, options).await {
            Ok(result) => {
                call.check_version(version.as_deref(), result.meta.version.as_deref())?;
                let mut fetched = collect(call, result, asked).await?;
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
        let result = self.fetch(call, path, whole).await?;
        if result.meta.size > length {
            return Err(call.translate(&error));
        }
        collect(call, result, length).await
    }
}
