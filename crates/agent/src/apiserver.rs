//! Reads the apiserver's own count of events, and holds it against what is sealed.

use std::sync::Arc;
use std::time::Duration;

use auditseal_format::Time;
use auditseal_format::seal::Counters;
use auditseal_observe::{Counted, Reader, Sample, Settled};
use auditseal_vault::Page;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tracing::{error, info, warn};

use crate::clock::Clock;
use crate::clock::seconds;
use crate::progress::ChainProgress;
use crate::settings::Apiserver;

const EVENTS: &str = "apiserver_audit_event_total";
const ERRORS: &str = "apiserver_audit_error_total";
const START: &str = "process_start_time_seconds";

/// The newest reading. Readings end with the last of these.
#[derive(Debug, Clone)]
pub(crate) struct Counts {
    newest: watch::Receiver<Option<Counters>>,
    _task: Arc<Reading>,
}

#[derive(Debug)]
struct Reading(AbortHandle);

impl Drop for Reading {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for the next reading; for ever, if nobody makes any.
pub(crate) async fn next_count(counts: &mut Option<Counts>) -> Option<Counters> {
    if let Some(counts) = counts
        && counts.newest.changed().await.is_ok()
    {
        return *counts.newest.borrow_and_update();
    }
    std::future::pending().await
}

/// Begins to read.
pub(crate) fn count(spec: Apiserver, progress: Arc<ChainProgress>, clock: Clock) -> Counts {
    let (say, newest) = watch::channel(None);
    progress.facts().count_failures = Some(0);
    let task = tokio::spawn(async move {
        let mut counter = Counter { page: Page::new(spec.page), progress, clock, failing: false };
        loop {
            say.send_replace(counter.read().await);
            tokio::time::sleep(spec.interval).await;
        }
    });
    Counts { newest, _task: Arc::new(Reading(task.abort_handle())) }
}

struct Counter {
    page: Page,
    progress: Arc<ChainProgress>,
    clock: Clock,
    /// The last reading came to nothing: it is said once.
    failing: bool,
}

impl Counter {
    async fn read(&mut self) -> Option<Counters> {
        let before = self.settle();
        let mut reader = Reader::new(&[EVENTS, ERRORS, START]);
        let got = self.page.get(|piece| reader.feed(piece)).await;
        let found = got.map_err(|error| (error.to_string(), error.hint().map(str::to_owned)));
        let told = |()| {
            let samples = reader.finish().map_err(|why| (why.to_owned(), None))?;
            tell(&samples).map_err(|why| (why, None))
        };
        match found.and_then(told) {
            Ok(counters) => {
                if std::mem::take(&mut self.failing) {
                    info!("the apiserver's count can be read again");
                }
                self.compare(&counters, before);
                Some(counters)
            }
            Err((why, hint)) => {
                let mut facts = self.progress.facts();
                facts.count_failures = facts.count_failures.map(|n| n + 1);
                facts.counted = None;
                // Whoever reads standard error may be slow, and `/readyz` mustn't wait for it.
                drop(facts);
                if !std::mem::replace(&mut self.failing, true) {
                    warn!(hint, "read the apiserver's count: {why}; said once, tried again");
                }
                None
            }
        }
    }

    /// Tells the rule what is sealed; returns the lines sealed by now.
    fn settle(&self) -> u64 {
        let mut facts = self.progress.facts();
        let through = facts.lag.sealed_through();
        // In this order: there may be more lines than were sealed through that time, never fewer.
        let lines = self.progress.tally().lines;
        if let Some(through) = through {
            facts.reconcile.sealed(Settled { through: seconds(through), lines });
        }
        lines
    }

