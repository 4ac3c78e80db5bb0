//! The state machine.

use std::collections::VecDeque;
use std::sync::Arc;

use auditseal_format::seal::{Counters, MAX_GAPS, Range, Word};
use auditseal_format::{
    Compression, Hash, Kind, ObjectKey, Packed, Seal, SealedBatch, Signer, Time, hash,
};

use crate::batch::OpenBatch;
use crate::files::Files;
use crate::types::{
    Action, Config, Head, Input, Job, Loss, Mode, Now, PackedJob, Pause, Report, Start, Take,
};
use crate::upload::Uploads;

/// A promise holds for so many heartbeats: a restart or a slow store isn't silence.
const PROMISE: u64 = 3;

/// Turns what is taken from one source into one chain of stored objects.
pub struct Shipper<C> {
    config: Config,
    compression: Compression,
    signer: Box<dyn Signer>,
    head: Option<Head>,
    files: Files,
    /// Last event time sealed: a gap's neighbour.
    last_event: Option<Time>,
    /// The apiserver's own count, as it was last read.
    counters: Option<Counters>,
    open: OpenBatch<C>,
    /// What will be sealed, in this order.
    queue: VecDeque<Planned<C>>,
    /// A `reanchor` must come before whatever is sealed next: its reason and epoch.
    reanchor: Option<(&'static str, u32)>,
    tickets: u64,
    committing: Option<Committing>,
    uploads: Uploads,
    look: Look,
    /// The source has been read to its end (one-shot, or after a stop).
    drained: bool,
    stopping: bool,
    last_seal: u64,
    spool_full: bool,
    ended: bool,
}

/// When the source is looked at.
#[derive(Debug, Default)]
struct Look {
    under_way: bool,
    /// The look under way began before the stop: another one must follow it.
    stale: bool,
    /// Start of the next window, boot time in nanoseconds.
    tick: u64,
    /// More is known to be there: look again as soon as there is room.
    soon: bool,
    /// The directory changed: look again, room or not.
    changed: bool,
    /// The look under way takes nothing, for want of room; it only holds on to files.
    holding: bool,
    /// The window is over: the batch closes when this look has brought in what there is.
    closing: bool,
}

/// Something to be sealed.
enum Planned<C> {
    /// Takes that are being packed; the result, once there.
    Batch { ticket: u64, takes: Vec<Take<C>>, result: Option<Box<PackedJob>> },
    /// A seal without lines.
    Bare { kind: Kind, reason: Option<&'static str>, epoch: Option<u32>, losses: Vec<Loss> },
}

/// The sealed object that is on its way into the spool.
struct Committing {
    key: ObjectKey,
    sealed: Arc<SealedBatch>,
    attempts: u32,
    /// After a failure: when to try again.
    retry_at: Option<u64>,
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
        config: Config,
        compression: Compression,
        signer: Box<dyn Signer>,
        start: Start,
        now: Now,
    ) -> Self {
        let cursors = start.head.as_ref().map_or(&[][..], |head| &head.seal.cursors);
        let mut shipper = Self {
            files: Files::new(cursors),
            open: OpenBatch::new(cursors.len()),
            last_event: start.last_event(),
            uploads: Uploads::new(start.spooled, config.backoff, config.store.clone()),
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
            last_seal: now.boot.nanos,
            spool_full: false,
            ended: false,
        };
        if shipper.head.is_none() {
            let epoch = shipper.reanchor.take().map(|(_, epoch)| epoch);
            let genesis =
                Planned::Bare { kind: Kind::Genesis, reason: None, epoch, losses: vec![] };
            shipper.queue.push_back(genesis);
        } else if shipper.config.mode == Mode::Live {
            shipper.plan_reanchor();
        }
        shipper
    }

    /// Takes what happened, gives what is to be done.
    pub fn step(&mut self, input: Input<C>, now: Now) -> Vec<Action<C>> {
        let mut out = Vec::new();
        self.take_in(input, now, &mut out);
        self.look(now, &mut out);
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
        let idle = self.beats().then_some(self.last_seal.saturating_add(self.config.heartbeat));
        let all = [look, commit, idle, self.uploads.deadline()];
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
            Input::Looked { takes, losses, more } => self.looked(takes, losses, more, now, out),
            Input::Packed(ticket, done) => self.packed(ticket, done, out),
            Input::Committed => self.committed(now, out),
            Input::CommitFailed(why) => self.commit_failed(why, now, out),
            Input::Stored(pin) => self.uploads.accepted(pin, out),
            Input::Doubt(why) => self.uploads.doubt(why, out),
            Input::ReadBack(found) => self.uploads.read_back(found, now.boot.nanos, out),
            Input::Changed => self.look.changed = true,
            Input::Counted(counters) => self.counters = counters,
            Input::Stop => self.stop(),
        }
    }

