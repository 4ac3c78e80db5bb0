//! All objects at one seq: which of them is the chain's.

use std::collections::BTreeMap;
use std::sync::Arc;

use auditseal_format::{Fault, Hash, ObjectSeal, SealId};
use auditseal_store::Lock;

use super::keys::fingerprint;
use super::{Accepted, Chain, Displaced, Outcome, Place, Previous, Sighting, pins};
use crate::finding::Verdict;

/// A version at one of the seq's keys.
#[derive(Debug)]
pub(super) struct Copy {
    pub(super) place: Place,
    /// The key of the pack that holds it: it stands beside all objects, hidden and covered by none.
    pub(super) pack: Option<Arc<str>>,
    pub(super) version: Option<Arc<str>>,
    /// Whoever names no version gets nothing at this key.
    hidden: bool,
    pub(super) size: u64,
    pub(super) modified: i64,
    lock: Option<Lock>,
    /// Of the versions at its seq, which one it is; at one place the oldest comes first.
    nth: u64,
}

impl Copy {
    /// What is said of it, with the pack that it is in.
    pub(super) fn in_its_pack(&self, detail: String) -> String {
        match &self.pack {
            Some(pack) => format!("in pack {pack}: {detail}"),
            None => detail,
        }
    }

    /// Whether whoever names no version gets that one in its place.
    fn is_under(&self, stray: &Stray) -> bool {
        self.pack.is_none() && stray.place == self.place && stray.nth > self.nth
    }
}

/// A note that stands at one of its keys.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) copy: Copy,
    pub(super) seal: Box<ObjectSeal>,
    pub(super) payload: Result<(), Fault>,
}

impl Candidate {
    /// Whether its lines are the signed ones, as far as they were looked at.
    pub(super) fn whole(&self) -> bool {
        self.payload.as_ref().err().is_none_or(Fault::leaves_lines_true)
    }

    /// Whether these are the same bytes, down to the last: of both, all were looked at and are the
    /// signed ones, and the signature is the same.
    fn equals(&self, other: &Self) -> bool {
        let (one, two) = (&self.seal, &other.seal);
        self.whole() && other.whole() && one.note == two.note && one.index == two.index
    }
}

/// An object that isn't the chain's note.
#[derive(Debug, Clone)]
pub(super) struct Stray {
    pub(super) place: Place,
    nth: u64,
    pub(super) verdict: Verdict,
    pub(super) detail: String,
}

/// The objects at one seq so far. At most one seal of each sort is kept whole: an attacker may
/// have put thousands here.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) seq: u64,
    /// Something stands where the seq's object may.
    occupied: bool,
    /// How many versions have been seen.
    seen: u64,
    /// Their ids, where the store has versions.
    versions: Vec<u64>,
    /// The first version of the note that is the chain's, as far as is known by now.
    best: Option<Candidate>,
    /// Further versions with its bytes: the oldest at each further key, and how many beside these.
    copies: Vec<Copy>,
    repeated: u64,
    /// Another rightly signed note has as good a claim as the best.
    contested: bool,
    /// The first note whose key may not sign here. If there is no better, the `prev` of the next
    /// is compared with it, and nothing else it says counts.
    stranger: Option<Hash>,
    /// Objects that aren't the chain's notes.
    faults: Vec<Stray>,
    /// Objects whose notes belong at other keys.
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
            copies: Vec::new(),
            repeated: 0,
            contested: false,
            stranger: None,
            faults: Vec::new(),
            displaced: Vec::new(),
        }
    }

    fn fault(&mut self, copy: &Copy, verdict: Verdict, detail: String) {
        let detail = copy.in_its_pack(detail);
        self.faults.push(Stray { place: copy.place, nth: copy.nth, verdict, detail });
    }

    /// A further version with the note of the best, at one of its keys: its bytes once more, or
    /// other bytes before the same seal.
    fn again(&mut self, candidate: Candidate) {
        let Some(best) = &mut self.best else { return };
        if best.equals(&candidate) {
            let place = candidate.copy.place;
            let same = |copy: &Copy| copy.place == place && copy.pack.is_none();
            let packed = candidate.copy.pack.is_some();
            if !packed && (self.copies.iter().any(same) || same(&best.copy)) {
                self.repeated += 1;
            } else {
                self.copies.push(candidate.copy);
            }
            return;
        }
        let other = if !best.whole() && candidate.whole() {
            std::mem::replace(best, candidate)
        } else {
            candidate
        };
        let (verdict, detail) = match &other.payload {
            Err(fault) if !fault.leaves_lines_true() => (fault.into(), fault.to_string()),
            _ => (Verdict::Tampered, "the same note, signed once more".to_owned()),
        };
        self.fault(&other.copy, verdict, detail);
    }
}

