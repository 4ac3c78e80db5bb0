//! What of a node's own seals isn't in another branch of its chain, and whether the two can be one.
//!
//! The store has notes of the chain that this node doesn't know: its own, sent before a snapshot of
//! its state was restored, or a double's. Where the chain goes on from those, what the node has sealed
//! since must neither be lost nor be stored twice:
//!
//! | a file's bytes        | in ours, sealed          | in ours, a gap                    |
//! |-----------------------|--------------------------|-----------------------------------|
//! | in theirs, sealed     | the same, or a conflict  | theirs: nothing is lost           |
//! | in theirs, a gap      | a conflict               | theirs                            |
//! | not in theirs         | left: packed again       | left: sealed again                |

use std::collections::BTreeMap;

use auditseal_format::seal::{Gap, Range};
use auditseal_format::{FileId, FileName, ObjectKey, Seal};

/// Two branches of a chain that say different things of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict(pub String);

/// Bytes of a file that both branches have: they must be the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlap {
    /// The file.
    pub file: FileId,
    /// Its name, in ours.
    pub name: FileName,
    /// First byte.
    pub start: u64,
    /// One past the last byte.
    pub end: u64,
    /// Which of our objects has them.
    pub ours: ObjectKey,
}

/// Something that only an object of ours has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Of the range at this index in its note: what is behind this byte of the file.
    Range(usize, u64),
    /// Of the gap at this index: what is behind this byte, if it knows any.
    Gap(usize, Option<u64>),
}

/// A range of ours.
#[derive(Debug)]
struct Piece {
    start: u64,
    end: u64,
    name: FileName,
    /// Which object has it.
    object: usize,
}

/// How far theirs has a file.
#[derive(Debug, Clone, Default)]
struct Reached {
    end: u64,
    /// It says that the file is final there.
    is_final: bool,
    /// From here on it says that everything is lost.
    closed: Option<u64>,
}

/// Holds our branch against theirs. First all of ours, then all of theirs, then what is left.
#[derive(Debug, Default)]
pub struct Adoption {
    /// Our objects that have ranges.
    objects: Vec<ObjectKey>,
    /// Our ranges, by file.
    ours: BTreeMap<FileId, Vec<Piece>>,
    theirs: BTreeMap<FileId, Reached>,
}

impl Adoption {
    /// Adds an object of ours.
    pub fn ours(&mut self, key: &ObjectKey, seal: &Seal) {
        let object = self.objects.len();
        for Range { file, start, end, name, .. } in &seal.ranges {
            let piece = Piece { start: *start, end: *end, name: name.clone(), object };
            self.ours.entry(*file).or_default().push(piece);
        }
        self.objects.extend(Some(key).filter(|_| !seal.ranges.is_empty()).cloned());
    }

    /// Adds an object of theirs, in any order. Returns the bytes that are to be compared.
    ///
    /// # Errors
    /// [`Conflict`], where it says that bytes are lost that ours has.
    pub fn theirs(&mut self, seal: &Seal) -> Result<Vec<Overlap>, Conflict> {
        let mut both = Vec::new();
        for range in &seal.ranges {
            let Range { file, start, end, is_final, .. } = *range;
            both.extend(self.overlaps(file, start, end));
            let reached = self.theirs.entry(file).or_default();
            if end > reached.end || (end == reached.end && is_final) {
                (reached.end, reached.is_final) = (end, is_final);
            }
        }
        for gap in &seal.gaps {
            self.gap(gap)?;
        }
        Ok(both)
    }

    fn gap(&mut self, gap: &Gap) -> Result<(), Conflict> {
        let Some((file, start)) = gap.file.zip(gap.start) else {
            return Ok(());
        };
        if let Some(sealed) = self.overlaps(file, start, gap.end.unwrap_or(u64::MAX)).next() {
            let Overlap { name, start, end, ours, .. } = sealed;
            let seq = ours.seq;
            return Err(Conflict(format!(
                "it says that bytes {start} to {end} of {name} are lost, which seq {seq} on this node holds"
            )));
        }
        let reached = self.theirs.entry(file).or_default();
        match gap.end {
            Some(end) if end > reached.end => (reached.end, reached.is_final) = (end, false),
            Some(_) => {}
            None => reached.closed = Some(start),
        }
        Ok(())
    }

    fn overlaps(&self, file: FileId, start: u64, end: u64) -> impl Iterator<Item = Overlap> + '_ {
        let ours = self.ours.get(&file).into_iter().flatten();
        ours.filter_map(move |piece| {
            let (start, end) = (piece.start.max(start), piece.end.min(end));
            let ours = || (piece.name.clone(), self.objects[piece.object].clone());
            (start < end).then(ours).map(|(name, ours)| Overlap { file, name, start, end, ours })
        })
    }

    /// What theirs doesn't have of an object of ours.
    #[must_use]
    pub fn left(&self, seal: &Seal) -> Vec<Left> {
        let ranges = seal.ranges.iter().enumerate().filter_map(|(at, range)| {
            let from = self.range_left(range)?;
            Some(Left::Range(at, from))
        });
        let gaps = seal.gaps.iter().enumerate().filter_map(|(at, gap)| {
            let from = self.gap_left(gap)?;
            Some(Left::Gap(at, from))
        });
        ranges.chain(gaps).collect()
    }

    /// Whether theirs says anything of a file.
    #[must_use]
    pub fn has(&self, file: &FileId) -> bool {
        self.theirs.contains_key(file)
    }

    fn range_left(&self, range: &Range) -> Option<u64> {
        let Some(reached) = self.theirs.get(&range.file) else { return Some(range.start) };
        if reached.closed.is_some() {
            return None;
        }
        let ends = range.is_final && range.end == reached.end && !reached.is_final;
        (range.end > reached.end || ends).then_some(range.start.max(reached.end))
    }

    fn gap_left(&self, gap: &Gap) -> Option<Option<u64>> {
        let Some((file, start)) = gap.file.zip(gap.start) else {
            // Two that look alike may be two: an alarm too many rather than one too few.
            return Some(gap.start);
        };
        let Some(reached) = self.theirs.get(&file) else { return Some(Some(start)) };
        let from = start.max(reached.end);
        let over = match gap.end {
            Some(end) => end <= from,
            None => reached.is_final && start <= reached.end,
        };
        (reached.closed.is_none() && !over).then_some(Some(from))
    }
}
