//! Flows held against policies.

use std::collections::BTreeMap;

use auditseal_flows::{Flow, FlowVerdict};
use auditseal_history::words::netpol::Direction;

use crate::cited::{FlowSeal, Seen};
use crate::filled::{Filled, FilledTotals, SideMark};
use crate::halves::Halves;
use crate::policy::PolicyFile;
use crate::roster::Roster;
use crate::row::{PolicyTally, ReplayRow, Would};
use crate::side::{SideOutcome, side};
use crate::who::said;

/// Rows that are kept; of flows that are like none of them, the lines are counted.
pub const MAX_ROWS: usize = 20_000;

/// Policies that are named of one row.
const NAMED: usize = 3;

/// How many lines came to what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReplayTotals {
    /// All of them.
    pub lines: u64,
    /// Answers to what the other side began: no policy is asked of them.
    pub answers: u64,
    /// None of the policies is for them.
    pub untouched: u64,
    /// They passed when they were seen, and would be stopped.
    pub blocked: u64,
    /// They passed when they were seen, and would pass.
    pub allowed: u64,
    /// They passed, and it can't be told whether they would.
    pub unknown: u64,
    /// They were stopped already.
    pub stopped: u64,
    /// Of these, lines that these policies would let through.
    pub stopped_allowed: u64,
    /// One side let them through, and a line of the other side says that it stopped them: that line counts.
    pub halves: u64,
    /// Lines that don't tell what became of them. They are counted as if they had passed.
    pub untold: u64,
    /// Lines that stand in no row, for there are too many.
    pub unlisted: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    stopped: bool,
    would: Would,
    way: Direction,
    subject: (String, SideMark),
    peer: (String, SideMark),
    port: String,
    why: String,
}

/// What came of a flow, before it is counted.
#[derive(Debug, Clone)]
struct Record {
    /// None: none of the policies is for it.
    key: Option<Key>,
    untold: bool,
    /// Places of policies that are for it, and whether each lets it through.
    by: Vec<(usize, bool)>,
    at: FlowSeal,
}

/// Holds flows against policies, all of them together, as if there were no others. They come in the order of time.
#[derive(Debug, Clone)]
pub struct Replay {
    policies: Vec<PolicyFile>,
    roster: Roster,
    waiting: Halves<Record>,
    told: Replayed,
}

/// What came of all flows.
#[derive(Debug, Clone)]
pub struct Replayed {
    tallies: Vec<PolicyTally>,
    rows: BTreeMap<Key, Seen>,
    totals: ReplayTotals,
    filled: FilledTotals,
}

impl Replay {
    /// Before the first flow.
    #[must_use]
    pub fn new(policies: Vec<PolicyFile>) -> Self {
        let tally = |policy: &PolicyFile| PolicyTally {
            name: policy.name.clone(),
            ..PolicyTally::default()
        };
        let tallies = policies.iter().map(tally).collect();
        let (rows, totals, filled) = Default::default();
        let told = Replayed { tallies, rows, totals, filled };
        Self { policies, roster: Roster::default(), waiting: Halves::new(), told }
    }

    /// Takes of these objects what the lines don't tell.
    #[must_use]
    pub fn with_roster(mut self, roster: Roster) -> Self {
        self.roster = roster;
        self
    }

    /// Holds a flow against them; `None`: no policy is asked of it, or none is for it.
    pub fn add(&mut self, flow: &Flow, at: &FlowSeal) -> Option<Would> {
        self.told.totals.lines += 1;
        if flow.reply == Some(true) {
            self.told.totals.answers += 1;
            return None;
        }
        let filled = self.roster.fill(flow);
        self.told.filled.count(&filled);
        let record = self.record(&filled, at);
        let would = record.key.as_ref().map(|key| key.would);
        let counted = self.waiting.take(flow, record);
        self.told.totals.halves += counted.halves;
        counted.whole.into_iter().for_each(|record| self.told.count(record));
        would
    }

    /// There are no more flows.
    #[must_use]
    pub fn finish(self) -> Replayed {
        let mut told = self.told;
        self.waiting.finish().for_each(|record| told.count(record));
        told
    }

