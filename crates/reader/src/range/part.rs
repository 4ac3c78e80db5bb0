//! A part of a chain, found by the times of its lines, and what a search for it has left out.

use std::fmt;

use auditseal_chain::Extent;
use auditseal_format::ObjectSeal;

use crate::listing::Entry;
use crate::packs::Packs;

/// Runs of seqs that are named.
const NAMED: usize = 4;

/// A part of a chain, and what was listed of it.
#[derive(Debug, Default)]
pub struct Range {
    /// What is to be read.
    pub extent: Extent,
    /// What was listed, in the order of the chain.
    pub entries: Vec<Entry>,
    /// The packs in it.
    pub packs: Packs,
    /// The note before the part, where it is known: who may sign the first seal of it.
    pub before: Option<Box<ObjectSeal>>,
    /// Beside the part, what may hold lines of the time that was asked for.
    pub unseen: Unseen,
}

/// What a search by time knows nothing of: seals that it didn't look at, and seals that aren't there, and of
/// which no trusted auditor's attestation says that their lines are of other times.
///
/// A line may be sealed long after it happened, and a clock may have been wrong meanwhile. So what is here may hold
/// lines of any time.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// How many seals weren't looked at, and the first and the last of them.
    passed: Option<(u64, u64, u64)>,
    missing: Runs,
    /// Days that keys of the chain name, and that weren't listed.
    days: u64,
}

/// The first of some runs of seqs, and how many seqs there are in all.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
struct Runs {
    first: Vec<(u64, u64)>,
    more: u64,
    seqs: u64,
    /// Of the last run.
    end: Option<u64>,
}

impl Runs {
    /// Takes the next run.
    fn add(&mut self, first: u64, last: u64) {
        self.seqs = self.seqs.saturating_add((last - first).saturating_add(1));
        let goes_on = self.end.and_then(|end| end.checked_add(1)) == Some(first);
        self.end = Some(last);
        let named = self.first.len();
        match self.first.last_mut().filter(|_| goes_on && self.more == 0) {
            Some(run) => run.1 = last,
            None if goes_on => {}
            None if named < NAMED => self.first.push((first, last)),
            None => self.more += 1,
        }
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, (first, last)) in self.first.iter().enumerate() {
            let comma = if nth == 0 { "" } else { ", " };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first} to {last}")?,
            }
        }
        if self.more > 0 { write!(f, " and {} runs more", self.more) } else { Ok(()) }
    }
}

impl Unseen {
    /// Whether there is nothing of the kind: all lines of the time that was asked for are in the part.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.passed.is_none() && self.missing.seqs == 0 && self.days == 0
    }

    /// A seal that wasn't looked at, behind those before.
    pub(super) fn passes(&mut self, seq: u64) {
        let (count, first, _) = self.passed.unwrap_or((0, seq, seq));
        self.passed = Some((count + 1, first, seq));
    }

    /// Seals from one seq to another that aren't there, behind those before.
    pub(super) fn misses(&mut self, first: u64, last: u64) {
        self.missing.add(first, last);
    }

    /// With what isn't there by another one.
    pub(super) fn lacking(self, other: Self) -> Self {
        Self { missing: other.missing, ..self }
    }

    /// So many days weren't listed.
    pub(super) fn leaves(&mut self, days: usize) {
        self.days += days as u64;
    }
}

impl fmt::Display for Unseen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some((count, first, last)) = self.passed {
            parts.push(format!("{count} of the seals {first} to {last}"));
        }
        if self.days > 0 {
            let plural = if self.days == 1 { "" } else { "s" };
            parts.push(format!("those of {} day{plural} more", self.days));
        }
        if !parts.is_empty() {
            write!(
                f,
                "{} weren't looked at: a line of that time that was sealed there, because its writer was far behind, \
                 took up old files or had a wrong clock, isn't found",
                parts.join(" and ")
            )?;
        }
        if self.missing.seqs > 0 {
            let then = if parts.is_empty() { "" } else { "; " };
            write!(
                f,
                "{then}what seq {} held, which isn't there, isn't known: `verify` says what is missing",
                self.missing
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand runs: the first are named, and all are counted.
    #[test]
    fn more_runs_than_are_named_are_counted() {
        let mut unseen = Unseen::default();
        assert!(unseen.is_nothing() && unseen.to_string().is_empty());
        (10..1_010).for_each(|seq| unseen.passes(3 * seq));
        unseen.misses(1, 3);
        unseen.misses(4, 4);
        (10..1_010).for_each(|seq| unseen.misses(2 * seq, 2 * seq));
        unseen.leaves(2);
        assert_eq!(
            unseen.to_string(),
            "1000 of the seals 30 to 3027 and those of 2 days more weren't looked at: a line of that time that was sealed \
             there, because its writer was far behind, took up old files or had a wrong clock, isn't found; what seq 1 \
             to 4, 20, 22, 24 and 997 runs more held, which isn't there, isn't known: `verify` says what is missing"
        );
    }
}
