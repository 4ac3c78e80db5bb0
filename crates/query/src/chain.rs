//! The search of one chain: its seals are proved in order, and meanwhile the batches of those that are
//! proved are fetched, decoded and searched, several at a time.
//!
//! ```text
//!                    proved                     checked            found
//! listing ─▶ Reading ──────▶ fetch, as they fit ───────▶ scan ─▶ in order ─▶ stages joined ─▶ Told
//!                                                    one a core
//! ```

use std::sync::{Arc, Mutex, PoisonError};

use auditseal_chain::{Begin, Extent, Finding, NamedKeys, Verdict};
use auditseal_format::{Kind, ObjectSeal, Origin, PayloadDecoder, PayloadError, Time, TimeField};
use auditseal_reader::{
    Batch, Depth, Error, How, Pack, PackCursor, PackedLines, Packs, Range, Reading, Sealed, Source,
    Step, Window,
};
use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use tokio::sync::{Mutex as Turn, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::answer::ChainSearched;
use crate::held::Held;
use crate::hit::Unknowns;
use crate::join::Joiner;
use crate::parts::{Part, end_of, read_whole};
use crate::range::AskedChain;
use crate::scan::{Candidate, Filter, Found, Home, Scanner};
use crate::types::remember;

/// Seals that are proved ahead of the search.
const AHEAD: usize = 64;
/// Bytes of text from packs that are searched at a time, at least, where so many wait.
const TOGETHER: usize = 256 << 10;
/// Pieces of a batch that wait to be searched.
const PIECES: usize = 2;
/// Bytes of text that a pack's decoder holds ahead.
const KEPT: u64 = 32 << 20;
/// KiB of text from packs that wait to be searched, of all chains.
const ROOM: usize = 32 << 10;
/// The same of one chain, however many there are.
const LEAST_ROOM: usize = 1 << 10;

/// What all chains of a search share.
#[derive(Debug, Clone)]
pub(crate) struct Shared {
    /// Of lines whose note says that they lie in the time asked for.
    pub(crate) inside: Arc<Filter>,
    /// Of the others.
    pub(crate) around: Arc<Filter>,
    pub(crate) window: Window,
    pub(crate) now: Time,
    /// One batch is searched on a core.
    pub(crate) cores: Arc<Semaphore>,
    /// Batches of a chain that are fetched ahead.
    pub(crate) ahead: usize,
    /// Objects of a chain whose seals are fetched at a time.
    pub(crate) in_flight: usize,
    pub(crate) audit_logs: bool,
    pub(crate) allow_unanchored: bool,
}

impl Shared {
    /// Whether a batch whose lines are dated so is of another kind of log than is asked: a log of audit events has no flows.
    fn passes(&self, field: TimeField) -> bool {
        let audit = field == TimeField::Audit;
        if self.inside.flows.is_some() { audit } else { self.audit_logs && !audit }
    }
}

/// What is told of a chain as it is searched.
#[derive(Debug)]
pub(crate) enum Told {
    /// A batch was searched, or passed over: what can be told now, and up to when the chain was searched.
    Batch {
        candidates: Vec<Candidate>,
        unknowns: Unknowns,
        until: Option<Time>,
        /// Given back once this is taken: the chain goes on then.
        _turn: Option<OwnedSemaphorePermit>,
    },
    /// What was under way where it ended; how many lines were told before their time.
    End { candidates: Vec<Candidate>, early: u64 },
}

/// What the parts before one tell of whose keys may sign in it.
struct Before {
    /// The last seal that was proved of those behind which a part may begin.
    note: Option<Box<ObjectSeal>>,
    /// Where that isn't the one, as behind a gap, a key that was named may sign.
    named: NamedKeys,
}

/// What came of a part.
struct Judged {
    findings: Vec<Finding>,
    beside: Vec<Finding>,
    /// Two histories of the chain are known.
    forked: bool,
}

/// A seal of the chain, in its turn.
enum Job {
    /// Its lines are to be searched.
    Search(Box<Batch>, Box<Brief>, Option<Held>),
    /// It has none that are asked for.
    Pass(Brief),
    /// The store gave no answer.
    Unread(auditseal_store::Error),
    /// All of a part is proved that can be.
    Judged(Box<Judged>),
    /// All parts were gone through.
    Ended,
}

/// What is said of a batch.
#[derive(Debug, Clone, Copy)]
struct Brief {
    seq: u64,
    hash: auditseal_format::Hash,
    sealed: Time,
    times: Option<(Time, Time)>,
    field: TimeField,
    /// No line lies outside of the time asked for.
    covered: bool,
    /// It has lines, all of them outside.
    outside: bool,
    /// It has lines, and by its pack's index none that are asked for.
    passed: bool,
    /// It has lines, of another kind of log than is asked.
    others: bool,
    /// Its writer says that nothing is to follow.
    closes: bool,
}

/// What came of a job.
enum Done {
    Found(Brief, Box<Found>),
    Passed(Brief),
    Wrong(u64, Error),
    Unread(auditseal_store::Error),
    Judged(Box<Judged>),
    Ended,
}

/// Searches the parts of a chain, and tells what it finds in order, until nobody listens.
pub(crate) async fn search(
    reader: &Reader<'_>,
    parts: &[Part<'_>],
    shared: &Shared,
    searched: &Mutex<ChainSearched>,
    to: mpsc::UnboundedSender<Told>,
) {
    let (jobs, mut queue) = mpsc::channel(AHEAD);
    let proving = async {
        let note = reader.range.before.clone();
        let mut before = Before { note, named: NamedKeys::default() };
        for part in parts {
            if prove(reader, part, shared, &jobs, &mut before).await.is_err() {
                break;
            }
        }
        drop(jobs.send(Job::Ended).await);
        drop(jobs);
    };
    let cursor = Turn::new(PackCursor::default());
    let work = stream::poll_fn(|context| queue.poll_recv(context))
        .ready_chunks(AHEAD)
        .flat_map(|jobs| stream::iter(together(reader, shared, jobs)))
        .map(|work| async {
            // Before anything is held for which another chain may wait.
            let turn = Arc::clone(&reader.turns).acquire_owned().await.ok();
            (run(reader, &cursor, shared, work).await, turn)
        })
        .buffered(shared.ahead);
    let telling = tell(work, shared, searched, &to);
    futures::join!(proving, telling);
}

/// Proves the seals of a part, one after the other, and before it of packs without whose last seals it couldn't be
/// told who may sign here. An error: nobody takes them.
async fn prove(
    reader: &Reader<'_>,
    part: &Part<'_>,
    shared: &Shared,
    jobs: &mpsc::Sender<Job>,
    before: &mut Before,
) -> Result<(), mpsc::error::SendError<Job>> {
    // Packs whose last seals aren't to be had are read for what stands there in their place.
    let (mut first, mut known) = (part.behind, None);
    let mut from = part.extent.from;
    let trust = reader.asked.rules(Extent::default(), false).trust;
    while let Begin::After(seal) = from {
        if before.note.as_ref().is_some_and(|note| note.id() == seal) {
            break;
        }
        let Some(pack) = first.checked_sub(1).and_then(|nth| reader.range.packs.taken().get(nth))
        else {
            break;
        };
        if end_of(pack) != seal {
            break;
        }
        match reader.range.packs.last_note(pack, &trust).await {
            Ok(Some(note)) => {
                known = Some(Box::new(note));
                break;
            }
            Ok(None) => {}
            Err(error) => {
                jobs.send(Job::Unread(error)).await?;
                break;
            }
        }
        first -= 1;
        let Some(part) = read_whole(reader.range, first) else { break };
        from = part.extent.from;
    }
    before.note = known.or(before.note.take());
    for nth in first..part.behind {
        if let Some(part) = read_whole(reader.range, nth) {
            prove_part(reader, &part, shared, jobs, before).await?;
        }
    }
    prove_part(reader, part, shared, jobs, before).await
}

async fn prove_part(
    reader: &Reader<'_>,
    part: &Part<'_>,
    shared: &Shared,
    jobs: &mpsc::Sender<Job>,
    before: &mut Before,
) -> Result<(), mpsc::error::SendError<Job>> {
    // Without a window nothing is chosen by the times of lines.
    let times = !shared.window.is_open();
    let packed = part
        .candidate
        .as_ref()
        .filter(|_| !part.to_its_end)
        .map_or(PackedLines::All { times }, |found| PackedLines::Of { found, times });
    let how = How {
        depth: Depth::Seal,
        retention: None,
        concurrency: shared.in_flight,
        keep: KEPT,
        packed,
    };
    let rules = reader.asked.rules(part.extent, shared.allow_unanchored);
    let (source, origin) = (&reader.proving, &reader.asked.origin);
    let (rules, named) = ((rules, before.note.as_deref()), std::mem::take(&mut before.named));
    let reading = Reading::new(source, origin, part.entries, &part.packs, rules, how);
    let (mut reading, mut last) = (reading.knowing(named), None);
    while let Some(Step { accepted, error, .. }) = reading.next().await {
        if let Some(error) = error {
            jobs.send(Job::Unread(error)).await?;
        }
        for sealed in accepted {
            last = last.or_else(|| ending(&sealed, part));
            jobs.send(reader.job(sealed, part, shared).await).await?;
        }
    }
    let (newest, report) = reading.finish(Some(shared.now));
    if let Some(sealed) = newest {
        last = last.or_else(|| ending(&sealed, part));
        jobs.send(reader.job(sealed, part, shared).await).await?;
    }
    before.note = last.or(before.note.take());
    before.named = report.named;
    let beside = report.findings.information.into_iter();
    let beside =
        beside.filter(|one| matches!(one.verdict, Verdict::ForeignChain | Verdict::SourceGap));
    let (findings, beside) = (report.findings.findings, beside.collect());
    jobs.send(Job::Judged(Box::new(Judged { findings, beside, forked: report.forked }))).await
}

/// The seal with which a part ends, if a later part may begin behind it: none does in the midst of a pack.
fn ending(sealed: &Sealed, part: &Part<'_>) -> Option<Box<ObjectSeal>> {
    let seal = &sealed.note.seal;
    let is_end = |pack: &Pack| end_of(pack).seq == seal.seal.seq;
    let ends = part.extent.to == Some(seal.seal.seq) && part.packs.taken().iter().all(is_end);
    ends.then(|| seal.clone())
}

/// A chain, and where it is read from.
///
/// Hits go in the order of time, so a chain stands still while another one's are awaited. What it holds then
/// must be its own: whoever is awaited would wait for it.
pub(crate) struct Reader<'a> {
    /// Where its seals are read.
    proving: Source,
    /// Where its batches are fetched.
    fetching: Source,
    asked: &'a AskedChain,
    /// The part of it that is searched.
    range: &'a Range,
    /// Batches that are under way, or of which was told and nobody took it yet.
    turns: Arc<Semaphore>,
    /// KiB of text from packs that wait to be searched.
    room: Arc<Semaphore>,
    most: usize,
}

impl<'a> Reader<'a> {
    /// One of so many chains, `ahead` of whose batches are under way at a time.
    pub(crate) fn new(
        source: &Source,
        asked: &'a AskedChain,
        range: &'a Range,
        (chains, ahead): (usize, usize),
    ) -> Self {
        let most = (ROOM / chains.max(1)).max(LEAST_ROOM);
        Self {
            proving: source.apart(chains),
            fetching: source.apart(chains),
            asked,
            range,
            turns: Arc::new(Semaphore::new(ahead)),
            room: Arc::new(Semaphore::new(most)),
            most,
        }
    }

    /// What is to be done with a seal. Its lines wait for room, if they came with it.
    async fn job(&self, mut sealed: Sealed, part: &Part<'_>, shared: &Shared) -> Job {
        let ObjectSeal { seal, hash, .. } = &*sealed.note.seal;
        let lines = seal.kind == Kind::Batch && sealed.note.whole;
        let outside = lines && sealed.note.timed && !shared.window.meets(seal);
        let passed =
            lines && part.candidate.as_ref().is_some_and(|candidate| !candidate.has(seal.seq));
        let mut brief = Brief {
            others: false,
            closes: seal.kind == Kind::Final,
            seq: seal.seq,
            hash: *hash,
            sealed: seal.sealed,
            times: seal.payload.times,
            field: seal.payload.field,
            covered: sealed.note.timed && shared.window.covers(seal),
            outside,
            // Of a pack that holds none at all its batches aren't counted.
            passed: passed
                && !outside
                && part.candidate.as_ref().is_some_and(|of| !of.batches.is_empty()),
        };
        let others = lines && shared.passes(brief.field);
        brief.others = others;
        if !lines || outside || passed || others {
            return Job::Pass(brief);
        }
        let text = match sealed.lines.take() {
            None => None,
            Some(pieces) => Some(Held::new(pieces, &self.room, self.most).await),
        };
        Job::Search(Box::new(Batch::of(&sealed)), Box::new(brief), text)
    }
}

impl Reader<'_> {
    /// What searches a batch.
    fn scanner(&self, batch: &Batch, brief: &Brief, shared: &Shared) -> Scanner {
        let origin = &self.asked.origin;
        let filter = if brief.covered { &shared.inside } else { &shared.around };
        let home = Home {
            origin: Arc::new(origin.clone()),
            seq: brief.seq,
            seal: brief.hash,
            key: batch.place.key(origin).to_string(),
            times: brief.field,
            around: brief.times.map_or(brief.sealed, |(first, _)| first),
        };
        Scanner::new(Arc::clone(filter), home)
    }
}

