//! What stands below an answer: what it rests on, and what it doesn't say.

use std::collections::BTreeSet;

use auditseal_chain::escape;
use auditseal_format::Time;

use crate::answer::{Answered, ChainSearched};
use crate::unreadable::{UnreadableLine, Unreadables};

/// Things of one kind that are named; of more the count is told.
const NAMED: usize = 5;

/// Chains that are named; of more the count is told.
const CHAINS: usize = 10;

/// How the question was put, in words.
#[derive(Debug, Clone, Default)]
pub struct Put {
    /// `namespace prod`, `all namespaces`.
    pub namespaces: String,
    /// The bounds of time that were asked for.
    pub since: Option<Time>,
    /// The same, the later one.
    pub until: Option<Time>,
}

impl Answered {
    /// A line for each thing that is to be known; the last says how much was found.
    #[must_use]
    pub fn footer(&self, put: &Put) -> Vec<String> {
        let mut lines = Vec::new();
        self.searched(put, &mut lines);
        for chain in &self.chains {
            let origin = chain.origin.to_string();
            let mut tell =
                |what: &str, all: Vec<String>, total| tell(&mut lines, what, &origin, all, total);
            tell(
                "wrong, and what isn't proved is left out",
                texts(&chain.findings),
                chain.findings_total,
            );
            tell(
                "not tied to what is trusted (--allow-unanchored accepts it)",
                texts(chain.unanchored.as_slice()),
                u64::from(chain.unanchored.is_some()),
            );
            tell("gap: what happened then isn't known", texts(&chain.gaps), chain.gaps_total);
            tell(
                "silent: what happened since isn't known",
                texts(chain.silent.as_slice()),
                u64::from(chain.silent.is_some()),
            );
            tell("not read", texts(&chain.unread), chain.unread_total);
            tell(
                "not read",
                texts(chain.uncounted.as_slice()),
                u64::from(chain.uncounted.is_some()),
            );
            tell("not whole", texts(chain.unseen.as_slice()), u64::from(chain.unseen.is_some()));
            tell("note", texts(&chain.notes), chain.notes_total);
        }
        self.unknowns(&mut lines);
        lines.extend(self.undated(put));
        lines.extend(self.hint());
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
        for chain in self.chains.iter().take(CHAINS) {
            lines.push(format!("  {}", span(chain)));
        }
        if chains > CHAINS {
            lines.push(format!("  and {} chains more", chains - CHAINS));
        }
        let sum = |count: fn(&ChainSearched) -> u64| self.chains.iter().map(count).sum::<u64>();
        lines.push(self.index());
        let outside = match sum(|chain| chain.outside) {
            0 => String::new(),
            outside => format!("; {outside} batches lie outside of that time by their notes"),
        };
        let (all, read) = (sum(|chain| chain.lines), sum(|chain| chain.read));
        // A line that can't be read is known to be one only if it is looked at.
        let passed = match all.saturating_sub(read) {
            0 => String::new(),
            passed => format!("; {passed} lines weren't parsed, for they lack what is asked for"),
        };
        lines.push(format!(
            "read: {} batches with {all} lines, {} of text{outside}{passed}",
            sum(|chain| chain.batches),
            size(sum(|chain| chain.bytes))
        ));
    }

