//! All chains to all sinks.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use auditseal_delivery::{SinkKind, SinkUrl};
use auditseal_format::Origin;
use auditseal_reader::Source;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::disk::{Disk, RealDisk};
use crate::follow::stopped;
use crate::followed::Archived;
use crate::lane::{STATE_WAIT, SinkLane};
use crate::lanes::run_lanes;
use crate::ledger::Ledger;
use crate::opening::{Begun, begin, state};
use crate::options::ForwardOptions;
use crate::refusal::NotForwarded;
use crate::tally::{ForwardTally, Hold, LaneState, get};

/// How long the sinks whose disks answer wait for the others before they begin.
const TOGETHER: Duration = Duration::from_secs(2);
/// How often disks are looked after, and how long one may give no answer before that is said.
const LOOK: Duration = Duration::from_secs(1);
const SILENT: Duration = Duration::from_secs(5);
/// So long after a stop all is over: what a disk hasn't answered by then isn't waited for.
const LAST: Duration = Duration::from_secs(10);

/// What came of a sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// What it is called.
    pub sink: String,
    /// Lines that it was handed in this run.
    pub lines: u64,
    /// Lines that it refused in this run.
    pub refused: u64,
    /// Lines that were too long for it, and cut.
    pub cut: u64,
    /// What was found wrong with the chains.
    pub findings: u64,
    /// Chains that weren't gone on with, why, and whether the archive is at fault.
    pub blocked: Vec<(Origin, String, bool)>,
    /// Chains of which something is left that was to be handed over: it was stopped before.
    pub left: Vec<Origin>,
    /// Why its state couldn't be written at the end.
    pub uncommitted: Option<String>,
    /// Why it was given up before: its file isn't the one that was written, or its disk gave no answer.
    pub stopped: Option<String>,
}

/// Follows the chains, and hands their lines over to each sink, until it is to stop or, with `once`, until all that
/// stands there is handed over. Ten seconds after it is to stop it ends, whatever hangs. A sink whose disk hangs is
/// waited for by nobody else.
///
/// # Errors
/// [`NotForwarded`], before anything is handed over.
pub async fn forward(
    place: &Archived,
    options: ForwardOptions,
    tally: &ForwardTally,
    stop: watch::Receiver<bool>,
) -> Result<Vec<Handed>, NotForwarded> {
    let disk = |_: &SinkUrl| -> Box<dyn Disk> { Box::new(RealDisk) };
    forward_on(&disk, place, options, (tally, stop)).await
}

/// The same, each sink on its disk.
async fn forward_on(
    disk: &dyn Fn(&SinkUrl) -> Box<dyn Disk>,
    place: &Archived,
    options: ForwardOptions,
    (tally, stop): (&ForwardTally, watch::Receiver<bool>),
) -> Result<Vec<Handed>, NotForwarded> {
    let mut names = BTreeSet::new();
    if let Some(same) = options.sinks.iter().find(|sink| !names.insert(sink.name.clone())) {
        return Err(NotForwarded::SameName(same.name.clone()));
    }
    for (at, sink) in options.sinks.iter().enumerate() {
        let mut before = options.sinks[..at].iter().filter(|_| sink.kind != SinkKind::File);
        if let Some(same) = before.find(|same| same.target() == sink.target()) {
            return Err(NotForwarded::SameTarget(same.name.clone(), sink.name.clone()));
        }
    }
    let state = state(&options.state, overdue(stop.clone())).await?;
    let mut sinks = Vec::new();
    let known = Arc::default();
    for sink in &options.sinks {
        let state = (&*options.state, options.once);
        sinks.push(begin(state, (sink, disk(sink)), tally.sink(&sink.name), &known)?);
    }
    let together = Instant::now() + TOGETHER;
    for sink in &mut sinks {
        // What is refused is refused before anything is handed over, as long as the disks answer.
        if let Ok(refused) = tokio::time::timeout_at(together, sink.opened()).await {
            refused?;
        }
    }
    let source = Source::new(Arc::clone(&place.store));
    let running = sinks.into_iter().map(|sink| run_sink(place, &source, &options, sink, &stop));
    let handed = futures::future::join_all(running).await;
    if handed.iter().any(|(_, abandoned)| *abandoned) {
        // Their threads may still write when their disks answer: nobody else may take the folder before.
        std::mem::forget(state);
    }
    Ok(handed.into_iter().map(|(handed, _)| handed).collect())
}

