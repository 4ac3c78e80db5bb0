//! What is counted while events are handed over.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use auditseal_format::{Origin, Time};

/// Counts of all sinks and chains.
#[derive(Debug, Default)]
pub struct ForwardTally {
    pub(crate) sinks: Mutex<BTreeMap<String, Arc<SinkTally>>>,
    /// Why what trust says now isn't what is followed.
    pub(crate) untrusted: Mutex<Option<String>>,
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
    /// What holds it up now, of which chain, and why.
    pub(crate) holds: Mutex<BTreeMap<(Hold, Option<Origin>), String>>,
    /// Why nothing more is handed over to it.
    pub(crate) given_up: Mutex<Option<String>>,
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

/// Chains of a sink that don't go on and are named when it is asked what stands against it.
const BLOCKED: usize = 20;

/// What holds a sink up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hold {
    /// It doesn't take what it is handed.
    Sink,
    /// What came of a parcel can't be written.
    Write,
    /// Its file isn't the one that was written.
    Foreign,
    /// What it has can't be made durable.
    Commit,
    /// A disk gives no answer.
    Disk,
}

impl ForwardTally {
    /// What stands against saying that each sink gets all that is sealed, in words; nothing where all is well.
    #[must_use]
    pub fn against(&self) -> Vec<String> {
        let sinks = self.sinks.lock().unwrap_or_else(PoisonError::into_inner);
        if sinks.is_empty() {
            return vec!["not yet started".to_owned()];
        }
        let of = sinks.iter().map(|(name, sink)| (name, sink.against()));
        let of =
            of.flat_map(|(name, whys)| whys.into_iter().map(move |why| format!("{name}: {why}")));
        self.untrusted()
            .map(|why| format!("{why}; what was trusted before still is"))
            .into_iter()
            .chain(of)
            .collect()
    }

    /// Why what trust says now isn't what is followed, or that it is; whether that is news.
    pub fn set_untrusted(&self, why: Option<String>) -> bool {
        let mut untrusted = self.untrusted.lock().unwrap_or_else(PoisonError::into_inner);
        let news = *untrusted != why;
        *untrusted = why;
        news
    }

    fn untrusted(&self) -> Option<String> {
        self.untrusted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

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

    /// That a chain isn't handed over to it any more.
    pub(crate) fn forget(&self, origin: &Origin) {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner).remove(origin);
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        holds.retain(|(_, of), _| of.as_ref() != Some(origin));
    }

    /// That something holds it up; whether that is news.
    pub(crate) fn held(&self, hold: Hold, of: Option<&Origin>, why: &str) -> bool {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        // One disk may fail at several things.
        let news = holds.iter().all(|((other, _), known)| *other != hold && known != why);
        holds.insert((hold, of.cloned()), why.to_owned());
        news
    }

    /// That something doesn't any more; whether that is news.
    pub(crate) fn freed(&self, hold: Hold, of: Option<&Origin>) -> bool {
        let mut holds = self.holds.lock().unwrap_or_else(PoisonError::into_inner);
        let held = holds.remove(&(hold, of.cloned())).is_some();
        held && holds.keys().all(|(other, _)| *other != hold)
    }

    /// That nothing more is handed over to it.
    pub(crate) fn given_up(&self, why: &str) {
        *self.given_up.lock().unwrap_or_else(PoisonError::into_inner) = Some(why.to_owned());
    }

    /// What stands against it, in words. Those of the sink itself are left out: they may quote events, and whoever can
    /// connect can read this.
    fn against(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if let Some(why) = &*self.given_up.lock().unwrap_or_else(PoisonError::into_inner) {
            reasons.push(format!("given up: {why}"));
        }
        let (mut known, mut told) = (BTreeSet::new(), BTreeSet::new());
        for ((hold, _), why) in &*self.holds.lock().unwrap_or_else(PoisonError::into_inner) {
            if known.insert(*hold) && told.insert(why) {
                reasons.push(match hold {
                    Hold::Sink => "it doesn't take what it is handed: the log says why".to_owned(),
                    Hold::Write | Hold::Foreign | Hold::Commit | Hold::Disk => why.clone(),
                });
            }
        }
        let lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let blocked = lanes.iter().filter_map(|(origin, lane)| {
            let state = lane.state.lock().unwrap_or_else(PoisonError::into_inner);
            let (why, _) = state.blocked.as_ref()?;
            Some(format!("{origin} isn't gone on with: {why}"))
        });
        let blocked: Vec<String> = blocked.collect();
        reasons.extend(blocked.iter().take(BLOCKED).cloned());
        if let Some(more) = blocked.len().checked_sub(BLOCKED).filter(|more| *more > 0) {
            reasons.push(format!("{more} more chains aren't gone on with"));
        }
        reasons
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten times as many chains as are named.
    #[test]
    fn what_stands_against_a_sink_is_told_in_part_and_counted() {
        let tally = ForwardTally::default();
        assert_eq!(tally.against(), ["not yet started"]);
        let sink = tally.sink("out");
        assert!(tally.against().is_empty());
        for nth in 0..10 * BLOCKED {
            sink.lane(&format!("c/n-{nth}/s").parse().unwrap()).blocked("MISSING", true);
        }
        let against = tally.against();
        assert_eq!(against.len(), BLOCKED + 1);
        assert_eq!(
            against[BLOCKED],
            format!("out: {} more chains aren't gone on with", 9 * BLOCKED)
        );
    }

    /// Several chains wait, and one is served meanwhile: that isn't news.
    #[test]
    fn what_holds_a_sink_up_is_told_once() {
        let (sink, a, b) =
            (SinkTally::default(), "c/n/a".parse().unwrap(), "c/n/b".parse().unwrap());
        assert!(sink.held(Hold::Write, Some(&a), "its disk is full"));
        assert!(!sink.held(Hold::Write, Some(&b), "its disk is full"));
        assert!(!sink.held(Hold::Write, Some(&a), "its disk is full"));
        assert!(sink.held(Hold::Sink, Some(&a), "answered 429: event {secret}"));
        assert!(!sink.held(Hold::Commit, None, "its disk is full"));
        assert!(sink.freed(Hold::Commit, None));
        assert!(!sink.freed(Hold::Write, Some(&a)));
        assert!(!sink.held(Hold::Write, Some(&a), "its disk is full"));
        assert!(!sink.freed(Hold::Write, Some(&b)));
        assert_eq!(sink.against().len(), 2);
        assert!(!sink.against().concat().contains("secret"));
        assert!(sink.freed(Hold::Write, Some(&a)) && !sink.freed(Hold::Write, Some(&a)));
    }
}
