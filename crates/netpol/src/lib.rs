//! What NetworkPolicies would make of flows that were seen ([`Replay`]), and the least of them that let through what was
//! seen ([`Suggest`]); and which of them stand beside the changes of a policy ([`Beside`]).
//!
//! Three answers: allowed, blocked, or unknown with the reason. A flow's line tells some labels and not others, an address and
//! not whose it is, a port and not its name; what it doesn't tell is never guessed. Meaning is [`auditseal_history`]'s exact
//! algebra. Pure: flows in, rows and YAML out.

mod beside;
mod cited;
mod doubt;
mod filled;
mod halves;
mod left_out;
mod need;
mod policy;
mod replay;
mod roster;
mod row;
mod rule;
mod selector;
mod side;
mod strict;
mod suggest;
mod who;
mod yaml;

pub use beside::{BESIDE_ROWS, Beside, BesideChange, BesideRow, BesideTotals, SeenBefore};
pub use cited::{CITED, FlowSeal};
pub use doubt::FlowDoubt;
pub use filled::{FilledTotals, SideMark};
pub use halves::MAX_WAITING;
pub use left_out::LeftOut;
pub use policy::{NotAPolicy, OtherObject, PolicyFile};
pub use replay::{MAX_ROWS, Replay, ReplayTotals, Replayed};
pub use roster::{NotObjects, NotTold, Roster, RosterFile};
pub use row::{PolicyTally, ReplayRow, Would};
pub use suggest::{MAX_NEEDS, Suggest, Suggestion, TooManyNeeds};

#[cfg(test)]
mod tests;
