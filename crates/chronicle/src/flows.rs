//! Flows beside a change, in words and as JSON.

use auditseal_flows::FlowVerdict;
use auditseal_history::LifeEntry;
use auditseal_history::life::Deed;
use auditseal_netpol::{BesideChange, BesideRow, SeenBefore};
use serde_json::{Value, json};

/// Kinds of flows that are listed beside a change where all aren't asked for.
const FEW: usize = 5;

/// What the network did after a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToldFlows {
    /// What is sealed of it.
    pub change: BesideChange,
    /// Why that isn't all, or why there is nothing: what isn't sealed can't be told.
    pub lacks: Option<String>,
}

/// Whether a request did, or may have done, what the network could show: it changed the object, or found it changed.
#[must_use]
pub fn may_show_in_flows(entry: &LifeEntry) -> bool {
    matches!(
        entry.deed,
        Deed::Created { .. }
            | Deed::Changed
            | Deed::Undecided(_)
            | Deed::Deleted { .. }
            | Deed::DeletedWithCollection { .. }
            | Deed::Noticed { .. }
    )
}

impl ToldFlows {
    /// Lines of what was stopped, and of what was let through and wasn't before.
    fn counts(&self) -> (u64, u64) {
        let lines = |denied: bool| {
            let rows = self.change.rows.iter();
            let of = rows.filter(|row| (row.verdict == FlowVerdict::Denied) == denied);
            of.map(|row| row.lines).sum()
        };
        (lines(true), lines(false))
    }

    fn summary(&self) -> String {
        let (blocked, newly) = self.counts();
        let BesideChange { until, as_before, unjudged, untold, unlisted, .. } = &self.change;
        let span = until.map_or_else(
            || "flows after it".to_owned(),
            |until| format!("flows after it, until the next change at {until}"),
        );
        let counts = [
            (blocked, "blocked"),
            (newly, "newly allowed"),
            (*as_before, "allowed as before"),
            (*unjudged, "allowed, and whether before isn't kept"),
            (*unlisted, "of more kinds than are kept"),
            (*untold, "of which the log doesn't tell what became"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<String> =
            told.map(|(count, what)| format!("{} {what}", in_lines(*count))).collect();
        let told = if told.is_empty() { "none is sealed".to_owned() } else { told.join(", ") };
        let lacks = self.lacks.as_ref().map(|why| format!("; {why}")).unwrap_or_default();
        format!("{span}: {told}{lacks}")
    }

    /// Lines below an entry; `all`: with each kind of flows.
    pub(crate) fn lines(&self, all: bool) -> Vec<String> {
        let listed = if all { self.change.rows.len() } else { FEW };
        let mut lines = vec![self.summary()];
        lines.extend(self.change.rows.iter().take(listed).map(row));
        let rest = self.change.rows.get(listed..).unwrap_or_default();
        if !rest.is_empty() {
            let sum = rest.iter().map(|row| row.lines).sum();
            let (kinds, sum) = (rest.len(), in_lines(sum));
            lines.push(format!("and {kinds} kinds more, {sum} (--diff lists them)"));
        }
        lines
    }

    pub(crate) fn json(&self) -> Value {
        let (blocked, newly) = self.counts();
        let rows: Vec<Value> = self.change.rows.iter().map(row_json).collect();
        json!({
            "until": self.change.until.map(|until| until.to_string()),
            "blocked": blocked,
            "newlyAllowed": newly,
            "allowedAsBefore": self.change.as_before,
            "unjudged": self.change.unjudged,
            "untold": self.change.untold,
            "unlisted": self.change.unlisted,
            "rows": rows,
            "lacks": self.lacks,
        })
    }
}

fn in_lines(count: u64) -> String {
    if count == 1 { "1 line".to_owned() } else { format!("{count} lines") }
}

fn row(of: &BesideRow) -> String {
    let denied = of.verdict == FlowVerdict::Denied;
    let what = if denied { "blocked" } else { "newly allowed" };
    let before = match (of.before, denied) {
        (SeenBefore::Allowed, _) => "allowed before",
        (SeenBefore::Denied, true) => "as before",
        (SeenBefore::Denied, false) => "blocked before",
        (SeenBefore::Both, _) => "some of it blocked before",
        (SeenBefore::Never, _) => "not seen before",
        (SeenBefore::Unsure, _) => "and what was before isn't kept",
    };
    let way = of.direction.map(|way| format!(" ({})", way.word())).unwrap_or_default();
    let naming = match of.naming {
        0 => String::new(),
        all if all == of.lines => "; the log names this policy".to_owned(),
        some => format!("; in {} the log names this policy", in_lines(some)),
    };
    let across = if of.across {
        "; the log sums up a time in which the change was made, and some may be of before it"
    } else {
        ""
    };
    format!(
        "{what}, {before}: {} → {} port {}{way}: {}, first {}{naming}{across}",
        of.from,
        of.to,
        of.port,
        in_lines(of.lines),
        of.first
    )
}

fn row_json(of: &BesideRow) -> Value {
    let first = &of.first;
    json!({
        "verdict": of.verdict.word(),
        "before": of.before.word(),
        "across": of.across,
        "direction": of.direction.map(|way| way.word()),
        "from": of.from,
        "to": of.to,
        "port": of.port,
        "lines": of.lines,
        "naming": of.naming,
        "first": { "origin": &*first.origin, "seq": first.seq, "line": first.line },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use auditseal_netpol::FlowSeal;

    fn told(rows: usize) -> ToldFlows {
        let row = |at: usize| BesideRow {
            verdict: FlowVerdict::Denied,
            before: SeenBefore::Allowed,
            across: at == 1,
            direction: None,
            from: format!("a/{at}"),
            to: "\u{202e}<b>".to_owned(),
            port: "80/TCP".to_owned(),
            lines: 2,
            naming: 1,
            first: FlowSeal { origin: "c/n/f".into(), seq: 3, line: 4 },
        };
        let rows = (0..rows).map(row).collect();
        ToldFlows { change: BesideChange { rows, ..BesideChange::default() }, lacks: None }
    }

    /// Ten times as many kinds of flows as are listed.
    #[test]
    fn of_more_flows_than_are_listed_the_rest_is_counted() {
        let of = told(10 * FEW);
        let few = of.lines(false);
        assert_eq!(few.len(), FEW + 2);
        assert_eq!(few[0], "flows after it: 100 lines blocked");
        let first = "blocked, allowed before: a/0 → \u{202e}<b> port 80/TCP: 2 lines, first c/n/f 3:4; \
                     in 1 line the log names this policy";
        assert_eq!(few[1], first);
        assert!(few[2].ends_with("and some may be of before it"), "{}", few[2]);
        assert_eq!(few[FEW + 1], "and 45 kinds more, 90 lines (--diff lists them)");
        assert_eq!(of.lines(true).len(), 10 * FEW + 1);
        assert_eq!(of.json()["rows"].as_array().map(Vec::len), Some(10 * FEW));
    }

    #[test]
    fn where_nothing_is_sealed_it_is_said_why() {
        let lacks = Some("no log of flows is archived".to_owned());
        let said = ToldFlows { lacks, ..ToldFlows::default() }.lines(false);
        assert_eq!(said.len(), 1);
        assert_eq!(said[0], "flows after it: none is sealed; no log of flows is archived");
    }
}
