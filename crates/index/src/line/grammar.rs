//! The grammar of RFC 8259 over bytes that come in pieces, and what is read on the way.

use auditseal_audit::text::plain_until;

use super::facts::{Facts, Fields};
use super::members::{Inside, LONGEST_KEY, Want, member};

/// How deep objects and lists may be nested; Go's encoder, which writes audit logs, goes to 10,000.
const MAX_DEPTH: usize = 16_384;

/// Reads lines that come in pieces, in constant memory.
#[derive(Debug)]
pub(crate) struct Scanner {
    at: At,
    depth: usize,
    /// One bit for each open bracket: whether it is a `{`.
    objects: Box<[u64; MAX_DEPTH / 64]>,
    /// The object, of those that are read, whose members stand at this depth.
    inside: Option<Inside>,
    /// The next values are addresses.
    in_addresses: bool,
    /// What the next value must be.
    want: Want,
    key: Key,
    /// The keys that were met, of those that are read.
    met: u32,
    fields: Fields,
    /// The line has begun and hasn't ended: else the next byte begins one.
    open: bool,
}

/// What is due next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// The line's value.
    Start,
    /// A value.
    Value,
    /// A value, or the end of an empty list.
    First,
    /// A key, or the end of an empty object.
    FirstKey,
    /// A key.
    Key,
    /// More of a key, behind so much of an escape.
    InKey(Escape),
    /// `:`.
    Colon,
    /// More of a string, behind so much of an escape.
    InString(Escape),
    /// More of a number.
    Number(Number),
    /// The rest of `true`, `false` or `null`.
    Word(&'static [u8]),
    /// `,` or a closing bracket.
    Behind,
    /// Nothing: the line isn't read.
    Nothing,
}

/// So much of an escape was met.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    None,
    Begun,
    /// So many hexadecimal digits are due.
    Digits(u8),
}

/// What of a number was met last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

/// The beginning of a key.
#[derive(Debug, Default)]
struct Key {
    bytes: [u8; LONGEST_KEY],
    length: usize,
}

impl Scanner {
    /// A scanner before its first line.
    pub(crate) fn new() -> Self {
        Self {
            at: At::Start,
            depth: 0,
            objects: Box::new([0; MAX_DEPTH / 64]),
            inside: None,
            in_addresses: false,
            want: Want::Anything,
            key: Key::default(),
            met: 0,
            fields: Fields::default(),
            open: false,
        }
    }

    fn begin(&mut self) {
        (self.at, self.depth, self.met) = (At::Start, 0, 0);
        (self.inside, self.in_addresses, self.want) = (None, false, Want::Anything);
        self.fields.clear();
        self.open = true;
    }

    /// Whether a line is under way: one byte of it was taken at least, and it wasn't ended.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Takes bytes up to the open line's newline, or all; says how many, and whether the newline was met:
    /// then it is time for [`Self::end`].
    pub(crate) fn take(&mut self, piece: &[u8]) -> (usize, bool) {
        if !self.open && !piece.is_empty() {
            self.begin();
        }
        let mut at = 0;
        while let Some(byte) = piece.get(at) {
            at = match self.at {
                At::Nothing => memchr::memchr(b'\n', &piece[at..]).map_or(piece.len(), |n| at + n),
                At::InString(Escape::None) | At::InKey(Escape::None) => self.strings(piece, at),
                At::InString(escape) | At::InKey(escape) => self.escape(escape, *byte, at),
                At::Number(number) => self.number(number, piece, at),
                At::Word(rest) => self.word(rest, *byte, at),
                _ if *byte == b'\n' => at,
                _ => {
                    self.at = self.structure(*byte);
                    at + 1
                }
            };
            if piece.get(at) == Some(&b'\n') && self.may_end() {
                return (at + 1, true);
            }
        }
        (at, false)
    }

