//! Text → seal. Strict: whatever is accepted prints the same text again.

use std::iter::Peekable;
use std::str::{FromStr, Lines};

use auditseal_audit::Time;
use auditseal_merkle::{Hash, Root};
use auditseal_note::VerifierKey;

use super::{
    Boot, Counters, Cursor, Gap, Hole, Kind, MAX_CURSORS, MAX_GAPS, MAX_HOLES, MAX_RANGES,
    MAX_STORED, MalformedNote, Payload, Range, Seal, Stored, Uuid, VERSION, Word,
};
use crate::Alternate;
use crate::decimal::number;
use crate::file::unescape;

impl Seal {
    /// Reads the text of a note (without empty line and signature).
    ///
    /// # Errors
    /// [`MalformedNote`] unless the text is exactly what FORMAT.md, "Note", allows.
    pub fn parse(text: &str) -> Result<Self, MalformedNote> {
        let mut lines = Reader { lines: text.lines().peekable() };
        if lines.lines.next() != Some(VERSION) {
            return Err(malformed(format!("first line is not {VERSION}")));
        }
        let seal = lines.seal()?;
        if let Some(line) = lines.lines.next() {
            return Err(malformed(format!("unexpected line {:?}", shown(line))));
        }
        // One comparison stands for all canonical rules: number of spaces, case, padding, order.
        if seal.text() != text {
            return Err(malformed("not in canonical form".to_owned()));
        }
        seal.validate()?;
        Ok(seal)
    }
}

pub(super) fn malformed(what: String) -> MalformedNote {
    MalformedNote { what }
}

/// The start of a hostile line, for an error message.
fn shown(line: &str) -> String {
    line.chars().take(40).collect()
}

struct Reader<'a> {
    lines: Peekable<Lines<'a>>,
}

/// The values of one line.
struct Fields<'a> {
    keyword: &'static str,
    rest: std::str::Split<'a, char>,
}

impl<'a> Fields<'a> {
    fn error(&self) -> MalformedNote {
        malformed(format!("bad value in line '{}'", self.keyword))
    }

    fn next(&mut self) -> Result<&'a str, MalformedNote> {
        self.rest.next().ok_or_else(|| self.error())
    }

    fn value<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<T, MalformedNote> {
        let text = self.next()?;
        read(text).ok_or_else(|| self.error())
    }

    /// A value, or `None` for `-`.
    fn dashed<T>(&mut self, read: impl Fn(&str) -> Option<T>) -> Result<Option<T>, MalformedNote> {
        let text = self.next()?;
        if text == "-" { Ok(None) } else { read(text).map(Some).ok_or_else(|| self.error()) }
    }

    fn end(mut self) -> Result<(), MalformedNote> {
        if self.rest.next().is_none() { Ok(()) } else { Err(self.error()) }
    }
}

fn read<T: FromStr>(text: &str) -> Option<T> {
    text.parse().ok()
}

