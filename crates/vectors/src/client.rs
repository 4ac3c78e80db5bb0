//! Lines as a client, a torn file or another program may make them: for fuzzing what is said of their
//! times. One seed gives one sequence of lines, always.

/// Gives lines, without newlines.
#[derive(Debug, Clone)]
pub struct Lines {
    state: u64,
}

/// The keys that are looked for, and others that look like them.
const KEYS: [&str; 12] = [
    "stageTimestamp",
    "stageTimestamp",
    "t",
    "t",
    "StageTimestamp",
    "stageTimestamps",
    "stage\\u0054imestamp",
    "\\t",
    "",
    "kind",
    "requestReceivedTimestamp",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Values that are times, or nearly.
const TIMES: [&str; 16] = [
    "\"2026-11-21T08:05:36.377966Z\"",
    "\"2026-11-21T08:05:36Z\"",
    "\"2026-11-21T08:05:36.3Z\"",
    "\"2026-11-21T08:05:36.377966123Z\"",
    "\"2026-11-21T08:05:36.3779661234Z\"",
    "\"2026-11-21T08:05:36.Z\"",
    "\"2026-11-21T08:05:36+00:00\"",
    "\"2026-11-21T08:05:60Z\"",
    "\"2026-02-30T08:05:36Z\"",
    "\"0000-11-21T08:05:36Z\"",
    "\"9999-12-31T23:59:59.999999999Z\"",
    "\"1970-01-01T00:00:00Z\"",
    "\"2026-11-21t08:05:36Z\"",
    "\"2026-11-21T08:05:36\\u005a\"",
    "1795248336",
    "null",
];

/// What strings are made of.
const TEXT: [&[u8]; 20] = [
    b"x",
    b"stageTimestamp",
    b"\\\"",
    b"\\\\",
    b"\\ud800",
    b"\\u0000",
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b":",
    b",",
    b" ",
    b"\0",
    b"\xff\xfe",
    b"\xed\xa0\x80",
    b"\xc3",
    b"\\\"stageTimestamp\\\":\\\"2001-01-01T00:00:00Z\\\"",
    b"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl",
];

impl Lines {
    /// The sequence of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// SplitMix64 (Steele, Lea, Flood 2014): below `bound`, which isn't 0.
    fn below(&mut self, bound: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound as u64) as usize
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }

    /// The next line: from a few bytes to a few megabytes.
    #[must_use]
    pub fn line(&mut self) -> Vec<u8> {
        let mut line = self.object();
        if self.one_in(3) {
            self.damage(&mut line);
        }
        if self.one_in(20) {
            // Another one is glued to it, whole or torn.
            let cut = self.below(line.len() + 1);
            line.truncate(cut);
            line.extend(self.object());
        }
        line.retain(|byte| *byte != b'\n');
        line
    }

    fn object(&mut self) -> Vec<u8> {
        let mut line = b"{".to_vec();
        let members = self.below(6);
        let timed = self.below(members.max(1));
        for at in 0..members {
            if at > 0 {
                self.between(&mut line, b",");
            }
            let key = if at == timed { "stageTimestamp" } else { self.of(&KEYS) };
            line.extend(format!("\"{key}\"").bytes());
            self.between(&mut line, b":");
            if at == timed || self.one_in(4) {
                line.extend(self.of(&TIMES).bytes());
            } else {
                self.value(&mut line, 3);
            }
        }
        line.push(b'}');
        line
    }

    /// Punctuation, seldom with white space around it.
    fn between(&mut self, line: &mut Vec<u8>, mark: &[u8]) {
        let white: [&[u8]; 6] = [b"", b"", b"", b" ", b"\t\r", b"          "];
        line.extend(self.of(&white));
        line.extend(mark);
        line.extend(self.of(&white));
    }

    fn value(&mut self, line: &mut Vec<u8>, depth: usize) {
        match self.below(if depth == 0 { 3 } else { 6 }) {
            0 => line.extend(self.of(&[&b"1"[..], b"-1.5e3", b"null", b"tru\xff", b"\0", b"'"])),
            1 | 2 => self.string(line),
            3 => {
                line.push(b'[');
                for at in 0..self.below(4) {
                    line.extend(if at > 0 { &b","[..] } else { b"" });
                    self.value(line, depth - 1);
                }
                line.push(b']');
            }
            4 => {
                line.push(b'{');
                for at in 0..self.below(4) {
                    line.extend(if at > 0 { &b","[..] } else { b"" });
                    line.extend(format!("\"{}\":", self.of(&KEYS)).bytes());
                    self.value(line, depth - 1);
                }
                line.push(b'}');
            }
            _ => self.large(line),
        }
    }

    fn string(&mut self, line: &mut Vec<u8>) {
        line.push(b'"');
        for _ in 0..self.below(8) {
            // A lone backslash is seldom what a string ends with.
            let part = self.of(&TEXT);
            let lone = part == b"\\" && !self.one_in(10);
            line.extend(if lone { b"\\n" } else { part });
        }
        line.push(b'"');
    }

    /// Nested ten thousand deep, or of megabytes; mostly smaller.
    fn large(&mut self, line: &mut Vec<u8>) {
        let rare = self.one_in(40);
        if self.one_in(2) {
            let depth = if rare { 10_000 } else { self.below(200) };
            let (open, close) =
                self.of(&[("[", "]"), ("{\"a\":", "}"), ("[{", "}]"), ("{\"t\":[", "]}")]);
            line.extend(open.repeat(depth).bytes());
            line.extend(close.repeat(depth).bytes());
        } else {
            let times = if rare { 300_000 } else { self.below(100) };
            let part = self.of(&TEXT);
            let part = if part == b"\\" { b"\\\\" } else { part };
            line.push(b'"');
            line.extend(part.repeat(times));
            line.push(b'"');
        }
    }

    /// Some bytes are changed, left out or put in, or the end is missing.
    fn damage(&mut self, line: &mut Vec<u8>) {
        let bytes = b"\"\\{}[],: \t\r\0x0\xff";
        for _ in 0..=self.below(3) {
            let at = self.below(line.len().max(1));
            match self.below(4) {
                _ if at >= line.len() => {}
                0 => line[at] = self.of(bytes),
                1 => drop(line.remove(at)),
                2 => line.insert(at, self.of(bytes)),
                _ if self.one_in(4) => line.truncate(at),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use auditseal_format::{LineTimes, TimeField};

    use super::*;

    #[test]
    fn both_sorts_of_lines_are_made_and_always_the_same() {
        let (mut timed, mut longest) = (0, 0);
        let mut times = LineTimes::new(TimeField::Audit);
        for (mut one, mut other) in (0..3000).map(|seed| (Lines::new(seed), Lines::new(seed))) {
            let line = one.line();
            assert!(line == other.line() && !line.contains(&b'\n'));
            times.take(&line);
            times.each(b"\n", |time| timed += u32::from(time.is_some()));
            longest = longest.max(line.len());
        }
        assert!((300..2000).contains(&timed), "{timed}");
        assert!(longest > 1 << 20, "{longest}");
    }
}
