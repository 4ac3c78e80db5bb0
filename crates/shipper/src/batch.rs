//! The open batch: takes that will be sealed together.

use crate::limits::{Limits, range_weight};
use crate::types::Take;

/// Takes in order.
#[derive(Debug)]
pub(crate) struct OpenBatch<C> {
    takes: Vec<Take<C>>,
    bytes: u64,
    /// Bytes of the seal that its ranges take, at most.
    seal_bytes: usize,
    limits: Limits,
}

impl<C> OpenBatch<C> {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { takes: Vec::new(), bytes: 0, seal_bytes: 0, limits }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.takes.is_empty()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether the seal has room for one more take. It always has for the first.
    pub(crate) fn fits(&self, take: &Take<C>) -> bool {
        let Some(last) = self.takes.last() else { return true };
        // Renamed meanwhile, a file that goes on may have a longer name.
        let (ranges, freed) = match continues(last, take) {
            true => (self.takes.len(), range_weight(&last.name)),
            false => (self.takes.len() + 1, 0),
        };
        let bytes = self.seal_bytes - freed + range_weight(&take.name);
        ranges <= self.limits.ranges && (ranges == 1 || bytes <= self.limits.range_bytes())
    }

    /// Adds a take, joined with the one before where that is the same file going on.
    pub(crate) fn push(&mut self, take: Take<C>) {
        self.bytes += take.end - take.start;
        if let Some(last) = self.takes.last_mut().filter(|last| continues(last, &take)) {
            let mut parts = std::mem::take(&mut last.parts);
            parts.extend(take.parts);
            self.seal_bytes -= range_weight(&last.name);
            self.seal_bytes += range_weight(&take.name);
            *last = Take { start: last.start, before: last.before, parts, ..take };
            return;
        }
        self.seal_bytes += range_weight(&take.name);
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
