//! Which blocks a cluster's policy has, and what each costs there. Pure.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use auditseal_audit::event::Part;
use auditseal_audit::policy::Level;
use serde::Serialize;

use super::catalogue::{Block, Catalogue, Place};
use super::tally::{Sums, Tally};

/// A block that drops is worth its blind spot where it saves at least one in so many bytes.
const WORTH: u64 = 100;
/// Kinds of the cluster's own that a policy proposes.
const PROPOSED: usize = 10;
/// What a body may take that the log holds none of, bytes.
const BODY: (u64, u64) = (2, 16 << 10);
/// What a failure's status may take.
const FAILURE: (u64, u64) = (100, 2 << 10);
/// The name in the report of what no rule takes.
const OMITTED: &str = "(RequestReceived)";
const OWN: &str = "noise-own-leases";

/// From, to: equal where it is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Range {
    /// At least.
    pub low: u64,
    /// At most.
    pub high: u64,
}

/// What one block costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Its name in the policy.
    pub block: String,
    /// Its level.
    pub level: &'static str,
    /// Whether the policy has it.
    pub chosen: bool,
    /// Events in the log that it takes.
    pub events: u64,
    /// Their bytes in the log.
    pub now: u64,
    /// Their bytes by the new policy.
    pub then: Range,
    /// Bodies of which the log tells nothing: the reason for the range.
    pub unknown_bodies: u64,
    /// What it leaves out.
    pub unseen: String,
}

/// A policy for a cluster.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) policy: String,
    pub(crate) rows: Vec<Row>,
}

/// Makes the policy.
pub(crate) fn plan(tally: &Tally, catalogue: &Catalogue, facts: &str) -> Plan {
    let chosen = chosen(tally, catalogue);
    let (mut sums, mut own) = (spread(&tally.sums, chosen), Sums::default());
    let total: u64 = sums.values().map(|of| of.now).fold(0, u64::saturating_add);
    let worth = |of: &Sums| of.now > 0 && of.now.saturating_mul(WORTH) >= total;
    let users: Vec<_> = tally.leases.iter().filter(|(_, of)| worth(of)).collect();
    for (_, of) in &users {
        own.add(of);
        if let Some(rest) = sums.get_mut(&catalogue.rest()) {
            rest.take(of);
        }
    }
    let mut rows = Vec::new();
    let mut policy = format!("{}\n\n{}\n", facts.trim_end(), catalogue.head);
    for (at, block) in catalogue.blocks.iter().enumerate() {
        if at == catalogue.rest() {
            if !users.is_empty() {
                rows.push(own_row(&own));
                policy.push_str(&own_leases(users.iter().map(|(user, _)| user.as_str())));
            }
            policy.push_str(&proposals(tally));
        }
        let has = !block.drops() || chosen & (1 << at) != 0;
        if has {
            policy.push('\n');
            policy.push_str(&block.text);
            policy.push('\n');
        }
        let alone = spread(&tally.sums, chosen | (1 << at));
        let of = if has { sums.get(&at) } else { alone.get(&at) };
        rows.push(row(block, has, of.cloned().unwrap_or_default(), tally));
    }
    if tally.received.events > 0 {
        rows.push(Row {
            block: OMITTED.to_owned(),
            level: Level::None.name(),
            chosen: true,
            events: tally.received.events,
            now: tally.received.now,
            then: Range::default(),
            unknown_bodies: 0,
            unseen: "nothing: the later stages say the same".to_owned(),
        });
    }
    Plan { policy, rows }
}

/// The dropping blocks that are worth it, as bits by their place.
fn chosen(tally: &Tally, catalogue: &Catalogue) -> u32 {
    let all = spread(&tally.sums, u32::MAX);
    let total: u64 = all.values().map(|of| of.now).fold(0, u64::saturating_add);
    let worth = |at: &usize| {
        let saved = all.get(at).map_or(0, |of| of.now);
        saved > 0 && saved.saturating_mul(WORTH) >= total
    };
    let dropping = catalogue.blocks.iter().enumerate().filter(|(_, block)| block.drops());
    dropping.map(|(at, _)| at).filter(worth).fold(0, |bits, at| bits | (1 << at))
}

