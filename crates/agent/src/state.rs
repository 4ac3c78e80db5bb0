//! Opens the state directory, and waits for what may pass by itself.

use std::time::Duration;

use auditseal_shipper::Mode;
use auditseal_spool::{Spool, StateDir, failpoint};
use tokio::sync::watch;
use tracing::{error, warn};

use crate::chain::backoff;
use crate::hands::stopped;
use crate::place::Place;
use crate::{Error, ErrorKind, Settings};

/// How often, and how many times, a held directory is tried again: for 5 s. A process that was
/// killed keeps its lock until the kernel has taken its last write; whoever starts the next one
/// at once would see it fail.
const HELD_TRY: Duration = Duration::from_millis(50);
const HELD_TRIES: u32 = 100;

/// Locks the state directory and opens the spool of each place, in their order.
pub(crate) async fn open_state(
    settings: &Settings,
    places: &[Place],
    stop: &watch::Receiver<bool>,
) -> Result<(StateDir, Vec<Spool>), Error> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match open_now(settings, places) {
            Ok(opened) => return Ok(opened),
            Err(error) => wait_out(error, attempt, settings, stop).await?,
        }
    }
}

fn open_now(settings: &Settings, places: &[Place]) -> Result<(StateDir, Vec<Spool>), Error> {
    let state = StateDir::open(&settings.state)?;
    failpoint!("agent.start.locked");
    let spools = places.iter().map(|place| state.spool(&place.origin)).collect::<Result<_, _>>()?;
    Ok((state, spools))
}

/// Waits until it's time to try again, if the error may pass; gives any other back.
///
/// A daemon waits for room on a full disk for ever: if it ended, it would be started again and
/// again, and not be there when there is room.
pub(crate) async fn wait_out(
    error: Error,
    attempt: u32,
    settings: &Settings,
    stop: &watch::Receiver<bool>,
) -> Result<(), Error> {
    let wait = match error.kind() {
        ErrorKind::Locked if attempt <= HELD_TRIES => {
            if attempt == 1 {
                warn!("{error}; waiting up to {:?} for it to end", HELD_TRY * HELD_TRIES);
            }
            HELD_TRY
        }
        ErrorKind::DiskFull if settings.mode == Mode::Live => {
            let wait = Duration::from_nanos(backoff(settings).wait(attempt));
            error!(attempt, "{error}; next attempt in {wait:.1?}");
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
