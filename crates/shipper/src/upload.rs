//! Uploads: one at a time, in order, every doubt read back.
//!
//! ```text
//!          HeadFound: ours              Stored, or ReadBack: same
//!  Held ──────────────────▶ Idle ◀─────────────────────────────────┐
//!   ▲ FindHead               │ Put                                  │
//!   ├ it lacks what it had: again, some time later                  │
//!   ▼                        ▼            Doubt                     │
//!  Restart: the store       Putting ──────────────────▶ Reading ────┤
//!  has more than we          ▲                             │        │
//!  know, none sent           │  absent, no answer          │ other bytes
//!                         Waiting ◀────────────────────────┤
//!                            ▲  once more, some time later │
//!                            └─────────────────────────────┤ foreign, twice: the same bytes
//!                                                          │ go to the next alternate
//!                            rightly signed, not ours: ────┘
//!                            Restart if nothing was sent, else a fork
//! ```

use auditseal_format::{Alternate, ObjectKey, ObjectSeal, Origin, Seal, Signer, Time, VerifierKey};

use crate::backoff::Backoff;
use crate::course::{Course, course};
use crate::pins::Pins;
use crate::seqs::Seqs;
use crate::spooled::{Pending, Spooled};
use crate::types::{
    Action, Config, End, Fork, KnownChain, Mode, Pause, Pin, ReadBack, Report, StoreHead,
};

/// Times that foreign bytes must be seen at a key, some time apart, before it is given up: one wrong
/// answer must not move an object.
const LOOKS: u32 = 2;

/// Why an upload failed that was accepted and isn't there.
const UNSEEN: &str = "the store accepted it, and doesn't show it";

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing is sent until this boot time, nanoseconds; then the store's head is asked for.
    Held { until: u64 },
    /// The store's head was asked for.
    Asking,
    /// Nothing asked of the store.
    Idle,
    /// An upload is under way.
    Putting,
    /// A read-back is under way.
    Reading,
    /// The next attempt waits for this boot time, nanoseconds.
    Waiting { until: u64, read: bool },
}

/// At which of its keys the front is.
#[derive(Debug, Default)]
struct Place {
    /// 0 for the plain one.
    nth: u32,
    alternate: Option<Alternate>,
    /// Times that bytes which are no seal of ours were seen there.
    foreign: u32,
}

#[derive(Debug)]
pub(crate) struct Uploads {
    origin: Origin,
    /// What isn't known to be stored.
    queue: Spooled,
    /// The newest object known to be stored: it stays in the spool, for the next start needs it.
    stored: Option<ObjectKey>,
    /// The newest seq that is this chain's for certain: known at the start, or stored since.
    known: Option<u64>,
    state: State,
    /// The front is known to be stored: ask which version it is, and don't send it again.
    probe: bool,
    /// Whether anything was sent since the start.
    sent: bool,
    /// Whether the front was.
    sent_front: bool,
    place: Place,
    attempts: u32,
    failing_since: Option<u64>,
    why: String,
    backoff: Backoff,
    /// An accepted upload is read back.
    read_back: bool,
    /// Whose chains of this name are none of ours.
    beside: Vec<VerifierKey>,
    /// What the store was found to lack.
    lacking: Option<Seqs>,
    /// What it may lack.
    without: Vec<Seqs>,
    one_shot: bool,
    /// Which versions the next seals name.
    pub(crate) pins: Pins,
}

impl Uploads {
    /// Uploads that send nothing before this boot time, nanoseconds; the chain is `known` up to there.
    pub(crate) fn new(mut queue: Spooled, known: Option<u64>, config: &Config, until: u64) -> Self {
        let pinned = std::mem::take(&mut queue.pinned);
        let pins = Pins::new(config.store.clone(), pinned, config.limits);
        Self {
            origin: config.origin.clone(),
            probe: false,
            known,
            queue,
            stored: None,
            state: State::Held { until },
            sent: false,
            sent_front: false,
            place: Place::default(),
            attempts: 0,
            failing_since: None,
            why: String::new(),
            backoff: config.backoff,
            read_back: config.read_back,
            beside: config.beside.clone(),
            lacking: None,
            without: config.without.clone(),
            one_shot: config.mode == Mode::OneShot,
            pins,
        }
    }

    pub(crate) fn push(
        &mut self,
        key: &ObjectKey,
        size: u64,
        seal: &Seal,
        hash: auditseal_format::Hash,
    ) {
        self.queue.push(key, size, seal, hash);
    }

    /// The key at which the next object is.
    fn front(&self) -> Option<ObjectKey> {
        let front = self.queue.objects.front()?;
        Some(front.key(&self.origin, self.place.alternate))
    }

    /// Whether everything committed is stored.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes that wait to be stored. What is stored and kept doesn't count: a single object larger
    /// than the spool's limit would stop the chain for ever.
    pub(crate) fn bytes(&self) -> u64 {
        self.queue.bytes
    }

    pub(crate) fn deadline(&self) -> Option<u64> {
        match self.state {
            State::Waiting { until, .. } => Some(until),
            State::Held { until } => Some(until).filter(|_| !self.queue.is_empty()),
            _ => None,
        }
    }

