//! Whether a line is one JSON object, and which members it has.

use std::borrow::Cow;

use auditseal_audit::text::{as_go_reads, plain_until};

use super::raw::Raw;

/// How deep brackets may be nested, as deep as an index reads; Go's encoder, which writes audit logs, goes to 10,000.
const MAX_DEPTH: usize = 16_384;
/// The most members of a line: an event has at most 19.
const MAX_MEMBERS: usize = 4096;
/// Brackets whose kinds one word holds.
const WORD: usize = u64::BITS as usize;

/// Why a line isn't read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It isn't one JSON object, from this byte on.
    Grammar(usize),
    TooDeep,
    TooManyMembers,
    /// One of its keys stands twice.
    Twice,
}

/// A member of the line's object.
#[derive(Debug, Clone)]
pub(crate) struct Member<'a> {
    pub(crate) key: Cow<'a, str>,
    pub(crate) value: Raw<'a>,
}

/// Which kind each open bracket is of.
#[derive(Debug, Default)]
struct Brackets {
    objects: Vec<u64>,
    depth: usize,
}

impl Brackets {
    fn open(&mut self, object: bool) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::TooDeep);
        }
        let (word, bit) = (self.depth / WORD, self.depth % WORD);
        if word == self.objects.len() {
            self.objects.push(0);
        }
        self.objects[word] = self.objects[word] & !(1 << bit) | u64::from(object) << bit;
        self.depth += 1;
        Ok(())
    }

    fn in_object(&self) -> bool {
        let top = self.depth.wrapping_sub(1);
        self.objects.get(top / WORD).is_some_and(|bits| bits >> (top % WORD) & 1 == 1)
    }
}

/// A line on the way through it.
struct Walk<'a> {
    bytes: &'a [u8],
    at: usize,
    brackets: Brackets,
    members: Vec<Member<'a>>,
    /// The open member's key, and where its value begins.
    open: Option<(Cow<'a, str>, usize)>,
}

/// The members of a line that is one JSON object; no newline may be in it.
///
/// # Errors
/// [`Fault`], of which the first one in the line is given.
pub(crate) fn members(line: &[u8]) -> Result<Vec<Member<'_>>, Fault> {
    let (brackets, members) = (Brackets::default(), Vec::with_capacity(20));
    let mut walk = Walk { bytes: line, at: 0, brackets, members, open: None };
    walk.white();
    if walk.peek() != Some(b'{') {
        return walk.fault();
    }
    walk.object()?;
    walk.white();
    if walk.at < line.len() {
        return walk.fault();
    }
    once(&walk.members)?;
    Ok(walk.members)
}

