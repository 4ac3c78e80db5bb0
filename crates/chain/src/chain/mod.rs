//! The verifier of one chain: what its objects are in, findings out.
//!
//! Pure: no clock, no store, no randomness; time is an argument. Objects come in the order of
//! their keys. Of each accepted note it keeps sixteen bytes, of the newest one the facts that the
//! next is held against; so a chain of a million batches costs a few tens of megabytes at most.

mod extent;
mod files;
mod foreign;
mod group;
mod keys;
mod link;
mod lock;
mod open;
mod packed;
mod pins;
mod policy;
mod totals;

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use auditseal_format::{
    Alternate, Date, Fault, Hash, Kind, ObjectKey, ObjectSeal, Origin, SealId, Time,
};
use auditseal_store::Lock;

use crate::finding::{Finding, Findings, Verdict};
pub use extent::{Begin, Extent};
use files::Files;
pub use files::lost;
use foreign::Foreign;
use group::{Candidate, Group};
pub use keys::Trust;
use keys::{Claims, KnownKeys};
pub use keys::{KeyPrint, NamedKeys, print};
use link::{Facts, Previous};
pub use lock::Retention;
use open::Open;
use pins::Versions;
pub use policy::Policy;
pub use totals::Totals;

/// Where an object stands: its key without the origin. Ordered as a chain is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Place in the chain.
    pub seq: u64,
    /// Which of the seq's keys; the plain one comes first.
    pub alternate: Option<Alternate>,
    /// Date of the note before.
    pub date: Date,
}

impl Place {
    /// The key in a chain.
    #[must_use]
    pub fn key(self, origin: &Origin) -> ObjectKey {
        let Self { seq, alternate, date } = self;
        ObjectKey { origin: origin.clone(), seq, alternate, date }
    }
}

impl From<&ObjectKey> for Place {
    fn from(key: &ObjectKey) -> Self {
        Self { seq: key.seq, alternate: key.alternate, date: key.date }
    }
}

/// What an object that a listing named turned out to be.
#[derive(Debug)]
pub enum Outcome {
    /// It passed steps 1–3, and this is what steps 5 and 6 say (step 4 is the chain's).
    Note(Box<ObjectSeal>, Result<(), Fault>),
    /// It failed one of the steps 1–3.
    Fault(Fault),
    /// Listed, but the store says that it is absent.
    Gone,
    /// The store gave no answer: nothing is known of it, and nothing is concluded from that.
    Unreadable,
}

/// One version of an object of a chain as it was found.
#[derive(Debug)]
pub struct Sighting {
    /// Where it stands.
    pub place: Place,
    /// The key of the pack that holds it; `None` for an object by itself, at its place.
    pub pack: Option<Arc<str>>,
    /// Which of the versions there it is, where the store has versions.
    pub version: Option<Arc<str>>,
    /// Whoever names no version gets nothing at this key.
    pub hidden: bool,
    /// Its size in bytes.
    pub size: u64,
    /// The store's own date of it, microseconds since the Unix epoch.
    pub modified: i64,
    /// What the store says protects it, if it was asked.
    pub lock: Option<Lock>,
    /// What it is.
    pub outcome: Outcome,
}

impl Sighting {
    /// Something that may be there: the store didn't say.
    pub fn unreadable(place: Place) -> Self {
        let (pack, version, lock) = (None, None, None);
        let outcome = Outcome::Unreadable;
        Self { place, pack, version, hidden: false, size: 0, modified: 0, lock, outcome }
    }
}

/// What a chain is held against; nothing of it comes from the store.
#[derive(Debug, Clone)]
pub struct Rules {
    /// Whose signatures count.
    pub trust: Trust,
    /// The part of the chain that is asked for.
    pub extent: Extent,
    /// That nothing which is known ties a part to its chain is no finding.
    pub allow_unanchored: bool,
    /// A head that the chain must reach.
    pub head: Option<SealId>,
    /// Notes before that head which are on its branch, as far as another may stand beside them.
    pub branch: Vec<SealId>,
    /// Places whose source gaps somebody looked at and accepted.
    pub accept: BTreeSet<u64>,
    /// How much later than the store's date of an object its seal may say that it was made,
    /// microseconds; `None` where the store's dates mean nothing.
    pub skew: Option<i64>,
    /// What must protect each object; `None` if nothing need to.
    pub retention: Option<Retention>,
    /// The name by which the chain's notes call the store that is read: what they pin there must be
    /// there. `None` for a copy elsewhere, whose versions are others.
    pub store: Option<String>,
    /// What the trust file says of the chain beside its keys.
    pub policy: Policy,
}

