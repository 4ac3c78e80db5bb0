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

/// What waits for an answer when something hangs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Disk {
    /// Where the log is.
    Source,
    /// Where the chain's spool is.
    State,
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
}

/// Work under way, until it is dropped.
#[derive(Debug)]
pub(crate) struct Work(Arc<Pulse>, u64);

impl Drop for Work {
    fn drop(&mut self) {
        locked(&self.0.0).work.remove(&self.1);
    }
}

impl Pulse {
    pub(crate) fn new() -> Self {
        let inner = Inner { stage: Stage::Opening, opened: false, work: BTreeMap::new(), next: 0 };
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
    pub(crate) fn opened(&self) -> bool {
        let inner = locked(&self.0);
        inner.opened || inner.stage == Stage::Ended
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
        assert!(pulse.opened());
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
