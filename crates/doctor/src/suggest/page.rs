//! What is said of a suggestion, for people and for programs.

use std::io::{self, Write};

use auditseal_audit::Exposed;
use auditseal_store::clean;
use serde::Serialize;

use super::plan::{Range, Row};
use super::questions::Answer;
use crate::units::size;

/// Microseconds.
const DAY: i64 = 86_400_000_000;
/// A span below which a day's figure is a guess, microseconds.
const SHORT: i64 = DAY / 24;
/// Objects that are named of each sort; all are counted.
const NAMED: usize = 10;
/// Longest text of one line, in characters.
const LIMIT: usize = 600;

/// What stays unknown at each level, whatever the rule.
pub(crate) const LEVELS: [(&str, &str); 4] = [
    ("None", "that it happened at all"),
    ("Metadata", "what was sent and what was answered: for a patch, all of the change"),
    ("Request", "what the server made of it: defaults, webhooks, and what a patch was put on"),
    (
        "RequestResponse",
        "what an object was before the first event of it; what is typed in an exec",
    ),
];

/// A sort of bodies that nobody should lock.
#[derive(Debug, Clone, Serialize)]
pub struct Exposure {
    /// Which.
    pub kind: &'static str,
    /// How many bodies.
    pub bodies: u64,
    /// How many objects they are of; at least, where not all could be told apart.
    pub objects: usize,
    /// Bodies of objects beyond those that are told apart.
    pub bodies_of_others: u64,
    /// Namespaces and names of the first.
    pub named: Vec<String>,
}

/// A question, and how much of its answer there is.
#[derive(Debug, Clone, Serialize)]
pub struct Spot {
    /// What is asked.
    pub question: &'static str,
    /// By the log and the policy as they are.
    pub now: Answer,
    /// By the new policy.
    pub then: Answer,
}

/// All that is said of a suggestion.
#[derive(Debug, Clone, Serialize)]
pub struct Page {
    /// The policy itself.
    pub policy: String,
    /// The logs that were read.
    pub logs: Vec<String>,
    /// Files that were read.
    pub files: usize,
    /// Files that couldn't be read to their end, with the reasons.
    pub unread: Vec<String>,
    /// Where the policy of now was found, or why it isn't known.
    pub policy_now: String,
    /// Bytes of lines.
    pub bytes: u64,
    /// Events among them.
    pub events: u64,
    /// Lines that are no events.
    pub foreign: u64,
    /// Lines too long to be looked at.
    pub too_long: u64,
    /// Their bytes, which are in no row.
    pub too_long_bytes: u64,
    /// From the first event to the last, seconds.
    pub seconds: u64,
    /// By block.
    pub rows: Vec<Row>,
    /// All events, as they are.
    pub now: u64,
    /// All events, by the new policy.
    pub then: Range,
    /// Blind spots.
    pub spots: Vec<Spot>,
    /// What nobody should lock.
    pub exposed: Vec<Exposure>,
    /// Events whose address holds the command of an exec.
    pub commands: u64,
    /// The exit code.
    pub exit: u8,
}

pub(crate) const fn kind(of: Exposed) -> &'static str {
    match of {
        Exposed::Secret => "values of Secrets",
        Exposed::Token => "tokens",
        Exposed::ConfigMap => "values of ConfigMaps",
        Exposed::Variable => "containers' variables that look like credentials",
    }
}

impl Page {
    /// Bytes of a day, where the log spans any time.
    fn day(&self, bytes: u64) -> String {
        if self.seconds == 0 {
            return size(bytes);
        }
        let day = u128::from(bytes) * 86_400 / u128::from(self.seconds);
        size(u64::try_from(day).unwrap_or(u64::MAX))
    }

    fn range(&self, of: Range) -> String {
        if of.low == of.high {
            self.day(of.low)
        } else {
            format!("{} to {}", self.day(of.low), self.day(of.high))
        }
    }

