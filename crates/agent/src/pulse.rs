//! Whether a chain goes on: its loop turns, and nothing on this node keeps it waiting for ever.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::lock::locked;

/// Longest time between two turns of a loop that isn't stuck: some of its naps.
const TURN: Duration = Duration::from_secs(30);
/// Longest time that a look, a pack or a commit takes. A line of 512 MB at the highest level of
/// compression on a busy machine stays below it; a disk that answers no more doesn't.
const WORK: Duration = Duration::from_secs(300);
/// How long a disk may take for what is small. One that takes longer at a start is named, and isn't
/// waited for by others.
pub(crate) const SILENT: Duration = Duration::from_secs(5);

/// What waits for an answer when something hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// Where the log is.
    Source,
    /// Where the chain's spool is.
    State,
    /// Where the signing key is.
    Key,
}

impl Disk {
    const ALL: [Self; 3] = [Self::Source, Self::State, Self::Key];

    /// Its name in metrics.
    fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::State => "state",
            Self::Key => "key",
        }
    }
}

/// Where a chain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It asks the store where it goes on, for as long as the store says nothing: not judged, since
    /// a restart would bring no answer.
    Opening,
    /// Its loop turned last at this time.
    Running(Instant),
    /// It came to its end; other chains may go on.
    Ended,
}

