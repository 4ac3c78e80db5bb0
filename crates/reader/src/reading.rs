//! One way to read: the notes of a chain in order, from a place that is trusted.
//!
//! [`Reading`] fetches what was listed, several objects at a time, and hands it to the judge
//! ([`Chain`]) in order. Whoever calls it gets each note that is the chain's, and decides what a
//! fault of the store means. What wasn't listed where the chain goes on is asked for by its key
//! before it counts as missing: a directory's listing isn't a snapshot, and a bucket's may be old.

use std::collections::VecDeque;
use std::sync::Arc;

use auditseal_format::{Origin, Time};
use auditseal_store::{Error as StoreError, Kind, Operation};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::fetch::{Depth, Examined, TAIL, examine};
use crate::listing::{Entry, Listing};
use crate::payloads::Gate;
use crate::source::{Object, Source};
use auditseal_chain::{Accepted, Chain, ChainReport, Outcome, Place, Retention, Rules, Sighting};

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
}

/// An object that was looked at, in its turn.
#[derive(Debug)]
pub struct Step {
    /// Bytes of the object.
    pub size: u64,
    /// Notes that turned out to be the chain's meanwhile, in order.
    pub accepted: Vec<Sealed>,
    /// The store gave no answer, or not all of one.
    pub error: Option<StoreError>,
}

/// A note that is the chain's.
#[derive(Debug)]
pub struct Sealed {
    /// The note, and where its object stands.
    pub note: Accepted,
    /// The object's bytes, if they were fetched and are kept. Whoever takes the payload out of them checks
    /// them: [`crate::Batch::fetch`].
    pub(crate) whole: Option<Bytes>,
}

/// What was fetched of a listed version.
struct Fetched {
    entry: Entry,
    examined: Examined,
    /// Why its lock isn't known.
    unknown: Option<StoreError>,
}

/// A chain that is being read.
pub struct Reading<'a> {
    source: &'a Source,
    origin: &'a Origin,
    how: How<'a>,
    chain: Chain,
    ahead: BoxStream<'a, Fetched>,
    /// What comes next: an object that was listed, behind those that were asked for.
    next: VecDeque<Fetched>,
    /// The place up to which the chain is known to reach.
    known: Option<u64>,
    ended: bool,
    kept: Kept,
}

/// Whole objects at the places that aren't judged to their end yet.
#[derive(Debug)]
struct Kept {
    objects: Vec<(Place, Option<Arc<str>>, Bytes)>,
    /// Bytes that may still be kept.
    room: u64,
}

impl Kept {
    fn keep(&mut self, sighting: &Sighting, whole: Option<Bytes>) {
        let Some(whole) = whole else { return };
        // Of one seq a squatter may have put any number of objects.
        if let Some(room) = self.room.checked_sub(whole.len() as u64) {
            self.room = room;
            self.objects.push((sighting.place, sighting.version.clone(), whole));
        }
    }

    /// Gives out the bytes of a note that is the chain's; the others of its seq, and what is before, won't
    /// be needed.
    fn with(&mut self, note: Accepted) -> Sealed {
        let mut whole = None;
        let room = &mut self.room;
        self.objects.retain(|(place, version, bytes)| {
            if (place, version) == (&note.place, &note.version) {
                whole = Some(bytes.clone());
                return false;
            }
            let later = place.seq > note.place.seq;
            *room += if later { 0 } else { bytes.len() as u64 };
            later
        });
        Sealed { note, whole }
    }
}

impl<'a> Reading<'a> {
    /// Begins to read what was listed of a chain, in the order of its places.
    pub fn new(
        source: &'a Source,
        origin: &'a Origin,
        entries: &'a [Entry],
        rules: Rules,
        how: How<'a>,
    ) -> Self {
        let extent = rules.extent;
        let inside = entries.iter().filter(move |entry| extent.has(entry.place.seq));
        let objects = futures::stream::iter(inside)
            .map(move |entry| fetch(source, origin, entry.clone(), how))
            .buffered(how.concurrency.max(1));
        let head = rules.top().map(|top| top.seq);
        Self {
            source,
            origin,
            how,
            chain: Chain::new(origin.clone(), rules),
            ahead: objects.boxed(),
            next: VecDeque::new(),
            known: head.max(extent.to),
            ended: false,
            kept: Kept { objects: Vec::new(), room: how.keep },
        }
    }

