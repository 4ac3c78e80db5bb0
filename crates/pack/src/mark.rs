//! Marks on the objects that a pack holds: those may go, once their own lock has ended.

use std::sync::Arc;

use auditseal_chain::Place;
use auditseal_format::Origin;
use auditseal_store::{Error, Kind, Store};
use futures::StreamExt as _;

/// Marks under way at a time.
const AT_ONCE: usize = 64;

/// A version of an object whose bytes are a chain's.
#[derive(Debug, Clone)]
pub(crate) struct Loose {
    pub(crate) place: Place,
    pub(crate) version: Option<Arc<str>>,
}

/// What came of marking.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Marked {
    /// All of them are marked now.
    All(u64),
    /// The store keeps no marks.
    Unsupported,
}

/// Marks these objects, the last one last: while that isn't marked, not all of them are.
///
/// # Errors
/// The store's. An object that is gone needs no mark.
pub(crate) async fn mark(
    archive: &Arc<dyn Store>,
    origin: &Origin,
    objects: &[Loose],
) -> Result<Marked, Error> {
    let Some((last, rest)) = objects.split_last() else { return Ok(Marked::All(0)) };
    let mut done = 0;
    let marks = futures::stream::iter(rest).map(|loose| one(archive, origin, loose));
    let mut marks = std::pin::pin!(marks.buffer_unordered(AT_ONCE));
    while let Some(marked) = marks.next().await {
        match marked {
            Err(error) if error.kind() == Kind::Unsupported => return Ok(Marked::Unsupported),
            marked => done += u64::from(marked?),
        }
    }
    match one(archive, origin, last).await {
        Err(error) if error.kind() == Kind::Unsupported => Ok(Marked::Unsupported),
        marked => Ok(Marked::All(done + u64::from(marked?))),
    }
}

/// Whether an object is there, and marked now.
async fn one(archive: &Arc<dyn Store>, origin: &Origin, loose: &Loose) -> Result<bool, Error> {
    let key = loose.place.key(origin).to_string();
    match archive.mark(&key, loose.version.as_deref()).await {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == Kind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether an object is there without a mark; `None` where the store keeps none.
///
/// # Errors
/// The store's.
pub(crate) async fn lacks_mark(
    archive: &Arc<dyn Store>,
    origin: &Origin,
    loose: &Loose,
) -> Result<Option<bool>, Error> {
    let key = loose.place.key(origin).to_string();
    match archive.marked(&key, loose.version.as_deref()).await {
        Ok(marked) => Ok(Some(!marked)),
        Err(error) if error.kind() == Kind::NotFound => Ok(Some(false)),
        Err(error) if error.kind() == Kind::Unsupported => Ok(None),
        Err(error) => Err(error),
    }
}