    /// How long nothing was accepted, and why.
    pub(crate) fn failing(&self, now: u64) -> Option<(u64, &str)> {
        self.failing_since.map(|since| (now.saturating_sub(since), self.why.as_str()))
    }

    /// Starts what may start.
    pub(crate) fn poll<C>(&mut self, now: u64, out: &mut Vec<Action<C>>) {
        let Some(key) = self.front() else { return };
        let read = match self.state {
            State::Held { until } if until <= now => {
                self.state = State::Asking;
                let known = KnownChain { days: self.queue.days(), newest: self.known };
                return out.push(Action::FindHead(known));
            }
            State::Idle => std::mem::take(&mut self.probe),
            State::Waiting { until, read } if until <= now => read,
            _ => return,
        };
        self.state = if read { State::Reading } else { State::Putting };
        self.sent |= !read;
        self.sent_front |= !read;
        out.push(if read { Action::ReadBack(key) } else { Action::Put(key) });
    }

    /// The store has told what it has: objects of ours that it has needn't be sent, and where it has
    /// more than we know, none of ours may be. Nor where it lacks what it had: it may be another store, or
    /// what is left below the mount point of one, and what is sent there is missing in the right one.
    pub(crate) fn head_found<C>(
        &mut self,
        found: Option<&StoreHead>,
        foreign: Option<(ObjectKey, VerifierKey)>,
        now: u64,
        out: &mut Vec<Action<C>>,
    ) {
        if self.state != State::Asking {
            return;
        }
        if let Some((key, by)) = foreign.filter(|(_, by)| !self.beside.contains(by)) {
            return out.push(Action::End(End::Foreign(key, by)));
        }
        match course(&self.queue, found) {
            Course::Begin | Course::GoOn => self.state = State::Idle,
            Course::TakeUp | Course::Adopt | Course::Fork => return out.push(Action::Restart),
        }
        let stored = found.map(|head| head.key.seq);
        let lacking = self.queue.lacking(stored);
        if let Some(lacking) = lacking {
            if !self.without.contains(&lacking) {
                return self.lack(lacking, now, out);
            }
            out.push(Action::Report(Report::Without(lacking)));
        }
        if self.lacking.take().is_some() {
            self.attempts = 0;
            out.push(Action::Report(Report::Regained));
        }
        let missing = self.queue.missing(stored);
        for hole in missing.into_iter().filter(|hole| Some(*hole) != lacking) {
            out.push(Action::Report(Report::Missing(hole)));
        }
        let Some(found) = found else { return };
        while self.queue.objects.front().is_some_and(|front| front.seq < found.key.seq) {
            self.done(false, None, out);
        }
        if self.queue.objects.front().is_some_and(|front| front.seq == found.key.seq) {
            self.place.alternate = found.key.alternate;
            self.probe = true;
        }
    }

    /// The store isn't what it was. A daemon looks again: its disk may be mounted yet.
    fn lack<C>(&mut self, seqs: Seqs, now: u64, out: &mut Vec<Action<C>>) {
        if self.lacking.replace(seqs) != Some(seqs) {
            out.push(Action::Report(Report::Lacking(seqs)));
        }
        if self.one_shot {
            return out.push(Action::End(End::Lacking(seqs)));
        }
        // Stored by this process: it is in the spool, and is put again after a start.
        if self.stored.as_ref().is_some_and(|stored| seqs.is_just(stored.seq)) {
            return out.push(Action::Restart);
        }
        self.attempts += 1;
        self.state = State::Held { until: now.saturating_add(self.backoff.wait(self.attempts)) };
    }

    /// The store accepted the front. Where its word isn't enough, what it holds is.
    pub(crate) fn accepted<C>(&mut self, pin: Option<Pin>, out: &mut Vec<Action<C>>) {
        if self.read_back {
            return self.doubt(UNSEEN.to_owned(), out);
        }
        self.stored(pin, out);
    }

    fn stored<C>(&mut self, pin: Option<Pin>, out: &mut Vec<Action<C>>) {
        let genesis = self.queue.objects.front().is_some_and(|front| front.seq == 0);
        self.done(true, pin, out);
        if genesis {
            // Where its plain key was taken, another key's may have come to another: neither of the
            // two was in the other's way.
            self.state = State::Held { until: 0 };
        }
    }

    fn done<C>(&mut self, sent: bool, pin: Option<Pin>, out: &mut Vec<Action<C>>) {
        self.state = State::Idle;
        self.sent_front = false;
        self.attempts = 0;
        self.failing_since = None;
        self.why.clear();
        let place = std::mem::take(&mut self.place);
        if let Some(front) = self.queue.pop() {
            self.known = self.known.max(Some(front.seq));
            if let Some(pin) = pin {
                self.pins.add(front.seq, place.alternate, pin);
            }
            let key = front.key(&self.origin, place.alternate);
            let told = key.clone();
            let report = if sent { Report::Stored(told) } else { Report::FoundStored(told) };
            out.push(Action::Report(report));
            out.extend(self.stored.replace(key).map(Action::Discard));
        }
    }

