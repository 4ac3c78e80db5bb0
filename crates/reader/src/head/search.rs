//! Judging the objects of a chain from the highest seq down: which is its head. Pure.

use std::collections::BTreeMap;

use auditseal_format::{Date, EARLIER, Fault, ObjectKey, ObjectSeal, Origin, VerifierKey};

use super::found::{Found, HeadFound};
use crate::error::Error;
use crate::fetch::Examined;
use auditseal_chain::{Outcome, Place, Verdict};

/// Days on which the head's note may stand: more of them, those farthest from when it was sealed, are
/// none of its own, which names the day of the note before.
const DAYS: usize = 4_096;
/// Objects that are no notes of the chain that are named in [`HeadFound::passed`].
const NAMED: usize = 100;

/// Looks at the objects of a chain from the highest seq down, to the one below the head's.
#[derive(Debug)]
pub(super) struct Search {
    origin: Origin,
    vkeys: Vec<VerifierKey>,
    found: Option<ObjectSeal>,
    /// Where the head stands; at its own key, and perhaps at others: one key of each day.
    places: BTreeMap<Date, Place>,
    /// The day of its own key, once the note before has told it.
    own: Option<Date>,
    passed: Vec<Place>,
    /// The highest seq of a note of ours that stands at another key.
    moved: Option<(u64, Place)>,
    foreign: Option<(ObjectKey, VerifierKey)>,
}

/// What an object turned out to be.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Judgement {
    /// Whether it is none of the chain's notes, now and for ever.
    pub(super) foreign: bool,
    /// Whether the head isn't certain yet.
    pub(super) more: bool,
}

impl Search {
    pub(super) fn new(origin: Origin, vkeys: Vec<VerifierKey>) -> Self {
        Self {
            origin,
            vkeys,
            found: None,
            places: BTreeMap::new(),
            own: None,
            passed: vec![],
            moved: None,
            foreign: None,
        }
    }

    /// Takes the next object. One about which the store gave no answer leaves all as it was.
    pub(super) fn object(&mut self, examined: Examined) -> Result<Judgement, Error> {
        let place = examined.sighting.place;
        let reached = self.found.as_ref().map(|head| head.seal.seq);
        let gone = matches!(examined.sighting.outcome, Outcome::Gone);
        if gone && Some(place.seq) >= reached {
            let detail = "listed, but gone when it was read: it may be the chain's newest";
            return Err(Error::found(&self.origin, place, Verdict::Missing, detail));
        }
        if let Outcome::Fault(Fault::Earlier(of)) = &examined.sighting.outcome
            && of.0 == self.origin
            && self.vkeys.contains(&of.1)
        {
            return Err(Error::found(&self.origin, place, Verdict::Malformed, EARLIER));
        }
        let note = note(examined)?.filter(|object| object.seal.origin == self.origin);
        let others = note.as_ref().filter(|object| !self.vkeys.contains(&object.seal.key));
        let begun = others.filter(|object| place.seq == 0 && object.seal.seq == 0);
        if let Some(object) = begun {
            self.foreign = Some((place.key(&self.origin), object.seal.key.clone()));
        }
        let begun = begun.is_some();
        let note = note.filter(|object| self.vkeys.contains(&object.seal.key));
        let foreign = note.is_none() && !gone && !begun;
        Ok(Judgement { foreign, more: self.note(note, place)? })
    }

    /// Takes an object that is known to be none of the chain's notes; false once the head is certain.
    pub(super) fn foreign(&mut self, place: Place) -> Result<bool, Error> {
        self.note(None, place)
    }

    fn note(&mut self, note: Option<ObjectSeal>, place: Place) -> Result<bool, Error> {
        let Some(head) = &self.found else {
            match note {
                Some(object) if at_home(&object, place) => {
                    self.places.insert(place.date, place);
                    self.found = Some(object);
                }
                other => self.pass(other, place),
            }
            return Ok(true);
        };
        if place.seq == head.seal.seq {
            match note {
                Some(object) if object.hash == head.hash => self.stands_at(place),
                // Another note there is a fork; so all objects at the head's seq are looked at.
                Some(object) if at_home(&object, place) => {
                    let detail = "two different signed notes at the head's seq";
                    return Err(Error::found(&self.origin, place, Verdict::Fork, detail));
                }
                other => self.pass(other, place),
            }
            return Ok(true);
        }
        // The note before says which of the head's places is its own.
        let before = note.filter(|object| Some(object.hash) == head.seal.prev);
        if let Some(before) = &before {
            self.own = Some(before.seal.sealed.date());
        }
        Ok(before.is_none() && place.seq + 1 == head.seal.seq)
    }

    /// The head stands there too; or another version of it, at a key that is known.
    fn stands_at(&mut self, place: Place) {
        let first = *self.places.entry(place.date).or_insert(place);
        if first != place {
            self.pass(None, place);
        }
        if self.places.len() > DAYS
            && let Some(sealed) = self.found.as_ref().map(|head| head.seal.sealed)
        {
            let far = |day: &Date| sealed.micros().abs_diff(day.start().micros());
            let farthest = self.places.keys().copied().max_by_key(far);
            if let Some(place) = farthest.and_then(|day| self.places.remove(&day)) {
                self.pass(None, place);
            }
        }
    }

    fn pass(&mut self, note: Option<ObjectSeal>, place: Place) {
        let moved = note.map(|object| (object.seal.seq, place));
        self.moved = self.moved.max(moved);
        if self.passed.len() < NAMED {
            self.passed.push(place);
        }
    }

    /// The head, if there is one, and a genesis by another key; for one who knows the chain up to
    /// `known`.
    pub(super) fn end(self, known: Option<u64>) -> Result<Found, Error> {
        let reached = self.found.as_ref().map(|head| head.seal.seq).max(known);
        if let Some((seq, place)) = self.moved.filter(|(seq, _)| Some(*seq) > reached) {
            let detail = format!("this is the object of seq {seq}, which isn't at its own key");
            return Err(Error::found(&self.origin, place, Verdict::Reordered, &detail));
        }
        let foreign = self.foreign;
        let none = Found { foreign: foreign.clone(), ..Found::default() };
        let Some(object) = self.found else { return Ok(none) };
        let mut places: Vec<_> = self.places.into_values().collect();
        places.sort_by_key(|place| (Some(place.date) != self.own, std::cmp::Reverse(*place)));
        let mut places = places.into_iter();
        let Some(own) = places.next() else { return Ok(none) };
        let mut passed: Vec<_> = self.passed.into_iter().chain(places).collect();
        passed.retain(|place| *place != own);
        passed.dedup();
        passed.truncate(NAMED);
        let passed = passed.into_iter().map(|place| place.key(&self.origin)).collect();
        let head = HeadFound { key: own.key(&self.origin), object, passed };
        Ok(Found { head: Some(head), foreign, days: None })
    }
}

/// Whether a note may stand there, as far as it says itself.
fn at_home(object: &ObjectSeal, place: Place) -> bool {
    object.seal.seq == place.seq
}

/// The note of an object, if it is one; no answer is an error.
pub(super) fn note(examined: Examined) -> Result<Option<ObjectSeal>, Error> {
    match (examined.sighting.outcome, examined.error) {
        (_, Some(error)) => Err(Error::Store(error)),
        (Outcome::Note(seal, _), None) => Ok(Some(*seal)),
        (Outcome::Fault(_) | Outcome::Gone | Outcome::Unreadable, None) => Ok(None),
    }
}
