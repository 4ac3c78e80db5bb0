//! Where a chain goes on: from the spool, or, when the node has lost its state, from the store.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use auditseal_chain::Verdict;
use auditseal_format::{
    Fault, MAX_SEAL_BLOCK, ObjectKey, ObjectSeal, Origin, Seal, VerifierKey, hash,
};
use auditseal_reader::{Days, Found, HeadFound, Judged, Question, walk_back};
use auditseal_shipper::{Backoff, Head, KnownChain, Spooled, Start};
use auditseal_spool::{Final, Spool, failpoint};
use auditseal_store::{Kind, Store};
use auditseal_tail::{History, Known};
use futures::StreamExt as _;
use tracing::warn;

use crate::clock::nanos;
use crate::complaints::Complaints;
use crate::finals::Backups;
use crate::lock::locked;
use crate::pulse::Pulse;
use crate::source::file_name;
use crate::spooler::Spooler;
use crate::wayback::WayBack;
use crate::worker::off_loop;
use crate::{Error, ErrorKind};

/// Everything a pipeline needs to know about its past.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) start: Start,
    pub(crate) history: History,
}

/// What the chain's past is asked with.
pub(crate) struct Asking {
    pub(crate) finder: Finder,
    /// The source's backups, as of now.
    pub(crate) backups: Backups,
    pub(crate) machine_id: Option<[u8; 16]>,
    /// How long nothing is sent after a loss of state; `None`: for as long as an upload may take.
    pub(crate) hold: Option<Duration>,
    /// A chain that isn't there is an error: none is to be begun.
    pub(crate) only_existing: bool,
    /// Keys whose chains of this name are none of ours.
    pub(crate) beside: Vec<VerifierKey>,
}

/// Asks the store what it has of a chain.
#[derive(Clone)]
pub(crate) struct Finder {
    pub(crate) origin: Origin,
    pub(crate) key: VerifierKey,
    pub(crate) store: Arc<dyn Store>,
    /// After so long without an answer of the store: give up.
    pub(crate) give_up: Option<Duration>,
    pub(crate) backoff: Backoff,
    /// What was found to be none of the chain's notes.
    pub(crate) judged: Judged,
    /// Where it shows that the store is asked.
    pub(crate) pulse: Arc<Pulse>,
}

impl Finder {
    /// What the store has of the chain, once it has answered.
    pub(crate) async fn find(&self) -> Result<Found, Error> {
        self.find_newest(KnownChain::default()).await
    }

    /// The same for a node that knows so much of it.
    pub(crate) async fn find_newest(&self, known: KnownChain) -> Result<Found, Error> {
        let (store, trusted) = (Arc::clone(&self.store), std::slice::from_ref(&self.key));
        let question = Question::new(store, &self.origin, trusted, &self.judged);
        let question = question.knowing(known.newest);
        let question = match known.days {
            Some(days) => question.from(days),
            None => question,
        };
        // After an error of the store it goes on where it was: a year's chain has millions of keys.
        let question = tokio::sync::Mutex::new(question);
        let refusal = || question.try_lock().ok()?.refusal();
        patiently_or(self, || async { question.lock().await.answer().await }, refusal).await
    }
}

const ALTERED: &str = "the disk, or somebody, altered it: move the chain's state directory away, and \
     auditseal goes on from the store with what the log's files still have; what was sealed and isn't \
     stored is in the directory's other objects";

/// The whole of a spooled object, as it is to be sent: what the disk altered isn't.
pub(crate) fn read_to_send(spool: &mut Spool, key: &ObjectKey) -> Result<Vec<u8>, Error> {
    let bytes = spool.read_to_send(key)?;
    let sealed = ObjectSeal::read(&bytes).and_then(|note| {
        note.check_frame(&bytes, bytes.len() as u64)?;
        let blocks = note.blocks();
        let at = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(bytes.len());
        let same = hash(&bytes[at(blocks.start)..at(blocks.end)]) == note.seal.payload.blocks;
        let altered = || Fault::Tampered("the blocks' hash isn't the signed one".to_owned());
        if same { Ok(()) } else { Err(altered()) }
    });
    match sealed {
        Ok(()) => Ok(bytes),
        Err(fault) => {
            let what = format!("upload spooled object {key}");
            Err(Error::new(ErrorKind::Other, &what, fault).hint(ALTERED))
        }
    }
}

