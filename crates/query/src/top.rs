//! How often each value of a field was found, in bounded memory.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{self, Write};

use auditseal_chain::escape;

/// Bytes of values that are counted by themselves; those of others are counted together.
pub const VALUES: usize = 64 << 20;
/// What a value costs beside its bytes.
const EACH: usize = 64;

/// Values and how often each was found.
#[derive(Debug, Default)]
pub struct Top {
    counts: HashMap<Vec<u8>, u64>,
    bytes: usize,
    /// Hits of values that there was no room for.
    others: u64,
    limit: usize,
}

impl Top {
    /// Counts values of so many bytes together.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Counts a value.
    pub fn count(&mut self, value: Vec<u8>) {
        if let Some(count) = self.counts.get_mut(&value) {
            *count += 1;
        } else if self.bytes + value.len() + EACH <= self.limit {
            self.bytes += value.len() + EACH;
            self.counts.insert(value, 1);
        } else {
            self.others += 1;
        }
    }

    /// Hits whose values aren't among those that are told.
    #[must_use]
    pub fn others(&self) -> u64 {
        self.others
    }

    /// The values, those first that were found most often; of equals, the lesser first.
    fn sorted(&self) -> Vec<(&[u8], u64)> {
        let mut all: Vec<_> =
            self.counts.iter().map(|(value, count)| (value.as_slice(), *count)).collect();
        all.sort_unstable_by_key(|(value, count)| (Reverse(*count), *value));
        all
    }

    /// Writes a line for each value, fit for a terminal: how often, and the value.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for (value, count) in self.sorted() {
            writeln!(out, "{count:>8}  {}", escape(&String::from_utf8_lossy(value)))?;
        }
        self.write_others(out, |others| {
            format!("{others:>8}  (other values: more than are kept apart)")
        })
    }

    /// Writes an object for each value.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        for (value, count) in self.sorted() {
            let value = String::from_utf8_lossy(value);
            writeln!(out, "{}", serde_json::json!({ "value": value, "count": count }))?;
        }
        self.write_others(out, |others| {
            serde_json::json!({ "value": null, "count": others }).to_string()
        })
    }

    fn write_others(&self, out: &mut impl Write, line: impl Fn(u64) -> String) -> io::Result<()> {
        if self.others == 0 { Ok(()) } else { writeln!(out, "{}", line(self.others)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_come_by_how_often_they_were_found() {
        let mut top = Top::new(VALUES);
        ["b", "a", "b", "c\u{1b}[2J", "a", "b"]
            .iter()
            .for_each(|value| top.count(value.as_bytes().to_vec()));
        let mut out = Vec::new();
        top.text(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
        assert_eq!(lines, ["3  b", "2  a", "1  c\\u{1b}[2J"]);
        let mut out = Vec::new();
        top.json(&mut out).unwrap();
        assert!(
            out.starts_with(b"{\"count\":3,\"value\":\"b\"}\n"),
            "{}",
            String::from_utf8_lossy(&out)
        );
    }

    /// Ten times as many values as are kept apart: all are counted, and no more are kept.
    #[test]
    fn more_values_than_are_kept_are_counted_together() {
        let mut top = Top::new(100 * (EACH + 4));
        (1000..2000).for_each(|value| top.count(format!("{value}").into_bytes()));
        top.count(b"1000".to_vec());
        assert_eq!((top.counts.len(), top.others()), (100, 900));
        let mut out = Vec::new();
        top.text(&mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("2  1000\n") && text.contains("900  (other values"), "{text}");
    }
}
