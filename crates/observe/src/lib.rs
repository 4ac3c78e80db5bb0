//! What the agent shows of itself, and what it holds against the source's own count.
//!
//! `rules` is pure: a [`Snapshot`] in, text or a verdict out. `server` is the only IO, besides
//! reading what the kernel says of this process.

mod process;
mod rules;
mod server;

pub use process::process;
pub use rules::exposition::{METRICS, Metric, OPENMETRICS, PLAIN, openmetrics, plain};
pub use rules::health::{
    ABSENT_LIMIT, Health, LAG_LIMIT, LOOK_LIMIT, LOSS_LIMIT, STORE_LIMIT, alive, ready,
};
pub use rules::reconcile::{GRACE, Reconcile, Settled};
pub use rules::reply::{Reply, respond};
pub use rules::samples::{Reader, Sample, read};
pub use rules::snapshot::{Chain, Counted, Process, Snapshot, State};
pub use rules::status::{Source, Status};
pub use server::{is_loopback, serve, serve_plainly};