fn once(members: &[Member<'_>]) -> Result<(), Fault> {
    let mut keys: Vec<&str> = members.iter().map(|member| &*member.key).collect();
    keys.sort_unstable();
    if keys.windows(2).any(|two| two[0] == two[1]) { Err(Fault::Twice) } else { Ok(()) }
}

impl<'a> Walk<'a> {
    fn fault<T>(&self) -> Result<T, Fault> {
        Err(Fault::Grammar(self.at))
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn white(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    /// Takes the line's object.
    fn object(&mut self) -> Result<(), Fault> {
        loop {
            if self.value()? && !self.closes() {
                self.key_if_due()?;
                continue;
            }
            while self.closes() {
                self.close();
            }
            if self.brackets.depth == 0 {
                return Ok(());
            }
            if self.peek() != Some(b',') {
                return self.fault();
            }
            self.end_member();
            self.at += 1;
            self.white();
            self.key_if_due()?;
        }
    }

    /// Takes a value, or the opening bracket of one: then it says so.
    fn value(&mut self) -> Result<bool, Fault> {
        match self.peek() {
            Some(b'{' | b'[') => {
                self.brackets.open(self.peek() == Some(b'{'))?;
                self.at += 1;
                return Ok(true);
            }
            Some(b'"') => self.string().map(drop)?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word(b"true")?,
            Some(b'f') => self.word(b"false")?,
            Some(b'n') => self.word(b"null")?,
            _ => return self.fault(),
        }
        Ok(false)
    }

    /// Whether the next byte but white space closes the innermost bracket.
    fn closes(&mut self) -> bool {
        self.white();
        let closing = if self.brackets.in_object() { b'}' } else { b']' };
        self.brackets.depth > 0 && self.peek() == Some(closing)
    }

    fn close(&mut self) {
        self.end_member();
        self.brackets.depth -= 1;
        self.at += 1;
    }

    fn key_if_due(&mut self) -> Result<(), Fault> {
        if self.brackets.in_object() { self.key() } else { Ok(()) }
    }

    /// Takes a key and its colon, up to the value.
    fn key(&mut self) -> Result<(), Fault> {
        if self.peek() != Some(b'"') {
            return self.fault();
        }
        let key = self.string()?;
        self.white();
        if self.peek() != Some(b':') {
            return self.fault();
        }
        self.at += 1;
        self.white();
        if self.brackets.depth == 1 {
            if self.members.len() == MAX_MEMBERS {
                return Err(Fault::TooManyMembers);
            }
            self.open = Some((as_go_reads(key), self.at));
        }
        Ok(())
    }

    fn end_member(&mut self) {
        if self.brackets.depth != 1 {
            return;
        }
        if let Some((key, start)) = self.open.take() {
            let value = self.bytes.get(start..self.at).unwrap_or_default();
            self.members.push(Member { key, value: Raw::new(value.trim_ascii_end()) });
        }
    }

    /// Takes a string; gives what stands between its quotes.
    fn string(&mut self) -> Result<&'a [u8], Fault> {
        self.at += 1;
        let start = self.at;
        loop {
            self.at += plain_until(self.bytes.get(self.at..).unwrap_or_default());
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(&self.bytes[start..self.at - 1]);
                }
                Some(b'\\') => self.escape()?,
                _ => return self.fault(),
            }
        }
    }

    fn escape(&mut self) -> Result<(), Fault> {
        let behind = self.bytes.get(self.at + 1..).unwrap_or_default();
        self.at += match behind {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 2,
            [b'u', a, b, c, d, ..]
                if [a, b, c, d].iter().all(|digit| digit.is_ascii_hexdigit()) =>
            {
                6
            }
            _ => return self.fault(),
        };
        Ok(())
    }

    fn word(&mut self, word: &[u8]) -> Result<(), Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        if !rest.starts_with(word) {
            return self.fault();
        }
        self.at += word.len();
        Ok(())
    }

    fn number(&mut self) -> Result<(), Fault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    /// Takes one digit at least.
    fn digits(&mut self) -> Result<(), Fault> {
        let rest = self.bytes.get(self.at..).unwrap_or_default();
        let count = rest.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(rest.len());
        self.at += count;
        if count == 0 { self.fault() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::value::RawValue;

    /// Pieces of JSON, right and wrong, in any order.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "{",
            "}",
            "[",
            "]",
            ",",
            ":",
            " ",
            "\t",
            "\"a\"",
            "\"b\":",
            "\"c\":1",
            "\"d\":{}",
            "0",
            "-1.5e+3",
            "01",
            "1.",
            "true",
            "nul",
            "null",
            "\"\\u0041\"",
            "\"\\x\"",
            "\"\n\"",
            "\"",
            "\\",
            "[1,2]",
            "{\"x\":[{}]}",
        ]);
        prop::collection::vec(piece, 0..12).prop_map(|pieces| format!("{{{}}}", pieces.concat()))
    }

    /// What another parser says of the same line: its members, if it is an object.
    fn theirs(line: &str) -> Option<Vec<(String, String)>> {
        struct All(Vec<(String, String)>);
        impl<'de> serde::de::Visitor<'de> for All {
            type Value = Self;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                mut self,
                mut map: A,
            ) -> Result<Self, A::Error> {
                while let Some((key, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    self.0.push((key, value.get().to_owned()));
                }
                Ok(self)
            }
        }
        let mut reader = serde_json::Deserializer::from_str(line);
        let all = serde::Deserializer::deserialize_map(&mut reader, All(Vec::new())).ok()?;
        reader.end().ok().map(|()| all.0)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(3000))]
        #[test]
        fn a_line_is_read_as_another_parser_reads_it(line in pieces()) {
            let ours = members(line.as_bytes());
            let as_text = |member: &Member<'_>| {
                (member.key.to_string(), String::from_utf8(member.value.bytes().to_vec()).unwrap())
            };
            match theirs(&line) {
                None => prop_assert!(matches!(ours, Err(Fault::Grammar(_))), "{:?} {:?}", line, ours),
                Some(theirs) => {
                    let mut keys: Vec<_> = theirs.iter().map(|(key, _)| key).collect();
                    keys.sort_unstable();
                    keys.dedup();
                    let once = keys.len() == theirs.len();
                    match ours {
                        Ok(ours) => prop_assert_eq!(ours.iter().map(as_text).collect::<Vec<_>>(), theirs),
                        Err(fault) => prop_assert!(!once && fault == Fault::Twice, "{:?} {:?}", line, fault),
                    }
                }
            }
        }
    }

    #[test]
    fn where_a_line_stops_being_json_is_said() {
        for (line, at) in [
            ("", 0),
            ("[]", 0),
            ("{} {}", 3),
            ("{\"a\":1,}", 7),
            ("{\"a\":[1}", 7),
            ("{\"a\":1}}", 7),
            ("{\"a\" 1}", 5),
            ("{\"a\":\n1}", 5),
            ("{\"a\":\"\u{1}\"}", 6),
            ("{\"a\":{\"b\"}}", 9),
        ] {
            assert_eq!(members(line.as_bytes()).unwrap_err(), Fault::Grammar(at), "{line:?}");
        }
    }

    #[test]
    fn nesting_and_members_have_bounds() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(members(nested(MAX_DEPTH - 1).as_bytes()).is_ok());
        assert_eq!(members(nested(MAX_DEPTH).as_bytes()).unwrap_err(), Fault::TooDeep);
        assert_eq!(members("{\"a\":".repeat(100_000).as_bytes()).unwrap_err(), Fault::TooDeep);
        let many = |count: usize| {
            let all: Vec<_> = (0..count).map(|n| format!("\"{n}\":0")).collect();
            format!("{{{}}}", all.join(","))
        };
        assert_eq!(members(many(MAX_MEMBERS).as_bytes()).unwrap().len(), MAX_MEMBERS);
        assert_eq!(members(many(MAX_MEMBERS + 1).as_bytes()).unwrap_err(), Fault::TooManyMembers);
        assert_eq!(members(br#"{"a":1,"\u0061":2}"#).unwrap_err(), Fault::Twice);
    }
}
