//! What stands below an answer: what it rests on, and what it doesn't say.

use std::collections::BTreeSet;

use auditseal_format::Time;

use crate::answer::{Answer, Searched};

/// Things of one kind that are named; of more the count is told.
const NAMED: usize = 5;

/// How the question was put, in words.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// `namespace prod`, `all namespaces`.
    pub namespaces: String,
    /// The bounds of time that were asked for.
    pub since: Option<Time>,
    /// The same, the later one.
    pub until: Option<Time>,
    /// Whether an index was asked, whose attestation was trusted for it, or why none was.
    pub index: String,
}

impl Answer {
    /// A line for each thing that is to be known; the last says how much was found.
    #[must_use]
    pub fn footer(&self, put: &Put) -> Vec<String> {
        let mut lines = Vec::new();
        self.searched(put, &mut lines);
        for chain in &self.chains {
            tell(
                &mut lines,
                "wrong, and left out",
                &chain.origin.to_string(),
                chain.findings.iter(),
                chain.findings_total,
            );
            let unanchored = chain.unanchored.iter();
            tell(
                &mut lines,
                "unproved",
                &chain.origin.to_string(),
                unanchored,
                chain.unanchored.iter().count() as u64,
            );
            let gaps = chain.gaps.len() as u64;
            tell(
                &mut lines,
                "gap: what happened then isn't known",
                &chain.origin.to_string(),
                chain.gaps.iter(),
                gaps,
            );
            tell(
                &mut lines,
                "not read",
                &chain.origin.to_string(),
                chain.unread.iter(),
                chain.unread_total,
            );
            tell(
                &mut lines,
                "note",
                &chain.origin.to_string(),
                chain.notes.iter(),
                chain.notes.len() as u64,
            );
        }
        self.unknowns(&mut lines);
        lines.push(self.found());
        lines
    }

    fn searched(&self, put: &Put, lines: &mut Vec<String>) {
        let stopped =
            if self.interrupted { "interrupted; searched until then" } else { "searched" };
        let asked = match (put.since, put.until) {
            (None, None) => String::new(),
            (Some(since), None) => format!(", from {since} on"),
            (None, Some(until)) => format!(", up to {until}"),
            (Some(since), Some(until)) => format!(", {since} to {until}"),
        };
        let chains = self.chains.len();
        let plural = if chains == 1 { "chain" } else { "chains" };
        lines.push(format!("{stopped}: {chains} {plural}, {}{asked}", put.namespaces));
        for chain in self.chains.iter().take(NAMED * 2) {
            lines.push(format!("  {}", span(chain)));
        }
        if chains > NAMED * 2 {
            lines.push(format!("  and {} chains more", chains - NAMED * 2));
        }
        let sum = |count: fn(&Searched) -> u64| self.chains.iter().map(count).sum::<u64>();
        let (batches, text) = (sum(|chain| chain.batches), sum(|chain| chain.bytes));
        let outside = match sum(|chain| chain.outside) {
            0 => String::new(),
            outside => format!("; {outside} batches lie outside of that time by their notes"),
        };
        lines.push(format!(
            "{}: {batches} batches with {} lines, {} of text, were searched{outside}",
            put.index,
            sum(|chain| chain.lines),
            size(text)
        ));
    }

    fn unknowns(&self, lines: &mut Vec<String>) {
        let unknown = &self.unknown;
        if unknown.total() > 0 {
            let reasons = [
                (unknown.metadata, "logged at level Metadata"),
                (unknown.request, "logged at level Request"),
                (unknown.response, "without what decides, at level RequestResponse"),
                (unknown.truncated, "cut by the apiserver"),
                (unknown.unreadable, "no events that can be read"),
                (unknown.too_long, "longer than is looked at"),
            ];
            let told = reasons.iter().filter(|(count, _)| *count > 0);
            let told: Vec<String> = told.map(|(count, why)| format!("{count} {why}")).collect();
            lines.push(format!(
                "unknown: of {} lines it can't be told: {} (--unknown lists them)",
                unknown.total(),
                told.join(", ")
            ));
        }
        if self.truncated > 0 {
            lines.push(format!(
                "cut: {} of the events lack their bodies, which the apiserver cut",
                self.truncated
            ));
        }
        if self.late > 0 {
            lines.push(format!(
                "order: {} events come after a later one: they were sealed more than a minute after it",
                self.late
            ));
        }
        if self.early > 0 {
            lines.push(format!(
                "stages: more requests were under way than are kept in mind: of {} an earlier stage is listed, and \
                 the last one may be too",
                self.early
            ));
        }
    }

    fn found(&self) -> String {
        let events =
            |count: u64| if count == 1 { "1 event".to_owned() } else { format!("{count} events") };
        // Who closes the output has seen some of what there is.
        let more = if self.closed { ", until nobody read on" } else { "" };
        format!("found: {}{more}", events(self.meant))
    }
}

/// A size as people read it.
#[must_use]
pub fn size(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let unit = units.iter().find(|(_, shift)| bytes >> shift > 0);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(unit, shift)| {
            let tenths = (bytes >> (shift - 10)) * 10 / 1024;
            format!("{}.{} {unit}", tenths / 10, tenths % 10)
        },
    )
}

/// Up to where a chain was searched.
fn span(chain: &Searched) -> String {
    let mut text = chain.origin.to_string();
    match chain.seqs {
        None => text.push_str(": nothing"),
        Some((first, last)) => text.push_str(&format!(": seals {first} to {last}")),
    }
    if let Some((first, last)) = chain.times {
        text.push_str(&format!(", lines of {first} to {last}"));
    }
    if !chain.ended {
        text.push_str(", not to its end");
    }
    text
}

fn tell<T: ToString>(
    lines: &mut Vec<String>,
    what: &str,
    origin: &str,
    all: impl Iterator<Item = T>,
    total: u64,
) {
    let mut named = BTreeSet::new();
    for one in all.take(NAMED) {
        let text = one.to_string();
        // A finding names its chain itself.
        let place = if text.contains(origin) { String::new() } else { format!("{origin}: ") };
        let line = format!("{what}: {place}{text}");
        if named.insert(line.clone()) {
            lines.push(line);
        }
    }
    let more = total.saturating_sub(NAMED as u64);
    if more > 0 {
        lines.push(format!("{what}: {origin}: and {more} more; `verify` says all that is wrong"));
    }
}
