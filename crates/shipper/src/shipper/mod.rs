//! The state machine: what comes in and when what is asked for. `take_in` takes source bytes in,
//! `draft` writes what is sealed.

mod draft;
mod take_in;

use std::collections::VecDeque;
use std::sync::Arc;

use auditseal_format::seal::Counters;
use auditseal_format::{Compression, Kind, ObjectKey, SealedBatch, Signer, Time};

use crate::batch::OpenBatch;
use crate::files::Files;
use crate::look::Look;
use crate::types::{
    Action, Config, End, Head, Input, Loss, Mode, Now, PackedJob, Pause, Report, Start, Take,
};
use crate::upload::Uploads;

/// What a heartbeat says when no look at the source has ended for a whole heartbeat interval.
const STALLED: &str = "stalled";

/// Turns what is taken from one source into one chain of stored objects.
pub struct Shipper<C> {
    config: Config,
    compression: Compression,
    signer: Box<dyn Signer>,
    head: Option<Head>,
    /// As of the newest seal drafted.
    files: Files,
    /// As of all that is planned, the open batch included.
    planned: Files,
    /// Last event time sealed: a gap's neighbour.
    last_event: Option<Time>,
    /// The apiserver's own count, as it was last read.
    counters: Option<Counters>,
    open: OpenBatch<C>,
    /// What will be sealed, in this order.
    queue: VecDeque<Planned<C>>,
    /// A `reanchor` must come before whatever is sealed next: its reason.
    reanchor: Option<&'static str>,
    tickets: u64,
    committing: Option<Committing>,
    uploads: Uploads,
    look: Look,
    /// The source has been read to its end (one-shot, or after a stop).
    drained: bool,
    stopping: bool,
    /// A one-shot was stopped before it had read the source to its end.
    cut: bool,
    /// Boot time of the newest seal, nanoseconds.
    last_seal: u64,
    /// Boot time of the newest step, nanoseconds.
    now: u64,
    spool_full: bool,
    ended: bool,
}

/// Something to be sealed.
enum Planned<C> {
    /// Takes that are being packed; the result, once there.
    Batch { ticket: u64, takes: Vec<Take<C>>, result: Option<Box<PackedJob>> },
    /// A seal without lines.
    Bare { kind: Kind, reason: Option<&'static str>, losses: Vec<Loss> },
}

/// The sealed object that is on its way into the spool.
struct Committing {
    key: ObjectKey,
    sealed: Arc<SealedBatch>,
    attempts: u32,
    /// After a failure: when to try again.
    retry_at: Option<u64>,
    /// When the first attempt failed, boot time in nanoseconds, and why the last one did.
    failing: Option<(u64, String)>,
}

impl<C> std::fmt::Debug for Shipper<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shipper").field("origin", &self.config.origin).finish_non_exhaustive()
    }
}

impl<C: Clone> Shipper<C> {
    /// A shipper that goes on from `start`.
    #[must_use]
    pub fn new(
        mut config: Config,
        compression: Compression,
        signer: Box<dyn Signer>,
        start: Start,
        now: Now,
    ) -> Self {
        config.limits = config.limits.within_format();
        let files = Files::new(start.head.as_ref().map_or(&[][..], |head| &head.seal.cursors));
        let mut shipper = Self {
            planned: files.clone(),
            files,
            open: OpenBatch::new(config.limits),
            last_event: start.last_event(),
            uploads: Uploads::new(
                start.spooled,
                start.head.as_ref().map(|head| head.seal.seq),
                &config,
                now.boot.nanos.saturating_add(start.hold),
            ),
            head: start.head,
            config,
            compression,
            signer,
            counters: None,
            queue: VecDeque::new(),
            reanchor: start.reanchor,
            tickets: 0,
            committing: None,
            look: Look::default(),
            drained: false,
            stopping: false,
            cut: false,
            last_seal: now.boot.nanos,
            now: now.boot.nanos,
            spool_full: false,
            ended: false,
        };
        if shipper.head.is_none() {
            shipper.queue.push_back(bare(Kind::Genesis, vec![]));
        } else if shipper.config.mode == Mode::Live {
            shipper.plan_reanchor();
        }
        shipper
    }

