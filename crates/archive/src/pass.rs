//! One chain, read to its end and judged.

use std::sync::Arc;

use auditseal_chain::{ChainReport, Retention, Rules};
use auditseal_format::{ObjectSeal, Origin, SealId, Time};
use auditseal_reader::{Depth, Entry, How, PackedLines, Packs, Payloads, Reading, Source, Step};

use crate::report::Errors;

/// A chain that was listed, and how it is read.
pub(crate) struct Pass<'a> {
    pub(crate) source: &'a Source,
    pub(crate) origin: &'a Origin,
    pub(crate) entries: &'a [Entry],
    pub(crate) packs: &'a Packs,
    /// The note before what is read, where it is known.
    pub(crate) before: Option<&'a ObjectSeal>,
    /// Payloads aren't decompressed.
    pub(crate) stored_only: bool,
    /// Objects in flight at a time.
    pub(crate) concurrency: usize,
    /// Silence is judged as of then.
    pub(crate) now: Time,
}

/// What a pass has come to.
pub(crate) enum Turn {
    /// An object of so many bytes was looked at.
    Object(u64),
    /// All is read once more.
    Anew,
}

impl Pass<'_> {
    /// Reads the chain, once more for each fork that the known head decides: two signed notes for one
    /// seq, and it tells which of them is the chain's. That is rare enough to read it all again.
    pub(crate) async fn judge(
        &self,
        rules: impl Fn(&[SealId]) -> Rules,
        mut turn: impl FnMut(Turn),
    ) -> (ChainReport, Errors) {
        let mut branch = Vec::new();
        loop {
            let (chain, errors) = self.read(rules(&branch), &mut turn).await;
            match chain.branch.filter(|known| !branch.contains(known)) {
                Some(known) => branch.push(known),
                None => return (chain, errors),
            }
            turn(Turn::Anew);
        }
    }

    async fn read(&self, rules: Rules, turn: &mut impl FnMut(Turn)) -> (ChainReport, Errors) {
        let payloads = Arc::new(Payloads::of(&rules.trust, rules.extent.from.known()));
        let depth = if self.stored_only { Depth::Stored } else { Depth::Payload(&payloads) };
        let retention: Option<Retention> = rules.retention;
        let how = How {
            depth,
            retention,
            concurrency: self.concurrency,
            keep: 0,
            packed: PackedLines::None,
        };
        let rules = (rules, self.before);
        let mut reading =
            Reading::new(self.source, self.origin, self.entries, self.packs, rules, how);
        let mut errors = Errors::default();
        while let Some(Step { size, error, .. }) = reading.next().await {
            error.iter().for_each(|error| errors.push(error));
            turn(Turn::Object(size));
        }
        let mut report = reading.finish(Some(self.now)).1;
        report.totals.decompressed = payloads.begun();
        (report, errors)
    }
}
