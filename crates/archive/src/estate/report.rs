//! What a verification of an estate came to.

use std::fmt;
use std::io::{self, Write};

use auditseal_chain::{Finding, displayed};
use auditseal_format::{Origin, SealId, Time};
use auditseal_trust::Kept;
use serde::Serialize;

use crate::judgement::Judgement;
use crate::render::list;
use crate::report::OriginReport;

/// One chain of an estate. The names of its fields are those of the JSON document.
#[derive(Debug, Clone, Serialize)]
pub struct EstateChain {
    /// What was found.
    #[serde(flatten)]
    pub chain: OriginReport,
    /// The head that was known before, as `SEQ:HASH`.
    #[serde(serialize_with = "displayed")]
    pub known: Option<SealId>,
    /// When that was verified.
    #[serde(serialize_with = "displayed")]
    pub known_since: Option<Time>,
    /// How long before this run that was, seconds.
    pub known_age: Option<i64>,
    /// What became of the head in the heads file; `None` without such a file.
    #[serde(serialize_with = "word")]
    pub heads: Option<Kept>,
    /// Two different rightly signed seals of one seq are known, and nobody settled which is the
    /// chain's.
    pub forked: bool,
}

fn word<S: serde::Serializer>(kept: &Option<Kept>, to: S) -> Result<S::Ok, S::Error> {
    kept.map(Kept::as_str).serialize(to)
}

/// Sums over the chains of an estate.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Chains that were to be checked.
    pub chains: u64,
    /// Of these, complete ones.
    pub complete: u64,
    /// What is wrong.
    pub findings: u64,
    /// What the store gave no answer for.
    pub unchecked: u64,
    /// Chains of which two histories are known.
    pub forked: u64,
    /// Seals.
    pub seals: u64,
    /// Lines.
    pub lines: u64,
    /// Bytes of these lines.
    pub bytes: u64,
    /// Bytes of the objects.
    pub stored_bytes: u64,
}

/// What a verification of an estate came to.
#[derive(Debug, Clone, Serialize)]
pub struct EstateReport {
    /// Which part of the estate was checked, as `I/N`.
    #[serde(serialize_with = "displayed")]
    pub shard: Option<super::Shard>,
    /// The sums.
    pub summary: Summary,
    /// The chains, in the order of their names.
    pub origins: Vec<EstateChain>,
    /// How many chains the store has that the trust file doesn't name; `unknown` holds the first 100.
    pub unknown_total: u64,
    /// Such chains. They weren't read.
    #[serde(serialize_with = "each")]
    pub unknown: Vec<Origin>,
    /// How many objects there are that no chain has; `unexpected` holds the first 100.
    pub unexpected_total: u64,
    /// Objects that no chain has, below the chains' own folders.
    pub unexpected: Vec<Finding>,
    /// Whether the store listed all versions of each object; else only the latest were seen.
    pub versions_listed: bool,
    /// What this run couldn't have noticed.
    pub limits: Vec<String>,
    /// Why the heads file couldn't be written, or what is unknown of the store as a whole.
    pub errors: Vec<String>,
}

fn each<S: serde::Serializer>(origins: &[Origin], to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(origins.iter().map(ToString::to_string))
}

impl EstateReport {
    /// 0 if all chains are complete, 1 if anything is wrong, 2 if that couldn't be found out or kept, 3 if
    /// two histories of a chain are known. What is certainly wrong wins over what isn't known.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        let Summary { chains, complete, findings, forked, .. } = self.summary;
        match () {
            () if forked > 0 => 3,
            () if findings > 0 => 1,
            // A part may have no chain; an estate has some.
            () if chains == 0 && self.shard.is_none() => 2,
            () if complete < chains || !self.errors.is_empty() => 2,
            () => 0,
        }
    }

    fn summary_line(&self, out: &mut impl Write) -> io::Result<()> {
        let Summary { chains, complete, seals, lines, bytes, .. } = &self.summary;
        let verdict = if self.exit_code() == 0 { "ALL COMPLETE" } else { "NOT ALL COMPLETE" };
        write!(out, "{verdict}")?;
        if let Some(shard) = &self.shard {
            write!(out, " shard={shard}")?;
        }
        write!(out, " chains={chains} complete={complete}")?;
        write!(out, " seals={seals} lines={lines} bytes={bytes}")?;
        let Summary { findings, unchecked, forked, .. } = &self.summary;
        for (name, count) in [("findings", findings), ("unchecked", unchecked), ("forked", forked)]
        {
            if *count > 0 {
                write!(out, " {name}={count}")?;
            }
        }
        writeln!(out)
    }

    pub(super) fn add_up(&mut self) {
        let mut sum = Summary { chains: self.origins.len() as u64, ..Summary::default() };
        for EstateChain { chain, forked, .. } in &self.origins {
            sum.complete += u64::from(chain.complete_until.is_some());
            sum.forked += u64::from(*forked);
            sum.unchecked = sum.unchecked.saturating_add(chain.unchecked);
            sum.findings = sum.findings.saturating_add(chain.findings_total);
            sum.seals = sum.seals.saturating_add(chain.seals);
            sum.lines = sum.lines.saturating_add(chain.lines);
            sum.bytes = sum.bytes.saturating_add(chain.bytes);
            sum.stored_bytes = sum.stored_bytes.saturating_add(chain.stored_bytes);
        }
        self.summary = sum;
    }
}

impl Judgement for EstateReport {
    fn exit_code(&self) -> u8 {
        Self::exit_code(self)
    }

    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        Self::text(self, out)
    }
}

impl EstateReport {
    /// Writes the report for people: of each chain what was found and one line, then what holds for
    /// all of them.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        for origin in &self.origins {
            origin.text(out)?;
        }
        list(out, "info: ", &self.unexpected, self.unexpected_total)?;
        for origin in &self.unknown {
            writeln!(out, "info: {origin} is in the store and not in the trust file: not read")?;
        }
        match self.unknown_total - self.unknown.len() as u64 {
            0 => {}
            more => writeln!(out, "info: … and {more} more chains that aren't in the trust file")?,
        }
        self.limits.iter().try_for_each(|limit| writeln!(out, "note: {limit}"))?;
        self.errors.iter().try_for_each(|error| writeln!(out, "error: {error}"))?;
        self.summary_line(out)
    }
}

impl EstateChain {
    fn text(&self, out: &mut impl Write) -> io::Result<()> {
        self.chain.found(out)?;
        self.chain.line(out)?;
        if let Some(known) = &self.known {
            write!(out, " known={}", known.seq)?;
        }
        if let Some(seconds) = self.known_age {
            write!(out, " age={}", Age(seconds))?;
        }
        if let Some(kept) = self.heads {
            write!(out, " heads={}", kept.as_str())?;
        }
        writeln!(out)
    }
}

/// How long ago something was, in the two largest units that say it.
#[derive(Debug, Clone, Copy)]
pub struct Age(pub i64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let seconds = self.0.unsigned_abs();
        let (days, hours) = (seconds / 86_400, seconds / 3600 % 24);
        let (minutes, rest) = (seconds / 60 % 60, seconds % 60);
        match (days, hours, minutes) {
            (0, 0, 0) => write!(f, "{sign}{rest}s"),
            (0, 0, _) => write!(f, "{sign}{minutes}m{rest}s"),
            (0, ..) => write!(f, "{sign}{hours}h{minutes}m"),
            _ => write!(f, "{sign}{days}d{hours}h"),
        }
    }
}
