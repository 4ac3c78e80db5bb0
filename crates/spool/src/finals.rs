//! The files that notes of a chain say are final.
//!
//! Notes hold cursors of files that aren't final yet; of the others each says so once. This file
//! collects what the notes of objects that left the spool have said, so that a restart knows
//! without reading the bucket which backups are sealed. It only repeats what sealed notes say: if
//! it is lost, the chain is walked back in the store.

use std::fmt;
use std::io::{self, BufRead as _, BufReader, Read};
use std::str::FromStr;

use auditseal_format::{Anchor, FileId, FileName, Seal};

/// First line of the finals: a file without it was never written in full.
pub(crate) const FINALS_HEADER: &str = "auditseal finals v1\n";

/// The finals of a file, one by one: all of them at once take a hundred bytes each, and more.
pub(crate) struct Finals<R>(BufReader<R>, Vec<u8>);

impl<R: Read> Finals<R> {
    /// `None`: the file was never written in full.
    pub(crate) fn of(file: R) -> io::Result<Option<Self>> {
        let mut all = Self(BufReader::new(file), Vec::new());
        all.line()?;
        Ok((all.1 == FINALS_HEADER.as_bytes()).then_some(all))
    }

    /// Reads a line with its end. Returns whether there was one.
    fn line(&mut self) -> io::Result<bool> {
        self.1.clear();
        Ok(self.0.read_until(b'\n', &mut self.1)? > 0)
    }
}

impl<R: Read> Iterator for Finals<R> {
    type Item = io::Result<Final>;

    fn next(&mut self) -> Option<io::Result<Final>> {
        loop {
            match self.line() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
            // A line that a power cut tore belongs to an object that is still in the spool.
            let text = self.1.strip_suffix(b"\n").unwrap_or(&self.1);
            if let Some(known) = str::from_utf8(text).ok().and_then(|text| text.parse().ok()) {
                return Some(Ok(known));
            }
        }
    }
}

/// How many finals come behind one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Behind {
    /// Of all.
    pub all: usize,
    /// Of those of one kind.
    pub alike: usize,
}

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
