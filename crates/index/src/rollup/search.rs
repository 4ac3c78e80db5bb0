//! A question, asked of a roll-up range by range.

use std::ops::Range;

use super::Rollup;
use crate::{IndexError, Lookup, Ordinals, Pattern};

/// Asks a roll-up in bounded memory: says which ranges of it are needed, takes them one after the other, and then
/// says which packs may have an answer.
#[derive(Debug)]
pub struct RollupSearch<'a> {
    rollup: &'a Rollup,
    lookup: &'a Lookup,
    /// The lookup's patterns in their order, each with the packs that were found so far.
    patterns: Vec<(&'a Pattern, Ordinals)>,
    /// Blocks that are still to be read, ascending.
    left: std::vec::IntoIter<Range<usize>>,
    next: Option<Range<usize>>,
}

impl<'a> RollupSearch<'a> {
    /// Begins; a range has at most about so many bytes, and more only where one block has.
    #[must_use]
    pub fn new(rollup: &'a Rollup, lookup: &'a Lookup, most: u64) -> Self {
        let none = Ordinals::none(rollup.open_packs().below());
        let patterns: Vec<_> =
            lookup.patterns().into_iter().map(|pattern| (pattern, none.clone())).collect();
        let mut wanted: Vec<Range<usize>> =
            patterns.iter().map(|(pattern, _)| rollup.blocks(pattern)).collect();
        wanted.sort_unstable_by_key(|blocks| (blocks.start, blocks.end));
        let mut left: Vec<Range<usize>> = Vec::new();
        for blocks in wanted {
            for block in blocks {
                match left.last_mut() {
                    Some(last) if block < last.end => {}
                    Some(last)
                        if block == last.end && fits(rollup, last.start..block + 1, most) =>
                    {
                        last.end += 1;
                    }
                    _ => left.push(block..block + 1),
                }
            }
        }
        let mut left = left.into_iter();
        let next = left.next();
        Self { rollup, lookup, patterns, left, next }
    }

    /// How many bytes are still to be taken.
    #[must_use]
    pub fn needs(&self) -> u64 {
        let left = self.next.iter().chain(self.left.as_slice());
        left.map(|blocks| self.rollup.place(blocks)).map(|place| place.end - place.start).sum()
    }

    /// The bytes of the roll-up that are needed next, at least one; `None` when all were taken.
    #[must_use]
    pub fn wants(&self) -> Option<Range<u64>> {
        self.next.as_ref().map(|blocks| self.rollup.place(blocks))
    }

    /// Takes the bytes of [`Self::wants`].
    ///
    /// # Errors
    /// [`IndexError::Altered`] if they aren't what the front has the hashes of, or too few. Nothing is concluded
    /// from them then, and the search can't go on.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        let Some(blocks) = self.next.clone() else { return Ok(()) };
        let patterns = &mut self.patterns;
        self.rollup.each_term(blocks, bytes, |entry| {
            for (pattern, found) in &mut *patterns {
                if pattern.matches(entry.term) {
                    entry.runs(|run| found.fill(run));
                }
            }
        })?;
        self.next = self.left.next();
        Ok(())
    }

    /// The packs that may have a line which answers, counted from the first: all of them while ranges are missing.
    #[must_use]
    pub fn finish(self) -> Ordinals {
        let open = self.rollup.open_packs();
        if self.next.is_some() {
            return Ordinals::all(open.below());
        }
        let mut terms = self.patterns.into_iter().map(|(_, found)| found);
        // Which IDs a pack has, its own index alone knows.
        let mut found = self.lookup.left_in(open.below(), &mut |leaf| match leaf {
            Lookup::Term(_) => terms.next().unwrap_or_else(|| Ordinals::all(open.below())),
            _ => Ordinals::all(open.below()),
        });
        found.unite(open);
        found
    }
}

fn fits(rollup: &Rollup, blocks: Range<usize>, most: u64) -> bool {
    let place = rollup.place(&blocks);
    place.end - place.start <= most
}
