//! Performs what the shipper decides, and brings back what came of it.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use auditseal_format::{Compression, FileId, ObjectKey, SealedBatch, Time, TimeField, sha256};
use auditseal_observe::State;
use auditseal_reader::{Found, HeadFound};
use auditseal_shipper::{Input, Job, KnownChain, Now, Pin, ReadBack, Report, StoreHead};
use auditseal_spool::failpoint;
use auditseal_store::{Kind, Store};
use bytes::Bytes;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tracing::warn;

use crate::apiserver::{Counts, next_count};
use crate::clock::Clock;
use crate::complaints::{Line, say};
use crate::guard::Guard;
use crate::leaving::Leaving;
use crate::lock::locked;
use crate::place::Place;
use crate::progress::ChainProgress;
use crate::pulse::Disk;
use crate::readback::{Stands, read_back};
use crate::source::{Content, Looked, Source};
use crate::spooler::Spooler;
use crate::start::{Finder, check_against, read_to_send};
use crate::worker::{Worker, crashed, off_loop};
use crate::{Error, ErrorKind, pack, reports};

/// Longest the loop sleeps: a jump of the boot clock past a deadline must not be slept through, and
/// a loop that turns seldom looks like one that hangs.
const NAP: Duration = Duration::from_secs(10);

/// The IO of one chain.
pub(crate) struct Hands {
    place: Place,
    pub(crate) source: Arc<Mutex<Source>>,
    pub(crate) spool: Spooler,
    pub(crate) store: Arc<dyn Store>,
    finder: Finder,
    pub(crate) guard: Arc<Guard>,
    pub(crate) clock: Clock,
    /// How lines are compressed, and where they say when they happened.
    pub(crate) packing: (Compression, TimeField),
    pub(crate) progress: Arc<ChainProgress>,
    /// Rung when the source's directory changes.
    pub(crate) bell: Arc<Notify>,
    /// The apiserver's own count, where somebody reads it.
    counts: Option<Counts>,
    looker: Worker,
    packer: Worker,
    tasks: JoinSet<Result<Input<Content>, Error>>,
    /// Sealed since the last look: the source may let go of it.
    committed: Vec<(FileId, u64)>,
    /// What is stored, and still in the spool.
    leaving: Arc<Mutex<Leaving>>,
    /// The newest object that the store is known to have.
    kept: Option<ObjectKey>,
    stopped: bool,
}

impl std::fmt::Debug for Hands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hands").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

impl Hands {
    pub(crate) fn new(
        (place, source): (Place, Source),
        spool: Spooler,
        (finder, guard): (Finder, Arc<Guard>),
        clock: Clock,
        (packing, jobs): ((Compression, TimeField), usize),
        progress: Arc<ChainProgress>,
        (bell, counts): (Arc<Notify>, Option<Counts>),
    ) -> Result<Self, Error> {
        // A look that never comes back must show although none was completed before.
        progress.facts().looked = Some(clock().boot.nanos);
        Ok(Self {
            place,
            source: Arc::new(Mutex::new(source)),
            spool,
            store: Arc::clone(&finder.store),
            finder,
            guard,
            clock,
            packing,
            progress,
            bell,
            counts,
            looker: Worker::new("look", 1)?,
            packer: Worker::new("pack", jobs)?,
            tasks: JoinSet::new(),
            committed: Vec::new(),
            leaving: Arc::new(Mutex::new(Leaving::new())),
            kept: None,
            stopped: false,
        })
    }

    pub(crate) fn now(&self) -> Now {
        (self.clock)()
    }

    pub(crate) fn look(&mut self, limit: u64) {
        let (source, clock) = (Arc::clone(&self.source), Arc::clone(&self.clock));
        let committed = std::mem::take(&mut self.committed);
        let progress = Arc::clone(&self.progress);
        let origin = self.place.origin.clone();
        let work = progress.pulse.work(Disk::Source, "look", Instant::now());
        let look = move || {
            let _work = work;
            let begun = clock();
            let looked = locked(&source).look(&committed, begun.boot.nanos, limit)?;
            failpoint!("agent.look.after");
            let (input, lines) = noted(looked, &progress, begun, clock());
            say(&origin, lines);
            Ok(input)
        };
        let done = self.looker.run(look);
        self.tasks.spawn(done);
    }

