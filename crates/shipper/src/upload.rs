//! Uploads: one at a time, in order, every doubt read back.

use auditseal_format::{Fault, ObjectKey, ObjectSeal, Origin, Seal};

use crate::pins::Pins;
use crate::spooled::{Pending, Spooled};
use crate::types::{Action, Config, Pause, Pin, ReadBack, Report};

/// Waits between attempts: doubling, with jitter, bounded.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// First wait, nanoseconds.
    pub first: u64,
    /// Longest wait, nanoseconds.
    pub max: u64,
    /// Any number: agents that fail together then don't come back together.
    pub seed: u64,
}

impl Backoff {
    /// The wait after so many failed attempts (1 or more), nanoseconds: between half and all of
    /// the doubled value. A function of seed and attempts, so that a run can be repeated.
    #[must_use]
    pub fn wait(&self, attempts: u32) -> u64 {
        let doubled = self.first.saturating_mul(1 << attempts.saturating_sub(1).min(20));
        let whole = doubled.min(self.max);
        // splitmix64: any mixing will do, this one is known not to repeat itself.
        let mut z = self.seed.wrapping_add(u64::from(attempts).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        whole / 2 + (z ^ (z >> 31)) % (whole / 2).max(1)
    }
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    /// Nothing asked of the store.
    Idle,
    /// An upload is under way.
    Putting,
    /// A read-back is under way.
    Reading,
    /// The next attempt waits for this boot time, nanoseconds.
    Waiting { until: u64, read: bool },
}

#[derive(Debug)]
pub(crate) struct Uploads {
    origin: Origin,
    /// What isn't known to be stored.
    queue: Spooled,
    /// The newest object known to be stored: it stays in the spool, for the next start needs it.
    stored: Option<ObjectKey>,
    state: State,
    /// The first object after a start may well be stored already: ask before sending it again.
    probe: bool,
    /// Whether the store has accepted anything of us since the start.
    uploaded: bool,
    /// Whether the front was sent since the start.
    sent: bool,
    attempts: u32,
    failing_since: Option<u64>,
    why: String,
    /// Times that bytes which are no seal of ours were seen at the front's key.
    squatted: u32,
    backoff: Backoff,
    /// Which versions the next seals name.
    pub(crate) pins: Pins,
}

impl Uploads {
    pub(crate) fn new(mut queue: Spooled, config: &Config) -> Self {
        let pinned = std::mem::take(&mut queue.pinned);
        let pins = Pins::new(config.store.clone(), pinned, config.limits);
        Self {
            origin: config.origin.clone(),
            probe: !queue.is_empty(),
            queue,
            stored: None,
            state: State::Idle,
            uploaded: false,
            sent: false,
            attempts: 0,
            failing_since: None,
            why: String::new(),
            squatted: 0,
            backoff: config.backoff,
            pins,
        }
    }

    pub(crate) fn push(&mut self, key: &ObjectKey, size: u64, seal: &Seal) {
        self.queue.push(key, size, seal);
    }

    /// The key of the object that is next.
    fn front(&self) -> Option<ObjectKey> {
        self.queue.objects.front().map(|front| front.key(&self.origin))
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
            State::Idle => std::mem::take(&mut self.probe),
            State::Waiting { until, read } if until <= now => read,
            _ => return,
        };
        self.state = if read { State::Reading } else { State::Putting };
        self.sent |= !read;
        out.push(if read { Action::ReadBack(key) } else { Action::Put(key) });
    }

    /// The store accepted the front.
    pub(crate) fn accepted<C>(&mut self, pin: Option<Pin>, out: &mut Vec<Action<C>>) {
        self.uploaded = true;
        self.done(true, pin, out);
    }

    fn done<C>(&mut self, sent: bool, pin: Option<Pin>, out: &mut Vec<Action<C>>) {
        self.state = State::Idle;
        self.sent = false;
        self.attempts = 0;
        self.squatted = 0;
        self.failing_since = None;
        if let Some(front) = self.queue.pop() {
            if let Some(pin) = pin {
                self.pins.add(front.seq, pin);
            }
            let key = front.key(&self.origin);
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

    pub(crate) fn read_back<C>(&mut self, found: ReadBack, now: u64, out: &mut Vec<Action<C>>) {
        match found {
            ReadBack::Same(pin) => {
                let sent = self.sent;
                self.done(sent, pin, out);
            }
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
            ReadBack::Other(bytes) => self.other(bytes, now, out),
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
    fn other<C>(&mut self, bytes: Vec<u8>, now: u64, out: &mut Vec<Action<C>>) {
        let Some(front) = self.queue.objects.front() else { return };
        let key = front.key(&self.origin);
        match judge(&bytes, &key, front) {
            // We lost a race against ourselves: a delayed upload of a process that is gone, or a
            // double that started from the same head. Its lines are not ours to repeat.
            Verdict::Continues if !self.uploaded => out.push(Action::Adopt(key, bytes)),
            Verdict::Continues | Verdict::Differs => {
                let what = "a different, correctly signed seal stands at its key".to_owned();
                out.push(Action::Fork(key, what));
            }
            Verdict::Garbage(fault) => {
                // Looked at twice, some time apart: one wrong answer must not move the chain.
                self.squatted += 1;
                if self.squatted >= 2 {
                    let epoch = key.epoch.saturating_add(1);
                    out.push(Action::Report(Report::Squatter(key.clone(), fault.to_string())));
                    out.push(Action::Pass(key, epoch));
                } else {
                    self.why = format!("other bytes stand at the key: {fault}");
                    self.wait(now, true, out);
                }
            }
        }
    }
}

enum Verdict {
    /// A seal of ours that continues the same head.
    Continues,
    /// A seal of ours with another past.
    Differs,
    /// No seal of this chain.
    Garbage(Fault),
}

/// What foreign bytes at the key of `pending` are. Only a seal that our own key signed can be more
/// than garbage: everybody else may write what they like into a bucket.
fn judge(bytes: &[u8], key: &ObjectKey, ours: &Pending) -> Verdict {
    let found = match ObjectSeal::open(bytes) {
        Ok(found) => found,
        Err(fault) => return Verdict::Garbage(fault),
    };
    let here = (&found.seal.origin, found.seal.seq) == (&key.origin, key.seq);
    if !here || found.seal.key != *ours.signer {
        return Verdict::Garbage(Fault::Malformed("a seal of another chain or key".to_owned()));
    }
    if found.seal.prev == ours.prev { Verdict::Continues } else { Verdict::Differs }
}
