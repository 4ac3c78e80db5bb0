//! The descriptor that holds an inode.

use std::sync::Arc;

use auditseal_format::{Anchor, FileId};

use super::state::State;
use crate::content::Content;
use crate::scan::HeadScan;
use crate::unpack::Unpack;

/// An open descriptor, and what is known of the bytes behind it. Apart from the carrier: of a
/// hundred thousand that wait to be opened, nothing of this is known.
pub(super) struct Held<F> {
    pub(super) file: Arc<F>,
    pub(super) content: Arc<Content<F>>,
    pub(super) unpack: Option<Unpack<F>>,
    /// An account, and the furthest of its marks that the decoder found as it should be.
    pub(super) passed: Option<(FileId, u64)>,
    /// The plain carrier that its decoded bytes are being compared with.
    pub(super) compared: Option<u64>,
    /// Plain carriers whose bytes its own differ from.
    pub(super) unlike: Vec<u64>,
    pub(super) state: State,
    /// The search for its first line; `None` before it began.
    pub(super) scan: Option<Box<HeadScan>>,
    /// Bytes proved, while their account's carrier was there, to be the same as that one's: so many,
    /// and the anchor at their end where that is known.
    pub(super) proved: Option<(FileId, u64, Option<Anchor>)>,
    /// The account that it was the first to bring, or that nothing else held when it came.
    pub(super) brought: Option<FileId>,
    pub(super) links: u64,
    /// Looks in a row that found the same size.
    pub(super) calm: u32,
}

impl<F> Held<F> {
    /// A file that was opened just now.
    pub(super) fn new(file: Arc<F>, content: Content<F>, links: u64) -> Self {
        Self {
            file,
            content: Arc::new(content),
            unpack: None,
            passed: None,
            compared: None,
            unlike: Vec::new(),
            state: State::Unread,
            scan: None,
            proved: None,
            brought: None,
            links,
            calm: 0,
        }
    }

    /// Lets go of the decoder and its memory, and of what was under way with it.
    pub(super) fn rewind(&mut self) {
        self.unpack = None;
        self.passed = None;
        self.compared = None;
    }
}
