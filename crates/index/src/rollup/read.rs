//! A roll-up, read in ranges.

use std::ops::Range;

use auditseal_merkle::{Hash, hash};

use super::{BLOCK, MAGIC, MAX_BLOCKS, MAX_PACKS, PackId};
use crate::bytes::Reader;
use crate::table::{Directory, Entry};
use crate::{IndexError, Ordinals, Pattern};

/// A roll-up's front: its packs, and where among its blocks which terms are. With it, what is asked for is
/// one range away.
#[derive(Debug)]
pub struct Rollup {
    packs: Vec<PackId>,
    open: Ordinals,
    directory: Directory,
    hash: Hash,
    length: usize,
}

impl Rollup {
    /// The most bytes of a roll-up's front.
    pub const MAX_FRONT: usize = 48 << 20;

    /// How many bytes to read first: few roll-ups have a longer front.
    pub const FIRST_READ: usize = 64 << 10;

    /// How many bytes the front has, from a roll-up's first bytes: 36 of them suffice.
    ///
    /// # Errors
    /// [`IndexError::Unknown`], [`IndexError::Short`], and [`IndexError::TooMany`] above 48 MiB.
    pub fn front_length(beginning: &[u8]) -> Result<usize, IndexError> {
        let mut reader = Reader::new(beginning);
        reader.magic(MAGIC)?;
        let [packs, open, _, directory] = reader.numbers()?.map(u64::from);
        let head = (beginning.len() - reader.rest()) as u64;
        let length = head + packs * PackId::LENGTH + open + directory;
        let length = usize::try_from(length).ok().filter(|length| *length <= Self::MAX_FRONT);
        length.ok_or(IndexError::TooMany("more than 48 MiB of a roll-up's front"))
    }

    /// Reads the front, which is so long as [`Self::front_length`] says.
    ///
    /// # Errors
    /// [`IndexError::Unknown`], [`IndexError::Short`], [`IndexError::Altered`] and [`IndexError::TooMany`].
    pub fn open(front: &[u8]) -> Result<Self, IndexError> {
        let length = Self::front_length(front)?;
        let mut reader = Reader::new(front);
        reader.magic(MAGIC)?;
        let [count, open, blocks, directory] = reader.numbers()?;
        if count == 0 || count > MAX_PACKS {
            return Err(IndexError::Altered("the number of its packs"));
        }
        let mut packs: Vec<PackId> = Vec::new();
        for _ in 0..count {
            let pack = PackId::take(&mut reader)?;
            if pack.batches().is_none() || !pack.follows(packs.last()) {
                return Err(IndexError::Altered("its packs"));
            }
            packs.push(pack);
        }
        let open = reader.open_set(open, count)?;
        let directory = Directory::parse(reader.bytes(directory)?, blocks, count, BLOCK)
            .filter(|directory| directory.length() <= MAX_BLOCKS)
            .ok_or(IndexError::Altered("its directory"))?;
        if reader.rest() > 0 {
            return Err(IndexError::Altered("its front's end"));
        }
        Ok(Self { packs, open, directory, hash: hash(front), length })
    }

    /// The packs, in their chain's order.
    #[must_use]
    pub fn packs(&self) -> &[PackId] {
        &self.packs
    }

    /// The hash of the front. It stands for the whole roll-up, for the front has the blocks' hashes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// How many bytes the whole roll-up has.
    #[must_use]
    pub fn length(&self) -> u64 {
        (self.length + self.directory.length()) as u64
    }

    /// Packs that any question may find something in.
    #[must_use]
    pub fn open_packs(&self) -> &Ordinals {
        &self.open
    }

    /// Which bytes of the roll-up [`Self::matching`] needs; an empty range if none.
    #[must_use]
    pub fn range(&self, pattern: &Pattern) -> Range<u64> {
        self.place(&self.blocks(pattern))
    }

    /// The packs that may have such a line, counted from the first; `bytes` are those of [`Self::range`].
    ///
    /// # Errors
    /// [`IndexError::Short`] if they are fewer, [`IndexError::Altered`] if they aren't what the front has
    /// the hashes of.
    pub fn matching(&self, pattern: &Pattern, bytes: &[u8]) -> Result<Ordinals, IndexError> {
        let blocks = self.blocks(pattern);
        if bytes.len() < self.directory.span(&blocks).len() {
            return Err(IndexError::Short);
        }
        let mut found = self.open.clone();
        self.each_term(blocks, bytes, |entry| {
            if pattern.matches(entry.term) {
                entry.runs(|run| found.fill(run));
            }
        })?;
        Ok(found)
    }

    /// Hands out the entries of consecutive blocks, whose bytes these are.
    pub(super) fn each_term(
        &self,
        blocks: Range<usize>,
        bytes: &[u8],
        mut each: impl FnMut(&Entry<'_>),
    ) -> Result<(), IndexError> {
        let altered = IndexError::Altered("a block of its terms");
        for entries in self.directory.entries(blocks, bytes) {
            let mut entries = entries.ok_or(altered)?;
            while let Some(entry) = entries.next().map_err(|()| altered)? {
                each(&entry);
            }
        }
        Ok(())
    }

    /// Where blocks stand in the roll-up.
    pub(super) fn place(&self, blocks: &Range<usize>) -> Range<u64> {
        let span = self.directory.span(blocks);
        let at = |place: usize| (self.length + place) as u64;
        at(span.start)..at(span.end)
    }

    pub(super) fn blocks(&self, pattern: &Pattern) -> Range<usize> {
        let (from, to) = pattern.range();
        self.directory.between(&from, Some(&to))
    }
}
