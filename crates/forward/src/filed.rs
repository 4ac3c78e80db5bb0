//! What stands in a file: each line as it was written, or its copy.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _};

use auditseal_delivery::{LONGEST, Parcel, ParcelLine, Shape, SinkUrl, TimeFinder, document};
use auditseal_format::{Time, TimeField};
use memchr::memmem;

use crate::counts::{Counts, Place, Span};

/// What a file gets of a line, and whether something of it was cut.
pub(crate) fn filed<'a>(
    parcel: &'a Parcel,
    line: &ParcelLine,
    shape: &Shape,
) -> (Cow<'a, [u8]>, bool) {
    let plain = parcel.bytes(line);
    if shape.leaves(plain.len()) {
        return (Cow::Borrowed(plain), false);
    }
    let document = document(line, plain, shape);
    (Cow::Owned(document.text), document.cut)
}

/// Finds when the lines of a file happened, as far as they themselves tell. By which field a chain's lines do isn't
/// known of a file's: it is that of audit events, or what a copy cites.
#[derive(Debug)]
pub(crate) struct FiledTimes(TimeFinder);

impl FiledTimes {
    pub(crate) fn new() -> Self {
        Self(TimeFinder::new(TimeField::Audit))
    }

    /// When a line happened; of a copy whose line doesn't tell, when that was sealed.
    pub(crate) fn of(&mut self, line: &[u8]) -> Option<Time> {
        let line = line.trim_ascii_end();
        self.0.take(line);
        let written = self.0.end();
        cited(line).or(written)
    }
}

/// The time that a copy ends with, beside its citation.
fn cited(line: &[u8]) -> Option<Time> {
    const MEMBER: &[u8] = b"\"@timestamp\":\"";
    let at = memmem::rfind(line, MEMBER)? + MEMBER.len();
    let (time, behind) = line.get(at..)?.split_first_chunk::<27>()?;
    if behind.starts_with(b"\",\"auditseal\":{\"") { Time::parse(time) } else { None }
}

/// Lines of a file, by when they happened.
///
/// # Errors
/// Why it can't be read.
pub(crate) fn in_file(sink: &SinkUrl, span: Span) -> Result<Counts, String> {
    let failed = |error: std::io::Error| format!("read {}: {error}", sink.address);
    let mut file = BufReader::new(File::open(&sink.address).map_err(failed)?);
    let (mut counts, mut line, mut times) = (Counts::new(), Vec::new(), FiledTimes::new());
    loop {
        line.clear();
        let read = file.by_ref().take(LONGEST as u64 + 1).read_until(b'\n', &mut line);
        if read.map_err(failed)? == 0 {
            return Ok(counts);
        }
        let time = times.of(&line);
        if time.is_none_or(|time| span.has(time)) {
            *counts.entry(Place::new(None, time)).or_default() += 1;
        }
    }
}
