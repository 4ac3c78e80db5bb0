//! Hands the parcels of one chain over to one sink, one after the other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use auditseal_delivery::{Parcel, ParcelCourse, SetAside, Then};
use auditseal_format::Origin;
use serde_json::json;
use tokio::sync::{mpsc, watch};

use crate::feed::Loaded;
use crate::follow::stopped;
use crate::ledger::{Ledger, LedgerError};
use crate::sender::Sender;
use crate::tally::{Lane, SinkTally, add};

/// How long to wait when the state can't be written.
const STATE_WAIT: Duration = Duration::from_secs(5);

/// What the chains of a sink share.
#[derive(Debug)]
pub(crate) struct SinkLane {
    /// What it is called.
    pub(crate) name: String,
    pub(crate) sender: Sender,
    pub(crate) ledger: Arc<Mutex<Ledger>>,
    pub(crate) tally: Arc<SinkTally>,
    /// Whether a line that is handed over twice is there once: then positions may be durable later.
    pub(crate) exactly_once: bool,
    /// Answers in a row in which it refused something and took nothing.
    pub(crate) row: Mutex<u64>,
}

impl SinkLane {
    /// Does something with the ledger, on a thread that may wait for the disk.
    pub(crate) async fn with_ledger<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Ledger) -> T + Send + 'static,
    ) -> T {
        let ledger = Arc::clone(&self.ledger);
        let done = tokio::task::spawn_blocking(move || {
            act(&mut ledger.lock().unwrap_or_else(PoisonError::into_inner))
        });
        match done.await {
            Ok(done) => done,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }

    /// Takes parcels until there are no more, or it is to stop.
    pub(crate) async fn deliver(
        &self,
        origin: &Origin,
        mut parcels: mpsc::Receiver<Loaded>,
        mut stop: watch::Receiver<bool>,
    ) {
        let lane = self.tally.lane(origin);
        loop {
            let loaded = tokio::select! {
                biased;
                () = stopped(&mut stop) => return,
                loaded = parcels.recv() => loaded,
            };
            let Some(Loaded { parcel, _room }) = loaded else { return };
            let parcel = Arc::new(parcel);
            let Some((letters, refused)) = self.send(&parcel, &mut stop).await else { return };
            if !self.settle(origin, &parcel, letters, &mut stop).await {
                return;
            }
            self.count(&lane, &parcel, refused);
        }
    }

    fn count(&self, lane: &Lane, parcel: &Parcel, refused: u64) {
        let lines = (parcel.lines.len() as u64).saturating_sub(refused);
        add(&self.tally.lines, lines);
        add(&self.tally.bytes, parcel.text.len() as u64);
        add(&lane.lines, lines);
        lane.reached(parcel.sealed);
    }

    /// Sends a parcel until the sink has each line or refused it: the dead letters, and how many of its lines these
    /// are. `None`: it is to stop.
    async fn send(
        &self,
        parcel: &Arc<Parcel>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<(Vec<u8>, u64)> {
        let row = || self.row.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut letters, mut refused) = (Vec::new(), 0);
        for (of, number) in &parcel.too_long {
            let why = "it is too long to be held".to_owned();
            letters.extend(self.letter(&json!({
                "origin": of.origin.as_str(), "seq": of.seal.seq, "line": number, "seal": of.seal.hash.to_string(),
                "key": of.key, "reason": why,
            })));
            add(&self.tally.refused, 1);
        }
        let mut course = ParcelCourse::new(parcel.lines.iter().map(|line| line.at.len()).collect());
        loop {
            match course.then() {
                Then::Done => return Some((letters, refused)),
                Then::Wait(wait, why) => {
                    self.keep(&mut letters).await;
                    add(&self.tally.retries, 1);
                    if self.tally.waits(Some(&why)) {
                        tracing::warn!(sink = %self.name, "hand over: {why}; tried again until it is taken");
                    }
                    tokio::select! {
                        () = stopped(stop) => return None,
                        () = tokio::time::sleep(wait) => {}
                    }
                }
                Then::Send(piece) => {
                    add(&self.tally.requests, 1);
                    let (heard, cut) = tokio::select! {
                        biased;
                        sent = self.sender.send(parcel, &piece) => sent,
                        () = grace(stop) => {
                            self.keep(&mut letters).await;
                            return None;
                        }
                    };
                    add(&self.tally.cut, cut);
                    course.heard(heard, &mut row());
                    for aside in course.set_aside() {
                        refused += aside.count;
                        letters.extend(self.set_aside(parcel, &aside));
                    }
                    if !course.is_waiting() && self.tally.waits(None) {
                        tracing::info!(sink = %self.name, "the sink takes events again");
                    }
                }
            }
        }
    }

    /// Writes the dead letters of a parcel that takes long: what is counted as refused can be read. What can't be
    /// written now is written with the parcel.
    async fn keep(&self, letters: &mut Vec<u8>) {
        if letters.is_empty() {
            return;
        }
        let text = Arc::new(std::mem::take(letters));
        let kept = Arc::clone(&text);
        let act = move |ledger: &mut Ledger| {
            let kept = ledger.keep_letters(&kept)?;
            ledger.commit_to(kept)
        };
        if let Err(error) = self.with_ledger(act).await {
            self.state_failed(&error);
            *letters = Arc::unwrap_or_clone(text);
        }
    }

    fn set_aside(&self, parcel: &Parcel, aside: &SetAside) -> Vec<u8> {
        let SetAside { line, of, count, why } = aside;
        let Some(line) = parcel.lines.get(*line) else { return Vec::new() };
        let refused = self.tally.refused.load(std::sync::atomic::Ordering::Relaxed);
        add(&self.tally.refused, *count);
        // Each is in the file; the log names some.
        if refused < 10 || refused.is_power_of_two() {
            tracing::error!(sink = %self.name, "refused {} ({} so far): {why}", line.id(), refused + count);
        }
        let event = String::from_utf8_lossy(parcel.bytes(line));
        let mut letter = json!({
            "origin": line.of.origin.as_str(), "seq": line.of.seal.seq, "line": line.number,
            "seal": line.of.seal.hash.to_string(), "key": line.of.key, "reason": why,
        });
        if *of == 1 {
            letter["event"] = json!(event);
        } else {
            // The sink didn't say which.
            letter["count"] = json!(count);
            letter["among"] = json!(of);
        }
        self.letter(&letter)
    }

    fn letter(&self, letter: &serde_json::Value) -> Vec<u8> {
        format!("{letter}\n").into_bytes()
    }

    /// Writes down what the sink has. Whether that was possible before it is to stop.
    async fn settle(
        &self,
        origin: &Origin,
        parcel: &Arc<Parcel>,
        letters: Vec<u8>,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        let (at_once, is_file) = (!self.exactly_once, self.sender.is_file());
        let letters = Arc::new(letters);
        let (parcel, cut) =
            &if is_file { self.sender.file_text(parcel) } else { (Arc::clone(parcel), 0) };
        loop {
            let (parcel, letters, origin) =
                (Arc::clone(parcel), Arc::clone(&letters), origin.clone());
            let act = move |ledger: &mut Ledger| {
                let text: &[u8] = if is_file { &parcel.text } else { &[] };
                let settled = ledger.settle(&origin, parcel.end, (text, &letters))?;
                if at_once { ledger.commit_to(settled) } else { Ok(()) }
            };
            let result = self.with_ledger(act).await;
            match result {
                Ok(()) => {
                    add(&self.tally.cut, *cut);
                    return true;
                }
                Err(error) => self.state_failed(&error),
            }
            tokio::select! {
                () = stopped(stop) => return false,
                () = tokio::time::sleep(STATE_WAIT) => {}
            }
        }
    }

    /// Says that the state can't be written.
    pub(crate) fn state_failed(&self, error: &LedgerError) {
        add(&self.tally.commit_failures, 1);
        if self.tally.waits(Some(&error.to_string())) {
            tracing::error!(sink = %self.name, "{error}; tried again, and what isn't written down by then is handed over once more after a restart");
        }
    }
}

/// Done when what is under way has had its time after a stop.
async fn grace(stop: &mut watch::Receiver<bool>) {
    stopped(stop).await;
    tokio::time::sleep(GRACE).await;
}

/// What is under way may take so long after a stop.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