    pub(crate) fn pack(&mut self, job: Job<Content>) {
        let packing = self.packing;
        let work = self.progress.pulse.work(Disk::Source, "pack", Instant::now());
        let done = self.packer.run(move || {
            let _work = work;
            let packed = pack::pack(&job, packing)
                .map_err(|e| Error::new(ErrorKind::Other, "pack batch", e))?;
            failpoint!("agent.pack.after");
            Ok((job.ticket, packed))
        });
        self.tasks.spawn(async move {
            let (ticket, packed) = done.await?;
            Ok(Input::Packed(ticket, Box::new(packed)))
        });
    }

    pub(crate) fn commit(&mut self, key: ObjectKey, sealed: Arc<SealedBatch>) {
        let done = self.spool.run("commit", move |spool| {
            failpoint!("agent.commit.before");
            let committed = spool.commit(&key, &sealed.bytes);
            failpoint!("agent.commit.after");
            Ok(committed)
        });
        self.tasks.spawn(async move {
            Ok(match done.await? {
                Ok(()) => Input::Committed,
                Err(error) => Input::CommitFailed(error.to_string()),
            })
        });
    }

    pub(crate) fn put(&mut self, key: ObjectKey) {
        let (store, sent) = (Arc::clone(&self.store), key.clone());
        let object = self.spool.run("read", move |spool| read_to_send(spool, &sent));
        let (guard, clock) = (Arc::clone(&self.guard), Arc::clone(&self.clock));
        let (progress, kept) = (Arc::clone(&self.progress), self.kept.clone());
        self.tasks.spawn(async move {
            let object = Bytes::from(object.await?);
            guard.pass(kept.as_ref()).await?;
            if is_gone(&store, kept.as_ref()).await {
                return Ok(Input::Gone);
            }
            failpoint!("agent.put.before");
            failpoint!(sent key.seq, &object);
            let sent = clock().wall;
            let answer = store.put_new(&key.to_string(), object.clone()).await;
            failpoint!("agent.put.after");
            // It went away in between: the object lies below its mount point, say.
            if is_gone(&store, kept.as_ref()).await {
                return Ok(Input::Gone);
            }
            Ok(match answer {
                Ok(stored) => {
                    guard.check_lock(&key, stored.version.clone(), sent);
                    Input::Stored(pin(object, stored.version).await?)
                }
                Err(error) => {
                    progress.facts().cause = error.kind().name();
                    Input::Doubt(advised(&error))
                }
            })
        });
    }

    /// What stands at the key decides what a failed upload was.
    pub(crate) fn read_back(&mut self, key: ObjectKey) {
        let (store, read) = (Arc::clone(&self.store), key.clone());
        let object = self.spool.run("read", move |spool| Ok(spool.read(&read)?));
        let (guard, progress) = (Arc::clone(&self.guard), Arc::clone(&self.progress));
        self.tasks.spawn(async move {
            let ours = Bytes::from(object.await?);
            failpoint!("agent.read_back.before");
            let found = match read_back(&store, &key, &ours).await {
                Stands::Ours(info) => {
                    // When it was put, nobody here knows: the store does.
                    let put = Time::from_micros(info.modified);
                    guard.check_lock(&key, info.version.clone(), put);
                    ReadBack::Same(pin(ours, info.version).await?)
                }
                Stands::Nothing => ReadBack::Absent,
                Stands::Other(bytes) => ReadBack::Other(bytes),
                Stands::Unknown(cause, why) => {
                    // Of both failures the read's is the newer.
                    progress.facts().cause = cause;
                    ReadBack::Unknown(why)
                }
            };
            failpoint!("agent.read_back.after");
            Ok(Input::ReadBack(found))
        });
    }

