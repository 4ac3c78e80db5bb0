//! The seal line: FORMAT.md, "Seal".

use std::borrow::Cow;

/// How every seal begins, up to the note's string.
pub(crate) const PREFIX: &[u8] = br#"{"kind":"BatchSeal","apiVersion":"auditseal/v1","note":"#;
const INDEX: &[u8] = br#","index":"#;

/// The parts of a seal line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Wrapped<'a> {
    pub(crate) note: String,
    pub(crate) index: Option<Cow<'a, [u8]>>,
}

/// Writes a seal line, its `\n` included.
pub(crate) fn write(note: &str, index: Option<&[u8]>) -> Vec<u8> {
    let mut line = PREFIX.to_vec();
    line.push(b'"');
    for byte in note.bytes() {
        match byte {
            b'"' => line.extend(br#"\""#),
            b'\\' => line.extend(br"\\"),
            b'\n' => line.extend(br"\n"),
            other => line.push(other),
        }
    }
    line.push(b'"');
    if let Some(index) = index {
        line.extend(INDEX);
        line.extend(index);
    }
    line.extend(b"}\n");
    line
}

/// Where the seal line begins in an object's last bytes.
pub(crate) fn find(tail: &[u8]) -> Option<usize> {
    memchr::memmem::rfind(tail, PREFIX)
}

/// Reads a seal line; `None` unless writing the parts gives the same bytes.
pub(crate) fn parse(line: &[u8]) -> Option<Wrapped<'_>> {
    let rest = line.strip_prefix(PREFIX)?.strip_prefix(b"\"")?;
    let (note, rest) = unescape(rest)?;
    let body = rest.strip_suffix(b"}\n")?;
    let index = if body.is_empty() { None } else { Some(body.strip_prefix(INDEX)?) };
    if index.is_some_and(|index| !is_object(index)) {
        return None;
    }
    Some(Wrapped { note, index: index.map(Cow::Borrowed) })
}

/// Reads a string up to its closing quotation mark, as it is written and not otherwise: `"`, `\` and newlines are escaped,
/// and nothing else is.
fn unescape(mut text: &[u8]) -> Option<(String, &[u8])> {
    let mut note = Vec::with_capacity(text.len());
    loop {
        let at = memchr::memchr3(b'"', b'\\', b'\n', text)?;
        note.extend_from_slice(&text[..at]);
        let escaped = match (text[at], text.get(at + 1)) {
            (b'"', _) => return Some((String::from_utf8(note).ok()?, &text[at + 1..])),
            (b'\\', Some(b'n')) => b'\n',
            (b'\\', Some(byte @ (b'"' | b'\\'))) => *byte,
            _ => return None,
        };
        note.push(escaped);
        text = &text[at + 2..];
    }
}

/// Levels of objects and arrays that an index may have: a reader that recurses needn't fear for its stack
/// (FORMAT.md, *Seal*).
const DEEPEST: usize = 127;

/// How deep the objects and arrays of a JSON text lie in each other.
fn levels(text: &[u8]) -> usize {
    let (mut open, mut deepest) = (0_usize, 0);
    let (mut quoted, mut escaped) = (false, false);
    for byte in text {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = quoted,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => {
                open += 1;
                deepest = deepest.max(open);
            }
            b'}' | b']' if !quoted => open = open.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

/// Whether `index` is one JSON object without newlines, which can't be taken for a seal.
pub(crate) fn is_object(index: &[u8]) -> bool {
    index.starts_with(b"{")
        && index.ends_with(b"}")
        && memchr::memchr2(b'\n', b'\r', index).is_none()
        && find(index).is_none()
        && levels(index) <= DEEPEST
        // serde_json doesn't look at the bytes of strings that it ignores.
        && std::str::from_utf8(index)
            .is_ok_and(|text| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok())
}
