//! How stored objects leave the spool.

use std::collections::VecDeque;

use auditseal_format::ObjectKey;
use auditseal_shipper::Now;
use auditseal_spool::{Final, Spool, failpoint};
use auditseal_tail::FINALS_KEPT;
use tracing::warn;

use crate::complaints::say;
use crate::place::Place;
use crate::progress::ChainProgress;
use crate::start::read_seal;
use crate::{Error, finals};

/// The objects that are to leave the spool.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// With what each says is final, oldest first: more than one only while the disk refuses.
    objects: VecDeque<(ObjectKey, Vec<Final>)>,
    /// Finals in the spool from which on they are looked through.
    compact_above: usize,
}

impl Leaving {
    pub(crate) fn new() -> Self {
        let compact_above = finals::compact_above(FINALS_KEPT);
        Self { objects: VecDeque::new(), compact_above }
    }

    /// Takes an object out of the spool. What it says is final is remembered first: otherwise a
    /// crash in between would have those files read again from the start.
    ///
    /// A disk that refuses, being full most likely, is no reason to end: the object is stored, and
    /// leaves together with the next one, or after the next start.
    pub(crate) fn discard(
        &mut self,
        key: ObjectKey,
        spool: &mut Spool,
        place: &Place,
        progress: &ChainProgress,
        now: Now,
    ) -> Result<(), Error> {
        let seal = read_seal(spool, &key)?;
        // Read once: a removal that is reported as failed may be done all the same.
        self.objects.push_back((key, Final::of(&seal).collect()));
        while let Some((key, finals)) = self.objects.front() {
            failpoint!("agent.discard.before");
            let removed = spool.remember(finals).and_then(|()| {
                failpoint!("agent.discard.remembered");
                spool.discard(key)
            });
            let nanos = now.boot.nanos;
            if let Err(error) = removed {
                let what = format!("discard: {error}");
                let course = progress.facts().said.discards.met(&what, nanos);
                if let Some(course) = course {
                    warn!(%key, "{what}{course}; next attempt with the next object");
                }
                break;
            }
            let over = progress.facts().said.discards.over(nanos);
            say(&place.origin, over);
            failpoint!("agent.discard.after");
            if spool.remembered() > self.compact_above {
                // It is a matter of room: what is there does no harm until there is more of it.
                if let Err(error) = finals::compact(spool, place, now.wall) {
                    warn!("forget finished files: {error}");
                }
                self.compact_above = finals::compact_above(spool.remembered());
            }
            self.objects.pop_front();
        }
        Ok(())
    }
}
