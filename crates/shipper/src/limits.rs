//! How much goes into one seal, and how much is kept in memory.

use auditseal_format::seal::{MAX_CURSORS, MAX_GAPS, MAX_HOLES, MAX_RANGES, MAX_STORED};
use auditseal_format::{FileName, MAX_SEAL_BLOCK};

/// Bounds of one chain's shipper.
///
/// None of them decides what is archived: what one seal has no room for goes into the next. The
/// defaults are those of production. Tests lower them; what is above the format's bound, or too low
/// for a seal to say anything, is taken for the nearest value that works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most ranges of a batch.
    pub ranges: usize,
    /// Most NUL runs of a batch that become holes. Further ones stay in the payload.
    pub holes: usize,
    /// Most losses in one gap seal.
    pub gaps: usize,
    /// Most files begun and not final. Where a further file begins, the one that was begun first is
    /// sealed as final: it may still grow, and then goes on behind that.
    pub cursors: usize,
    /// Most versions that one seal pins.
    pub stored: usize,
    /// Most bytes of a seal, with its block header. A seal of one range and all cursors may take
    /// more than a lowered value.
    pub seal_bytes: usize,
    /// Most versions that wait to be pinned; the oldest give way. What an object is doesn't hang on
    /// its pin.
    pub waiting_pins: usize,
    /// Longest version id that is pinned, bytes.
    pub version_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            ranges: MAX_RANGES,
            holes: 256,
            gaps: MAX_GAPS,
            cursors: MAX_CURSORS,
            stored: MAX_STORED,
            seal_bytes: MAX_SEAL_BLOCK,
            waiting_pins: 1024,
            version_bytes: MAX_VERSION,
        }
    }
}

/// Longest version id that a note holds, bytes.
const MAX_VERSION: usize = 1024;

/// Bytes of a seal that its lists don't take, at most: fixed lines with the longest origin and key
/// names, escapes, signature.
const FIXED: usize = 5120;
/// Bytes of a seal that aren't known before it is signed: the payload's numbers and times.
pub(crate) const UNSIGNED: usize = 1024;
/// Bytes of a file's identity in a note, at most.
const FILE: usize = 64 + 1 + 20 + 1 + 10;
/// Bytes of a `hole` line, at most; each line's newline takes two.
const HOLE: usize = "hole ".len() + 20 + 1 + 20 + 2;
/// Bytes of a name that is shortened for want of room, before escaping.
pub(crate) const SHORT_NAME: usize = 16;
/// Bytes of a `cursor` line with such a name, at most.
const SHORT_CURSOR: usize = "cursor ".len() + FILE + 1 + 20 + 1 + 64 + 1 + 3 * SHORT_NAME + 2;

impl Limits {
    /// The same, within what the format allows and what a seal needs.
    #[must_use]
    pub(crate) fn within_format(self) -> Self {
        Self {
            ranges: self.ranges.clamp(1, MAX_RANGES),
            // What they leave must hold a range with the longest name.
            holes: self.holes.min(Self::default().holes).min(MAX_HOLES),
            gaps: self.gaps.clamp(1, MAX_GAPS),
            cursors: self.cursors.clamp(1, MAX_CURSORS),
            stored: self.stored.min(MAX_STORED),
            seal_bytes: self.seal_bytes.min(MAX_SEAL_BLOCK),
            waiting_pins: self.waiting_pins,
            version_bytes: self.version_bytes.min(MAX_VERSION),
        }
    }

    /// Bytes of a batch's seal that its ranges may take together: what is left when there are as
    /// many holes and cursors as there may be, these with short names.
    pub(crate) fn range_bytes(&self) -> usize {
        self.gap_bytes().saturating_sub(self.holes * HOLE)
    }

    /// Bytes of a gap seal that its gaps may take together.
    pub(crate) fn gap_bytes(&self) -> usize {
        self.seal_bytes.saturating_sub(FIXED + self.cursors * SHORT_CURSOR)
    }
}

/// Bytes that a range and its `before` take in a seal, at most.
pub(crate) fn range_weight(name: &FileName) -> usize {
    let range = "range ".len() + FILE + 3 * (1 + 20) + (1 + 18) + (1 + 64) + 1 + 2;
    range + name.to_string().len() + "before ".len() + FILE + 2
}

/// Bytes that a gap takes in a seal, at most.
pub(crate) fn gap_weight(name: Option<&FileName>) -> usize {
    let name = name.map_or(1, |name| name.to_string().len());
    "gap ".len() + FILE + 2 * (1 + 20) + (1 + 64) + 2 * (1 + 27) + 1 + name + 2
}
