//! A pack whose objects are being read, and what stands beside it at their seqs.
//!
//! ```text
//!            ┌─ whole ──── its objects; beside them, the loose ones that its auditor hasn't judged
//! attested ──┼─ broken ─── from the first that isn't as attested on: all loose ones, and a finding
//!            └─ unread ─── the store's error; from there on nothing is concluded from what isn't there
//! ```

use std::sync::Arc;

use auditseal_chain::{Place, Sighting, Verdict};
use auditseal_format::Origin;
use auditseal_format::packs::Attestation;
use auditseal_store::Error;
use bytes::Bytes;
use futures::StreamExt as _;
use futures::stream::BoxStream;

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

/// A pack that is being read.
pub(crate) struct OpenPack<'a> {
    attestation: Arc<Attestation>,
    state: State,
    /// The first seq whose object hasn't come, and the last one that is to come.
    next: u64,
    last: u64,
    /// The loose objects at its seqs that are read, each with its place among all of them, and how many of
    /// all are behind those that came.
    beside: BoxStream<'a, (usize, Fetched)>,
    passed: usize,
    /// Reads the loose objects from a place on: all of them from a seq on, before it those that weren't judged.
    read: Read<'a>,
    /// What comes next of the pack, and beside it.
    object: Option<Box<Packed>>,
    fetched: Option<Box<(usize, Fetched)>>,
    faults: Vec<(Verdict, String)>,
}

type Read<'a> = Box<dyn Fn(usize, u64) -> BoxStream<'a, (usize, Fetched)> + Send + 'a>;

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
        source: &'a Source,
        origin: &'a Origin,
        packs: &'a Packs,
        pack: &'a Pack,
        loose: &'a [Entry],
        how: How<'a>,
    ) -> Self {
        let state = unpack(packs, pack, how).await;
        let (state, fault) = match state {
            Ok(unpacking) => (State::Whole(unpacking), None),
            Err(NoPack::Store(error)) => (State::Unread(Some(error)), None),
            Err(NoPack::Found(verdict, detail)) => (State::Broken, Some((verdict, detail))),
        };
        let concurrency = how.concurrency.max(1);
        let read = move |passed: usize, all: u64| -> BoxStream<'a, (usize, Fetched)> {
            let wanted = loose.iter().enumerate().skip(passed).filter(move |(_, entry)| {
                all <= entry.place.seq || !packs.judged(pack, entry.modified)
            });
            let fetched = futures::stream::iter(wanted).map(move |(nth, entry)| async move {
                (nth, fetch(source, origin, entry.clone(), how).await)
            });
            fetched.buffered(concurrency).boxed()
        };
        let all = if fault.is_some() { 0 } else { u64::MAX };
        Self {
            attestation: Arc::clone(&pack.attestation),
            state,
            next: pack.first,
            last: pack.last,
            beside: read(0, all),
            passed: 0,
            read: Box::new(read),
            object: None,
            fetched: None,
            faults: fault.into_iter().collect(),
        }
    }

    /// What is attested of it.
    pub(crate) fn attestation(&self) -> &Arc<Attestation> {
        &self.attestation
    }

    /// What is wrong with the pack itself, each thing once.
    pub(crate) fn fault(&mut self) -> Option<(Verdict, String)> {
        self.faults.pop()
    }

    /// Whether all of its objects came.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// What comes next, in the order of seqs; of one seq the pack's object comes first.
    pub(crate) async fn next(&mut self) -> Option<Out> {
        if let Some(error) = self.fill().await {
            return Some(Out::Error(error));
        }
        if self.fetched.is_none() {
            self.fetched = self.beside.next().await.map(Box::new);
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
                Some(Unpacked::Payload(_)) => {}
                Some(Unpacked::Broken(why)) => self.give_up(&why),
                Some(Unpacked::Unreadable(error)) => self.state = State::Unread(Some(error)),
                None if self.next > self.last => self.state = State::Ended,
                None => self.give_up("it ended before its end"),
            }
        }
        let State::Unread(error) = &mut self.state else { return None };
        if let Some(error) = error.take() {
            return Some(error);
        }
        if self.next <= self.last {
            let place = Place { seq: self.next, alternate: None, date: self.attestation.date };
            let sighting = Sighting::unreadable(place);
            self.object = Some(Box::new(Packed { sighting, lines: None }));
        }
        None
    }

    /// From here on the loose objects are all there is.
    fn give_up(&mut self, why: &str) {
        self.state = State::Broken;
        self.faults.push((Verdict::Tampered, format!("the attested pack: {why}")));
        // Of those that were read ahead none was given out.
        self.fetched = None;
        self.beside = (self.read)(self.passed, self.next);
    }
}

async fn unpack(packs: &Packs, pack: &Pack, how: How<'_>) -> Result<Unpacking, NoPack> {
    let permit = packs.turn().await;
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
    let cut = matches!(how.packed, PackedLines::Of(_));
    let lines: Option<Box<dyn Fn(u64) -> bool + Send>> = match how.packed {
        PackedLines::None => None,
        PackedLines::All => Some(Box::new(|_| true)),
        PackedLines::Of(found) => {
            let found = found.clone();
            Some(Box::new(move |seq| found.has(seq)))
        }
    };
    let demand = Demand { index: index && !cut, lines, cut };
    Ok(Unpacking::begin(bytes, lock, pack, demand, permit))
}
