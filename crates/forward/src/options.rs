//! What is handed over, and where.

use std::path::PathBuf;
use std::sync::Arc;

use auditseal_delivery::SinkUrl;
use auditseal_format::Time;
use auditseal_predicate::Predicate;
use tokio::sync::watch;

use crate::followed::AcceptedChains;

/// What is handed over, and where.
#[derive(Debug)]
pub struct ForwardOptions {
    /// The chains, as trust says now; what changes is followed so from then on, but not with `once`.
    pub chains: watch::Receiver<Arc<AcceptedChains>>,
    /// The sinks.
    pub sinks: Vec<SinkUrl>,
    /// The folder of positions and dead letters, for this process alone.
    pub state: PathBuf,
    /// Only lines of which this isn't false.
    pub predicate: Option<Predicate>,
    /// Only lines of this time on.
    pub since: Option<Time>,
    /// End when all that stands there is handed over.
    pub once: bool,
}
