//! Backups whose names don't tell when they were rotated: which files they are.

use std::ffi::OsString;
use std::fmt;
use std::sync::Mutex;

use auditseal_audit::scan;
use auditseal_format::seal::Cursor;
use auditseal_format::{FileId, Hash, Time};
use auditseal_spool::Final;
use auditseal_tail::fs::SourceDisk;
use auditseal_tail::{Beginning, Family, FolderId, Length};

use crate::lock::locked;

/// How far clocks and time zones may be apart: microseconds.
pub(crate) const DAY: i64 = 86_400_000_000;

/// Such backups, by their names in their directories. They aren't opened before somebody asks.
#[derive(Default)]
pub(crate) struct Untold {
    disk: Option<Mutex<SourceDisk>>,
    names: Vec<(FolderId, Family, OsString)>,
    /// So many more of which nothing is known.
    unreadable: usize,
    now: Option<Time>,
}

impl fmt::Debug for Untold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Untold").field("names", &self.names).finish_non_exhaustive()
    }
}

/// What is known of such a backup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    /// Hash and base of the files that it may be; `None`: it couldn't be read.
    begins: Option<(Hash, u64)>,
    length: Length,
    /// When its first line was written: what accounts for the file was sealed after that.
    written: Option<Time>,
}

impl Untold {
    pub(crate) fn new(
        disk: SourceDisk,
        names: Vec<(FolderId, Family, OsString)>,
        now: Time,
    ) -> Self {
        Self { disk: Some(Mutex::new(disk)), names, unreadable: 0, now: Some(now) }
    }

    #[cfg(test)]
    pub(crate) fn unreadable(count: usize) -> Self {
        Self { unreadable: count, ..Self::default() }
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.names.len() + self.unreadable
    }

    /// Reads the beginning of each.
    pub(crate) fn read(&self) -> Vec<Known> {
        let mut all = vec![Known::UNREAD; self.unreadable];
        let Some(disk) = &self.disk else { return all };
        let mut disk = locked(disk);
        for (folder, family, name) in &self.names {
            let read = Beginning::read(&mut *disk, *folder, family, name);
            all.push(match read {
                Ok(Some(begins)) => Known::of(&begins, self.now.unwrap_or(Time::EPOCH)),
                Ok(None) | Err(_) => Known::UNREAD,
            });
        }
        all
    }
}

impl Known {
    const UNREAD: Self = Self { begins: None, length: Length::Unknown, written: None };

    fn of(begins: &Beginning, now: Time) -> Self {
        // Of a time to come a clock was wrong, and it says nothing.
        let written = scan(&begins.line).time;
        Self {
            begins: Some((begins.hash, begins.base)),
            length: begins.length,
            written: written.filter(|at| *at <= now.saturating_add(DAY)),
        }
    }

    /// Whether it begins as that file.
    pub(crate) fn begins_as(&self, file: &FileId) -> bool {
        self.begins == Some((file.hash, file.base))
    }

    /// Whether a note that says this accounts for it, where no later one says anything of the file:
    /// then whatever it holds beyond that is new. Of a compressed one that isn't as long, nobody
    /// knows what it holds.
    pub(crate) fn is_finished_by(&self, known: &Final) -> bool {
        let fits = match self.length {
            Length::Bytes(length) => known.end <= length,
            Length::Low(low) => known.end as u32 == low,
            Length::Unknown => false,
        };
        self.begins_as(&known.file) && fits
    }

    /// Whether the file is read on from where a cursor stands.
    pub(crate) fn is_begun_by(&self, cursor: &Cursor) -> bool {
        let fits = match self.length {
            Length::Bytes(length) => cursor.offset <= length,
            Length::Low(low) => cursor.offset <= u64::from(low),
            Length::Unknown => false,
        };
        self.begins_as(&cursor.file) && fits
    }

    /// Whether nothing that was sealed up to then can account for it.
    pub(crate) fn is_later_than(&self, sealed: Time) -> bool {
        self.written.is_some_and(|at| sealed.saturating_add(DAY) < at)
    }
}
