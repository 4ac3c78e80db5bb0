//! All objects at one seq: which of them is the chain's.

use std::sync::Arc;

use auditseal_format::{Fault, Hash, ObjectSeal};
use auditseal_vault::Lock;

use super::{Accepted, Chain, Displaced, Head, Outcome, Place, Previous, Sighting, keys, pins};
use crate::finding::Verdict;

/// A note that stands at its key.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) place: Place,
    pub(super) version: Option<Arc<str>>,
    pub(super) hidden: bool,
    pub(super) size: u64,
    pub(super) modified: i64,
    pub(super) lock: Option<Lock>,
    pub(super) seal: Box<ObjectSeal>,
    pub(super) payload: Result<(), Fault>,
    /// Of the versions at its seq, which one it is; at one place the oldest comes first.
    nth: u64,
}

impl Candidate {
    /// Whether these are the same bytes, down to the last: of both, all were looked at and are the
    /// signed ones, and the signature is the same.
    fn equals(&self, other: &Self) -> bool {
        let (one, two) = (&self.seal, &other.seal);
        let whole = self.payload.is_ok() && other.payload.is_ok();
        whole && one.note == two.note && one.index == two.index
    }
}

/// An object that isn't the chain's note.
#[derive(Debug)]
struct Stray {
    place: Place,
    nth: u64,
    verdict: Verdict,
    detail: String,
}

/// The objects at one seq so far. At most one seal of each sort is kept whole: an attacker may
/// have put thousands here.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) seq: u64,
    /// Something stands at the right key of this seq.
    occupied: bool,
    /// How many versions have been seen.
    seen: u64,
    /// Their ids, where the store has versions.
    versions: Vec<u64>,
    /// The note of the highest epoch whose key may sign here.
    best: Option<Candidate>,
    /// Further versions at the key of the best that have its bytes.
    repeated: u64,
    /// The note of the highest epoch whose key may not. If there is no better, the `prev` of the
    /// next is compared with it, and nothing else it says counts.
    stranger: Option<(u32, Hash)>,
    /// Objects that aren't the chain's notes: findings, unless the chain passed them.
    faults: Vec<Stray>,
    /// Objects whose notes belong at other keys; likewise.
    displaced: Vec<Displaced>,
}

impl Group {
    pub(super) fn new(seq: u64) -> Self {
        Self {
            seq,
            occupied: false,
            seen: 0,
            versions: Vec::new(),
            best: None,
            repeated: 0,
            stranger: None,
            faults: Vec::new(),
            displaced: Vec::new(),
        }
    }

    fn fault(&mut self, place: Place, nth: u64, verdict: Verdict, detail: String) {
        self.faults.push(Stray { place, nth, verdict, detail });
    }
}

/// Enough of a note's hash to tell a copy from another note.
pub(super) fn fingerprint(hash: &Hash) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *hash.as_bytes();
    u64::from_le_bytes([a, b, c, d, e, f, g, h])
}

impl Chain {
    /// Puts an object where it belongs among those at its seq.
    pub(super) fn sort_in(&mut self, sighting: Sighting) {
        let Sighting { place, version, hidden, size, modified, lock, outcome } = sighting;
        let right_date = self.right_date(place);
        let Some(group) = &mut self.group else { return };
        group.occupied |= right_date;
        group.seen += 1;
        group.versions.extend(version.as_deref().map(|id| pins::of_id(id.as_bytes())));
        let nth = group.seen;
        let (seal, payload) = match outcome {
            Outcome::Unreadable => return,
            Outcome::Gone => {
                return self.report(Verdict::Missing, place, "listed, but gone when it was read");
            }
            Outcome::Fault(fault) => {
                return group.fault(place, nth, (&fault).into(), fault.to_string());
            }
            Outcome::Note(seal, payload) => (seal, payload),
        };
        if seal.seal.origin != self.origin {
            let detail = format!("this is an object of {}", seal.seal.origin);
            return group.fault(place, nth, Verdict::WrongOrigin, detail);
        }
        let candidate =
            Candidate { place, version, hidden, size, modified, lock, seal, payload, nth };
        let note = &candidate.seal.seal;
        if (note.seq, note.epoch) == (place.seq, place.epoch) && right_date {
            self.candidate(candidate);
        } else {
            self.displace(candidate);
        }
    }