    /// What was left out by the word of an index, and by whose.
    fn index(&self) -> String {
        let sum = |count: fn(&ChainSearched) -> u64| self.chains.iter().map(count).sum::<u64>();
        let (packs, batches) = (sum(|chain| chain.packs_by_index), sum(|chain| chain.by_index));
        let auditors: BTreeSet<&str> = self
            .chains
            .iter()
            .flat_map(|chain| chain.auditors.iter().map(String::as_str))
            .collect();
        match (auditors.is_empty(), packs + batches) {
            (true, _) => "index: none was used".to_owned(),
            (false, 0) => "index: it left nothing out".to_owned(),
            (false, _) => format!(
                "index: of {} packs {packs}, and of the others {batches} batches, weren't read: they hold none by the \
                 word of {}; --no-index reads them",
                sum(|chain| chain.packs),
                escape(&auditors.into_iter().collect::<Vec<_>>().join(", "))
            ),
        }
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
                (unknown.untold, "flows whose lines don't tell what decides"),
                (unknown.no_flow, "no flows"),
            ];
            let told = reasons.iter().filter(|(count, _)| *count > 0);
            let told: Vec<String> = told.map(|(count, why)| format!("{count} {why}")).collect();
            let command = if self.flows { "query flows" } else { "query" };
            lines.push(format!(
                "unknown: of {} lines it can't be told: {} (`{command} --unknown` lists them)",
                unknown.total(),
                told.join(", ")
            ));
        }
        self.unreadable(lines);
        if self.truncated > 0 {
            lines.push(format!(
                "cut: {} of the events lack their bodies, which the apiserver cut",
                self.truncated
            ));
        }
        if self.late > 0 {
            lines.push(format!(
                "order: {} {}s come after a later one: they were sealed more than a minute after it",
                self.late,
                self.noun()
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

    /// Where the lines are that can't be read.
    fn unreadable(&self, lines: &mut Vec<String>) {
        for chain in &self.chains {
            let Unreadables { first, total } = &chain.unreadable;
            let at = |one: &UnreadableLine| {
                format!("can't be read: {} {}:{}: {}", chain.origin, one.seq, one.line, one.why)
            };
            lines.extend(first.iter().map(at));
            let more = total.saturating_sub(first.len() as u64);
            if more > 0 {
                lines.push(format!("can't be read: {}: and {more} lines more", chain.origin));
            }
        }
    }

    /// What is listed whatever time is asked for.
    fn undated(&self, put: &Put) -> Option<String> {
        let asked = put.since.is_some() || put.until.is_some();
        (asked && self.undated > 0).then(|| {
            format!(
                "time: {} of the {}s have no certain time, so that they are listed whatever time is asked for",
                self.undated,
                self.noun()
            )
        })
    }

    fn noun(&self) -> &'static str {
        if self.flows { "flow" } else { "event" }
    }

    /// Where nothing was found in a log of another kind than is asked for: what asks it.
    fn hint(&self) -> Option<String> {
        let of_this_kind = |chain: &ChainSearched| chain.batches > chain.strange;
        if self.meant > 0 || self.chains.iter().any(of_this_kind) {
            return None;
        }
        let asked = |chain: &&ChainSearched| match self.flows {
            true => chain.others > 0,
            false => chain.strange > 0,
        };
        let origin = &self.chains.iter().find(asked)?.origin;
        Some(match self.flows {
            true => format!("hint: {origin} is an audit log: `query` and `history` ask it"),
            false => format!(
                "hint: {origin} is no audit log: `query flows` asks logs of network policies"
            ),
        })
    }

    fn found(&self) -> String {
        let what = self.noun();
        let counted =
            |count: u64| if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") };
        // Who closes the output has seen some of what there is.
        let more = if self.closed { ", until nobody read on" } else { "" };
        format!("found: {}{more}", counted(self.meant))
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
fn span(chain: &ChainSearched) -> String {
    let mut text = chain.origin.to_string();
    match chain.seqs {
        None => text.push_str(": nothing"),
        Some((first, last)) => text.push_str(&format!(": seals {first} to {last}")),
    }
    if let Some((first, last)) = chain.times {
        text.push_str(&format!(", lines of {first} to {last}"));
    }
    if chain.others > 0 && chain.batches == 0 {
        text.push_str(", of another kind of log, and not read");
    }
    if !chain.ended {
        text.push_str(", not to its end");
    }
    text
}

/// The first of them, as text.
fn texts(all: &[impl ToString]) -> Vec<String> {
    all.iter().take(NAMED).map(ToString::to_string).collect()
}

fn tell(lines: &mut Vec<String>, what: &str, origin: &str, named: Vec<String>, total: u64) {
    let more = total.saturating_sub(named.len() as u64);
    for text in named {
        // A finding may name its chain itself.
        let place = if text.contains(origin) { String::new() } else { format!("{origin}: ") };
        lines.push(format!("{what}: {place}{text}"));
    }
    if more > 0 {
        lines.push(format!("{what}: {origin}: and {more} more; `verify` says all that is wrong"));
    }
}

#[cfg(test)]
mod tests {
    use auditseal_chain::{Finding, Verdict};

    use super::*;
    use crate::hit::Unknowns;

    fn answer(chains: usize) -> Answered {
        let chain = |n: usize| ChainSearched::new(format!("c/n-{n}/s").parse().unwrap());
        Answered {
            chains: (0..chains).map(chain).collect(),
            given: 2,
            meant: 2,
            unknown: Unknowns { metadata: 3, truncated: 1, ..Unknowns::default() },
            truncated: 1,
            undated: 0,
            late: 4,
            early: 5,
            interrupted: false,
            closed: true,
            flows: false,
        }
    }

    #[test]
    fn what_an_answer_does_not_say_is_told() {
        let mut answer = answer(2);
        answer.chains[0].seqs = Some((3, 9));
        (answer.chains[0].packs, answer.chains[0].packs_by_index) = (9, 7);
        answer.chains[0].auditors = ["b", "a", "b"].map(str::to_owned).to_vec();
        answer.chains[1].found(Finding::new(Verdict::Tampered, None, "bytes").at(7));
        let put = Put { namespaces: "namespace prod".to_owned(), ..Put::default() };
        assert_eq!(
            answer.footer(&put),
            [
                "searched: 2 chains, namespace prod",
                "  c/n-0/s: seals 3 to 9, not to its end",
                "  c/n-1/s: nothing, not to its end",
                "index: of 9 packs 7, and of the others 0 batches, weren't read: they hold none by the word of a, b; \
                 --no-index reads them",
                "read: 0 batches with 0 lines, 0 B of text",
                "wrong, and what isn't proved is left out: c/n-1/s: TAMPERED seq=7: bytes",
                "unknown: of 4 lines it can't be told: 3 logged at level Metadata, 1 cut by the apiserver (`query \
                 --unknown` lists them)",
                "cut: 1 of the events lack their bodies, which the apiserver cut",
                "order: 4 events come after a later one: they were sealed more than a minute after it",
                "stages: more requests were under way than are kept in mind: of 5 an earlier stage is listed, and the \
                 last one may be too",
                "found: 2 events, until nobody read on",
            ]
        );
    }

    /// Flows are called flows, and a log of another kind than is asked for is called what it is.
    #[test]
    fn an_answer_names_what_was_asked_for() {
        let last = |answer: &Answered| {
            let mut lines = answer.footer(&Put::default());
            lines.split_off(lines.len() - 2)
        };
        let mut flows = Answered { flows: true, meant: 9, ..answer(1) };
        flows.closed = false;
        let unknowns = "unknown: of 4 lines it can't be told: 3 logged at level Metadata, 1 cut by the apiserver (`query \
                        flows --unknown` lists them)";
        let footer = flows.footer(&Put::default());
        assert!(footer.iter().any(|line| line == unknowns), "{footer:?}");
        assert_eq!(last(&flows)[1], "found: 9 flows");
        flows.meant = 0;
        flows.chains[0].others = 1;
        let hint = "hint: c/n-0/s is an audit log: `query` and `history` ask it";
        assert_eq!(last(&flows), [hint, "found: 0 flows"]);
        let mut events = Answered { meant: 0, closed: false, ..answer(1) };
        (events.chains[0].batches, events.chains[0].strange) = (2, 2);
        let hint = "hint: c/n-0/s is no audit log: `query flows` asks logs of network policies";
        assert_eq!(last(&events), [hint, "found: 0 events"]);
        events.chains[0].strange = 1;
        assert!(!last(&events)[0].starts_with("hint: "), "it has events too");
    }

    /// Ten times what is named: the rest is counted.
    #[test]
    fn more_than_is_named_is_counted() {
        let mut answer = answer(10 * CHAINS);
        for seq in 0..10 * NAMED as u64 {
            answer.chains[0].found(Finding::new(Verdict::Missing, None, "gone").at(seq));
        }
        let footer = answer.footer(&Put::default());
        let text = footer.join("\n");
        assert!(text.contains(&format!("and {} chains more", 9 * CHAINS)), "{text}");
        assert!(text.contains(&format!("and {} more; `verify`", 9 * NAMED)), "{text}");
        assert!(footer.len() < 40, "{text}");
    }

    #[test]
    fn sizes_are_for_people() {
        let sizes = [0, 1023, 1024, 1_500_000, 5 << 30].map(size);
        assert_eq!(sizes, ["0 B", "1023 B", "1.0 KiB", "1.4 MiB", "5.0 GiB"]);
    }
}
