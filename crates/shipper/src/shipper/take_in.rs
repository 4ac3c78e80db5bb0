//! Taking in what looks and packers bring.

use auditseal_format::Kind;

use super::{Planned, Shipper, bare};
use crate::limits::{Limits, gap_weight};
use crate::short::{behind_short, close_short};
use crate::types::{Action, Job, Loss, Mode, PackedJob, Rest, Take};

impl<C: Clone> Shipper<C> {
    pub(super) fn looked(
        &mut self,
        takes: Vec<Take<C>>,
        losses: Vec<Loss>,
        rest: Rest,
        out: &mut Vec<Action<C>>,
    ) {
        let one_shot = self.config.mode == Mode::OneShot;
        let ended = self.look.end(rest, self.now, one_shot, self.stopping);
        self.drained |= ended.drained;
        let losses = losses.into_iter().filter_map(Loss::sound);
        let (early, mut late): (Vec<_>, Vec<_>) =
            losses.partition(|loss| self.precedes(loss, &takes));
        self.lose(early, out);
        for take in takes {
            if take.start == take.end && !take.is_final {
                continue;
            }
            // A file that a loss of this look begins, and that this one stands before.
            let begins = |loss: &mut Loss| loss.start == Some(0) && loss.file == take.before;
            if take.before.is_some() {
                let begun = late.extract_if(.., begins).collect();
                self.lose(begun, out);
            }
            if !self.planned.has(take.file) {
                self.make_room(out);
            }
            self.put(take, out);
        }
        self.lose(late, out);
        if ended.close {
            self.close_batch(out);
        }
        if self.open.is_empty() && self.queue.is_empty() && self.committing.is_none() {
            self.look.nothing_to_commit(self.now);
        }
    }

    /// Whether a gap may stand before what was taken in the same look, which then is what comes
    /// after it in time: its file was begun before, and nothing more is taken of it. One of no known
    /// file may if all that is taken is begun here.
    fn precedes(&self, loss: &Loss, takes: &[Take<C>]) -> bool {
        match loss.file {
            Some(file) => self.files.has(file) && takes.iter().all(|take| take.file != file),
            None => !takes.iter().any(|take| self.files.has(take.file)),
        }
    }

    /// Makes room for the cursor of one more file: that of the file which was begun first gives
    /// way. It is the one that is least likely to grow; if it does, it goes on behind its end.
    fn make_room(&mut self, out: &mut Vec<Action<C>>) {
        while self.planned.cursors().len() >= self.config.limits.cursors {
            let oldest = self.planned.cursors()[0].clone();
            self.put(Take::end_of(oldest.file, oldest.offset, oldest.anchor, oldest.name), out);
        }
    }

    /// Puts a take into the open batch, or, where that has no room for it, into a new one.
    fn put(&mut self, take: Take<C>, out: &mut Vec<Action<C>>) {
        if !self.open.fits(&take) {
            self.close_batch(out);
        }
        self.planned.taken(&take);
        self.open.push(take);
        if self.open.bytes() >= self.config.batch_bytes {
            self.close_batch(out);
        }
    }

    /// Plans gaps. They stand behind the bytes that were taken before.
    fn lose(&mut self, losses: Vec<Loss>, out: &mut Vec<Action<C>>) {
        let mut losses = losses.into_iter().peekable();
        while losses.peek().is_some() {
            // A file that is closed to make room may be one that a gap has just begun.
            if losses.peek().is_some_and(|loss| self.planned.begins(loss)) {
                self.make_room(out);
            }
            self.close_batch(out);
            let mut together = Vec::new();
            while let Some(loss) = losses.peek() {
                let full = self.planned.cursors().len() >= self.config.limits.cursors;
                if !together.is_empty() && full && self.planned.begins(loss) {
                    break;
                }
                self.planned.lose(loss);
                together.extend(losses.next());
            }
            for losses in in_seals(together, &self.config.limits) {
                self.plan(bare(Kind::Gap, losses));
            }
        }
    }

    /// Asks for takes to be packed, as one batch.
    pub(super) fn pack(&mut self, takes: Vec<Take<C>>, out: &mut Vec<Action<C>>) -> Planned<C> {
        self.tickets += 1;
        let (ticket, max_holes) = (self.tickets, self.config.limits.holes);
        out.push(Action::Pack(Job { ticket, takes: takes.clone(), max_holes }));
        Planned::Batch { ticket, takes, result: None }
    }

    pub(super) fn packed(&mut self, ticket: u64, done: Box<PackedJob>, out: &mut Vec<Action<C>>) {
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
        let both = [self.pack(takes, out), self.pack(rest, out)];
        let behind = self.queue.split_off(at + 1);
        self.queue.pop_back();
        self.queue.extend(both);
        self.queue.extend(behind);
    }
}

/// Losses in as many seals as they need.
pub(super) fn in_seals(losses: Vec<Loss>, limits: &Limits) -> Vec<Vec<Loss>> {
    let mut seals: Vec<Vec<Loss>> = Vec::new();
    let mut bytes = 0;
    for loss in losses {
        let weight = gap_weight(loss.name.as_ref());
        match seals.last_mut() {
            Some(seal) if seal.len() < limits.gaps && bytes + weight <= limits.gap_bytes() => {
                bytes += weight;
                seal.push(loss);
            }
            _ => {
                bytes = weight;
                seals.push(vec![loss]);
            }
        }
    }
    seals
}
