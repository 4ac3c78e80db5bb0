//! trust init, show, accept, diff, merge: what a reader trusts, and what it remembers.

mod attested;
mod heads;
mod policy;

use std::path::PathBuf;
use std::process::ExitCode;

use auditseal_format::{Origin, SealId, Time};
use auditseal_trust::Acceptable;
use clap::{ArgAction, Args, Subcommand};

use crate::failure::Failure;
use crate::help;
use crate::part::head;
use crate::protection::RequiredMode;
use crate::store_flags::StoreFlags;
use crate::times::time;
use crate::units::retention;

#[derive(Debug, Args)]
#[command(after_help = help::TRUST)]
pub(crate) struct Trust {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write a first trust file to standard output, and say on standard error whose keys it trusts.
    Init(Init),
    /// Show what is trusted of each chain, and how far it was verified, when.
    Show(Show),
    /// Write a trust file with one thing changed: a finding accepted, or reading begun later. Or move a
    /// heads file on by what an auditor attests.
    Accept(Accept),
    /// Say what one trust file trusts more and less than another.
    Diff(Diff),
    /// Put heads files together, those of the shards of `verify`.
    Merge(Merge),
}

#[derive(Debug, Args)]
#[command(after_help = help::TRUST_INIT, override_usage = help::TRUST_INIT_USAGE)]
pub(crate) struct Init {
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    /// A chain that is to be trusted. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE", required = true,
          action = ArgAction::Append, value_delimiter = ' ')]
    pub(crate) origin: Vec<Origin>,
    /// A public key, or a file with one in each line: each is trusted for the chains that its name says.
    /// Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", required = true,
          action = ArgAction::Append)]
    pub(crate) vkey: Vec<String>,
    /// How long a chain may say nothing, up to 366d.
    #[arg(long, env = "AUDITSEAL_SILENT_AFTER", value_name = "TIME", default_value = "10m",
          value_parser = silence)]
    pub(crate) silent_after: u32,
    /// Demand that the store keeps each object locked so long from when it was sealed.
    #[arg(long, env = "AUDITSEAL_REQUIRE_RETENTION", value_name = "DAYS", value_parser = retention)]
    pub(crate) require_retention: Option<std::time::Duration>,
    /// How firm that lock must be.
    #[arg(
        long,
        env = "AUDITSEAL_REQUIRE_RETENTION_MODE",
        value_enum,
        value_name = "MODE",
        default_value = "compliance"
    )]
    pub(crate) require_retention_mode: RequiredMode,
}

#[derive(Debug, Args)]
#[command(after_help = help::TRUST_SHOW)]
pub(crate) struct Show {
    /// A trust file.
    #[arg(long, env = "AUDITSEAL_TRUST", value_name = "FILE", required_unless_present = "heads")]
    pub(crate) trust: Option<PathBuf>,
    /// A heads file.
    #[arg(long, env = "AUDITSEAL_HEADS", value_name = "FILE")]
    pub(crate) heads: Option<PathBuf>,
    /// Tell ages as of this time instead of now.
    #[arg(long, env = "AUDITSEAL_AT", value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Time>,
}

#[derive(Debug, Args)]
#[command(after_help = help::TRUST_ACCEPT, override_usage = help::TRUST_ACCEPT_USAGE)]
pub(crate) struct Accept {
    /// The trust file; it isn't changed.
    #[arg(long, env = "AUDITSEAL_TRUST", value_name = "FILE")]
    pub(crate) trust: PathBuf,
    /// The chain.
    #[arg(
        long,
        env = "AUDITSEAL_ORIGIN",
        value_name = "C/N/SOURCE",
        required_unless_present = "attestation"
    )]
    pub(crate) origin: Option<Origin>,
    /// An auditor's attestation of a pack: what it says is taken for proved, and the heads file moves on.
    /// Repeatable.
    #[arg(long, env = "AUDITSEAL_ATTESTATION", value_name = "FILE", action = ArgAction::Append,
          requires = "heads", conflicts_with_all = ["origin", "begin", "verdict", "seal", "reason"])]
    pub(crate) attestation: Vec<PathBuf>,
    /// The heads file that --attestation moves on.
    #[arg(long, env = "AUDITSEAL_HEADS", value_name = "FILE")]
    pub(crate) heads: Option<PathBuf>,
    /// Begin reading with this seal; what was accepted of seals before it is left out.
    #[arg(long, env = "AUDITSEAL_BEGIN", value_name = "SEQ:HASH", value_parser = head,
          conflicts_with_all = ["verdict", "seal", "reason"])]
    pub(crate) begin: Option<SealId>,
    /// What is accepted: FORK, HIDDEN, SHADOWED, SOURCE_GAP, STALLED, TIME_INCONSISTENT, WEAK_WORM or
    /// WRONG_TIMES.
    #[arg(value_name = "VERDICT", value_parser = acceptable,
          required_unless_present_any = ["begin", "attestation"],
          requires_all = ["seal", "reason"])]
    pub(crate) verdict: Option<Acceptable>,
    /// The seal that it is about; of a fork, the one that is the chain's.
    #[arg(value_name = "SEQ:HASH", value_parser = head)]
    pub(crate) seal: Option<SealId>,
    /// Why, and who looked: 1 to 200 ASCII characters.
    #[arg(value_name = "REASON")]
    pub(crate) reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = help::TRUST_DIFF)]
pub(crate) struct Diff {
    /// A trust file.
    #[arg(value_name = "BEFORE")]
    pub(crate) before: PathBuf,
    /// The one that is to take its place.
    #[arg(value_name = "AFTER")]
    pub(crate) after: PathBuf,
}

#[derive(Debug, Args)]
#[command(after_help = help::TRUST_MERGE)]
pub(crate) struct Merge {
    /// Heads files.
    #[arg(value_name = "HEADS", required = true)]
    pub(crate) heads: Vec<PathBuf>,
    /// Merge them into this heads file, under its lock, instead of writing to standard output.
    #[arg(long, env = "AUDITSEAL_INTO", value_name = "FILE")]
    pub(crate) into: Option<PathBuf>,
}

pub(crate) fn run(args: Trust) -> Result<ExitCode, Failure> {
    match args.command {
        Command::Init(args) => policy::init(&args),
        Command::Show(args) => heads::show(&args),
        Command::Accept(Accept { trust, heads: Some(heads), attestation, .. })
            if !attestation.is_empty() =>
        {
            attested::accept(&trust, &heads, &attestation)
        }
        Command::Accept(args) => policy::accept(args),
        Command::Diff(args) => policy::diff(&args),
        Command::Merge(args) => heads::merge(&args),
    }
}

fn acceptable(text: &str) -> Result<Acceptable, String> {
    let known = Acceptable::ALL.into_iter().find(|known| known.as_str() == text);
    known.ok_or_else(|| {
        let words = Acceptable::ALL.map(Acceptable::as_str).join(", ");
        format!("can be accepted: {words}; what else is wrong stays wrong")
    })
}

/// Whole seconds, as a trust file has them.
fn silence(text: &str) -> Result<u32, String> {
    let wrong = || "expected whole seconds from 1s to 366d, as 90s, 10m or 2d".to_owned();
    let time = humantime::parse_duration(text).map_err(|_| wrong())?;
    let whole = u32::try_from(time.as_secs()).ok().filter(|_| time.subsec_nanos() == 0);
    let most = auditseal_trust::Silence::MOST_SECONDS;
    whole.filter(|seconds| (1..=most).contains(seconds)).ok_or_else(wrong)
}
