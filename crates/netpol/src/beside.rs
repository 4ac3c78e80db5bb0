//! Flows beside the changes of a policy: what was stopped and let through after each of them, and what became of the same
//! before.

use std::collections::BTreeMap;

use auditseal_audit::Time;
use auditseal_flows::{Flow, FlowDirection, FlowVerdict};

use crate::cited::FlowSeal;
use crate::who::said;

/// Kinds of flows that are kept of all policies together: of more the lines are counted at their change.
pub const BESIDE_ROWS: usize = 100_000;

/// What became of flows of the same peers and port before a change, when they were last seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SeenBefore {
    /// They were let through.
    Allowed,
    /// They were stopped.
    Denied,
    /// Some were let through and some stopped between the same two changes.
    Both,
    /// None is sealed of the time that was looked at.
    Never,
    /// There were more kinds of flows than are kept.
    Unsure,
}

impl SeenBefore {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Both => "both",
            Self::Never => "never",
            Self::Unsure => "unsure",
        }
    }
}

/// Flows between a change and the next one that are alike: the same peers, one port, one outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BesideRow {
    /// What became of them.
    pub verdict: FlowVerdict,
    /// What became of such flows before the change.
    pub before: SeenBefore,
    /// Their lines sum up an interval in which the change was made: whether they were before it isn't known.
    pub across: bool,
    /// Whose policies decided, if the lines say so.
    pub direction: Option<FlowDirection>,
    /// Who began.
    pub from: String,
    /// To whom.
    pub to: String,
    /// Port and protocol.
    pub port: String,
    /// How many lines.
    pub lines: u64,
    /// Of these, lines that name the policy: most logs name none.
    pub naming: u64,
    /// The first of them.
    pub first: FlowSeal,
}

/// What stands beside one change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BesideChange {
    /// When the next change was made, up to which it goes.
    pub until: Option<Time>,
    /// What was stopped, and what was let through and wasn't before; first what was otherwise before the change.
    pub rows: Vec<BesideRow>,
    /// Lines that were let through, as such flows were before.
    pub as_before: u64,
    /// Lines that were let through, and of which isn't kept whether such flows were before.
    pub unjudged: u64,
    /// Lines that don't tell what became of them.
    pub untold: u64,
    /// Lines of more kinds than are kept.
    pub unlisted: u64,
}

/// What stands beside none of the changes, and what may stand beside the wrong one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct BesideTotals {
    /// All lines that were looked at.
    pub lines: u64,
    /// Of these, lines of before the first change.
    pub earlier: u64,
    /// Answers to what the other side began: no policy is asked of them.
    pub answers: u64,
    /// Lines that tell no time.
    pub untimed: u64,
    /// Lines about the policies of another namespace.
    pub elsewhere: u64,
    /// Of the others, lines whose time has no zone, and was read as UTC: they may stand beside another change.
    pub no_zone: u64,
}

/// Who with whom, at which port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    direction: Option<FlowDirection>,
    from: String,
    to: String,
    port: String,
}

#[derive(Debug)]
struct Counted {
    lines: u64,
    naming: u64,
    first: FlowSeal,
}

/// What was seen between two changes.
#[derive(Debug, Default)]
struct Span {
    /// By whom, what became of it, and whether the change before lies in the lines' interval.
    kinds: BTreeMap<(Group, FlowVerdict, bool), Counted>,
    /// Lines of more kinds than are kept.
    unlisted: u64,
}

/// Puts flows beside the changes of one policy.
#[derive(Debug)]
pub struct Beside {
    namespace: String,
    policy: String,
    changes: Vec<Time>,
    /// One more than there are changes: the first is of before them.
    spans: Vec<Span>,
    /// How many kinds may still be kept.
    room: usize,
    totals: BesideTotals,
}

impl Beside {
    /// Of a policy of this namespace that was changed at these times; at most `room` kinds of flows are kept
    /// ([`BESIDE_ROWS`] for all policies).
    #[must_use]
    pub fn new(namespace: &str, name: &str, mut changes: Vec<Time>, room: usize) -> Self {
        changes.sort_unstable();
        changes.dedup();
        let spans = (0..=changes.len()).map(|_| Span::default()).collect();
        Self {
            namespace: namespace.to_owned(),
            policy: format!("{namespace}/{name}"),
            changes,
            spans,
            room,
            totals: BesideTotals::default(),
        }
    }

    /// When it was changed, in order.
    #[must_use]
    pub fn changes(&self) -> &[Time] {
        &self.changes
    }

    /// What stands beside none of the changes, and what may stand beside the wrong one.
    #[must_use]
    pub fn totals(&self) -> BesideTotals {
        self.totals
    }