    /// What the store has of the chain: asked until it answers, for nothing is sent before.
    pub(crate) fn find_head(&mut self, known: KnownChain) {
        let (finder, spool) = (self.finder.clone(), self.spool.clone());
        self.tasks.spawn(async move {
            match finder.find_newest(known).await {
                Ok(found) => {
                    if let Some(head) = found.head.clone() {
                        spool.run("read", move |spool| check_against(spool, &head)).await?;
                    }
                    Ok(told(found))
                }
                // What is sealed meanwhile is in the spool, as where uploads fail for as long.
                Err(error) if error.kind() == ErrorKind::Store && finder.give_up.is_some() => {
                    Ok(Input::HeadUnknown(error.to_string()))
                }
                Err(error) => Err(error),
            }
        });
    }

    /// Takes an object out of the spool, which has what it needs of it by then.
    pub(crate) fn discard(&mut self, key: ObjectKey) {
        let (leaving, progress) = (Arc::clone(&self.leaving), Arc::clone(&self.progress));
        let (place, clock) = (self.place.clone(), Arc::clone(&self.clock));
        let done = self.spool.run("discard", move |spool| {
            locked(&leaving).discard(key, spool, &place, &progress, clock())
        });
        self.tasks.spawn(async move { done.await.map(|()| Input::Wake) });
    }

    pub(crate) fn report(&mut self, report: &Report) {
        reports::tell(report, &self.progress, self.now());
        match report {
            Report::Sealed { seal, .. } => {
                self.committed.extend(seal.ranges.iter().map(|range| (range.file, range.end)));
                // What turned out to be lost when it was packed is accounted for as well.
                let lost = seal.gaps.iter().filter_map(|gap| Some((gap.file?, gap.end?)));
                self.committed.extend(lost);
            }
            Report::Stored(key) => {
                self.kept = Some(key.clone());
                self.try_canary(true);
            }
            Report::FoundStored(key) => {
                self.kept = Some(key.clone());
                self.try_canary(false);
            }
            _ => {}
        }
    }

    /// The store has something: whether it would put over it is asked beside everything else, so
    /// that a chain without new lines learns of it too. The next put waits for the answer.
    fn try_canary(&mut self, sent: bool) {
        if self.guard.stored(sent) {
            let (guard, kept) = (Arc::clone(&self.guard), self.kept.clone());
            let pass = async move { guard.pass(kept.as_ref()).await };
            self.tasks.spawn(async move { pass.await.map(|()| Input::Wake) });
        }
    }

    /// Waits for the next thing that happens, at most until `deadline` (boot time, nanoseconds).
    pub(crate) async fn next(
        &mut self,
        deadline: u64,
        stop: &mut watch::Receiver<bool>,
    ) -> Result<Input<Content>, Error> {
        failpoint!("agent.loop.turn");
        self.progress.pulse.turned(Instant::now());
        let wait = Duration::from_nanos(deadline.saturating_sub(self.now().boot.nanos)).min(NAP);
        tokio::select! {
            // First what was asked for: its results free memory and let the chain go on.
            biased;
            Some(done) = self.tasks.join_next() => done.unwrap_or_else(|e| Err(crashed(&e))),
            () = stopped(stop), if !self.stopped => {
                self.stopped = true;
                self.progress.enter(State::Stopping);
                Ok(Input::Stop)
            }
            () = self.bell.notified() => Ok(Input::Changed),
            counters = next_count(&mut self.counts) => Ok(Input::Counted(counters)),
            () = tokio::time::sleep(wait) => Ok(Input::Wake),
        }
    }

    /// Waits for what is under way: nothing may still be writing when the chain starts again.
    pub(crate) async fn settle(&mut self) {
        while self.tasks.join_next().await.is_some() {}
    }
}

