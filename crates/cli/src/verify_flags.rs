//! What `verify` is told.

use std::time::Duration;

use auditseal_agent::system_clock;
use auditseal_format::{Origin, Time};
use clap::builder::BoolishValueParser;
use clap::{ArgAction, Args};

use crate::help;
use crate::output::Format;
use crate::packing::PackPlace;
use crate::part::Part;
use crate::protection::RequiredMode;
use crate::stats::Stats;
use crate::store_flags::{StoreFlags, is_directory};
use crate::times::time;
use crate::trusting::Estate;
use crate::units::retention;

#[derive(Debug, Args)]
#[command(after_help = help::VERIFY)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) stats: Stats,
    /// A chain that must be there. Repeatable. Without it, a chain that is absent as a whole isn't
    /// noticed.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE",
          action = ArgAction::Append, value_delimiter = ' ')]
    pub(crate) origin: Vec<Origin>,
    /// A public key to trust, or a file with one in each line. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append,
          required_unless_present = "trust")]
    pub(crate) vkey: Vec<String>,
    #[command(flatten)]
    pub(crate) estate: Estate,
    #[command(flatten)]
    pub(crate) place: PackPlace,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Accept the gap that this seal states. Repeatable; shown in the output.
    #[arg(long, env = "AUDITSEAL_ACCEPT", value_name = "C/N/SOURCE:SEQ", value_parser = accept,
          action = ArgAction::Append, value_delimiter = ' ')]
    pub(crate) accept: Vec<(Origin, u64)>,
    /// Judge silence as of this time instead of now: RFC 3339, a local date or date and time, or how long
    /// ago, like 7d.
    #[arg(long, env = "AUDITSEAL_AT", value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Time>,
    /// Demand that the store keeps each object locked so long from when it was sealed.
    #[arg(long, env = "AUDITSEAL_REQUIRE_RETENTION", value_name = "TIME", value_parser = retention)]
    pub(crate) require_retention: Option<Duration>,
    /// How firm that lock must be; governance can be lifted by whoever has the permission.
    #[arg(
        long,
        env = "AUDITSEAL_REQUIRE_RETENTION_MODE",
        value_enum,
        value_name = "MODE",
        default_value = "compliance"
    )]
    pub(crate) require_retention_mode: RequiredMode,
    /// Check stored bytes, chain and signatures only; don't decompress.
    #[arg(long, env = "AUDITSEAL_STORED_ONLY", value_parser = BoolishValueParser::new())]
    pub(crate) stored_only: bool,
    /// What the report looks like.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub(crate) output: Format,
}

impl Verify {
    /// The time as of which silence is judged.
    pub(crate) fn as_of(&self) -> Time {
        self.at.unwrap_or_else(|| system_clock()().wall)
    }

    /// How much later than the store's date of an object its seal may be. A directory's dates are those
    /// of whoever copied it there.
    pub(crate) fn skew(&self, usual: Option<i64>) -> Option<i64> {
        if is_directory(&self.store.store) { None } else { usual }
    }

    /// The name by which seals call this store.
    pub(crate) fn store_name(&self) -> Option<String> {
        Some(auditseal_agent::store_name(&self.store.store))
    }
}

fn accept(text: &str) -> Result<(Origin, u64), String> {
    let wrong = || "expected CLUSTER/NODE/SOURCE:SEQ".to_owned();
    let (origin, seq) = text.rsplit_once(':').ok_or_else(wrong)?;
    Ok((origin.parse::<Origin>().map_err(|e| e.to_string())?, seq.parse().map_err(|_| wrong())?))
}
