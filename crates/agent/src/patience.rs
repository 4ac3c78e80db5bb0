//! Waits for what may pass by itself: a lock that a dead process holds, a full disk.

use std::time::{Duration, Instant};

use auditseal_shipper::Mode;
use tokio::sync::watch;
use tracing::{error, warn};

use crate::clock::nanos;
use crate::complaints::Complaints;
use crate::hands::stopped;
use crate::settings::backoff;
use crate::{Error, ErrorKind, Settings};

/// How often, and how many times, a held directory is tried again: for 5 s. A process that was
/// killed keeps its lock until the kernel has taken its last write; whoever starts the next one
/// at once would see it fail.
const HELD_TRY: Duration = Duration::from_millis(50);
const HELD_TRIES: u32 = 100;

/// Waits for what may pass by itself, longer each time.
#[derive(Debug)]
pub(crate) struct Patience {
    attempt: u32,
    began: Instant,
    said: Complaints,
}

impl Patience {
    pub(crate) fn new() -> Self {
        Self { attempt: 0, began: Instant::now(), said: Complaints::default() }
    }

    /// What was full days ago says nothing about how soon there is room now.
    pub(crate) fn renew(&mut self) {
        self.attempt = 0;
    }

    /// Waits until it's time to try again, if the error may pass; gives any other back.
    ///
    /// A daemon waits for room on a full disk for ever: if it ended, it would be started again and
    /// again, and not be there when there is room.
    pub(crate) async fn wait_out(
        &mut self,
        error: Error,
        settings: &Settings,
        stop: &watch::Receiver<bool>,
    ) -> Result<(), Error> {
        self.attempt += 1;
        let attempt = self.attempt;
        let wait = match error.kind() {
            ErrorKind::Locked if attempt <= HELD_TRIES => {
                if attempt == 1 {
                    warn!("{error}; waiting up to {:?} for it to end", HELD_TRY * HELD_TRIES);
                }
                HELD_TRY
            }
            ErrorKind::DiskFull if settings.mode == Mode::Live => {
                let wait = Duration::from_nanos(backoff(settings).wait(attempt));
                let now = nanos(self.began.elapsed());
                if let Some(course) = self.said.met(&error.to_string(), now) {
                    error!(attempt, "{error}{course}; next attempt in {wait:.1?}");
                }
                wait
            }
            _ => return Err(error),
        };
        let mut stop = stop.clone();
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = stopped(&mut stop) => Err(error),
        }
    }
}