/// What each block takes when these dropping ones are in the policy.
fn spread(sums: &BTreeMap<Place, Sums>, chosen: u32) -> BTreeMap<usize, Sums> {
    let mut blocks: BTreeMap<usize, Sums> = BTreeMap::new();
    for (place, of) in sums {
        let dropped = place.dropped & chosen;
        let at = if dropped == 0 {
            place.block
        } else {
            usize::try_from(dropped.trailing_zeros()).unwrap_or(place.block)
        };
        blocks.entry(at).or_default().add(of);
    }
    blocks
}

fn row(block: &Block, chosen: bool, of: Sums, tally: &Tally) -> Row {
    let mut then = Range { low: of.then, high: of.then };
    let mut unknown = 0_u64;
    for ((resource, part), count) in &of.missing {
        let found = tally.sizes.get(&(*resource, *part)).map(|sizes| (sizes.least, sizes.most));
        let (least, most) = found.unwrap_or(if *part == Part::Failure { FAILURE } else { BODY });
        // Its key and a comma come with it.
        then.low = then.low.saturating_add(count.saturating_mul(least + 17));
        then.high = then.high.saturating_add(count.saturating_mul(most + 18));
        unknown += count;
    }
    if block.drops() {
        (then, unknown) = (Range::default(), 0);
    }
    Row {
        block: block.id.clone(),
        level: block.level.name(),
        chosen,
        events: of.events,
        now: of.now,
        then,
        unknown_bodies: unknown,
        unseen: block.unseen.clone(),
    }
}

const OWN_UNSEEN: &str = "that somebody with such an account's token keeps its leader from leading";

fn own_row(of: &Sums) -> Row {
    Row {
        block: OWN.to_owned(),
        level: Level::None.name(),
        chosen: true,
        events: of.events,
        now: of.now,
        then: Range::default(),
        unknown_bodies: 0,
        unseen: OWN_UNSEEN.to_owned(),
    }
}

fn own_leases<'a>(users: impl Iterator<Item = &'a str>) -> String {
    let mut text = format!(
        "\n# [{OWN}] Dropped: this cluster's own controllers saying that they are alive.\n\
         # Unseen: {OWN_UNSEEN}.\n- level: None\n  users:\n"
    );
    for user in users {
        text.push_str(&format!("  - \"{user}\"\n"));
    }
    text.push_str(
        "  verbs: [get, update, patch]\n  resources:\n  - {group: coordination.k8s.io, resources: [leases]}\n",
    );
    text
}

/// Kinds that the cluster's own software writes: whether their bodies hold credentials, only people
/// can tell.
fn proposals(tally: &Tally) -> String {
    let mut kinds: Vec<_> = tally.writes.iter().collect();
    kinds.sort_by_key(|(of, writes)| (std::cmp::Reverse(**writes), (*of).clone()));
    if kinds.is_empty() {
        return String::new();
    }
    let mut text = "\n# Kinds of this cluster's own that are written here, most often first. To have their content, take\n\
         # the marks away from the rule and from those kinds whose objects hold no credentials.\n\
         # - level: Request\n#   verbs: [create, update, patch]\n#   resources:\n"
        .to_owned();
    for ((group, resource), writes) in kinds.iter().take(PROPOSED) {
        let times = if **writes == 1 { "once".to_owned() } else { format!("{writes} times") };
        let line = format!("#   - {{group: {group}, resources: [{resource}]}} # {times}");
        writeln!(text, "{line}").unwrap_or_default();
    }
    if kinds.len() > PROPOSED {
        let more = kinds.len() - PROPOSED;
        writeln!(text, "# and {more} more kinds").unwrap_or_default();
    }
    text
}
