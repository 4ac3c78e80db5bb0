//! Writing a table.

use auditseal_merkle::hash;

use crate::{ordinals, varint};

/// A table as it is written.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) count: u32,
    pub(crate) directory: Vec<u8>,
    pub(crate) blocks: Vec<u8>,
}

/// Writes terms, which come in ascending order.
#[derive(Debug)]
pub(crate) struct Writer {
    /// What the sets' numbers are below.
    below: u32,
    /// A block ends with the entry that makes it so long.
    full: usize,
    table: Table,
    /// Where the open block begins in `blocks`, and what its first term is told from the one before by.
    start: usize,
    begin: Vec<u8>,
    last: Vec<u8>,
}

impl Writer {
    /// A writer of blocks of about so many bytes, for sets of numbers below `below`.
    pub(crate) fn new(below: u32, full: usize) -> Self {
        let table = Table { count: 0, directory: Vec::new(), blocks: Vec::new() };
        Self { below, full, table, start: 0, begin: Vec::new(), last: Vec::new() }
    }

    /// Adds a term, which sorts behind all before it, and its set, which isn't empty and ascends.
    pub(crate) fn push(&mut self, term: &[u8], ordinals: &[u32]) {
        let blocks = &mut self.table.blocks;
        let first = blocks.len() == self.start;
        let shared = shared(&self.last, term);
        if first {
            // The shortest that sorts behind the last term of the block before.
            let told_apart = if self.start == 0 { 0 } else { shared + 1 };
            self.begin = term[..told_apart.min(term.len())].to_vec();
        }
        let shared = if first { 0 } else { shared };
        varint::put(shared as u32, blocks);
        varint::put((term.len() - shared) as u32, blocks);
        blocks.extend_from_slice(&term[shared..]);
        ordinals::put(ordinals, self.below, blocks);
        self.last.truncate(shared);
        self.last.extend_from_slice(&term[shared..]);
        if self.table.blocks.len() - self.start >= self.full {
            self.close();
        }
    }

    fn close(&mut self) {
        let block = &self.table.blocks[self.start..];
        let directory = &mut self.table.directory;
        varint::put(block.len() as u32, directory);
        directory.extend_from_slice(hash(block).as_bytes());
        varint::put(self.begin.len() as u32, directory);
        directory.extend_from_slice(&self.begin);
        self.table.count += 1;
        self.start = self.table.blocks.len();
    }

    /// The table.
    pub(crate) fn finish(mut self) -> Table {
        if self.table.blocks.len() > self.start {
            self.close();
        }
        self.table
    }
}

/// How many bytes two terms have in common at their beginning.
pub(super) fn shared(one: &[u8], two: &[u8]) -> usize {
    one.iter().zip(two).take_while(|(one, two)| one == two).count()
}