/// What is done at a time.
enum Work {
    /// Several batches are searched that packs were decoded to: to go to another thread for each costs as much as to
    /// search a small one. And the bytes of their text.
    Texts(Vec<(Brief, Held, Scanner)>, usize),
    One(Job),
}

/// Puts those together, among jobs that are ready, that are done at a time.
fn together(reader: &Reader<'_>, shared: &Shared, jobs: Vec<Job>) -> Vec<Work> {
    let mut all = Vec::new();
    for job in jobs {
        let Job::Search(batch, brief, Some(text)) = job else {
            all.push(Work::One(job));
            continue;
        };
        let (scanner, more) = (reader.scanner(&batch, &brief, shared), text.bytes());
        match all.last_mut() {
            Some(Work::Texts(texts, bytes)) if *bytes < TOGETHER => {
                texts.push((*brief, text, scanner));
                *bytes += more;
            }
            _ => all.push(Work::Texts(vec![(*brief, text, scanner)], more)),
        }
    }
    all
}

async fn run(
    reader: &Reader<'_>,
    cursor: &Turn<PackCursor>,
    shared: &Shared,
    work: Work,
) -> Vec<Done> {
    let job = match work {
        Work::Texts(texts, _) => return held(texts, shared).await,
        Work::One(job) => job,
    };
    let (batch, brief) = match job {
        // Those with their text came together.
        Job::Search(batch, brief, _) => (batch, *brief),
        Job::Pass(brief) => return vec![Done::Passed(brief)],
        Job::Unread(error) => return vec![Done::Unread(error)],
        Job::Judged(judged) => return vec![Done::Judged(judged)],
        Job::Ended => return vec![Done::Ended],
    };
    let scanner = reader.scanner(&batch, &brief, shared);
    let found = if batch.packed {
        packed(&reader.range.packs, cursor, &batch, scanner, shared).await
    } else {
        loose(&reader.fetching, &reader.asked.origin, *batch, scanner, shared).await
    };
    vec![match found {
        Ok(found) => Done::Found(brief, Box::new(found)),
        Err(Error::Store(error)) => Done::Unread(error),
        Err(error) => Done::Wrong(brief.seq, error),
    }]
}

