//! Pure: no clocks, no sockets, no files.

pub(crate) mod exposition;
pub(crate) mod health;
pub(crate) mod reconcile;
pub(crate) mod reply;
pub(crate) mod samples;
pub(crate) mod snapshot;
pub(crate) mod status;
