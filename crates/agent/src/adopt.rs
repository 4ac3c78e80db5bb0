//! Going on from objects that the store has of this chain, and that this node doesn't know.

use std::sync::{Arc, Mutex};

use auditseal_archive::{Days, Found, HeadFound, walk_back};
use auditseal_format::{Hash, ObjectKey};
use auditseal_shipper::{Course, End, StoreHead, course};
use auditseal_spool::{Final, Spool, failpoint};
use futures::StreamExt as _;
use tracing::warn;

use crate::Error;
use crate::source::locked;
use crate::start::{Asking, is_gone, lost, patiently, read_spool, take_over};

/// What the store has beyond what this node has.
struct Theirs {
    /// Up to this seq both have the same; `None`: they differ from the genesis on.
    common: Option<u64>,
    /// What notes behind it say is final, oldest first.
    finals: Vec<Final>,
}

/// Goes on from what the store has, if it continues what both have; else says how the chain ends.
pub(crate) async fn adopt(spool: &Mutex<Spool>, asking: &Asking) -> Result<Option<End>, Error> {
    let Found { head: Some(found), days, .. } = asking.finder.find().await? else {
        return Ok(None);
    };
    let ours = read_spool(&mut locked(spool))?.spooled;
    let store = StoreHead { key: found.key.clone(), hash: found.object.hash };
    match course(&ours, Some(&store)) {
        Course::Begin | Course::TakeUp | Course::GoOn => return Ok(None),
        Course::Fork => return Ok(Some(fork(&found.key))),
        Course::Adopt => {}
    }
    let theirs = patiently(&asking.finder, || {
        walk(asking, (&found, &days), |seq, hash| ours.meets(seq, hash))
    });
    let theirs = match theirs.await? {
        Ok(theirs) => theirs,
        Err(end) => return Ok(Some(end)),
    };
    let (origin, seq) = (&asking.finder.origin, found.object.seal.seq);
    warn!(%origin, seq, common = theirs.common, "the store has this chain up to there, sent by another process with its key: going on from it");
    let key = &found.key;
    let limit = found.object.blocks().end + auditseal_format::MAX_SEAL_BLOCK as u64;
    let get = || async { Ok(asking.finder.store.get(&key.to_string(), None, limit).await?) };
    let object = patiently(&asking.finder, get).await?.bytes;
    let mut spool = locked(spool);
    failpoint!("agent.adopt.before");
    spool.discard_from(theirs.common.map_or(0, |common| common + 1))?;
    failpoint!("agent.adopt.discarded");
    spool.remember(&theirs.finals)?;
    take_over(&mut spool, key, &object)?;
    failpoint!("agent.adopt.after");
    Ok(None)
}

/// The way back from the store's head to what this node has too.
async fn walk(
    asking: &Asking,
    (found, days): (&HeadFound, &Option<Days>),
    meets: impl Fn(u64, &Hash) -> Option<bool>,
) -> Result<Result<Theirs, End>, auditseal_archive::Error> {
    let mut finals: Vec<_> = Final::of(&found.object.seal).collect();
    let (mut seq, mut common) = (found.object.seal.seq, None);
    let store = Arc::clone(&asking.finder.store);
    let mut steps = std::pin::pin!(walk_back(store, &found.object, days.clone()));
    while let Some(step) = steps.next().await {
        let before = match step {
            Ok(before) => before,
            Err(error) if is_gone(&error) => {
                let what = format!(
                    "the store has the chain up to seq {}, and this node can't follow it there: \
                     {}",
                    found.object.seal.seq,
                    lost(&error)
                );
                return Ok(Err(End::Forked(found.key.clone(), what)));
            }
            Err(error) => return Err(error),
        };
        seq = before.object.seal.seq;
        match meets(seq, &before.object.hash) {
            Some(true) => {
                common = Some(seq);
                break;
            }
            Some(false) => return Ok(Err(fork(&before.key))),
            None => {}
        }
        let mut earlier: Vec<_> = Final::of(&before.object.seal).collect();
        earlier.append(&mut finals);
        finals = earlier;
    }
    if common.is_none() && seq > 0 {
        return Ok(Err(fork(&found.key)));
    }
    Ok(Ok(Theirs { common, finals }))
}

fn fork(key: &ObjectKey) -> End {
    let what = "what the store has of this chain doesn't continue what this node has".to_owned();
    End::Forked(key.clone(), what)
}