impl Rules {
    /// The hash of the note that the head tells to be the chain's at a seq.
    fn trusted(&self, seq: u64) -> Option<Hash> {
        let named = self.policy.at(seq);
        let known = self.head.into_iter().chain(self.extent.from.known());
        let mut known = known.chain(self.branch.iter().copied());
        named.or_else(|| known.find(|head| head.seq == seq).map(|head| head.hash))
    }
}

/// A note that is the chain's at its seq.
#[derive(Debug)]
pub struct Accepted {
    /// Where its object stands; of one in a pack, where it would.
    pub place: Place,
    /// The key of the pack that holds it, if one does.
    pub pack: Option<Arc<str>>,
    /// Which of the versions there has its bytes, where the store has versions.
    pub version: Option<Arc<str>>,
    /// The note.
    pub seal: Box<ObjectSeal>,
    /// Whether the object's bytes are the signed ones, as far as they were looked at.
    pub whole: bool,
    /// Whether its lines' times are those of the note, as far as they were looked at, and nobody has
    /// accepted that they aren't.
    pub timed: bool,
    /// Whether who names no version gets it.
    pub plain: bool,
}

/// What a chain came to.
#[derive(Debug)]
pub struct ChainReport {
    /// What was found.
    pub findings: Findings,
    /// Sums over the accepted notes.
    pub totals: Totals,
    /// The newest note that is the chain's, and when it was made.
    pub newest: Option<(SealId, Time)>,
    /// The first, and when it was made.
    pub oldest: Option<(SealId, Time)>,
    /// By when the newest promises another.
    pub next_by: Option<Time>,
    /// A note on the known head's branch: with it among its [`Rules`] the chain goes further.
    pub branch: Option<SealId>,
    /// Two rightly signed notes stand for one seq, and nobody settled which is the chain's; one that is
    /// known out of band counts as one.
    pub forked: bool,
    /// Such notes, the first of them; a known head counts as one.
    pub forks: Vec<ForkPair>,
    /// The latest notes that are the chain's, in order.
    pub trail: VecDeque<SealId>,
    /// The keys that its notes named.
    pub named: NamedKeys,
}

/// Two different rightly signed notes for one seq.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ForkPair {
    /// Their place.
    pub seq: u64,
    /// Their hashes.
    pub hashes: [Hash; 2],
}

/// An object whose note belongs at another key.
#[derive(Debug)]
struct Displaced {
    place: Place,
    claims: Claims,
    print: u64,
    /// Which of the versions at its place it is, counted from the oldest.
    nth: u64,
    /// The chain has its own object at the seq where this one stands.
    needless: bool,
}

/// The verifier of one chain.
#[derive(Debug)]
pub struct Chain {
    origin: Origin,
    rules: Rules,
    findings: Findings,
    keys: KnownKeys,
    files: Files,
    /// The objects at the seq that is being looked at.
    group: Option<Group>,
    /// The last seq that was looked at to its end.
    closed: Option<u64>,
    previous: Option<Previous>,
    newest: Option<Facts>,
    /// What the note behind which reading begins says, where it could be had.
    behind: Option<Facts>,
    oldest: Option<(SealId, Time)>,
    /// Seq and fingerprint of each note that stands at its key, in order of seq.
    notes: Vec<(u64, u64)>,
    /// The same of notes whose key may not sign there.
    strangers: Vec<(u64, u64)>,
    displaced: Vec<Displaced>,
    /// Chains of the same name by other keys.
    foreign: Foreign,
    /// The versions of what a later note may pin.
    versions: Versions,
    /// What stands at seqs that the chain may not reach.
    open: Open,
    /// Where two rightly signed notes have the same claim: the chain ends before them.
    undecided: Option<u64>,
    /// The first seq of two rightly signed notes of which nothing known tells which is the chain's.
    split: Option<u64>,
    /// Seq, hash and `prev` of the notes behind: the known head's branch is among them.
    links: Vec<(u64, Hash, Option<Hash>)>,
    /// The places that are known out of band, and have another note.
    contradicted: BTreeSet<u64>,
    /// A note that is known out of band was met.
    anchored: bool,
    /// Two rightly signed notes stand for one seq; one that is known out of band counts as one.
    forked: bool,
    forks: Vec<ForkPair>,
    trail: VecDeque<SealId>,
    /// The first and last accepted seq behind the one with which the chain has ended.
    behind_end: Option<(u64, u64)>,
    totals: Totals,
}