/// What the note of a spooled object states.
pub(crate) fn read_seal(spool: &Spool, key: &ObjectKey) -> Result<Seal, Error> {
    Ok(read_object(spool, key)?.seal)
}

fn read_object(spool: &Spool, key: &ObjectKey) -> Result<ObjectSeal, Error> {
    let tail = spool.read_tail(key, MAX_SEAL_BLOCK as u64)?;
    ObjectSeal::read(&tail).map_err(|e| {
        Error::new(ErrorKind::Other, &format!("read spooled object {key}"), e).hint(ALTERED)
    })
}

/// Finds out where the chain goes on.
///
/// `adopted`: it goes on behind objects that another process sent.
pub(crate) async fn past(spool: &Spooler, asking: &Asking, adopted: bool) -> Result<Past, Error> {
    let Here { spooled, newest, oldest, said, finals, held: is_held } =
        spool.run("open", read_spool).await?;
    let (Some(newest), Some(oldest)) = (newest, oldest) else {
        return from_store(spool, asking).await;
    };
    leaves_to_us(asking, &newest)?;
    let head = Head { hash: newest.hash(), seal: newest };
    let mut finals = match finals {
        Some(finals) => finals,
        // Only this file is lost: no state that decides what is signed, so no reanchor. From the
        // oldest object here on the spool itself knows; what is older is stored.
        None => {
            let origin = &asking.finder.origin;
            warn!(%origin, "the list of finished files is lost, or was cut: asking the store which are archived");
            let oldest = spool.run("read", move |spool| read_object(spool, &oldest)).await?;
            recall(spool, asking, (&oldest, None), vec![]).await?
        }
    };
    finals.extend(said);
    let history = history(&head.seal, asking.backups.needed(finals));
    // After a crash too: what was sent before the state was lost may arrive behind what is sealed here.
    let hold = match (adopted, is_held) {
        (true, _) => held(asking, "another process with this chain's key was met"),
        (false, true) => held(
            asking,
            "nothing was uploaded yet since another process's objects were met, or the state was lost",
        ),
        (false, false) => 0,
    };
    Ok(Past { start: Start { head: Some(head), spooled, reanchor: None, hold }, history })
}

/// Whether the seal behind this one is to be made with our key. One by any other would make the chain
/// wrong for ever: it can't be taken back.
pub(crate) fn leaves_to_us(asking: &Asking, newest: &Seal) -> Result<(), Error> {
    if newest.next == asking.finder.key {
        return Ok(());
    }
    let why = format!("its newest seal leaves the next one to another key: {}", newest.next);
    Err(wrong_key(asking, why))
}

/// Why a node that has no state begins anew behind what the store has.
pub(crate) const REASONS: [&str; 2] = ["state-lost", "machine-changed"];

/// What the spool holds.
#[derive(Default)]
pub(crate) struct Here {
    pub(crate) spooled: Spooled,
    /// The newest object's note: of the others, tens of thousands after an outage, none is kept.
    newest: Option<Seal>,
    oldest: Option<ObjectKey>,
    /// What the objects' notes say is final.
    said: Vec<Final>,
    /// What notes before them said, if that isn't lost.
    finals: Option<Vec<Final>>,
    /// Nothing may be sent at once.
    held: bool,
}

