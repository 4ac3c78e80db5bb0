//! Going on from objects that the store has of this chain, and that this node doesn't know.
//!
//! ```text
//!  the store's head ──walk back, held against ours──▶ what both have ──▶ what only ours have is
//!                          │                                             sealed behind the head
//!                          └──▶ a fork: the two can't be one history     (repack.rs)
//! ```

use std::sync::{Arc, Mutex};

use auditseal_format::{Hash, MAX_SEAL_BLOCK, ObjectKey, ObjectSeal};
use auditseal_reader::{Before, Days, Found, HeadFound, walk_back};
use auditseal_shipper::{
    Adoption, Conflict, Course, End, Fork, Overlap, Spooled, StoreHead, course,
};
use auditseal_spool::{Final, Spool};
use futures::StreamExt as _;
use tracing::warn;

use crate::fork;
use crate::lock::locked;
use crate::opened::{Opened, same};
use crate::readback::find_note;
use crate::repack::{Making, Theirs, repack};
use crate::spooler::Spooler;
use crate::start::{Asking, is_gone, leaves_to_us, lost, patiently, read_seal, read_spool};
use crate::{Error, ErrorKind};

/// Goes on from what the store has, if it continues what both have; else says how the chain ends.
pub(crate) async fn adopt(
    spool: &Spooler,
    asking: &Asking,
    making: Making,
) -> Result<Option<End>, Error> {
    let Found { head: Some(found), days, .. } = asking.finder.find().await? else {
        return Ok(None);
    };
    let (ours, adoption) = spool.run("read", branch).await?;
    let store = StoreHead { key: found.key.clone(), hash: found.object.hash };
    match course(&ours, Some(&store)) {
        Course::Begin | Course::TakeUp | Course::GoOn => return Ok(None),
        Course::Fork => return Ok(Some(fork(&found.key))),
        Course::Adopt => {}
    }
    leaves_to_us(asking, &found.object.seal)?;
    let mut trail = Trail::new(&ours, adoption, &found);
    if let Some(end) = walk(asking, (&found, days), &mut trail).await? {
        return Ok(Some(end));
    }
    let Trail { common, mut finals, adoption, both, conflict, .. } = trail;
    finals.reverse();
    let differs = match conflict {
        Some(conflict) => Some(conflict),
        None => compare(spool, asking, both).await?,
    };
    if let Some((key, conflict)) = differs {
        let fork = spool.run("write fork", move |spool| fork::write(spool, key, &conflict)).await?;
        return Ok(Some(fork));
    }
    let object = fetch(asking, &Named::new(&found.key, &found.object)).await?;
    let (origin, seq) = (asking.finder.origin.clone(), found.object.seal.seq);
    warn!(%origin, seq, common, "the store has this chain up to there, sent by another process with its key: going on from it");
    let theirs = Theirs { common, finals, adoption, head: (found.key, object) };
    let sealed = spool.run("adopt", |spool| repack(spool, theirs, making)).await?;
    if sealed > 0 {
        warn!(%origin, sealed, "what only this node had sealed is sealed again behind it");
    }
    Ok(None)
}

/// What this node has.
fn branch(spool: &mut Spool) -> Result<(Spooled, Adoption), Error> {
    let spooled = read_spool(spool)?.spooled;
    let mut adoption = Adoption::default();
    for entry in spool.entries() {
        adoption.ours(&entry.key, &read_seal(spool, &entry.key)?);
    }
    Ok((spooled, adoption))
}

/// What was met on the way back from the store's head.
struct Trail<'a> {
    ours: &'a Spooled,
    adoption: Adoption,
    /// What they say is final, newest first.
    finals: Vec<Final>,
    /// Where theirs have bytes that ours have too, by object.
    both: Vec<(Named, Vec<Overlap>)>,
    conflict: Option<(ObjectKey, Conflict)>,
    /// The seq of the oldest of them.
    reached: u64,
    common: Option<u64>,
}

impl<'a> Trail<'a> {
    fn new(ours: &'a Spooled, adoption: Adoption, head: &HeadFound) -> Self {
        let (finals, both, reached) = (Vec::new(), Vec::new(), head.object.seal.seq);
        let mut trail =
            Self { ours, adoption, finals, both, conflict: None, reached, common: None };
        trail.add(&head.key, &head.object);
        trail
    }

    fn add(&mut self, key: &ObjectKey, note: &ObjectSeal) {
        match self.adoption.theirs(&note.seal) {
            Ok(both) if both.is_empty() => {}
            Ok(both) => self.both.push((Named::new(key, note), both)),
            Err(conflict) => self.conflict = Some((key.clone(), conflict)),
        }
        let finals: Vec<_> = Final::of(&note.seal).collect();
        self.finals.extend(finals.into_iter().rev());
        self.reached = note.seal.seq;
    }

