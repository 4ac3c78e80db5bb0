//! What a decoder's thread hands over, several things together: each by itself costs a switch of threads.

use bytes::{Bytes, BytesMut};
use tokio::sync::mpsc;

/// Bytes of payload that are handed over together.
const TOGETHER: usize = 256 << 10;

/// The way from a decoder's thread to whoever takes what it finds.
pub(super) struct Outlet<T> {
    to: mpsc::Sender<Vec<T>>,
    /// Things that are handed over together.
    most: usize,
    /// What is handed over next, and its bytes of payload.
    waiting: Vec<T>,
    bytes: usize,
    /// Where payloads are copied to, several together.
    text: BytesMut,
    /// Nobody takes any more.
    gone: bool,
}

impl<T> Outlet<T> {
    pub(super) fn new(to: mpsc::Sender<Vec<T>>, most: usize) -> Self {
        Self { to, most, waiting: Vec::new(), bytes: 0, text: BytesMut::new(), gone: false }
    }

    /// Whether nobody takes any more.
    pub(super) fn is_gone(&self) -> bool {
        self.gone
    }

    /// Hands something over that has so many bytes of payload, together with what comes next.
    pub(super) fn push(&mut self, one: T, bytes: usize) {
        self.waiting.push(one);
        self.bytes += bytes;
        if self.bytes >= TOGETHER || self.waiting.len() >= self.most {
            self.send();
        }
    }

    /// Hands over what waits. Blocks.
    pub(super) fn send(&mut self) {
        self.bytes = 0;
        let waiting = std::mem::take(&mut self.waiting);
        if !self.gone && !waiting.is_empty() {
            self.gone = self.to.blocking_send(waiting).is_err();
        }
    }

    /// Copies a piece of payload behind others, so that memory is asked for once for several.
    pub(super) fn copied(&mut self, piece: &[u8]) -> Bytes {
        if self.text.capacity() < piece.len() {
            self.text = BytesMut::with_capacity(TOGETHER.max(piece.len()));
        }
        self.text.extend_from_slice(piece);
        self.text.split().freeze()
    }
}