/// Hands over to one sink: what came of it, and whether its disk was left without an answer.
async fn run_sink(
    place: &Archived,
    source: &Source,
    options: &ForwardOptions,
    mut begun: Begun,
    stop: &watch::Receiver<bool>,
) -> (Handed, bool) {
    let sink = Arc::clone(&begun.sink);
    let working = async {
        if let Err(why) = begun.opened().await {
            sink.give_up(&why.to_string());
            return (Vec::new(), None);
        }
        loop {
            let done = tokio::select! {
                left = run_lanes(place, source, options, (&begun.url, &sink), stop) => Some(left),
                () = sink.again.notified() => None,
            };
            if let Some(left) = done {
                let uncommitted = sink.commit(Ledger::close).await;
                if *stop.borrow() || !sink.with_ledger(|ledger| ledger.is_lost()).await {
                    return (left, uncommitted);
                }
            }
            again(&sink).await;
        }
    };
    let ended = tokio::select! {
        biased;
        ended = working => Some(ended),
        () = overdue(stop.clone()) => None,
        () = look_after(&sink) => None,
    };
    let abandoned = ended.is_none();
    if !abandoned {
        sink.freed(Hold::Disk, None);
    }
    let (left, uncommitted) = ended.unwrap_or_else(|| {
        let silent = sink.pulse.silent(Duration::ZERO);
        sink.give_up(&silent.unwrap_or_else(|| "stop: it took too long".to_owned()));
        // Its file stays locked until the process is gone, and its thread with it.
        std::mem::forget(begun);
        let accepted = options.chains.borrow();
        (accepted.chains().map(|chain| chain.origin.clone()).collect(), None)
    });
    let left = if options.once { left } else { Vec::new() };
    (handed(&sink, left, uncommitted), abandoned)
}

/// Goes back to what of a sink is durable, once its disk lets it.
async fn again(sink: &SinkLane) {
    while let Err(error) = sink.with_ledger(Ledger::load).await {
        sink.failed(Hold::Commit, None, &error);
        tokio::time::sleep(STATE_WAIT).await;
    }
    sink.freed(Hold::Commit, None);
}

/// Says that the sink's disk gives no answer, and that it does again.
async fn look_after(sink: &SinkLane) {
    loop {
        tokio::time::sleep(LOOK).await;
        match sink.pulse.silent(SILENT) {
            Some(why) => sink.silent(&why),
            None => sink.freed(Hold::Disk, None),
        }
    }
}

/// Done when what is under way has had all the time that it gets after a stop.
async fn overdue(mut stop: watch::Receiver<bool>) {
    stopped(&mut stop).await;
    tokio::time::sleep(LAST).await;
}

fn handed(sink: &SinkLane, left: Vec<Origin>, uncommitted: Option<String>) -> Handed {
    let lanes = sink.tally.lanes.lock().unwrap_or_else(PoisonError::into_inner);
    let blocked = lanes.iter().filter_map(|(origin, lane)| {
        let LaneState { blocked, .. } =
            lane.state.lock().unwrap_or_else(PoisonError::into_inner).clone();
        blocked.map(|(why, at_fault)| (origin.clone(), why, at_fault))
    });
    Handed {
        sink: sink.name.clone(),
        lines: get(&sink.tally.lines),
        refused: get(&sink.tally.refused),
        cut: get(&sink.tally.cut),
        findings: lanes.values().map(|lane| get(&lane.findings)).sum(),
        blocked: blocked.collect(),
        left,
        uncommitted,
        stopped: sink.given_up.get().cloned(),
    }
}

#[cfg(test)]
mod tests;
