//! A pack whose objects are being read, and what stands beside it at their seqs.
//!
//! ```text
//!            ┌─ whole ──── its objects; beside them, the loose ones that its auditor hasn't judged
//! attested ──┼─ broken ─── from the first that isn't as attested on: all loose ones, and a finding
//!            └─ unread ─── the store's error; from there on nothing is concluded from what isn't there
//! ```

use std::ops::RangeInclusive;
use std::sync::Arc;

use auditseal_chain::{Place, Sighting, Verdict};
use auditseal_format::Origin;
use auditseal_format::packs::PackProof;
use auditseal_store::Error;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::fetch::Depth;
use crate::listed::{Fetched, How, PackedLines, fetch};
use crate::listing::Entry;
use crate::packs::{Demand, NoPack, Pack, PackBytes, Packs, Unpacked, Unpacking};
use crate::source::{Object, Source};

/// An object that a pack holds; with its payload, if that was asked for.
pub(crate) struct Packed {
    pub(crate) sighting: Sighting,
    pub(crate) lines: Option<Vec<Bytes>>,
}

/// What comes of a pack.
pub(crate) enum Out {
    /// An object that it holds, or of which nothing is known.
    Object(Box<Packed>),
    /// An object beside it.
    Beside(Box<Fetched>),
    /// The store gave no answer.
    Error(Error),
}

/// What is read in the place of a pack that isn't as attested.
pub(crate) struct Rest<'a> {
    /// At these seqs.
    pub(crate) seqs: RangeInclusive<u64>,
    /// The loose objects there.
    pub(crate) loose: &'a [Entry],
    /// And whatever other packs hold than these.
    pub(crate) passed_over: PassedOver,
}

/// Packs that weren't as attested, so that others are read at their seqs.
#[derive(Clone, Default)]
pub(crate) struct PassedOver {
    /// The keys of their attestations.
    pub(crate) attested_at: Vec<String>,
    /// Whose turn it is of those that are read in their place: whoever waits for the turn of any pack would wait for
    /// packs that come behind these.
    turns: Option<Arc<Semaphore>>,
}

impl PassedOver {
    fn and(self, attested_at: String) -> Self {
        let mut all = self.attested_at;
        all.push(attested_at);
        Self { attested_at: all, turns: Some(Arc::new(Semaphore::new(1))) }
    }

    async fn turn(&self, packs: &Packs) -> Option<OwnedSemaphorePermit> {
        match &self.turns {
            // Nobody closes it.
            Some(turns) => Arc::clone(turns).acquire_owned().await.ok(),
            None => packs.turn().await,
        }
    }
}

/// A pack that is being read.
pub(crate) struct OpenPack<'a> {
    pack: Pack,
    passed_over: PassedOver,
    state: State,
    /// The first seq whose object hasn't come.
    next: u64,
    /// The loose objects at its seqs, and how many of them are behind those that came.
    loose: &'a [Entry],
    passed: usize,
    /// Those of them that are read, each with its place among all.
    beside: BoxStream<'a, (usize, Fetched)>,
    /// What comes next of the pack, and beside it.
    object: Option<Box<Packed>>,
    fetched: Option<Box<(usize, Fetched)>>,
    faults: Vec<(Verdict, String)>,
}

enum State {
    Whole(Unpacking),
    Ended,
    Broken,
    /// The store's error is told once.
    Unread(Option<Error>),
}

impl<'a> OpenPack<'a> {
    /// Fetches a pack, unless too many are open: it waits for its turn.
    pub(crate) async fn open(
        (source, origin): (&'a Source, &'a Origin),
        packs: &'a Packs,
        (pack, passed_over): (Pack, PassedOver),
        loose: &'a [Entry],
        how: How<'a>,
    ) -> Self {
        let state = unpack(packs, &pack, &passed_over, how).await;
        let (state, fault) = match state {
            Ok(unpacking) => (State::Whole(unpacking), None),
            Err(NoPack::Store(error)) => (State::Unread(Some(error)), None),
            Err(NoPack::Found(verdict, detail)) => (State::Broken, Some((verdict, detail))),
        };
        let judged = packs.judged(&pack);
        let wanted = loose.iter().enumerate().filter(move |(_, entry)| judged <= entry.modified);
        let fetched = futures::stream::iter(wanted).map(move |(nth, entry)| async move {
            (nth, fetch(source, origin, entry.clone(), how).await)
        });
        let next = pack.first;
        Self {
            pack,
            passed_over,
            state,
            next,
            loose,
            passed: 0,
            beside: fetched.buffered(how.concurrency.max(1)).boxed(),
            object: None,
            fetched: None,
            faults: fault.into_iter().collect(),
        }
    }

    /// The pack.
    pub(crate) fn pack(&self) -> &Pack {
        &self.pack
    }

    /// What is wrong with the pack itself, each thing once.
    pub(crate) fn fault(&mut self) -> Option<(Verdict, String)> {
        self.faults.pop()
    }

