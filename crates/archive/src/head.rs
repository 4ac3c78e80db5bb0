//! The head of a chain, and the way back from it: for whoever continues the chain.

use std::collections::BTreeSet;
use std::sync::Arc;

use auditseal_format::{
    Date, EARLIER, Fault, Hash, ObjectKey, ObjectSeal, Origin, Time, VerifierKey,
};
use auditseal_vault::Store;
use futures::StreamExt as _;
use futures::stream::{self, BoxStream, Stream};

use crate::chain::{Outcome, Place};
use crate::error::Error;
use crate::fetch::{Depth, Examined, examine};
use crate::finding::{Finding, Verdict};
use crate::listing::{Entry, Listing};
use crate::source::Source;

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Days by which clocks may differ without a start missing what another process made.
const SPARE_DAYS: i64 = 2;
/// Days that are listed one by one: where there are more, the chain is listed as a whole.
const MOST_DAYS: usize = 400;
/// Seals read ahead.
const AHEAD: usize = 8;

/// A chain's newest seal, as far as the store shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadFound {
    /// Where its object stands.
    pub key: ObjectKey,
    /// The seal.
    pub object: ObjectSeal,
    /// Objects at or above its seq that aren't the chain's notes: their keys can't be used.
    pub passed: Vec<ObjectKey>,
}

/// What was found of a chain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// Its newest seal.
    pub head: Option<HeadFound>,
    /// A genesis of its name by another key, where no seal but perhaps the genesis is there.
    pub foreign: Option<(ObjectKey, VerifierKey)>,
}

/// A note on the way back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// Where its object stands.
    pub key: ObjectKey,
    /// The note.
    pub object: ObjectSeal,
    /// When any object before it was stored at the latest, by the days that their keys name and by
    /// the store's own dates: one clock may have been wrong for a while.
    pub earlier: Time,
}

/// Finds the head of a chain: the rightly signed note of the highest seq. `None` if the store lists
/// no such note, whatever else it lists.
///
/// Never "the newest date": one seal from a clock in 2099 would win. Hidden or shadowed, an object
/// counts as any other: whoever went on below a hidden head would sign its seq a second time.
///
/// # Errors
/// [`Error::Store`] for every answer that the store didn't give: a failed listing is never an
/// empty one. [`Error::Found`] where going on would make a second history: `FORK` for two different
/// signed notes at the highest seq, `REORDERED` when a later note stands at another's key.
pub async fn find_head(
    store: Arc<dyn Store>,
    origin: &Origin,
    vkeys: &[VerifierKey],
) -> Result<Option<HeadFound>, Error> {
    Ok(find_chain(store, origin, vkeys).await?.head)
}

/// The same, and whether another key began a chain of that name, as far as ours has just begun, or
/// hasn't.
///
/// # Errors
/// As [`find_head`].
pub async fn find_chain(
    store: Arc<dyn Store>,
    origin: &Origin,
    vkeys: &[VerifierKey],
) -> Result<Found, Error> {
    let source = Source::new(store);
    let entries = newest_first(&source, origin).await?;
    search(source, origin, vkeys, entries).await
}

/// The same for a node that has objects of the chain itself: its oldest one's key names the first of
/// these days, and the key of the next one, not made yet, the second. What is older is known. So a
/// start costs a listing of some days, however old the chain is.
///
/// What another process made after them has a key in one of these folders, or a later one: the first
/// of it, where it should be, is met even if it is hidden. Only if that one is gone for good, and
/// the clock was set back by more than two days for all behind it, it isn't found.
///
/// # Errors
/// As [`find_head`].
pub async fn find_newest(
    store: Arc<dyn Store>,
    origin: &Origin,
    vkeys: &[VerifierKey],
    (first, next): (Date, Date),
) -> Result<Found, Error> {
    let source = Source::new(Arc::clone(&store));
    let mut days = BTreeSet::new();
    // The clock may have been set back between the two.
    let mut day = first.min(next).start().saturating_add(-SPARE_DAYS * DAY);
    let last = first.max(next).start().saturating_add(SPARE_DAYS * DAY);
    while day <= last && days.len() <= MOST_DAYS {
        days.insert(day.date());
        day = day.saturating_add(DAY);
    }
    let folder = format!("{}/date=", ObjectKey::prefix(origin));
    for found in source.folders(&folder).await? {
        let day = found.strip_prefix(&folder).and_then(|day| Date::parse(day.as_bytes()));
        days.extend(day.filter(|day| day.start() > last));
    }
    if days.len() > MOST_DAYS {
        return find_chain(store, origin, vkeys).await;
    }
    let mut entries = Listing::of_days(&source, origin, days).await?;
    entries.reverse();
    let found = search(source, origin, vkeys, entries).await?;
    // None of what this node stored is there: what there is, then, must be known in full.
    if found.head.is_some() { Ok(found) } else { find_chain(store, origin, vkeys).await }
}