    /// The next object; `None` when there is none.
    pub async fn next(&mut self) -> Option<Step> {
        let mut accepted = Vec::new();
        if self.next.is_empty() && !self.ended {
            let fetched = self.ahead.next().await;
            self.ended = fetched.is_none();
            self.next.extend(fetched);
        }
        let before = match self.next.front() {
            Some(fetched) => fetched.entry.place.seq,
            None => self.known.map_or(0, |known| known.saturating_add(1)),
        };
        if let Some(error) = self.ask(before, &mut accepted).await {
            return Some(Step { size: 0, accepted, error: Some(error) });
        }
        let Some(fetched) = self.next.pop_front() else {
            return (!accepted.is_empty()).then_some(Step { size: 0, accepted, error: None });
        };
        let Fetched { entry, examined, unknown } = self.once_more(fetched).await;
        let (size, error) = (examined.sighting.size, examined.error.or(unknown));
        drop(entry);
        self.kept.keep(&examined.sighting, examined.whole);
        let note = self.chain.object(examined.sighting);
        accepted.extend(note.map(|note| self.kept.with(note)));
        Some(Step { size, accepted, error })
    }

    /// Ends the chain; without a time, nothing is overdue.
    pub fn finish(mut self, now: Option<Time>) -> (Option<Sealed>, ChainReport) {
        let (note, report) = self.chain.finish(now);
        (note.map(|note| self.kept.with(note)), report)
    }

    /// Asks for what should stand where the chain goes on before `seq`, and wasn't listed. What is
    /// there comes next. An answer that it isn't there settles all up to `seq`: further keys follow
    /// from that note alone.
    async fn ask(&mut self, seq: u64, accepted: &mut Vec<Sealed>) -> Option<StoreError> {
        let (ended, place) = self.chain.lacks(seq);
        accepted.extend(ended.map(|note| self.kept.with(note)));
        let place = place?;
        match self.stands_at(place).await {
            Ok(entries) => {
                for entry in entries.into_iter().rev() {
                    self.next.push_front(fetch(self.source, self.origin, entry, self.how).await);
                }
                None
            }
            Err(error) => {
                let note = self.chain.object(Sighting::unreadable(place));
                accepted.extend(note.map(|note| self.kept.with(note)));
                Some(error)
            }
        }
    }

    /// The versions at a key, the oldest first; none where the store says that it is free.
    async fn stands_at(&self, place: Place) -> Result<Vec<Entry>, StoreError> {
        let key = place.key(self.origin);
        let name = key.to_string();
        match self.source.tail(Object { key: &name, version: None }, TAIL).await {
            Ok(_) => Listing::of(self.source, &key).await,
            Err(error) if error.kind() == Kind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// An object whose key an earlier note names as its next, and which was read before that note, is
    /// looked at once more.
    async fn once_more(&self, fetched: Fetched) -> Fetched {
        let Depth::Payload(payloads) = self.how.depth else { return fetched };
        let Outcome::Note(seal, _) = &fetched.examined.sighting.outcome else { return fetched };
        let known = fetched.examined.refused
            && Gate::at(payloads, self.origin, fetched.entry.place).open(seal).is_some();
        if !known {
            return fetched;
        }
        let Fetched { entry, examined: before, unknown } = fetched;
        let mut examined = examine(self.source, self.origin, entry.clone(), self.how.depth).await;
        examined.sighting.lock = before.sighting.lock;
        Fetched { entry, examined, unknown }
    }
}

async fn fetch(source: &Source, origin: &Origin, entry: Entry, how: How<'_>) -> Fetched {
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
