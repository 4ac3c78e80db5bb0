//! What was listed, fetched: an object, and what the store says protects it.

use auditseal_chain::{Outcome, Retention};
use auditseal_format::Origin;
use auditseal_store::{Error as StoreError, Kind, Operation};

use crate::fetch::{Depth, Examined, examine};
use crate::listing::Entry;
use crate::packs::Candidate;
use crate::source::{Object, Source};

/// How a chain is read.
#[derive(Debug, Clone, Copy)]
pub struct How<'a> {
    /// How much of each object is looked at.
    pub depth: Depth<'a>,
    /// The store is asked for each object's lock.
    pub retention: Option<Retention>,
    /// Objects in flight at a time. Fewer are, if they are large.
    pub concurrency: usize,
    /// Bytes of whole objects that are given out with their notes, in all: whoever needs the payloads
    /// as well asks the store once for these, and for the others twice.
    pub keep: u64,
    /// Which payloads of packs are given out with their notes.
    pub packed: PackedLines<'a>,
}

/// Which payloads of packs are given out with their notes, so that a pack is decoded once.
#[derive(Debug, Clone, Copy, Default)]
pub enum PackedLines<'a> {
    /// None.
    #[default]
    None,
    /// None, and they are asked for later ([`crate::PackCursor`]), each proved before it is given out. So seals
    /// alone are read now, and of consecutive ones of a key the last one's signature: what of a pack is found
    /// to be wrong has to be looked at again, without this.
    Later,
    /// All, but for those that are too large to be kept: of whatever else is kept, `How::keep` says how much. Of
    /// signatures as few are checked as vouch for all seals. The times of their lines are held against the seals, if
    /// lines or batches are chosen by them.
    All {
        /// The times as well.
        times: bool,
    },
    /// The same of those that a search found; nothing behind the last of them is decoded.
    Of {
        /// What was found.
        found: &'a Candidate,
        /// The times as well.
        times: bool,
    },
}

/// What was fetched of a listed version.
pub(crate) struct Fetched {
    pub(crate) entry: Entry,
    pub(crate) examined: Examined,
    /// Why its lock isn't known.
    pub(crate) unknown: Option<StoreError>,
}

pub(crate) async fn fetch(source: &Source, origin: &Origin, entry: Entry, how: How<'_>) -> Fetched {
    let examined = examine(source, origin, entry.clone(), how.depth).await.held_whole();
    let (examined, unknown) = match how.retention {
        Some(retention) => locked(source, origin, examined, retention).await,
        None => (examined, None),
    };
    Fetched { entry, examined, unknown }
}

/// Asks what protects a note's object; says why that isn't known.
async fn locked(
    source: &Source,
    origin: &Origin,
    mut examined: Examined,
    retention: Retention,
) -> (Examined, Option<StoreError>) {
    let sighting = &mut examined.sighting;
    if !matches!(sighting.outcome, Outcome::Note(..)) {
        return (examined, None);
    }
    let key = sighting.place.key(origin).to_string();
    match source.lock(Object { key: &key, version: sighting.version.as_deref() }).await {
        // Not even that it is gone means that it isn't locked: it was read a moment ago.
        Err(error) => (examined, Some(error)),
        Ok(lock) => {
            let unknown = retention
                .unknown(&lock)
                .map(|why| StoreError::new(Operation::Lock, &key, Kind::Other, why));
            sighting.lock = Some(lock);
            (examined, unknown)
        }
    }
}