    /// Takes what happened, gives what is to be done.
    pub fn step(&mut self, input: Input<C>, now: Now) -> Vec<Action<C>> {
        let mut out = Vec::new();
        self.now = now.boot.nanos;
        self.take_in(input, now, &mut out);
        self.look(now, &mut out);
        self.close_late(&mut out);
        self.plan_bare(now);
        self.seal_next(now, &mut out);
        self.retry_commit(now, &mut out);
        self.uploads.poll(now.boot.nanos, &mut out);
        self.end(now, &mut out);
        out
    }

    /// The boot time, nanoseconds, by which [`Input::Wake`] is wanted if nothing else happens.
    #[must_use]
    pub fn deadline(&self) -> u64 {
        let look = self.look_due();
        let commit = self.committing.as_ref().and_then(|committing| committing.retry_at);
        let late = self.look.overdue(self.config.window).filter(|_| !self.open.is_empty());
        let all = [look, commit, late, self.beat_due(), self.uploads.deadline()];
        all.into_iter().flatten().min().unwrap_or(u64::MAX)
    }

    /// The newest seal that is durable on this node.
    #[must_use]
    pub fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    fn take_in(&mut self, input: Input<C>, now: Now, out: &mut Vec<Action<C>>) {
        match input {
            Input::Wake => {}
            Input::Looked { takes, losses, rest } => self.looked(takes, losses, rest, out),
            Input::Packed(ticket, done) => self.packed(ticket, done, out),
            Input::Committed => self.committed(now, out),
            Input::CommitFailed(why) => self.commit_failed(why, now, out),
            Input::Stored(pin) => self.uploads.accepted(pin, out),
            Input::Doubt(why) => self.uploads.doubt(why, out),
            Input::ReadBack(found) => {
                self.uploads.read_back(found, now.boot.nanos, self.signer.as_ref(), out);
            }
            Input::HeadFound(found, foreign) => {
                self.uploads.head_found(found.as_ref(), foreign, now.boot.nanos, out);
            }
            Input::Gone => out.push(Action::Restart),
            Input::Changed => self.look.changed(),
            Input::Counted(counters) => self.counters = counters,
            Input::HeadUnknown(why) => {
                self.ended = true;
                out.push(Action::End(End::GaveUp(why)));
            }
            Input::Stop => self.stop(),
        }
    }

    /// The daemon looks once more and seals what is there; a one-shot ends where it is, and its
    /// next run goes on from there.
    fn stop(&mut self) {
        self.stopping = true;
        self.look.stop();
        if self.config.mode == Mode::OneShot {
            self.cut = !self.drained;
            self.drained = true;
        }
    }

    /// Plans a seal. A one-shot that lost its state and finds nothing new seals nothing at all.
    fn plan(&mut self, planned: Planned<C>) {
        self.plan_reanchor();
        self.queue.push_back(planned);
    }

    fn plan_reanchor(&mut self) {
        if let Some(reason) = self.reanchor.take() {
            let (kind, reason) = (Kind::Reanchor, Some(reason));
            self.queue.push_back(Planned::Bare { kind, reason, losses: vec![] });
        }
    }

    /// Asks for more while there is room for it. Open files and the apiserver's own backups are
    /// the buffer when there isn't: nothing is dropped, the source only waits.
    fn look(&mut self, now: Now, out: &mut Vec<Action<C>>) {
        let full = self.uploads.bytes() >= self.config.spool_limit;
        if full && !self.spool_full {
            out.push(Action::Report(Report::SpoolFull(self.uploads.bytes())));
        }
        self.spool_full = full;
        if self.look_due().is_none_or(|due| due > now.boot.nanos) {
            return;
        }
        let room = self.room();
        // No window is longer than half a heartbeat: a heartbeat vouches for a look before it.
        let window = self.config.window.min(self.config.heartbeat / 2);
        self.look.begin(now.boot.nanos, room > 0, window);
        out.push(Action::Look(room));
    }

