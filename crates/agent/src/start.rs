//! Where a chain goes on: from the spool, or, when the node has lost its state, from the store.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use auditseal_archive::{Verdict, find_head, walk_back};
use auditseal_format::{MAX_SEAL_BLOCK, ObjectKey, ObjectSeal, Origin, Seal, VerifierKey};
use auditseal_shipper::{Backoff, Head, Spooled, Start};
use auditseal_spool::{Final, Spool, failpoint};
use auditseal_tail::{History, Known};
use auditseal_vault::{Kind, Store};
use futures::StreamExt as _;
use tracing::warn;

use crate::complaints::Complaints;
use crate::facts::nanos;
use crate::finals::{Backups, WayBack};
use crate::source::{file_name, locked};
use crate::{Error, ErrorKind};

/// Everything a pipeline needs to know about its past.
#[derive(Debug)]
pub(crate) struct Past {
    pub(crate) start: Start,
    pub(crate) history: History,
}

/// What the chain's past is asked with.
pub(crate) struct Asking<'a> {
    pub(crate) origin: &'a Origin,
    /// The source's backups, as of now.
    pub(crate) backups: Backups,
    pub(crate) key: &'a VerifierKey,
    pub(crate) machine_id: Option<[u8; 16]>,
    pub(crate) store: &'a Arc<dyn Store>,
    /// After so long without an answer of the store: give up.
    pub(crate) give_up: Option<Duration>,
    pub(crate) backoff: Backoff,
    /// A chain that isn't there is an error: none is to be begun.
    pub(crate) only_existing: bool,
}

/// What the note of a spooled object states.
pub(crate) fn read_seal(spool: &Spool, key: &ObjectKey) -> Result<Seal, Error> {
    Ok(read_object(spool, key)?.seal)
}

fn read_object(spool: &Spool, key: &ObjectKey) -> Result<ObjectSeal, Error> {
    let tail = spool.read_tail(key, MAX_SEAL_BLOCK as u64)?;
    ObjectSeal::read(&tail).map_err(|e| {
        Error::new(ErrorKind::Other, &format!("read spooled object {key}"), e).hint(
            "the disk altered it: move the chain's state directory away, \
             and auditseal goes on from the store",
        )
    })
}

/// Makes an object the head of this node's chain; the one before it leaves the spool.
pub(crate) fn take_over(
    spool: &mut Spool,
    key: &ObjectKey,
    object: &[u8],
) -> Result<ObjectSeal, Error> {
    let found = ObjectSeal::open(object)
        .map_err(|e| Error::new(ErrorKind::Other, &format!("take over {key}"), e))?;
    let before: Vec<_> = spool.entries().map(|entry| entry.key.clone()).collect();
    spool.commit(key, object)?;
    for old in before {
        let seal = read_seal(spool, &old)?;
        spool.remember(&Final::of(&seal).collect::<Vec<_>>())?;
        spool.discard(&old)?;
    }
    Ok(found)
}

/// Finds out where the chain goes on.
pub(crate) async fn past(spool: &Mutex<Spool>, asking: &Asking<'_>) -> Result<Past, Error> {
    let Here { spooled, newest, oldest, said, finals } = read_spool(&mut locked(spool))?;
    let (Some(newest), Some(oldest)) = (newest, oldest) else {
        return from_store(spool, asking).await;
    };
    // A seal by any other key would make the chain wrong for ever: it can't be taken back.
    if newest.next != *asking.key {
        let why = format!("its newest seal leaves the next one to another key: {}", newest.next);
        return Err(wrong_key(asking, why));
    }
    let head = Head { hash: newest.hash(), seal: newest };
    let mut finals = match finals {
        Some(finals) => finals,
        // Only this file is lost: no state that decides what is signed, so no reanchor. From the
        // oldest object here on the spool itself knows; what is older is stored.
        None => {
            let oldest = read_object(&locked(spool), &oldest)?;
            recall(spool, asking, &oldest, vec![]).await?
        }
    };
    finals.extend(said);
    let history = history(&head.seal, asking.backups.needed(finals));
    Ok(Past { start: Start { head: Some(head), spooled, reanchor: None }, history })
}

