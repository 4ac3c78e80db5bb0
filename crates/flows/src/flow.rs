//! A flow.

use std::fmt;
use std::str::FromStr;

use auditseal_audit::Time;
use serde_json::{Map, Value, json};

use crate::endpoint::Endpoint;
use crate::labels::Unlisted;

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowVerdict {
    /// It was let through.
    Allowed,
    /// It was stopped.
    Denied,
    /// The line doesn't tell, or tells something else.
    Unknown,
}

impl FlowVerdict {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Unknown => "unknown",
        }
    }
}

impl FromStr for FlowVerdict {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = [Self::Allowed, Self::Denied, Self::Unknown];
        let found = all.into_iter().find(|verdict| verdict.word() == text);
        found.ok_or_else(|| "expected allowed, denied or unknown".to_owned())
    }
}

/// Whose policies a line is about: the destination's or the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FlowDirection {
    /// What comes in to the destination.
    Ingress,
    /// What goes out of the source.
    Egress,
}

impl FlowDirection {
    /// One word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// What is spoken above IP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// SCTP.
    Sctp,
    /// ICMP of either family.
    Icmp,
    /// Something else, or the line doesn't tell.
    Other,
}

impl Protocol {
    /// As NetworkPolicies call it, or a word of ours.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
            Self::Icmp => "ICMP",
            Self::Other => "other",
        }
    }

    /// By a name or by its number among IP's protocols, in any case; a final 6 says IPv6.
    #[must_use]
    pub fn named(text: &str) -> Self {
        let lower = text.to_ascii_lowercase();
        match lower.as_str() {
            "tcp" | "6" | "tcp6" => Self::Tcp,
            "udp" | "17" | "udp6" => Self::Udp,
            "sctp" | "132" | "sctp6" => Self::Sctp,
            "icmp" | "1" | "58" | "icmp6" | "icmpv4" | "icmpv6" | "ipv6-icmp" => Self::Icmp,
            _ => Self::Other,
        }
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// One line, as far as it tells.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Flow {
    /// When it happened, by the line's own word.
    pub time: Option<Time>,
    /// The line's time has no zone, as Antrea's, and is read as UTC: it may be off by hours.
    pub no_zone: bool,
    /// When what the line sums up had ended, where it sums up what happened in an interval.
    pub until: Option<Time>,
    /// Who began.
    pub source: Endpoint,
    /// To whom.
    pub destination: Endpoint,
    /// What is spoken.
    pub protocol: Protocol,
    /// Port of the source.
    pub source_port: Option<u16>,
    /// Port of the destination.
    pub port: Option<u16>,
    /// What became of it.
    pub verdict: FlowVerdict,
    /// The log's own word for that, and for why.
    pub said: String,
    /// Policies that the line names, as `NAMESPACE/NAME` where it tells the namespace.
    pub policies: Vec<String>,
    /// Whose policies it is about.
    pub direction: Option<FlowDirection>,
    /// Whether it answers what the other side began: such a packet is asked of no policy.
    pub reply: Option<bool>,
}

impl Flow {
    /// Whether the line names this policy, `NAME` or `NAMESPACE/NAME`. Most lines name none, whatever let them through or
    /// stopped them.
    #[must_use]
    pub fn names(&self, policy: &str) -> bool {
        self.policies.iter().any(|of| is_policy(of, policy))
    }

    /// The flow as one object of JSON: what isn't known isn't there. [`crate::LogFormat::Jsonl`] of `time` reads it back.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut out = Map::new();
        if let Some(time) = self.time {
            out.insert("time".to_owned(), time.to_string().into());
        }
        if self.no_zone {
            out.insert("no_zone".to_owned(), true.into());
        }
        if let Some(until) = self.until {
            out.insert("until".to_owned(), until.to_string().into());
        }
        out.insert("verdict".to_owned(), self.verdict.word().into());
        if !self.said.is_empty() {
            out.insert("said".to_owned(), self.said.as_str().into());
        }
        if let Some(direction) = self.direction {
            out.insert("direction".to_owned(), direction.word().into());
        }
        out.insert("protocol".to_owned(), self.protocol.word().into());
        out.insert("source".to_owned(), side(&self.source, self.source_port));
        out.insert("destination".to_owned(), side(&self.destination, self.port));
        if !self.policies.is_empty() {
            out.insert("policies".to_owned(), json!(self.policies));
        }
        if let Some(reply) = self.reply {
            out.insert("reply".to_owned(), reply.into());
        }
        Value::Object(out)
    }
}

/// Whether a policy that a line names is this one. Calico's name of a NetworkPolicy says so in front.
fn is_policy(of: &str, asked: &str) -> bool {
    let (space, name) = of.rsplit_once('/').unwrap_or(("", of));
    let name = name.strip_prefix("knp.default.").unwrap_or(name);
    match asked.rsplit_once('/') {
        Some(asked) => asked == (space, name),
        None => asked == name,
    }
}

fn side(of: &Endpoint, port: Option<u16>) -> Value {
    let mut out = Map::new();
    let mut put = |name: &str, value: Option<Value>| {
        value.map(|value| out.insert(name.to_owned(), value));
    };
    put("ip", of.ip.map(|ip| ip.to_string().into()));
    put("port", port.map(Value::from));
    put("place", Some(of.kind.word().into()));
    put("namespace", of.namespace.as_deref().map(Value::from));
    put("pod", of.pod.as_deref().map(Value::from));
    let mut labels = |name: &str, others: &str, of: &crate::LabelSet| {
        if !of.is_unknown() {
            put(name, Some(json!(of.listed())));
            // Where nothing is said of the others, those are all.
            let word = Some(of.unlisted()).filter(|unlisted| *unlisted != Unlisted::Absent);
            put(others, word.map(|unlisted| unlisted.word().into()));
        }
    };
    labels("labels", "other_labels", &of.labels);
    labels("namespace_labels", "other_namespace_labels", &of.namespace_labels);
    Value::Object(out)
}