    fn displace(&mut self, candidate: Candidate) {
        let Candidate { place, seal: object, payload, nth, .. } = candidate;
        let Some(group) = &mut self.group else { return };
        group.displaced.push(Displaced {
            place,
            seq: object.seal.seq,
            print: fingerprint(&object.hash),
            key: keys::print(&object.seal.key),
            nth,
            passed: false,
        });
        if let Err(fault) = payload {
            group.fault(place, nth, (&fault).into(), fault.to_string());
        }
    }

    fn candidate(&mut self, candidate: Candidate) {
        let seal = &candidate.seal.seal;
        if !self.keys.may_sign(seal) {
            return self.stranger(candidate);
        }
        let links = |note: &Candidate| {
            self.before(note.place.seq)
                .is_none_or(|before| Some(before.hash) == note.seal.seal.prev)
        };
        let linked = links(&candidate);
        let Some(group) = &self.group else { return };
        let best = group.best.as_ref().map(|best| (best.place, best.seal.hash, links(best)));
        let hash = candidate.seal.hash;
        let Some((place, standing, standing_links)) = best else {
            return self.stand(candidate);
        };
        if standing == hash {
            if candidate.place == place {
                return self.another_version(candidate);
            }
            // Any date was right, as the note before is absent; but both can't be.
            return self.displace(candidate);
        }
        let detail = format!("another signed note stands at {}", place.key(&self.origin));
        let at = candidate.place;
        let better = (at.epoch, linked) > (place.epoch, standing_links);
        let loser = if better { self.replace(candidate) } else { Some(candidate) };
        self.notes.push((at.seq, fingerprint(&hash)));
        self.report(Verdict::Fork, at, &detail);
        if let Some(Candidate { place, payload: Err(fault), .. }) = loser {
            self.report((&fault).into(), place, &fault.to_string());
        }
    }

    /// Takes the first note that may be the chain's.
    fn stand(&mut self, candidate: Candidate) {
        self.notes.push((candidate.place.seq, fingerprint(&candidate.seal.hash)));
        drop(self.replace(candidate));
    }

    fn replace(&mut self, candidate: Candidate) -> Option<Candidate> {
        let group = self.group.as_mut()?;
        group.repeated = 0;
        group.best.replace(candidate)
    }

    /// A further version with the note of the best, at the same key: that, or other bytes before
    /// the same seal.
    fn another_version(&mut self, candidate: Candidate) {
        let Some(group) = &mut self.group else { return };
        let Some(best) = &mut group.best else { return };
        if best.equals(&candidate) {
            group.repeated += 1;
            return;
        }
        let other = if best.payload.is_err() && candidate.payload.is_ok() {
            std::mem::replace(best, candidate)
        } else {
            candidate
        };
        let (verdict, detail) = match &other.payload {
            Err(fault) => (fault.into(), fault.to_string()),
            Ok(()) => (Verdict::Tampered, "the same note, signed once more".to_owned()),
        };
        group.fault(other.place, other.nth, verdict, detail);
    }

    /// A note that its key may not sign: it counts for nothing, but a copy of it is a copy.
    fn stranger(&mut self, candidate: Candidate) {
        let Some(group) = &mut self.group else { return };
        let first = group.stranger;
        if first.is_some_and(|(_, hash)| hash == candidate.seal.hash) {
            return self.displace(candidate);
        }
        let Candidate { place, seal: object, payload, nth, .. } = candidate;
        if first.is_none_or(|(epoch, _)| epoch < place.epoch) {
            group.stranger = Some((place.epoch, object.hash));
        }
        let detail = format!("signed by {}, which may not sign here", object.seal.key);
        group.fault(place, nth, Verdict::WrongKey, detail);
        if let Err(fault) = payload {
            group.fault(place, nth, (&fault).into(), fault.to_string());
        }
        self.strangers.push((place.seq, fingerprint(&object.hash)));
    }

