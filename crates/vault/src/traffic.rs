//! What goes over the network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use reqwest::header::{CONTENT_LENGTH, HeaderMap};

/// Counts what goes over the network to a store and back. Clones count together.
#[derive(Debug, Clone, Default)]
pub struct Traffic(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    received: AtomicU64,
}

impl Traffic {
    /// Requests that were sent, repeated ones each time; those for credentials too.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.requests.load(Ordering::Relaxed)
    }

    /// Bytes of the answers' bodies, as far as their headers say how many these are.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.0.received.load(Ordering::Relaxed)
    }

    pub(crate) fn sent(&self) {
        self.0.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn answered(&self, headers: &HeaderMap) {
        let length =
            headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
        self.0.received.fetch_add(length.unwrap_or(0), Ordering::Relaxed);
    }
}