/// Searches what a pack was decoded to when its seals were proved.
async fn held(texts: Vec<(Brief, Held, Scanner)>, shared: &Shared) -> Vec<Done> {
    let core = Arc::clone(&shared.cores).acquire_owned().await;
    let scanned = tokio::task::spawn_blocking(move || {
        let _core = core;
        let scan = |(brief, text, mut scanner): (Brief, Held, Scanner)| {
            text.pieces.iter().for_each(|piece| scanner.take(piece));
            Done::Found(brief, Box::new(scanner.finish()))
        };
        texts.into_iter().map(scan).collect()
    });
    joined(scanned.await)
}

/// Fetches an object by itself, checks its stored bytes, and searches what they decode to.
async fn loose(
    source: &Source,
    origin: &Origin,
    batch: Batch,
    mut scanner: Scanner,
    shared: &Shared,
) -> Result<Found, Error> {
    let _room = source.room(batch.size).await;
    let place = batch.place;
    let blocks = batch.fetch(source.clone(), origin.clone()).await?.check().await?;
    let core = Arc::clone(&shared.cores).acquire_owned().await;
    let (to, mut pieces) = mpsc::channel::<Bytes>(PIECES);
    let seal = Arc::clone(&blocks.seal);
    let scanned = tokio::task::spawn_blocking(move || {
        let _core = core;
        let mut decoder = PayloadDecoder::of_known_blocks(&seal.seal.payload)?;
        while let Some(piece) = pieces.blocking_recv() {
            decoder.blocks(&piece, |text| scanner.take(text))?;
        }
        decoder.finish()?;
        Ok(scanner.finish())
    });
    let fed = blocks.pieces(async |piece| to.send(piece).await.is_ok()).await;
    drop(to);
    let scanned = joined(scanned.await);
    fed?;
    scanned.map_err(|wrong: PayloadError| {
        Error::found(origin, place, Verdict::Malformed, &wrong.to_string())
    })
}

