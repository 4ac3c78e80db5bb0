//! What one chain is known to be at, beside its counters: for metrics and health.

use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

use auditseal_format::{ObjectKey, Origin, Seal, Time};
use auditseal_observe::{Chain, Counted, Reconcile, State};
use auditseal_shipper::{Loss, Now, Seqs, Spooled};
use auditseal_tail::GapReason;

use crate::clock::seconds;
use crate::complaints::Said;
use crate::lag::Lag;
use crate::pulse::Pulse;
use crate::strangers::Strangers;
use crate::tally::Tally;

/// Causes that every chain counts from the start: a counter that appears with its first failure
/// has no rate.
const CAUSES: [&str; 6] = ["denied", "no-bucket", "not-found", "other", "timeout", "unavailable"];

/// What a look tells of the source beside what can be taken and what it couldn't read.
#[derive(Debug, Clone, Default)]
pub(crate) struct Beside {
    /// Files that wait for a descriptor.
    pub(crate) waiting: usize,
    /// Files in the directory that aren't opened, because of what they are or whose.
    pub(crate) refused: usize,
    /// Milliseconds since the source's path means nothing, or has no live file; `None`: it has one.
    pub(crate) absent: Option<u64>,
    /// The compressed file that waits for its end for longest, escaped, and for how many
    /// milliseconds.
    pub(crate) unfinished: Option<(String, u64)>,
    /// Files that look related and aren't taken, escaped for a log.
    pub(crate) strangers: Vec<String>,
    /// Files that aren't opened, and why, likewise.
    pub(crate) refusals: Vec<String>,
    /// Compressed files with bytes behind their ends, and where these begin, likewise.
    pub(crate) ignored: Vec<String>,
}

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
    /// When a look was completed last, or the pipeline began: boot time, nanoseconds.
    pub(crate) looked: Option<u64>,
    /// How often the source is looked at, at least.
    pub(crate) window: Duration,
    /// Files that wait for a descriptor.
    unopened: usize,
    refused: usize,
    /// Since when there is nothing at the source's path: boot time, nanoseconds.
    absent: Option<u64>,
    /// The compressed file that waits for its end, and since when: boot time, nanoseconds.
    unfinished: Option<(String, u64)>,
    pub(crate) strangers: Strangers,
    pub(crate) refusals: Strangers,
    pub(crate) ignored: Strangers,
    /// What the newest look found to be lost, as far as the shipper hasn't reported it yet. These
    /// bytes were never taken, so the lag doesn't know them; those of any other loss it does.
    pub(crate) untaken: VecDeque<Loss>,
    /// Losses by reason.
    gaps: BTreeMap<&'static str, u64>,
    pub(crate) said: Said,
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
    /// What the store had of the chain and lacks: nothing is sent to it.
    pub(crate) lacking: Option<Seqs>,
    /// What this process has gone on without, as told.
    without: Vec<Seqs>,
    head: Option<(u64, Time)>,
    last_stored: Option<Time>,
    pub(crate) reconcile: Reconcile,
    pub(crate) counted: Option<Counted>,
    pub(crate) count_failures: Option<u64>,
}

