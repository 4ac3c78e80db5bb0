//! All that was checked, for people and for programs.

use std::io::{self, Write};

use auditseal_store::clean;
use serde::Serialize;

use crate::check::{Check, Status};

/// Longest text of one line, in characters: names and answers come from elsewhere.
const LIMIT: usize = 600;

/// The checks in their order.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Report {
    /// All of them.
    pub checks: Vec<Check>,
}

#[derive(Serialize)]
struct Document<'a> {
    checks: &'a [Check],
    pass: usize,
    warn: usize,
    fail: usize,
    unknown: usize,
    exit: u8,
}

impl Report {
    /// Adds what was found of one subject.
    pub fn add(&mut self, subject: &str, checks: Vec<Check>) {
        let named = checks.into_iter().map(|mut check| {
            let texts = [Some(&mut check.found), check.why.as_mut(), check.fix.as_mut()];
            texts.into_iter().flatten().for_each(|text| *text = clean(text, LIMIT));
            check.subject = clean(subject, LIMIT);
            check
        });
        self.checks.extend(named);
    }

    /// 1 if any check failed, else 2 if something essential couldn't be checked, or nothing was;
    /// else 0.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let blind = |check: &Check| check.essential && check.status == Status::Unknown;
        if self.count(Status::Fail) > 0 {
            1
        } else if self.checks.is_empty() || self.checks.iter().any(blind) {
            2
        } else {
            0
        }
    }

    fn count(&self, status: Status) -> usize {
        self.checks.iter().filter(|check| check.status == status).count()
    }

    /// Writes one line for each check, and below what isn't right why and what to do.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        let width = self.checks.iter().map(|check| check.check.len()).max().unwrap_or(0);
        let mut subject = None;
        for check in &self.checks {
            if subject != Some(&check.subject) {
                subject = Some(&check.subject);
                writeln!(out, "{}", check.subject)?;
            }
            writeln!(out, "  {}  {:width$}  {}", check.status.word(), check.check, check.found)?;
            let details = [("why", &check.why), ("fix", &check.fix), ("run", &check.command)];
            for (label, detail) in details {
                if let Some(detail) = detail {
                    writeln!(out, "        {label}: {detail}")?;
                }
            }
        }
        let [pass, warn, fail, unknown] =
            [Status::Pass, Status::Warn, Status::Fail, Status::Unknown].map(|s| self.count(s));
        writeln!(out, "{pass} pass, {warn} warn, {fail} fail, {unknown} couldn't be checked")
    }

    /// Writes a JSON document.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        let document = Document {
            checks: &self.checks,
            pass: self.count(Status::Pass),
            warn: self.count(Status::Warn),
            fail: self.count(Status::Fail),
            unknown: self.count(Status::Unknown),
            exit: self.exit_code(),
        };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides() {
        let code = |checks: Vec<Check>| {
            let mut report = Report::default();
            report.add("s", checks);
            report.exit_code()
        };
        let blind = || Check::unknown("d", "");
        assert_eq!(code(vec![]), 2, "nothing was checked");
        assert_eq!(code(vec![Check::pass("a", ""), Check::warn("b", ""), blind()]), 0);
        assert_eq!(code(vec![Check::pass("a", ""), blind().essential()]), 2);
        assert_eq!(code(vec![blind().essential(), Check::fail("c", "")]), 1);
    }

    #[test]
    fn nothing_foreign_acts_on_a_terminal() {
        let mut report = Report::default();
        report.add("a\u{1b}[31m", vec![Check::fail("c", "x\n\u{202e}y").why("w\u{7}")]);
        let mut out = Vec::new();
        report.text(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "a [31m\n  fail  c  x y\n        why: w\n0 pass, 0 warn, 1 fail, 0 couldn't be checked\n"
        );
    }
}
