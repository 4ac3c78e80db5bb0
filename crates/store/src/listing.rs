//! What every store's listing is made into.

use std::collections::HashSet;

use futures::future::ready;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};

use crate::error::Error;
use crate::object::{Part, Version};

/// Versions handed out at a time where there are no pages.
const PART: usize = 1000;

/// Cuts keys after the next `/` behind `start`, and yields each folder found so once. Servers that
/// know no delimiter list what lies in the folders.
pub fn fold(
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

/// Ends a listing with its first error: what follows one can't be known to be complete.
pub fn ending_with_error<T: Send + 'static>(
    entries: BoxStream<'static, Result<T, Error>>,
) -> BoxStream<'static, Result<T, Error>> {
    stream::unfold(Some(entries), |entries| async move {
        let mut entries = entries?;
        let entry = entries.next().await?;
        let rest = entry.is_ok().then_some(entries);
        Some((entry, rest))
    })
    .boxed()
}

/// A listing that has no pages, in parts: it can be begun from its start only.
pub fn in_parts(
    versions: BoxStream<'static, Result<Version, Error>>,
) -> BoxStream<'static, Result<Part, Error>> {
    let parts = versions.ready_chunks(PART).map(|versions| {
        let versions = versions.into_iter().collect::<Result<_, _>>()?;
        Ok(Part { versions, behind: None })
    });
    ending_with_error(parts.boxed())
}