impl Facts {
    pub(crate) fn new(origin: &Origin, spool_limit: u64, window: Duration) -> Self {
        let zero = |word| (word, 0);
        Self {
            origin: Some(origin.clone()),
            spool_limit,
            window,
            gaps: GapReason::ALL.map(|reason| zero(reason.word())).into(),
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
        self.untaken.clear();
        self.failing_since = None;
        // What it lacks, the uploads that begin now find out anew.
        self.lacking = None;
        self.reconcile.reset();
    }

    /// The store lacks these for good, and the chain goes on. A pipeline that begins anew says it again.
    pub(crate) fn goes_on_without(&mut self, seqs: Seqs) {
        if !self.without.contains(&seqs) {
            self.without.push(seqs);
        }
    }

    /// What was gone on without, and the files that look related and aren't archived.
    pub(crate) fn of_outcome(&self) -> (Vec<Seqs>, Option<String>) {
        (self.without.clone(), self.strangers.summary())
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

    /// A look that ended at `now` told this.
    pub(crate) fn beside(&mut self, beside: &Beside, now: Now) {
        self.looked = Some(now.boot.nanos);
        (self.unopened, self.refused) = (beside.waiting, beside.refused);
        let since = |millis: u64| now.boot.nanos.saturating_sub(millis.saturating_mul(1_000_000));
        self.absent = beside.absent.map(since);
        self.unfinished = beside.unfinished.clone().map(|(name, millis)| (name, since(millis)));
    }

    /// The shipper drafted a gap for this. Bytes that were taken, and gone before they were packed,
    /// are no lag any more; those that a look found to be gone never were any.
    pub(crate) fn lost(&mut self, loss: &Loss) {
        *self.gaps.entry(loss.reason).or_default() += 1;
        match self.untaken.iter().position(|known| known == loss) {
            Some(at) => drop(self.untaken.remove(at)),
            None => {
                let bytes = loss.start.zip(loss.end).map(|(start, end)| end.saturating_sub(start));
                self.lag.sealed(bytes.unwrap_or(0));
            }
        }
    }

    /// What is known at `now`.
    pub(crate) fn view(&self, tally: &Tally, pulse: &Pulse, now: Now) -> Chain {
        let since = |then: u64| seconds(now.boot.nanos.saturating_sub(then));
        let (origin, instant) = (self.origin.as_ref(), Instant::now());
        let (lag_bytes, lag) = (self.lag.bytes(), self.lag.nanos(now.boot.nanos));
        Chain {
            origin: origin.map(ToString::to_string).unwrap_or_default(),
            source: origin.map(|origin| origin.source().to_owned()).unwrap_or_default(),
            state: self.state.clone(),
            idle: pulse.idle(instant),
            stuck: pulse.stuck(instant),
            disks: pulse.waiting(instant),
            asked: pulse.asked(instant).map(|(time, cause)| (time, cause.to_owned())),
            lag_bytes,
            lag_events: tally.events_in(lag_bytes).unwrap_or(0),
            lag: seconds(lag),
            // Nobody looks before it is known where the chain goes on, nor when it has ended.
            last_look: self.looked.filter(|_| self.state == State::Running).map(since),
            window: self.window.as_secs_f64(),
            until_loss: tally.until_loss_millis.map(|ms| Duration::from_millis(ms).as_secs_f64()),
            unreadable: self.unreadable,
            waiting: self.unopened as u64,
            refused: self.refused as u64,
            absent: self.absent.map(since),
            unfinished: self.unfinished.clone().map(|(name, then)| (name, since(then))),
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
            gaps: self.gaps.clone(),
            squatted: self.squatted,
            missing: tally.missing,
            lacking: self.lacking.map(counted),
            without: self.without.iter().copied().map(counted).collect(),
            lock_shortfalls: tally.lock_shortfalls,
            lock_unknown: tally.lock_unknown,
            counted: self.counted,
            count_failures: self.count_failures,
        }
    }
}

/// How many objects they are, and which.
fn counted(seqs: Seqs) -> (u64, String) {
    (seqs.count(), seqs.words())
}

/// Unix time in seconds: a double holds microseconds for centuries.
#[expect(clippy::cast_precision_loss, reason = "microseconds up to 2^53 are exact")]
fn unix(time: Time) -> f64 {
    time.micros() as f64 / 1e6
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail so")]

    use auditseal_format::seal::{Boot, Uuid};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn at(seconds: u64) -> Now {
        let boot = Boot { id: Uuid([7; 16]), nanos: seconds * SECOND };
        Now { wall: Time::EPOCH, boot }
    }

    fn facts() -> Facts {
        let origin = Origin::new("c", "n", "s").unwrap();
        let mut facts = Facts::new(&origin, 100, Duration::from_secs(5));
        facts.begins(None, &Spooled::default());
        facts
    }

    fn view(facts: &Facts, now: Now) -> Chain {
        facts.view(&Tally::default(), &Pulse::new(), now)
    }

    fn loss(start: Option<u64>, end: Option<u64>) -> Loss {
        Loss { file: None, name: None, start, end, anchor: None, reason: "truncated" }
    }

    #[test]
    fn a_look_that_hangs_shows_in_seconds_though_nothing_else_does() {
        let mut facts = facts();
        assert_eq!(view(&facts, at(1)).last_look, None, "nothing has begun");
        facts.beside(&Beside::default(), at(10));
        assert_eq!(view(&facts, at(10)).last_look, Some(0.0));
        // The next look never comes back: nobody tells, and time goes on.
        let hung = view(&facts, at(3610));
        assert_eq!((hung.last_look, hung.lag, hung.stuck), (Some(3600.0), 0.0, None));
        facts.state = State::Stopping;
        assert_eq!(view(&facts, at(3610)).last_look, None, "it ends anyway");
    }

    #[test]
    fn what_is_beside_the_log_is_shown_as_of_the_last_look() {
        let mut facts = facts();
        let beside = Beside { waiting: 3, refused: 2, absent: Some(5_000), ..Beside::default() };
        facts.beside(&beside, at(10));
        let shown = view(&facts, at(70));
        assert_eq!((shown.waiting, shown.refused), (3, 2));
        assert_eq!(shown.absent, Some(65.0), "it goes on while no look tells otherwise");
        facts.beside(&Beside::default(), at(71));
        let shown = view(&facts, at(72));
        assert_eq!((shown.waiting, shown.refused, shown.absent), (0, 0, None));
    }

    /// 100 bytes are taken and 50 wait; the file that waits is deleted. The lag is that of the 100.
    #[test]
    fn a_loss_that_a_look_finds_makes_no_taken_byte_sealed() {
        let mut facts = facts();
        facts.lag.looked(100, 50, true, SECOND);
        facts.lag.looked(0, 0, true, 2 * SECOND);
        let gone = loss(Some(0), Some(50));
        facts.untaken = [gone.clone()].into();
        facts.lost(&gone);
        assert_eq!((facts.lag.bytes(), facts.lag.nanos(3 * SECOND)), (100, 2 * SECOND));
        assert_eq!(facts.lag.sealed_through(), None, "or lines would be held to be sealed");
        facts.lag.sealed(100);
        assert_eq!((facts.lag.bytes(), facts.lag.sealed_through()), (0, Some(2 * SECOND)));
    }

    #[test]
    fn a_loss_of_taken_bytes_is_no_lag_any_more() {
        let mut facts = facts();
        facts.lag.looked(100, 0, true, SECOND);
        facts.lost(&loss(Some(60), Some(100)));
        assert_eq!(facts.lag.bytes(), 60);
        // The same once more is another loss: a look's is taken out when it is reported.
        facts.untaken = [loss(Some(0), Some(60))].into();
        facts.lost(&loss(Some(0), Some(60)));
        assert_eq!(facts.lag.bytes(), 60);
        facts.lost(&loss(Some(0), Some(60)));
        assert_eq!(facts.lag.bytes(), 0);
    }

    /// Of an `unseen` gap nobody knows the file, the start, or the end.
    #[test]
    fn a_loss_without_a_start_or_an_end_is_counted_and_changes_no_lag() {
        let mut facts = facts();
        facts.lag.looked(100, 0, true, SECOND);
        for (start, end) in [(None, None), (None, Some(50)), (Some(50), None), (Some(9), Some(3))] {
            facts.lost(&loss(start, end));
        }
        assert_eq!(facts.lag.bytes(), 100);
        let shown = view(&facts, at(2));
        assert_eq!(shown.gaps["truncated"], 4);
        assert_eq!(shown.gaps.values().sum::<u64>(), 4);
        assert!(shown.gaps.len() >= GapReason::ALL.len(), "each reason counts from the start");
    }
}