pub(crate) fn read_spool(spool: &mut Spool) -> Result<Here, Error> {
    spool.recover()?;
    let mut here = Here { held: spool.is_held(), ..Here::default() };
    for entry in spool.entries() {
        let ObjectSeal { seal, hash, .. } = read_object(spool, &entry.key)?;
        check_date(&entry.key, here.newest.as_ref())?;
        let own = seal.seq == entry.key.seq && seal.origin == entry.key.origin;
        if !own {
            let what = format!("read spooled object {}", entry.key);
            let why = "another object stands there than its name says";
            return Err(Error::new(ErrorKind::Other, &what, why).hint(ALTERED));
        }
        here.spooled.push(&entry.key, entry.size, &seal, hash);
        here.said.extend(Final::of(&seal));
        here.oldest.get_or_insert(entry.key);
        here.newest = Some(seal);
    }
    here.finals = spool.finals()?;
    Ok(here)
}

/// Refuses a spooled object under a name that somebody gave it: it would be stored under that, where no
/// verifier looks for it. `before` is the newest note of those before it that is known.
fn check_date(key: &ObjectKey, before: Option<&Seal>) -> Result<(), Error> {
    let right = match before {
        _ if key.seq == 0 => ObjectKey::genesis(key.origin.clone()),
        Some(before) if before.seq + 1 == key.seq => ObjectKey::after(before),
        // Of one that is lost nothing is known here; of one that is stored, the store tells.
        _ => return Ok(()),
    };
    if right.date == key.date { Ok(()) } else { Err(misdated(key, &right)) }
}

fn misdated(key: &ObjectKey, right: &ObjectKey) -> Error {
    let (what, date) = (format!("upload spooled object {key}"), right.date);
    let why = format!("its file was renamed: its date is {date}, by the seal before it");
    Error::new(ErrorKind::Other, &what, why).hint(
        "give the file in the state directory that date again; nothing is uploaded from there before",
    )
}

/// The same of the object that a store's head tells the date of: its own, or the one before it.
pub(crate) fn check_against(spool: &Spool, head: &HeadFound) -> Result<(), Error> {
    let (found, after) = (&head.object, ObjectKey::after(&head.object.seal));
    for entry in spool.entries().take_while(|entry| entry.key.seq <= after.seq) {
        let right = match entry.key.seq {
            seq if seq == after.seq => &after,
            seq if seq == head.key.seq => &head.key,
            _ => continue,
        };
        if entry.key.date == right.date {
            continue;
        }
        // Another history than the store's has dates of its own.
        let note = read_object(spool, &entry.key)?;
        let same = note.hash == found.hash || note.seal.prev == Some(found.hash);
        if same {
            return Err(misdated(&entry.key, right));
        }
    }
    Ok(())
}

/// No object in the spool: a new chain, or the state was lost.
async fn from_store(spool: &Spooler, asking: &Asking) -> Result<Past, Error> {
    let Found { head, foreign, days } = asking.finder.find().await?;
    let Some(found) = head else {
        // A second chain beside it would look like a fork for ever, so somebody must decide.
        if let Some((key, by)) = foreign {
            if !asking.beside.contains(&by) {
                return Err(another_key(asking, &by));
            }
            let origin = &asking.finder.origin;
            warn!(%origin, %key, %by, "another key has begun a chain of this name: as told, ours begins beside it");
        }
        if asking.only_existing {
            let what = format!("retire {}", &asking.finder.origin);
            let hint =
                "check --cluster, --node, --source and --store; `auditseal ls` shows what is there";
            return Err(
                Error::new(ErrorKind::Usage, &what, "the store has no such chain").hint(hint)
            );
        }
        failpoint!("agent.start.new");
        spool.run("begin", |spool| Ok(spool.replace_finals(&[])?)).await?;
        failpoint!("agent.start.begun");
        return Ok(Past { start: Start::default(), history: History::default() });
    };
    let head = found.object;
    let reason = match (head.seal.machine_id, asking.machine_id) {
        (Some(theirs), Some(ours)) if theirs != ours => REASONS[1],
        _ => REASONS[0],
    };
    let (origin, seq) = (&asking.finder.origin, head.seal.seq);
    warn!(%origin, seq, reason, "no state on this node: going on from the store");
    let newest = Final::of(&head.seal).collect();
    let finals = recall(spool, asking, (&head, days), newest).await?;
    let history = history(&head.seal, finals);
    let (reanchor, hold) = (Some(reason), held(asking, "the state was lost"));
    if hold > 0 {
        spool.run("hold", |spool| Ok(spool.hold()?)).await?;
    }
    let (head, spooled) = (Head { hash: head.hash, seal: head.seal }, Spooled::default());
    Ok(Past { start: Start { head: Some(head), spooled, reanchor, hold }, history })
}