impl Chain {
    /// A verifier that has seen no object.
    #[must_use]
    pub fn new(origin: Origin, rules: Rules) -> Self {
        Self {
            findings: Findings::new(origin.clone()),
            keys: KnownKeys::new(rules.trust.clone()),
            origin,
            files: Files::of_part(rules.extent.from.is_late()),
            group: None,
            closed: None,
            previous: Previous::behind(rules.extent.from),
            newest: None,
            behind: None,
            oldest: None,
            notes: Vec::new(),
            strangers: Vec::new(),
            displaced: Vec::new(),
            foreign: Foreign::default(),
            versions: Versions::default(),
            open: Open::default(),
            undecided: None,
            split: None,
            links: Vec::new(),
            contradicted: BTreeSet::new(),
            anchored: false,
            forked: false,
            forks: Vec::new(),
            trail: VecDeque::new(),
            behind_end: None,
            totals: Totals::default(),
            rules,
        }
    }

    /// Takes the next object, the versions at one place from the oldest to the newest. Once all
    /// objects of a seq have been seen, that is with the first of
    /// a later one, gives the note that is the chain's there.
    ///
    /// # Panics
    /// When objects don't come in the order of their places: the caller sorts the listing.
    pub fn object(&mut self, sighting: Sighting) -> Option<Accepted> {
        let seq = sighting.place.seq;
        let current = self.group.as_ref().map(|group| group.seq);
        assert!(current.is_none_or(|current| current <= seq), "objects in order of seq");
        let accepted = if current == Some(seq) { None } else { self.begin(seq) };
        if self.undecided.is_some() || self.split.is_some() {
            self.link(&sighting);
        }
        if self.undecided.is_none() {
            self.sort_in(sighting);
        }
        accepted
    }

    /// Ends the chain at the time `now`; without it, nothing is overdue.
    pub fn finish(mut self, now: Option<Time>) -> (Option<Accepted>, ChainReport) {
        let accepted = self.close();
        let last = self.closed;
        let reach = self.end_open(last);
        self.resolve_displaced(reach);
        self.tell_foreign();
        self.check_end(now, last.is_none() && self.undecided.is_none());
        let branch = self.branch();
        self.findings.sort();
        let next_by = self.newest.as_ref().and_then(|newest| newest.next_by);
        let newest = self.newest.as_ref().map(|newest| (newest.head(), newest.sealed));
        let Self { findings, totals, oldest, forked, forks, trail, keys, .. } = self;
        let named = keys.named;
        let report = ChainReport {
            findings,
            totals,
            newest,
            oldest,
            next_by,
            branch,
            forked,
            forks,
            trail,
            named,
        };
        (accepted, report)
    }

    /// Settles what was left open behind the newest note; `last` is the highest seq at which
    /// anything stands. Gives the seq up to which objects that aren't the chain's are findings.
    fn end_open(&mut self, last: Option<u64>) -> u64 {
        let ours = self.displaced.iter().filter(|displaced| self.is_ours(&displaced.claims));
        let Extent { from, to } = self.rules.extent;
        let seqs = ours.map(|displaced| displaced.claims.seq).filter(|seq| *seq >= from.seq());
        let named = seqs.map(|seq| seq.min(to.unwrap_or(u64::MAX))).max();
        // Behind a note that was read the chain reaches that one at least.
        let known = self.behind.as_ref().map(|before| before.seq);
        let newest = self.notes.last().map(|note| note.0).or(known);
        // Where nobody has the chain's key, nothing says how far it reaches: all of it is wrong.
        let Some(reach) = newest.max(named).filter(|_| self.undecided.is_none()) else {
            self.needed();
            return u64::MAX;
        };
        let head = self.known_reach();
        if let Some(last) = last.filter(|last| *last < reach) {
            self.open.absent(last + 1, reach);
        }
        self.needed_up_to(reach, head);
        reach.max(head)
    }

    /// Takes note of an object behind the place where the chain ends undecided.
    fn link(&mut self, sighting: &Sighting) {
        if let Outcome::Note(object, _) = &sighting.outcome
            && self.rules.top().is_some()
            && (&object.seal.origin, object.seal.seq) == (&self.origin, sighting.place.seq)
        {
            self.links.push((object.seal.seq, object.hash, object.seal.prev));
        }
    }