/// The signs of life of one chain. A store that doesn't answer is none of its business: uploads
/// have timeouts of their own, and are tried for ever.
#[derive(Debug)]
pub(crate) struct Pulse(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    stage: Stage,
    /// Whether its loop ever turned.
    opened: bool,
    /// What this node's disks and processors are at, and since when.
    work: BTreeMap<u64, (Disk, &'static str, Instant)>,
    next: u64,
    /// Since when the store is asked where the chain goes on, and what it answered last.
    asked: Option<(Instant, &'static str)>,
}

/// Work under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Work(Arc<Pulse>, u64);

impl Drop for Work {
    fn drop(&mut self) {
        locked(&self.0.0).work.remove(&self.1);
    }
}

/// The store is asked where the chain goes on, until this is dropped.
#[derive(Debug)]
pub(crate) struct Asks(Arc<Pulse>);

impl Asks {
    /// It refused, or couldn't be reached, and is asked again.
    pub(crate) fn refused(&self, cause: &'static str) {
        if let Some((_, last)) = &mut locked(&self.0.0).asked {
            *last = cause;
        }
    }
}

impl Drop for Asks {
    fn drop(&mut self) {
        locked(&self.0.0).asked = None;
    }
}

impl Pulse {
    pub(crate) fn new() -> Self {
        let inner = Inner {
            stage: Stage::Opening,
            opened: false,
            work: BTreeMap::new(),
            next: 0,
            asked: None,
        };
        Self(Mutex::new(inner))
    }

    /// The loop isn't there, or not any more: it is being found out where the chain goes on.
    pub(crate) fn opening(&self) {
        locked(&self.0).stage = Stage::Opening;
    }

    /// The loop turns.
    pub(crate) fn turned(&self, now: Instant) {
        let mut inner = locked(&self.0);
        (inner.stage, inner.opened) = (Stage::Running(now), true);
    }

    pub(crate) fn ended(&self) {
        locked(&self.0).stage = Stage::Ended;
    }

    /// Something begins that this node alone can hold up.
    pub(crate) fn work(self: &Arc<Self>, disk: Disk, what: &'static str, now: Instant) -> Work {
        let mut inner = locked(&self.0);
        let id = inner.next;
        inner.next += 1;
        inner.work.insert(id, (disk, what, now));
        Work(Arc::clone(self), id)
    }

    /// Whether it was found out where the chain goes on, or the chain ended.
    fn opened(&self) -> bool {
        let inner = locked(&self.0);
        inner.opened || inner.stage == Stage::Ended
    }

    /// Whether others needn't wait for this chain: it is open, or it can't be as long as a disk of
    /// this node gives no answer, which no restart would change.
    pub(crate) fn settled(&self, now: Instant) -> bool {
        let silent = |disk| self.waits(disk, now).is_some_and(|(_, time)| time >= SILENT);
        self.opened() || Disk::ALL.into_iter().any(silent)
    }

    /// The store is asked where the chain goes on.
    pub(crate) fn asks(self: &Arc<Self>, now: Instant) -> Asks {
        locked(&self.0).asked = Some((now, "no answer"));
        Asks(Arc::clone(self))
    }

    /// For how long the store hasn't told where the chain goes on, seconds, and its last answer.
    pub(crate) fn asked(&self, now: Instant) -> Option<(f64, &'static str)> {
        let (since, cause) = locked(&self.0).asked?;
        Some((now.saturating_duration_since(since).as_secs_f64(), cause))
    }

    /// For how long something has waited for each of the node's disks, seconds.
    pub(crate) fn waiting(&self, now: Instant) -> BTreeMap<&'static str, f64> {
        let longest = |disk| self.waits(disk, now).map_or(0.0, |(_, time)| time.as_secs_f64());
        Disk::ALL.into_iter().map(|disk| (disk.name(), longest(disk))).collect()
    }

    /// Seconds since the loop last turned; 0 while there is none.
    pub(crate) fn idle(&self, now: Instant) -> f64 {
        match locked(&self.0).stage {
            Stage::Running(turned) => now.saturating_duration_since(turned).as_secs_f64(),
            Stage::Opening | Stage::Ended => 0.0,
        }
    }

    /// What hangs, if anything does.
    pub(crate) fn stuck(&self, now: Instant) -> Option<&'static str> {
        let inner = locked(&self.0);
        let Stage::Running(turned) = inner.stage else { return None };
        if now.saturating_duration_since(turned) > TURN {
            return Some("loop");
        }
        let late = |since: Instant| now.saturating_duration_since(since) > WORK;
        inner.work.values().find(|(_, _, since)| late(*since)).map(|(_, what, _)| *what)
    }

    /// What has waited for this disk longest, and for how long; `None`: nothing waits for it.
    pub(crate) fn waits(&self, disk: Disk, now: Instant) -> Option<(&'static str, Duration)> {
        let inner = locked(&self.0);
        let work = inner.work.values().filter(|(of, _, _)| *of == disk);
        let (_, what, since) = work.min_by_key(|(_, _, since)| *since)?;
        Some((*what, now.saturating_duration_since(*since)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_that_stands_still_is_stuck_and_one_that_ended_is_not() {
        let (pulse, start) = (Pulse::new(), Instant::now());
        assert!(!pulse.opened());
        assert_eq!(pulse.stuck(start + 10 * TURN), None, "the store may be silent for ever");
        pulse.turned(start);
        assert!(pulse.opened());
        assert_eq!(pulse.stuck(start + TURN), None);
        assert_eq!(pulse.stuck(start + TURN + Duration::from_millis(1)), Some("loop"));
        pulse.opening();
        assert_eq!(pulse.stuck(start + 10 * TURN), None);
        assert!(pulse.opened(), "it was open once");
        pulse.turned(start);
        pulse.ended();
        assert_eq!(pulse.stuck(start + 10 * TURN), None);
    }

    #[test]
    fn a_chain_that_ends_at_once_keeps_nobody_waiting() {
        let pulse = Pulse::new();
        pulse.ended();
        assert!(pulse.settled(Instant::now()));
    }

    #[test]
    fn a_disk_that_hangs_at_the_start_keeps_no_service_manager_waiting() {
        let (pulse, start) = (Arc::new(Pulse::new()), Instant::now());
        let opening = pulse.work(Disk::State, "open", start);
        let before = start + SILENT - Duration::from_millis(1);
        assert!(!pulse.settled(before), "most disks answer within that time");
        assert!(pulse.settled(start + SILENT));
        assert_eq!(pulse.stuck(start + 10 * WORK), None, "a restart would lead there again");
        let waiting = pulse.waiting(start + SILENT);
        assert_eq!(waiting, [("key", 0.0), ("source", 0.0), ("state", 5.0)].into());
        drop(opening);
        assert!(!pulse.settled(start + SILENT), "now the store is asked");
    }

    #[test]
    fn work_that_never_ends_is_stuck_though_the_loop_turns() {
        let (pulse, start) = (Arc::new(Pulse::new()), Instant::now());
        let look = pulse.work(Disk::Source, "look", start);
        let late = start + WORK + Duration::from_millis(1);
        let commit = pulse.work(Disk::State, "commit", late);
        pulse.turned(late);
        assert_eq!(pulse.stuck(late), Some("look"));
        drop(look);
        assert_eq!(pulse.stuck(late), None);
        drop(commit);
    }

    #[test]
    fn a_store_that_is_asked_is_no_disk_that_hangs() {
        let (pulse, start) = (Arc::new(Pulse::new()), Instant::now());
        assert_eq!(pulse.asked(start), None);
        let asks = pulse.asks(start);
        pulse.turned(start + 10 * WORK);
        assert_eq!(pulse.stuck(start + 10 * WORK), None);
        assert_eq!(pulse.asked(start + SILENT), Some((5.0, "no answer")));
        asks.refused("denied");
        assert_eq!(pulse.asked(start + SILENT), Some((5.0, "denied")));
        drop(asks);
        assert_eq!(pulse.asked(start + SILENT), None);
    }

    #[test]
    fn of_each_disk_it_is_known_what_waits_for_it_longest() {
        let (pulse, start) = (Arc::new(Pulse::new()), Instant::now());
        let second = Duration::from_secs(1);
        let look = pulse.work(Disk::Source, "look", start + second);
        assert_eq!(pulse.waits(Disk::State, start + 5 * second), None);
        let _pack = pulse.work(Disk::Source, "pack", start + 2 * second);
        let _commit = pulse.work(Disk::State, "commit", start + 3 * second);
        let waits = |disk| pulse.waits(disk, start + 5 * second);
        assert_eq!(waits(Disk::Source), Some(("look", 4 * second)));
        assert_eq!(waits(Disk::State), Some(("commit", 2 * second)));
        drop(look);
        assert_eq!(waits(Disk::Source), Some(("pack", 3 * second)));
    }
}
