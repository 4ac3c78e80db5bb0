//! Listing a cloud's bucket page by page, as it is: with keys that aren't ours, and with versions.

use std::sync::Arc;

use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use reqwest::Method;

use crate::call::Call;
use crate::pages::{self, Page, Query};
use crate::request::{Cloud, Dialect};
use auditseal_store::{Bookmark, Part, Version};
use auditseal_store::{Error, Kind};

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
    /// The same of all keys that have a version or a marker.
    AllFolders,
}

impl What {
    fn has_versions(self) -> bool {
        matches!(self, Self::Versions | Self::AllFolders)
    }

    fn are_folders(self) -> bool {
        matches!(self, Self::Folders | Self::AllFolders)
    }

    /// The same of a server that lists no versions.
    fn of_latest(self) -> Self {
        match self {
            Self::Versions => Self::Objects,
            Self::AllFolders => Self::Folders,
            latest => latest,
        }
    }
}

/// Lists what lies below `root`, a path in the bucket without slashes around it; folders that begin
/// with it.
pub(crate) fn list(
    call: Call,
    cloud: Arc<Cloud>,
    root: String,
    what: What,
) -> BoxStream<'static, Result<Version, Error>> {
    let parts = parts(call, cloud, root, what, None);
    parts.map_ok(|part| stream::iter(part.versions).map(Ok)).try_flatten().boxed()
}

/// The same page by page, from a bookmark on.
pub(crate) fn parts(
    call: Call,
    cloud: Arc<Cloud>,
    root: String,
    what: What,
    from: Option<&Bookmark>,
) -> BoxStream<'static, Result<Part, Error>> {
    let next = from.map_or_else(Query::new, |from| from.query().to_vec());
    let (next, course) = (Some(next), Course::default());
    let state = Listing { call, cloud, root, what, folded: what.are_folders(), next, course };
    stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        match state.next().await {
            Ok(part) => part.map(|part| (Ok(part), Some(state))),
            // What follows an error can't be known to be complete.
            Err(error) => Some((Err(error), None)),
        }
    })
    .boxed()
}

/// Tells a listing that goes round in circles, however long they are, by one place of it: the
/// places of an honest one are as many as its pages.
#[derive(Default)]
struct Course {
    /// Where a page began once; the place is taken anew after twice as many pages each time.
    mark: Query,
    since: u64,
    patience: u64,
    /// Pages in a row that held nothing.
    empty: u32,
}

impl Course {
    /// Whether the page that begins there was there before.
    fn was_at(&mut self, next: &Query) -> bool {
        let round = self.mark == *next;
        self.since += 1;
        if self.since > self.patience {
            (self.mark, self.since) = (next.clone(), 0);
            self.patience = self.patience.saturating_mul(2).max(1);
        }
        round
    }
}

struct Listing {
    call: Call,
    cloud: Arc<Cloud>,
    root: String,
    what: What,
    /// The server is asked to fold keys into folders.
    folded: bool,
    /// Where the next page begins; none after the last.
    next: Option<Query>,
    course: Course,
}

impl Listing {
    async fn next(&mut self) -> Result<Option<Part>, Error> {
        let Some(begin) = self.next.take() else { return Ok(None) };
        let page = self.page_or_objects(&begin).await?;
        self.course.empty = if page.entries.is_empty() { self.course.empty + 1 } else { 0 };
        self.next = page.next;
        if let Some(next) = &self.next {
            if *next == begin || self.course.was_at(next) {
                return Err(self.lie("leads back to a page that was there before"));
            }
            if self.course.empty >= EMPTY_PAGES {
                return Err(self.lie("goes on without holding anything"));
            }
        }
        let mut versions = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            versions.extend(self.ours(entry)?);
        }
        Ok(Some(Part { versions, behind: self.next.clone().map(Bookmark::at) }))
    }

    fn lie(&self, why: &str) -> Error {
        self.call
            .error(Kind::Unavailable, &format!("the listing {why}"))
            .with_hint("the server doesn't list as its cloud does: check what stands before it")
    }

    /// The entry with its key below the store's prefix.
    fn ours(&self, mut entry: Version) -> Result<Option<Version>, Error> {
        let root = self.root.as_str();
        if self.what.are_folders() && entry.key.starts_with(root) {
            entry.key = self.call.base().key(&entry.key).to_owned();
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
        entry.key = self.call.base().key(&entry.key).to_owned();
        Ok(Some(entry))
    }

    /// A page; of a server that says it lists no versions, of the objects that it lists instead:
    /// each is then the only version that anybody can ask for.
    async fn page_or_objects(&mut self, begin: &Query) -> Result<Page, Error> {
        let lists = &self.cloud.version_lists;
        if lists.are_none() {
            self.what = self.what.of_latest();
        }
        match self.page(begin).await {
            // In the middle of a listing it can't mean that.
            Err(error) if self.may_lack_versions(&error) && begin.is_empty() => lists.refused(),
            // Azure's protocol doesn't say that it folds versions. All of them say the same, at a price.
            Err(error) if self.may_not_fold(&error) && begin.is_empty() => {
                self.folded = false;
                return self.page(begin).await;
            }
            page => {
                if self.what.has_versions() && page.is_ok() {
                    lists.shown();
                }
                return page;
            }
        }
        if !lists.are_none() {
            return Err(self.lie("of versions is refused, though the server gave one before"));
        }
        self.what = self.what.of_latest();
        self.page(begin).await
    }

    fn may_not_fold(&self, error: &Error) -> bool {
        let azure = matches!(self.cloud.dialect, Dialect::Azure { .. });
        let refused = matches!(error.kind(), Kind::Invalid | Kind::Unsupported | Kind::Other);
        azure && self.what == What::AllFolders && self.folded && refused
    }

    fn may_lack_versions(&self, error: &Error) -> bool {
        let s3 = matches!(self.cloud.dialect, Dialect::S3 { .. });
        s3 && self.what.has_versions() && error.kind() == Kind::Unsupported
    }

    async fn page(&self, begin: &Query) -> Result<Page, Error> {
        let (versions, folders) = (self.what.has_versions(), self.what.are_folders());
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
        if self.folded {
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
            (Dialect::Google { .. }, true) if folders => pages::google_folders(&reply.body),
            (Dialect::S3 { .. }, true) if folders => pages::s3_all_folders(&reply.body),
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
