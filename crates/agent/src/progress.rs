//! How far things are, for whoever shows it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use auditseal_format::Origin;
use auditseal_observe::{Chain, Snapshot, State};
use auditseal_shipper::Now;

use crate::facts::Facts;
use crate::lock::{Locked, locked};
use crate::pulse::Pulse;
use crate::tally::Tally;

/// The counters of all chains. Shared, and only ever read outside.
#[derive(Debug, Default)]
pub struct Progress {
    chains: Mutex<Vec<Arc<ChainProgress>>>,
    vkey: Mutex<String>,
    reload_failures: AtomicU64,
}

impl Progress {
    pub(crate) fn chain(
        &self,
        origin: &Origin,
        spool_limit: u64,
        window: Duration,
    ) -> Arc<ChainProgress> {
        let facts = Facts::new(origin, spool_limit, window);
        let chain = Arc::new(ChainProgress::new(facts));
        locked(&self.chains).push(Arc::clone(&chain));
        chain
    }

    /// Takes note of the key that the chains are verified by.
    pub(crate) fn key(&self, vkey: String) {
        *locked(&self.vkey) = vkey;
    }

    /// Counts a SIGHUP that found something which can't be used.
    pub fn reload_failed(&self) {
        self.reload_failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Everything that metrics and health are made of; what the kernel says of this process is the
    /// caller's to add.
    #[must_use]
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let chains = locked(&self.chains);
        Snapshot {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            vkey: locked(&self.vkey).clone(),
            process: None,
            reload_failures: self.reload_failures.load(Ordering::Relaxed),
            chains: chains.iter().map(|chain| chain.view(now)).collect(),
        }
    }

    /// Whether every chain's place in the store was found, its end was come to, or a disk that hangs
    /// keeps it from beginning: the service manager must not end the others for its sake.
    #[must_use]
    pub fn settled(&self, now: Instant) -> bool {
        let chains = locked(&self.chains);
        !chains.is_empty() && chains.iter().all(|chain| chain.pulse.settled(now))
    }

    /// What hangs on this node, if anything does: a chain's `loop`, a `look`, a `pack`, a `commit`.
    #[must_use]
    pub fn stuck(&self, now: Instant) -> Option<&'static str> {
        locked(&self.chains).iter().find_map(|chain| chain.pulse.stuck(now))
    }

    /// The sum over all chains, now.
    #[must_use]
    pub fn total(&self) -> Tally {
        let chains = locked(&self.chains);
        chains.iter().map(|chain| chain.tally()).fold(Tally::default(), |sum, one| Tally {
            sealed_bytes: sum.sealed_bytes + one.sealed_bytes,
            backlog_bytes: sum.backlog_bytes + one.backlog_bytes,
            lag_millis: sum.lag_millis.max(one.lag_millis),
            until_loss_millis: match (sum.until_loss_millis, one.until_loss_millis) {
                (Some(sum), Some(one)) => Some(sum.min(one)),
                (sum, one) => sum.or(one),
            },
            lines: sum.lines + one.lines,
            seals: sum.seals + one.seals,
            stored: sum.stored + one.stored,
            object_bytes: sum.object_bytes + one.object_bytes,
            missing: sum.missing + one.missing,
            gaps: sum.gaps + one.gaps,
            lock_shortfalls: sum.lock_shortfalls + one.lock_shortfalls,
            lock_unknown: sum.lock_unknown + one.lock_unknown,
        })
    }
}

/// The counters of one chain.
#[derive(Debug)]
pub(crate) struct ChainProgress {
    facts: Mutex<Facts>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) sealed_bytes: AtomicU64,
    pub(crate) backlog_bytes: AtomicU64,
    pub(crate) lag_millis: AtomicU64,
    /// `u64::MAX` for unknown.
    pub(crate) until_loss_millis: AtomicU64,
    pub(crate) lines: AtomicU64,
    pub(crate) seals: AtomicU64,
    pub(crate) stored: AtomicU64,
    pub(crate) object_bytes: AtomicU64,
    /// Objects that were sealed and that neither the node nor the store has.
    pub(crate) missing: AtomicU64,
    pub(crate) gaps: AtomicU64,
    pub(crate) lock_shortfalls: AtomicU64,
    pub(crate) lock_unknown: AtomicU64,
}

impl ChainProgress {
    fn new(facts: Facts) -> Self {
        let zero = || AtomicU64::new(0);
        Self {
            facts: Mutex::new(facts),
            pulse: Arc::new(Pulse::new()),
            sealed_bytes: zero(),
            backlog_bytes: zero(),
            lag_millis: zero(),
            until_loss_millis: AtomicU64::new(u64::MAX),
            lines: zero(),
            seals: zero(),
            stored: zero(),
            object_bytes: zero(),
            missing: zero(),
            gaps: zero(),
            lock_shortfalls: zero(),
            lock_unknown: zero(),
        }
    }

    /// What isn't a counter. Held for a moment only, and never while anything waits.
    pub(crate) fn facts(&self) -> Locked<'_, Facts> {
        locked(&self.facts)
    }

    pub(crate) fn enter(&self, state: State) {
        self.facts().state = state;
    }

    fn view(&self, now: Now) -> Chain {
        let tally = self.tally();
        self.facts().view(&tally, &self.pulse, now)
    }

    /// What was done so far. Takes no lock: who asks may hold the facts.
    pub(crate) fn tally(&self) -> Tally {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tally {
            missing: get(&self.missing),
            sealed_bytes: get(&self.sealed_bytes),
            backlog_bytes: get(&self.backlog_bytes),
            lag_millis: get(&self.lag_millis),
            until_loss_millis: Some(get(&self.until_loss_millis)).filter(|ms| *ms < u64::MAX),
            lines: get(&self.lines),
            seals: get(&self.seals),
            stored: get(&self.stored),
            object_bytes: get(&self.object_bytes),
            gaps: get(&self.gaps),
            lock_shortfalls: get(&self.lock_shortfalls),
            lock_unknown: get(&self.lock_unknown),
        }
    }
}

pub(crate) fn add(counter: &AtomicU64, n: u64) {
    counter.fetch_add(n, Ordering::Relaxed);
}