    /// Any other answer means nothing: what stands at the key decides.
    pub(crate) fn doubt<C>(&mut self, why: String, out: &mut Vec<Action<C>>) {
        let Some(key) = self.front() else { return };
        self.why = why;
        self.state = State::Reading;
        out.push(Action::ReadBack(key));
    }

    pub(crate) fn read_back<C>(
        &mut self,
        found: ReadBack,
        now: u64,
        signer: &dyn Signer,
        out: &mut Vec<Action<C>>,
    ) {
        match found {
            ReadBack::Same(pin) if self.sent_front => self.stored(pin, out),
            ReadBack::Same(pin) => self.done(false, pin, out),
            // A probe that finds nothing is no failure: the object was never sent.
            ReadBack::Absent if self.why.is_empty() && self.attempts == 0 => {
                self.state = State::Waiting { until: now, read: false };
            }
            ReadBack::Absent => self.wait(now, false, out),
            ReadBack::Unknown(why) => {
                if self.why.is_empty() {
                    self.why = why;
                }
                // Without an answer the upload is tried again: create-only makes that harmless.
                self.wait(now, false, out);
            }
            ReadBack::Other(bytes) => self.other(&bytes, now, signer, out),
        }
    }

    fn wait<C>(&mut self, now: u64, read: bool, out: &mut Vec<Action<C>>) {
        self.attempts += 1;
        self.failing_since.get_or_insert(now);
        let nanos = self.backoff.wait(self.attempts);
        self.state = State::Waiting { until: now.saturating_add(nanos), read };
        if let Some(key) = self.front() {
            let pause =
                Pause { nanos, attempts: self.attempts, why: std::mem::take(&mut self.why) };
            self.why.clone_from(&pause.why);
            out.push(Action::Report(Report::Retry(key, pause)));
        }
    }

    /// Somebody else's bytes stand at our key.
    fn other<C>(&mut self, bytes: &[u8], now: u64, signer: &dyn Signer, out: &mut Vec<Action<C>>) {
        let Some(front) = self.queue.objects.front() else { return };
        let key = front.key(&self.origin, self.place.alternate);
        match judge(bytes, &key, front) {
            // Our own delayed upload of a process that is gone, or a double's. Its lines are not ours
            // to repeat, and as nothing was sent, nobody has seen that we sealed them too.
            Verdict::Rival(_) if !self.sent => out.push(Action::Restart),
            Verdict::Rival(sealed) => {
                let fork = if key.seq == 0 {
                    Fork::BegunTwice(sealed)
                } else {
                    Fork::Other("a different, correctly signed seal stands at its key".to_owned())
                };
                out.push(Action::End(End::Forked(key, fork)));
            }
            Verdict::Foreign(Some(other), _) if key.seq == 0 && !self.beside.contains(&other) => {
                out.push(Action::End(End::Foreign(key, other)));
            }
            Verdict::Foreign(_, why) => {
                self.place.foreign += 1;
                self.why = format!("other bytes stand at the key: {why}");
                if self.place.foreign < LOOKS {
                    self.wait(now, true, out);
                } else {
                    self.step_aside(key, why, now, signer, out);
                }
            }
        }
    }

    /// Takes the front, as it is, to its next key. The first time at once; who finds alternates
    /// taken has a store that gives the same answer whatever it is asked, and waits longer each time.
    fn step_aside<C>(
        &mut self,
        key: ObjectKey,
        why: String,
        now: u64,
        signer: &dyn Signer,
        out: &mut Vec<Action<C>>,
    ) {
        let Some(front) = self.queue.objects.front() else { return };
        let nth = self.place.nth + 1;
        let alternate = Alternate::new(signer, &self.origin, front.seq, self.queue.prev(), nth);
        self.place = Place { nth, alternate: Some(alternate), foreign: 0 };
        out.push(Action::Report(Report::Squatter(key, why)));
        if nth == 1 {
            self.state = State::Idle;
            self.poll(now, out);
        } else {
            self.wait(now, false, out);
        }
    }
}

enum Verdict {
    /// Another seal of ours, for the same seq, made then.
    Rival(Time),
    /// No seal of this chain: whose it is, if it is of our name, and what is wrong with it.
    Foreign(Option<VerifierKey>, String),
}

/// What the end of foreign bytes at the key of `ours` says. Only a seal that our own key signed can
/// be more than foreign: everybody else may write what they like into a bucket. Nothing is decoded.
fn judge(bytes: &[u8], key: &ObjectKey, ours: &Pending) -> Verdict {
    let found = match ObjectSeal::read(bytes) {
        Ok(found) => found,
        Err(fault) => return Verdict::Foreign(None, fault.to_string()),
    };
    if (&found.seal.origin, found.seal.seq) != (&key.origin, key.seq) {
        return Verdict::Foreign(None, "a seal of another chain or seq".to_owned());
    }
    if found.seal.key != *ours.signer {
        let why = format!("a seal by another key, {}", found.seal.key);
        return Verdict::Foreign(Some(found.seal.key), why);
    }
    if found.hash == ours.hash {
        return Verdict::Foreign(None, "our own seal behind other bytes".to_owned());
    }
    Verdict::Rival(found.seal.sealed)
}
