//! A report as text.

use std::io::{self, Write};

use crate::judgement::Judgement;
use crate::report::{OriginReport, Report};
use auditseal_chain::Finding;

impl Report {
    /// Writes the report for people: a line per finding, then one line that says what holds, per
    /// chain; `info:` lines for what isn't wrong, `error:` for what the store didn't answer, and
    /// `note:` for what this run couldn't have noticed.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        self.origins.iter().try_for_each(|origin| origin.text(out))?;
        list(out, "info: ", &self.unexpected, self.unexpected_total)?;
        if self.origins.is_empty() {
            writeln!(out, "NOTHING TO VERIFY: the store has no object of ours")?;
        }
        self.limits.iter().try_for_each(|limit| writeln!(out, "note: {limit}"))
    }
}

impl Judgement for Report {
    fn exit_code(&self) -> u8 {
        Self::exit_code(self)
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        Self::text(self, out)
    }
}

impl OriginReport {
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        self.found(out)?;
        self.line(out)?;
        writeln!(out)
    }

    /// What was found, and what wasn't looked at.
    pub(crate) fn found(&self, out: &mut impl Write) -> io::Result<()> {
        list(out, "", &self.findings, self.findings_total)?;
        list(out, "info: ", &self.information, self.information_total)?;
        self.errors.iter().try_for_each(|error| writeln!(out, "error: {error}"))?;
        self.limits.iter().try_for_each(|limit| writeln!(out, "note: {limit}"))
    }

    /// What holds, without the line's end.
    pub(crate) fn line(&self, out: &mut impl Write) -> io::Result<()> {
        match (&self.complete_from, &self.complete_until) {
            (Some(from), Some(until)) => write!(out, "COMPLETE from={from} until={until}")?,
            (None, Some(until)) => write!(out, "COMPLETE until={until}")?,
            (_, None) => write!(out, "NOT COMPLETE")?,
        }
        let Self { origin, seals, lines, bytes, .. } = self;
        write!(out, " origin={origin} seals={seals} lines={lines} bytes={bytes}")?;
        for (name, count) in [("findings", self.findings_total), ("unchecked", self.unchecked)] {
            if count > 0 {
                write!(out, " {name}={count}")?;
            }
        }
        match &self.head {
            Some(head) => write!(out, " head={head}"),
            None => write!(out, " head=-"),
        }
    }
}

pub(crate) fn list(
    out: &mut impl Write,
    before: &str,
    kept: &[Finding],
    total: u64,
) -> io::Result<()> {
    kept.iter().try_for_each(|finding| writeln!(out, "{before}{finding}"))?;
    match total - kept.len() as u64 {
        0 => Ok(()),
        more => writeln!(out, "{before}… and {more} more of these"),
    }
}
