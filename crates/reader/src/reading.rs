//! One way to read: the notes of a chain in order, from a place that is trusted.
//!
//! [`Reading`] fetches what was listed, several objects at a time, and hands it to the judge
//! ([`Chain`]) in order. Whoever calls it gets each note that is the chain's, and decides what a
//! fault of the store means. What wasn't listed where the chain goes on is asked for by its key
//! before it counts as missing: a directory's listing isn't a snapshot, and a bucket's may be old.

use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::sync::Arc;

use auditseal_format::{ObjectSeal, Origin, Time};
use auditseal_store::{Error as StoreError, Kind};
use bytes::Bytes;
use futures::StreamExt as _;
use futures::future::{Either, select};
use futures::stream::{BoxStream, Peekable};

use crate::fetch::{Depth, TAIL, examine};
use crate::listed::{Fetched, How, fetch};
use crate::listing::{Entry, Listing};
use crate::open_pack::{OpenPack, Out, Packed, PassedOver, Rest};
use crate::packs::Packs;
use crate::payloads::Gate;
use crate::source::{Object, Source};
use crate::units::{self, Unit, units};
use auditseal_chain::{
    Accepted, Chain, ChainReport, Extent, NamedKeys, Outcome, Place, Rules, Sighting,
};

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
    /// The payload of an object in a pack, in pieces, if [`How::packed`] asked for it and there was room to keep
    /// it. It is proved, as its note is.
    pub lines: Option<Vec<Bytes>>,
}

/// What comes next of what was listed.
enum Ahead<'a> {
    Object(Box<Fetched>),
    Pack(Box<OpenPack<'a>>),
}

/// A chain that is being read.
pub struct Reading<'a> {
    source: &'a Source,
    origin: &'a Origin,
    how: How<'a>,
    chain: Chain,
    packs: &'a Packs,
    /// What was listed, and what is read in the place of packs that aren't as attested: that is last, and comes
    /// first.
    ahead: Vec<Peekable<BoxStream<'a, Ahead<'a>>>>,
    /// Attestations of which something was told: a pack may be read for two runs of seqs.
    told: BTreeSet<String>,
    /// The pack whose objects come next, and the next of these.
    pack: Option<Box<OpenPack<'a>>>,
    packed: Option<Box<Packed>>,
    /// What comes next: an object that was listed, behind those that were asked for.
    next: VecDeque<Fetched>,
    /// The part that is asked for.
    extent: Extent,
    /// The place up to which the chain is known to reach.
    known: Option<u64>,
    ended: bool,
    kept: Kept,
}

/// Whole objects at the places that aren't judged to their end yet.
#[derive(Debug)]
struct Kept {
    objects: Vec<(Place, Option<Arc<str>>, Bytes)>,
    /// Payloads of objects in packs, by their seqs.
    lines: Vec<(u64, Vec<Bytes>)>,
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

    fn keep_lines(&mut self, seq: u64, lines: Option<Vec<Bytes>>) {
        let Some(lines) = lines else { return };
        if let Some(room) = self.room.checked_sub(length(&lines)) {
            self.room = room;
            self.lines.push((seq, lines));
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
        let (mut lines, seq) = (None, note.place.seq);
        let settled = self.lines.iter().take_while(|(of, _)| *of <= seq).count();
        for (of, kept) in self.lines.drain(..settled) {
            self.room += length(&kept);
            lines = Some(kept).filter(|_| of == seq && note.pack.is_some());
        }
        Sealed { note, whole, lines }
    }
}

fn length(lines: &[Bytes]) -> u64 {
    lines.iter().map(|piece| piece.len() as u64).sum()
}

impl<'a> Reading<'a> {
    /// Begins to read what was listed of a chain, in the order of its places, and its packs. `before` is the note behind
    /// which that begins, where it could be had: without it only keys that are trusted by themselves may sign what
    /// follows, for nobody says which one was named there ([`Chain::behind`]).
    pub fn new(
        source: &'a Source,
        origin: &'a Origin,
        entries: &'a [Entry],
        packs: &'a Packs,
        (mut rules, before): (Rules, Option<&ObjectSeal>),
        how: How<'a>,
    ) -> Self {
        let extent = rules.extent;
        let counting = packs.counting().iter();
        let apart: BTreeSet<u64> =
            counting.flat_map(|attestation| rules.attest(attestation)).collect();
        let ahead = ahead(
            (source, origin),
            packs,
            units(entries, packs, extent),
            PassedOver::default(),
            how,
        );
        let head = rules.top().map(|top| top.seq);
        let mut chain = Chain::new(origin.clone(), rules);
        if let Some(before) = before {
            chain.behind(before);
            if let Depth::Payload(payloads) = how.depth {
                payloads.behind(before);
            }
        }
        apart.into_iter().for_each(|seq| chain.attested_apart(seq));
        Self {
            source,
            origin,
            how,
            chain,
            packs,
            ahead: vec![ahead],
            told: BTreeSet::new(),
            pack: None,
            packed: None,
            next: VecDeque::new(),
            extent,
            known: head.max(extent.to),
            ended: false,
            kept: Kept { objects: Vec::new(), lines: Vec::new(), room: how.keep },
        }
    }