    /// Takes a flow, in any order.
    pub fn add(&mut self, flow: &Flow, at: &FlowSeal) {
        self.totals.lines += 1;
        if flow.reply == Some(true) {
            self.totals.answers += 1;
            return;
        }
        if !self.concerns(flow) {
            self.totals.elsewhere += 1;
            return;
        }
        let Some(time) = flow.time else {
            self.totals.untimed += 1;
            return;
        };
        self.totals.no_zone += u64::from(flow.no_zone);
        let begun = self.changes.partition_point(|change| *change <= time);
        let ended =
            flow.until.map_or(begun, |until| self.changes.partition_point(|one| *one < until));
        let (span, across) = (begun.max(ended), ended > begun);
        self.totals.earlier += u64::from(span == 0);
        let port = flow
            .port
            .map_or_else(|| flow.protocol.to_string(), |port| format!("{port}/{}", flow.protocol));
        let group = Group {
            direction: flow.direction,
            from: said(&flow.source),
            to: said(&flow.destination),
            port,
        };
        let naming = u64::from(flow.names(&self.policy));
        let key = (group, flow.verdict, across);
        let span = &mut self.spans[span];
        match span.kinds.get_mut(&key) {
            Some(counted) => {
                counted.lines += 1;
                counted.naming += naming;
            }
            None if self.room > 0 => {
                self.room -= 1;
                span.kinds.insert(key, Counted { lines: 1, naming, first: at.clone() });
            }
            None => span.unlisted += 1,
        }
    }

    /// Whether it may be about the policies of this namespace.
    fn concerns(&self, flow: &Flow) -> bool {
        // A side whose namespace isn't told may be of this one.
        let own = |side: &auditseal_flows::Endpoint| {
            side.namespace.as_ref().is_none_or(|name| *name == self.namespace)
        };
        match flow.direction {
            Some(FlowDirection::Ingress) => own(&flow.destination),
            Some(FlowDirection::Egress) => own(&flow.source),
            None => own(&flow.source) || own(&flow.destination),
        }
    }

    /// What stands beside each of the changes, in their order.
    #[must_use]
    pub fn finish(self) -> Vec<BesideChange> {
        let (mut known, mut all_known) = (BTreeMap::new(), true);
        let mut all = Vec::with_capacity(self.changes.len());
        for (at, span) in self.spans.into_iter().enumerate() {
            let mut seen: BTreeMap<Group, SeenBefore> = BTreeMap::new();
            for (group, verdict, _) in span.kinds.keys() {
                let now = match verdict {
                    FlowVerdict::Allowed => SeenBefore::Allowed,
                    FlowVerdict::Denied => SeenBefore::Denied,
                    FlowVerdict::Unknown => continue,
                };
                let both = |known: &mut SeenBefore| {
                    if *known != now {
                        *known = SeenBefore::Both;
                    }
                };
                seen.entry(group.clone()).and_modify(both).or_insert(now);
            }
            let unlisted = span.unlisted;
            if at > 0 {
                let before = |group: &Group| match known.get(group) {
                    _ if !all_known => SeenBefore::Unsure,
                    known => known.copied().unwrap_or(SeenBefore::Never),
                };
                all.push(beside(span, before, self.changes.get(at).copied()));
            }
            all_known &= unlisted == 0;
            known.extend(seen);
        }
        all
    }
}

fn beside(span: Span, before: impl Fn(&Group) -> SeenBefore, until: Option<Time>) -> BesideChange {
    let mut change = BesideChange { until, unlisted: span.unlisted, ..BesideChange::default() };
    for ((group, verdict, across), Counted { lines, naming, first }) in span.kinds {
        let before = before(&group);
        match (verdict, before) {
            (FlowVerdict::Unknown, _) => change.untold += lines,
            (FlowVerdict::Allowed, SeenBefore::Allowed) => change.as_before += lines,
            (FlowVerdict::Allowed, SeenBefore::Unsure) => change.unjudged += lines,
            _ => {
                let Group { direction, from, to, port } = group;
                change.rows.push(BesideRow {
                    verdict,
                    before,
                    across,
                    direction,
                    from,
                    to,
                    port,
                    lines,
                    naming,
                    first,
                });
            }
        }
    }
    // The rank of a row: what was otherwise before the change is what it may have done.
    let rank = |row: &BesideRow| match (row.verdict, row.before) {
        (FlowVerdict::Denied, SeenBefore::Allowed | SeenBefore::Both) => 0,
        (FlowVerdict::Denied, SeenBefore::Never | SeenBefore::Unsure) => 1,
        (FlowVerdict::Denied, SeenBefore::Denied) => 2,
        (_, SeenBefore::Denied | SeenBefore::Both) => 3,
        _ => 4,
    };
    change.rows.sort_by_key(rank);
    change
}
