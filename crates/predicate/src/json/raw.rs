//! A value of a line that passed the grammar.

use std::borrow::Cow;

use auditseal_audit::text::{as_go_reads, plain_until};

/// A value, as it stands in the line. Its bytes passed [`super::members`]: nothing here asks again whether they are
/// JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Raw<'a>(&'a [u8]);

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool(bool),
    Number,
    Text,
    List,
    Object,
}

impl<'a> Raw<'a> {
    /// A value of a line that passed the grammar.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub(crate) fn bytes(self) -> &'a [u8] {
        self.0
    }

    pub(crate) fn kind(self) -> Kind {
        match self.0.first() {
            Some(b'"') => Kind::Text,
            Some(b'{') => Kind::Object,
            Some(b'[') => Kind::List,
            Some(b't') => Kind::Bool(true),
            Some(b'f') => Kind::Bool(false),
            Some(b'n') | None => Kind::Null,
            Some(_) => Kind::Number,
        }
    }

    /// What a string means; none of another value.
    pub(crate) fn text(self) -> Option<Cow<'a, str>> {
        let inner = self.0.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(as_go_reads(inner))
    }

    /// A number's text; none of another value.
    pub(crate) fn number(self) -> Option<&'a str> {
        let number = self.kind() == Kind::Number;
        std::str::from_utf8(self.0).ok().filter(|_| number)
    }

    /// The members of an object, in their order, also those whose key stands twice: the key as it is written, and the
    /// value. None of another value.
    pub(crate) fn members(self) -> Members<'a> {
        Members { bytes: self.0, at: 1, done: self.kind() != Kind::Object }
    }

    /// Whether one of its keys stands twice in it.
    pub(crate) fn has_a_key_twice(self) -> bool {
        let mut keys: Vec<_> = self.members().map(|(key, _)| as_go_reads(key)).collect();
        keys.sort_unstable();
        keys.windows(2).any(|two| two[0] == two[1])
    }

    /// Whether a key in it, however deep, passes a test; it is given as it is written. In one pass.
    pub(crate) fn any_key(self, test: impl Fn(&[u8]) -> bool) -> bool {
        let mut at = 0;
        while let Some(found) = memchr::memchr(b'"', self.0.get(at..).unwrap_or_default()) {
            let start = at + found;
            at = end_of_string(self.0, start);
            let mut behind = self.0.get(at..).unwrap_or_default().iter();
            let is_key = behind.find(|byte| !matches!(byte, b' ' | b'\t' | b'\r')) == Some(&b':');
            if is_key && test(self.0.get(start + 1..at - 1).unwrap_or_default()) {
                return true;
            }
        }
        false
    }

    /// The elements of a list. None of another value.
    pub(crate) fn elements(self) -> Elements<'a> {
        Elements { bytes: self.0, at: 1, done: self.kind() != Kind::List }
    }
}

/// The members of an object.
#[derive(Debug)]
pub(crate) struct Members<'a> {
    bytes: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let key = next_value(self.bytes, &mut self.at, &mut self.done)?;
        let value = next_value(self.bytes, &mut self.at, &mut self.done)?;
        Some((key.get(1..key.len() - 1)?, Raw(value)))
    }
}

/// The elements of a list.
#[derive(Debug)]
pub(crate) struct Elements<'a> {
    bytes: &'a [u8],
    at: usize,
    done: bool,
}

impl<'a> Iterator for Elements<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        next_value(self.bytes, &mut self.at, &mut self.done).map(Raw)
    }
}

/// The next value behind white space, commas and colons; none at a closing bracket.
fn next_value<'a>(bytes: &'a [u8], at: &mut usize, done: &mut bool) -> Option<&'a [u8]> {
    if *done {
        return None;
    }
    let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b',' | b':');
    let start = *at + bytes.get(*at..)?.iter().position(|byte| !between(byte))?;
    if matches!(bytes[start], b'}' | b']') {
        *done = true;
        return None;
    }
    *at = end_of(bytes, start);
    bytes.get(start..*at)
}

/// Where the value ends that begins at `start`.
fn end_of(bytes: &[u8], start: usize) -> usize {
    match bytes.get(start) {
        Some(b'"') => end_of_string(bytes, start),
        Some(b'{' | b'[') => end_of_brackets(bytes, start),
        _ => {
            let ends = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b',' | b'}' | b']');
            let rest = bytes.get(start..).unwrap_or_default();
            start + rest.iter().position(ends).unwrap_or(rest.len())
        }
    }
}

/// Behind the closing quote of the string that begins at `start`.
fn end_of_string(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    loop {
        at += plain_until(bytes.get(at..).unwrap_or_default());
        match bytes.get(at) {
            Some(b'\\') => at += 2,
            Some(b'"') => return at + 1,
            // A line that passed the grammar has neither control characters nor an end here.
            _ => return bytes.len(),
        }
    }
}

/// Behind the bracket that closes the one at `start`.
fn end_of_brackets(bytes: &[u8], start: usize) -> usize {
    let (mut at, mut depth) = (start, 0_usize);
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(bytes, at);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> Raw<'_> {
        Raw(text.as_bytes())
    }

    #[test]
    fn a_value_is_taken_apart_as_it_stands() {
        let list = raw(r#"[1, "a]\"",{"b":[2]} ,[],true,null,-0.5e+9]"#);
        let texts: Vec<_> =
            list.elements().map(|one| one.bytes().escape_ascii().to_string()).collect();
        assert_eq!(
            texts,
            ["1", r#"\"a]\\\"\""#, r#"{\"b\":[2]}"#, "[]", "true", "null", "-0.5e+9"]
        );
        let object = raw(r#"{ "a" : 1 ,"":{},"a":"\u0026" }"#);
        let members: Vec<_> = object.members().collect();
        assert_eq!(members.len(), 3);
        assert_eq!(members[0], (&b"a"[..], raw("1")));
        assert_eq!(members[1], (&b""[..], raw("{}")));
        assert_eq!(members[2].1.text().as_deref(), Some("&"));
        for other in ["{}", "[]", "1", "\"{\"", "null"] {
            assert_eq!(raw(other).members().count() + raw(other).elements().count(), 0, "{other}");
        }
        assert_eq!(
            (raw("12").number(), raw("\"1\"").number(), raw("true").text()),
            (Some("12"), None, None)
        );
    }
}