    /// What the policies make of both sides.
    fn record(&self, filled: &Filled<'_>, at: &FlowSeal) -> Record {
        let flow = &*filled.flow;
        let sides = [Direction::Ingress, Direction::Egress]
            .map(|way| (way, side(&self.policies, way, flow)));
        let by = sides.iter().flat_map(|(_, outcome)| {
            let (by, lets): (&[usize], bool) = match outcome {
                SideOutcome::Allowed(by) => (by, true),
                SideOutcome::Blocked(by) => (by, false),
                SideOutcome::Free | SideOutcome::Unknown(_) => (&[], false),
            };
            by.iter().map(move |at| (*at, lets))
        });
        let by = by.collect();
        let untold = flow.verdict == FlowVerdict::Unknown;
        let rank = |outcome: &SideOutcome| match outcome {
            SideOutcome::Blocked(_) => 0,
            SideOutcome::Unknown(_) => 1,
            SideOutcome::Allowed(_) => 2,
            SideOutcome::Free => 3,
        };
        // The worse side decides; of two that are alike, what comes in.
        let [ingress, egress] = sides;
        let (way, outcome) = if rank(&egress.1) < rank(&ingress.1) { egress } else { ingress };
        let said = match outcome {
            SideOutcome::Free => None,
            SideOutcome::Blocked(by) => {
                Some((Would::Blocked, format!("no rule of {}", self.names(&by))))
            }
            SideOutcome::Allowed(by) => Some((Would::Allowed, self.names(&by))),
            SideOutcome::Unknown(doubt) => Some((Would::Unknown, doubt.to_string())),
        };
        let key = said.map(|(would, why)| key(filled, way, would, why));
        Record { key, untold, by, at: at.clone() }
    }

    fn names(&self, by: &[usize]) -> String {
        let named: Vec<&str> =
            by.iter().take(NAMED).map(|at| self.policies[*at].name.as_str()).collect();
        match by.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }
}

fn key(filled: &Filled<'_>, way: Direction, would: Would, why: String) -> Key {
    let flow = &*filled.flow;
    let source = (said(&flow.source), filled.source.clone());
    let destination = (said(&flow.destination), filled.destination.clone());
    let (subject, peer) = match way {
        Direction::Ingress => (destination, source),
        Direction::Egress => (source, destination),
    };
    let port = flow
        .port
        .map_or_else(|| flow.protocol.to_string(), |port| format!("{port}/{}", flow.protocol));
    let stopped = flow.verdict == FlowVerdict::Denied;
    Key { stopped, would, way, subject, peer, port, why }
}

impl Replayed {
    fn count(&mut self, record: Record) {
        let Record { key, untold, by, at } = record;
        for (at, lets) in by {
            let tally = &mut self.tallies[at];
            *(if lets { &mut tally.allowed } else { &mut tally.blocked }) += 1;
        }
        let totals = &mut self.totals;
        let Some(key) = key else {
            totals.untouched += 1;
            return;
        };
        totals.untold += u64::from(untold);
        match (key.stopped, key.would) {
            (true, would) => {
                totals.stopped += 1;
                totals.stopped_allowed += u64::from(would == Would::Allowed);
            }
            (false, Would::Blocked) => totals.blocked += 1,
            (false, Would::Allowed) => totals.allowed += 1,
            (false, Would::Unknown) => totals.unknown += 1,
        }
        let room = self.rows.len() < MAX_ROWS;
        match self.rows.get_mut(&key) {
            Some(seen) => seen.add(&at),
            None if room => self.rows.entry(key).or_default().add(&at),
            None => totals.unlisted += 1,
        }
    }

    /// How many lines came to what.
    #[must_use]
    pub fn totals(&self) -> ReplayTotals {
        self.totals
    }

    /// What objects told of the lines.
    #[must_use]
    pub fn filled(&self) -> &FilledTotals {
        &self.filled
    }

    /// What each policy came to, in the order in which they were given.
    #[must_use]
    pub fn policies(&self) -> &[PolicyTally] {
        &self.tallies
    }

    /// Flows that are alike: those that passed first, and of these what would be stopped.
    pub fn rows(&self) -> impl Iterator<Item = ReplayRow> + '_ {
        self.rows.iter().map(|(key, seen)| ReplayRow {
            would: key.would,
            stopped: key.stopped,
            way: match key.way {
                Direction::Ingress => "ingress",
                Direction::Egress => "egress",
            },
            subject: key.subject.0.clone(),
            subject_mark: key.subject.1.clone(),
            peer: key.peer.0.clone(),
            peer_mark: key.peer.1.clone(),
            port: key.port.clone(),
            why: key.why.clone(),
            lines: seen.lines,
            cited: seen.cited.clone(),
        })
    }
}
