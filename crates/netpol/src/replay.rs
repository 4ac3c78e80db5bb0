//! Flows held against policies.

use std::collections::BTreeMap;

use auditseal_flows::{Endpoint, Flow, FlowVerdict};
use auditseal_history::words::netpol::Direction;

use crate::cited::{FlowSeal, Seen};
use crate::policy::PolicyFile;
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
    subject: String,
    peer: String,
    port: String,
    why: String,
}

/// Holds flows against policies, all of them together, as if there were no others.
#[derive(Debug, Clone)]
pub struct Replay {
    policies: Vec<PolicyFile>,
    tallies: Vec<PolicyTally>,
    rows: BTreeMap<Key, Seen>,
    totals: ReplayTotals,
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
        Self { policies, tallies, rows: BTreeMap::new(), totals: ReplayTotals::default() }
    }

    /// Holds a flow against them; `None`: no policy is asked of it, or none is for it.
    pub fn add(&mut self, flow: &Flow, at: &FlowSeal) -> Option<Would> {
        self.totals.lines += 1;
        if flow.reply == Some(true) {
            self.totals.answers += 1;
            return None;
        }
        let sides = [Direction::Ingress, Direction::Egress]
            .map(|way| (way, side(&self.policies, way, flow)));
        self.tally(&sides);
        let rank = |outcome: &SideOutcome| match outcome {
            SideOutcome::Blocked(_) => 0,
            SideOutcome::Unknown(_) => 1,
            SideOutcome::Allowed(_) => 2,
            SideOutcome::Free => 3,
        };
        // The worse side decides; of two that are alike, what comes in.
        let (way, outcome) = sides.into_iter().min_by_key(|(_, outcome)| rank(outcome))?;
        let (would, why) = match outcome {
            SideOutcome::Free => {
                self.totals.untouched += 1;
                return None;
            }
            SideOutcome::Blocked(by) => (Would::Blocked, format!("no rule of {}", self.names(&by))),
            SideOutcome::Allowed(by) => (Would::Allowed, self.names(&by)),
            SideOutcome::Unknown(doubt) => (Would::Unknown, doubt.to_string()),
        };
        let stopped = flow.verdict == FlowVerdict::Denied;
        let totals = &mut self.totals;
        totals.untold += u64::from(flow.verdict == FlowVerdict::Unknown);
        match (stopped, would) {
            (true, would) => {
                totals.stopped += 1;
                totals.stopped_allowed += u64::from(would == Would::Allowed);
            }
            (false, Would::Blocked) => totals.blocked += 1,
            (false, Would::Allowed) => totals.allowed += 1,
            (false, Would::Unknown) => totals.unknown += 1,
        }
        let (subject, peer) = match way {
            Direction::Ingress => (&flow.destination, &flow.source),
            Direction::Egress => (&flow.source, &flow.destination),
        };
        let port = flow
            .port
            .map_or_else(|| flow.protocol.to_string(), |port| format!("{port}/{}", flow.protocol));
        let name = |side: &Endpoint| said(side);
        let key = Key { stopped, would, way, subject: name(subject), peer: name(peer), port, why };
        let room = self.rows.len() < MAX_ROWS;
        match self.rows.get_mut(&key) {
            Some(seen) => seen.add(at),
            None if room => self.rows.entry(key).or_default().add(at),
            None => self.totals.unlisted += 1,
        }
        Some(would)
    }

    fn tally(&mut self, sides: &[(Direction, SideOutcome)]) {
        for (_, outcome) in sides {
            match outcome {
                SideOutcome::Allowed(by) => by.iter().for_each(|at| self.tallies[*at].allowed += 1),
                SideOutcome::Blocked(by) => by.iter().for_each(|at| self.tallies[*at].blocked += 1),
                SideOutcome::Free | SideOutcome::Unknown(_) => {}
            }
        }
    }

    fn names(&self, by: &[usize]) -> String {
        let named: Vec<&str> =
            by.iter().take(NAMED).map(|at| self.policies[*at].name.as_str()).collect();
        match by.len().saturating_sub(NAMED) {
            0 => named.join(", "),
            more => format!("{} and {more} more", named.join(", ")),
        }
    }

    /// How many lines came to what.
    #[must_use]
    pub fn totals(&self) -> ReplayTotals {
        self.totals
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
            subject: key.subject.clone(),
            peer: key.peer.clone(),
            port: key.port.clone(),
            why: key.why.clone(),
            lines: seen.lines,
            cited: seen.cited.clone(),
        })
    }
}
