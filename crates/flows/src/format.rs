//! Which log a line is of.

use std::fmt;
use std::str::FromStr;

use auditseal_audit::{FieldName, TimeField};

use crate::json::Kind;
use crate::{MAX_LINE, json};

/// How the lines of a log are to be read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// kube-apiserver's audit log, which has no flows.
    #[default]
    Audit,
    /// Cilium's Hubble exporter.
    Hubble,
    /// Antrea's network policy log.
    Antrea,
    /// Calico's flow log.
    Calico,
    /// OVN-Kubernetes' ACL log.
    Ovn,
    /// Objects of JSON, with the time at this key.
    Jsonl(FieldName),
    /// Words `KEY=VALUE`, as netfilter's LOG target writes them.
    Text,
}

impl LogFormat {
    /// How its lines are dated in a seal: FORMAT.md, "Times".
    #[must_use]
    pub fn times(self) -> TimeField {
        match self {
            Self::Audit => TimeField::Audit,
            Self::Hubble => FieldName::new("time").map_or(TimeField::None, TimeField::Json),
            Self::Jsonl(field) => TimeField::Json(field),
            // Times that are numbers, have no zone, or stand in no JSON are certain to nobody.
            Self::Antrea | Self::Calico | Self::Ovn | Self::Text => TimeField::None,
        }
    }

    /// The format by a line itself, and by how its batch is dated. No two formats' lines begin alike.
    #[must_use]
    pub fn of(line: &[u8], times: TimeField) -> Self {
        if times == TimeField::Audit {
            return Self::Audit;
        }
        // What is longer is no flow, and isn't looked through.
        let begin = line[..line.len().min(MAX_LINE)].trim_ascii_start();
        if begin.first() != Some(&b'{') {
            let day = begin.get(..10).unwrap_or_default();
            let dashes = day.get(4) == Some(&b'/') && day.get(7) == Some(&b'/');
            return match find(begin, b"|acl_log(") {
                true => Self::Ovn,
                false if dashes => Self::Antrea,
                false => Self::Text,
            };
        }
        let known = match times {
            // Both are told apart by keys of the line's own object, and by what stands there: a pod may be called as a key is.
            _ if times == Self::Hubble.times() => of_hubble(begin).then_some(Self::Hubble),
            TimeField::None => of_calico(begin).then_some(Self::Calico),
            _ => None,
        };
        let other = || match times {
            TimeField::Json(field) => Some(field),
            _ => FieldName::new("time"),
        };
        known.unwrap_or_else(|| other().map_or(Self::Text, Self::Jsonl))
    }
}

/// Whether it is a line of Hubble's exporter: a flow, or a note of its own.
fn of_hubble(line: &[u8]) -> bool {
    let keys = ["flow", "lost_events", "node_status", "agent_event", "debug_event"];
    json::kinds(line, keys).contains(&Some(Kind::Object))
}

/// Whether it is a line of Calico's flow log.
fn of_calico(line: &[u8]) -> bool {
    let [reporter, start, begin] = json::kinds(line, ["reporter", "start_time", "startTime"]);
    reporter == Some(Kind::Text) && [start, begin].contains(&Some(Kind::Number))
}

fn find(text: &[u8], what: &[u8]) -> bool {
    text.windows(what.len()).any(|part| part == what)
}

impl fmt::Display for LogFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Audit => f.write_str("audit"),
            Self::Hubble => f.write_str("hubble"),
            Self::Antrea => f.write_str("antrea"),
            Self::Calico => f.write_str("calico"),
            Self::Ovn => f.write_str("ovn"),
            Self::Jsonl(field) => write!(f, "jsonl:{field}"),
            Self::Text => f.write_str("text"),
        }
    }
}

impl FromStr for LogFormat {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = [Self::Audit, Self::Hubble, Self::Antrea, Self::Calico, Self::Ovn, Self::Text];
        if let Some(format) = plain.into_iter().find(|format| format.to_string() == text) {
            return Ok(format);
        }
        let field = text.strip_prefix("jsonl:").and_then(FieldName::new);
        field.map(Self::Jsonl).ok_or_else(|| {
            "expected hubble, antrea, calico, ovn, jsonl:FIELD, text or audit".to_owned()
        })
    }
}
