//! Files beside the log that look related and aren't archived: each is named once. Pure.

use std::collections::BTreeSet;

/// Names that are remembered, so that none is said twice. Any number may lie there; others are
/// counted.
const KEPT: usize = 1_000;
/// Names in one line of the log.
const IN_A_LINE: usize = 50;
/// Names in the summary of a one-shot, which is one line too.
const IN_A_SUMMARY: usize = 10;
/// Between two lines, nanoseconds: whoever makes such files all the time doesn't fill the log.
const PAUSE: u64 = 60_000_000_000;

/// Such files of one source.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    /// By name, the oldest [`KEPT`].
    met: BTreeSet<String>,
    /// Those of them that weren't said yet, in the order in which they were met.
    unsaid: Vec<String>,
    /// Most that one look met beyond these.
    more: usize,
    /// How many of these were said.
    more_said: usize,
    said: Option<u64>,
}

impl Strangers {
    /// A look at `now` (boot time, nanoseconds) met these names, escaped for a log. What is to be
    /// said of it, if anything is.
    pub(crate) fn met(&mut self, names: Vec<String>, now: u64) -> Option<String> {
        let mut more = 0;
        for name in names {
            if self.met.contains(&name) {
                continue;
            }
            if self.met.len() == KEPT {
                more += 1;
                continue;
            }
            self.met.insert(name.clone());
            self.unsaid.push(name);
        }
        self.more = self.more.max(more);
        let pause = self.said.is_some_and(|said| now.saturating_sub(said) < PAUSE);
        // Of more than are remembered it is news when there are twice as many.
        let many = self.more > 2 * self.more_said;
        if pause || self.unsaid.is_empty() && !many {
            return None;
        }
        self.said = Some(now);
        self.more_said = self.more;
        let rest = self.unsaid.split_off(self.unsaid.len().min(IN_A_LINE));
        let said = std::mem::replace(&mut self.unsaid, rest);
        Some(list(&said, self.unsaid.len() + self.more))
    }

    /// All that were met, for the summary of a one-shot; `None` when there were none.
    pub(crate) fn summary(&self) -> Option<String> {
        let named: Vec<_> = self.met.iter().take(IN_A_SUMMARY).cloned().collect();
        let more = self.met.len() - named.len() + self.more;
        (!named.is_empty()).then(|| list(&named, more))
    }
}

fn list(names: &[String], more: usize) -> String {
    let named = names.join(", ");
    match (names.is_empty(), more) {
        (_, 0) => named,
        (true, more) => format!("{more} more"),
        (false, more) => format!("{named} and {more} more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(range: std::ops::Range<usize>) -> Vec<String> {
        range.map(|n| format!("audit.log.{n:07}.old")).collect()
    }

    #[test]
    fn each_is_named_once_however_often_it_is_met() {
        let mut strangers = Strangers::default();
        assert_eq!((strangers.met(vec![], 0), strangers.summary()), (None, None));
        let said = strangers.met(names(0..2), 1);
        assert_eq!(said.as_deref(), Some("audit.log.0000000.old, audit.log.0000001.old"));
        assert_eq!(strangers.met(names(0..3), 2), None, "a moment later: together with others");
        assert_eq!(strangers.met(vec![], PAUSE), None);
        assert_eq!(strangers.met(vec![], 1 + PAUSE).as_deref(), Some("audit.log.0000002.old"));
        assert_eq!(strangers.met(names(0..3), 9 * PAUSE), None);
        let summary = strangers.summary().unwrap_or_default();
        assert_eq!(summary.split(", ").count(), 3, "{summary}");
    }

    #[test]
    fn at_every_number_all_are_named_or_counted() {
        for count in [IN_A_LINE, IN_A_LINE + 1, KEPT, KEPT + 1, 10 * KEPT] {
            let (mut strangers, mut named, mut lines) = (Strangers::default(), 0, Vec::new());
            for minute in 0..25 {
                if let Some(line) = strangers.met(names(0..count), minute * PAUSE) {
                    named += line.split(" and ").next().unwrap_or_default().split(", ").count();
                    lines.push(line);
                }
            }
            assert_eq!(named, count.min(KEPT));
            assert_eq!(lines.len(), count.min(KEPT).div_ceil(IN_A_LINE));
            let first = count.saturating_sub(IN_A_LINE);
            assert_eq!(first > 0, lines[0].ends_with(&format!(" and {first} more")), "{count}");
            assert_eq!(strangers.met.len(), count.min(KEPT));
            let summary = strangers.summary().unwrap_or_default();
            assert!(summary.ends_with(&format!(" and {} more", count - IN_A_SUMMARY)), "{summary}");
        }
    }
}