impl<'a> Reader<'a> {
    /// The fields of the next line if it has this keyword.
    fn optional(&mut self, keyword: &'static str) -> Option<Fields<'a>> {
        let rest = self.lines.peek()?.strip_prefix(keyword)?.strip_prefix(' ')?;
        self.lines.next();
        Some(Fields { keyword, rest: rest.split(' ') })
    }

    fn required(&mut self, keyword: &'static str) -> Result<Fields<'a>, MalformedNote> {
        self.optional(keyword).ok_or_else(|| malformed(format!("line '{keyword}' is missing")))
    }

    fn one<T>(
        &mut self,
        keyword: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<T, MalformedNote> {
        let mut fields = self.required(keyword)?;
        let value = fields.value(read)?;
        fields.end().map(|()| value)
    }

    fn one_dashed<T>(
        &mut self,
        keyword: &'static str,
        read: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, MalformedNote> {
        let mut fields = self.required(keyword)?;
        let value = fields.dashed(read)?;
        fields.end().map(|()| value)
    }

    fn one_optional<T>(
        &mut self,
        keyword: &'static str,
        read: impl Fn(&mut Fields<'a>) -> Result<T, MalformedNote>,
    ) -> Result<Option<T>, MalformedNote> {
        let Some(mut fields) = self.optional(keyword) else { return Ok(None) };
        let value = read(&mut fields)?;
        fields.end().map(|()| Some(value))
    }

    /// Up to `max` lines with this keyword.
    fn list<T>(
        &mut self,
        keyword: &'static str,
        max: usize,
        read: impl Fn(&mut Self, Fields<'a>) -> Result<T, MalformedNote>,
    ) -> Result<Vec<T>, MalformedNote> {
        let mut list = Vec::new();
        while let Some(fields) = self.optional(keyword) {
            if list.len() == max {
                return Err(malformed(format!("more than {max} lines '{keyword}'")));
            }
            list.push(read(self, fields)?);
        }
        Ok(list)
    }

    /// `key` and `next`, which are mostly the same: a key costs a hash.
    fn keys(&mut self) -> Result<(VerifierKey, VerifierKey), MalformedNote> {
        let mut fields = self.required("key")?;
        let text = fields.next()?;
        let key: VerifierKey = read(text).ok_or_else(|| fields.error())?;
        fields.end()?;
        let same = |next: &str| if next == text { Some(key.clone()) } else { read(next) };
        let next = self.one("next", same)?;
        Ok((key, next))
    }

    fn seal(&mut self) -> Result<Seal, MalformedNote> {
        // Field by field in the order of the text: struct expressions evaluate as written.
        let origin = self.one("origin", read)?;
        let seq = self.one("seq", number)?;
        let kind =
            self.one("kind", |text| Kind::ALL.into_iter().find(|kind| kind.as_str() == text))?;
        let prev = self.one_dashed("prev", read)?;
        let (key, next) = self.keys()?;
        Ok(Seal {
            origin,
            seq,
            kind,
            prev,
            key,
            next,
            payload: self.payload()?,
            index: self.one_dashed("index", read)?,
            sealed: self.one("sealed", read)?,
            boot: self.boot()?,
            next_by: self.one_dashed("next-by", read)?,
            cluster_uid: self.one_optional("cluster-uid", |fields| fields.value(uuid))?,
            machine_id: self.one_optional("machine-id", |fields| fields.value(hex))?,
            config: self.one_optional("config", |fields| fields.value(read))?,
            counters: self.one_optional("counters", |fields| {
                Ok(Counters {
                    since: fields.value(read)?,
                    events: fields.value(number)?,
                    errors: fields.value(number)?,
                })
            })?,
            reason: self.one_optional("reason", |fields| fields.value(Word::new))?,
            ranges: self.ranges()?,
            gaps: self.list("gap", MAX_GAPS, |_, fields| gap(fields))?,
            cursors: self.list("cursor", MAX_CURSORS, |_, fields| cursor(fields))?,
            stored: self.list("stored", MAX_STORED, |_, fields| stored(fields))?,
        })
    }

    fn payload(&mut self) -> Result<Payload, MalformedNote> {
        let hash: Hash = self.one("root", read)?;
        let chunks = self.one("chunks", number)?;
        let lines = self.one("lines", number)?;
        let bytes = self.one("bytes", number)?;
        let mut fields = self.required("blocks")?;
        let (blocks, blocks_len) = (fields.value(read)?, fields.value(number)?);
        fields.end()?;
        let window = self.one("window", |text| number(text)?.try_into().ok())?;
        let malformed_lines = self.one("malformed", number)?;
        let field = self.one("times", read)?;
        let untimed = self.one("untimed", number)?;
        let first: Option<Time> = self.one_dashed("first", read)?;
        let last = self.one_dashed("last", read)?;
        if first.is_some() != last.is_some() {
            return Err(malformed("only one of 'first' and 'last'".to_owned()));
        }
        Ok(Payload {
            root: Root { hash, chunks, lines },
            bytes,
            blocks,
            blocks_len,
            window,
            malformed: malformed_lines,
            field,
            untimed,
            times: first.zip(last),
        })
    }

    fn boot(&mut self) -> Result<Boot, MalformedNote> {
        let mut fields = self.required("boot")?;
        let boot = Boot { id: fields.value(uuid)?, nanos: fields.value(number)? };
        fields.end().map(|()| boot)
    }

    fn ranges(&mut self) -> Result<Vec<Range>, MalformedNote> {
        let ranges = self.list("range", MAX_RANGES, Self::range)?;
        if ranges.iter().map(|range| range.holes.len()).sum::<usize>() > MAX_HOLES {
            return Err(malformed(format!("more than {MAX_HOLES} lines 'hole'")));
        }
        Ok(ranges)
    }

    fn range(&mut self, mut fields: Fields<'a>) -> Result<Range, MalformedNote> {
        let file = fields.value(read)?;
        let (start, end, lines) =
            (fields.value(number)?, fields.value(number)?, fields.value(number)?);
        let (is_final, unterminated) = fields.value(|text| match text {
            "-" => Some((false, false)),
            "final" => Some((true, false)),
            "unterminated" => Some((false, true)),
            "final,unterminated" => Some((true, true)),
            _ => None,
        })?;
        let (anchor, name) = (fields.value(read)?, fields.value(read)?);
        fields.end()?;
        let before = self.one_optional("before", |fields| fields.value(read))?;
        let holes = self.list("hole", MAX_HOLES, |_, mut fields| {
            let hole = Hole { offset: fields.value(number)?, length: fields.value(number)? };
            fields.end().map(|()| hole)
        })?;
        Ok(Range { file, start, end, lines, is_final, unterminated, anchor, name, before, holes })
    }
}

fn gap(mut fields: Fields<'_>) -> Result<Gap, MalformedNote> {
    let gap = Gap {
        file: fields.dashed(read)?,
        start: fields.dashed(number)?,
        end: fields.dashed(number)?,
        reason: fields.value(Word::new)?,
        after: fields.dashed(read)?,
        before: fields.dashed(read)?,
        name: fields.dashed(read)?,
    };
    fields.end().map(|()| gap)
}

fn cursor(mut fields: Fields<'_>) -> Result<Cursor, MalformedNote> {
    let cursor = Cursor {
        file: fields.value(read)?,
        offset: fields.value(number)?,
        anchor: fields.value(read)?,
        name: fields.value(read)?,
    };
    fields.end().map(|()| cursor)
}

fn stored(mut fields: Fields<'_>) -> Result<Stored, MalformedNote> {
    let store_name = |text: &str| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b);
        ((1..=64).contains(&text.len()) && text.bytes().all(plain)).then(|| text.to_owned())
    };
    let stored = Stored {
        store: fields.value(store_name)?,
        seq: fields.value(number)?,
        alternate: fields.dashed(Alternate::parse)?,
        sha256: fields.value(hex)?,
        version: fields.dashed(|text| unescape(text, 1024))?,
    };
    fields.end().map(|()| stored)
}

/// `2 × N` hexadecimal digits; the case is settled by the canonical comparison.
fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| hex(&text.replace('-', "")).map(Uuid)).flatten()
}

impl FromStr for Uuid {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        uuid(text).filter(|uuid| uuid.to_string() == text).ok_or(())
    }
}
