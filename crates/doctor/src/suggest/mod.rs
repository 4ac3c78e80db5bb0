//! An audit policy for a cluster, from its own log: what it would cost, what it would leave out, and
//! what lies in the log now that nobody should lock.
//!
//! [`Suggester`] reads lines and adds up; what is made of that is pure.

mod catalogue;
mod lines;
mod page;
mod plan;
mod questions;
mod tally;

use std::io;
use std::path::{Path, PathBuf};

use auditseal_audit::Exposed;
use auditseal_format::printable;
pub use page::{Exposure, Page, Spot};
pub use plan::{Range, Row};
pub use questions::Answer;

use crate::host::Host;
use crate::policy::{self, Policy};
use catalogue::Catalogue;
use questions::QUESTIONS;
use tally::Tally;

/// Logs, as far as they are read.
#[derive(Debug)]
pub struct Suggester {
    catalogue: Catalogue,
    tally: Tally,
    logs: Vec<String>,
    files: usize,
    unread: Vec<String>,
}

/// Reads the logs at these paths, and makes a policy for who writes them.
///
/// # Errors
/// A sentence, where no event could be read.
pub fn suggest(paths: &[PathBuf], host: &Host) -> Result<Page, String> {
    let mut suggester = Suggester::new()?;
    for path in paths {
        suggester.log(path)?;
    }
    suggester.finish(host.policy_now())
}

impl Suggester {
    /// One that has read nothing.
    ///
    /// # Errors
    /// Never: the policy that ships is tested.
    pub fn new() -> Result<Self, String> {
        let catalogue = Catalogue::ours()?;
        let (tally, logs, unread) = (Tally::default(), Vec::new(), Vec::new());
        Ok(Self { catalogue, tally, logs, files: 0, unread })
    }

    /// Reads a log: the live file with its rotated siblings, the directory that holds it, or one file.
    ///
    /// # Errors
    /// A sentence, where there is nothing to read. What can't be read to its end is said in the page.
    pub fn log(&mut self, path: &Path) -> Result<(), String> {
        let parts = lines::parts(path)?;
        self.logs.push(printable(path).to_string());
        for part in parts {
            self.files += 1;
            let (tally, catalogue) = (&mut self.tally, &self.catalogue);
            self.unread.extend(part.read(&mut |line| tally.line(&line, catalogue)).err());
        }
        Ok(())
    }

    /// Reads lines from anything else.
    ///
    /// # Errors
    /// Those of the reader; the lines before count.
    pub fn lines(&mut self, mut reader: impl io::Read) -> io::Result<()> {
        let (tally, catalogue) = (&mut self.tally, &self.catalogue);
        lines::each_line(|buffer| reader.read(buffer), &mut |line| tally.line(&line, catalogue))
    }

    /// Makes the policy, and says what it would change. `now` is the policy of now and where it was
    /// found, or why it wasn't.
    ///
    /// # Errors
    /// A sentence, where no event was read.
    pub fn finish(self, now: Option<Result<(String, Policy), String>>) -> Result<Page, String> {
        let Self { catalogue, tally, logs, files, unread } = self;
        if tally.events == 0 {
            let first = unread.into_iter().next();
            return Err(first.unwrap_or_else(|| "there is no audit event in it".to_owned()));
        }
        let span = tally.times.map_or(0, |(first, last)| last.saturating_sub(first));
        let seconds = u64::try_from(span / 1_000_000).unwrap_or(0);
        let facts = format!(
            "# Made by `auditseal doctor --suggest-policy` from {} events of {} hours and {} minutes.\n\
             # Read it before you use it: what is dropped, nobody will ever learn.",
            tally.events,
            seconds / 3600,
            seconds / 60 % 60,
        );
        let plan = plan::plan(&tally, &catalogue, &facts);
        let then = policy::parse(&plan.policy)?;
        let faults = then.faults();
        if let Some(fault) = faults.first() {
            return Err(format!("the policy that came of it is none: {fault}"));
        }
        let (policy_now, now) = match now {
            None => {
                ("not known: --policy names it; what it drops isn't in the log".to_owned(), None)
            }
            Some(Err(why)) => (why, None),
            Some(Ok((place, policy))) => (place, Some(policy)),
        };
        let spots = QUESTIONS.iter().zip(tally.seen).map(|(question, seen)| Spot {
            question: question.text,
            now: now.as_ref().map_or_else(|| question.in_log(seen), |policy| question.by(policy)),
            then: question.by(&then),
        });
        let spots = spots.collect();
        let worst =
            [Exposed::Secret, Exposed::Token].iter().any(|of| tally.exposed.contains_key(of));
        let exit = if worst { 1 } else { u8::from(!unread.is_empty()) * 2 };
        let all = plan.rows.iter().filter(|row| row.chosen);
        let (mut bytes_now, mut bytes_then) = (0_u64, Range::default());
        for row in all {
            bytes_now = bytes_now.saturating_add(row.now);
            bytes_then.low = bytes_then.low.saturating_add(row.then.low);
            bytes_then.high = bytes_then.high.saturating_add(row.then.high);
        }
        Ok(Page {
            policy: plan.policy,
            logs,
            files,
            unread,
            policy_now,
            bytes: tally.bytes,
            events: tally.events,
            foreign: tally.foreign,
            too_long: tally.long.0,
            too_long_bytes: tally.long.1,
            seconds,
            rows: plan.rows,
            now: bytes_now,
            then: bytes_then,
            spots,
            exposed: exposures(&tally),
            commands: tally.commands,
            exit,
        })
    }
}

fn exposures(tally: &Tally) -> Vec<Exposure> {
    let all = tally.exposed.iter().map(|(what, of)| Exposure {
        kind: page::kind(*what),
        bodies: of.bodies,
        objects: of.objects.len(),
        bodies_of_others: of.more,
        named: page::named(of.objects.keys()),
    });
    all.collect()
}

#[cfg(test)]
mod tests;
