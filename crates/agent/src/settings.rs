//! What the daemon is told.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use auditseal_flows::LogFormat;
use auditseal_format::{Compression, Origin, VerifierKey};
use auditseal_shipper::{Backoff, Mode, Seqs};
use auditseal_store::Retention;
use auditseal_tail::fs::Owners;

use crate::clock::nanos;

/// `NAME=PATH`: one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// The source's name, last part of its origin.
    pub name: String,
    /// The live file, or its directory.
    pub path: PathBuf,
    /// What its lines are.
    pub format: LogFormat,
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                let format = LogFormat::Audit;
                Ok(Self { name: name.to_owned(), path: PathBuf::from(path), format })
            }
            _ => {
                Err("expected NAME=PATH, like audit=/var/log/kubernetes/audit/audit.log".to_owned())
            }
        }
    }
}

/// Waits between attempts that suit a store: soon again, then every half minute.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

/// The name by which seals call the store at this URL: its bucket, as far as a note can spell it.
#[must_use]
pub fn store_name(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let bucket = match url.get(..6) {
        // https://ACCOUNT.blob.core.windows.net/CONTAINER
        Some(scheme) if scheme.eq_ignore_ascii_case("https:") => path.split('/').next(),
        // abfss://CONTAINER@ACCOUNT.dfs.core.windows.net
        _ => authority.split('@').next(),
    };
    let plain = |c: char| match c.to_ascii_lowercase() {
        c if c.is_ascii_alphanumeric() || "._-".contains(c) => c,
        _ => '-',
    };
    let name: String = bucket.unwrap_or_default().chars().map(plain).take(64).collect();
    // A directory has no name of its own; nor has it versions that anybody would pin.
    if name.is_empty() { "directory".to_owned() } else { name }
}

/// Where and how an apiserver's metrics are read.
#[derive(Debug, Clone)]
pub struct Apiserver {
    /// The source whose lines it counts; `None` for the only one.
    pub source: Option<String>,
    /// The address, and who asks.
    pub page: auditseal_vault::PageOptions,
    /// Between two readings.
    pub interval: Duration,
}

/// How attempts are spread.
pub(crate) fn backoff(settings: &Settings) -> Backoff {
    Backoff {
        first: nanos(settings.retry.0),
        max: nanos(settings.retry.1),
        // The one place that wants chance: agents that fail together spread out.
        seed: RandomState::new().build_hasher().finish(),
    }
}

/// Everything `run` and `backfill` are told. Store and clock are passed beside it: they are what
/// tests replace.
#[derive(Debug, Clone)]
pub struct Settings {
    /// First part of each origin.
    pub cluster: String,
    /// Second part of each origin.
    pub node: String,
    /// What to archive, one chain each.
    pub sources: Vec<SourceSpec>,
    /// Users whose files are read though they have several names, and whose symbolic links are
    /// followed in a live file's place.
    pub accept_owners: Owners,
    /// File of the private key.
    pub key: PathBuf,
    /// State directory.
    pub state: PathBuf,
    /// Daemon or one-shot.
    pub mode: Mode,
    /// How long lines wait at most before they are sealed.
    pub window: Duration,
    /// A seal is made at least this often.
    pub heartbeat: Duration,
    /// A one-shot ends when the store has accepted nothing for so long.
    pub give_up: Duration,
    /// First and longest wait between attempts of an upload.
    pub retry: (Duration, Duration),
    /// After a loss of state, how long nothing is uploaded; `None`: for as long as an upload that was
    /// begun before may be under way.
    pub hold: Option<Duration>,
    /// After a stop, how long uploads may still take.
    pub grace: Duration,
    /// Bytes read a second at most, over all sources.
    pub rate_limit: Option<NonZeroU64>,
    /// Bytes of sealed objects kept on the node at most.
    pub spool_limit: u64,
    /// Bytes of files that kube-apiserver has deleted, held open at most until they are read.
    pub deleted_limit: u64,
    /// Bytes that are to be free on the log's disk for any of them to be held.
    pub min_free: u64,
    /// Batches packed at the same time.
    pub jobs: usize,
    /// Source bytes at which a batch closes.
    pub batch_bytes: u64,
    /// How payloads are compressed.
    pub compression: Compression,
    /// The store's name in the seals that pin what it has: 1–64 of `a–z 0–9 . _ -`.
    pub store_name: String,
    /// How every stored version must be locked, from its put on. What falls short is an alarm.
    pub require_retention: Option<Retention>,
    /// Go on with a store that puts over objects.
    pub allow_overwrite: bool,
    /// Keys that began chains of the same names, which somebody has looked at: ours begin beside them.
    pub beside: Vec<VerifierKey>,
    /// Chains that go on where the store lacks just these of what it had of them.
    pub without: Vec<(Origin, Seqs)>,
    /// Read each object back before it counts as stored.
    pub read_back: bool,
    /// The source goes away: seal `final` for a chain that is there already, whether or not the
    /// source's files still are.
    pub retire: bool,
    /// After a fork, stay until stopped.
    pub stay_on_fork: bool,
    /// Where the apiserver's own count of events is read.
    pub apiserver: Option<Apiserver>,
    /// Bounds that tests lower.
    pub limits: Limits,
}

/// Bounds of what is held at once. None decides what is archived: what is beyond one waits, so a
/// test lowers them, and then asks for all the bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Limits {
    /// Of the follower of each source.
    pub tail: auditseal_tail::Limits,
    /// Of each chain's batches and seals.
    pub shipper: auditseal_shipper::Limits,
}

#[cfg(test)]
mod tests {
    use super::store_name;

    #[test]
    fn stores_go_by_their_buckets() {
        for (url, name) in [
            ("s3://audit-archive/k8s/prod", "audit-archive"),
            ("s3://audit-archive", "audit-archive"),
            ("gs://Über_bucket.example/x", "-ber_bucket.example"),
            ("az://container/x", "container"),
            ("abfss://container@account.dfs.core.windows.net/x", "container"),
            ("https://account.blob.core.windows.net/container/x", "container"),
            ("file:///srv/archive", "directory"),
        ] {
            assert_eq!(store_name(url), name);
        }
        assert_eq!(store_name(&format!("gs://{}", "b".repeat(99))).len(), 64);
    }
}