    /// Bytes that may be taken in now: while a packer is free, and not too many batches wait, packed,
    /// for one before them. Without these, packers would stand still behind the slowest.
    fn room(&self) -> u64 {
        let unpacked =
            |planned: &&Planned<C>| matches!(planned, Planned::Batch { result: None, .. });
        let busy = self.queue.iter().filter(unpacked).count() >= self.config.jobs.max(1);
        let waiting = self.queue.len() >= 2 * self.config.jobs.max(1);
        if busy || waiting || self.spool_full {
            return 0;
        }
        self.config.batch_bytes.saturating_sub(self.open.bytes()).max(1)
    }

    /// When the source is to be looked at, boot time in nanoseconds.
    fn look_due(&self) -> Option<u64> {
        self.look.due(self.room() > 0).filter(|_| !self.drained)
    }

    /// Closes the batch when a look takes longer than a window: lines that are at hand mustn't wait
    /// for it.
    fn close_late(&mut self, out: &mut Vec<Action<C>>) {
        if self.look.overdue(self.config.window).is_some_and(|at| at <= self.now) {
            self.close_batch(out);
        }
    }

    fn close_batch(&mut self, out: &mut Vec<Action<C>>) {
        if self.open.is_empty() {
            return;
        }
        let open = OpenBatch::new(self.config.limits);
        let takes = std::mem::replace(&mut self.open, open).close();
        let batch = self.pack(takes, out);
        self.plan(batch);
    }

    /// Whether everything that was taken is sealed and stored.
    fn quiet(&self) -> bool {
        let nothing_open = self.open.is_empty() && self.queue.is_empty();
        nothing_open && self.committing.is_none() && self.uploads.is_empty()
    }

    /// When time alone calls for a seal, boot time in nanoseconds. Not while the spool holds
    /// anything: a heartbeat says that there is nothing to send. It says so of what a look has just
    /// shown, so it waits for the look under way, though not longer than a heartbeat.
    fn beat_due(&self) -> Option<u64> {
        let live = self.config.mode == Mode::Live && !self.stopping;
        if !live || !self.quiet() || self.head.is_none() {
            return None;
        }
        let interval = self.config.heartbeat;
        let due = self.last_seal.saturating_add(interval);
        if self.look.is_fresh(due.max(self.now), interval) {
            return Some(due);
        }
        Some(self.look.overdue(interval).map_or(due, |overdue| overdue.max(due)))
    }

    fn plan_bare(&mut self, now: Now) {
        let sealed_all = self.open.is_empty() && self.queue.is_empty() && self.committing.is_none();
        let kind = self.head.as_ref().map(|head| head.seal.kind);
        if self.config.mode == Mode::OneShot {
            // Sealed even while uploads are under way; a second run finds it and adds nothing.
            let open_end = kind.is_some_and(|kind| kind != Kind::Final);
            if sealed_all && self.drained && !self.stopping && open_end {
                self.plan(bare(Kind::Final, vec![]));
            }
        } else if self.beat_due().is_some_and(|due| due <= now.boot.nanos) {
            let fresh = self.look.is_fresh(now.boot.nanos, self.config.heartbeat);
            let (kind, reason) = (Kind::Heartbeat, (!fresh).then_some(STALLED));
            self.plan(Planned::Bare { kind, reason, losses: vec![] });
        }
    }

    /// Seals the front of the queue. One at a time: each note holds the hash of the one before.
    fn seal_next(&mut self, now: Now, out: &mut Vec<Action<C>>) {
        let ready = match self.queue.front() {
            Some(Planned::Batch { result, .. }) => result.is_some(),
            // Packing takes no time worth mention, and tells when the gap ends.
            Some(Planned::Bare { kind: Kind::Gap, .. }) => {
                self.next_batch().is_none_or(|result| result.is_some())
            }
            Some(Planned::Bare { .. }) => true,
            None => false,
        };
        if !ready || self.committing.is_some() {
            return;
        }
        let Some(planned) = self.queue.pop_front() else { return };
        let (key, seal, packed) = self.draft(planned, now, out);
        // A refusal would mean that this program wrote a seal its own reader doesn't accept.
        // Nothing was signed; going on would lose lines, so it stops here, loudly.
        let sealed = SealedBatch::seal(seal, packed, None, self.signer.as_mut())
            .unwrap_or_else(|error| panic!("{}: {error}", self.config.origin));
        let sealed = Arc::new(sealed);
        out.push(Action::Commit(key.clone(), sealed.clone()));
        self.committing =
            Some(Committing { key, sealed, attempts: 0, retry_at: None, failing: None });
    }

