//! The daemon and the backfill: one pipeline from a source's files to its chain in the store.
//!
//! Read `pipeline.rs` first: it is the daemon on one screen.

mod adopt;
mod apiserver;
mod chain;
mod clock;
mod complaints;
mod error;
mod facts;
mod finals;
mod fork;
mod guard;
mod hands;
mod keyfile;
mod lag;
mod leaving;
mod lock;
mod manners;
mod opened;
mod opening;
mod pack;
mod patience;
mod pipeline;
mod place;
mod progress;
mod pulse;
mod readback;
mod repack;
mod reports;
mod service;
mod settings;
#[cfg(test)]
mod sim;
mod source;
mod spooler;
mod start;
mod strangers;
mod tally;
mod untold;
mod wayback;
mod worker;

pub use auditseal_shipper::{End as ChainEnd, Fork, Mode, Seqs};
pub use auditseal_tail::fs::{Owners, open_named};
pub use chain::{Outcome, run};
pub use clock::{Clock, system_clock};
pub use error::{Error, ErrorKind};
pub use keyfile::{keygen, read_signer};
pub use manners::{keep_to_owner, open_many, stand_back};
pub use opening::check;
pub use progress::Progress;
pub use service::tell_manager;
pub use settings::{Apiserver, Limits, RETRY, Settings, SourceSpec, store_name};
pub use tally::Tally;