    fn packed(&mut self, ticket: u64, done: Box<PackedJob>, out: &mut Vec<Action<C>>) {
        let ours = |planned: &Planned<C>| matches!(planned, Planned::Batch { ticket: theirs, .. } if *theirs == ticket);
        let Some(at) = self.queue.iter().position(ours) else { return };
        let Planned::Batch { takes, result, .. } = &mut self.queue[at] else { return };
        close_short(takes, &done);
        let Some(split) = behind_short(takes, &done) else {
            // Packed, and nobody reads them again: those of a compressed file lie in memory.
            takes.iter_mut().for_each(|take| take.parts = Vec::new());
            *result = Some(done);
            return;
        };
        // The file's gap must stand between its ranges, so what follows is another batch.
        let rest = takes.split_off(split);
        let takes = std::mem::take(takes);
        let both = [takes, rest].map(|takes| {
            self.tickets += 1;
            out.push(Action::Pack(Job { ticket: self.tickets, takes: takes.clone() }));
            Planned::Batch { ticket: self.tickets, takes, result: None }
        });
        let behind = self.queue.split_off(at + 1);
        self.queue.pop_back();
        self.queue.extend(both);
        self.queue.extend(behind);
    }

    fn looked(
        &mut self,
        takes: Vec<Take<C>>,
        losses: Vec<Loss>,
        more: bool,
        now: Now,
        out: &mut Vec<Action<C>>,
    ) {
        self.look.under_way = false;
        let stale = std::mem::take(&mut self.look.stale);
        let ending = self.stopping || self.config.mode == Mode::OneShot;
        let holding = std::mem::take(&mut self.look.holding);
        self.drained |= ending && !more && !stale && !holding;
        self.look.soon |= more || ending || holding;
        let (early, late): (Vec<_>, Vec<_>) =
            losses.into_iter().partition(|loss| self.precedes(loss, &takes));
        self.lose(early, out);
        for take in takes {
            if !self.open.fits(&take) {
                self.close_batch(out);
            }
            self.open.push(take, now.boot.nanos);
            if self.open.bytes() >= self.config.batch_bytes {
                self.close_batch(out);
            }
        }
        self.lose(late, out);
        // Extra looks (a rotation) only hold on to what they found; a window's own look seals it.
        if self.drained || (self.look.closing && !more && !holding) {
            self.look.closing = false;
            self.close_batch(out);
        }
    }

    /// The daemon looks once more and seals what is there; a one-shot ends where it is, and its
    /// next run goes on from there.
    fn stop(&mut self) {
        self.stopping = true;
        self.look.soon = true;
        self.look.stale = self.look.under_way;
        self.drained |= self.config.mode == Mode::OneShot;
    }

    /// Whether a gap may stand before what was taken in the same look, which then is what comes
    /// after it in time: its file was begun before, and nothing more is taken of it. One of no known
    /// file may if all that is taken is begun here.
    fn precedes(&self, loss: &Loss, takes: &[Take<C>]) -> bool {
        let known = |file| self.files.cursors().iter().any(|cursor| cursor.file == file);
        match loss.file {
            Some(file) => known(file) && takes.iter().all(|take| take.file != file),
            None => !takes.iter().any(|take| known(take.file)),
        }
    }

    fn lose(&mut self, losses: Vec<Loss>, out: &mut Vec<Action<C>>) {
        if losses.is_empty() {
            return;
        }
        // A gap stands behind the bytes that were taken before it.
        self.close_batch(out);
        out.extend(losses.iter().cloned().map(Report::Lost).map(Action::Report));
        for losses in losses.chunks(MAX_GAPS) {
            self.plan(bare(Kind::Gap, losses.to_vec()));
        }
    }

    /// Plans a seal. A one-shot that lost its state and finds nothing new seals nothing at all.
    fn plan(&mut self, planned: Planned<C>) {
        self.plan_reanchor();
        self.queue.push_back(planned);
    }

