//! A line's certain time: FORMAT.md, "Times".

use crate::block::{BLOCK, Carry, Masks};
use crate::{Time, TimeField};

/// Bytes of the longest certain time.
const LONGEST: usize = 30;

/// Finds the certain times of lines that come in pieces, in constant memory and one pass, whatever
/// their length and nesting.
#[derive(Debug, Clone)]
pub struct TimeFinder {
    field: TimeField,
    carry: Carry,
    place: Place,
    key: Key,
    value: Value,
}

/// Where in the line the next byte is. All but the first are about depth 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// At the line's first byte.
    Start,
    /// Where a key is due, or the end of an object without members.
    First,
    /// Where a key is due.
    Key,
    /// In a key.
    InKey,
    /// Behind a key.
    Colon,
    /// Where a value is due.
    Value,
    /// In a string that is a value.
    InString,
    /// In a value that is neither a string nor in brackets.
    InWord,
    /// At this depth, which is at least 2.
    Nested(u64),
    /// Behind a value.
    Behind,
    /// Behind the last byte that may be.
    End,
    /// The line has no certain time, whatever follows.
    Uncertain,
}

/// What is known of the open or latest key.
#[derive(Debug, Clone, Copy, Default)]
struct Key {
    /// So many of its bytes are those of the field.
    matched: usize,
    /// One wasn't.
    other: bool,
}

/// What is known of the field's value.
#[derive(Debug, Clone, Copy, Default)]
struct Value {
    /// The latest key was the field: what follows is its value.
    due: bool,
    text: [u8; LONGEST],
    length: usize,
    /// Of the key that was met.
    time: Option<Time>,
    met: bool,
}

impl TimeFinder {
    /// A finder before its first line.
    #[must_use]
    pub fn new(field: TimeField) -> Self {
        let mut finder = Self {
            field,
            carry: Carry::default(),
            place: Place::Start,
            key: Key::default(),
            value: Value::default(),
        };
        finder.begin();
        finder
    }

    fn begin(&mut self) {
        self.carry = Carry::default();
        self.place = if self.field == TimeField::None { Place::Uncertain } else { Place::Start };
        self.value = Value::default();
    }