    /// Takes the note before. Returns how it ends, if it does.
    fn met(&mut self, before: &Before) -> Option<Option<End>> {
        let seq = before.object.seal.seq;
        match self.ours.meets(seq, &before.object.hash) {
            Some(true) => {
                self.common = Some(seq);
                return Some(None);
            }
            Some(false) => return Some(Some(fork(&before.key))),
            None => self.add(&before.key, &before.object),
        }
        None
    }
}

/// Goes back from the store's head to what this node has too. After an error of the store it goes on
/// where it was. Returns the fork, where it doesn't get there.
async fn walk(
    asking: &Asking,
    (head, days): (&HeadFound, Option<Days>),
    trail: &mut Trail<'_>,
) -> Result<Option<End>, Error> {
    let trail = Mutex::new(trail);
    let steps = std::pin::pin!(walk_back(Arc::clone(&asking.finder.store), &head.object, days));
    let steps = tokio::sync::Mutex::new(steps);
    let walk = || async {
        let mut steps = steps.lock().await;
        while let Some(step) = steps.next().await {
            match step {
                Ok(before) => {
                    if let Some(end) = locked(&trail).met(&before) {
                        return Ok(end);
                    }
                }
                Err(error) if is_gone(&error) => {
                    let seq = head.object.seal.seq;
                    let why = lost(&error);
                    let what = format!(
                        "the store has the chain up to seq {seq}, and this node can't follow it there: {why}"
                    );
                    return Ok(Some(End::Forked(head.key.clone(), Fork::Other(what))));
                }
                Err(error) => return Err(error),
            }
        }
        // Back to the genesis, and nothing is common: one of the two began the chain anew.
        let begun = locked(&trail).reached == 0;
        Ok((!begun).then(|| fork(&head.key)))
    };
    patiently(&asking.finder, walk).await
}

/// Compares the bytes that both have. Returns where they differ.
async fn compare(
    spool: &Spooler,
    asking: &Asking,
    both: Vec<(Named, Vec<Overlap>)>,
) -> Result<Option<(ObjectKey, Conflict)>, Error> {
    for (named, overlaps) in both {
        let object = fetch(asking, &named).await?;
        let (key, theirs) = (named.key.clone(), named.key);
        let differs =
            spool.run("compare", move |spool| differs(spool, &theirs, &object, &overlaps)).await?;
        if let Some(conflict) = differs {
            return Ok(Some((key, conflict)));
        }
    }
    Ok(None)
}

fn differs(
    spool: &Spool,
    key: &ObjectKey,
    object: &[u8],
    overlaps: &[Overlap],
) -> Result<Option<Conflict>, Error> {
    let theirs = opened(key, object)?;
    let mut ours: Option<(&ObjectKey, Opened)> = None;
    for overlap in overlaps {
        let Overlap { file, name, start, end, ours: at } = overlap;
        let held = match ours.take() {
            Some(held) if held.0 == at => held,
            _ => (at, opened(at, &spool.read(at)?)?),
        };
        let content = |opened: &Opened| opened.content_of(*file, *start);
        if !content(&theirs).zip(content(&held.1)).is_some_and(|(a, b)| same(&a, &b, *start, *end))
        {
            let seq = at.seq;
            return Ok(Some(Conflict(format!(
                "it has other bytes at {start} to {end} of {name} than seq {seq} on this node"
            ))));
        }
        ours = Some(held);
    }
    Ok(None)
}

fn opened(key: &ObjectKey, object: &[u8]) -> Result<Opened, Error> {
    Opened::new(object).map_err(|e| Error::new(ErrorKind::Other, &format!("open {key}"), e))
}

/// An object in the store, known by its note.
struct Named {
    key: ObjectKey,
    hash: Hash,
    /// Bytes that it has at most.
    most: u64,
}

impl Named {
    fn new(key: &ObjectKey, note: &ObjectSeal) -> Self {
        let most = note.blocks().end + MAX_SEAL_BLOCK as u64;
        Self { key: key.clone(), hash: note.hash, most }
    }
}

/// The whole object, whatever covers it.
async fn fetch(asking: &Asking, named: &Named) -> Result<Vec<u8>, Error> {
    let Named { key, hash, most } = named;
    let find = || async { Ok(find_note(&asking.finder.store, key, hash, *most).await?) };
    let why = "its note is there, and no version of the object is whole";
    let gone = || Error::new(ErrorKind::Store, &format!("read {key}"), why);
    Ok(patiently(&asking.finder, find).await?.ok_or_else(gone)?.to_vec())
}

fn fork(key: &ObjectKey) -> End {
    let what = "what the store has of this chain doesn't continue what this node has".to_owned();
    End::Forked(key.clone(), Fork::Other(what))
}