async fn search(
    source: Source,
    origin: &Origin,
    vkeys: &[VerifierKey],
    entries: Vec<Entry>,
) -> Result<Found, Error> {
    let mut seals = seals(source, origin.clone(), entries);
    let mut search = Search {
        origin,
        vkeys,
        found: None,
        places: vec![],
        passed: vec![],
        moved: None,
        foreign: None,
    };
    while let Some(examined) = seals.next().await {
        if !search.object(examined)? {
            break;
        }
    }
    let foreign = search.foreign.take();
    Ok(Found { head: search.end()?, foreign })
}

/// Looks at the objects of a chain from the highest seq down, to the one below the head's.
struct Search<'a> {
    origin: &'a Origin,
    vkeys: &'a [VerifierKey],
    found: Option<ObjectSeal>,
    /// Where the head stands; at its own key, and perhaps at others.
    places: Vec<Place>,
    passed: Vec<Place>,
    /// The highest seq of a note of ours that stands at another key.
    moved: Option<(u64, Place)>,
    foreign: Option<(ObjectKey, VerifierKey)>,
}

impl Search<'_> {
    /// Takes the next object; false once the head is certain.
    fn object(&mut self, examined: Examined) -> Result<bool, Error> {
        let place = examined.sighting.place;
        let reached = self.found.as_ref().map(|head| head.seal.seq);
        if matches!(examined.sighting.outcome, Outcome::Gone) && Some(place.seq) >= reached {
            let detail = "listed, but gone when it was read: it may be the chain's newest";
            return Err(Error::found(self.origin, place, Verdict::Missing, detail));
        }
        if let Outcome::Fault(Fault::Earlier(of)) = &examined.sighting.outcome
            && of.0 == *self.origin
            && self.vkeys.contains(&of.1)
        {
            return Err(Error::found(self.origin, place, Verdict::Malformed, EARLIER));
        }
        let note = note(examined)?.filter(|object| object.seal.origin == *self.origin);
        if place.seq == 0
            && let Some(object) = &note
            && object.seal.seq == 0
            && !self.vkeys.contains(&object.seal.key)
        {
            self.foreign = Some((place.key(self.origin), object.seal.key.clone()));
        }
        let note = note.filter(|object| self.vkeys.contains(&object.seal.key));
        let Some(head) = &self.found else {
            match note {
                Some(object) if at_home(&object, place) => {
                    self.places.push(place);
                    self.found = Some(object);
                }
                other => self.pass(other, place),
            }
            return Ok(true);
        };
        if place.seq == head.seal.seq {
            match note {
                Some(object) if object.hash == head.hash => {
                    // One of several versions of it may say so as well.
                    if !self.places.contains(&place) {
                        self.places.push(place);
                    }
                }
                // Another note there is a fork; so all objects at the head's seq are looked at.
                Some(object) if at_home(&object, place) => {
                    let detail = "two different signed notes at the head's seq";
                    return Err(Error::found(self.origin, place, Verdict::Fork, detail));
                }
                other => self.pass(other, place),
            }
            return Ok(true);
        }
        // The note before says which of the head's places is its own.
        let before = note.filter(|object| Some(object.hash) == head.seal.prev);
        if let Some(before) = &before {
            let date = before.seal.sealed.date();
            self.places.sort_by_key(|place| place.date != date);
        }
        Ok(before.is_none() && place.seq + 1 == head.seal.seq)
    }

    fn pass(&mut self, note: Option<ObjectSeal>, place: Place) {
        self.passed.push(place);
        let moved = note.map(|object| (object.seal.seq, place));
        self.moved = self.moved.max(moved);
    }

    fn end(self) -> Result<Option<HeadFound>, Error> {
        let reached = self.found.as_ref().map(|head| head.seal.seq);
        if let Some((seq, place)) = self.moved.filter(|(seq, _)| Some(*seq) > reached) {
            let detail = format!("this is the object of seq {seq}, which isn't at its own key");
            return Err(Error::found(self.origin, place, Verdict::Reordered, &detail));
        }
        let mut places = self.places.into_iter();
        let Some((object, own)) = self.found.zip(places.next()) else { return Ok(None) };
        let mut passed: Vec<_> = self.passed.into_iter().chain(places).collect();
        passed.retain(|place| *place != own);
        passed.dedup();
        let passed = passed.into_iter().map(|place| place.key(self.origin)).collect();
        Ok(Some(HeadFound { key: own.key(self.origin), object, passed }))
    }
}

