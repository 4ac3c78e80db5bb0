//! What a table's blocks are, and which of them may hold a term.

use std::ops::Range;

use auditseal_merkle::hash;

use super::block::{Entries, Entry};
use super::writer::shared;
use crate::term::MAX_TERM;
use crate::varint;

/// Bytes of a hash.
const HASH: usize = 32;

/// A table's directory.
#[derive(Debug)]
pub(crate) struct Directory {
    blocks: Vec<Block>,
    below: u32,
    full: usize,
}

#[derive(Debug)]
struct Block {
    /// Where it begins and ends among the blocks.
    span: Range<usize>,
    hash: [u8; HASH],
    /// No term of this block sorts before it, all of the blocks before do.
    begin: Box<[u8]>,
}

impl Directory {
    /// The directory of a table with sets of numbers below `below`, and blocks of about `full` bytes. `None`: no
    /// writer would have written it.
    pub(crate) fn parse(mut bytes: &[u8], count: u32, below: u32, full: usize) -> Option<Self> {
        let mut blocks: Vec<Block> = Vec::new();
        // An entry of the longest term and a bitmap, behind a block that lacked one byte.
        let longest = full + 2 * 2 + MAX_TERM + 1 + below.div_ceil(8) as usize;
        for _ in 0..count {
            let length = varint::take(&mut bytes)? as usize;
            let (hash, rest) = bytes.split_first_chunk::<HASH>()?;
            bytes = rest;
            let own = varint::take(&mut bytes)? as usize;
            let (begin, rest) = bytes.split_at_checked(own)?;
            bytes = rest;
            let ascends = blocks.last().is_none_or(|last| *last.begin < *begin);
            let is_last = blocks.len() + 1 == count as usize;
            let fits = length > 0 && length <= longest && (is_last || length >= full);
            let first = blocks.is_empty() == begin.is_empty();
            (ascends && fits && first && own <= MAX_TERM).then_some(())?;
            let start = blocks.last().map_or(0, |last| last.span.end);
            let span = start..start.checked_add(length)?;
            blocks.push(Block { span, hash: *hash, begin: begin.into() });
        }
        bytes.is_empty().then_some(Self { blocks, below, full })
    }

    /// Bytes of all blocks.
    pub(crate) fn length(&self) -> usize {
        self.blocks.last().map_or(0, |last| last.span.end)
    }

    /// The blocks that may hold terms from `from` on and before `to`.
    pub(crate) fn between(&self, from: &[u8], to: Option<&[u8]>) -> Range<usize> {
        let start = self.blocks.partition_point(|block| &*block.begin <= from).saturating_sub(1);
        let end = self.blocks.partition_point(|block| to.is_none_or(|to| &*block.begin < to));
        start..end.max(start)
    }

    /// Where blocks begin and end among all, in bytes.
    pub(crate) fn span(&self, blocks: &Range<usize>) -> Range<usize> {
        match self.blocks.get(blocks.clone()) {
            Some([first, .., last]) => first.span.start..last.span.end,
            Some([one]) => one.span.clone(),
            _ => 0..0,
        }
    }