/// For how long nothing may be sent: an upload that was begun before, by whomever, has arrived by
/// then, or never will. Met before anything of ours is sent it is gone on from; met behind it, there
/// are two signed notes for one place.
fn held(asking: &Asking, why: &str) -> u64 {
    let allowance = asking.hold.unwrap_or_else(|| asking.finder.store.allowance());
    if !allowance.is_zero() {
        let origin = &asking.finder.origin;
        warn!(%origin, "{why}: nothing is uploaded for {allowance:.0?}, while uploads of before may still arrive; what is read meanwhile is sealed on this node");
    }
    nanos(allowance)
}

/// That a chain of our name, by another key, stands where ours should.
pub(crate) fn beside_another(asking: &Asking, key: &VerifierKey) -> Error {
    // What was sealed here stays: its lines may be nowhere else any more.
    another_key(asking, key).hint(
        "use the key that began the chain, with this chain's state moved away, \
         or another --cluster, --node or source name; until then nothing is archived. If nobody \
         of yours has that key, --begin-beside VKEY with that vkey begins this chain beside it",
    )
}

fn another_key(asking: &Asking, key: &VerifierKey) -> Error {
    wrong_key(asking, format!("the store has it, signed by another key: {key}")).hint(
        "use the key that began the chain, or another --cluster, --node or source name; until \
         then nothing is archived. Whoever may write to the bucket can put one there: if nobody of \
         yours has that key, --begin-beside VKEY with that vkey begins this chain beside it",
    )
}

fn wrong_key(asking: &Asking, why: String) -> Error {
    Error::new(ErrorKind::Usage, &format!("extend chain {}", &asking.finder.origin), why)
        .hint("use the key that began the chain, or another --cluster, --node or source name")
}

