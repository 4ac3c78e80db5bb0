//! What `run`, `backfill` and `retire` are told: which logs go where, and in what batches.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use auditseal_agent::Seqs;
use auditseal_format::{Origin, VerifierKey};
use clap::{ArgAction, Args};

use crate::help;
use crate::protection::Protection;
use crate::sources::{SourceFormat, Sources, sources};
use crate::store_flags::StoreFlags;
use crate::units::{batch_size, duration, rate, size, size_or_none};
use crate::watch::Watch;

#[derive(Debug, Args)]
pub(crate) struct Writer {
    /// Name of the cluster: first part of the origin.
    #[arg(long, env = "AUDITSEAL_CLUSTER", value_name = "NAME")]
    pub(crate) cluster: String,
    /// Name of the node: second part of the origin.
    #[arg(long, env = "AUDITSEAL_NODE", value_name = "NAME")]
    pub(crate) node: String,
    /// A log to archive: its name and its live file (rotated siblings belong to it), or the
    /// directory that holds it. Repeatable.
    #[arg(long, env = "AUDITSEAL_SOURCE", value_name = "NAME=PATH", required = true,
          action = ArgAction::Append, value_parser = sources)]
    pub(crate) source: Vec<Sources>,
    /// What a source's lines are, if not audit events: a network plugin's log of what its policies let
    /// through and stopped, hubble, antrea, calico, ovn, jsonl:FIELD (with the time at that key) or text.
    /// Repeatable.
    #[arg(long, env = "AUDITSEAL_SOURCE_FORMAT", value_name = "NAME=FORMAT",
          action = ArgAction::Append, value_delimiter = ' ')]
    pub(crate) source_format: Vec<SourceFormat>,
    /// Read this user's files in the log's directory though they have several names (hard links),
    /// and follow this user's symbolic link in the live file's place. Needed only where such a file
    /// is refused: who may write to the directory could lend a log's name to any file of the disk.
    /// Repeatable.
    #[arg(long, env = "AUDITSEAL_ACCEPT_OWNER", value_name = "UID", action = ArgAction::Append,
          value_delimiter = ',')]
    pub(crate) accept_owner: Vec<u32>,
    #[command(flatten)]
    pub(crate) store: StoreFlags,
    #[command(flatten)]
    pub(crate) protection: Protection,
    /// File of the private key that `keygen` made.
    #[arg(long, env = "AUDITSEAL_KEY", value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Directory for sealed batches until they are stored. One process at a time.
    #[arg(long, env = "AUDITSEAL_STATE", value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// After the state was lost, upload nothing for so long, so that uploads which were begun before
    /// arrive first [default: as long as one may take, 15.5m in a cloud]. Use 10ms only where no other
    /// process can have this chain's key.
    #[arg(long, env = "AUDITSEAL_HOLD", value_name = "TIME", value_parser = duration)]
    pub(crate) hold: Option<Duration>,
    /// Begin the chain although this key has begun one of the same name: somebody has looked, and the
    /// key is nobody's who should have this name. The store keeps both; `verify` with our key reads
    /// ours, and names the other. Repeatable.
    #[arg(long, env = "AUDITSEAL_BEGIN_BESIDE", value_name = "VKEY", action = ArgAction::Append,
          value_delimiter = ',')]
    pub(crate) begin_beside: Vec<VerifierKey>,
    /// Go on with this chain although the store lacks just these seqs of what it had of it: somebody has
    /// looked, and they are lost for good. `verify` will say MISSING. The agent's message names them.
    /// Repeatable.
    #[arg(long, env = "AUDITSEAL_GO_ON_WITHOUT", value_name = "ORIGIN:FIRST-LAST",
          action = ArgAction::Append, value_delimiter = ',', value_parser = without)]
    pub(crate) go_on_without: Vec<(Origin, Seqs)>,
    /// Stop reading while so many bytes of sealed batches wait to be stored.
    #[arg(long, env = "AUDITSEAL_SPOOL_LIMIT", value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub(crate) spool_limit: u64,
    /// Hold open at most so many bytes of files that were deleted before they were read; beyond
    /// it the oldest is given up, and sealed as a gap. For each source.
    #[arg(long, env = "AUDITSEAL_DELETED_LIMIT", value_name = "SIZE", default_value = "1GiB", value_parser = size_or_none)]
    pub(crate) deleted_limit: u64,
    /// Hold fewer of them while less than that is free on the log's disk, which is etcd's too; of
    /// a small disk, less than a twentieth.
    #[arg(long, env = "AUDITSEAL_MIN_FREE", value_name = "SIZE", default_value = "512MiB", value_parser = size_or_none)]
    pub(crate) min_free: u64,
    /// Close a batch at so many bytes of lines.
    #[arg(long, env = "AUDITSEAL_BATCH_SIZE", value_name = "SIZE", default_value = "16MiB", value_parser = batch_size)]
    pub(crate) batch_size: u64,
    /// zstd level.
    #[arg(long, env = "AUDITSEAL_LEVEL", value_name = "1-19", default_value_t = 3,
          value_parser = clap::value_parser!(i32).range(1..=19))]
    pub(crate) level: i32,
}

#[derive(Debug, Args)]
#[command(after_help = help::RUN, override_usage = help::RUN_USAGE)]
pub(crate) struct Run {
    #[command(flatten)]
    pub(crate) writer: Writer,
    /// Seal at least this often while there are lines.
    #[arg(long, env = "AUDITSEAL_WINDOW", value_name = "TIME", default_value = "5s", value_parser = duration)]
    pub(crate) window: Duration,
    /// Seal at least this often while there are none: each seal promises the next within three
    /// times as long.
    #[arg(long, env = "AUDITSEAL_HEARTBEAT", value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) heartbeat: Duration,
    /// File of NAME=VALUE lines, as systemd's EnvironmentFile has them: the clouds' variables and
    /// AUDITSEAL_LOG_LEVEL in it count before the process's own. They and AUDITSEAL_ACCEPT_OWNER are
    /// read again on SIGHUP.
    #[arg(long, env = "AUDITSEAL_ENVIRONMENT", value_name = "FILE")]
    pub(crate) environment: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) watch: Watch,
}

#[derive(Debug, Args)]
#[command(after_help = help::BACKFILL, override_usage = help::BACKFILL_USAGE)]
pub(crate) struct Backfill {
    #[command(flatten)]
    pub(crate) writer: Writer,
    /// Give up when the store has accepted nothing for so long.
    #[arg(long, env = "AUDITSEAL_GIVE_UP", value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) give_up: Duration,
    /// Batches compressed at the same time [default: number of cores; retire: 1].
    #[arg(long, env = "AUDITSEAL_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
    /// Read at most so many bytes a second, over all sources, like 20MiB. What is read more than once
    /// counts each time: with a --batch-size of less than a MiB lines come several times slower.
    #[arg(long, env = "AUDITSEAL_RATE_LIMIT", value_name = "SIZE", value_parser = rate)]
    pub(crate) rate_limit: Option<NonZeroU64>,
}

/// Reads `ORIGIN:FIRST-LAST`.
fn without(text: &str) -> Result<(Origin, Seqs), String> {
    let wrong = || {
        "expected ORIGIN:FIRST-LAST, as the message of what is lacking has it: prod/cp-1/audit:7-11"
            .to_owned()
    };
    let (origin, seq) = text.rsplit_once(':').ok_or_else(wrong)?;
    Ok((origin.parse().map_err(|_| wrong())?, seq.parse().map_err(|_| wrong())?))
}
