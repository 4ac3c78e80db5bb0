//! `pack`: verifies what isn't packed yet, puts it together, and attests it: FORMAT.md, "Packs".
//!
//! ```text
//! listing ─▶ judged ─▶ cut ─▶ spooled ─▶ read back ─▶ put ─▶ its lock read ─▶ attested
//!            slice.rs         build.rs   check.rs     put.rs                  make.rs
//! ```
//!
//! What was done is what is attested in the store: nothing else is remembered. Whoever kills it loses the
//! pack under way, and two at once make the same packs. It never changes what is trusted or known.

mod build;
mod chain;
mod check;
mod make;
mod maker;
mod mark;
mod metrics;
mod parts;
mod put;
mod reindex;
mod report;
mod rollup;
mod second;
mod slice;
mod spool;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use auditseal_chain::Retention;
use auditseal_format::{Compression, Origin, Time};
use auditseal_note::Signer;
use auditseal_reader::Source;
use auditseal_store::Store;
use auditseal_trust::TrustFile;

pub use metrics::{CHAIN_METRICS, LAST_RUN, PackMetric};
pub use report::{MadePack, PackReport, PackedChain};
use spool::Spool;
pub use spool::SpoolError;

/// What is packed, and how.
#[derive(Debug, Clone)]
pub struct PackOptions {
    /// What is trusted of each chain, and which auditors' attestations count.
    pub trust: TrustFile,
    /// The chains.
    pub origins: Vec<Origin>,
    /// A folder of its own for packs under way.
    pub state: PathBuf,
    /// How packs are compressed.
    pub compression: Compression,
    /// What must protect each pack; `None` if nothing need to. Objects are marked as ones that may go only
    /// where this is demanded, and held.
    pub retention: Option<Retention>,
    /// How much later than the store's date of an object its seal may say that it was made,
    /// microseconds; `None` for a store whose dates mean nothing.
    pub skew: Option<i64>,
    /// The name by which the seals call the archive's store.
    pub store: Option<String>,
    /// Packs that stand get the index that their text gives, where their attestation names another or
    /// none.
    pub reindex: bool,
    /// Everything is done but for putting anything.
    pub dry_run: bool,
    /// Objects that are judged at a time, before their packs are made.
    pub slice: usize,
}

impl PackOptions {
    /// All that isn't packed of these chains; level 9 in a window of 8 MiB.
    #[must_use]
    pub fn new(trust: TrustFile, origins: Vec<Origin>, state: PathBuf) -> Self {
        Self {
            trust,
            origins,
            state,
            compression: Compression { level: 9, window: 23 },
            retention: None,
            skew: Some(600_000_000),
            store: None,
            reindex: false,
            dry_run: false,
            slice: slice::SLICE,
        }
    }
}

/// How far packing is.
#[derive(Debug)]
pub enum PackProgress<'a> {
    /// Objects are judged.
    Judged {
        /// So many, of all chains so far.
        objects: u64,
        /// Of so many that are listed so far: each chain is listed when its turn comes.
        total: u64,
    },
    /// A pack of this chain was made.
    Made(&'a Origin, &'a MadePack),
}

/// Why nothing was packed.
#[derive(Debug)]
pub enum NotPacked {
    /// The folder for packs under way.
    Spool(SpoolError),
    /// The system gives no thread to make them on.
    Thread(std::io::Error),
    /// This chain isn't in the trust file.
    Untrusted(Origin),
    /// The trust file doesn't name the key that would sign as an auditor of this cluster.
    NoAuditor(String, String),
}

impl fmt::Display for NotPacked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spool(error) => write!(f, "{error}"),
            Self::Thread(error) => {
                write!(f, "start a thread to make packs: {error}; nothing was packed")
            }
            Self::Untrusted(origin) => {
                write!(f, "pack {origin}: the trust file doesn't name this chain")
            }
            Self::NoAuditor(cluster, vkey) => write!(
                f,
                "attest packs of cluster {cluster}: the trust file has no line 'auditor {cluster} {vkey}', \
                 so nobody would believe what this key attests"
            ),
        }
    }
}

impl std::error::Error for NotPacked {}

/// Packs what isn't packed yet of each chain, one after the other.
///
/// # Errors
/// [`NotPacked`]: nothing was read then. What goes wrong later is in the report.
pub async fn pack(
    archive: Arc<dyn Store>,
    packs: Arc<dyn Store>,
    signer: &mut dyn Signer,
    options: &PackOptions,
    clock: impl Fn() -> Time,
    mut progress: impl FnMut(PackProgress<'_>),
) -> Result<PackReport, NotPacked> {
    for origin in &options.origins {
        if options.trust.get(origin).is_none() {
            return Err(NotPacked::Untrusted(origin.clone()));
        }
        if !options.trust.auditors_of(origin).contains(signer.key()) {
            let vkey = signer.key().to_string();
            return Err(NotPacked::NoAuditor(origin.cluster().to_owned(), vkey));
        }
    }
    let spool = Spool::open(&options.state).map_err(NotPacked::Spool)?;
    let maker = maker::Maker::start().map_err(NotPacked::Thread)?;
    let mut run = make::Run {
        archive: Source::new(Arc::clone(&archive)),
        marks: archive,
        packs: Source::new(Arc::clone(&packs)),
        store: packs,
        signer,
        options,
        spool,
        maker,
        clock: &clock,
        listed: 0,
        anew: std::collections::BTreeSet::new(),
    };
    let mut chains = Vec::new();
    for origin in &options.origins {
        let Some(trusted) = options.trust.get(origin) else { continue };
        chains.push(run.chain(origin, trusted, &mut progress).await);
    }
    Ok(PackReport { dry_run: options.dry_run, chains })
}