/// Searches an object that a pack holds, and whose text was too large to be kept.
async fn packed(
    packs: &Packs,
    cursor: &Turn<PackCursor>,
    batch: &Batch,
    mut scanner: Scanner,
    shared: &Shared,
) -> Result<Found, Error> {
    let mut cursor = cursor.lock().await;
    cursor.seal(packs, batch).await?;
    let core = Arc::clone(&shared.cores).acquire_owned().await;
    let (to, mut pieces) = mpsc::channel::<Bytes>(PIECES);
    let scanned = tokio::task::spawn_blocking(move || {
        let _core = core;
        while let Some(piece) = pieces.blocking_recv() {
            scanner.take(&piece);
        }
        scanner.finish()
    });
    let fed = cursor.payload(packs, batch, async |piece| to.send(piece).await.is_ok()).await;
    drop(cursor);
    drop(to);
    let found = joined(scanned.await);
    fed?;
    Ok(found)
}

fn joined<T>(ended: Result<T, tokio::task::JoinError>) -> T {
    match ended {
        Ok(done) => done,
        // Nobody cancels it: it panicked, and so does whoever waited for it.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Joins the stages of requests, and tells what came of the chain in its order.
async fn tell(
    work: impl stream::Stream<Item = (Vec<Done>, Option<OwnedSemaphorePermit>)>,
    shared: &Shared,
    searched: &Mutex<ChainSearched>,
    to: &mpsc::UnboundedSender<Told>,
) {
    let mut joiner = Joiner::default();
    let mut work = std::pin::pin!(work);
    while let Some((all, mut turn)) = work.next().await {
        let mut all = all.into_iter().peekable();
        while let Some(done) = all.next() {
            let turn = if all.peek().is_none() { turn.take() } else { None };
            let told = {
                let mut searched = searched.lock().unwrap_or_else(PoisonError::into_inner);
                take(done, turn, shared, &mut searched, &mut joiner)
            };
            // Without waiting: what is under way goes on, and how much of it is told ahead is for the turns to say.
            if to.send(told).is_err() {
                return;
            }
        }
    }
    let (candidates, early) = joiner.finish();
    drop(to.send(Told::End { candidates, early }));
}

fn take(
    done: Done,
    turn: Option<OwnedSemaphorePermit>,
    shared: &Shared,
    searched: &mut ChainSearched,
    joiner: &mut Joiner,
) -> Told {
    let (mut candidates, mut unknowns, mut until) = (Vec::new(), Unknowns::default(), None);
    match done {
        Done::Unread(error) => searched.unread(&error),
        Done::Wrong(seq, Error::Found(finding)) => {
            searched.passed(seq);
            searched.found(*finding);
        }
        Done::Wrong(_, other) => searched.note(other.to_string()),
        Done::Judged(judged) => {
            let Judged { findings, beside, forked } = *judged;
            searched.forked |= forked;
            findings.into_iter().for_each(|one| searched.found_up_to(one, shared.window.until));
            beside.iter().for_each(|finding| searched.note(finding.to_string()));
        }
        Done::Ended => searched.end(shared.window.until),
        Done::Passed(brief) => {
            searched.passed(brief.seq);
            searched.closed = brief.closes.then_some(brief.seq);
            searched.sealed_at(brief.sealed);
            if brief.passed {
                searched.spans(brief.times);
            }
            searched.outside += u64::from(brief.outside);
            searched.by_index += u64::from(brief.passed);
            searched.others += u64::from(brief.others);
            until = brief.times.map(|(_, last)| last);
        }
        Done::Found(brief, mut found) => {
            searched.passed(brief.seq);
            searched.closed = None;
            searched.sealed_at(brief.sealed);
            searched.spans(brief.times);
            searched.batches += 1;
            searched.strange +=
                u64::from(shared.inside.flows.is_none() && brief.field != TimeField::Audit);
            searched.lines += found.lines;
            searched.read += found.read;
            searched.bytes += found.bytes;
            searched.unreadable.join(std::mem::take(&mut found.unreadable));
            let sought = &shared.inside.sought;
            found.types.iter().for_each(|name| remember(sought, &mut searched.types, name));
            unknowns = found.unknowns;
            until = brief.times.map(|(_, last)| last);
            candidates = joiner.take(&mut found);
        }
    }
    Told::Batch { candidates, unknowns, until, _turn: turn }
}
