//! What a reader cost.

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Instant;

use auditseal_store::Store;
use auditseal_vault::{Options, Provider, Traffic};
use clap::Args;
use clap::builder::BoolishValueParser;

use crate::failure::Failure;
use crate::store_flags::{StoreFlags, store_options, warn_of_environment};

/// Whether to say what it cost.
#[derive(Debug, Args)]
pub(crate) struct Stats {
    /// Say on standard error how many requests were sent, what came back, and how long it took.
    #[arg(long, env = "AUDITSEAL_STATS", value_parser = BoolishValueParser::new())]
    stats: bool,
}

/// Says what reading cost when it is dropped, however it ended.
#[derive(Debug)]
pub(crate) struct Bill {
    wanted: bool,
    directory: bool,
    traffic: Traffic,
    begun: Instant,
}

impl Stats {
    /// Opens a store, and counts from now on what goes there and back.
    pub(crate) fn open(&self, store: &StoreFlags) -> Result<(Arc<dyn Store>, Bill), Failure> {
        warn_of_environment([&store.store]);
        let traffic = Traffic::default();
        let options = Options { traffic: traffic.clone(), ..store_options(store, false) };
        let directory = auditseal_vault::site(&store.store)
            .is_ok_and(|site| site.provider == Provider::Directory);
        let bill = Bill { wanted: self.stats, directory, traffic, begun: Instant::now() };
        Ok((auditseal_vault::open(&store.store, &options)?, bill))
    }
}

impl Bill {
    /// What was sent and came back; of one more store too that counts into it.
    pub(crate) fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

impl Drop for Bill {
    fn drop(&mut self) {
        if self.wanted {
            let (requests, bytes) = (self.traffic.requests(), self.traffic.received());
            let seconds = self.begun.elapsed().as_secs_f64();
            let bill = if self.directory && requests == 0 {
                format!(
                    "stats: {seconds:.2} s; a directory is read without requests, and they alone are counted"
                )
            } else {
                format!("stats: {requests} requests, {bytes} bytes received, {seconds:.2} s")
            };
            // Nobody may be reading any more.
            drop(writeln!(io::stderr(), "{bill}"));
        }
    }
}
