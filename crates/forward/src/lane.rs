//! Hands the parcels of one chain over to one sink, one after the other.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use auditseal_delivery::{Parcel, ParcelCourse, Reached, SetAside, Then};
use auditseal_format::Origin;
use serde_json::json;
use tokio::sync::{Notify, mpsc, watch};

use crate::feed::Loaded;
use crate::follow::stopped;
use crate::keeper::Keeper;
use crate::ledger::{Ledger, LedgerError};
use crate::pulse::Pulse;
use crate::sender::Sender;
use crate::tally::{Hold, Lane, SinkTally, add};

/// How long to wait when the state can't be written.
pub(crate) const STATE_WAIT: Duration = Duration::from_secs(5);
/// What is under way may take so long after a stop.
const GRACE: Duration = Duration::from_secs(5);

/// What the chains of a sink share.
#[derive(Debug)]
pub(crate) struct SinkLane {
    /// What it is called.
    pub(crate) name: String,
    /// What waiting doesn't mend ends it.
    once: bool,
    sender: Sender,
    keeper: Keeper<Ledger>,
    /// What its disk is asked.
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) tally: Arc<SinkTally>,
    /// Whether a line that is handed over twice is there once: then positions may be durable later.
    exactly_once: bool,
    /// Answers in a row in which it refused something and took nothing.
    row: Mutex<u64>,
    /// Its disk has lost something: it is begun again from what is durable.
    pub(crate) again: Notify,
    /// Why nothing more is handed over to it.
    pub(crate) given_up: OnceLock<String>,
}

impl SinkLane {
    pub(crate) fn new(
        (name, once): (String, bool),
        sender: Sender,
        (keeper, pulse): (Keeper<Ledger>, Arc<Pulse>),
        tally: Arc<SinkTally>,
    ) -> Self {
        let exactly_once = sender.kind().is_exactly_once();
        let (row, given_up) = (Mutex::new(0), OnceLock::new());
        let again = Notify::new();
        Self { name, once, sender, keeper, pulse, tally, exactly_once, row, again, given_up }
    }

