//! What one chain is known to be at, beside its counters: for metrics and health.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use auditseal_format::{ObjectKey, Origin, Seal, Time};
use auditseal_observe::{Chain, Counted, Reconcile, State};
use auditseal_shipper::{Now, Spooled};

use crate::lag::Lag;
use crate::progress::Tally;
use crate::pulse::Pulse;

/// Causes that every chain counts from the start: a counter that appears with its first failure
/// has no rate.
const CAUSES: [&str; 6] = ["denied", "no-bucket", "not-found", "other", "timeout", "unavailable"];

/// What changes too seldom to be worth an atomic each.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) origin: Option<Origin>,
    pub(crate) state: State,
    /// Files that the last look couldn't read.
    pub(crate) unreadable: u64,
    /// Bytes of deleted files that it holds open.
    pub(crate) deleted_bytes: u64,
    pub(crate) lag: Lag,
    seals: BTreeMap<&'static str, u64>,
    /// Sealed and not known to be stored: sizes by number, bytes.
    waiting: BTreeMap<u64, u64>,
    pub(crate) spool_limit: u64,
    stored_bytes: u64,
    retries: BTreeMap<&'static str, u64>,
    /// Why the upload under way failed, until it is known whether it did.
    pub(crate) cause: &'static str,
    failing_since: Option<u64>,
    pub(crate) spool_retries: u64,
    pub(crate) squatted: u64,
    head: Option<(u64, Time)>,
    last_stored: Option<Time>,
    pub(crate) reconcile: Reconcile,
    pub(crate) counted: Option<Counted>,
    pub(crate) count_failures: Option<u64>,
}

impl Facts {
    pub(crate) fn new(origin: &Origin, spool_limit: u64) -> Self {
        let zero = |word| (word, 0);
        Self {
            origin: Some(origin.clone()),
            spool_limit,
            cause: "other",
            retries: CAUSES.map(zero).into(),
            seals: auditseal_format::Kind::ALL.map(|kind| zero(kind.as_str())).into(),
            ..Self::default()
        }
    }

    /// A pipeline begins, from here. What is compared with the apiserver's count begins anew: other
    /// processes may have sealed lines meanwhile, or these lines are sealed once more.
    pub(crate) fn begins(&mut self, head: Option<&Seal>, spooled: &Spooled) {
        self.state = State::Running;
        self.head = head.map(|seal| (seal.seq, seal.sealed));
        self.waiting = spooled.sizes().collect();
        self.lag = Lag::default();
        self.failing_since = None;
        self.reconcile.reset();
    }

    pub(crate) fn sealed(&mut self, seal: &Seal, size: u64) {
        *self.seals.entry(seal.kind.as_str()).or_default() += 1;
        self.head = Some((seal.seq, seal.sealed));
        self.waiting.insert(seal.seq, size);
    }

    /// The store has an object, `sent` by this process or found.
    pub(crate) fn stored(&mut self, key: &ObjectKey, sent: bool, now: Now) {
        let size = self.waiting.remove(&key.seq).unwrap_or(0);
        self.stored_bytes += if sent { size } else { 0 };
        self.last_stored = Some(now.wall);
        self.failing_since = None;
    }

    pub(crate) fn retry(&mut self, now: Now) {
        *self.retries.entry(self.cause).or_default() += 1;
        self.failing_since.get_or_insert(now.boot.nanos);
    }

    /// What is known at `now`.
    pub(crate) fn view(&self, tally: &Tally, pulse: &Pulse, now: Now) -> Chain {
        let since = |then: u64| seconds(now.boot.nanos.saturating_sub(then));
        let origin = self.origin.as_ref();
        let (lag_bytes, lag) = (self.lag.bytes(), self.lag.nanos(now.boot.nanos));
        Chain {
            origin: origin.map(ToString::to_string).unwrap_or_default(),
            source: origin.map(|origin| origin.source().to_owned()).unwrap_or_default(),
            state: self.state.clone(),
            idle: pulse.idle(Instant::now()),
            stuck: pulse.stuck(Instant::now()),
            lag_bytes,
            lag_events: tally.events_in(lag_bytes).unwrap_or(0),
            lag: seconds(lag),
            until_loss: tally.until_loss_millis.map(|ms| Duration::from_millis(ms).as_secs_f64()),
            unreadable: self.unreadable,
            deleted_bytes: self.deleted_bytes,
            events: tally.lines,
            bytes: tally.sealed_bytes,
            seals: self.seals.clone(),
            stored: tally.stored,
            stored_bytes: self.stored_bytes,
            retries: self.retries.clone(),
            spool_retries: self.spool_retries,
            failing: self.failing_since.map(|then| (since(then), self.cause.to_owned())),
            head: self.head.map(|(seq, time)| (seq, unix(time))),
            last_stored: self.last_stored.map(unix),
            spool_bytes: self.waiting.values().sum(),
            spool_limit: self.spool_limit,
            gaps: tally.gaps,
            squatted: self.squatted,
            lock_shortfalls: tally.lock_shortfalls,
            lock_unknown: tally.lock_unknown,
            counted: self.counted,
            count_failures: self.count_failures,
        }
    }
}

/// Seconds of nanoseconds.
pub(crate) fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}

/// Unix time in seconds: a double holds microseconds for centuries.
#[expect(clippy::cast_precision_loss, reason = "microseconds up to 2^53 are exact")]
fn unix(time: Time) -> f64 {
    time.micros() as f64 / 1e6
}
