//! From the packs' indexes to a roll-up.

use super::{BLOCK, MAGIC, MAX_BLOCKS, MAX_PACKS, PackId};
use crate::table::{Entries, Table, Writer};
use crate::{Index, IndexError, ordinals};

/// No block of a part ends: it has one.
const WHOLE: usize = usize::MAX;

/// Makes the roll-up of packs from their indexes, in the packs' order: the same bytes for the same indexes.
///
/// Holds what the roll-up will hold, and while two parts are merged or the roll-up is written, that twice.
#[derive(Debug)]
pub struct RollupBuilder {
    packs: Vec<PackId>,
    open: Vec<u32>,
    /// Ever smaller, as the bits of a counter: each is merged from as many packs as its size says.
    parts: Vec<Part>,
    most: usize,
}

/// Terms with the packs they are in, in one block.
#[derive(Debug)]
struct Part {
    /// It was merged so often.
    merged: u32,
    block: Vec<u8>,
}

impl RollupBuilder {
    /// Before the first pack.
    #[must_use]
    pub fn new() -> Self {
        Self::within(MAX_BLOCKS)
    }

    /// The same with room for so many bytes of terms, if that is less than 1 GiB.
    #[must_use]
    pub fn within(most: usize) -> Self {
        let most = most.min(MAX_BLOCKS);
        Self { packs: Vec::new(), open: Vec::new(), parts: Vec::new(), most }
    }

    /// Adds the next pack.
    ///
    /// # Errors
    /// [`IndexError::OutOfOrder`] if it doesn't stand behind the packs before or the index is another pack's;
    /// [`IndexError::TooMany`] with the 65,537th pack, or more than 1 GiB of terms. The roll-up is then as before.
    pub fn push(&mut self, pack: PackId, index: &Index) -> Result<(), IndexError> {
        let own = pack.first == index.first() && pack.batches() == Some(index.batches());
        if !own || !pack.follows(self.packs.last()) {
            return Err(IndexError::OutOfOrder);
        }
        let number = self.packs.len() as u32;
        if number == MAX_PACKS {
            return Err(IndexError::TooMany("more than 65,536 packs in one roll-up"));
        }
        let mut writer = Writer::new(MAX_PACKS, WHOLE);
        index.each(|term, _| writer.push(term, &[number]));
        let block = writer.finish().blocks;
        let held: usize = self.parts.iter().map(|part| part.block.len()).sum();
        if held + block.len() > self.most {
            return Err(IndexError::TooMany("more than 1 GiB of terms in one roll-up"));
        }
        self.packs.push(pack);
        if !index.open_batches().is_empty() {
            self.open.push(number);
        }
        self.parts.push(Part { merged: 0, block });
        while let [.., one, two] = self.parts.as_slice()
            && one.merged == two.merged
        {
            let mut writer = Writer::new(MAX_PACKS, WHOLE);
            merge(&[one, two], &mut writer);
            let part = Part { merged: one.merged + 1, block: writer.finish().blocks };
            self.parts.truncate(self.parts.len() - 2);
            self.parts.push(part);
        }
        Ok(())
    }

    /// The roll-up of all packs that were added.
    ///
    /// # Errors
    /// [`IndexError::Empty`] without a pack.
    pub fn finish(self) -> Result<Vec<u8>, IndexError> {
        let packs = self.packs.len() as u32;
        if packs == 0 {
            return Err(IndexError::Empty);
        }
        let mut writer = Writer::new(packs, BLOCK);
        merge(&self.parts.iter().collect::<Vec<_>>(), &mut writer);
        let Table { count, directory, blocks } = writer.finish();
        let mut open = Vec::new();
        if !self.open.is_empty() {
            ordinals::put(&self.open, packs, &mut open);
        }
        let mut front = MAGIC.to_vec();
        for number in [packs, open.len() as u32, count, directory.len() as u32] {
            front.extend_from_slice(&number.to_le_bytes());
        }
        self.packs.iter().for_each(|pack| pack.put(&mut front));
        front.extend_from_slice(&open);
        front.extend_from_slice(&directory);
        let mut out = blocks;
        out.splice(0..0, front);
        Ok(out)
    }
}

impl Default for RollupBuilder {
    fn default() -> Self {
        Self::new()
    }
}

/// Writes the terms of parts, whose packs follow each other.
fn merge(parts: &[&Part], writer: &mut Writer) {
    let mut ahead: Vec<_> = parts.iter().map(|part| Ahead::new(&part.block)).collect();
    let (mut term, mut packs) = (Vec::new(), Vec::new());
    while let Some(least) = ahead.iter().filter_map(Ahead::term).min() {
        term.clear();
        term.extend_from_slice(least);
        packs.clear();
        for one in ahead.iter_mut().filter(|one| one.term() == Some(&*term)) {
            packs.append(&mut one.packs);
            one.advance();
        }
        writer.push(&term, &packs);
    }
}

/// A part, and the entry of it that is next.
struct Ahead<'a> {
    entries: Entries<'a>,
    packs: Vec<u32>,
    over: bool,
}

impl<'a> Ahead<'a> {
    fn new(block: &'a [u8]) -> Self {
        let entries = Entries::new(block, MAX_PACKS, WHOLE);
        let mut ahead = Self { entries, packs: Vec::new(), over: false };
        ahead.advance();
        ahead
    }

    fn term(&self) -> Option<&[u8]> {
        (!self.over).then(|| self.entries.last())
    }

    fn advance(&mut self) {
        match self.entries.next() {
            Ok(Some(entry)) => entry.runs(|run| self.packs.extend(run)),
            // What a writer of ours wrote can be read.
            Ok(None) | Err(()) => self.over = true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Builder, Rollup};

    #[test]
    fn more_terms_than_there_is_room_for_are_refused_and_what_was_there_stays() {
        let index = |first: u64| {
            let mut builder = Builder::new(first);
            builder.text(format!("{{\"verb\":\"verb-{first}\"}}\n").as_bytes());
            builder.end_batch();
            Index::open(builder.finish().unwrap()).unwrap()
        };
        let pack = |first| PackId { first, last: first, note: [0; 8] };
        let mut rollup = RollupBuilder::within(100);
        let refused = (0..100).find_map(|first| rollup.push(pack(first), &index(first)).err());
        assert!(matches!(refused, Some(IndexError::TooMany(_))));
        assert!(rollup.packs.len() > 1);
        let packs = rollup.packs.len();
        let bytes = rollup.finish().unwrap();
        let front = Rollup::front_length(&bytes).unwrap();
        assert_eq!(Rollup::open(&bytes[..front]).unwrap().packs().len(), packs);
    }
}
