//! Payloads → the source's bytes, written as they are decoded.

use std::collections::HashSet;
use std::io;

use auditseal_format::seal::{Hole, Payload, Range};
use auditseal_format::{FileId, LineTimes, ObjectSeal, PayloadDecoder, PayloadError, WrongTimes};
use auditseal_reader::Window;

use super::output::Output;

/// Why restoring one object ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The output doesn't take more.
    Write(io::Error),
    /// The payload isn't what the seal states.
    Payload(PayloadError),
    /// The payload is, and its lines' times aren't.
    Times(WrongTimes),
}

/// Writes the parts of one or several files of one payload, whose blocks come in pieces.
pub(crate) struct Restore {
    /// Absent where the payload comes as it is.
    decoder: Option<PayloadDecoder>,
    parts: Parts,
    lines: Lines,
    times: LineTimes,
    /// What the note says of its lines' times is held against the lines.
    checks: bool,
    said: Payload,
}

/// What is done with the lines of a payload.
enum Lines {
    /// All are written, and the holes between them if so wanted.
    All { holes: bool },
    /// They are looked at; nothing is written.
    Look { window: Window, keep: Keep },
    /// Those that were found to be inside the window are written.
    Some { keep: Keep, left: u64, kept: bool },
}

/// Which lines to keep, as lengths of runs in turn: kept, left out, kept, …
#[derive(Debug)]
pub(crate) struct Keep(Vec<u64>);

impl Default for Keep {
    /// No line yet: a run of none kept.
    fn default() -> Self {
        Self(vec![0])
    }
}

impl Keep {
    fn push(&mut self, keep: bool) {
        // An even number of runs means that the latest is one of lines left out.
        if (self.0.len() % 2 == 1) != keep {
            self.0.push(0);
        }
        if let Some(run) = self.0.last_mut() {
            *run += 1;
        }
    }
}

impl Restore {
    /// Will write all of these files' lines, as they come, and the holes between them if so wanted.
    pub(crate) fn all(seal: &ObjectSeal, files: &[FileId], holes: bool) -> Self {
        Self::new(seal, files, Lines::All { holes })
    }

    /// Will only look which lines are inside `window`: [`Restore::finish`] says.
    pub(crate) fn look(seal: &ObjectSeal, window: Window) -> Self {
        Self::new(seal, &[], Lines::Look { window, keep: Keep::default() })
    }

    /// Will write these files' lines among those to keep, and no holes.
    pub(crate) fn some(seal: &ObjectSeal, files: &[FileId], mut keep: Keep) -> Self {
        keep.0.reverse();
        Self::new(seal, files, Lines::Some { left: keep.0.pop().unwrap_or(0), keep, kept: true })
    }

    fn new(seal: &ObjectSeal, files: &[FileId], lines: Lines) -> Self {
        let said = seal.seal.payload;
        let (parts, times) = (Parts::new(&seal.seal.ranges, files), LineTimes::new(said.field));
        Self { decoder: None, parts, lines, times, checks: true, said }
    }

    /// With `checks`, what the note says of its lines' times is held against the lines; else that was done before.
    pub(crate) fn checking(self, checks: bool) -> Self {
        Self { checks, ..self }
    }

    /// What comes are the payload's blocks.
    pub(crate) fn decoding(self, seal: &ObjectSeal) -> Result<Self, Stop> {
        let decoder = PayloadDecoder::new(&seal.seal.payload).map_err(Stop::Payload)?;
        Ok(Self { decoder: Some(decoder), ..self })
    }

    /// Takes the payload's next bytes.
    pub(crate) fn payload(&mut self, payload: &[u8], out: &mut impl Output) -> Result<(), Stop> {
        let Self { parts, lines, times, checks, .. } = self;
        lines.take(payload, parts, (times, *checks), out).map_err(Stop::Write)
    }

    /// Takes the next bytes of the blocks.
    pub(crate) fn blocks(&mut self, blocks: &[u8], out: &mut impl Output) -> Result<(), Stop> {
        let Self { decoder, parts, lines, times, checks, .. } = self;
        let Some(decoder) = decoder else { return Ok(()) };
        let mut written = Ok(());
        let decoded = decoder.blocks(blocks, |payload| {
            if written.is_ok() {
                written = lines.take(payload, parts, (times, *checks), out);
            }
        });
        written.map_err(Stop::Write)?;
        decoded.map_err(Stop::Payload)
    }

    /// Ends the payload; says which lines are inside the window if that was the question.
    pub(crate) fn finish(mut self, out: &mut impl Output) -> Result<Option<Keep>, Stop> {
        self.decoder.as_mut().map_or(Ok(()), PayloadDecoder::finish).map_err(Stop::Payload)?;
        let wrong = if self.checks { self.times.check(&self.said).err() } else { None };
        let keep = match self.lines {
            Lines::All { holes: true } => {
                self.parts.end(out).map_err(Stop::Write)?;
                None
            }
            Lines::Look { keep, .. } => Some(keep),
            Lines::All { holes: false } => None,
            // A look was taken before.
            Lines::Some { .. } => return Ok(None),
        };
        wrong.map_or(Ok(keep), |wrong| Err(Stop::Times(wrong)))
    }
}