/// Whether what a directory held last isn't there any more: its disk was unmounted, and what is put now
/// would lie below the mount point, or it is another. Objects in a bucket aren't asked for: a bucket
/// isn't swapped for another under whoever uses it.
async fn is_gone(store: &Arc<dyn Store>, kept: Option<&ObjectKey>) -> bool {
    let Some(kept) = kept else { return false };
    match store.file(&kept.to_string()).await {
        Err(error) if error.kind() == Kind::NotFound => {
            warn!(%kept, "the newest stored object isn't there any more: asking anew what the store has");
            true
        }
        _ => false,
    }
}

/// What the shipper is told of what the store has.
pub(crate) fn told<C>(found: Found) -> Input<C> {
    let head = |found: HeadFound| StoreHead { key: found.key, hash: found.object.hash };
    Input::HeadFound(found.head.map(head), found.foreign)
}

/// Takes note of what a look told that began and ended then; gives what is to be said of it.
fn noted(
    looked: Looked,
    progress: &ChainProgress,
    begun: Now,
    ended: Now,
) -> (Input<Content>, Vec<Line>) {
    let Looked { input, problems, unreadable, taken, backlog, beside } = looked;
    let nanos = begun.boot.nanos;
    let mut facts = progress.facts();
    facts.unreadable = unreadable;
    facts.deleted_bytes = backlog.unlinked_bytes;
    facts.beside(&beside, ended);
    if let Input::Looked { losses, .. } = &input {
        facts.untaken = losses.iter().cloned().collect();
    }
    let mut lines = facts.said.looks.looked(&problems, nanos);
    if let Some(names) = facts.strangers.met(beside.strangers, nanos) {
        lines.push(Line::Wrong(format!("beside the log, looks related, isn't archived: {names}")));
    }
    if let Some(names) = facts.refusals.met(beside.refusals, nanos) {
        lines.push(Line::Wrong(format!("beside the log, not opened, not archived: {names}")));
    }
    if let Some(names) = facts.ignored.met(beside.ignored, nanos) {
        let what =
            "compressed files are archived whole, bytes behind their ends are not part of them";
        lines.push(Line::Wrong(format!("{what}: {names}")));
    }
    let clear = unreadable == 0 && backlog.gzip_bytes == 0;
    facts.lag.looked(taken, backlog.bytes, clear, nanos);
    if facts.lag.alarms(backlog.until_loss, nanos) {
        let minutes = backlog.until_loss.unwrap_or(0) / 60_000;
        let (bytes, files) = (backlog.bytes + backlog.gzip_bytes, backlog.files);
        let what = format!("unread files will be deleted in about {minutes} min");
        lines.push(Line::Wrong(format!("{what}: {bytes} bytes in {files} files")));
    }
    let lag = facts.lag.nanos(nanos);
    drop(facts);
    progress.backlog_bytes.store(backlog.bytes, Ordering::Relaxed);
    progress.lag_millis.store(lag / 1_000_000, Ordering::Relaxed);
    let until_loss = backlog.until_loss.unwrap_or(u64::MAX);
    progress.until_loss_millis.store(until_loss, Ordering::Relaxed);
    (input, lines)
}

/// What a later seal says of a stored object. `null` is S3's name for an object that has no version
/// of its own, and can be put over: it names nothing.
pub(crate) fn pin_of(object: &[u8], version: Option<String>) -> Option<Pin> {
    let version = version.filter(|id| id != "null")?;
    Some(Pin { sha256: sha256(object), version })
}

/// Hashes an object where it doesn't hold up others.
async fn pin(object: Bytes, version: Option<String>) -> Result<Option<Pin>, Error> {
    off_loop(move || Ok(pin_of(&object, version))).await
}

/// Returns when a stop is wanted.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can say stop any more, which is not a stop.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Returns when a stop has been wanted for as long as it may take.
pub(crate) async fn overdue(mut stop: watch::Receiver<bool>, grace: Duration) {
    stopped(&mut stop).await;
    tokio::time::sleep(grace).await;
}

/// An error of the store with what to do about it, on one line.
fn advised(error: &auditseal_store::Error) -> String {
    let hint = error.hint().map(|hint| format!(" (hint: {hint})")).unwrap_or_default();
    format!("{error}{hint}")
}
