//! What must hold in every note beyond its grammar.

use std::collections::HashSet;

use auditseal_audit::TimeField;
use auditseal_merkle::FRAME_CAPACITY;

use super::parse::malformed;
use super::{
    Gap, Kind, MAX_CURSORS, MAX_GAPS, MAX_HOLES, MAX_RANGES, MAX_SEQ, MAX_STORED, MalformedNote,
    Range, Seal,
};
use crate::frame::{MAX_WINDOW_LOG, MIN_WINDOW_LOG};

impl Seal {
    /// Checks the rules under "What must hold in every note" in FORMAT.md.
    ///
    /// # Errors
    /// The first rule that is broken.
    pub fn validate(&self) -> Result<(), MalformedNote> {
        let rules = [
            (self.seq <= MAX_SEQ, "seq is too high"),
            ((self.seq == 0) == (self.kind == Kind::Genesis), "seq 0 and only it is the genesis"),
            ((self.seq == 0) == self.prev.is_none(), "seq 0 and only it has no prev"),
            ((self.kind == Kind::Batch) != self.ranges.is_empty(), "ranges belong in a batch"),
            ((self.kind == Kind::Gap) != self.gaps.is_empty(), "gap lines belong in a gap"),
            (
                (self.kind == Kind::Final) == self.next_by.is_none(),
                "a final and only it promises nothing",
            ),
            (self.kind != Kind::Reanchor || self.reason.is_some(), "a reanchor has a reason"),
        ];
        check(&rules)?;
        self.validate_keys()?;
        self.validate_lengths()?;
        self.validate_payload()?;
        self.ranges.iter().try_for_each(Range::validate)?;
        self.gaps.iter().try_for_each(Gap::validate)?;
        let mut files = HashSet::new();
        let unique = self.cursors.iter().all(|cursor| files.insert(cursor.file));
        let pinned = self.stored.iter().all(|stored| stored.seq < self.seq);
        check(&[(unique, "two cursors for one file"), (pinned, "stored names a later object")])
    }

    /// A key signs what its name says, and nothing else: what another node's key says of this chain
    /// is no seal of it.
    fn validate_keys(&self) -> Result<(), MalformedNote> {
        for (line, key) in [("key", &self.key), ("next", &self.next)] {
            if !self.origin.admits(key) {
                let name = key.name();
                let what =
                    format!("'{line}' is a key for {name}, and the chain is {}", self.origin);
                return Err(malformed(what));
            }
        }
        Ok(())
    }

    /// The lists are bounded: what a reader would refuse must not be signed.
    fn validate_lengths(&self) -> Result<(), MalformedNote> {
        let holes: usize = self.ranges.iter().map(|range| range.holes.len()).sum();
        check(&[
            (self.ranges.len() <= MAX_RANGES, "too many ranges"),
            (holes <= MAX_HOLES, "too many holes"),
            (self.gaps.len() <= MAX_GAPS, "too many gaps"),
            (self.cursors.len() <= MAX_CURSORS, "too many cursors"),
            (self.stored.len() <= MAX_STORED, "too many stored objects"),
        ])
    }

    fn validate_payload(&self) -> Result<(), MalformedNote> {
        let payload = &self.payload;
        let (lines, chunks) = (payload.root.lines, payload.root.chunks);
        let sizes = [lines, chunks, payload.bytes, payload.blocks_len];
        let uniform = sizes.iter().all(|n| *n == 0) || sizes.iter().all(|n| *n > 0);
        let most = chunks.saturating_mul(FRAME_CAPACITY as u64).saturating_add(lines);
        let sum = |of: fn(&Range) -> Option<u64>| {
            self.ranges.iter().try_fold(0_u64, |sum, range| sum.checked_add(of(range)?))
        };
        check(&[
            (uniform, "lines, chunks, bytes and blocks aren't all there or all absent"),
            (chunks >= lines && payload.bytes >= lines, "fewer chunks or bytes than lines"),
            (chunks <= payload.blocks_len, "more chunks than bytes of blocks"),
            (payload.bytes <= most, "more bytes than the chunks can hold"),
            (payload.malformed <= lines, "more malformed lines than lines"),
            (
                (MIN_WINDOW_LOG..=MAX_WINDOW_LOG).contains(&payload.window),
                "window is out of bounds",
            ),
            (payload.untimed <= lines, "more untimed lines than lines"),
            (
                payload.field != TimeField::None || payload.untimed == lines,
                "lines are timed, and none says how",
            ),
            (
                payload.times.is_none() == (payload.untimed == lines),
                "first and last are for lines with a time, and only for those",
            ),
            (payload.times.is_none_or(|(first, last)| first <= last), "first is after last"),
            (sum(|range| Some(range.lines)) == Some(lines), "the ranges' lines don't add up"),
            (sum(Range::payload_bytes) == Some(payload.bytes), "the ranges' bytes don't add up"),
        ])
    }
}

impl Range {
    fn validate(&self) -> Result<(), MalformedNote> {
        let mut free = Some(self.start);
        for hole in &self.holes {
            let end = hole.offset.checked_add(hole.length).filter(|end| *end <= self.end);
            // The first may lie at the start; each further one leaves a byte between.
            let fits = free.is_some_and(|free| hole.offset >= free) && hole.length > 0;
            free = end.filter(|_| fits).and_then(|end| end.checked_add(1));
            if free.is_none() {
                return Err(malformed(
                    "a hole lies outside its range or touches another".to_owned(),
                ));
            }
        }
        let bytes = self.payload_bytes();
        check(&[
            (self.start <= self.end, "a range ends before it starts"),
            (
                self.start < self.end || (self.is_final && !self.unterminated && self.lines == 0),
                "a range is empty and not just final",
            ),
            (bytes.is_some_and(|bytes| bytes >= self.lines), "a range has more lines than bytes"),
            (bytes == Some(0) || self.lines > 0, "a range has bytes and no lines"),
            (!self.unterminated || self.lines > 0, "an unterminated range has no lines"),
            (self.before != Some(self.file), "a file stands before itself"),
        ])
    }
}

impl Gap {
    fn validate(&self) -> Result<(), MalformedNote> {
        let ordered = match (self.start, self.end) {
            (Some(start), Some(end)) => start < end,
            (None, Some(_)) => false,
            _ => true,
        };
        check(&[
            (ordered, "a gap's offsets don't fit together"),
            (self.file.is_none() || self.start.is_some(), "a gap in a known file has no start"),
        ])
    }
}

fn check(rules: &[(bool, &str)]) -> Result<(), MalformedNote> {
    match rules.iter().find(|(holds, _)| !holds) {
        Some((_, what)) => Err(malformed((*what).to_owned())),
        None => Ok(()),
    }
}