    fn compare(&self, counters: &Counters, before: u64) {
        let nanos = (self.clock)().boot.nanos;
        let now = seconds(nanos);
        let mut facts = self.progress.facts();
        let started = counters.since.micros();
        facts.reconcile.counted(started, counters.events, before, now);
        let unaccounted = facts.reconcile.unaccounted().unwrap_or(0);
        let known = facts.counted.map_or(0, |counted| counted.unaccounted);
        let Counters { events, errors, .. } = *counters;
        #[expect(clippy::cast_precision_loss, reason = "microseconds up to 2^53 are exact")]
        let started = started as f64 / 1e6;
        facts.counted = Some(Counted { events, errors, started, unaccounted });
        if unaccounted > known {
            let what = "the apiserver counted events that no seal holds, beyond what is in flight";
            let origin = facts.origin.as_ref().map(ToString::to_string);
            // Where lines are lost all the time, each reading finds more of them.
            let course = facts.said.counts.met(what, nanos);
            drop(facts);
            if let Some(course) = course {
                error!(origin, unaccounted, events, errors, "{what}{course}");
            }
        }
    }
}

/// What an apiserver's metrics say. An apiserver that never failed to log has no error counter.
fn tell(samples: &[Sample]) -> Result<Counters, String> {
    let sum = |name: &str| {
        let found = samples.iter().filter(|sample| sample.name == name).map(|sample| sample.value);
        found.fold(None, |sum: Option<f64>, value| Some(sum.unwrap_or(0.0) + value))
    };
    let absent = |name: &str| format!("{name} isn't there");
    let start = sum(START).ok_or_else(|| absent(START))?;
    let events = sum(EVENTS).ok_or_else(|| absent(EVENTS))?;
    let whole = |name: &str, value: f64| {
        // 2^53: the largest whole number that a sample can say exactly.
        let fine = (0.0..=9_007_199_254_740_992.0).contains(&value);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked")]
        fine.then_some(value as u64).ok_or_else(|| format!("{name} is {value}"))
    };
    let started = Duration::try_from_secs_f64(start).map_err(|_| format!("{START} is {start}"))?;
    let micros = i64::try_from(started.as_micros()).map_err(|_| format!("{START} is {start}"))?;
    Ok(Counters {
        since: Time::from_micros(micros),
        events: whole(EVENTS, events)?,
        errors: whole(ERRORS, sum(ERRORS).unwrap_or(0.0))?,
    })
}

#[cfg(test)]
mod tests {
    use auditseal_format::Origin;
    use auditseal_format::seal::{Boot, Uuid};
    use auditseal_observe::read;
    use auditseal_shipper::Now;
    use auditseal_vault::PageOptions;

    use super::*;
    use crate::progress::{Progress, add};

    /// It asks of the chain's facts and counters what others hold and count meanwhile.
    #[tokio::test]
    async fn a_reading_waits_for_nobody() {
        let progress = Progress::default();
        let origin = Origin::new("c", "n", "s").unwrap();
        let chain = progress.chain(&origin, 100, Duration::from_secs(5));
        chain.facts().count_failures = Some(0);
        let boot = |nanos| Boot { id: Uuid([7; 16]), nanos };
        let clock = move || Now { wall: Time::EPOCH, boot: boot(9_000_000_000) };
        // Nobody listens there.
        let page =
            PageOptions { url: "http://127.0.0.1:1/metrics".to_owned(), ..Default::default() };
        let mut counter = Counter {
            page: Page::new(page),
            progress: Arc::clone(&chain),
            clock: Arc::new(clock),
            failing: false,
        };
        assert_eq!(counter.read().await, None);
        let shown = || progress.snapshot(clock()).chains.remove(0);
        assert_eq!(shown().count_failures, Some(1));
        // Some lines are sealed, through a time: what is told then holds the facts.
        add(&chain.lines, 5);
        chain.facts().lag.looked(0, 0, true, 1_000_000_000);
        assert_eq!(counter.settle(), 5);
        let since = Time::from_micros(1);
        for events in [7, 900, 9_000] {
            counter.compare(&Counters { since, events, errors: 0 }, 5);
            assert_eq!(shown().counted.map(|counted| counted.events), Some(events));
        }
    }

    #[test]
    fn an_apiservers_metrics_tell_three_numbers() {
        let text =
            "apiserver_audit_event_total 1234\nprocess_start_time_seconds 1.79500000025e+09\n";
        let counters = tell(&read(text)).unwrap();
        assert_eq!((counters.events, counters.errors), (1234, 0));
        assert_eq!(counters.since.micros(), 1_795_000_000_250_000);
        let more = "apiserver_audit_error_total{plugin=\"log\"} 2\n\
                    apiserver_audit_error_total{plugin=\"webhook\"} 3\n";
        assert_eq!(tell(&read(&format!("{text}{more}"))).unwrap().errors, 5);
        for (bad, why) in [
            ("", "isn't there"),
            ("process_start_time_seconds 1\n", "event_total isn't there"),
            ("apiserver_audit_event_total -1\nprocess_start_time_seconds 1\n", "is -1"),
            ("apiserver_audit_event_total NaN\nprocess_start_time_seconds 1\n", "is NaN"),
            ("apiserver_audit_event_total 1\nprocess_start_time_seconds 1e300\n", "is 1e300"),
            ("apiserver_audit_event_total 1\nprocess_start_time_seconds -5\n", "is -5"),
        ] {
            let said = tell(&read(bad)).unwrap_err();
            assert!(said.contains(why) || said.contains("is 1000"), "{bad}: {said}");
        }
    }
}