    /// Writes what is said beside the policy.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn text(&self, out: &mut impl Write) -> io::Result<()> {
        self.input(out)?;
        self.table(out)?;
        writeln!(out, "\n{:54} {:17} then", "What can be told", "now")?;
        for Spot { question, now, then } in &self.spots {
            writeln!(out, "  {question:52} {:17} {}", now.words(), then.words())?;
        }
        writeln!(out, "\nWhat a level never tells")?;
        for (level, unknown) in LEVELS {
            writeln!(out, "  {level:15} {unknown}")?;
        }
        writeln!(out, "\nWhat a rule leaves out")?;
        for row in self.rows.iter().filter(|row| row.chosen) {
            writeln!(out, "  {:17} {}", row.block, row.unseen)?;
        }
        self.exposures(out)
    }

    fn input(&self, out: &mut impl Write) -> io::Result<()> {
        let span = format!("{} h {} min", self.seconds / 3600, self.seconds / 60 % 60);
        let logs = clean(&self.logs.join(", "), LIMIT);
        writeln!(
            out,
            "read        {logs}: {} files, {} events, {}, {span}",
            self.files,
            self.events,
            size(self.bytes)
        )?;
        writeln!(out, "policy now  {}", clean(&self.policy_now, LIMIT))?;
        for unread in &self.unread {
            writeln!(out, "not read    {}", clean(unread, LIMIT))?;
        }
        if self.foreign > 0 {
            writeln!(out, "no events   {} lines", self.foreign)?;
        }
        if self.too_long > 0 {
            writeln!(
                out,
                "too long    {} lines, {}: in no figure below",
                self.too_long,
                size(self.too_long_bytes)
            )?;
        }
        if i64::try_from(self.seconds).unwrap_or(0) * 1_000_000 < SHORT {
            writeln!(
                out,
                "careful     the log spans less than an hour: a day's figures are a guess from it"
            )?;
        }
        Ok(())
    }

    fn table(&self, out: &mut impl Write) -> io::Result<()> {
        let of = if self.seconds == 0 { "of this log" } else { "a day" };
        let of = format!("Bytes {of}");
        writeln!(out, "\n{of:21} {:15} {:>9} {:>11}  then", "level", "events", "now")?;
        for row in &self.rows {
            let then = if row.chosen {
                self.range(row.then)
            } else {
                "not in it: saves less than 1 %".to_owned()
            };
            let unknown = match row.unknown_bodies {
                0 => String::new(),
                bodies => format!(" ({bodies} bodies aren't in the log)"),
            };
            writeln!(
                out,
                "  {:19} {:15} {:9} {:>11}  {then}{unknown}",
                row.block,
                row.level,
                row.events,
                self.day(row.now)
            )?;
        }
        writeln!(
            out,
            "  {:19} {:15} {:9} {:>11}  {}",
            "all",
            "",
            self.events,
            self.day(self.now),
            self.range(self.then)
        )
    }

    fn exposures(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "\nIn the log now, and locked with it")?;
        if self.exposed.is_empty() {
            writeln!(out, "  no values of Secrets and ConfigMaps, no tokens")?;
        }
        for of in &self.exposed {
            let more = of.objects.saturating_sub(of.named.len());
            let more = if more > 0 { format!(", and {more} more") } else { String::new() };
            let others = match of.bodies_of_others {
                0 => String::new(),
                bodies => format!("; {bodies} bodies of others"),
            };
            let named = clean(&of.named.join(", "), LIMIT);
            writeln!(
                out,
                "  {}: {} bodies of {} objects: {named}{more}{others}",
                of.kind, of.bodies, of.objects
            )?;
        }
        if self.commands > 0 {
            writeln!(
                out,
                "  commands of exec in addresses, which no level leaves out: {} events",
                self.commands
            )?;
        }
        Ok(())
    }

    /// Writes all of it, the policy too, as a JSON document.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn json(&self, out: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *out, self)?;
        writeln!(out)
    }
}

/// The first names of some objects, and how many there are.
pub(crate) fn named<'a>(objects: impl Iterator<Item = &'a (String, String)>) -> Vec<String> {
    let shown = |(namespace, name): &(String, String)| match namespace.as_str() {
        "" => clean(name, LIMIT),
        namespace => clean(&format!("{namespace}/{name}"), LIMIT),
    };
    objects.take(NAMED).map(shown).collect()
}
