//! What can be said on the command line. Every flag can also be said by an environment variable,
//! `AUDITSEAL_` and the flag's name.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use auditseal_format::{Origin, Scope, Time, VerifierKey};
use clap::builder::BoolishValueParser;
use clap::{
    ArgAction, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum,
};
use clap_complete::Shell;

use crate::flowing::Querying;
use crate::history::History;
use crate::packing::{self, PackPlace};
use crate::part::Part;
use crate::sources::{SourceFormat, Sources, sources};
use crate::stats::Stats;
use crate::times::time;
use crate::trusting::{Estate, Policy};
use crate::units::{batch_size, duration, rate, retention, size, size_or_none};
use crate::watch::{self, Watch};
use crate::{checking, forwarding, netpol, proving, trust};
use crate::{help, worm};

/// Proof that a Kubernetes audit trail is complete and unaltered.
///
/// auditseal tails the files that kube-apiserver writes with --audit-log-path, seals every line
/// into signed, hash-linked batches, and stores them where nobody can change them unnoticed.
#[derive(Debug, Parser)]
#[command(name = "auditseal", version, after_help = help::PROGRAM, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) logging: Logging,
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// The command line's grammar.
    pub(crate) fn grammar() -> clap::Command {
        let tame = |arg: clap::Arg| {
            let empty =
                arg.get_env().and_then(std::env::var_os).is_some_and(|value| value.is_empty());
            // A manifest has no other way to say nothing; --help then doesn't name the variable.
            let arg = if empty { arg.env(None::<&str>) } else { arg };
            // Somebody may have put a secret where it doesn't belong.
            arg.hide_env_values(true)
        };
        let tamed = |command: clap::Command| command.mut_args(tame);
        tamed(Self::command()).mut_subcommands(|command| tamed(command).mut_subcommands(tamed))
    }

    /// Reads the process's arguments and environment.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        Self::from_arg_matches(&Self::grammar().try_get_matches()?)
    }
}

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
    /// Seal `final` for sources that go away: what is there, and that nothing more is promised.
    #[command(after_help = help::RETIRE, override_usage = help::RETIRE_USAGE)]
    Retire(Backfill),
    /// Show what a running agent says of itself: sources, lag, head, store, readiness.
    Status(watch::Status),
    /// Check an archive: roots, block hashes, chain, signatures.
    Verify(Verify),
    /// Write the archived log to standard output, byte for byte.
    Cat(Cat),
    /// Ask an archive for events: who did what, to which object, when, and how it ended.
    Query(Box<Querying>),
    /// Tell one object's life: who changed what, from what to what, in words, and how well each is known.
    History(Box<History>),
    /// Hold NetworkPolicies against flows that were seen, before you apply them; or suggest some.
    Netpol(netpol::Netpol),
    /// List the batches of an archive.
    Ls(Ls),
    /// Show one object's seal.
    Inspect(Inspect),
    /// Write one event, and what proves it, to a file that can be handed over.
    Prove(Box<proving::Prove>),
    /// Check a proof that was handed over: what it proves, and what it doesn't. Needs no archive.
    Check(checking::Check),
    /// Put what was verified together in packs, and attest them. For auditors, not for nodes.
    Pack(Box<packing::Pack>),
    /// Follow chains, and hand what is proved over to OpenSearch, Loki, OTLP, syslog or files.
    Forward(Box<forwarding::Forward>),
    /// Write, show and compare what a reader trusts: trust files and heads files.
    Trust(trust::Trust),
    /// Examine a store and a source: what is wrong, why, and the command that corrects it.
    Doctor(Box<worm::Doctor>),
    /// Put a canary, and try to change and destroy it.
    WormTest(worm::WormTest),
    /// Print a script that completes command lines for a shell.
    Completions(Completions),
    /// Write the manual pages. For who makes packages.
    #[command(hide = true)]
    Man(Man),
}

#[derive(Debug, Args)]
pub(crate) struct Logging {
    /// How log lines on standard error look.
    #[arg(
        long,
        help_heading = "Logging",
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "text",
        env = "AUDITSEAL_LOG_FORMAT"
    )]
    pub(crate) log_format: LogFormat,
    /// Which log lines are written: error, warn, info, debug or a filter like auditseal_agent=debug.
    #[arg(
        long,
        help_heading = "Logging",
        global = true,
        env = "AUDITSEAL_LOG_LEVEL",
        value_name = "LEVEL"
    )]
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
#[command(after_help = help::KEYGEN)]
pub(crate) struct Keygen {
    /// What the key may sign: all chains of a node, CLUSTER/NODE, or one of them,
    /// CLUSTER/NODE/NAME. It is the key's name, and stands in every seal.
    #[arg(long, env = "AUDITSEAL_NAME", value_name = "CLUSTER/NODE")]
    pub(crate) name: Scope,
    /// File for the private key; made with mode 0600, never overwritten.
    #[arg(long, env = "AUDITSEAL_OUT", value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// If the file is there, keep it, and print the vkey of its key.
    #[arg(long, env = "AUDITSEAL_KEEP", value_parser = BoolishValueParser::new())]
    pub(crate) keep: bool,
}