    /// Where the chain ends undecided, or was decided by nothing but the note before: the note there that
    /// is on the known head's branch. Hashes lead from the head to it, so nobody's signature is needed.
    fn branch(&self) -> Option<SealId> {
        let (fork, mut at) = (self.split.or(self.undecided)?, self.rules.top()?);
        for (seq, hash, prev) in self.links.iter().rev() {
            if (*seq, *hash) == (at.seq, at.hash) {
                at = SealId { seq: seq.checked_sub(1)?, hash: (*prev)? };
            }
        }
        (at.seq == fork).then_some(at)
    }

    /// Closes the seq before and opens `seq`.
    fn begin(&mut self, seq: u64) -> Option<Accepted> {
        let accepted = self.close();
        if self.undecided.is_some() {
            return accepted;
        }
        let next = self.expected();
        if next < seq {
            self.files.lost_notes();
            self.open.absent(next, seq - 1);
        }
        self.group = Some(Group::new(seq));
        accepted
    }

    /// A key may name any seq up to 10¹²: absent ones are one finding, however many they are.
    fn missing(&mut self, first: u64, last: u64) {
        let detail = match last - first {
            0 => "no object of the chain at the key of this seq".to_owned(),
            more => format!("no objects of the chain at the keys of these {} seqs", more + 1),
        };
        let finding = self.findings.of(Verdict::Missing, &detail).at(first).through(last);
        self.findings.push(finding);
    }

    /// Whether a place's date is the one that follows from the note before. Where that is absent,
    /// any date is right.
    fn right_date(&self, place: Place) -> bool {
        if place.seq == 0 {
            return place.date == Date::EPOCH;
        }
        self.facts_before(place.seq).is_none_or(|facts| facts.sealed.date() == place.date)
    }

    /// The note before `seq`, whoever signed it.
    fn before(&self, seq: u64) -> Option<&Previous> {
        self.previous.as_ref().filter(|previous| previous.seq + 1 == seq)
    }

    /// The facts of the note before `seq`, if that note is there and rightly signed.
    fn facts_before(&self, seq: u64) -> Option<&Facts> {
        self.before(seq)?.facts.as_ref()
    }

    fn report(&mut self, verdict: Verdict, place: Place, detail: &str) {
        let finding = self.finding(verdict, place, detail);
        self.findings.push(finding);
    }

    /// A finding about an object of the chain, not yet added.
    fn finding(&self, verdict: Verdict, place: Place, detail: &str) -> Finding {
        let key = place.key(&self.origin).to_string();
        self.findings.of(verdict, detail).at(place.seq).key(&key)
    }

    /// Makes `candidate` the chain's note at its seq.
    fn accept(&mut self, candidate: Candidate, plain: bool) -> Accepted {
        let whole = candidate.whole();
        let Candidate { copy, seal: object, payload } = candidate;
        let told = payload.as_ref().err().map(|fault| copy.in_its_pack(fault.to_string()));
        let group::Copy { place, pack, version, size, modified, .. } = copy;
        let seal = &object.seal;
        if let (Err(fault), Some(told)) = (&payload, told) {
            let finding = self.finding(fault.into(), place, &told);
            self.report_about(object.id(), finding);
        }
        let timed = payload.is_ok() && !self.rules.policy.is_mistimed(object.id());
        self.check_link(place, &object);
        if pack.is_none() {
            self.check_store_date(place, &object, modified);
        }
        if seal.kind == Kind::Reanchor {
            let reason = seal.reason.as_ref().map_or("-", |reason| reason.as_str());
            let detail = format!("reason {reason}");
            self.report(Verdict::Reanchored, place, &detail);
        }
        self.check_source(place, &object);
        self.check_pins(place, &seal.stored);
        let vouched = self.vouched(&object);
        self.keys.follow(seal, vouched);
        self.anchor(&object);
        if self.begins_with(&object) {
            self.files.take_over(&seal.cursors);
        }
        self.totals.add(&object, size);
        let facts = Facts::of(&object);
        let head = facts.head();
        self.compare_head(head, true);
        self.compare_end(head.seq);
        self.leave_trail(head);
        self.oldest.get_or_insert((head, facts.sealed));
        self.newest = Some(facts.clone());
        self.previous = Some(Previous { seq: head.seq, hash: head.hash, facts: Some(facts) });
        Accepted { place, pack, version, seal: object, whole, timed, plain }
    }