    fn plan_reanchor(&mut self) {
        if let Some((reason, epoch)) = self.reanchor.take() {
            let (reason, epoch) = (Some(reason), Some(epoch));
            let kind = Kind::Reanchor;
            self.queue.push_back(Planned::Bare { kind, reason, epoch, losses: vec![] });
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
        self.look.under_way = true;
        self.look.changed = false;
        self.look.holding = room == 0;
        if room > 0 {
            self.look.soon = false;
        }
        if self.look.tick <= now.boot.nanos {
            self.look.closing = true;
            self.look.tick = now.boot.nanos.saturating_add(self.config.window);
        }
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

    /// When the source is to be looked at, boot time in nanoseconds. Without room too, when its
    /// directory changed: a new file is opened then, so that deleting it doesn't lose it.
    fn look_due(&self) -> Option<u64> {
        let at_once = self.look.changed || (self.look.soon && self.room() > 0);
        let due = if at_once { 0 } else { self.look.tick };
        (!self.look.under_way && !self.drained).then_some(due)
    }

    fn close_batch(&mut self, out: &mut Vec<Action<C>>) {
        if self.open.is_empty() {
            return;
        }
        let open = OpenBatch::new(self.files.cursors().len());
        let takes = std::mem::replace(&mut self.open, open).close();
        self.tickets += 1;
        let ticket = self.tickets;
        out.push(Action::Pack(Job { ticket, takes: takes.clone() }));
        self.plan(Planned::Batch { ticket, takes, result: None });
    }

    /// Whether everything that was taken is sealed and stored.
    fn quiet(&self) -> bool {
        let nothing_open = self.open.is_empty() && self.queue.is_empty();
        nothing_open && self.committing.is_none() && self.uploads.is_empty()
    }

    /// Whether time alone may call for a seal. Not while the spool holds anything: a heartbeat says
    /// that there is nothing to send.
    fn beats(&self) -> bool {
        let live = self.config.mode == Mode::Live && !self.stopping;
        live && self.quiet() && self.head.is_some()
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
        } else if self.beats()
            && self.last_seal.saturating_add(self.config.heartbeat) <= now.boot.nanos
        {
            self.plan(bare(Kind::Heartbeat, vec![]));
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
        self.committing = Some(Committing { key, sealed, attempts: 0, retry_at: None });
    }

    /// What is there of the next batch that is planned.
    fn next_batch(&self) -> Option<&Option<Box<PackedJob>>> {
        self.queue.iter().find_map(|planned| match planned {
            Planned::Batch { result, .. } => Some(result),
            Planned::Bare { .. } => None,
        })
    }

    fn draft(
        &mut self,
        planned: Planned<C>,
        now: Now,
        out: &mut Vec<Action<C>>,
    ) -> (ObjectKey, Seal, Packed) {
        let mut seal = self.blank(now);
        let packed = match planned {
            Planned::Batch { takes, result, .. } => {
                let done = result.expect("a batch is sealed when its result is there");
                seal.kind = Kind::Batch;
                let lost = ranges(&takes, &done, &mut seal.ranges);
                if seal.ranges.is_empty() {
                    // Nothing of it could be read: a batch without ranges says nothing.
                    return self.draft(bare(Kind::Gap, lost), now, out);
                }
                seal.ranges.iter().for_each(|range| self.files.take(range));
                if !lost.is_empty() {
                    out.extend(lost.iter().cloned().map(Report::Lost).map(Action::Report));
                    // In front of everything planned: later ranges of the file join behind it.
                    self.queue.push_front(bare(Kind::Gap, lost));
                }
                if let Some((_, last)) = done.packed.payload.times {
                    self.last_event = Some(last);
                }
                done.packed
            }
            Planned::Bare { kind, reason, epoch, losses } => {
                seal.kind = kind;
                seal.reason = reason.and_then(Word::new);
                seal.epoch = epoch.unwrap_or(seal.epoch);
                losses.iter().for_each(|loss| self.files.lose(loss));
                let next = self.next_batch().and_then(Option::as_ref);
                let before =
                    next.and_then(|done| done.packed.payload.times).map(|(first, _)| first);
                let gap = |loss: Loss| loss.gap(self.last_event, before);
                seal.gaps = losses.into_iter().map(gap).collect();
                if kind == Kind::Final {
                    seal.next_by = None;
                }
                Packed::empty(self.compression).expect("libzstd took these settings before")
            }
        };
        seal.cursors = self.files.cursors().to_vec();
        // Whatever room the rest leaves; never a seal for their sake, and never a batch closed
        // earlier: a pin helps a reader to choose among versions, and the lines need no reader's
        // help to be there.
        seal.stored = self.uploads.pins.take(&seal);
        let mut key = self.head.as_ref().map_or_else(
            || ObjectKey::genesis(self.config.origin.clone()),
            |head| ObjectKey::after(&head.seal),
        );
        key.epoch = seal.epoch;
        (key, seal, packed)
    }

    /// A seal with everything that doesn't depend on what is sealed. What signer and payload
    /// decide is filled in when it is signed.
    fn blank(&self, now: Now) -> Seal {
        let head = self.head.as_ref();
        let promise = self.config.heartbeat.saturating_mul(PROMISE) / 1000;
        let nothing: Hash = hash(b"");
        Seal {
            origin: self.config.origin.clone(),
            epoch: head.map_or(0, |head| head.seal.epoch),
            seq: head.map_or(0, |head| head.seal.seq + 1),
            kind: Kind::Heartbeat,
            prev: head.map(|head| head.hash),
            key: self.signer.key().clone(),
            next: self.signer.next().clone(),
            payload: auditseal_format::seal::Payload::placeholder(nothing),
            index: None,
            sealed: now.wall,
            boot: now.boot,
            next_by: Some(now.wall.saturating_add(i64::try_from(promise).unwrap_or(i64::MAX))),
            cluster_uid: self.config.cluster_uid,
            machine_id: self.config.machine_id,
            config: None,
            counters: self.counters,
            reason: None,
            ranges: vec![],
            gaps: vec![],
            cursors: vec![],
            stored: vec![],
        }
    }

    /// The object is durable: now it is the head, now it may be uploaded.
    fn committed(&mut self, now: Now, out: &mut Vec<Action<C>>) {
        let Some(Committing { key, sealed, .. }) = self.committing.take() else { return };
        let (hash, size) = (sealed.hash, sealed.bytes.len() as u64);
        self.last_seal = now.boot.nanos;
        let seal = Box::new(sealed.seal.clone());
        out.push(Action::Report(Report::Sealed { seal: seal.clone(), hash, size }));
        self.head = Some(Head { seal: (*seal).clone(), hash });
        self.uploads.push(key, size, seal);
        self.seal_next(now, out);
    }

    /// The same bytes are tried again: they are signed, and must be the only ones with this seq.
    fn commit_failed(&mut self, why: String, now: Now, out: &mut Vec<Action<C>>) {
        let Some(committing) = &mut self.committing else { return };
        committing.attempts += 1;
        let nanos = self.config.backoff.wait(committing.attempts);
        committing.retry_at = Some(now.boot.nanos.saturating_add(nanos));
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
        let failing = self.uploads.failing(now.boot.nanos);
        if let (Some(limit), Some((nanos, why))) = (self.config.give_up, failing)
            && nanos >= limit
        {
            self.ended = true;
            out.push(Action::GiveUp(why.to_owned()));
        } else if self.drained && self.quiet() {
            self.ended = true;
            out.push(Action::Done);
        }
    }
}

fn bare<C>(kind: Kind, losses: Vec<Loss>) -> Planned<C> {
    Planned::Bare { kind, reason: None, epoch: None, losses }
}

/// Puts a file's end behind its gap: a file whose last take is short wouldn't be known as taken
/// after a restart, and be taken once more. Only of the first, for what follows is packed again.
fn close_short<C>(takes: &mut Vec<Take<C>>, done: &PackedJob) {
    let mut short = done.short.iter().map(|(at, ..)| *at);
    let Some(at) = short.find(|at| takes[*at].is_final) else { return };
    takes[at].is_final = false;
    let Take { file, end, anchor, .. } = takes[at];
    let name = takes[at].name.clone();
    let (mid_line, is_final, before, parts) = (false, true, None, Vec::new());
    let last = Take { file, name, start: end, end, mid_line, is_final, anchor, before, parts };
    takes.insert(at + 1, last);
}

/// The first take that goes on in a file whose take before it turned out short.
fn behind_short<C>(takes: &[Take<C>], done: &PackedJob) -> Option<usize> {
    let short = |take: &Take<C>, at: usize| {
        done.short.iter().any(|(short, ..)| *short < at && takes[*short].file == take.file)
    };
    (0..takes.len()).find(|at| short(&takes[*at], *at))
}

/// The ranges of a batch; returns what couldn't be read any more when it was packed.
fn ranges<C>(takes: &[Take<C>], done: &PackedJob, out: &mut Vec<Range>) -> Vec<Loss> {
    let mut lost = Vec::new();
    for (at, (take, facts)) in takes.iter().zip(&done.facts).enumerate() {
        let mut range = Range {
            file: take.file,
            start: take.start,
            end: take.end,
            lines: facts.lines,
            is_final: take.is_final,
            unterminated: facts.unterminated,
            anchor: take.anchor,
            name: take.name.clone(),
            before: take.before,
            holes: facts.holes.clone(),
        };
        if let Some((_, end, anchor, reason)) = done.short.iter().find(|short| short.0 == at) {
            range.end = *end;
            range.anchor = *anchor;
            range.is_final = false;
            lost.push(Loss {
                file: Some(take.file),
                name: Some(take.name.clone()),
                start: Some(*end),
                end: Some(take.end),
                anchor: Some(take.anchor),
                reason,
            });
        }
        if range.start < range.end || range.is_final {
            out.push(range);
        }
    }
    lost
}
