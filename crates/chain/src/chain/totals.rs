//! Sums over the notes of a chain.

use auditseal_format::{ObjectSeal, Time, joined_times};

/// Sums over the accepted notes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Notes that are the chain's.
    pub seals: u64,
    /// Lines in them.
    pub lines: u64,
    /// Bytes of these lines.
    pub bytes: u64,
    /// Bytes of the objects.
    pub stored_bytes: u64,
    /// Lines that the writer didn't recognise as audit events.
    pub malformed: u64,
    /// Payloads that were decompressed.
    pub decompressed: u64,
    /// The lowest and the highest time that the notes state.
    pub times: Option<(Time, Time)>,
}

impl Totals {
    /// Adds a note, and the bytes of its object.
    pub(super) fn add(&mut self, object: &ObjectSeal, size: u64) {
        let (payload, sum) = (&object.seal.payload, self);
        sum.seals += 1;
        // Sizes are the signer's words: a sum must not be what stops the report.
        sum.lines = sum.lines.saturating_add(payload.root.lines);
        sum.bytes = sum.bytes.saturating_add(payload.bytes);
        sum.stored_bytes = sum.stored_bytes.saturating_add(size);
        sum.malformed = sum.malformed.saturating_add(payload.malformed);
        sum.times = joined_times(sum.times, payload.times);
    }
}
