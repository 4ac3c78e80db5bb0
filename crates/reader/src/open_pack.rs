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
use futures::StreamExt as _;
use futures::stream::BoxStream;

use crate::fetch::Depth;
use crate::listed::{Fetched, How, fetch};
use crate::listing::Entry;
use crate::packs::{NoPack, Pack, PackBytes, Packs, Unpacked, Unpacking};
use crate::source::{Object, Source};

/// What comes of a pack.
pub(crate) enum Out {
    /// An object that it holds, or of which nothing is known.
    Object(Box<Sighting>),
    /// An object beside it.
    Beside(Box<Fetched>),
    /// The store gave no answer.
    Error(Error),
}

/// A pack that is being read.
pub(crate) struct OpenPack<'a> {
    attestation: Arc<Attestation>,
    state: State,
    /// The first seq whose object hasn't come.
    next: u64,
    /// All loose objects at its seqs, and those that are read.
    loose: &'a [Entry],
    beside: BoxStream<'a, Fetched>,
    read: Box<dyn Fn(&'a [Entry]) -> BoxStream<'a, Fetched> + Send + 'a>,
    /// What comes next of the pack, and beside it.
    object: Option<Box<Sighting>>,
    fetched: Option<Box<Fetched>>,
    fault: Option<(Verdict, String)>,
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
        let (concurrency, all) = (how.concurrency.max(1), fault.is_some());
        let read = move |entries: &'a [Entry], all: bool| -> BoxStream<'a, Fetched> {
            let wanted =
                entries.iter().filter(move |entry| all || !packs.judged(pack, entry.modified));
            let fetched = futures::stream::iter(wanted)
                .map(move |entry| fetch(source, origin, entry.clone(), how));
            fetched.buffered(concurrency).boxed()
        };
        Self {
            attestation: Arc::clone(&pack.attestation),
            state,
            next: pack.attestation.first,
            loose,
            beside: read(loose, all),
            read: Box::new(move |entries| read(entries, true)),
            object: None,
            fetched: None,
            fault,
        }
    }

    /// What is attested of it.
    pub(crate) fn attestation(&self) -> &Arc<Attestation> {
        &self.attestation
    }

    /// What is wrong with the pack itself, once.
    pub(crate) fn fault(&mut self) -> Option<(Verdict, String)> {
        self.fault.take()
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
        let beside = self.fetched.as_ref().map(|fetched| fetched.entry.place.seq);
        let first = self.object.take_if(|object| beside.is_none_or(|seq| object.place.seq <= seq));
        if let Some(object) = first {
            self.next = object.place.seq + 1;
            return Some(Out::Object(object));
        }
        self.fetched.take().map(Out::Beside)
    }

    /// Has the pack's next object ready, if there is one; gives the store's error, once.
    async fn fill(&mut self) -> Option<Error> {
        if self.object.is_some() {
            return None;
        }
        if let State::Whole(unpacking) = &mut self.state {
            let mut next = unpacking.next().await;
            if let Some(Unpacked::WrongIndex(why)) = next {
                self.fault = Some((Verdict::WrongIndex, why));
                next = unpacking.next().await;
            }
            match next {
                // It is told once.
                Some(Unpacked::WrongIndex(_)) => {}
                Some(Unpacked::Object(sighting)) => self.object = Some(Box::new(sighting)),
                Some(Unpacked::Broken(why)) => self.give_up(&why),
                Some(Unpacked::Unreadable(error)) => self.state = State::Unread(Some(error)),
                None if self.next > self.attestation.last => self.state = State::Ended,
                None => self.give_up("it ended before its end"),
            }
        }
        let State::Unread(error) = &mut self.state else { return None };
        if let Some(error) = error.take() {
            return Some(error);
        }
        if self.next <= self.attestation.last {
            let place = Place { seq: self.next, alternate: None, date: self.attestation.date };
            self.object = Some(Box::new(Sighting::unreadable(place)));
        }
        None
    }

    /// From here on the loose objects are all there is.
    fn give_up(&mut self, why: &str) {
        self.state = State::Broken;
        self.fault = Some((Verdict::Tampered, format!("the attested pack: {why}")));
        let behind = self.loose.partition_point(|entry| entry.place.seq < self.next);
        self.fetched = None;
        self.beside = (self.read)(&self.loose[behind..]);
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
    Ok(Unpacking::begin(bytes, lock, pack.modified, index, permit))
}