    /// The object is durable: now it is the head, now it may be uploaded.
    fn committed(&mut self, now: Now, out: &mut Vec<Action<C>>) {
        let Some(Committing { key, sealed, .. }) = self.committing.take() else { return };
        let (hash, size) = (sealed.hash, sealed.bytes.len() as u64);
        self.last_seal = now.boot.nanos;
        let seal = Box::new(sealed.seal.clone());
        out.push(Action::Report(Report::Sealed { seal: seal.clone(), hash, size }));
        self.uploads.push(&key, size, &seal, hash);
        self.head = Some(Head { seal: *seal, hash });
        self.look.committed();
        self.look_again();
        self.seal_next(now, out);
    }

    /// Whether the newest seal says that this was all.
    fn is_final(&self) -> bool {
        self.head.as_ref().is_some_and(|head| head.seal.kind == Kind::Final)
    }

    /// Sealing takes time, and the source was written to meanwhile, or rotated: a one-shot looks once
    /// more behind its last batch before it says with a final seal that this was all.
    fn look_again(&mut self) {
        let one_shot = self.config.mode == Mode::OneShot;
        if one_shot && !self.stopping && self.drained && !self.is_final() {
            self.drained = false;
            self.look.once_more();
        }
    }

    /// The same bytes are tried again: they are signed, and must be the only ones with this seq.
    fn commit_failed(&mut self, why: String, now: Now, out: &mut Vec<Action<C>>) {
        let Some(committing) = &mut self.committing else { return };
        committing.attempts += 1;
        let nanos = self.config.backoff.wait(committing.attempts);
        committing.retry_at = Some(now.boot.nanos.saturating_add(nanos));
        let since = committing.failing.take().map_or(now.boot.nanos, |(since, _)| since);
        committing.failing = Some((since, why.clone()));
        let pause = Pause { nanos, attempts: committing.attempts, why };
        out.push(Action::Report(Report::SpoolRetry(pause)));
    }

    fn retry_commit(&mut self, now: Now, out: &mut Vec<Action<C>>) {
        let Some(committing) = &mut self.committing else { return };
        if committing.retry_at.is_some_and(|at| at <= now.boot.nanos) {
            committing.retry_at = None;
            out.push(Action::Commit(committing.key.clone(), committing.sealed.clone()));
        }
    }

    fn end(&mut self, now: Now, out: &mut Vec<Action<C>>) {
        if self.ended {
            return;
        }
        let committing = self.committing.as_ref().and_then(|c| c.failing.as_ref());
        let full = committing.map(|(since, why)| (self.now.saturating_sub(*since), &**why));
        let failing = self.uploads.failing(now.boot.nanos).or(full);
        if let (Some(limit), Some((nanos, why))) = (self.config.give_up, failing)
            && nanos >= limit
        {
            self.ended = true;
            out.push(Action::End(End::GaveUp(why.to_owned())));
        } else if self.drained && self.quiet() {
            self.ended = true;
            // Stopped right behind its last batch, it had no time to look once more, nor to say
            // with a final seal that this was all.
            let one_shot = self.config.mode == Mode::OneShot;
            let early = one_shot && self.stopping && (self.cut || !self.is_final());
            out.push(Action::End(if early { End::Stopped } else { End::Done }));
        }
    }
}

fn bare<C>(kind: Kind, losses: Vec<Loss>) -> Planned<C> {
    Planned::Bare { kind, reason: None, losses }
}
