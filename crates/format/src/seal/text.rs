//! Seal → text, in the one spelling there is.

use std::fmt::{self, Display, Write as _};

use super::{Cursor, Gap, Range, Seal, Stored, Uuid, VERSION};
use crate::file::escape;

impl Seal {
    /// The note's text.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(2048);
        // Writing to a String can't fail.
        self.write(&mut text).expect("write to a string");
        text
    }

    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "{VERSION}\norigin {}\nseq {}", self.origin, self.seq)?;
        writeln!(out, "kind {}\nprev {}", self.kind, dash(&self.prev))?;
        writeln!(out, "key {}\nnext {}", self.key, self.next)?;
        self.write_payload(out)?;
        writeln!(out, "index {}\nsealed {}", dash(&self.index), self.sealed)?;
        writeln!(
            out,
            "boot {} {}\nnext-by {}",
            self.boot.id,
            self.boot.nanos,
            dash(&self.next_by)
        )?;
        self.write_optional(out)?;
        self.ranges.iter().try_for_each(|range| range.write(out))?;
        self.gaps.iter().try_for_each(|gap| gap.write(out))?;
        self.cursors.iter().try_for_each(|cursor| cursor.write(out))?;
        self.stored.iter().try_for_each(|stored| stored.write(out))
    }

    fn write_payload(&self, out: &mut String) -> fmt::Result {
        let payload = &self.payload;
        writeln!(out, "root {}\nchunks {}", payload.root.hash, payload.root.chunks)?;
        writeln!(out, "lines {}\nbytes {}", payload.root.lines, payload.bytes)?;
        writeln!(
            out,
            "blocks {} {}\nwindow {}",
            payload.blocks, payload.blocks_len, payload.window
        )?;
        writeln!(out, "malformed {}", payload.malformed)?;
        writeln!(out, "times {}\nuntimed {}", payload.field, payload.untimed)?;
        writeln!(out, "first {}", dash(&payload.times.map(|times| times.0)))?;
        writeln!(out, "last {}", dash(&payload.times.map(|times| times.1)))
    }

    fn write_optional(&self, out: &mut String) -> fmt::Result {
        if let Some(uid) = &self.cluster_uid {
            writeln!(out, "cluster-uid {uid}")?;
        }
        if let Some(id) = &self.machine_id {
            writeln!(out, "machine-id {}", hex(id))?;
        }
        if let Some(config) = &self.config {
            writeln!(out, "config {config}")?;
        }
        if let Some(counters) = &self.counters {
            writeln!(out, "counters {} {} {}", counters.since, counters.events, counters.errors)?;
        }
        if let Some(reason) = &self.reason {
            writeln!(out, "reason {reason}")?;
        }
        Ok(())
    }
}

impl Range {
    fn write(&self, out: &mut String) -> fmt::Result {
        let flags = match (self.is_final, self.unterminated) {
            (false, false) => "-",
            (true, false) => "final",
            (false, true) => "unterminated",
            (true, true) => "final,unterminated",
        };
        let Self { file, start, end, lines, anchor, name, .. } = self;
        writeln!(out, "range {file} {start} {end} {lines} {flags} {anchor} {name}")?;
        if let Some(before) = &self.before {
            writeln!(out, "before {before}")?;
        }
        self.holes.iter().try_for_each(|hole| writeln!(out, "hole {} {}", hole.offset, hole.length))
    }
}

impl Gap {
    fn write(&self, out: &mut String) -> fmt::Result {
        let (file, start, end) = (dash(&self.file), dash(&self.start), dash(&self.end));
        let (after, before, name) = (dash(&self.after), dash(&self.before), dash(&self.name));
        writeln!(out, "gap {file} {start} {end} {} {after} {before} {name}", self.reason)
    }
}

impl Cursor {
    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "cursor {} {} {} {}", self.file, self.offset, self.anchor, self.name)
    }
}

impl Stored {
    fn write(&self, out: &mut String) -> fmt::Result {
        let version = self.version.as_ref().map(|version| escape(version));
        let Self { store, seq, alternate, sha256, .. } = self;
        let (alternate, sha256, version) = (dash(alternate), hex(sha256), dash(&version));
        writeln!(out, "stored {store} {seq} {alternate} {sha256} {version}")
    }
}

impl Display for Uuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = hex(&self.0);
        let (a, b, c) = (&digits[..8], &digits[8..12], &digits[12..16]);
        write!(f, "{a}-{b}-{c}-{}-{}", &digits[16..20], &digits[20..])
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

/// Lower-case hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(DIGITS[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

/// A value, or `-` where there is none.
fn dash<T: Display>(value: &Option<T>) -> String {
    value.as_ref().map_or_else(|| "-".to_owned(), T::to_string)
}
