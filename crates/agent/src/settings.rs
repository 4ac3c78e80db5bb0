//! What the daemon is told.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use auditseal_format::Compression;
use auditseal_shipper::Mode;

/// `NAME=PATH`: one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceSpec {
    /// The source's name, last part of its origin.
    pub name: String,
    /// The live file, or its directory.
    pub path: PathBuf,
}

impl FromStr for SourceSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, path)) if !name.is_empty() && !path.is_empty() => {
                Ok(Self { name: name.to_owned(), path: PathBuf::from(path) })
            }
            _ => {
                Err("expected NAME=PATH, like audit=/var/log/kubernetes/audit/audit.log".to_owned())
            }
        }
    }
}

/// Waits between attempts that suit a store: soon again, then every half minute.
pub const RETRY: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(30));

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
    /// After a stop, how long uploads may still take.
    pub grace: Duration,
    /// Bytes of sealed objects kept on the node at most.
    pub spool_limit: u64,
    /// Batches packed at the same time.
    pub jobs: usize,
    /// Source bytes at which a batch closes.
    pub batch_bytes: u64,
    /// How payloads are compressed.
    pub compression: Compression,
}