    /// Ends the open line. `None`: it isn't JSON, or a field that is read isn't as it must be.
    pub(crate) fn end(&mut self) -> Option<Facts<'_>> {
        self.open = false;
        let whole = self.at == At::Behind && self.depth == 0;
        if whole { self.fields.facts() } else { None }
    }

    /// Whether a newline that is met now was looked at: in a string or a number it comes as a byte first.
    fn may_end(&self) -> bool {
        !matches!(self.at, At::InString(_) | At::InKey(_) | At::Number(_) | At::Word(_))
    }

    fn structure(&mut self, byte: u8) -> At {
        match (self.at, byte) {
            (at, b' ' | b'\t' | b'\r') => at,
            (At::Start, b'{') => {
                self.inside = Some(Inside::Event);
                self.open(true)
            }
            (At::Start, _) => At::Nothing,
            (At::Value | At::First, b'"') => self.begin_string(),
            (At::Value | At::First, b'{') => self.begin_object(),
            (At::Value | At::First, b'[') => self.begin_list(),
            (At::Value | At::First, b'-' | b'0'..=b'9') => self.begin_number(byte),
            (At::Value | At::First, b't') => self.begin_word(b"rue"),
            (At::Value | At::First, b'f') => self.begin_word(b"alse"),
            // As good as absent.
            (At::Value, b'n') if self.want != Want::Address => At::Word(b"ull"),
            (At::Value | At::First, b'n') => self.begin_word(b"ull"),
            (At::FirstKey | At::Key, b'"') => {
                self.key.length = 0;
                At::InKey(Escape::None)
            }
            (At::Colon, b':') => At::Value,
            (At::Behind, b',') if self.depth > 0 => self.next(),
            (At::Behind | At::FirstKey, b'}') if self.in_object() => self.close(),
            (At::Behind | At::First, b']') if self.in_list() => self.close(),
            _ => At::Nothing,
        }
    }

    fn in_object(&self) -> bool {
        let top = self.depth.wrapping_sub(1);
        self.objects.get(top / 64).is_some_and(|bits| bits >> (top % 64) & 1 == 1)
    }

    fn in_list(&self) -> bool {
        self.depth > 0 && !self.in_object()
    }

    fn open(&mut self, object: bool) -> At {
        let Some(bits) = self.objects.get_mut(self.depth / 64) else { return At::Nothing };
        *bits = *bits & !(1 << (self.depth % 64)) | u64::from(object) << (self.depth % 64);
        self.depth += 1;
        if object { At::FirstKey } else { At::First }
    }

    fn close(&mut self) -> At {
        self.depth = self.depth.saturating_sub(1);
        match self.depth {
            0 => self.inside = None,
            1 => (self.inside, self.in_addresses) = (Some(Inside::Event), false),
            _ => {}
        }
        At::Behind
    }

    /// What comes behind a `,`.
    fn next(&mut self) -> At {
        if self.in_object() {
            return At::Key;
        }
        self.want =
            if self.in_addresses && self.depth == 2 { Want::Address } else { Want::Anything };
        At::Value
    }

    /// The object, of those that are read, whose member is next.
    fn members_of(&self) -> Option<Inside> {
        let depth = if self.inside == Some(Inside::Event) { 1 } else { 2 };
        self.inside.filter(|_| self.depth == depth)
    }

    fn begin_object(&mut self) -> At {
        match std::mem::replace(&mut self.want, Want::Anything) {
            Want::Object(inside) => {
                self.fields.impersonated |= inside == Inside::Impersonated;
                self.inside = Some(inside);
            }
            Want::Anything => {}
            _ => return At::Nothing,
        }
        self.open(true)
    }

    fn begin_list(&mut self) -> At {
        match std::mem::replace(&mut self.want, Want::Anything) {
            Want::Addresses => (self.in_addresses, self.want) = (true, Want::Address),
            Want::Anything => {}
            _ => return At::Nothing,
        }
        self.open(false)
    }

    fn begin_number(&mut self, byte: u8) -> At {
        match self.want {
            Want::Anything => {}
            Want::Code => {
                self.fields.begin();
                self.fields.extend(&[byte]);
            }
            _ => return At::Nothing,
        }
        At::Number(match byte {
            b'-' => Number::Minus,
            b'0' => Number::Zero,
            _ => Number::Whole,
        })
    }

    fn begin_word(&self, rest: &'static [u8]) -> At {
        if self.want == Want::Anything { At::Word(rest) } else { At::Nothing }
    }

    fn begin_string(&mut self) -> At {
        match self.want {
            Want::Anything => {}
            Want::Text(_) | Want::Address => self.fields.begin(),
            _ => return At::Nothing,
        }
        At::InString(Escape::None)
    }

    /// Goes through keys and strings that follow each other, as far as nothing in them is escaped.
    fn strings(&mut self, piece: &[u8], mut from: usize) -> usize {
        loop {
            let end = from + plain_until(&piece[from..]);
            let in_key = matches!(self.at, At::InKey(_));
            if !self.keep(in_key, &piece[from..end]) {
                self.at = At::Nothing;
                return end;
            }
            match piece.get(end) {
                None => return end,
                Some(b'"') if in_key => self.end_key(),
                Some(b'"') => self.end_string(),
                Some(b'\\') => {
                    self.begin_escape(in_key);
                    return end + 1;
                }
                Some(_) => {
                    self.at = At::Nothing;
                    return end;
                }
            }
            // What stands behind most keys and strings, in one step.
            match (self.at, piece.get(end + 1..end + 3)) {
                (At::Colon, Some(b":\"")) => self.at = self.begin_string(),
                (At::Behind, Some(b",\"")) if self.in_object() => {
                    self.key.length = 0;
                    self.at = At::InKey(Escape::None);
                }
                _ => return end + 1,
            }
            if self.at == At::Nothing {
                return end + 1;
            }
            from = end + 3;
        }
    }

    /// Keeps a part of a key or string that is read. Says whether there is room for it.
    fn keep(&mut self, in_key: bool, part: &[u8]) -> bool {
        if in_key {
            if self.members_of().is_some() {
                self.key.extend(part);
            }
            return true;
        }
        self.want == Want::Anything || self.fields.extend(part)
    }

    fn begin_escape(&mut self, in_key: bool) {
        self.at = if in_key {
            self.escape_in_key()
        } else if self.keep(false, b"\\") {
            At::InString(Escape::Begun)
        } else {
            At::Nothing
        };
    }

    fn escape_in_key(&self) -> At {
        // It may spell a key that is read.
        if self.members_of().is_some() { At::Nothing } else { At::InKey(Escape::Begun) }
    }

    fn escape(&mut self, escape: Escape, byte: u8, at: usize) -> usize {
        let next = match (escape, byte) {
            (Escape::Begun, b'u') => Some(Escape::Digits(4)),
            (Escape::Begun, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                Some(Escape::None)
            }
            (Escape::Digits(1), _) if byte.is_ascii_hexdigit() => Some(Escape::None),
            (Escape::Digits(due), _) if byte.is_ascii_hexdigit() => Some(Escape::Digits(due - 1)),
            _ => None,
        };
        let in_key = matches!(self.at, At::InKey(_));
        let fits = in_key || self.keep(false, &[byte]);
        self.at = match next.filter(|_| fits) {
            Some(escape) if in_key => At::InKey(escape),
            Some(escape) => At::InString(escape),
            None => {
                self.at = At::Nothing;
                return at;
            }
        };
        at + 1
    }

    fn end_key(&mut self) {
        (self.at, self.want) = (At::Colon, Want::Anything);
        let Some(inside) = self.members_of() else { return };
        let (want, bit) = member(inside, self.key.bytes());
        if self.met & bit != 0 {
            // Which of two would it be?
            self.at = At::Nothing;
        }
        self.met |= bit;
        self.want = want;
    }

    fn end_string(&mut self) {
        self.at = At::Behind;
        match self.want {
            Want::Text(slot) => self.fields.end_string(slot),
            Want::Address if !self.fields.end_address() => self.at = At::Nothing,
            _ => {}
        }
    }

    fn number(&mut self, mut number: Number, piece: &[u8], from: usize) -> usize {
        for (at, byte) in piece.iter().enumerate().skip(from) {
            number = match (number, byte) {
                (Number::Minus, b'0') => Number::Zero,
                (Number::Minus | Number::Whole, b'0'..=b'9') => Number::Whole,
                (Number::Zero | Number::Whole, b'.') => Number::Point,
                (Number::Point | Number::Fraction, b'0'..=b'9') => Number::Fraction,
                (Number::Zero | Number::Whole | Number::Fraction, b'e' | b'E') => Number::E,
                (Number::E, b'+' | b'-') => Number::Sign,
                (Number::E | Number::Sign | Number::Exponent, b'0'..=b'9') => Number::Exponent,
                (Number::Zero | Number::Whole | Number::Fraction | Number::Exponent, _) => {
                    self.at = At::Behind;
                    if self.want == Want::Code {
                        self.fields.end_code();
                    }
                    return at;
                }
                _ => {
                    self.at = At::Nothing;
                    return at;
                }
            };
            if self.want == Want::Code && !self.fields.extend(&[*byte]) {
                self.at = At::Nothing;
                return at;
            }
        }
        self.at = At::Number(number);
        piece.len()
    }

    fn word(&mut self, rest: &'static [u8], byte: u8, at: usize) -> usize {
        match rest.split_first() {
            Some((first, rest)) if *first == byte => {
                self.at = if rest.is_empty() { At::Behind } else { At::Word(rest) };
                at + 1
            }
            _ => {
                self.at = At::Nothing;
                at
            }
        }
    }
}

impl Key {
    fn extend(&mut self, part: &[u8]) {
        let room = self.bytes.get_mut(self.length..self.length + part.len());
        if let Some(room) = room {
            room.copy_from_slice(part);
        }
        // Longer than any key that is read: it stays so.
        self.length = (self.length + part.len()).min(LONGEST_KEY + 1);
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests;