#[derive(Debug, Args)]
#[command(after_help = help::PUBKEY)]
pub(crate) struct Pubkey {
    /// File of the private key.
    #[arg(long, env = "AUDITSEAL_KEY", value_name = "FILE")]
    pub(crate) key: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Store {
    /// file:///DIR, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX. Credentials
    /// come from each cloud's usual environment.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_STORE", value_name = "URL")]
    pub(crate) store: String,
    /// Server to talk to instead of the cloud's own: a compatible server or an emulator.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_ENDPOINT", value_name = "URL")]
    pub(crate) endpoint: Option<String>,
    /// Region of the bucket.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_REGION", value_name = "REGION")]
    pub(crate) region: Option<String>,
    /// PEM file of certificate authorities to trust besides the system's.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_CA_CERTIFICATE", value_name = "FILE")]
    pub(crate) ca_certificate: Option<PathBuf>,
    /// How long a request may take, on top of what its size allows for.
    #[arg(long, help_heading = "Store", env = "AUDITSEAL_TIMEOUT", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) timeout: Duration,
}

/// How firmly a retention holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RetentionMode {
    /// Nobody can lift or shorten it.
    Compliance,
    /// Whoever has the permission can.
    Governance,
}

/// Whose keys S3 encrypts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Sse {
    /// The store's own.
    S3,
    /// One of the key management service.
    Kms,
}

/// What each put asks for beside storing.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Put each object with a retention of its own. Better is the bucket's default retention, and
    /// a writer that may not set any.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_RETENTION", value_name = "DAYS", value_parser = retention)]
    pub(crate) retention: Option<Duration>,
    /// How firm that retention is [default: compliance].
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_RETENTION_MODE",
        value_name = "MODE",
        value_enum,
        hide_possible_values = true,
        requires = "retention"
    )]
    pub(crate) retention_mode: Option<RetentionMode>,
    /// Put each object with a legal hold, which lasts until somebody lifts it (S3 and Azure).
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_LEGAL_HOLD", value_parser = BoolishValueParser::new())]
    pub(crate) legal_hold: bool,
    /// S3: encrypt with the store's own keys (s3) or with one of the key management service (kms)
    /// instead of the bucket's default.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_SSE", value_name = "s3|kms", value_enum, hide_possible_values = true,
          conflicts_with_all = ["gcs_kms_key", "azure_encryption_scope"])]
    pub(crate) sse: Option<Sse>,
    /// S3: id or ARN of the key for --sse kms.
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_SSE_KMS_KEY_ID",
        value_name = "ID",
        requires = "sse"
    )]
    pub(crate) sse_kms_key_id: Option<String>,
    /// Google: name of the key to encrypt with, projects/…/cryptoKeys/….
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_GCS_KMS_KEY",
        value_name = "NAME",
        conflicts_with = "azure_encryption_scope"
    )]
    pub(crate) gcs_kms_key: Option<String>,
    /// Azure: the encryption scope.
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_AZURE_ENCRYPTION_SCOPE",
        value_name = "SCOPE"
    )]
    pub(crate) azure_encryption_scope: Option<String>,
}

/// What each put asks for, and what is held against it afterwards.
#[derive(Debug, Args)]
pub(crate) struct Protection {
    #[command(flatten)]
    pub(crate) asked: Asked,
    /// Read the lock of each stored version, and raise an alarm if it ends earlier than so long
    /// after its put (an hour's difference of clocks is let pass).
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_REQUIRE_RETENTION", value_name = "DAYS", value_parser = retention)]
    pub(crate) require_retention: Option<Duration>,
    /// How firm the lock must be at least [default: compliance].
    #[arg(
        long,
        help_heading = "Protection",
        env = "AUDITSEAL_REQUIRE_RETENTION_MODE",
        value_name = "MODE",
        value_enum,
        hide_possible_values = true,
        requires = "require_retention"
    )]
    pub(crate) require_retention_mode: Option<RetentionMode>,
    /// Go on with a store that puts over objects: then nothing keeps a second writer from forking
    /// the chain, and without versions from destroying objects.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_ALLOW_OVERWRITE_STORE", value_parser = BoolishValueParser::new())]
    pub(crate) allow_overwrite_store: bool,
    /// Read each object back before it counts as stored and leaves this node: for a store whose word
    /// for an upload isn't enough. It costs one GET each.
    #[arg(long, help_heading = "Protection", env = "AUDITSEAL_READ_BACK", value_parser = BoolishValueParser::new())]
    pub(crate) read_back: bool,
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
    pub(crate) store: Store,
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
    /// Read at most so many bytes a second, over all sources, like 20MiB.
    #[arg(long, env = "AUDITSEAL_RATE_LIMIT", value_name = "SIZE", value_parser = rate)]
    pub(crate) rate_limit: Option<NonZeroU64>,
}

