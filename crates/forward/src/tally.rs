//! What is counted while events are handed over.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use auditseal_format::{Origin, Time};

/// Counts of all sinks and chains.
#[derive(Debug, Default)]
pub struct ForwardTally {
    pub(crate) sinks: Mutex<BTreeMap<String, Arc<SinkTally>>>,
}

/// Counts of one sink.
#[derive(Debug, Default)]
pub(crate) struct SinkTally {
    pub(crate) lines: AtomicU64,
    pub(crate) bytes: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) cut: AtomicU64,
    pub(crate) commit_failures: AtomicU64,
    /// Why the sink takes nothing now.
    pub(crate) waits: Mutex<Option<String>>,
    pub(crate) lanes: Mutex<BTreeMap<Origin, Arc<Lane>>>,
}

/// Counts of one chain at one sink.
#[derive(Debug, Default)]
pub(crate) struct Lane {
    pub(crate) lines: AtomicU64,
    /// When the newest seal was made of those that are handed over, microseconds.
    pub(crate) until: AtomicU64,
    pub(crate) findings: AtomicU64,
    pub(crate) state: Mutex<LaneState>,
}

/// Whether a chain goes on.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct LaneState {
    /// Why it doesn't, and whether the archive is at fault.
    pub(crate) blocked: Option<(String, bool)>,
    /// Nothing more is there, as of when it was last looked.
    pub(crate) caught_up: bool,
}

impl ForwardTally {
    /// Of a sink.
    pub(crate) fn sink(&self, name: &str) -> Arc<SinkTally> {
        let mut sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(sinks.entry(name.to_owned()).or_default())
    }
}

impl SinkTally {
    /// Of a chain there.
    pub(crate) fn lane(&self, origin: &Origin) -> Arc<Lane> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(lanes.entry(origin.clone()).or_default())
    }

    /// That it takes nothing now, or again; whether that is news.
    pub(crate) fn waits(&self, why: Option<&str>) -> bool {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        let news = waits.as_deref() != why && waits.is_some() != why.is_some();
        *waits = why.map(str::to_owned);
        news
    }
}

impl Lane {
    fn state(&self, change: impl FnOnce(&mut LaneState)) -> bool {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let before = state.clone();
        change(&mut state);
        *state != before
    }

    /// That it doesn't go on; whether that is news.
    pub(crate) fn blocked(&self, why: &str, at_fault: bool) -> bool {
        self.state(|state| {
            state.blocked = Some((why.to_owned(), at_fault));
            state.caught_up = false;
        })
    }

    pub(crate) fn unblocked(&self) {
        self.state(|state| state.blocked = None);
    }

    pub(crate) fn caught_up(&self) {
        self.state(|state| *state = LaneState { blocked: None, caught_up: true });
    }

    pub(crate) fn found(&self) {
        add(&self.findings, 1);
    }

    pub(crate) fn reached(&self, sealed: Time) {
        let micros = u64::try_from(sealed.micros()).unwrap_or(0);
        self.until.fetch_max(micros, Ordering::Relaxed);
    }
}

pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

pub(crate) fn get(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}
