//! A search for flows is one for events, but for what is asked of each line.

use std::sync::Arc;

use auditseal_predicate::Predicate;
use auditseal_reader::Error;

use crate::flows::FlowAsking;
use crate::range::{Archive, AskedChain};
use crate::search::{Asking, FoundParts};
use crate::show::Show;

impl FlowAsking {
    /// Finds the parts of the chains that are to be searched.
    ///
    /// # Errors
    /// As [`Asking::find`].
    pub async fn find(
        self,
        archive: &Archive,
        chains: Vec<AskedChain>,
    ) -> Result<FoundParts, Error> {
        let asking = Asking {
            // Indexes are of events.
            no_index: true,
            predicate: Predicate::all(Vec::new()),
            window: self.window,
            all_stages: true,
            unknown: self.unknown,
            show: Show::Count,
            sought: Vec::new(),
            audit_logs: false,
            every_seal: self.every_seal,
            allow_unanchored: self.allow_unanchored,
            now: self.now,
            cores: self.cores,
        };
        Ok(asking.find(archive, chains).await?.of_flows(Arc::new(self)))
    }
}