    /// Whether all of its objects came.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// What is read in its place behind the last of what came, once all of that was given out; nothing, if the pack
    /// isn't at fault.
    pub(crate) fn rest(self) -> Option<Rest<'a>> {
        let State::Broken = self.state else { return None };
        let Self { pack, passed_over, loose, passed, next, .. } = self;
        let passed_over = passed_over.and(pack.attested_at);
        Some(Rest { seqs: next..=pack.last, loose: &loose[passed..], passed_over })
    }

    /// What comes next, in the order of seqs; of one seq the pack's object comes first.
    pub(crate) async fn next(&mut self) -> Option<Out> {
        if let Some(error) = self.fill().await {
            return Some(Out::Error(error));
        }
        if self.fetched.is_none() {
            self.fetched = self.beside.next().await.map(Box::new);
        }
        // All that stands there is read in the pack's place.
        let left = |(_, fetched): &(usize, Fetched)| self.next <= fetched.entry.place.seq;
        if matches!(self.state, State::Broken) && self.fetched.as_deref().is_none_or(left) {
            self.passed = self.loose.partition_point(|entry| entry.place.seq < self.next);
            return None;
        }
        let beside = self.fetched.as_ref().map(|fetched| fetched.1.entry.place.seq);
        let first =
            self.object.take_if(|object| beside.is_none_or(|seq| object.sighting.place.seq <= seq));
        if let Some(object) = first {
            self.next = object.sighting.place.seq + 1;
            return Some(Out::Object(object));
        }
        let (nth, fetched) = *self.fetched.take()?;
        self.passed = nth + 1;
        Some(Out::Beside(Box::new(fetched)))
    }

    /// Has the pack's next object ready, if there is one; gives the store's error, once.
    async fn fill(&mut self) -> Option<Error> {
        if self.object.is_some() {
            return None;
        }
        if let State::Whole(unpacking) = &mut self.state {
            let mut next = unpacking.next().await;
            while let Some(Unpacked::Wrong(verdict, why)) = next {
                self.faults.push((verdict, why));
                next = unpacking.next().await;
            }
            match next {
                // All of these were taken.
                Some(Unpacked::Wrong(..)) => {}
                Some(Unpacked::Object(sighting, lines)) => {
                    self.object = Some(Box::new(Packed { sighting, lines }));
                }
                // Those come with their object.
                Some(Unpacked::Payload(_) | Unpacked::Proved(_)) => {}
                Some(Unpacked::Broken(why)) => self.give_up(&why),
                Some(Unpacked::Unreadable(error)) => self.state = State::Unread(Some(error)),
                None if self.next > self.pack.last => self.state = State::Ended,
                None => self.give_up("it ended before its end"),
            }
        }
        let State::Unread(error) = &mut self.state else { return None };
        if let Some(error) = error.take() {
            return Some(error);
        }
        if self.next <= self.pack.last {
            let date = self.pack.attestation.date;
            let place = Place { seq: self.next, alternate: None, date };
            let sighting = Sighting::unreadable(place);
            self.object = Some(Box::new(Packed { sighting, lines: None }));
        }
        None
    }

    /// From here on something else is read.
    fn give_up(&mut self, why: &str) {
        self.state = State::Broken;
        self.faults.push((Verdict::Tampered, format!("the attested pack: {why}")));
    }
}

async fn unpack(
    packs: &Packs,
    pack: &Pack,
    passed_over: &PassedOver,
    how: How<'_>,
) -> Result<Unpacking, NoPack> {
    let permit = passed_over.turn(packs).await;
    let bytes = PackBytes::fetch(packs, pack).await?;
    let lock = match (how.retention, packs.source()) {
        (Some(_), Some(source)) => {
            let key = bytes.attestation.pack_key();
            let object = Object { key: &key, version: bytes.version.as_deref() };
            Some(source.lock(object).await?)
        }
        _ => None,
    };
    // Whoever reads all that there is makes the index again.
    let index = matches!(how.depth, Depth::Payload(_));
    let cut = matches!(how.packed, PackedLines::Of { .. });
    let lines: Option<Box<dyn Fn(u64) -> bool + Send>> = match how.packed {
        PackedLines::None | PackedLines::Later => None,
        PackedLines::All { .. } => Some(Box::new(|_| true)),
        PackedLines::Of { found, .. } => {
            let found = found.clone();
            Some(Box::new(move |seq| found.has(seq)))
        }
    };
    let proof = match (how.packed, how.depth) {
        (PackedLines::Later, Depth::Seal | Depth::Stored) => PackProof::Seals,
        (
            PackedLines::All { times } | PackedLines::Of { times, .. },
            Depth::Seal | Depth::Stored,
        ) => PackProof::Lines { times },
        _ => PackProof::All,
    };
    let demand = Demand { index: index && !cut, lines, cut, proof };
    Ok(Unpacking::begin(bytes, lock, pack, demand, permit))
}