/// Collects from the chain in the store which files are final before `head`, as far as a file on
/// disk may ask, and keeps the answer.
async fn recall(
    spool: &Spooler,
    asking: &Asking,
    (head, days): (&ObjectSeal, Option<Days>),
    newest: Vec<Final>,
) -> Result<Vec<Final>, Error> {
    let untold = asking.backups.untold.clone();
    let untold = off_loop(move || Ok(untold.read())).await?;
    let way = Mutex::new(WayBack::new(&asking.backups, untold, head, newest));
    // After an error of the store it goes on where it was: a year's chain has millions of notes.
    let walk = pin!(walk_back(Arc::clone(&asking.finder.store), head, days));
    let walk = tokio::sync::Mutex::new(walk);
    let walk = || async {
        let mut walk = walk.lock().await;
        while !locked(&way).is_over()
            && let Some(step) = walk.next().await
        {
            match step {
                Ok(before) => locked(&way).met(before),
                Err(error) if is_gone(&error) => {
                    locked(&way).broken(&error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    };
    patiently(&asking.finder, walk).await?;
    let finals = way.into_inner().unwrap_or_else(PoisonError::into_inner).end();
    failpoint!("agent.recall.before");
    let finals = spool.run("write finals", move |spool| {
        spool.replace_finals(&finals)?;
        Ok(finals)
    });
    let finals = finals.await?;
    failpoint!("agent.recall.after");
    Ok(finals)
}

/// Whether a note isn't there, deleted by whoever may, or lies where it must be restored first.
pub(crate) fn is_gone(error: &auditseal_reader::Error) -> bool {
    match error {
        auditseal_reader::Error::Found(finding) => finding.verdict == Verdict::Missing,
        auditseal_reader::Error::Store(error) => error.kind() == Kind::Archived,
        _ => false,
    }
}

fn history(head: &Seal, finals: Vec<Final>) -> History {
    let cursors = head.cursors.iter().map(|cursor| Known {
        file: cursor.file,
        offset: cursor.offset,
        anchor: cursor.anchor,
        name: file_name(&cursor.name),
    });
    let finals = finals.into_iter().map(|known| Known {
        file: known.file,
        offset: known.end,
        anchor: known.anchor,
        name: file_name(&known.name),
    });
    History { cursors: cursors.collect(), finals: finals.collect() }
}

/// Asks the store until it answers: without an answer nothing may be sealed, for a listing that
/// failed is not an empty bucket.
pub(crate) async fn patiently<T, F, A>(finder: &Finder, ask: A) -> Result<T, Error>
where
    A: FnMut() -> F,
    F: Future<Output = Result<T, auditseal_reader::Error>>,
{
    patiently_or(finder, ask, || None).await
}

/// The same; `refusal` tells what the store answered last, if it did, while nothing has come of
/// asking.
async fn patiently_or<T, F, A>(
    finder: &Finder,
    mut ask: A,
    refusal: impl Fn() -> Option<auditseal_store::Error>,
) -> Result<T, Error>
where
    A: FnMut() -> F,
    F: Future<Output = Result<T, auditseal_reader::Error>>,
{
    let (begun, mut said) = (Instant::now(), Complaints::default());
    let asks = finder.pulse.asks(begun);
    let mut last = None;
    for attempt in 1.. {
        let left = finder.give_up.map(|limit| limit.saturating_sub(begun.elapsed()));
        let answer = match left {
            None => ask().await,
            // A store that never answers mustn't outlast the limit within one question.
            Some(left) => match tokio::time::timeout(left, ask()).await {
                Ok(answer) => answer,
                Err(_) => return Err(given_up(refusal(), last)),
            },
        };
        match answer {
            Ok(answer) => return Ok(answer),
            Err(error) if !may_heal(&error) => return Err(lost(&error)),
            Err(error) => {
                asks.refused(kind(&error));
                let wait = Duration::from_nanos(finder.backoff.wait(attempt));
                if finder.give_up.is_some_and(|limit| begun.elapsed() + wait > limit) {
                    return Err(lost(&error));
                }
                // By kind: the words of a store hold a number that is another each time.
                if let Some(course) = said.met(kind(&error), nanos(begun.elapsed())) {
                    let what = format!("find the chain's head: {error}{course}");
                    warn!(attempt, "{what}; next attempt in {wait:.1?}");
                }
                last = Some(error);
                tokio::time::sleep(wait).await;
            }
        }
    }
    unreachable!("attempts don't run out")
}

/// The time is over. A store that answered, if only with a refusal, wasn't silent.
fn given_up(
    refusal: Option<auditseal_store::Error>,
    last: Option<auditseal_reader::Error>,
) -> Error {
    match refusal.map(Into::into).or(last) {
        Some(refusal) => lost(&refusal),
        None => {
            let why = "the store gave no answer in time";
            Error::new(ErrorKind::Store, "find the chain's head", why)
        }
    }
}

fn kind(error: &auditseal_reader::Error) -> &'static str {
    match error {
        auditseal_reader::Error::Store(error) => error.kind().name(),
        _ => "other",
    }
}

/// Whether asking again may help. What is found in the archive stays there; a bucket that isn't
/// there, or is elsewhere, a server that can't list it, or a wrong URL, is for somebody to mend
/// before anything begins.
fn may_heal(error: &auditseal_reader::Error) -> bool {
    match error {
        auditseal_reader::Error::Store(error) => {
            use Kind::{Elsewhere, Invalid, NoBucket, Unsupported};
            !matches!(error.kind(), Invalid | NoBucket | Elsewhere | Unsupported)
        }
        _ => false,
    }
}

pub(crate) fn lost(error: &auditseal_reader::Error) -> Error {
    let shown = Error::new(ErrorKind::Store, "find the chain's head", error);
    match error.hint() {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}
