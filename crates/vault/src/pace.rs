//! How long to wait: a base for the round trip and what the bytes need at the slowest usable rate.

use std::time::Duration;

use bytes::Bytes;
use futures::{Stream, StreamExt};
use tokio::time::{Instant, timeout};

/// The slowest transfer that counts as alive, bytes per second.
///
/// A fixed timeout would make a large object impossible to upload over a thin link for ever, and a
/// timeout that restarts with every byte would let a server hold a caller for days.
const SLOWEST: u64 = 64 * 1024;

/// The time that an exchange may take, as a function of its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    base: Duration,
}

impl Pace {
    pub(crate) fn new(base: Duration) -> Self {
        Self { base }
    }

    /// The time allowed for an exchange that moves `bytes`.
    pub(crate) fn allows(self, bytes: u64) -> Duration {
        self.base.saturating_add(Duration::from_millis(bytes.saturating_mul(1000) / SLOWEST))
    }

    /// Begins to read a body.
    pub(crate) fn reader(self) -> Patience {
        Patience { pace: self, waited: Duration::ZERO, received: 0 }
    }
}

/// Reads a body and gives up when the sender is slower than the pace.
///
/// Only waiting for the sender counts, not the time that the caller takes with a piece.
#[derive(Debug)]
pub(crate) struct Patience {
    pace: Pace,
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
        let remaining = self.pace.allows(self.received).saturating_sub(self.waited);
        let begun = Instant::now();
        let piece = timeout(remaining, body.next()).await;
        self.waited += begun.elapsed();
        let piece = piece.map_err(|_| TooSlow { waited: self.waited })?;
        if let Some(Ok(bytes)) = &piece {
            self.received += bytes.len() as u64;
        }
        Ok(piece)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grows_with_the_size() {
        let pace = Pace::new(Duration::from_secs(30));
        assert_eq!(pace.allows(0), Duration::from_secs(30));
        assert_eq!(pace.allows(16 << 20), Duration::from_secs(30 + 256));
        assert!(pace.allows(u64::MAX) > Duration::from_secs(1 << 30));
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
