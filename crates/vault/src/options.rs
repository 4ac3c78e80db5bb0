//! How a store is reached.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use crate::mounts::TABLE;
use crate::traffic::Traffic;
use auditseal_store::Retention;

/// The key that the store encrypts objects with, where it isn't the bucket's default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Encryption {
    /// S3: the store's own keys (SSE-S3).
    S3Managed,
    /// S3: the key of this id or ARN in the key management service (SSE-KMS).
    S3Kms(String),
    /// Google: the key of this name (CMEK), `projects/…/cryptoKeys/…`.
    GoogleKey(String),
    /// Azure: the encryption scope of this name.
    AzureScope(String),
}

/// How to reach a store. What isn't here comes from each cloud's usual environment variables:
/// credentials above all, which never belong into a URL or an option.
#[derive(Clone)]
pub struct Options {
    /// The server to use instead of the cloud's own, as `https://host:port`; `http://` allows plain
    /// HTTP. Azure-like servers that serve several accounts want the account as its path.
    pub endpoint: Option<String>,
    /// A file of PEM certificates to trust beside the system's.
    pub ca_certificate: Option<PathBuf>,
    /// The region of an S3 bucket; without it the environment's, else `us-east-1`.
    pub region: Option<String>,
    /// The time for an exchange without its bytes. Those have what they take at 64 KiB/s on top, and
    /// twice as much with each exchange that timed out: down to 512 B/s, and up to a quarter of an hour.
    pub timeout: Duration,
    /// Whether to create the directory of a `file://` URL.
    pub create: bool,
    /// The table that says which file systems ought to be mounted: a directory below a mount point of it
    /// at which nothing is mounted is no archive.
    pub fstab: PathBuf,
    /// A retention for each object. Better is the bucket's default retention and a writer who may
    /// not set any.
    pub retention: Option<Retention>,
    /// Whether to put each object with a legal hold, which protects it until somebody lifts it.
    pub legal_hold: bool,
    /// The key to encrypt with.
    pub encryption: Option<Encryption>,
    /// Variables that count before those of the same names in the process's environment.
    pub environment: Vec<(OsString, OsString)>,
    /// What counts the requests.
    pub traffic: Traffic,
    /// Where the time comes from that a retention begins at.
    pub clock: fn() -> SystemTime,
}

impl fmt::Debug for Options {
    /// Of the environment nothing: some of it is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

impl Default for Options {
    /// The cloud's own servers, the system's certificates, clock and table of mounts, 30 seconds,
    /// nothing created, and
    /// no retention or encryption but the bucket's.
    fn default() -> Self {
        Self {
            endpoint: None,
            ca_certificate: None,
            region: None,
            timeout: Duration::from_secs(30),
            create: false,
            fstab: TABLE.into(),
            retention: None,
            legal_hold: false,
            encryption: None,
            environment: Vec::new(),
            traffic: Traffic::default(),
            clock: SystemTime::now,
        }
    }
}
