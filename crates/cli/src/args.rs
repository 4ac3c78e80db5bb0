//! What can be said on the command line. Everything but a file's bytes can also be said by an
//! environment variable, `AUDITSEAL_` and the flag's name.

use std::path::PathBuf;
use std::time::Duration;

use auditseal_agent::SourceSpec;
use auditseal_format::{Hash, Origin, Time};
use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::units::{duration, size};

/// Proof that a Kubernetes audit trail is complete and unaltered.
///
/// auditseal tails the files that kube-apiserver writes with --audit-log-path, seals every line
/// into signed, hash-linked batches, and stores them where nobody can change them unnoticed.
#[derive(Debug, Parser)]
#[command(name = "auditseal", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) logging: Logging,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  Make a key; keep the line it prints, auditors need it:
    auditseal keygen --out /etc/auditseal/key
  Archive what is there, once, into a directory:
    auditseal backfill --cluster prod --node cp-1 --source audit=/var/log/kubernetes/audit/audit.log \\
      --store file:///srv/archive --key /etc/auditseal/key --state /var/lib/auditseal
  Follow the log into a locked bucket:
    auditseal run --cluster prod --node cp-1 --source audit=/var/log/kubernetes/audit/audit.log \\
      --store s3://audit-archive/k8s --key /etc/auditseal/key --state /var/lib/auditseal
  Check the archive, and get the log back:
    auditseal verify --store s3://audit-archive/k8s --vkey 'auditseal+…'
    auditseal cat --store s3://audit-archive/k8s --origin prod/cp-1/audit --vkey 'auditseal+…'

Exit codes:
  0  done; for verify: complete, nothing found
  1  verify: something was found; cat: the archive can't give the log back
  2  couldn't be done or checked
  3  run: another writer has this chain (a fork); restarting can't help";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a signing key; prints the public vkey.
    Keygen(Keygen),
    /// Print the public vkey of a signing key.
    Pubkey(Pubkey),
    /// Follow the sources until stopped.
    Run(Run),
    /// Archive everything there is, seal `final`, and exit. Running it again adds only what is new.
    Backfill(Backfill),
    /// Check an archive: roots, block hashes, chain, signatures.
    Verify(Verify),
    /// Write the archived log to standard output, byte for byte.
    Cat(Cat),
    /// List the batches of an archive.
    Ls(Ls),
    /// Show one object's seal.
    Inspect(Inspect),
}

#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// How log lines on standard error look.
    #[arg(long, global = true, value_enum, default_value = "text", env = "AUDITSEAL_LOG_FORMAT")]
    pub(crate) log_format: LogFormat,
    /// Which log lines are written: error, warn, info, debug or a filter like auditseal_agent=debug.
    #[arg(long, global = true, env = "AUDITSEAL_LOG_LEVEL", value_name = "LEVEL")]
    pub(crate) log_level: Option<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// File for the private key; made with mode 0600, never overwritten.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Name of the key, as it stands in every seal.
    #[arg(long, default_value = "auditseal", value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Pubkey {
    /// File of the private key.
    #[arg(long, env = "AUDITSEAL_KEY", value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Store")]
pub(crate) struct Store {
    /// file:///DIR, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. Credentials
    /// come from each cloud's usual environment.
    #[arg(long, env = "AUDITSEAL_STORE", value_name = "URL")]
    pub(crate) store: String,
    /// Server to talk to instead of the cloud's own: a compatible server or an emulator.
    #[arg(long, env = "AUDITSEAL_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Region of the bucket.
    #[arg(long, env = "AUDITSEAL_REGION", value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// PEM file of certificate authorities to trust besides the system's.
    #[arg(long, env = "AUDITSEAL_CA_CERTIFICATE", value_name = "FILE")]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// How long a request may take, on top of what its size allows for.
    #[arg(long, env = "AUDITSEAL_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

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
          action = ArgAction::Append, value_delimiter = ' ')]
    pub(crate) source: Vec<SourceSpec>,
    #[command(flatten)]
    pub(crate) store: Store,
    /// File of the private key that `keygen` made.
    #[arg(long, env = "AUDITSEAL_KEY", value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Directory for sealed batches until they are stored. One process at a time.
    #[arg(long, env = "AUDITSEAL_STATE", value_name = "DIR")]
    pub(crate) state: PathBuf,
    /// Stop reading while so many bytes of sealed batches wait to be stored.
    #[arg(long, env = "AUDITSEAL_SPOOL_LIMIT", value_name = "SIZE", default_value = "1GiB", value_parser = size)]
    pub(crate) spool_limit: u64,
    /// Close a batch at so many bytes of lines.
    #[arg(long, env = "AUDITSEAL_BATCH_SIZE", value_name = "SIZE", default_value = "16MiB", value_parser = size)]
    pub(crate) batch_size: u64,
    /// zstd level.
    #[arg(long, env = "AUDITSEAL_LEVEL", value_name = "1-19", default_value_t = 3,
          value_parser = clap::value_parser!(i32).range(1..=19))]
    pub(crate) level: i32,
}

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
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
}

