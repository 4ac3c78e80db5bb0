//! How long to wait: a base for the round trip and what the bytes need at the slowest usable rate.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

/// The slowest transfer that counts as alive at first, bytes per second.
///
/// A fixed timeout would make a large object impossible to upload over a thin link for ever, and a
/// timeout that restarts with every byte would let a server hold a caller for days.
const SLOWEST: u64 = 64 * 1024;

/// Each exchange that takes too long halves the rate, down to 512 B/s. Only what bytes may take
/// grows: from a server that says nothing at all, nothing is learned by waiting longer.
const HALVINGS: u32 = 7;

/// The longest that a lower rate gives to one exchange's bytes: about what a kernel takes to give
/// up a dead connection. A server that hangs looks like a thin link, and after an outage nothing is
/// stored before the attempt under way has ended.
const LONGEST: Duration = Duration::from_secs(900);

/// A transfer of fewer bytes says nothing about the link: the round trip is most of it.
const TELLING: u64 = 4 * 1024;

/// The time that an exchange may take, as a function of its bytes. Clones learn together.
#[derive(Debug, Clone)]
pub(crate) struct Pace {
    base: Duration,
    /// Halvings of the rate, up and down: the ways may differ, and a fast answer to a question
    /// must not take back what a slow upload needs.
    up: Arc<AtomicU32>,
    down: Arc<AtomicU32>,
}

impl Pace {
    pub(crate) fn new(base: Duration) -> Self {
        Self { base, up: Arc::default(), down: Arc::default() }
    }

    /// The longest that sending any body may take: of one that a first rate doesn't allow so much.
    pub(crate) fn longest(&self) -> Duration {
        self.base.saturating_add(LONGEST)
    }

    /// Begins to send a body.
    pub(crate) fn sender(&self) -> Exchange {
        Exchange::new(self.base, &self.up)
    }

    /// Begins to read a body.
    pub(crate) fn reader(&self) -> Patience {
        let exchange = Exchange::new(self.base, &self.down);
        Patience { exchange, waited: Duration::ZERO, received: 0 }
    }
}

/// One transfer, at the rate that was known when it began.
#[derive(Debug)]
pub(crate) struct Exchange {
    base: Duration,
    halvings: u32,
    learned: Arc<AtomicU32>,
}

impl Exchange {
    fn new(base: Duration, learned: &Arc<AtomicU32>) -> Self {
        let halvings = learned.load(Ordering::Relaxed);
        Self { base, halvings, learned: Arc::clone(learned) }
    }

    /// The time allowed for an exchange that moves `bytes`.
    pub(crate) fn allows(&self, bytes: u64) -> Duration {
        self.base.saturating_add(time_of(bytes, self.halvings))
    }

    /// It took longer: the next attempt may take more.
    pub(crate) fn too_slow(&self) {
        // The highest of those that run at the same time: together they are one lesson.
        self.learned.fetch_max((self.halvings + 1).min(HALVINGS), Ordering::Relaxed);
    }

    /// It is done: the next may take as long as this one did.
    pub(crate) fn done(&self, bytes: u64, took: Duration) {
        if bytes >= TELLING {
            let enough = (0..HALVINGS).find(|halvings| took <= time_of(bytes, *halvings));
            self.learned.store(enough.unwrap_or(HALVINGS), Ordering::Relaxed);
        }
    }
}

fn time_of(bytes: u64, halvings: u32) -> Duration {
    let at_first = bytes.saturating_mul(1000) / SLOWEST;
    let longest = u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(at_first.max(at_first.saturating_mul(1 << halvings).min(longest)))
}

/// Reads a body and gives up when the sender is slower than the pace.
///
/// Only waiting for the sender counts, not the time that the caller takes with a piece.
#[derive(Debug)]
pub(crate) struct Patience {
    exchange: Exchange,
    waited: Duration,
    received: u64,
}

/// The sender fell behind the pace.
#[derive(Debug)]
pub(crate) struct TooSlow {
    /// The time spent waiting for it.
    pub(crate) waited: Duration,
}

impl Patience {
    /// The bytes received so far.
    pub(crate) fn received(&self) -> u64 {
        self.received
    }

    /// Waits for the next piece.
    pub(crate) async fn next<S, E>(
        &mut self,
        body: &mut S,
    ) -> Result<Option<Result<Bytes, E>>, TooSlow>
    where
        S: Stream<Item = Result<Bytes, E>> + Unpin,
    {
        let remaining = self.exchange.allows(self.received).saturating_sub(self.waited);
        let begun = Instant::now();
        let piece = timeout(remaining, body.next()).await;
        self.waited += begun.elapsed();
        let Ok(piece) = piece else {
            self.exchange.too_slow();
            return Err(TooSlow { waited: self.waited });
        };
        match &piece {
            Some(Ok(bytes)) => self.received += bytes.len() as u64,
            Some(Err(_)) => {}
            None => self.exchange.done(self.received, self.waited),
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_the_size() {
        let pace = Pace::new(Duration::from_secs(30)).sender();
        assert_eq!(pace.allows(0), Duration::from_secs(30));
        assert_eq!(pace.allows(16 << 20), Duration::from_secs(30 + 256));
        assert!(pace.allows(u64::MAX) > Duration::from_secs(1 << 30));
    }

    #[test]
    fn grows_with_each_attempt_up_to_a_quarter_of_an_hour() {
        let pace = Pace::new(Duration::from_secs(30));
        let allowed: Vec<_> = (0..9)
            .map(|_| {
                let (one, beside) = (pace.sender(), pace.sender());
                one.too_slow();
                beside.too_slow();
                [16 << 10, 128 << 10, 4 << 20, 1 << 30].map(|b| one.allows(b).as_millis() as u64)
            })
            .collect();
        assert_eq!(allowed[0], [30_250, 32_000, 94_000, 16_414_000]);
        assert_eq!(allowed[1], [30_500, 34_000, 158_000, 16_414_000]);
        assert_eq!(allowed[7], [62_000, 286_000, 930_000, 16_414_000]);
        assert_eq!(allowed[8], allowed[7], "1 kB/s is enough, and less than half of that isn't");
        let reader = pace.reader().exchange;
        assert_eq!(reader.allows(128 << 10).as_millis(), 32_000, "the other way is another");
        // As fast again, and what is too small to tell.
        pace.sender().done(128 << 10, Duration::from_secs(3));
        assert_eq!(pace.sender().allows(128 << 10).as_millis(), 34_000);
        pace.sender().done(100, Duration::from_secs(3));
        assert_eq!(pace.sender().allows(128 << 10).as_millis(), 34_000);
        pace.sender().done(128 << 10, Duration::from_secs(2));
        assert_eq!(pace.sender().allows(128 << 10).as_millis(), 32_000);
    }

    #[tokio::test]
    async fn a_drip_runs_out_of_patience() {
        let mut drip = Box::pin(futures::stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(5)).await;
            Some((Ok::<_, ()>(Bytes::from_static(b"x")), ()))
        }));
        let mut patience = Pace::new(Duration::from_millis(40)).reader();
        let mut pieces = 0;
        while patience.next(&mut drip).await.is_ok() {
            pieces += 1;
            assert!(pieces < 50, "a byte every 5 ms must not last");
        }
        assert!(pieces > 0);
    }
}
