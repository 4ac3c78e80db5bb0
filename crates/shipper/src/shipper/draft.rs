//! Writing what is sealed next.

use auditseal_format::seal::{Payload, Word};
use auditseal_format::{FileName, Kind, ObjectKey, Packed, Seal, SealedBatch, hash};

use super::take_in::in_seals;
use super::{Planned, Shipper, bare};
use crate::limits::{SHORT_NAME, UNSIGNED};
use crate::short::ranges;
use crate::types::{Action, Loss, Now, PackedJob, Report, Take};

/// A promise holds for so many heartbeats: a restart or a slow store isn't silence.
const PROMISE: u64 = 3;

impl<C: Clone> Shipper<C> {
    /// What is there of the next batch that is planned.
    pub(super) fn next_batch(&self) -> Option<&Option<Box<PackedJob>>> {
        self.queue.iter().find_map(|planned| match planned {
            Planned::Batch { result, .. } => Some(result),
            Planned::Bare { .. } => None,
        })
    }

    pub(super) fn draft(
        &mut self,
        planned: Planned<C>,
        now: Now,
        out: &mut Vec<Action<C>>,
    ) -> (ObjectKey, Seal, Packed) {
        let mut seal = self.blank(now);
        let packed = match planned {
            Planned::Batch { takes, result, .. } => {
                let done = result.expect("a batch is sealed when its result is there");
                self.draft_batch(&takes, &done, &mut seal);
                if seal.ranges.is_empty() {
                    // Nothing of it could be read: a batch without ranges says nothing.
                    let gap = self.queue.pop_front().expect("all that was taken is lost");
                    return self.draft(gap, now, out);
                }
                done.packed
            }
            Planned::Bare { kind, reason, losses } => {
                seal.kind = kind;
                seal.reason = reason.and_then(Word::new);
                self.draft_gaps(losses, &mut seal, out);
                if kind == Kind::Final {
                    seal.next_by = None;
                }
                Packed::empty(self.compression, self.config.times)
                    .expect("libzstd took these settings before")
            }
        };
        self.draft_rest(&mut seal);
        let key = self.head.as_ref().map_or_else(
            || ObjectKey::genesis(self.config.origin.clone()),
            |head| ObjectKey::after(&head.seal),
        );
        (key, seal, packed)
    }

    /// The ranges of a batch. Gaps of what it lost come next, in front of everything planned: later
    /// ranges of the files join behind them.
    fn draft_batch(&mut self, takes: &[Take<C>], done: &PackedJob, seal: &mut Seal) {
        seal.kind = Kind::Batch;
        let lost = ranges(takes, done, &mut seal.ranges);
        seal.ranges.iter().for_each(|range| self.files.take(range));
        for losses in in_seals(lost, &self.config.limits).into_iter().rev() {
            self.queue.push_front(bare(Kind::Gap, losses));
        }
        if let Some((_, last)) = done.packed.payload.times {
            self.last_event = Some(last);
        }
    }

    /// Whatever is lost passes here, once: here it is reported.
    fn draft_gaps(&mut self, losses: Vec<Loss>, seal: &mut Seal, out: &mut Vec<Action<C>>) {
        losses.iter().for_each(|loss| self.files.lose(loss));
        out.extend(losses.iter().cloned().map(Report::Lost).map(Action::Report));
        let next = self.next_batch().and_then(Option::as_ref);
        let before = next.and_then(|done| done.packed.payload.times).map(|(first, _)| first);
        let gap = |loss: Loss| loss.gap(self.last_event, before);
        seal.gaps = losses.into_iter().map(gap).collect();
    }

    /// Cursors, and the pins that the seal has room for.
    fn draft_rest(&mut self, seal: &mut Seal) {
        seal.cursors = self.files.cursors().to_vec();
        let most = self.config.limits.seal_bytes.saturating_sub(UNSIGNED);
        if SealedBatch::seal_size(seal) > most {
            // The names are for people: where they have no room, their beginnings must do.
            for cursor in &mut seal.cursors {
                let name = cursor.name.as_bytes();
                cursor.name = FileName::new(&name[..name.len().min(SHORT_NAME)]);
            }
        }
        // Whatever room the rest leaves; never a seal for their sake, and never a batch closed
        // earlier: a pin helps a reader to choose among versions, and the lines need no reader's
        // help to be there.
        seal.stored = self.uploads.pins.take(seal);
    }

    /// A seal with everything that doesn't depend on what is sealed. What signer and payload
    /// decide is filled in when it is signed.
    fn blank(&self, now: Now) -> Seal {
        let head = self.head.as_ref();
        let promise = self.config.heartbeat.saturating_mul(PROMISE) / 1000;
        Seal {
            origin: self.config.origin.clone(),
            seq: head.map_or(0, |head| head.seal.seq + 1),
            kind: Kind::Heartbeat,
            prev: head.map(|head| head.hash),
            key: self.signer.key().clone(),
            next: self.signer.next().clone(),
            payload: Payload::placeholder(hash(b"")),
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
}
