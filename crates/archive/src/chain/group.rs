//! All objects at one seq: which of them is the chain's.

use auditseal_format::{Fault, Hash, ObjectSeal};

use super::{Accepted, Chain, Displaced, Head, Outcome, Place, Previous, Sighting, keys};
use crate::finding::Verdict;

/// A note that stands at its key.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) seal: Box<ObjectSeal>,
    pub(super) payload: Result<(), Fault>,
}

/// The objects at one seq so far. At most one seal of each sort is kept whole: an attacker may
/// have put thousands here.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) seq: u64,
    /// Something stands at the right key of this seq.
    occupied: bool,
    /// The note of the highest epoch whose key may sign here.
    best: Option<Candidate>,
    /// The note of the highest epoch whose key may not. If there is no better, the `prev` of the
    /// next is compared with it, and nothing else it says counts.
    stranger: Option<(u32, Hash)>,
    /// Objects that aren't the chain's notes: findings, unless the chain passed them.
    faults: Vec<(Place, Verdict, String)>,
    /// Objects whose notes belong at other keys; likewise.
    displaced: Vec<Displaced>,
}

impl Group {
    pub(super) fn new(seq: u64) -> Self {
        Self {
            seq,
            occupied: false,
            best: None,
            stranger: None,
            faults: Vec::new(),
            displaced: Vec::new(),
        }
    }
}

/// Enough of a note's hash to tell a copy from another note.
fn fingerprint(hash: &Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Chain {
    /// Puts an object where it belongs among those at its seq.
    pub(super) fn sort_in(&mut self, sighting: Sighting) {
        let Sighting { place, size, modified, outcome } = sighting;
        let right_date = self.right_date(place);
        let Some(group) = &mut self.group else { return };
        group.occupied |= right_date;
        let (seal, payload) = match outcome {
            Outcome::Unreadable => return,
            Outcome::Gone => {
                return self.report(Verdict::Missing, place, "listed, but gone when it was read");
            }
            Outcome::Fault(fault) => {
                return group.faults.push((place, (&fault).into(), fault.to_string()));
            }
            Outcome::Note(seal, payload) => (seal, payload),
        };
        if seal.seal.origin != self.origin {
            let detail = format!("this is an object of {}", seal.seal.origin);
            return group.faults.push((place, Verdict::WrongOrigin, detail));
        }
        let candidate = Candidate { place, size, modified, seal, payload };
        let note = &candidate.seal.seal;
        if (note.seq, note.epoch) == (place.seq, place.epoch) && right_date {
            self.candidate(candidate);
        } else {
            self.displace(candidate);
        }
    }

    fn displace(&mut self, candidate: Candidate) {
        let Candidate { place, seal: object, payload, .. } = candidate;
        let Some(group) = &mut self.group else { return };
        group.displaced.push(Displaced {
            place,
            seq: object.seal.seq,
            print: fingerprint(&object.hash),
            key: keys::print(&object.seal.key),
            passed: false,
        });
        if let Err(fault) = payload {
            group.faults.push((place, (&fault).into(), fault.to_string()));
        }
    }

    fn candidate(&mut self, candidate: Candidate) {
        let seal = &candidate.seal.seal;
        if !self.keys.may_sign(seal) {
            return self.stranger(candidate);
        }
        let Some(group) = &mut self.group else { return };
        let hash = candidate.seal.hash;
        let Some(best) = &group.best else {
            self.notes.push((group.seq, fingerprint(&hash)));
            group.best = Some(candidate);
            return;
        };
        // Any date was right, as the note before is absent; but both can't be.
        if best.seal.hash == hash {
            return self.displace(candidate);
        }
        let detail = format!("another signed note stands at {}", best.place.key(&self.origin));
        self.notes.push((group.seq, fingerprint(&hash)));
        let place = candidate.place;
        let loser = if place.epoch > best.place.epoch {
            group.best.replace(candidate)
        } else {
            Some(candidate)
        };
        self.report(Verdict::Fork, place, &detail);
        if let Some(Candidate { place, payload: Err(fault), .. }) = loser {
            self.report((&fault).into(), place, &fault.to_string());
        }
    }

    /// A note that its key may not sign: it counts for nothing, but a copy of it is a copy.
    fn stranger(&mut self, candidate: Candidate) {
        let Some(group) = &mut self.group else { return };
        let first = group.stranger;
        if first.is_some_and(|(_, hash)| hash == candidate.seal.hash) {
            return self.displace(candidate);
        }
        let Candidate { place, seal: object, payload, .. } = candidate;
        if first.is_none_or(|(epoch, _)| epoch < place.epoch) {
            group.stranger = Some((place.epoch, object.hash));
        }
        let detail = format!("signed by {}, which may not sign here", object.seal.key);
        group.faults.push((place, Verdict::WrongKey, detail));
        if let Err(fault) = payload {
            group.faults.push((place, (&fault).into(), fault.to_string()));
        }
        self.strangers.push((place.seq, fingerprint(&object.hash)));
    }

    /// Decides what the chain's note at the current seq is.
    pub(super) fn close(&mut self) -> Option<Accepted> {
        let Group { seq, occupied, best, stranger, faults, displaced } = self.group.take()?;
        let passed = best.as_ref().map_or(0, |best| best.place.epoch);
        for (place, verdict, detail) in faults {
            if place.epoch < passed {
                let detail = format!("passed by epoch {passed}; by itself {verdict}: {detail}");
                self.report(Verdict::UnexpectedObject, place, &detail);
            } else {
                self.report(verdict, place, &detail);
            }
        }
        for mut displaced in displaced {
            displaced.passed = displaced.place.epoch < passed;
            if displaced.passed {
                let of = displaced.seq;
                let detail = format!("passed by epoch {passed}; by itself an object of seq {of}");
                self.report(Verdict::UnexpectedObject, displaced.place, &detail);
            }
            self.displaced.push(displaced);
        }
        if !occupied {
            self.missing(seq, seq);
        }
        let Some(best) = best else {
            self.files.lost_notes();
            self.previous = stranger.map(|(_, hash)| Previous { seq, hash, facts: None });
            if let Some((_, hash)) = stranger {
                self.compare_head(Head { seq, hash });
            }
            return None;
        };
        Some(self.accept(best))
    }
}