/// What the spool holds.
#[derive(Default)]
struct Here {
    spooled: Spooled,
    /// The newest object's note: of the others, tens of thousands after an outage, none is kept.
    newest: Option<Seal>,
    oldest: Option<ObjectKey>,
    /// What the objects' notes say is final.
    said: Vec<Final>,
    /// What notes before them said, if that isn't lost.
    finals: Option<Vec<Final>>,
}

fn read_spool(spool: &mut Spool) -> Result<Here, Error> {
    let mut here = Here::default();
    for entry in spool.entries() {
        let seal = read_seal(spool, &entry.key)?;
        here.spooled.push(&entry.key, entry.size, &seal);
        here.said.extend(Final::of(&seal));
        here.oldest.get_or_insert(entry.key);
        here.newest = Some(seal);
    }
    here.finals = spool.finals()?;
    Ok(here)
}

/// No object in the spool: a new chain, or the state was lost.
async fn from_store(spool: &Mutex<Spool>, asking: &Asking<'_>) -> Result<Past, Error> {
    let trusted = std::slice::from_ref(asking.key);
    let head = || find_head(Arc::clone(asking.store), asking.origin, trusted);
    let Some(found) = patiently(asking, head).await? else {
        let genesis = ObjectKey::genesis(asking.origin.clone());
        if let Some(key) = patiently(asking, || foreign(asking, &genesis)).await? {
            return Err(another_key(asking, &key));
        }
        if asking.only_existing {
            let what = format!("retire {}", asking.origin);
            let hint =
                "check --cluster, --node, --source and --store; `auditseal ls` shows what is there";
            return Err(
                Error::new(ErrorKind::Usage, &what, "the store has no such chain").hint(hint)
            );
        }
        failpoint!("agent.start.new");
        locked(spool).replace_finals(&[])?;
        failpoint!("agent.start.begun");
        return Ok(Past { start: Start::default(), history: History::default() });
    };
    let head = found.object;
    let reason = match (head.seal.machine_id, asking.machine_id) {
        (Some(theirs), Some(ours)) if theirs != ours => "machine-changed",
        _ => "state-lost",
    };
    let (origin, seq) = (asking.origin, head.seal.seq);
    warn!(%origin, seq, reason, "no state on this node: going on from the store");
    let newest = Final::of(&head.seal).collect();
    let finals = recall(spool, asking, &head, newest).await?;
    let history = history(&head.seal, finals);
    let reanchor = Some((reason, head.seal.epoch));
    let head = Head { hash: head.hash, seal: head.seal };
    Ok(Past { start: Start { head: Some(head), spooled: Spooled::default(), reanchor }, history })
}

