//! Listing a cloud's bucket page by page, as it is: with keys that aren't ours, and with versions.

use std::collections::HashSet;
use std::collections::VecDeque;
use std::sync::Arc;

use futures::future::ready;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use reqwest::Method;

use crate::backend::Call;
use crate::error::{Error, Kind};
use crate::pages::{self, Page, Query};
use crate::request::{Cloud, Dialect};
use crate::store::Version;

/// So many pages in a row may hold nothing; stores send some where much was deleted.
const EMPTY_PAGES: u32 = 1000;

/// What a listing is to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    /// The latest version of each object that isn't hidden.
    Objects,
    /// All versions and markers.
    Versions,
    /// Of all keys that go on alike up to the next `/` one, or that beginning.
    Folders,
}

/// Cuts keys after the next `/` behind `start`, and yields each folder found so once. Servers that
/// know no delimiter list what lies in the folders.
pub(crate) fn fold(
    keys: BoxStream<'static, Result<String, Error>>,
    start: &str,
) -> BoxStream<'static, Result<String, Error>> {
    let start = start.to_owned();
    let mut seen = HashSet::new();
    let mut folder = move |key: String| {
        let (name, _) = key.strip_prefix(&start)?.split_once('/')?;
        let folder = format!("{start}{name}");
        let named = !folder.is_empty() && !folder.ends_with('/');
        (named && seen.insert(folder.clone())).then_some(folder)
    };
    keys.try_filter_map(move |key| ready(Ok(folder(key)))).boxed()
}

/// Lists what lies below `root`, a path in the bucket without slashes around it; folders that begin
/// with it.
pub(crate) fn list(
    call: Call,
    cloud: Arc<Cloud>,
    root: String,
    what: What,
) -> BoxStream<'static, Result<Version, Error>> {
    let state = Listing {
        call,
        cloud,
        root,
        what,
        next: Some(Query::new()),
        seen: HashSet::new(),
        empty: 0,
        entries: VecDeque::new(),
    };
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(entry) => entry.map(|entry| (Ok(entry), Some(state))),
            // What follows an error can't be known to be complete.
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

struct Listing {
    call: Call,
    cloud: Arc<Cloud>,
    root: String,
    what: What,
    /// Where the next page begins; none after the last.
    next: Option<Query>,
    /// Where pages began: a store that leads back there would never end.
    seen: HashSet<Query>,
    empty: u32,
    entries: VecDeque<Version>,
}

impl Listing {
    async fn next(&mut self) -> Result<Option<Version>, Error> {
        loop {
            if let Some(entry) = self.entries.pop_front() {
                match self.ours(entry)? {
                    Some(entry) => return Ok(Some(entry)),
                    None => continue,
                }
            }
            let Some(begin) = self.next.take() else { return Ok(None) };
            let page = self.page(&begin).await?;
            self.empty = if page.entries.is_empty() { self.empty + 1 } else { 0 };
            self.entries = page.entries.into();
            self.next = page.next;
            if let Some(next) = &self.next {
                if !self.seen.insert(next.clone()) || *next == begin {
                    return Err(self.lie("leads back to a page that was there before"));
                }
                if self.empty >= EMPTY_PAGES {
                    return Err(self.lie("goes on without holding anything"));
                }
            }
        }
    }

    fn lie(&self, why: &str) -> Error {
        self.call
            .error(Kind::Unavailable, &format!("the listing {why}"))
            .with_hint("the server doesn't list as its cloud does: check what stands before it")
    }

    /// The entry with its key below the store's prefix.
    fn ours(&self, mut entry: Version) -> Result<Option<Version>, Error> {
        let root = self.root.as_str();
        if self.what == What::Folders && entry.key.starts_with(root) {
            entry.key = self.call.backend.key(&entry.key).to_owned();
            return Ok(Some(entry));
        }
        // A marker that a console left for the "folder" itself.
        if !root.is_empty() && entry.key.strip_suffix('/').unwrap_or(&entry.key) == root {
            return Ok(None);
        }
        let below = match entry.key.strip_prefix(root) {
            Some(rest) => root.is_empty() || rest.starts_with('/'),
            None => false,
        };
        if !below {
            let why = "the listing holds a key that wasn't asked for";
            return Err(self.call.error(Kind::Other, why));
        }
        entry.key = self.call.backend.key(&entry.key).to_owned();
        Ok(Some(entry))
    }

    async fn page(&self, begin: &Query) -> Result<Page, Error> {
        let versions = self.what == What::Versions;
        let folders = self.what == What::Folders;
        let below = match self.root.as_str() {
            root if root.is_empty() || folders => root.to_owned(),
            root => format!("{root}/"),
        };
        let (base, fixed): (&str, &[(&str, &str)]) = match (&self.cloud.dialect, versions) {
            (Dialect::S3 { bucket }, true) => {
                (bucket, &[("versions", ""), ("encoding-type", "url")])
            }
            (Dialect::S3 { bucket } | Dialect::Google { bucket, .. }, false) => {
                (bucket, &[("list-type", "2"), ("encoding-type", "url")])
            }
            (Dialect::Google { json, .. }, true) => (json, &[("versions", "true")]),
            (Dialect::Azure { container }, false) => {
                (container, &[("restype", "container"), ("comp", "list")])
            }
            (Dialect::Azure { container }, true) => (
                container,
                &[("restype", "container"), ("comp", "list"), ("include", "versions,deleted")],
            ),
        };
        let path = match (&self.cloud.dialect, versions) {
            (Dialect::Google { .. }, true) => "o",
            _ => "",
        };
        let mut query = fixed.to_vec();
        if !below.is_empty() {
            query.push(("prefix", &below));
        }
        if folders {
            query.push(("delimiter", "/"));
        }
        query.extend(begin.iter().map(|(name, value)| (*name, value.as_str())));
        let reply = self
            .cloud
            .send(Method::GET, base, path, &query, &[])
            .await
            .map_err(|error| self.call.http(&error))?;
        let read = match (&self.cloud.dialect, versions) {
            (Dialect::Azure { .. }, _) if folders => pages::azure_folders(&reply.body),
            _ if folders => pages::s3_folders(&reply.body),
            (Dialect::S3 { .. }, true) => pages::s3_versions(&reply.body),
            (Dialect::S3 { .. } | Dialect::Google { .. }, false) => pages::s3_objects(&reply.body),
            (Dialect::Google { .. }, true) => pages::google_versions(&reply.body),
            (Dialect::Azure { .. }, _) => pages::azure(&reply.body, versions),
        };
        // Not the store's answer, or not a whole one: nothing can be said of what is there.
        read.map_err(|why| self.call.error(Kind::Unavailable, &format!("read the listing: {why}")))
    }
}
