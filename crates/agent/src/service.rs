//! What the service manager is told, if one started us: sd_notify(3).

use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sd_notify::NotifyState;
use tokio::sync::watch;
use tracing::{error, info, warn};

use crate::Progress;
use crate::hands::stopped;

/// How often the status line is made anew, and at most the watchdog fed.
const PERIOD: Duration = Duration::from_secs(5);
/// How often it is looked whether the chains are open.
const SOON: Duration = Duration::from_millis(100);

/// Tells the service manager how things are, until it is dropped: that all chains are open, but those
/// whose disks hang (`READY=1`), what was done (`STATUS=`), that a stop is under way (`STOPPING=1`).
///
/// The watchdog is fed only while every chain's loop turns and none of its looks, packs and commits
/// hangs. It runs on the thread of the loops, so that one which blocks starves it too. Does nothing
/// where no service manager asks for it.
pub async fn tell_manager(progress: Arc<Progress>, mut stop: watch::Receiver<bool>) -> Infallible {
    if std::env::var_os("NOTIFY_SOCKET").is_none() {
        return std::future::pending().await;
    }
    let mut manager = Manager::default();
    manager.tell(&[NotifyState::Status("asking the store where the chains go on")]);
    while !progress.settled(Instant::now()) {
        tokio::select! {
            () = stopped(&mut stop) => return stopping(&mut manager).await,
            () = tokio::time::sleep(SOON) => {}
        }
    }
    manager.tell(&[NotifyState::Ready]);
    let watchdog = sd_notify::watchdog_enabled();
    let period = watchdog.map_or(PERIOD, |wait| (wait / 3).min(PERIOD));
    let mut said = None;
    loop {
        let stuck = progress.stuck(Instant::now());
        if stuck.is_some() && stuck != said {
            error!("{} hangs", stuck.unwrap_or_default());
        }
        said = stuck;
        let status = match stuck {
            Some(what) => format!("{what} hangs"),
            None => status(&progress),
        };
        manager.tell(&[NotifyState::Status(&status)]);
        if watchdog.is_some() && stuck.is_none() {
            manager.tell(&[NotifyState::Watchdog]);
        }
        tokio::select! {
            () = stopped(&mut stop) => return stopping(&mut manager).await,
            () = tokio::time::sleep(period) => {}
        }
    }
}

async fn stopping(manager: &mut Manager) -> Infallible {
    manager
        .tell(&[NotifyState::Stopping, NotifyState::Status("sealing and uploading what is left")]);
    // The chains decide when it is over.
    std::future::pending().await
}

fn status(progress: &Progress) -> String {
    let tally = progress.total();
    let gaps = if tally.gaps > 0 { format!(", {} GAPS", tally.gaps) } else { String::new() };
    let waits = tally.seals.saturating_sub(tally.stored);
    format!(
        "{} lines in {} seals, {waits} to upload, {} s behind{gaps}",
        tally.lines,
        tally.seals,
        tally.lag_millis / 1000,
    )
}

/// Whom this is told.
#[derive(Debug, Default)]
struct Manager {
    /// It couldn't be told the last time.
    deaf: bool,
}

impl Manager {
    /// A manager that can't be told must not keep the log from being archived; if it waits for READY
    /// it says so itself. It is told every few seconds: that it can't be is said once.
    fn tell(&mut self, states: &[NotifyState<'_>]) {
        let told = sd_notify::notify(states);
        let deaf = told.is_err();
        match told {
            Err(error) if !self.deaf => {
                warn!("tell the service manager: {error}; said once, tried again");
            }
            Ok(()) if self.deaf => info!("the service manager can be told again"),
            _ => {}
        }
        self.deaf = deaf;
    }
}
