//! What stands in a file: each line as it was written, or its copy.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};

use auditseal_delivery::{LONGEST, Parcel, ParcelLine, Shape, SinkUrl, TimeFinder, document};
use auditseal_format::{Time, TimeField};
use memchr::memmem;
use serde_json::value::RawValue;

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
///
/// What stands in an event's objects tells nothing: whoever made the request wrote that.
#[derive(Debug)]
pub(crate) struct FiledTimes {
    finder: TimeFinder,
    /// Whether there may be copies.
    copies: bool,
}

impl FiledTimes {
    /// For lines that were written in this shape.
    pub(crate) fn new(shape: &Shape) -> Self {
        let copies = !shape.leaves(usize::MAX);
        Self { finder: TimeFinder::new(TimeField::Audit), copies }
    }

    /// When a line happened; of a copy whose line doesn't tell, when that was sealed.
    pub(crate) fn of(&mut self, line: &[u8]) -> Option<Time> {
        let line = line.trim_ascii_end();
        if self.copies
            && let Some(cited) = cited(line)
        {
            return Some(cited);
        }
        self.finder.take(line);
        self.finder.end()
    }
}

/// The time that a copy ends with, beside its citation: these are the last members of the object that it is.
fn cited(line: &[u8]) -> Option<Time> {
    const MEMBER: &[u8] = b"\"@timestamp\":\"";
    const CITATION: &[u8] = b"\",\"auditseal\":";
    let at = memmem::rfind(line, MEMBER)? + MEMBER.len();
    let (time, behind) = line.get(at..)?.split_first_chunk::<27>()?;
    let citation = behind.strip_prefix(CITATION)?.strip_suffix(b"}")?;
    let whole = |text| serde_json::from_slice::<&RawValue>(text).is_ok();
    // In an object of the event there would be one more brace behind it.
    let ends =
        citation.starts_with(b"{") && whole(citation) && line.starts_with(b"{") && whole(line);
    if ends { Time::parse(time) } else { None }
}

/// Lines of a file, by when they happened.
///
/// # Errors
/// Why it can't be read.
pub(crate) fn in_file(sink: &SinkUrl, span: Span) -> Result<Counts, String> {
    let failed = |error: std::io::Error| format!("read {}: {error}", sink.address);
    // Whoever opens a pipe waits for somebody who writes to it.
    if !fs::metadata(&sink.address).map_err(failed)?.is_file() {
        return Err(failed(std::io::Error::other("it is no file")));
    }
    let mut file = BufReader::new(File::open(&sink.address).map_err(failed)?);
    let (mut counts, mut line) = (Counts::new(), Vec::new());
    let mut times = FiledTimes::new(&sink.shape);
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