    /// Does something with the ledger, on the thread that waits for its disk.
    pub(crate) async fn with_ledger<T: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Ledger) -> T + Send + 'static,
    ) -> T {
        self.keeper.run(act).await
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
            let Some((letters, refused)) = self.send(origin, &parcel, &mut stop).await else {
                return;
            };
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
        origin: &Origin,
        parcel: &Arc<Parcel>,
        stop: &mut watch::Receiver<bool>,
    ) -> Option<(Vec<u8>, u64)> {
        let row = || self.row.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut letters, mut refused) = (Vec::new(), 0);
        // From the stop on, however many requests the parcel comes to.
        let mut grace = std::pin::pin!(grace(stop.clone()));
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
                    if !self.keep(origin, &mut letters).await {
                        return None;
                    }
                    add(&self.tally.retries, 1);
                    if self.tally.held(Hold::Sink, Some(origin), &why) {
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
                        () = &mut grace => {
                            self.keep(origin, &mut letters).await;
                            return None;
                        }
                    };
                    add(&self.tally.cut, cut);
                    course.heard(heard, &mut row());
                    for aside in course.set_aside() {
                        refused += aside.count;
                        letters.extend(self.set_aside(parcel, &aside));
                    }
                    if !course.is_waiting() {
                        self.freed(Hold::Sink, Some(origin));
                    }
                }
            }
        }
    }

    /// Writes the dead letters of a parcel that takes long: what is counted as refused can be read. What can't be
    /// written now is written with the parcel. Whether the sink is gone on with.
    async fn keep(&self, origin: &Origin, letters: &mut Vec<u8>) -> bool {
        if letters.is_empty() {
            return true;
        }
        let text = Arc::new(std::mem::take(letters));
        let kept = Arc::clone(&text);
        let act = move |ledger: &mut Ledger| {
            let kept = ledger.keep_letters(&kept)?;
            ledger.commit_to(kept)
        };
        let Err(error) = self.with_ledger(act).await else { return true };
        *letters = Arc::unwrap_or_clone(text);
        self.failed(Hold::Write, Some(origin), &error)
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
        let event = self.sender.letter_text(parcel, line);
        let event = String::from_utf8_lossy(&event);
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
        of: &Origin,
        parcel: &Arc<Parcel>,
        letters: Vec<u8>,
        stop: &mut watch::Receiver<bool>,
    ) -> bool {
        let (at_once, is_file) = (!self.exactly_once, self.sender.is_file());
        let letters = Arc::new(letters);
        let (parcel, cut) =
            &if is_file { self.sender.file_text(parcel) } else { (Arc::clone(parcel), 0) };
        loop {
            let (parcel, letters, origin) = (Arc::clone(parcel), Arc::clone(&letters), of.clone());
            let act = move |ledger: &mut Ledger| {
                let text: &[u8] = if is_file { &parcel.text } else { &[] };
                let reached = Reached { at: parcel.end, sealed: Some(parcel.sealed) };
                let settled = ledger.settle(&origin, reached, (text, &letters))?;
                if at_once { ledger.commit_to(settled) } else { Ok(()) }
            };
            let result = self.with_ledger(act).await;
            match result {
                Ok(()) => {
                    add(&self.tally.cut, *cut);
                    self.freed(Hold::Write, Some(of));
                    self.freed(Hold::Foreign, Some(of));
                    return true;
                }
                Err(error) if !self.failed(Hold::Write, Some(of), &error) => return false,
                Err(_) => {}
            }
            tokio::select! {
                () = stopped(stop) => return false,
                () = tokio::time::sleep(STATE_WAIT) => {}
            }
        }
    }

    /// Makes durable what the sink has; why it couldn't be.
    pub(crate) async fn commit(
        &self,
        act: impl FnOnce(&mut Ledger) -> Result<(), LedgerError> + Send + 'static,
    ) -> Option<String> {
        match self.with_ledger(act).await {
            Ok(()) => {
                self.freed(Hold::Commit, None);
                None
            }
            Err(error) => {
                self.failed(Hold::Commit, None, &error);
                Some(error.to_string())
            }
        }
    }

    /// Counts that the state can't be written, and says so once until it can. Whether the sink is gone on with: it is
    /// tried again, unless waiting doesn't mend it and somebody waits for the end.
    pub(crate) fn failed(&self, hold: Hold, of: Option<&Origin>, error: &LedgerError) -> bool {
        add(&self.tally.commit_failures, 1);
        let hold = if error.passes() { hold } else { Hold::Foreign };
        let why = error.to_string();
        if self.tally.held(hold, of, &why) {
            let then = match (error.passes(), hold, self.exactly_once) {
                _ if matches!(error, LedgerError::Lost(..)) => {
                    "nothing is lost: what was written since the positions were, is handed over again"
                }
                (false, ..) => error.hint().unwrap_or_default(),
                (true, Hold::Commit, true) => {
                    "tried again every second; what isn't written down when forward ends is handed over again, and is there once"
                }
                (true, ..) => {
                    "tried again every 5 s; nothing is lost, and nothing more is handed over to this sink before that"
                }
            };
            tracing::error!(sink = %self.name, "{why}; {then}");
        }
        if matches!(error, LedgerError::Lost(..)) {
            self.again.notify_one();
        }
        if self.once && !error.passes() {
            self.give_up(&why);
        }
        self.given_up.get().is_none()
    }

    /// Says that its disk gives no answer.
    pub(crate) fn silent(&self, why: &str) {
        if self.tally.held(Hold::Disk, None, why) {
            tracing::error!(sink = %self.name, "{why}; nothing is handed over to this sink before it does, and the others go on");
        }
    }

    /// Takes note that something holds it up no more, and says so when it held up nothing else.
    pub(crate) fn freed(&self, hold: Hold, of: Option<&Origin>) {
        if self.tally.freed(hold, of) {
            let what = match hold {
                Hold::Sink => "the sink takes events again",
                Hold::Write => "what it gets is written down again",
                Hold::Foreign => "its file is gone on with again",
                Hold::Commit => "what it has is written down again",
                Hold::Disk => "its disk answers again",
            };
            tracing::info!(sink = %self.name, "{what}");
        }
    }

    /// Hands nothing more over to it.
    pub(crate) fn give_up(&self, why: &str) {
        if self.given_up.set(why.to_owned()).is_ok() {
            self.tally.given_up(why);
            tracing::error!(sink = %self.name, "given up: {why}");
        }
    }
}

/// Done when what is under way has had its time after a stop.
async fn grace(mut stop: watch::Receiver<bool>) {
    stopped(&mut stop).await;
    tokio::time::sleep(GRACE).await;
}
