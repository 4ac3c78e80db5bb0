//! How far each file has been sealed: the cursors of the next note.

use auditseal_format::FileId;
use auditseal_format::seal::{Cursor, Range};

use crate::types::{Loss, Take};

/// Cursors in the order in which their files were begun.
///
/// They follow from the cursors of the note before and this note's own ranges and gaps, so a note
/// can't say anything else about where to go on than what it took.
#[derive(Debug, Clone, Default)]
pub(crate) struct Files {
    cursors: Vec<Cursor>,
}

impl Files {
    pub(crate) fn new(cursors: &[Cursor]) -> Self {
        Self { cursors: cursors.to_vec() }
    }

    pub(crate) fn cursors(&self) -> &[Cursor] {
        &self.cursors
    }

    pub(crate) fn take(&mut self, range: &Range) {
        let cursor = Cursor {
            file: range.file,
            offset: range.end,
            anchor: range.anchor,
            name: range.name.clone(),
        };
        self.set(cursor, range.is_final);
    }

    /// Whether the file is begun and not final.
    pub(crate) fn has(&self, file: FileId) -> bool {
        self.cursors.iter().any(|cursor| cursor.file == file)
    }

    /// The same for a take, when it is planned.
    pub(crate) fn taken<C>(&mut self, take: &Take<C>) {
        let Take { file, end, anchor, .. } = *take;
        let cursor = Cursor { file, offset: end, anchor, name: take.name.clone() };
        self.set(cursor, take.is_final);
    }

    /// Whether a gap begins its file, which is read on from its end.
    pub(crate) fn begins(&self, loss: &Loss) -> bool {
        let resumed = loss.end.is_some() && loss.anchor.is_some() && loss.name.is_some();
        resumed && loss.file.is_some_and(|file| !self.has(file))
    }

    /// A gap with a known end moves the cursor there, or begins the file if it is read on from
    /// there; without one it closes the file: nothing of it can be read any more.
    ///
    /// With another anchor than the one there, the file wouldn't be known again after a restart,
    /// and be taken once more.
    pub(crate) fn lose(&mut self, loss: &Loss) {
        let Some(file) = loss.file else { return };
        let Some(offset) = loss.end else {
            return self.cursors.retain(|cursor| cursor.file != file);
        };
        if let Some(cursor) = self.cursors.iter_mut().find(|cursor| cursor.file == file) {
            cursor.offset = offset;
            cursor.anchor = loss.anchor.unwrap_or(cursor.anchor);
        } else if let (Some(anchor), Some(name)) = (loss.anchor, loss.name.clone()) {
            self.cursors.push(Cursor { file, offset, anchor, name });
        }
    }

    fn set(&mut self, cursor: Cursor, is_final: bool) {
        let known = self.cursors.iter().position(|known| known.file == cursor.file);
        match (known, is_final) {
            (Some(at), true) => drop(self.cursors.remove(at)),
            (Some(at), false) => self.cursors[at] = cursor,
            (None, true) => {}
            (None, false) => self.cursors.push(cursor),
        }
    }
}