impl Lines {
    fn take(
        &mut self,
        mut payload: &[u8],
        parts: &mut Parts,
        (times, checks): (&mut LineTimes, bool),
        out: &mut impl Output,
    ) -> io::Result<()> {
        match self {
            Self::All { holes } => {
                if checks {
                    times.take(payload);
                }
                parts.write(payload, *holes, out)
            }
            Self::Look { window, keep } => {
                times.each(payload, |time| keep.push(time.is_none_or(|time| window.has(time))));
                Ok(())
            }
            Self::Some { keep, left, kept } => {
                while !payload.is_empty() {
                    while *left == 0 && !keep.0.is_empty() {
                        *left = keep.0.pop().unwrap_or(0);
                        *kept = !*kept;
                    }
                    // As many whole lines as the run has, or all there is of the open one.
                    let end = nth_line_end(payload, left);
                    let (run, rest) = payload.split_at(end);
                    if *kept {
                        parts.write(run, false, out)?
                    } else {
                        parts.skip(run.len() as u64)
                    }
                    payload = rest;
                }
                Ok(())
            }
        }
    }
}

/// Where the `left`-th line of `payload` ends, or all of it; counts the lines off.
fn nth_line_end(payload: &[u8], left: &mut u64) -> usize {
    for at in memchr::memchr_iter(b'\n', payload) {
        *left = left.saturating_sub(1);
        if *left == 0 {
            return at + 1;
        }
    }
    payload.len()
}

/// The ranges of a payload, consumed as its bytes go by.
struct Parts {
    /// The next one last.
    ranges: Vec<Part>,
}

struct Part {
    file: FileId,
    /// Its bytes are to be written.
    wanted: bool,
    /// Bytes of the payload still to come.
    left: u64,
    /// Offset in the file of the next byte.
    offset: u64,
    unterminated: bool,
    /// The next one last.
    holes: Vec<Hole>,
}

impl Parts {
    fn new(ranges: &[Range], files: &[FileId]) -> Self {
        let files: HashSet<FileId> = files.iter().copied().collect();
        let part = |range: &Range| Part {
            file: range.file,
            wanted: files.contains(&range.file),
            left: range.payload_bytes().unwrap_or(0),
            offset: range.start,
            unterminated: range.unterminated,
            holes: range.holes.iter().rev().copied().collect(),
        };
        Self { ranges: ranges.iter().rev().map(part).collect() }
    }

    /// Writes the source's bytes of the next bytes of the payload, with or without holes.
    fn write(&mut self, mut payload: &[u8], holes: bool, out: &mut impl Output) -> io::Result<()> {
        while !payload.is_empty() {
            let Some(part) = self.ranges.last_mut() else { return Ok(()) };
            if part.left == 0 {
                part.end(holes, out)?;
                self.ranges.pop();
                continue;
            }
            let here = usize::try_from(part.left).unwrap_or(usize::MAX).min(payload.len());
            let (bytes, rest) = payload.split_at(here);
            part.write(bytes, holes, out)?;
            payload = rest;
        }
        Ok(())
    }

    /// Passes over the next `count` bytes of the payload.
    fn skip(&mut self, mut count: u64) {
        while let Some(part) = self.ranges.last_mut()
            && count > 0
        {
            let here = part.left.min(count);
            part.left -= here;
            count -= here;
            if part.left == 0 {
                self.ranges.pop();
            }
        }
    }

    /// Writes the holes that no byte of the payload follows.
    fn end(mut self, out: &mut impl Output) -> io::Result<()> {
        while let Some(mut part) = self.ranges.pop() {
            part.end(true, out)?;
        }
        Ok(())
    }
}

impl Part {
    fn write(&mut self, mut bytes: &[u8], holes: bool, out: &mut impl Output) -> io::Result<()> {
        self.left -= bytes.len() as u64;
        if !self.wanted {
            return Ok(());
        }
        out.file(self.file);
        if self.left == 0 && self.unterminated {
            // The payload's last newline isn't in the source.
            bytes = &bytes[..bytes.len() - 1];
        }
        while holes && !bytes.is_empty() {
            self.holes_here(out)?;
            let next =
                self.holes.last().map_or(u64::MAX, |hole| hole.offset.saturating_sub(self.offset));
            let until = usize::try_from(next).unwrap_or(usize::MAX).min(bytes.len());
            let (now, later) = bytes.split_at(until);
            out.write_all(now)?;
            self.offset += now.len() as u64;
            bytes = later;
        }
        out.write_all(bytes)
    }

    fn end(&mut self, holes: bool, out: &mut impl Output) -> io::Result<()> {
        if self.wanted && holes { self.holes_here(out) } else { Ok(()) }
    }

    /// Writes the hole at the current offset, if there is one.
    fn holes_here(&mut self, out: &mut impl Output) -> io::Result<()> {
        let Some(hole) = self.holes.pop_if(|hole| hole.offset == self.offset) else {
            return Ok(());
        };
        out.hole(hole.length)?;
        self.offset += hole.length;
        Ok(())
    }
}