    /// Whoever has read more of the chain tells which keys were named there ([`Chain::knows`]).
    #[must_use]
    pub fn knowing(mut self, named: NamedKeys) -> Self {
        self.chain.knows(named);
        self
    }

    /// What is listed is held to be the chain's next ([`Chain::goes_on`]).
    #[must_use]
    pub fn going_on(mut self) -> Self {
        self.chain.goes_on();
        self
    }

    /// The next object; `None` when there is none.
    pub async fn next(&mut self) -> Option<Step> {
        let mut accepted = Vec::new();
        if let Some(error) = self.fill().await {
            return Some(Step { size: 0, accepted, error: Some(error) });
        }
        let listed = self.next.front().map(|fetched| fetched.entry.place.seq);
        let listed = listed.or(self.packed.as_ref().map(|packed| packed.sighting.place.seq));
        let before = listed.or(self.known.map(|known| known.saturating_add(1))).unwrap_or(0);
        if let Some(error) = self.ask(before, &mut accepted).await {
            return Some(Step { size: 0, accepted, error: Some(error) });
        }
        if let (true, Some(packed)) = (self.next.is_empty(), self.packed.take()) {
            let Packed { sighting, lines } = *packed;
            let size = sighting.size;
            self.kept.keep_lines(sighting.place.seq, lines);
            let note = self.chain.object(sighting);
            accepted.extend(note.map(|note| self.kept.with(note)));
            return Some(Step { size, accepted, error: None });
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

    /// Has the next of what was listed ready, if there is any: an object, or one in a pack.
    async fn fill(&mut self) -> Option<StoreError> {
        while self.next.is_empty() && self.packed.is_none() && !self.ended {
            let Some(pack) = &mut self.pack else {
                let Some(ahead) = self.ahead.last_mut() else {
                    self.ended = true;
                    continue;
                };
                match ahead.next().await {
                    None => drop(self.ahead.pop()),
                    Some(Ahead::Object(fetched)) => self.next.push_back(*fetched),
                    Some(Ahead::Pack(pack)) => self.pack = Some(pack),
                }
                continue;
            };
            let out = next_of(pack, self.ahead.last_mut()).await;
            while let Some((verdict, detail)) = pack.fault() {
                if self.told.insert(format!("{verdict} {}", pack.pack().attested_at)) {
                    self.chain.pack_at_fault(verdict, &pack.pack().attestation, &detail);
                }
            }
            match out {
                // The part that is asked for may begin and end in the midst of a pack.
                Some(Out::Object(packed)) => {
                    self.packed =
                        Some(packed).filter(|packed| self.extent.has(packed.sighting.place.seq));
                }
                Some(Out::Beside(fetched)) => self.next.push_back(*fetched),
                Some(Out::Error(error)) => return Some(error),
                None => self.end_pack(),
            }
        }
        None
    }

    /// Ends the open pack. Where it wasn't as attested, something else comes in its place.
    fn end_pack(&mut self) {
        let Some(pack) = self.pack.take() else { return };
        if pack.is_whole() && self.told.insert(pack.pack().attested_at.clone()) {
            self.chain.repeat(&pack.pack().attestation);
        }
        let rest = pack.rest().map(|rest| self.instead(rest));
        self.ahead.extend(rest);
    }

    /// What is read in the place of a pack.
    fn instead(&self, rest: Rest<'a>) -> Peekable<BoxStream<'a, Ahead<'a>>> {
        let Rest { seqs, loose, passed_over } = rest;
        let others = self.packs.instead(&passed_over.attested_at, seqs).into_iter();
        let units = units::of(loose, others);
        ahead((self.source, self.origin), self.packs, units, passed_over, self.how)
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

/// Fetches units, several at a time, in the place of packs that were passed over, if any were.
fn ahead<'a>(
    (source, origin): (&'a Source, &'a Origin),
    packs: &'a Packs,
    units: impl Iterator<Item = Unit<'a>> + Send + 'a,
    passed_over: PassedOver,
    how: How<'a>,
) -> Peekable<BoxStream<'a, Ahead<'a>>> {
    let ahead = futures::stream::iter(units).map(move |unit| {
        let passed_over = passed_over.clone();
        async move {
            match unit {
                Unit::Object(entry) => {
                    Ahead::Object(Box::new(fetch(source, origin, entry.clone(), how).await))
                }
                Unit::Pack(pack, beside) => {
                    let pack = (*pack, passed_over);
                    let opened = OpenPack::open((source, origin), packs, pack, beside, how);
                    Ahead::Pack(Box::new(opened.await))
                }
            }
        }
    });
    ahead.buffered(how.concurrency.max(1)).boxed().peekable()
}

/// What comes next of a pack. Meanwhile what follows it is fetched and decoded, which it wouldn't be if
/// nobody asked for it before this one has ended.
async fn next_of<'a>(
    pack: &mut OpenPack<'a>,
    ahead: Option<&mut Peekable<BoxStream<'a, Ahead<'a>>>>,
) -> Option<Out> {
    let Some(ahead) = ahead else { return pack.next().await };
    let next = std::pin::pin!(pack.next());
    let behind = std::pin::pin!(Pin::new(ahead).peek());
    match select(next, behind).await {
        Either::Left((out, _)) => out,
        Either::Right((_, next)) => next.await,
    }
}