/// Whether a note may stand there, as far as it says itself.
fn at_home(object: &ObjectSeal, place: Place) -> bool {
    object.seal.seq == place.seq
}

/// The notes before `head`, newest to oldest, each held against the hash that the one after it
/// names; so what can be trusted of the head can be trusted of them.
///
/// Ends with the genesis, or with an error: [`Error::Found`] when a note isn't there.
pub async fn walk_back(
    store: Arc<dyn Store>,
    head: &ObjectSeal,
) -> Result<impl Stream<Item = Result<Before, Error>> + Send + 'static, Error> {
    let source = Source::new(store);
    let origin = head.seal.origin.clone();
    let mut entries = newest_first(&source, &origin).await?;
    entries.retain(|entry| entry.place.seq < head.seal.seq);
    // From the oldest on. An object's key names the day of the note before.
    let mut earlier = vec![Time::EPOCH; entries.len()];
    let mut latest = Time::EPOCH;
    for (entry, earlier) in entries.iter().zip(&mut earlier).rev() {
        latest = latest.max(entry.place.date.start().saturating_add(DAY));
        *earlier = latest;
        latest = latest.max(Time::from_micros(entry.modified));
    }
    let next = head.seal.prev.map(|prev| (head.seal.seq.saturating_sub(1), prev));
    let earlier = earlier.into_iter();
    let walk = Walk { seals: seals(source, origin.clone(), entries), earlier, origin, next };
    Ok(stream::unfold(walk, |mut walk| async move {
        let item = walk.step().await?;
        Some((item, walk))
    }))
}

struct Walk {
    seals: BoxStream<'static, Examined>,
    /// [`Before::earlier`] of each.
    earlier: std::vec::IntoIter<Time>,
    origin: Origin,
    /// Seq and hash of the note that comes next.
    next: Option<(u64, Hash)>,
}

impl Walk {
    async fn step(&mut self) -> Option<Result<Before, Error>> {
        let (seq, hash) = self.next.take()?;
        let mut at = None;
        while let Some(examined) = self.seals.next().await {
            let place = examined.sighting.place;
            let earlier = self.earlier.next().unwrap_or(Time::MAX);
            if place.seq < seq {
                break;
            }
            at = Some(place).filter(|place| place.seq == seq).or(at);
            match note(examined) {
                Err(error) => return Some(Err(error)),
                Ok(Some(object)) if object.hash == hash && object.seal.origin == self.origin => {
                    self.next = object.seal.prev.map(|prev| (seq.saturating_sub(1), prev));
                    let key = place.key(&self.origin);
                    return Some(Ok(Before { key, object, earlier }));
                }
                Ok(_) => {}
            }
        }
        let detail = format!("no object of seq {seq} has the note that the one after it names");
        let finding = Finding::new(Verdict::Missing, Some(self.origin.clone()), &detail).at(seq);
        let finding = match at {
            Some(place) => finding.key(&place.key(&self.origin).to_string()),
            None => finding,
        };
        Some(Err(Error::Found(Box::new(finding))))
    }
}

async fn newest_first(source: &Source, origin: &Origin) -> Result<Vec<Entry>, Error> {
    let mut listing = Listing::read(source, std::slice::from_ref(origin)).await?;
    let mut entries = listing.chains.remove(origin).unwrap_or_default();
    entries.reverse();
    Ok(entries)
}

fn seals(source: Source, origin: Origin, entries: Vec<Entry>) -> BoxStream<'static, Examined> {
    let one = move |entry| {
        let (source, origin) = (source.clone(), origin.clone());
        async move { examine(&source, &origin, entry, Depth::Seal).await }
    };
    stream::iter(entries).map(one).buffered(AHEAD).boxed()
}

/// The note of an object, if it is one; no answer is an error.
fn note(examined: Examined) -> Result<Option<ObjectSeal>, Error> {
    match (examined.sighting.outcome, examined.error) {
        (_, Some(error)) => Err(Error::Store(error)),
        (Outcome::Note(seal, _), None) => Ok(Some(*seal)),
        (Outcome::Fault(_) | Outcome::Gone | Outcome::Unreadable, None) => Ok(None),
    }
}