#[derive(Debug, Args)]
#[command(after_help = help::VERIFY)]
pub(crate) struct Verify {
    #[command(flatten)]
    pub(crate) store: Store,
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

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RequiredMode {
    Compliance,
    Governance,
}

#[derive(Debug, Args)]
#[command(after_help = help::CAT)]
pub(crate) struct Cat {
    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) stats: Stats,
    /// The chain.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE")]
    pub(crate) origin: Origin,
    /// A public key to trust, or a file with one in each line. Repeatable. Without it roots and
    /// chain are checked, and a warning says that nobody vouches for the signatures.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append)]
    pub(crate) vkey: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: Policy,
    #[command(flatten)]
    pub(crate) place: PackPlace,
    #[command(flatten)]
    pub(crate) part: Part,
    /// Refuse when the source itself lost something.
    #[arg(long, env = "AUDITSEAL_STRICT", value_parser = BoolishValueParser::new())]
    pub(crate) strict: bool,
    /// Give back all that is proved, in order, whatever is wrong beside it; say what isn't, and exit 1
    /// if there is any, or 2 if all of that couldn't be read.
    #[arg(long, env = "AUDITSEAL_SALVAGE", value_parser = BoolishValueParser::new())]
    pub(crate) salvage: bool,
    /// File for the list of what a salvage couldn't prove, instead of standard error. Written when it
    /// begins and when it ends, also where nothing is wrong.
    #[arg(long, env = "AUDITSEAL_REPORT", value_name = "FILE", requires = "salvage")]
    pub(crate) report: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(after_help = help::LS)]
pub(crate) struct Ls {
    #[command(flatten)]
    pub(crate) store: Store,
    #[command(flatten)]
    pub(crate) stats: Stats,
    /// Only this chain. Repeatable.
    #[arg(long, env = "AUDITSEAL_ORIGIN", value_name = "C/N/SOURCE",
          action = ArgAction::Append, value_delimiter = ' ')]
    pub(crate) origin: Vec<Origin>,
    /// A public key to trust, or a file with one in each line, for `paths`. Repeatable.
    #[arg(long, env = "AUDITSEAL_VKEY", value_name = "VKEY|FILE", action = ArgAction::Append)]
    pub(crate) vkey: Vec<String>,
    #[command(flatten)]
    pub(crate) policy: Policy,
    #[command(flatten)]
    pub(crate) place: PackPlace,
    /// What the list looks like; json is one object per line; paths is the key of each seq's true
    /// object, and the URL of each pack that holds some, verified, for engines that are to read each
    /// line once.
    #[arg(
        short,
        long,
        visible_alias = "format",
        env = "AUDITSEAL_FORMAT",
        value_enum,
        default_value = "text"
    )]
    pub(crate) output: ListFormat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ListFormat {
    Text,
    Json,
    Paths,
}

#[derive(Debug, Args)]
#[command(after_help = help::INSPECT)]
pub(crate) struct Inspect {
    #[command(flatten)]
    pub(crate) store: Store,
    /// The object's key, as `ls` shows it.
    #[arg(value_name = "KEY")]
    pub(crate) key: String,
    /// What the description looks like.
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

#[derive(Debug, Args)]
#[command(after_help = help::COMPLETIONS)]
pub(crate) struct Completions {
    /// The shell that reads it.
    #[arg(value_enum, value_name = "SHELL")]
    pub(crate) shell: Shell,
}

#[derive(Debug, Args)]
#[command(after_help = help::MAN)]
pub(crate) struct Man {
    /// Directory to write them to; it must exist.
    #[arg(long, env = "AUDITSEAL_OUT", value_name = "DIR")]
    pub(crate) out: PathBuf,
}

fn accept(text: &str) -> Result<(Origin, u64), String> {
    let wrong = || "expected CLUSTER/NODE/SOURCE:SEQ".to_owned();
    let (origin, seq) = text.rsplit_once(':').ok_or_else(wrong)?;
    Ok((origin.parse::<Origin>().map_err(|e| e.to_string())?, seq.parse().map_err(|_| wrong())?))
}