    /// The entries of consecutive blocks, whose bytes these are: one after another, each held against
    /// the hash that the directory has of it. `None` as an item: it isn't that block.
    pub(crate) fn entries<'a>(
        &'a self,
        blocks: Range<usize>,
        bytes: &'a [u8],
    ) -> impl Iterator<Item = Option<Entries<'a>>> {
        let start = self.span(&blocks).start;
        self.blocks.get(blocks).unwrap_or_default().iter().map(move |block| {
            let own = bytes.get(block.span.start - start..block.span.end - start)?;
            let same = *hash(own).as_bytes() == block.hash;
            same.then(|| Entries::new(own, self.below, self.full))
        })
    }

    /// Whether all blocks are what a writer would have written, and `sound` is true of each entry.
    pub(crate) fn holds(&self, bytes: &[u8], sound: impl Fn(&Entry<'_>) -> bool) -> bool {
        let mut last = Vec::new();
        let all = self.blocks.iter().zip(self.entries(0..self.blocks.len(), bytes));
        let mut good = bytes.len() == self.length();
        for (block, entries) in all {
            let Some(mut entries) = entries else { return false };
            let mut first = true;
            loop {
                let Ok(entry) = entries.next() else { return false };
                let Some(entry) = entry else { break };
                good &= sound(&entry);
                if std::mem::take(&mut first) && !block.begin.is_empty() {
                    let apart = entry.term.get(..=shared(&last, entry.term));
                    good &= *entry.term > *last && apart == Some(&block.begin);
                }
            }
            last = entries.last().to_vec();
        }
        good
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::{Table, Writer};
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Terms = BTreeMap<Vec<u8>, Vec<u32>>;

    fn terms() -> impl Strategy<Value = Terms> {
        let term = "[ab]{0,3}".prop_map(|address| [b"i", address.as_bytes()].concat());
        let set = prop::collection::btree_set(0..20_u32, 1..20);
        let list = |set: std::collections::BTreeSet<u32>| set.into_iter().collect();
        prop::collection::btree_map(term, set.prop_map(list), 0..15)
    }

    fn write(terms: &Terms, full: usize) -> Table {
        let mut writer = Writer::new(20, full);
        terms.iter().for_each(|(term, set)| writer.push(term, set));
        writer.finish()
    }

    /// What a table holds, if it is one.
    fn read(table: &Table, full: usize) -> Option<Terms> {
        let directory = Directory::parse(&table.directory, table.count, 20, full)?;
        directory.holds(&table.blocks, |_| true).then_some(())?;
        let mut terms = Terms::new();
        for entries in directory.entries(0..table.count as usize, &table.blocks) {
            let mut entries = entries?;
            while let Some(entry) = entries.next().ok()? {
                let mut set = Vec::new();
                entry.runs(|run| set.extend(run));
                assert!(terms.insert(entry.term.to_vec(), set).is_none(), "no term comes twice");
            }
        }
        Some(terms)
    }

    /// The directory of blocks that end where those of a table did, with the hashes that they have now.
    fn with_hashes(table: &Table) -> Vec<u8> {
        let (mut rest, mut out, mut at) = (table.directory.as_slice(), Vec::new(), 0);
        while !rest.is_empty() {
            let length = varint::take(&mut rest).unwrap();
            let end = (at + length as usize).min(table.blocks.len());
            varint::put(length, &mut out);
            out.extend_from_slice(hash(&table.blocks[at..end]).as_bytes());
            rest = &rest[HASH..];
            let mut begin = rest;
            let own = varint::take(&mut begin).unwrap() as usize;
            let after = &begin[own..];
            out.extend_from_slice(&rest[..rest.len() - after.len()]);
            (rest, at) = (after, end);
        }
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_is_written_is_read(terms in terms(), full in 1..60_usize) {
            let table = write(&terms, full);
            prop_assert_eq!(read(&table, full), Some(terms.clone()));
            let directory = Directory::parse(&table.directory, table.count, 20, full).unwrap();
            for term in terms.keys() {
                let blocks = directory.between(term, Some(&[&**term, &[0]].concat()));
                prop_assert_eq!(blocks.len(), 1);
            }
        }

        /// With hashes that fit, what is read is still what a writer writes, to the byte.
        #[test]
        fn an_altered_table_is_another_ones_or_none(
            terms in terms(), full in 1..60_usize, at in 0..200_usize, to in 0..40_u8, in_directory: bool,
        ) {
            let mut table = write(&terms, full);
            let bytes = if in_directory { &mut table.directory } else { &mut table.blocks };
            let Some(byte) = bytes.get_mut(at) else { return Ok(()) };
            *byte = to;
            if !in_directory {
                table.directory = with_hashes(&table);
            }
            if let Some(found) = read(&table, full) {
                let again = write(&found, full);
                prop_assert_eq!(again.count, table.count);
                prop_assert_eq!(again.directory, table.directory);
                prop_assert_eq!(again.blocks, table.blocks);
            }
        }
    }
}
