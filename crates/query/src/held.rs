//! Text that was decoded, and waits to be searched.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The text of a batch that a pack held.
#[derive(Debug)]
pub(crate) struct Held {
    /// In order.
    pub(crate) pieces: Vec<Bytes>,
    _room: Option<OwnedSemaphorePermit>,
}

impl Held {
    /// Waits until there is room for it: `room` has kilobytes, and no text asks for more of them than `most`.
    pub(crate) async fn new(pieces: Vec<Bytes>, room: &Arc<Semaphore>, most: usize) -> Self {
        let bytes: usize = pieces.iter().map(Bytes::len).sum();
        let wanted = u32::try_from(bytes.div_ceil(1 << 10).min(most)).unwrap_or(u32::MAX);
        // Nobody closes it.
        let room = Arc::clone(room).acquire_many_owned(wanted).await.ok();
        Self { pieces, _room: room }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.pieces.iter().map(Bytes::len).sum()
    }
}
