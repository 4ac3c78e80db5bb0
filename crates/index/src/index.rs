//! The index of a pack, read.

use auditseal_merkle::{Hash, hash};

use crate::bytes::Reader;
use crate::layout::{BLOCK, MAGIC, MAX_BATCHES, MAX_SEQ, NO_FILTER};
use crate::table::{Directory, Entry};
use crate::term::Term;
use crate::{IndexError, Ordinals, Pattern, filter};

/// An index that is what version 1 makes of some text: each byte of it was looked at. Of which text, its hash or
/// whoever builds it again must say.
#[derive(Debug)]
pub struct Index {
    first: u64,
    open: Ordinals,
    directory: Directory,
    bytes: Vec<u8>,
    /// Bytes before the first block.
    front: usize,
    ids: Option<u32>,
}

impl Index {
    /// The longest index, in bytes: nobody needs to fetch more.
    pub const MAX_LENGTH: usize = 32 << 20;

    /// Reads an index.
    ///
    /// # Errors
    /// [`IndexError::Unknown`], [`IndexError::Short`], [`IndexError::Altered`], and [`IndexError::TooMany`] above
    /// [`Self::MAX_LENGTH`].
    pub fn open(bytes: Vec<u8>) -> Result<Self, IndexError> {
        if bytes.len() > Self::MAX_LENGTH {
            return Err(IndexError::TooMany("more than 32 MiB of an index"));
        }
        let mut reader = Reader::new(&bytes);
        reader.magic(MAGIC)?;
        let first = reader.u64()?;
        let [batches, open, count, directory, ids, filter] = reader.numbers()?;
        let filter_hash = reader.bytes(32)?;
        let last = first.checked_add(u64::from(batches)).filter(|end| *end <= MAX_SEQ + 1);
        if batches == 0 || batches > MAX_BATCHES || last.is_none() {
            return Err(IndexError::Altered("its batches"));
        }
        let open = reader.open_set(open, batches)?;
        let directory = Directory::parse(reader.bytes(directory)?, count, batches, BLOCK)
            .ok_or(IndexError::Altered("its directory"))?;
        let front = bytes.len() - reader.rest();
        let blocks = reader.slice(directory.length())?;
        // A batch that any question may find something in has no terms.
        let apart = |entry: &Entry<'_>| {
            let mut apart = true;
            entry.runs(|run| {
                apart &= open.is_empty() || !run.into_iter().any(|at| open.contains(at))
            });
            apart
        };
        if !directory.holds(blocks, apart) {
            return Err(IndexError::Altered("its terms"));
        }
        let filter = reader.bytes(filter)?;
        let ids = (ids != NO_FILTER).then_some(ids);
        let most = ids.is_none_or(|ids| ids as usize <= filter::MAX_IDS);
        if !most
            || !filter::is_filter(filter, ids.unwrap_or(0))
            || hash(filter).as_bytes() != filter_hash
        {
            return Err(IndexError::Altered("its filter"));
        }
        if reader.rest() > 0 {
            return Err(IndexError::Altered("its end"));
        }
        Ok(Self { first, open, directory, front, ids, bytes })
    }

    /// The seq of the pack's first batch.
    #[must_use]
    pub fn first(&self) -> u64 {
        self.first
    }

    /// How many batches the pack has.
    #[must_use]
    pub fn batches(&self) -> u32 {
        self.open.below()
    }

    /// The hash of all its bytes.
    #[must_use]
    pub fn hash(&self) -> Hash {
        hash(&self.bytes)
    }

    /// Batches that any question may find something in: lines of theirs can't be read, or they had no room.
    #[must_use]
    pub fn open_batches(&self) -> &Ordinals {
        &self.open
    }

    /// The batches that may have such a line, counted from the pack's first; in the others there is none.
    #[must_use]
    pub fn matching(&self, pattern: &Pattern) -> Ordinals {
        let mut found = self.open.clone();
        let (from, to) = pattern.range();
        let blocks = self.directory.between(&from, Some(&to));
        let span = self.directory.span(&blocks);
        let bytes = &self.bytes[self.front..][span];
        // All was looked at when it was opened: nothing of it is missing.
        for mut entries in self.directory.entries(blocks, bytes).flatten() {
            while let Ok(Some(entry)) = entries.next() {
                if pattern.matches(entry.term) {
                    entry.runs(|run| found.fill(run));
                }
            }
        }
        found
    }

    /// The batches that may have a line with this `auditID`: all, or those that any question may find something in.
    #[must_use]
    pub fn with_audit_id(&self, id: &str) -> Ordinals {
        let Some(ids) = self.ids.filter(|_| !id.is_empty()) else {
            return Ordinals::all(self.batches());
        };
        let filter = &self.bytes[self.front + self.directory.length()..];
        let may = filter::may_hold(filter, ids, id);
        if may { Ordinals::all(self.batches()) } else { self.open.clone() }
    }

    /// Hands out all terms, ascending, each with its batches.
    pub fn each_term(&self, mut each: impl FnMut(Term, Ordinals)) {
        self.each(|term, entry| {
            let mut batches = Ordinals::none(self.batches());
            entry.runs(|run| batches.fill(run));
            if let Some(term) = Term::parse(term) {
                each(term, batches);
            }
        });
    }

    /// Hands out the bytes of all terms, ascending, and their entries.
    pub(crate) fn each(&self, mut each: impl FnMut(&[u8], &Entry<'_>)) {
        let all = self.directory.between(&[], None);
        let blocks = &self.bytes[self.front..];
        for mut entries in self.directory.entries(all, blocks).flatten() {
            while let Ok(Some(entry)) = entries.next() {
                each(entry.term, &entry);
            }
        }
    }
}