impl Chain {
    /// Puts an object where it belongs among those at its seq.
    pub(super) fn sort_in(&mut self, sighting: Sighting) {
        let Sighting { place, pack, version, hidden, size, modified, lock, outcome } = sighting;
        let right_date = self.right_date(place);
        let foreign = match &outcome {
            Outcome::Note(seal, _) => self.is_foreign(seal, place),
            _ => false,
        };
        let Some(group) = &mut self.group else { return };
        group.occupied |= right_date && !foreign;
        group.seen += 1;
        let listed = version.as_deref().filter(|_| pack.is_none());
        group.versions.extend(listed.map(|id| pins::of_id(id.as_bytes())));
        let copy = Copy { place, pack, version, hidden, size, modified, lock, nth: group.seen };
        let (seal, payload) = match outcome {
            Outcome::Unreadable => return,
            Outcome::Gone => {
                let detail = "listed, but gone when it was read".to_owned();
                return group.fault(&copy, Verdict::Missing, detail);
            }
            Outcome::Fault(fault) => {
                return group.fault(&copy, (&fault).into(), fault.to_string());
            }
            Outcome::Note(..) if foreign => {
                let detail = "a chain by another key".to_owned();
                return group.fault(&copy, Verdict::ForeignChain, detail);
            }
            Outcome::Note(seal, payload) => (seal, payload),
        };
        if seal.seal.origin != self.origin {
            let detail = format!("this is an object of {}", seal.seal.origin);
            return group.fault(&copy, Verdict::WrongOrigin, detail);
        }
        // Steps 6 and 7 are asked of no other; it may have been looked at on a guess.
        let asked = seal.seal.seq == place.seq && self.may_sign(&seal);
        let payload = match payload {
            Err(Fault::Malformed(_) | Fault::WrongTimes(_)) if !asked => Ok(()),
            payload => payload,
        };
        let candidate = Candidate { copy, seal, payload };
        if candidate.seal.seal.seq == place.seq && right_date {
            self.candidate(candidate);
        } else {
            self.displace(candidate);
        }
    }

    /// Whether an object is one of a chain that another key began.
    fn is_foreign(&mut self, object: &ObjectSeal, place: Place) -> bool {
        let seal = &object.seal;
        let here = (&seal.origin, seal.seq) == (&self.origin, place.seq);
        here && !self.may_sign(object) && self.foreign.take(object, place)
    }

    fn displace(&mut self, candidate: Candidate) {
        let Candidate { copy, seal: object, payload } = candidate;
        let claims = self.keys.claims(&object.seal, self.vouched(&object));
        let Some(group) = &mut self.group else { return };
        group.displaced.push(Displaced {
            place: copy.place,
            claims,
            print: fingerprint(&object.hash),
            nth: copy.nth,
            needless: false,
        });
        if let Err(fault) = payload {
            group.fault(&copy, (&fault).into(), fault.to_string());
        }
    }

    fn candidate(&mut self, candidate: Candidate) {
        if !self.may_sign(&candidate.seal) {
            return self.stranger(candidate);
        }
        let claim = self.claim(&candidate.seal);
        let best = self.group.as_ref().and_then(|group| group.best.as_ref());
        let rival = best.map(|best| self.claim(&best.seal));
        let Some(group) = &mut self.group else { return };
        let (place, hash) = (candidate.copy.place, candidate.seal.hash);
        let Some(best) = &group.best else {
            self.notes.push((place.seq, fingerprint(&hash)));
            group.best = Some(candidate);
            return;
        };
        if best.seal.hash == hash {
            // Any date was right, as the note before is absent; but both can't be.
            let strays = best.copy.place.date != place.date;
            return if strays { self.displace(candidate) } else { group.again(candidate) };
        }
        let (standing, other) = (best.copy.place, best.seal.hash);
        let loser = if Some(claim) > rival {
            (group.contested, group.repeated) = (false, 0);
            group.copies.clear();
            group.best.replace(candidate)
        } else {
            group.contested |= Some(claim) == rival;
            Some(candidate)
        };
        self.notes.push((place.seq, fingerprint(&hash)));
        if self.rules.trusted(place.seq).is_none() {
            self.split.get_or_insert(place.seq);
        }
        let detail = format!("another signed note stands at {}", standing.key(&self.origin));
        self.report_fork(place, &detail, Some([other, hash]));
        if let Some(Candidate { copy, payload: Err(fault), .. }) = loser {
            self.report((&fault).into(), copy.place, &fault.to_string());
        }
    }