const RUN_EXAMPLES: &str = "\
Example:
  auditseal run --cluster prod --node cp-1 --source audit=/var/log/kubernetes/audit/audit.log \\
    --store s3://audit-archive/k8s --key /etc/auditseal/key --state /var/lib/auditseal

On SIGTERM or SIGINT it seals what is there, uploads it and exits.";

#[derive(Debug, Args)]
#[command(after_help = BACKFILL_EXAMPLES)]
pub(crate) struct Backfill {
    #[command(flatten)]
    pub(crate) writer: Writer,
    /// Give up when the store has accepted nothing for so long.
    #[arg(long, env = "AUDITSEAL_GIVE_UP", value_name = "TIME", default_value = "5m", value_parser = duration)]
    pub(crate) give_up: Duration,
    /// Batches compressed at the same time [default: number of cores].
    #[arg(long, env = "AUDITSEAL_JOBS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub(crate) jobs: Option<u16>,
}

const BACKFILL_EXAMPLES: &str = "\
Example:
  auditseal backfill --cluster prod --node cp-1 --source audit=/var/log/kubernetes/audit \\
    --store file:///srv/archive --key /etc/auditseal/key --state /var/lib/auditseal";

#[derive(Debug, Args)]
#[command(after_help = VERIFY_EXAMPLES)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) store: Store,
    /// A chain that must be there. Repeatable. Without it, a chain that is absent as a whole isn't
    /// noticed.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE", action = ArgAction::Append)]
    pub(crate) origin: Vec<Origin>,
    /// A public key to trust, or a file with one in each line. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", required = true, action = ArgAction::Append)]
    pub(crate) vkey: Vec<String>,
    /// The newest seal known from elsewhere: a chain that ends before it was truncated.
    #[arg(long, env = "AUDITSEAL_HEAD", value_name = "SEQ:HASH", value_parser = head)]
    pub(crate) head: Option<(u64, Hash)>,
    /// Accept the gap that this seal states. Repeatable; shown in the output.
    #[arg(long, value_name = "C/N/SOURCE:SEQ", value_parser = accept, action = ArgAction::Append)]
    pub(crate) accept: Vec<(Origin, u64)>,
    /// Judge silence as of this time (RFC 3339, UTC) instead of now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) at: Option<Time>,
    /// Check stored bytes, chain and signatures only; don't decompress.
    #[arg(long)]
    pub(crate) stored_only: bool,
    /// What the report looks like.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

const VERIFY_EXAMPLES: &str = "\
Example:
  auditseal verify --store s3://audit-archive/k8s --origin prod/cp-1/audit --vkey auditseal.vkey

Exit code 0 only when everything is there and nothing was found, 1 with findings, 2 when it couldn't
be checked.";

#[derive(Debug, Args)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) store: Store,
    /// The chain.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE")]
    pub(crate) origin: Origin,
    /// A public key to trust, or a file with one in each line. Repeatable. Without it roots and
    /// chain are checked, and a warning says that nobody vouches for the signatures.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append)]
    pub(crate) vkey: Vec<String>,
    /// Leave out events before this time (stageTimestamp; RFC 3339, UTC).
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) since: Option<Time>,
    /// Leave out events from this time on.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) until: Option<Time>,
    /// Refuse when the source itself lost something.
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) store: Store,
    /// Only this chain. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE", action = ArgAction::Append)]
    pub(crate) origin: Vec<Origin>,
    /// What the list looks like; json is one object per line.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) store: Store,
    /// The object's key, as `ls` shows it.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// What the description looks like.
    #[arg(long, value_enum, default_value = "text")]
    pub(crate) format: Format,
}

fn head(text: &str) -> Result<(u64, Hash), String> {
    let wrong = || "expected SEQ:HASH, as verify prints it".to_owned();
    let (seq, hash) = text.split_once(':').ok_or_else(wrong)?;
    Ok((seq.parse().map_err(|_| wrong())?, hash.parse().map_err(|_| wrong())?))
}

fn accept(text: &str) -> Result<(Origin, u64), String> {
    let wrong = || "expected CLUSTER/NODE/SOURCE:SEQ".to_owned();
    let (origin, seq) = text.rsplit_once(':').ok_or_else(wrong)?;
    Ok((origin.parse::<Origin>().map_err(|e| e.to_string())?, seq.parse().map_err(|_| wrong())?))
}

/// RFC 3339 in UTC: with or without a fraction, or a day alone.
fn time(text: &str) -> Result<Time, String> {
    let wrong = || "expected a UTC time like 2026-11-21T08:00:00Z, or a day".to_owned();
    let full = match text.strip_suffix('Z') {
        None => format!("{text}T00:00:00.000000Z"),
        Some(body) => {
            let (seconds, fraction) = body.split_once('.').unwrap_or((body, ""));
            format!("{seconds}.{fraction:0<6}Z")
        }
    };
    full.parse().map_err(|()| wrong())
}
