//! What has been taken of one source file.

use std::ffi::OsString;

use crate::types::{Anchor, FileId, GapReason, Known};

/// An offset and the anchor there.
pub(crate) type Mark = (u64, Anchor);

/// A file that nothing on disk is known to hold any more.
#[derive(Debug, Clone)]
pub(crate) struct Lost {
    pub(crate) reason: GapReason,
    /// Byte after the last one known to have been there.
    pub(crate) end: Option<u64>,
    pub(crate) since: u64,
    /// Looks in a row that knew all that is on disk, and didn't find it.
    pub(crate) misses: u8,
}

/// Bytes the disk refuses.
#[derive(Debug, Clone)]
pub(crate) struct Trouble {
    pub(crate) at: u64,
    pub(crate) since: u64,
    /// No attempt before this time.
    pub(crate) retry: u64,
}

/// The running account of one source file.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    pub(crate) file: FileId,
    pub(crate) name: OsString,
    /// Place in rotation order; `None` for a file of the history not seen on disk.
    pub(crate) order: Option<u64>,
    /// End of what was handed out, and the anchor there.
    pub(crate) taken: u64,
    pub(crate) anchor: Anchor,
    /// What must still be found in the file for it to be the same one: at `taken`, or after the
    /// first line while nothing is taken (the anchor at 0 would fit any file).
    pub(crate) proof: Option<Mark>,
    /// After the first line.
    pub(crate) head: Option<Mark>,
    pub(crate) committed: u64,
    /// Where it was final, each time.
    pub(crate) ends: Vec<Mark>,
    pub(crate) begun: bool,
    pub(crate) final_: bool,
    /// When it became final.
    pub(crate) final_since: u64,
    /// Its place among the files of the history that were final.
    pub(crate) turn: usize,
    /// The carrier it reads from.
    pub(crate) carrier: Option<u64>,
    pub(crate) lost: Option<Lost>,
    /// No `\n` between `taken` and here.
    pub(crate) clean: u64,
    /// The file was cut here, above `taken`: what is before is still good, what was after is lost.
    pub(crate) cut: Option<u64>,
    pub(crate) trouble: Option<Trouble>,
    /// It was truncated, and goes on in a copy: bytes written after copying are lost. The gap
    /// follows the copy's end.
    pub(crate) owes: bool,
}

impl Account {
    /// A file of which nothing was taken.
    pub(crate) fn new(file: FileId, name: OsString, empty: Anchor) -> Self {
        Self {
            file,
            name,
            order: None,
            taken: 0,
            anchor: empty,
            proof: None,
            head: None,
            committed: 0,
            ends: Vec::new(),
            begun: false,
            final_: false,
            final_since: 0,
            turn: 0,
            carrier: None,
            lost: None,
            clean: 0,
            cut: None,
            trouble: None,
            owes: false,
        }
    }

    /// A file the notes know.
    pub(crate) fn known(known: Known) -> Self {
        let Known { file, offset, anchor, name } = known;
        Self {
            taken: offset,
            committed: offset,
            clean: offset,
            proof: Some((offset, anchor)),
            begun: true,
            ..Self::new(file, name, anchor)
        }
    }

    /// Sets how far it is taken.
    pub(crate) fn stand_at(&mut self, (offset, anchor): Mark) {
        // They could be read after all. Should others behind them be refused, those are waited for
        // from then on, and not given up at once.
        self.trouble.take_if(|trouble| trouble.at < offset);
        self.taken = offset;
        self.anchor = anchor;
        self.clean = offset;
        self.proof = match self.head {
            Some(head) if offset < head.0 => Some(head),
            _ => Some((offset, anchor)),
        };
    }

    /// It ends here, for now.
    pub(crate) fn finish(&mut self, now: u64) {
        self.final_ = true;
        self.final_since = now;
        if self.ends.last() != Some(&(self.taken, self.anchor)) {
            self.ends.push((self.taken, self.anchor));
        }
    }

    /// Nothing on disk holds it any more.
    pub(crate) fn lose(&mut self, reason: GapReason, end: Option<u64>, now: u64) {
        self.carrier = None;
        self.lost = Some(Lost { reason, end, since: now, misses: 0 });
        self.final_ = false;
        self.cut = None;
    }

    /// Notes account for it up to here.
    pub(crate) fn commit(&mut self, offset: u64) {
        self.committed = self.committed.max(offset.min(self.taken));
    }
}