    /// What a rightly signed note has to show for being the chain's: that it is on the branch of the
    /// head that the reader trusts; or else, that it follows the note before.
    fn claim(&self, object: &ObjectSeal) -> (bool, bool) {
        let trusted = self.rules.trusted(object.seal.seq) == Some(object.hash);
        let before = self.before(object.seal.seq);
        (trusted, before.is_none_or(|before| Some(before.hash) == object.seal.prev))
    }

    /// A note that its key may not sign: it counts for nothing, but a copy of it is a copy.
    fn stranger(&mut self, candidate: Candidate) {
        let Some(group) = &mut self.group else { return };
        if group.stranger.is_some_and(|hash| hash == candidate.seal.hash) {
            return self.displace(candidate);
        }
        let Candidate { copy, seal: object, payload } = candidate;
        group.stranger.get_or_insert(object.hash);
        let key = &object.seal.key;
        let detail = match self.keys.used_past(key, object.seal.seq) {
            Some(last) => format!(
                "signed by {key}, which is trusted up to seq {last}: the key was used after that"
            ),
            None => format!("signed by {key}, which may not sign here"),
        };
        group.fault(&copy, Verdict::WrongKey, detail);
        if let Err(fault) = payload {
            group.fault(&copy, (&fault).into(), fault.to_string());
        }
        self.strangers.push((copy.place.seq, fingerprint(&object.hash)));
    }

    /// Decides what the chain's note at the current seq is.
    pub(super) fn close(&mut self) -> Option<Accepted> {
        let mut group = self.group.take()?;
        self.closed = Some(group.seq);
        if group.contested {
            self.needed();
            self.undecided = Some(group.seq);
            return None;
        }
        match group.best.take() {
            Some(best) => Some(self.settle(best, group)),
            None => {
                self.leave_open(group);
                None
            }
        }
    }

    /// No object at the seq is the chain's. Whether the chain needs one, later seqs say.
    fn leave_open(&mut self, group: Group) {
        let Group { seq, occupied, stranger, faults, displaced, .. } = group;
        self.files.lost_notes();
        if !occupied {
            self.open.absent(seq, seq);
        }
        let told = faults.into_iter().filter(|stray| stray.verdict != Verdict::ForeignChain);
        told.for_each(|stray| self.open.stray(stray));
        self.displaced.extend(displaced);
        self.previous = stranger.map(|hash| Previous { seq, hash, facts: None });
        if let Some(hash) = stranger {
            self.compare_head(SealId { seq, hash }, false);
        }
    }

