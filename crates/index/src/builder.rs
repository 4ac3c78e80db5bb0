//! From a pack's text to its index.

use crate::IndexError;
use crate::filter::Ids;
use crate::gather::{Gather, MAX_WEIGHT};
use crate::layout::{self, MAX_BATCHES, MAX_SEQ, Parts};
use crate::line::Scanner;
use crate::ordinals;
use crate::table::Writer;
use crate::terms::each_term;

/// Makes the index of a pack from the text of its batches: the same bytes for the same text, however it
/// is cut into pieces.
///
/// Takes about 24 MiB at most, whatever the text (see [`Builder::text`]), and at the end the index besides.
#[derive(Debug)]
pub struct Builder {
    first: u64,
    scanner: Scanner,
    gather: Gather,
    ids: Ids,
    /// Batches that any question may find something in.
    open: Vec<u32>,
    /// The batch so far has lines that can all be read, and room in the index.
    readable: bool,
    /// The bytes of a term.
    term: Vec<u8>,
}

impl Builder {
    /// Of the pack whose first batch has this seq.
    #[must_use]
    pub fn new(first: u64) -> Self {
        Self::within(first, MAX_WEIGHT)
    }

    pub(crate) fn within(first: u64, most: usize) -> Self {
        Self {
            first,
            scanner: Scanner::new(),
            gather: Gather::new(most),
            ids: Ids::new(),
            open: Vec::new(),
            readable: true,
            term: Vec::new(),
        }
    }

    /// Takes the next bytes of the batch's payload: lines, each with its newline, without the seal.
    ///
    /// Of a line that is under way only the fields are held that are read. What the whole pack's terms may
    /// take is bounded by FORMAT.md ("Index", *Room*): a batch that has no room left matches everything.
    pub fn text(&mut self, mut piece: &[u8]) {
        while !piece.is_empty() {
            let (taken, ended) = self.scanner.take(piece);
            piece = &piece[taken..];
            if ended {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let Self { scanner, gather, ids, readable, term, .. } = self;
        let Some(facts) = scanner.end() else {
            *readable = false;
            return;
        };
        if !facts.audit_id().is_empty() {
            ids.add(facts.audit_id());
        }
        each_term(&facts, term, |term| *readable = *readable && gather.add(term));
    }

    /// Ends the batch; what comes next is of the batch with the next seq.
    pub fn end_batch(&mut self) {
        if self.scanner.is_open() {
            self.end_line();
        }
        if !self.readable && self.gather.batches() < MAX_BATCHES {
            self.open.push(self.gather.batches());
        }
        self.gather.end(self.readable);
        self.readable = true;
    }

    /// The index of all batches that were ended.
    ///
    /// # Errors
    /// [`IndexError::Empty`] without a batch; [`IndexError::TooMany`] with more than 1,048,576 of them, or a seq
    /// above 999,999,999,999.
    pub fn finish(self) -> Result<Vec<u8>, IndexError> {
        let batches = self.gather.batches();
        if batches == 0 {
            return Err(IndexError::Empty);
        }
        if batches > MAX_BATCHES {
            return Err(IndexError::TooMany("more than 1,048,576 batches in one pack"));
        }
        if self.first > MAX_SEQ || self.first + u64::from(batches - 1) > MAX_SEQ {
            return Err(IndexError::TooMany("a seq above 999,999,999,999"));
        }
        let mut writer = Writer::new(batches, layout::BLOCK);
        self.gather.finish(|term, of| writer.push(term, of));
        let mut open = Vec::new();
        if !self.open.is_empty() {
            ordinals::put(&self.open, batches, &mut open);
        }
        let filter = self.ids.finish();
        Ok(layout::write(Parts {
            first: self.first,
            batches,
            open,
            table: writer.finish(),
            filter,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Index, Term, terms_of};
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    proptest! {
        /// FORMAT.md, "Index", *Room*: in the plainest way.
        #[test]
        fn a_batch_without_room_is_left_out_as_if_it_had_no_terms(
            batches in prop::collection::vec(prop::collection::vec(0..30_u32, 0..8), 1..20),
            most in 0..6000_usize,
        ) {
            let mut builder = Builder::within(0, most);
            let (mut held, mut open) = (BTreeMap::<Term, BTreeSet<u32>>::new(), BTreeSet::new());
            let mut weight = 0;
            for (number, batch) in (0..).zip(&batches) {
                let mut own = BTreeSet::new();
                for line in batch {
                    let line = format!(r#"{{"verb":"v-{}","sourceIPs":["10.0.0.{line}"]}}"#, line % 7);
                    builder.text(line.as_bytes());
                    builder.text(b"\n");
                    own.extend(terms_of(line.as_bytes()).unwrap().terms);
                }
                builder.end_batch();
                let new = own.iter().filter(|term| !held.contains_key(*term));
                let added = new.map(|term| term.as_bytes().len() + 96).sum::<usize>() + 24 * own.len();
                if weight + added > most {
                    open.insert(number);
                    continue;
                }
                weight += added;
                for term in own {
                    held.entry(term).or_default().insert(number);
                }
            }
            let index = Index::open(builder.finish().unwrap()).unwrap();
            prop_assert_eq!(index.open_batches().iter().collect::<BTreeSet<_>>(), open);
            let mut found = BTreeMap::new();
            index.each_term(|term, of| drop(found.insert(term, of.iter().collect())));
            prop_assert_eq!(found, held);
        }
    }
}
