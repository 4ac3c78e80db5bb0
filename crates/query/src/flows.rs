//! Flows asked of an archive: the same way of reading, another question.
//!
//! Batches whose notes date their lines as audit events hold no flows, and aren't read.

use auditseal_chain::escape;
use auditseal_flows::{Flow, LogFormat, NotAFlow, read};
use auditseal_format::{Time, TimeField};
use auditseal_predicate::Truth;
use auditseal_reader::Window;
use serde_json::{Value, json};

use crate::flow_question::FlowQuestion;
use crate::hit::{Citation, Unknowns};

/// Most characters of a value in a column.
const WIDEST: usize = 120;

/// How flows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FlowShow {
    /// Cells for people, with tabs between ([`Columns`](crate::Columns) puts them below each other).
    Table,
    /// The lines, byte for byte.
    Lines,
    /// An object for each, with its citation.
    Json,
    /// Nothing of them: they are counted.
    Count,
    /// The line with its format in front, which [`carried`] reads.
    Carried,
}

/// What flows are asked for.
#[derive(Debug, Clone)]
pub struct FlowAsking {
    /// What a flow must be.
    pub question: FlowQuestion,
    /// When it happened, by the line's own word; a line that tells no time may have happened in it.
    pub window: Window,
    /// Give out the lines of which it can't be told, in place of those that are meant.
    pub unknown: bool,
    /// How they are shown.
    pub show: FlowShow,
    /// Look at each seal that no pack has: [`crate::Asking::every_seal`].
    pub every_seal: bool,
    /// That nothing which is known ties the part that is searched to its chain is no finding.
    pub allow_unanchored: bool,
    /// The time now.
    pub now: Time,
    /// Batches that are searched at a time; 0: as many as there are cores.
    pub cores: usize,
}

impl FlowAsking {
    /// Looks at a line of a batch whose lines are dated so.
    pub(crate) fn look(&self, line: &[u8], times: TimeField, at: Citation<'_>) -> Option<Looked> {
        let format = LogFormat::of(line, times);
        let flow = read(line, format);
        let (truth, time) = match &flow {
            Err(_) => (Truth::Unknown, None),
            Ok(flow) => {
                let inside = flow.time.map_or(Truth::True, |time| self.window.has(time).into());
                (self.question.of(flow).and(inside), flow.time)
            }
        };
        let unknown = match (truth, &flow) {
            (Truth::False, _) => return None,
            (Truth::True, _) => None,
            (Truth::Unknown, Ok(_)) => Some(Unknowns { untold: 1, ..Unknowns::default() }),
            (Truth::Unknown, Err(_)) => Some(Unknowns { no_flow: 1, ..Unknowns::default() }),
        };
        let listed = self.unknown == unknown.is_some();
        let shown = if listed { self.shown(line, format, &flow, at) } else { Vec::new() };
        Some(Looked { time, unknown, shown })
    }

    fn shown(
        &self,
        line: &[u8],
        format: LogFormat,
        flow: &Result<Flow, NotAFlow>,
        at: Citation<'_>,
    ) -> Vec<u8> {
        match self.show {
            FlowShow::Count => Vec::new(),
            FlowShow::Lines => [line, b"\n"].concat(),
            FlowShow::Carried => [format!("{format}\t").as_bytes(), line].concat(),
            FlowShow::Table => row(flow, at).into_bytes(),
            FlowShow::Json => json_of(line, flow, at, !self.unknown).into_bytes(),
        }
    }
}

/// What came of a line.
pub(crate) struct Looked {
    pub(crate) time: Option<Time>,
    /// `None`: it is meant.
    pub(crate) unknown: Option<Unknowns>,
    pub(crate) shown: Vec<u8>,
}

/// The flow of a hit that was shown as [`FlowShow::Carried`].
#[must_use]
pub fn carried(shown: &[u8]) -> Option<Flow> {
    let at = memchr::memchr(b'\t', shown)?;
    let format = std::str::from_utf8(&shown[..at]).ok()?.parse().ok()?;
    read(&shown[at + 1..], format).ok()
}

fn json_of(line: &[u8], flow: &Result<Flow, NotAFlow>, at: Citation<'_>, known: bool) -> String {
    let mut out = json!({
        "origin": at.origin.to_string(),
        "seq": at.seq,
        "line": at.line,
        "seal": at.seal.to_string(),
        "key": at.key,
        "answer": if known { "yes" } else { "unknown" },
    });
    match flow {
        Ok(flow) => out["flow"] = flow.to_json(),
        Err(why) => {
            out["flow"] = Value::Null;
            out["why"] = why.to_string().into();
        }
    }
    out["text"] = String::from_utf8_lossy(line).into_owned().into();
    format!("{out}\n")
}

fn row(flow: &Result<Flow, NotAFlow>, at: Citation<'_>) -> String {
    let flow = match flow {
        Ok(flow) => flow,
        Err(why) => return format!("-\t({})\t-\t-\t-\t-\t{at}\n", fit(&why.to_string())),
    };
    let time = flow.time.map_or_else(
        || "-".to_owned(),
        |time| {
            let text = time.to_string();
            format!("{}Z", text.get(..23).unwrap_or(&text))
        },
    );
    let port = flow
        .port
        .map_or_else(|| flow.protocol.to_string(), |port| format!("{port}/{}", flow.protocol));
    let direction = flow.direction.map_or("", |direction| direction.word());
    let reply = if flow.reply == Some(true) { " reply" } else { "" };
    let policies = match flow.policies.join(", ") {
        none if none.is_empty() => "-".to_owned(),
        some => some,
    };
    format!(
        "{time}\t{} {direction}{reply}\t{}\t{}\t{port}\t{}\t{at}\n",
        flow.verdict.word(),
        fit(&flow.source.name()),
        fit(&flow.destination.name()),
        fit(&policies),
    )
}

/// A value that fits a column, and a terminal.
fn fit(text: &str) -> String {
    let cut = text.char_indices().nth(WIDEST).map(|(at, _)| at);
    cut.map_or_else(|| escape(text), |at| format!("{}…", escape(&text[..at])))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line that isn't shown whole, or acts on nobody's terminal.
    #[test]
    fn a_row_is_fit_for_a_terminal_whatever_a_flow_is_called() {
        let origin = "c/n/s".parse().unwrap();
        let seal = auditseal_format::hash(b"");
        let at = Citation { origin: &origin, seq: 1, line: 2, seal, key: "k" };
        let name = format!("\u{202e}{}", "x".repeat(10 * WIDEST));
        let line = format!("{{\"source\":{{\"namespace\":\"a\",\"pod\":\"{name}\"}}}}");
        for text in [line, format!("{{\"a\":\"{name}\"}}"), name] {
            let format = LogFormat::of(text.as_bytes(), TimeField::None);
            let row = row(&read(text.as_bytes(), format), at);
            assert_eq!(row.matches('\t').count(), 6, "{row}");
            assert!(!row.contains('\u{202e}') && row.chars().count() < 3 * WIDEST, "{row}");
        }
    }
}