    /// Decides what the chain's note at the current seq is.
    pub(super) fn close(&mut self) -> Option<Accepted> {
        let group = self.group.take()?;
        let Group { seq, occupied, best, stranger, faults, displaced, repeated, versions, .. } =
            group;
        let passed = best.as_ref().map_or(0, |best| best.place.epoch);
        let mut beside = Beside { best: best.as_ref(), shadows: vec![], older: vec![] };
        for fault in faults {
            let Some(Stray { place, verdict, detail, .. }) = beside.sort_out(fault) else {
                continue;
            };
            if place.epoch < passed {
                let detail = format!("passed by epoch {passed}; by itself {verdict}: {detail}");
                self.report(Verdict::UnexpectedObject, place, &detail);
            } else {
                self.report(verdict, place, &detail);
            }
        }
        for mut displaced in displaced {
            let Displaced { place, nth, seq: of, .. } = displaced;
            let detail = format!("an object of seq {of}");
            let stray = Stray { place, nth, verdict: Verdict::Replay, detail };
            let elsewhere = beside.sort_out(stray).is_some();
            displaced.passed = place.epoch < passed || !elsewhere;
            if displaced.passed && elsewhere {
                let detail = format!("passed by epoch {passed}; by itself an object of seq {of}");
                self.report(Verdict::UnexpectedObject, place, &detail);
            }
            self.displaced.push(displaced);
        }
        let (shadows, older) = (beside.shadows, beside.older);
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
        // Of a note whose bytes aren't there, none of the versions is the true one.
        if best.payload.is_ok() {
            self.tell_versions(&best, shadows, &older, repeated);
        }
        self.versions.remember(seq, versions);
        Some(self.accept(best))
    }

    /// What else is at the key of the chain's note.
    fn tell_versions(
        &mut self,
        best: &Candidate,
        mut shadows: Vec<Stray>,
        older: &[Stray],
        same: u64,
    ) {
        // More than one thing can be wrong with a version.
        shadows.sort_by_key(|stray| stray.nth);
        shadows.dedup_by_key(|stray| stray.nth);
        let mut found = Vec::new();
        if best.hidden {
            let detail = "its key looks empty to whoever names no version; the true bytes are here";
            found.push((Verdict::Hidden, detail.to_owned()));
        }
        if let Some(Stray { verdict, detail, .. }) = shadows.last() {
            let count = match shadows.len() {
                1 => "a newer version has".to_owned(),
                more => format!("{more} newer versions have"),
            };
            let detail =
                format!("{count} other bytes ({verdict}: {detail}); the true ones are here");
            found.push((Verdict::Shadowed, detail));
        }
        if let Some(Stray { verdict, detail, .. }) = older.first() {
            let detail = format!("an older version isn't the chain's: {verdict}: {detail}");
            found.push((Verdict::UnexpectedObject, detail));
        }
        if same > 0 {
            let detail = format!("{same} more with the same bytes");
            found.push((Verdict::UnexpectedObject, detail));
        }
        let key = best.place.key(&self.origin).to_string();
        for (verdict, detail) in found {
            let finding = self.findings.of(verdict, &detail).at(best.place.seq).key(&key);
            self.findings.push(finding.version(best.version.as_deref()));
        }
    }
}

/// What stands at the key of the chain's note beside it.
struct Beside<'a> {
    best: Option<&'a Candidate>,
    /// Newer versions: who names none gets one of them.
    shadows: Vec<Stray>,
    /// Older ones: squatters over which the chain's object was put once they were hidden.
    older: Vec<Stray>,
}

impl Beside<'_> {
    /// Keeps what stands at that key; gives back what stands elsewhere.
    fn sort_out(&mut self, stray: Stray) -> Option<Stray> {
        match self.best {
            Some(best) if best.place != stray.place || best.payload.is_err() => return Some(stray),
            Some(best) if stray.nth > best.nth => {
                self.shadows.push(stray);
            }
            Some(best) if stray.nth < best.nth => {
                self.older.push(stray);
            }
            // Also what is wrong with the best itself.
            _ => return Some(stray),
        }
        None
    }
}
