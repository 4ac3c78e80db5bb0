//! The open batch: takes that will be sealed together.

use auditseal_format::FileName;
use auditseal_format::seal::MAX_RANGES;

use crate::types::Take;

/// Most NUL runs of a batch that become holes; further ones stay in the payload.
pub(crate) const MAX_HOLES: usize = 256;

/// Bytes of the seal that a batch's ranges and the cursors may take together. The rest of the
/// 64 KiB is for the fixed fields (with two long key names), the signature and the holes.
const SEAL_BUDGET: usize = 65_536 - 8_192 - MAX_HOLES * 48;

/// Takes in order.
#[derive(Debug)]
pub(crate) struct OpenBatch<C> {
    takes: Vec<Take<C>>,
    bytes: u64,
    seal_bytes: usize,
    /// Boot clock when the first take came.
    pub(crate) since: u64,
}

impl<C> OpenBatch<C> {
    pub(crate) fn new(cursors: usize) -> Self {
        // Cursors' names are bounded by the worst case: it is only an estimate of what is left.
        Self { takes: Vec::new(), bytes: 0, seal_bytes: cursors * 320, since: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.takes.is_empty()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the seal has room for one more take.
    pub(crate) fn fits(&self, take: &Take<C>) -> bool {
        let joins = self.takes.last().is_some_and(|last| continues(last, take));
        joins
            || self.takes.is_empty()
            || (self.takes.len() < MAX_RANGES
                && self.seal_bytes + weight(&take.name) <= SEAL_BUDGET)
    }

    /// Adds a take, joined with the one before where that is the same file going on.
    pub(crate) fn push(&mut self, take: Take<C>, now: u64) {
        if self.takes.is_empty() {
            self.since = now;
        }
        self.bytes += take.end - take.start;
        if let Some(last) = self.takes.last_mut().filter(|last| continues(last, &take)) {
            let mut parts = std::mem::take(&mut last.parts);
            parts.extend(take.parts);
            *last = Take { start: last.start, before: last.before, parts, ..take };
            return;
        }
        self.seal_bytes += weight(&take.name);
        self.takes.push(take);
    }

    pub(crate) fn close(self) -> Vec<Take<C>> {
        self.takes
    }
}

/// Whether `next` is the same file going on where `last` ended: one range, then, in the note.
fn continues<C>(last: &Take<C>, next: &Take<C>) -> bool {
    last.file == next.file && last.end == next.start && !last.is_final && !last.mid_line
}

/// Bytes that a range, its `before` and its cursor take in a seal, escapes included.
fn weight(name: &FileName) -> usize {
    2 * name.to_string().len() + 2 * (64 + 32 + 20 + 20 + 20 + 20 + 64 + 16) + 80
}