    /// Takes the next bytes of the open line (no newline among them).
    pub fn take(&mut self, piece: &[u8]) {
        let (blocks, rest) = piece.as_chunks::<BLOCK>();
        for block in blocks {
            self.block(block, BLOCK);
        }
        if !rest.is_empty() {
            let mut block = [0; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            self.block(&block, rest.len());
        }
    }

    /// Ends the open line and begins the next.
    pub fn end(&mut self) -> Option<Time> {
        let time = self.value.time.filter(|_| self.place == Place::End);
        self.begin();
        time
    }

    fn block(&mut self, block: &[u8; BLOCK], length: usize) {
        if self.place == Place::Uncertain {
            return;
        }
        let masks = Masks::of(block, length, &mut self.carry);
        if masks.escapes & !masks.strings != 0 {
            self.place = Place::Uncertain;
            return;
        }
        let mut at = 0;
        while at < length {
            at = match self.place {
                Place::Uncertain => return,
                Place::Nested(depth) => self.nested(depth, block, &masks, at),
                Place::InKey | Place::InString => self.strings(block, length, &masks, at),
                _ => {
                    self.place = self.next(block[at]);
                    at + 1
                }
            };
        }
    }

    /// Passes over what lies deeper than depth 1; gives where to go on.
    fn nested(&mut self, mut depth: u64, block: &[u8; BLOCK], masks: &Masks, at: usize) -> usize {
        let mut brackets = masks.brackets >> at << at;
        while brackets != 0 {
            let here = brackets.trailing_zeros() as usize;
            match block[here] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 2 => return self.behind(block, here + 1),
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            brackets &= brackets - 1;
        }
        self.place = Place::Nested(depth);
        BLOCK
    }

    /// Goes through keys and values that are strings, as far as they follow each other.
    fn strings(&mut self, block: &[u8; BLOCK], length: usize, masks: &Masks, at: usize) -> usize {
        let mut at = at;
        loop {
            if self.place == Place::InKey {
                at = self.in_key(block, length, masks, at);
            }
            if self.place == Place::InString && at < length {
                at = self.in_string(block, length, masks, at);
            }
            if self.place != Place::InKey || at >= length {
                return at;
            }
        }
    }

    /// Goes through a key, as far as the block has it.
    #[inline(always)]
    fn in_key(&mut self, block: &[u8; BLOCK], length: usize, masks: &Masks, at: usize) -> usize {
        let end = string_end(masks, length, at);
        let part = &block[at..end];
        if masks.escapes & span(at, end) != 0 {
            self.place = Place::Uncertain;
            return end;
        }
        let whole = end < length;
        if self.key.take(part, whole, self.field.name()) {
            if self.value.met {
                // Which of two would be the line's time?
                self.place = Place::Uncertain;
                return end;
            }
            (self.value.met, self.value.due) = (true, true);
        }
        if !whole {
            return end;
        }
        // What stands behind most keys, in one step.
        if block.get(end + 1..end + 3) == Some(b":\"") {
            self.place = Place::InString;
            return end + 3;
        }
        self.place = Place::Colon;
        end + 1
    }

    /// A value ends before `at`.
    #[inline(always)]
    fn behind(&mut self, block: &[u8; BLOCK], at: usize) -> usize {
        // What stands behind most values, in one step.
        if block.get(at..at + 2) == Some(b",\"") {
            self.key = Key::default();
            self.place = Place::InKey;
            return at + 2;
        }
        self.place = Place::Behind;
        at
    }

    /// Goes through a string that is a value, as far as the block has it.
    #[inline(always)]
    fn in_string(&mut self, block: &[u8; BLOCK], length: usize, masks: &Masks, at: usize) -> usize {
        let end = string_end(masks, length, at);
        if self.value.due {
            self.value.add(&block[at..end]);
        }
        if end == length {
            return end;
        }
        if self.value.due {
            self.value.due = false;
            let text = self.value.text.get(..self.value.length);
            self.value.time = text.and_then(Time::certain);
            if self.value.time.is_none() {
                self.place = Place::Uncertain;
                return end;
            }
        }
        self.behind(block, end + 1)
    }

    /// What comes behind a byte that is in no string and at depth 1.
    fn next(&mut self, byte: u8) -> Place {
        match (self.place, byte) {
            (Place::Start, b'{') => Place::First,
            (Place::Start | Place::End, _) => Place::Uncertain,
            (Place::InWord, b' ' | b'\t' | b'\r') => Place::Behind,
            (place, b' ' | b'\t' | b'\r') => place,
            (Place::First | Place::Key, b'"') => {
                self.key = Key::default();
                Place::InKey
            }
            (Place::Colon, b':') => Place::Value,
            (Place::Value, b'"') => Place::InString,
            // Of the field, only a string can be its time.
            (Place::Value, _) if self.value.due => Place::Uncertain,
            (Place::Value, b'{' | b'[') => Place::Nested(2),
            (Place::InWord | Place::Behind, b',') => Place::Key,
            (Place::InWord | Place::Behind | Place::First, b'}') => Place::End,
            (Place::Value | Place::InWord, byte) if is_of_a_word(byte) => Place::InWord,
            _ => Place::Uncertain,
        }
    }
}

impl Key {
    /// Takes a part of the key, the last one if `whole`; says then whether the key is the field.
    fn take(&mut self, part: &[u8], whole: bool, field: &[u8]) -> bool {
        if self.matched == 0 && whole && !self.other {
            return part == field;
        }
        let expected = field.get(self.matched..self.matched + part.len());
        self.other |= expected != Some(part);
        self.matched += part.len().min(field.len() - self.matched);
        whole && !self.other && self.matched == field.len()
    }
}

impl Value {
    fn add(&mut self, part: &[u8]) {
        let end = self.length + part.len();
        if let Some(room) = self.text.get_mut(self.length..end) {
            room.copy_from_slice(part);
        }
        // Longer than any time: it stays so.
        self.length = end.min(LONGEST + 1);
    }
}

fn is_of_a_word(byte: u8) -> bool {
    !matches!(byte, b'"' | b'\\' | b':' | b',' | b'{' | b'}' | b'[' | b']')
}

/// Where the string that is open at `at` has its last `"`, or the block's end.
fn string_end(masks: &Masks, length: usize, at: usize) -> usize {
    let quotes = masks.quotes >> at << at;
    length.min(quotes.trailing_zeros() as usize)
}

/// The bits from `start` up to `end`, which is above it or the same.
fn span(start: usize, end: usize) -> u64 {
    let below = |bit: usize| if bit == BLOCK { u64::MAX } else { (1 << bit) - 1 };
    below(end) & !below(start)
}

#[cfg(test)]
mod tests;
