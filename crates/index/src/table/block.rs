//! Reading a block.

use std::ops::Range;

use crate::term::{MAX_TERM, is_term};
use crate::{ordinals, varint};

/// Goes through a block's entries.
#[derive(Debug)]
pub(crate) struct Entries<'a> {
    length: usize,
    rest: &'a [u8],
    below: u32,
    full: usize,
    last: Vec<u8>,
}

/// A term, and its set as it is written.
#[derive(Debug)]
pub(crate) struct Entry<'a> {
    /// Bytes of a term.
    pub(crate) term: &'a [u8],
    set: &'a [u8],
    below: u32,
}

impl<'a> Entries<'a> {
    /// The entries of a block whose sets' numbers are below `below`, and which was to end when it has
    /// `full` bytes.
    pub(crate) fn new(block: &'a [u8], below: u32, full: usize) -> Self {
        Self { length: block.len(), rest: block, below, full, last: Vec::new() }
    }

    /// The next entry, if there is one. `Err`: no writer would have written this.
    pub(crate) fn next(&mut self) -> Result<Option<Entry<'_>>, ()> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let full = self.length - self.rest.len() >= self.full;
        if full { Err(()) } else { self.entry().map(Some).ok_or(()) }
    }

    fn entry(&mut self) -> Option<Entry<'_>> {
        let kept = varint::take(&mut self.rest)? as usize;
        let length = varint::take(&mut self.rest)? as usize;
        let (behind, rest) = self.rest.split_at_checked(length)?;
        let fits = kept <= self.last.len() && length <= MAX_TERM && kept + length <= MAX_TERM;
        // It sorts behind the last one, and has no more in common with it than is said.
        let ascends = fits && behind.first() > self.last.get(kept);
        ascends.then_some(())?;
        self.last.truncate(kept);
        self.last.extend_from_slice(behind);
        let (set, mut after) = (rest, rest);
        ordinals::take(&mut after, self.below, |_| {})?;
        self.rest = after;
        let set = &set[..set.len() - after.len()];
        is_term(&self.last).then_some(Entry { term: &self.last, set, below: self.below })
    }

    /// The term that was handed out last; empty before the first.
    pub(crate) fn last(&self) -> &[u8] {
        &self.last
    }
}

impl Entry<'_> {
    /// Hands out the runs of its set.
    pub(crate) fn runs(&self, each: impl FnMut(Range<u32>)) {
        // It was gone through once already: nothing of it is missing.
        let found = ordinals::take(&mut &*self.set, self.below, each);
        debug_assert!(found.is_some(), "a set that was read can be read again");
    }
}