    /// What is known to be lost, and what doesn't join.
    fn check_source(&mut self, place: Place, object: &ObjectSeal) {
        let mut found = self.files.note(&object.seal);
        found.extend(object.seal.gaps.iter().map(|gap| (Verdict::SourceGap, lost(gap))));
        if object.seal.is_stalled() {
            let detail = "no look at the source ended in the heartbeat before: what was written \
                          meanwhile may have been lost unnoticed";
            found.push((Verdict::Stalled, detail.to_owned()));
        }
        let accepted = self.rules.accept.contains(&place.seq);
        for (verdict, detail) in found {
            let finding = self.finding(verdict, place, &detail);
            if accepted && verdict != Verdict::Replay {
                self.findings.push(finding.accepted());
            } else {
                self.report_about(object.id(), finding);
            }
        }
    }

    /// Tells copies from what was moved, now that all notes have been seen.
    ///
    /// What stands where the chain has its own object was told there, and what stands behind `reach`
    /// the chain can do without; but a note of our own says more.
    fn resolve_displaced(&mut self, reach: u64) {
        for Displaced { place, claims, print, needless, .. } in std::mem::take(&mut self.displaced)
        {
            let (seq, ours) = (claims.seq, self.is_ours(&claims));
            let there = at_seq(&self.notes, seq);
            let forked = there.iter().any(|note| note.1 != print) && ours;
            // What isn't in the part that is asked for wasn't looked for.
            let lost = there.is_empty() && ours && self.rules.extent.has(seq);
            let mut standing = there.iter().chain(at_seq(&self.strangers, seq));
            let (verdict, detail) = if standing.any(|note| note.1 == print) {
                let detail = match place.seq == seq {
                    true => "the note of this seq stands in a pack or at another key of it, too"
                        .to_owned(),
                    false => format!("a copy of the object at seq {seq}"),
                };
                (Verdict::Replay, detail)
            } else {
                let detail = format!("this is the object of seq {seq}, which isn't at its own key");
                (Verdict::Reordered, detail)
            };
            if verdict == Verdict::Reordered && forked {
                let detail = format!("another signed note for seq {seq} than the one at its key");
                let key = place.key(&self.origin).to_string();
                let finding = self.findings.of(Verdict::Fork, &detail).at(seq).key(&key);
                match self.rules.policy.settles(seq) {
                    Some(reason) => self.findings.push(finding.accepted_for(reason)),
                    None => self.findings.push(finding),
                }
            }
            if (verdict == Verdict::Reordered && lost) || (!needless && place.seq <= reach) {
                self.report(verdict, place, &detail);
            } else if !needless {
                let detail =
                    format!("behind the chain's newest seal; by itself {verdict}: {detail}");
                self.report(Verdict::UnexpectedObject, place, &detail);
            }
        }
    }

    /// Whether a note that stands at another key is signed by the key that may sign at its own.
    fn is_ours(&self, claims: &Claims) -> bool {
        let before = claims.seq.checked_sub(1);
        let follows = before.is_some_and(|before| !at_seq(&self.notes, before).is_empty());
        self.keys.admits(claims, follows)
    }

    /// What only the end of the chain shows.
    fn check_end(&mut self, now: Option<Time>, empty: bool) {
        if empty {
            let Extent { from, to } = self.rules.extent;
            let detail = match (from.seq(), to) {
                (0, None) => "no object of this chain".to_owned(),
                (from, None) => format!("no object of this chain from seq {from} on"),
                (from, Some(to)) => format!("no object of this chain from seq {from} to seq {to}"),
            };
            let finding = self.findings.of(Verdict::Missing, &detail);
            return self.findings.push(finding);
        }
        self.check_reach();
        self.check_anchor();
        self.tell_behind_end();
        let asked = self.undecided.is_none() && self.rules.extent.to.is_none();
        let Some(now) = now.filter(|_| asked) else { return };
        // Where nothing of the chain follows the note behind which reading begins, that is its newest.
        let newest = self.newest.as_ref().or(self.behind.as_ref());
        let Some(Facts { seq, sealed, next_by, .. }) = newest.cloned() else { return };
        if self.judge_silence(now, seq, sealed, next_by.is_none()) {
            return;
        }
        if let Some(next_by) = next_by
            && next_by < now
        {
            let detail = format!("another seal was promised by {next_by}, and there is none");
            let finding = self.findings.of(Verdict::Silent, &detail).at(seq);
            self.findings.push(finding);
        }
    }
}

/// The entries of one seq in a list that is in order of seq.
fn at_seq(notes: &[(u64, u64)], seq: u64) -> &[(u64, u64)] {
    let start = notes.partition_point(|note| note.0 < seq);
    let end = notes.partition_point(|note| note.0 <= seq);
    &notes[start..end]
}