    /// The note at the seq is known: what else stands there is a matter of where its bytes are.
    fn settle(&mut self, best: Candidate, group: Group) -> Accepted {
        self.needed();
        let Group { seq, copies, faults, mut displaced, repeated, versions, .. } = group;
        let whole = best.whole();
        let Candidate { copy, seal, payload } = best;
        let mut beside = Beside::default();
        for stray in faults {
            if whole {
                beside.add(stray);
            } else if stray.verdict != Verdict::ForeignChain {
                self.report(stray.verdict, stray.place, &stray.detail);
            }
        }
        for displaced in &mut displaced {
            let (place, nth, of) = (displaced.place, displaced.nth, displaced.claims.seq);
            displaced.needless = whole;
            if whole {
                let detail = format!("an object of seq {of}");
                beside.add(Stray { place, nth, verdict: Verdict::Replay, detail });
            }
        }
        self.displaced.extend(displaced);
        let mut copies: Vec<Copy> = copies.into_iter().chain([copy]).collect();
        // Beside a pack, objects with its bytes are as good as not there.
        let packed = copies.iter().any(|copy| copy.pack.is_some());
        let others = if packed { 0 } else { copies.len() as u64 - 1 };
        // Whoever names no version, and looks at the right one of the keys, must find it; and one
        // firm lock keeps it. Of equals the first in the order of keys.
        copies.sort_by_cached_key(|copy| {
            let covered = copy.hidden || beside.shadows(copy).next().is_some();
            let weak = self.weakness(seal.seal.sealed, copy.lock.as_ref()).is_some();
            (covered, weak, copy.pack.is_none(), copy.place)
        });
        let mut copies = copies.into_iter();
        let Some(chosen) = copies.next() else { unreachable!("a note has a place") };
        // Of a note whose bytes aren't there, none of the versions is the true one.
        if whole {
            self.tell_beside(seal.id(), &chosen, &beside, others, repeated);
        }
        if let Some(detail) = self.weakness(seal.seal.sealed, chosen.lock.as_ref()) {
            self.report_version(Verdict::WeakWorm, seal.id(), &chosen, &detail);
        }
        self.versions.remember(seq, versions);
        let plain = !chosen.hidden && beside.shadows(&chosen).next().is_none();
        self.accept(Candidate { copy: chosen, seal, payload }, plain)
    }

    /// What stands at the seq's keys beside the chain's note.
    fn tell_beside(
        &mut self,
        seal: SealId,
        chosen: &Copy,
        beside: &Beside,
        others: u64,
        same: u64,
    ) {
        let mut found = Vec::new();
        if chosen.hidden {
            let detail = "its key looks empty to whoever names no version; the true bytes are here";
            found.push((Verdict::Hidden, detail.to_owned()));
        }
        let shadows: Vec<_> = beside.shadows(chosen).collect();
        if let Some(Stray { verdict, detail, .. }) = shadows.last() {
            let count = match shadows.len() {
                1 => "a newer version has".to_owned(),
                more => format!("{more} newer versions have"),
            };
            let detail =
                format!("{count} other bytes ({verdict}: {detail}); the true ones are here");
            found.push((Verdict::Shadowed, detail));
        }
        if same > 0 {
            let detail = format!("{same} more with the same bytes");
            found.push((Verdict::UnexpectedObject, detail));
        }
        if others > 0 {
            let detail = format!("the same object stands at {others} more of its keys");
            found.push((Verdict::UnexpectedObject, detail));
        }
        for (verdict, detail) in found {
            self.report_version(verdict, seal, chosen, &detail);
        }
        let covers = |stray: &&Stray| chosen.is_under(stray);
        let told = |stray: &&Stray| !covers(stray) && stray.verdict != Verdict::ForeignChain;
        for stray in beside.all().filter(told) {
            let Stray { place, verdict, detail, .. } = stray;
            let detail = format!("the seq has its object; by itself {verdict}: {detail}");
            self.report(Verdict::UnexpectedObject, *place, &detail);
        }
    }

    fn report_version(&mut self, verdict: Verdict, seal: SealId, copy: &Copy, detail: &str) {
        let finding = match &copy.pack {
            Some(key) => self.findings.of(verdict, detail).at(copy.place.seq).key(key),
            None => self.finding(verdict, copy.place, detail),
        };
        self.report_about(seal, finding.version(copy.version.as_deref()));
    }
}

/// What stands at the seq of the chain's note beside it, by key.
#[derive(Debug, Default)]
struct Beside(BTreeMap<Place, Vec<Stray>>);

impl Beside {
    /// More than one thing can be wrong with a version; one is told.
    fn add(&mut self, stray: Stray) {
        let here = self.0.entry(stray.place).or_default();
        if here.last().is_none_or(|last| last.nth != stray.nth) {
            here.push(stray);
        }
    }

    fn all(&self) -> impl Iterator<Item = &Stray> {
        self.0.values().flatten()
    }

    /// Newer versions at a key: whoever names none gets one of them.
    fn shadows<'a>(&'a self, copy: &'a Copy) -> impl Iterator<Item = &'a Stray> {
        let here = self.0.get(&copy.place).into_iter().flatten();
        here.filter(|stray| copy.is_under(stray))
    }
}
