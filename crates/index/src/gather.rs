//! Terms and the batches they are in, while a pack is gone through.

use std::collections::BTreeMap;
use std::sync::Arc;

/// What the terms of a pack may weigh, in bytes. A batch whose terms would bring them beyond it has none
/// in the index, and is found by every question instead.
pub(crate) const MAX_WEIGHT: usize = 24 << 20;
/// What a term weighs besides its own bytes.
const TERM: usize = 96;
/// What it weighs that a batch has a term.
const POSTING: usize = 24;
/// Terms that are found without a search, as those of lines that follow each other mostly are.
const RECENT: usize = 1 << 12;

/// Gathers terms.
///
/// A tree and not a table of hashes: clients choose names, and could choose them so that a table is slow.
#[derive(Debug)]
pub(crate) struct Gather {
    terms: BTreeMap<Arc<[u8]>, u32>,
    /// For each term, by its number, the last batch that had it.
    last: Vec<u32>,
    /// The terms that are new in the open batch.
    new: Vec<Arc<[u8]>>,
    /// The terms of the open batch.
    own: Vec<u32>,
    /// Which term is in which batch, by batches.
    postings: Vec<Posting>,
    recent: Vec<Option<(Arc<[u8]>, u32)>>,
    weight: usize,
    /// What the open batch adds to it.
    added: usize,
    /// The open batch, which is the only one without a number of its own in `last`.
    batch: u32,
    most: usize,
}

#[derive(Debug, Clone, Copy)]
struct Posting {
    term: u32,
    batch: u32,
}

impl Gather {
    /// Before the first batch; `most` is [`MAX_WEIGHT`] but in tests.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            terms: BTreeMap::new(),
            last: Vec::new(),
            new: Vec::new(),
            own: Vec::new(),
            postings: Vec::new(),
            recent: vec![None; RECENT],
            weight: 0,
            added: 0,
            batch: 0,
            most,
        }
    }

    /// Adds a term of the open batch. Says whether there is room for it: if not, the batch must be left out.
    pub(crate) fn add(&mut self, term: &[u8]) -> bool {
        let place = place(term);
        let known = match &self.recent[place] {
            Some((recent, number)) if **recent == *term => Some(*number),
            _ => self.find(term, place),
        };
        let number = match known {
            Some(number) if self.last[number as usize] == self.batch => return true,
            Some(number) => number,
            None => self.last.len() as u32,
        };
        self.added += POSTING + if known.is_some() { 0 } else { TERM + term.len() };
        if self.weight + self.added > self.most {
            return false;
        }
        if known.is_none() {
            let term: Arc<[u8]> = term.into();
            self.terms.insert(Arc::clone(&term), number);
            self.last.push(self.batch);
            self.recent[place] = Some((Arc::clone(&term), number));
            self.new.push(term);
        }
        self.last[number as usize] = self.batch;
        self.own.push(number);
        true
    }

    fn find(&mut self, term: &[u8], place: usize) -> Option<u32> {
        let (term, number) = self.terms.get_key_value(term)?;
        self.recent[place] = Some((Arc::clone(term), *number));
        Some(*number)
    }

    /// Ends the open batch: with its terms, or, if it is to be left out, as if it had none.
    pub(crate) fn end(&mut self, keep: bool) {
        if keep {
            self.weight += self.added;
            let batch = self.batch;
            self.postings.extend(self.own.iter().map(|term| Posting { term: *term, batch }));
        } else if !self.new.is_empty() {
            self.recent.fill(None);
            self.last.truncate(self.last.len() - self.new.len());
            for term in &self.new {
                self.terms.remove(term);
            }
        }
        self.new.clear();
        self.own.clear();
        self.added = 0;
        self.batch = self.batch.saturating_add(1);
    }

    /// How many batches have ended.
    pub(crate) fn batches(&self) -> u32 {
        self.batch
    }

    /// Hands out the terms, ascending, each with its batches, ascending.
    pub(crate) fn finish(self, mut each: impl FnMut(&[u8], &[u32])) {
        let Self { terms, mut last, postings, .. } = self;
        // Where each term's batches end: counted, and added up.
        last.fill(0);
        postings.iter().for_each(|posting| last[posting.term as usize] += 1);
        let mut end = 0;
        for count in &mut last {
            end += *count;
            *count = end - *count;
        }
        let mut batches = vec![0; postings.len()];
        for posting in postings {
            let next = &mut last[posting.term as usize];
            batches[*next as usize] = posting.batch;
            *next += 1;
        }
        for (term, number) in terms {
            let number = number as usize;
            let start = number.checked_sub(1).map_or(0, |before| last[before]);
            each(&term, &batches[start as usize..last[number] as usize]);
        }
    }
}

/// Where a term is remembered: anything will do that spreads (FNV-1a).
fn place(term: &[u8]) -> usize {
    let mix = |sum: u64, byte: &u8| (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let sum = term.iter().fold(0xcbf2_9ce4_8422_2325, mix);
    (sum >> 20) as usize % RECENT
}
