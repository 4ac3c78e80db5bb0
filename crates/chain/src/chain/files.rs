//! Whether the ranges and gaps of each source file join.

use std::collections::HashMap;

use auditseal_format::FileId;
use auditseal_format::seal::{Cursor, Gap, Seal};

use crate::finding::Verdict;

/// How far each file of a chain is accounted for. Grows with the files, not with the batches.
#[derive(Debug, Default)]
pub(super) struct Files {
    ends: HashMap<FileId, End>,
    /// How often notes were absent so far. What happened to a file meanwhile isn't known: that its
    /// next range starts later is explained by what is missing, and no finding of its own.
    losses: u64,
}

#[derive(Debug, Clone, Copy)]
struct End {
    offset: u64,
    /// A gap of unknown length closed the file here.
    closed: bool,
    /// `losses` when this was learnt.
    losses: u64,
}

impl Files {
    /// Files of a chain that is read from its genesis, or from a later place on: what happened to them
    /// before that isn't known.
    pub(super) fn of_part(part: bool) -> Self {
        Self { losses: u64::from(part), ..Self::default() }
    }

    /// Takes from a note how far its files are.
    pub(super) fn take_over(&mut self, cursors: &[Cursor]) {
        let losses = self.losses;
        for cursor in cursors {
            let end = End { offset: cursor.offset, closed: false, losses };
            self.ends.insert(cursor.file, end);
        }
    }

    /// Notes are absent between the latest one and the next.
    pub(super) fn lost_notes(&mut self) {
        self.losses += 1;
    }

    /// Takes the ranges and gaps of the next note; says what doesn't join.
    pub(super) fn note(&mut self, seal: &Seal) -> Vec<(Verdict, String)> {
        let mut found = Vec::new();
        for range in &seal.ranges {
            found.extend(self.join(range.file, range.start, Some(range.end)));
        }
        for gap in &seal.gaps {
            if let (Some(file), Some(start)) = (gap.file, gap.start) {
                found.extend(self.join(file, start, gap.end));
            }
        }
        found
    }

    fn join(&mut self, file: FileId, start: u64, end: Option<u64>) -> Option<(Verdict, String)> {
        let losses = self.losses;
        let new = End { offset: end.unwrap_or(start), closed: end.is_none(), losses };
        // Where the file could have begun in a note that is absent, its start isn't known.
        let old = self.ends.insert(file, new);
        let reached = old.map_or(0, |old| old.offset);
        let certain = old.map_or(losses == 0, |old| old.losses == losses);
        if start < reached {
            let detail = format!("bytes {start} to {reached} of file {file} are sealed twice");
            return Some((Verdict::Replay, detail));
        }
        let joins = start == reached && old.is_none_or(|old| !old.closed);
        (!joins && certain).then(|| {
            let detail = format!("bytes {reached} to {start} of file {file} are in no note");
            (Verdict::SourceGap, detail)
        })
    }
}

/// What a gap line says, in words.
pub fn lost(gap: &Gap) -> String {
    let offsets = match (gap.start, gap.end) {
        (Some(start), Some(end)) => format!("bytes {start} to {end}"),
        (Some(start), None) => format!("bytes from {start} on"),
        _ => "an unknown number of bytes".to_owned(),
    };
    let file = gap.file.map_or_else(|| "unread".to_owned(), |file| file.to_string());
    let name = gap.name.as_ref().map_or_else(String::new, |name| format!(" ({name})"));
    let after = gap.after.map_or_else(String::new, |time| format!(", after {time}"));
    let before = gap.before.map_or_else(String::new, |time| format!(", before {time}"));
    if gap.file.is_none() && gap.start.is_none() {
        // Nobody knows how much: it may be nothing, and it may be many files.
        return format!("any number of files{name} may be missing{after}{before}: {}", gap.reason);
    }
    format!("{offsets} of file {file}{name} were lost{after}{before}: {}", gap.reason)
}

#[cfg(test)]
mod tests {
    use auditseal_format::seal::Word;

    use super::*;

    #[test]
    fn a_gap_says_what_is_known_of_it_and_no_more() {
        let mut gap = Gap {
            file: None,
            start: None,
            end: None,
            reason: Word::new("unseen").unwrap(),
            after: None,
            before: None,
            name: Some(auditseal_format::FileName::new(b"audit.log")),
        };
        assert_eq!(lost(&gap), "any number of files (audit.log) may be missing: unseen");
        gap.start = Some(0);
        assert_eq!(lost(&gap), "bytes from 0 on of file unread (audit.log) were lost: unseen");
        gap.end = Some(7);
        assert_eq!(lost(&gap), "bytes 0 to 7 of file unread (audit.log) were lost: unseen");
    }
}
