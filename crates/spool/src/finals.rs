//! The files that notes of a chain say are final.
//!
//! Notes hold cursors of files that aren't final yet; of the others each says so once. This file
//! collects what the notes of objects that left the spool have said, so that a restart knows
//! without reading the bucket which backups are sealed. It only repeats what sealed notes say: if
//! it is lost, the chain is walked back in the store.

use std::fmt;
use std::str::FromStr;

use auditseal_format::{Anchor, FileId, FileName, Seal};

/// A file that a note says is final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Final {
    /// The file.
    pub file: FileId,
    /// Its length when it was final, bytes.
    pub end: u64,
    /// Anchor at `end`.
    pub anchor: Anchor,
    /// Its name at the time.
    pub name: FileName,
}

impl Final {
    /// What one note says, in its order.
    pub fn of(seal: &Seal) -> impl Iterator<Item = Self> + '_ {
        seal.ranges.iter().filter(|range| range.is_final).map(|range| Self {
            file: range.file,
            end: range.end,
            anchor: range.anchor,
            name: range.name.clone(),
        })
    }
}

impl fmt::Display for Final {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {} {}", self.file, self.end, self.anchor, self.name)
    }
}

impl FromStr for Final {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut fields = text.split(' ');
        let mut next = || fields.next().ok_or(());
        let read = Self {
            file: next()?.parse()?,
            end: next()?.parse().map_err(drop)?,
            anchor: next()?.parse().map_err(drop)?,
            name: next()?.parse()?,
        };
        if read.to_string() == text { Ok(read) } else { Err(()) }
    }
}