/// Who else began a chain under our name, if somebody did: a wrong key file, most likely. A second
/// chain beside it would look like a fork for ever, so somebody must decide.
async fn foreign(
    asking: &Asking<'_>,
    genesis: &ObjectKey,
) -> Result<Option<VerifierKey>, auditseal_archive::Error> {
    let tail = asking.store.tail(&genesis.to_string(), None, MAX_SEAL_BLOCK as u64).await;
    let tail = match tail {
        Ok(tail) => tail,
        Err(error) if error.kind() == Kind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let found = ObjectSeal::read(&tail.bytes).ok().map(|object| object.seal);
    // Garbage is passed in the next epoch: it must not keep a chain from beginning.
    Ok(found.filter(|seal| seal.origin == *asking.origin && seal.key != *asking.key).map(|s| s.key))
}

/// Refuses to go on beside the chain of another key.
///
/// # Errors
/// That, or [`ErrorKind::Store`]: there was no answer.
pub(crate) async fn refuse_foreign(asking: &Asking<'_>, genesis: &ObjectKey) -> Result<(), Error> {
    match foreign(asking, genesis).await {
        Ok(None) => Ok(()),
        Ok(Some(key)) => Err(another_key(asking, &key)),
        Err(error) => Err(lost(&error)),
    }
}

fn another_key(asking: &Asking<'_>, key: &VerifierKey) -> Error {
    wrong_key(asking, format!("the store has it, signed by another key: {key}"))
}

fn wrong_key(asking: &Asking<'_>, why: String) -> Error {
    Error::new(ErrorKind::Usage, &format!("extend chain {}", asking.origin), why)
        .hint("use the key that began the chain, or another --cluster, --node or source name")
}

/// Collects from the chain in the store which files are final before `head`, as far as a file on
/// disk may ask, and keeps the answer.
async fn recall(
    spool: &Mutex<Spool>,
    asking: &Asking<'_>,
    head: &ObjectSeal,
    newest: Vec<Final>,
) -> Result<Vec<Final>, Error> {
    let way = Mutex::new(WayBack::new(&asking.backups, head, newest));
    // After an error of the store it goes on where it was: a year's chain has millions of notes.
    let walk = || async {
        let from = locked(&way).reached.clone();
        if locked(&way).is_over() {
            return Ok(());
        }
        let mut walk = std::pin::pin!(walk_back(Arc::clone(asking.store), &from).await?);
        while let Some(step) = walk.next().await {
            match step {
                Ok(before) => locked(&way).met(before),
                Err(error) if is_gone(&error) => {
                    locked(&way).broken(&error);
                    break;
                }
                Err(error) => return Err(error),
            }
            if locked(&way).is_over() {
                break;
            }
        }
        Ok(())
    };
    patiently(asking, walk).await?;
    let finals = way.into_inner().unwrap_or_else(PoisonError::into_inner).end();
    failpoint!("agent.recall.before");
    locked(spool).replace_finals(&finals)?;
    failpoint!("agent.recall.after");
    Ok(finals)
}

/// Whether a note isn't there, deleted by whoever may, or lies where it must be restored first.
fn is_gone(error: &auditseal_archive::Error) -> bool {
    match error {
        auditseal_archive::Error::Found(finding) => finding.verdict == Verdict::Missing,
        auditseal_archive::Error::Store(error) => error.kind() == Kind::Archived,
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
async fn patiently<T, F, A>(asking: &Asking<'_>, mut ask: A) -> Result<T, Error>
where
    A: FnMut() -> F,
    F: Future<Output = Result<T, auditseal_archive::Error>>,
{
    let (begun, mut said) = (Instant::now(), Complaints::default());
    for attempt in 1.. {
        let left = asking.give_up.map(|limit| limit.saturating_sub(begun.elapsed()));
        let answer = match left {
            None => ask().await,
            // A store that never answers mustn't outlast the limit within one question.
            Some(left) => match tokio::time::timeout(left, ask()).await {
                Ok(answer) => answer,
                Err(_) => {
                    let why = "the store gave no answer in time";
                    return Err(Error::new(ErrorKind::Store, "find the chain's head", why));
                }
            },
        };
        match answer {
            Ok(answer) => return Ok(answer),
            Err(error) if !may_heal(&error) => return Err(lost(&error)),
            Err(error) => {
                let wait = Duration::from_nanos(asking.backoff.wait(attempt));
                if asking.give_up.is_some_and(|limit| begun.elapsed() + wait > limit) {
                    return Err(lost(&error));
                }
                // By kind: the words of a store hold a number that is another each time.
                if let Some(course) = said.met(kind(&error), nanos(begun.elapsed())) {
                    let what = format!("find the chain's head: {error}{course}");
                    warn!(attempt, "{what}; next attempt in {wait:.1?}");
                }
                tokio::time::sleep(wait).await;
            }
        }
    }
    unreachable!("attempts don't run out")
}

fn kind(error: &auditseal_archive::Error) -> &'static str {
    match error {
        auditseal_archive::Error::Store(error) => error.kind().name(),
        _ => "other",
    }
}

/// Whether asking again may help. What is found in the archive stays there; a bucket that isn't
/// there, or a wrong URL, is for somebody to mend before anything begins.
fn may_heal(error: &auditseal_archive::Error) -> bool {
    match error {
        auditseal_archive::Error::Store(error) => {
            !matches!(error.kind(), Kind::Invalid | Kind::NoBucket)
        }
        _ => false,
    }
}

fn lost(error: &auditseal_archive::Error) -> Error {
    let shown = Error::new(ErrorKind::Store, "find the chain's head", error);
    match error.hint() {
        Some(hint) => shown.hint(hint),
        None => shown,
    }
}
