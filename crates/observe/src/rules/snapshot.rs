//! What is known at one moment. Durations are seconds, times are Unix seconds.

use std::collections::BTreeMap;

/// Everything that is shown.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Snapshot {
    /// The program's version.
    pub version: String,
    /// The public key by which auditors check the chains.
    pub vkey: String,
    /// This process, where the kernel tells.
    pub process: Option<Process>,
    /// Times that SIGHUP found something that couldn't be used.
    pub reload_failures: u64,
    /// One for each source, in the order of the command line.
    pub chains: Vec<Chain>,
}

/// What the kernel says of this process.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Process {
    /// Resident memory, bytes.
    pub resident_bytes: u64,
    /// User and system time.
    pub cpu_seconds: f64,
    /// When it started.
    pub started: f64,
    /// Open descriptors.
    pub open_fds: u64,
}

/// Where a chain stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum State {
    /// It is being found out where the chain goes on; nothing is sealed yet.
    #[default]
    Starting,
    /// Following the source.
    Running,
    /// Told to stop: what is there is being sealed and uploaded.
    Stopping,
    /// Another writer has the chain; nothing more is signed. Who stands where, in words.
    Forked(String),
    /// Nothing more is done.
    Ended,
}

/// The apiserver's own count.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Counted {
    /// `apiserver_audit_event_total`.
    pub events: u64,
    /// `apiserver_audit_error_total`, all plugins.
    pub errors: u64,
    /// Start of the apiserver process.
    pub started: f64,
    /// Events that the apiserver counted and no seal holds, beyond what is in flight.
    pub unaccounted: u64,
}

/// One chain.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chain {
    /// Cluster, node and source: the chain's name.
    pub origin: String,
    /// The source's name.
    pub source: String,
    /// Where it stands.
    pub state: State,
    /// Since the pipeline's loop last turned.
    pub idle: f64,
    /// What hangs on this node: the loop, a look, a pack, a commit.
    pub stuck: Option<&'static str>,
    /// For how long something has waited for an answer of each of the node's disks: the source's, the
    /// state directory's, the key's.
    pub disks: BTreeMap<&'static str, f64>,
    /// For how long the store hasn't told where the chain goes on, and its last answer. `None`: it
    /// isn't asked.
    pub asked: Option<(f64, String)>,
    /// Since a look at the source was last completed. `None`: none is expected.
    pub last_look: Option<f64>,
    /// How often one is expected, at least.
    pub window: f64,
    /// Source bytes that are known and not sealed.
    pub lag_bytes: u64,
    /// About how many events these are; 0 before the first was sealed.
    pub lag_events: u64,
    /// Since the oldest such byte was first seen.
    pub lag: f64,
    /// Until the apiserver deletes a file with such bytes. `None`: nothing waits, or unknown.
    pub until_loss: Option<f64>,
    /// Files that couldn't be read, as of the last look.
    pub unreadable: u64,
    /// Files that wait to be opened, for there is a bound to how many are open at a time.
    pub waiting: u64,
    /// Files beside the log that aren't opened, because of what they are or whose.
    pub refused: u64,
    /// For how long there has been nothing at the source's path. `None`: there is something.
    pub absent: Option<f64>,
    /// The compressed file that has lain there for longest without its end, and for how many
    /// seconds.
    pub unfinished: Option<(String, f64)>,
    /// Bytes of deleted files that are held open.
    pub deleted_bytes: u64,
    /// Lines sealed.
    pub events: u64,
    /// Source bytes sealed.
    pub bytes: u64,
    /// Seals by kind.
    pub seals: BTreeMap<&'static str, u64>,
    /// Objects that the store has of this process.
    pub stored: u64,
    /// Bytes of these.
    pub stored_bytes: u64,
    /// Failed uploads that are tried again, by cause.
    pub retries: BTreeMap<&'static str, u64>,
    /// Failed commits into the spool.
    pub spool_retries: u64,
    /// For how long the store has accepted nothing, and why.
    pub failing: Option<(f64, String)>,
    /// Newest seal on this node: number and time.
    pub head: Option<(u64, f64)>,
    /// When the store last had an object of ours.
    pub last_stored: Option<f64>,
    /// Bytes of sealed objects that wait to be stored.
    pub spool_bytes: u64,
    /// At how many of these the source isn't read.
    pub spool_limit: u64,
    /// Losses sealed as gaps, by reason.
    pub gaps: BTreeMap<&'static str, u64>,
    /// Keys of the chain that held foreign bytes.
    pub squatted: u64,
    /// Objects that were sealed and that neither the node nor the store has.
    pub missing: u64,
    /// Objects that the store had and lacks, so that nothing is sent to it: how many, and which.
    pub lacking: Option<(u64, String)>,
    /// Objects that the store had and lacks, and that the chain has gone on without, as told: likewise.
    pub without: Vec<(u64, String)>,
    /// Stored versions whose lock falls short.
    pub lock_shortfalls: u64,
    /// Stored versions whose lock couldn't be checked.
    pub lock_unknown: u64,
    /// The source's own count, once it was read.
    pub counted: Option<Counted>,
    /// Readings of it that came to nothing; `None`: nobody asked for any.
    pub count_failures: Option<u64>,
}
