//! One line of an audit log as an event.

use std::fmt;

use auditseal_audit::policy::{Level, Stage};
use auditseal_audit::text::as_go_reads;
use auditseal_audit::{Time, TimeField, TimeFinder};

use crate::json::{Fault, Kind, Member, Raw, members};

/// What `apiVersion` begins with in an audit event.
const GROUP: &str = "audit.k8s.io/";
/// What kube-apiserver annotates an event with whose bodies it took out (`plugin/pkg/audit/truncate`).
const TRUNCATED: &str = "audit.k8s.io/truncated";

/// Members that are objects of the apiserver's own making: none of their keys stands twice.
const OWN: [&str; 5] = ["user", "impersonatedUser", "objectRef", "responseStatus", "annotations"];

/// Why a line can't be asked anything: what it holds is unknown, and it is to be counted, not left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unreadable {
    /// It isn't one JSON object by RFC 8259; from this byte on, counted from 0.
    NotJson(usize),
    /// Brackets are nested deeper than kube-apiserver's encoder goes.
    TooDeep,
    /// It has more members than are looked at.
    TooManyMembers,
    /// One of its members stands twice, or one of those that the apiserver itself writes in `user`, `impersonatedUser`,
    /// `objectRef`, `responseStatus` or `annotations`: which of the two counts?
    Twice,
    /// It is an audit event of a level or stage that isn't known here.
    UnknownLevel,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(at) => write!(f, "the line isn't a JSON object, from byte {at} on"),
            Self::TooDeep => f.write_str("the line is nested deeper than an apiserver writes"),
            Self::TooManyMembers => f.write_str("the line has more members than any event"),
            Self::Twice => f.write_str("a member of the event stands twice, and nobody knows which one counts"),
            Self::UnknownLevel => {
                f.write_str("the event's audit level or stage is none that is known, so nobody knows what it leaves out")
            }
        }
    }
}

impl std::error::Error for Unreadable {}

impl From<Fault> for Unreadable {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Grammar(at) => Self::NotJson(at),
            Fault::TooDeep => Self::TooDeep,
            Fault::TooManyMembers => Self::TooManyMembers,
            Fault::Twice => Self::Twice,
        }
    }
}

/// An event, borrowed from its line.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    line: &'a [u8],
    members: Vec<Member<'a>>,
    /// Level and stage of an audit event.
    logged: Option<(Level, Stage)>,
    times: TimeField,
}

impl<'a> Event<'a> {
    /// Reads a line, without its newline. The grammar of all of it is checked; values are read when they are asked
    /// for, so that a body of 100 MB costs one pass and no memory. A line that isn't an audit event (by `kind` and
    /// `apiVersion`) may be asked too: nothing in it is unknown for its level.
    ///
    /// # Errors
    /// [`Unreadable`]: what the line holds can't be known.
    pub fn parse(line: &'a [u8]) -> Result<Self, Unreadable> {
        let mut event =
            Self { line, members: members(line)?, logged: None, times: TimeField::Audit };
        if OWN.iter().filter_map(|key| event.member(key)).any(Raw::has_a_key_twice) {
            return Err(Unreadable::Twice);
        }
        let group = event.text("apiVersion").is_some_and(|version| version.starts_with(GROUP));
        if group && event.text("kind").as_deref() == Some("Event") {
            event.logged = Some(event.level_and_stage().ok_or(Unreadable::UnknownLevel)?);
        }
        Ok(event)
    }

    fn level_and_stage(&self) -> Option<(Level, Stage)> {
        let level = match &*self.text("level")? {
            "Metadata" => Level::Metadata,
            "Request" => Level::Request,
            "RequestResponse" => Level::RequestResponse,
            _ => return None,
        };
        let stage = match &*self.text("stage")? {
            "RequestReceived" => Stage::RequestReceived,
            "ResponseStarted" => Stage::ResponseStarted,
            "ResponseComplete" => Stage::ResponseComplete,
            "Panic" => Stage::Panic,
            _ => return None,
        };
        Some((level, stage))
    }

    /// The same event of a chain whose lines have their times elsewhere: a note's `times`.
    #[must_use]
    pub fn timed_by(self, times: TimeField) -> Self {
        Self { times, ..self }
    }

    /// The line.
    #[must_use]
    pub fn line(&self) -> &'a [u8] {
        self.line
    }

    /// The line's certain time: FORMAT.md, "Times".
    #[must_use]
    pub fn time(&self) -> Option<Time> {
        let mut finder = TimeFinder::new(self.times);
        finder.take(self.line);
        finder.end()
    }

    /// At which level it was logged; none in a line that isn't an audit event.
    #[must_use]
    pub fn level(&self) -> Option<Level> {
        self.logged.map(|(level, _)| level)
    }

    /// Of which stage of a request it tells; none in a line that isn't an audit event.
    #[must_use]
    pub fn stage(&self) -> Option<Stage> {
        self.logged.map(|(_, stage)| stage)
    }

    /// Whether kube-apiserver took the bodies out because the event was too large.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        let annotations = self.member("annotations");
        annotations.is_some_and(|all| all.members().any(|(key, _)| as_go_reads(key) == TRUNCATED))
    }

    /// A member's value; none if it isn't there, or `null`.
    pub(crate) fn member(&self, key: &str) -> Option<Raw<'a>> {
        let member = self.members.iter().find(|member| member.key == key)?;
        Some(member.value).filter(|value| value.kind() != Kind::Null)
    }

    /// A member that is a string.
    pub(crate) fn text(&self, key: &str) -> Option<std::borrow::Cow<'a, str>> {
        self.member(key)?.text()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(rest: &str) -> String {
        format!(r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1"{rest}}}"#)
    }

    #[test]
    fn an_audit_event_has_a_level_and_a_stage() {
        let text = event(
            r#","level":"Request","stage":"Panic","stageTimestamp":"2026-11-30T06:00:00.000001Z""#,
        );
        let read = Event::parse(text.as_bytes()).unwrap();
        assert_eq!((read.level(), read.stage()), (Some(Level::Request), Some(Stage::Panic)));
        assert_eq!(read.time().unwrap().to_string(), "2026-11-30T06:00:00.000001Z");
        assert!(!read.is_truncated());
        for rest in [
            "",
            r#","level":"Request""#,
            r#","level":"None","stage":"Panic""#,
            r#","level":3,"stage":"Panic""#,
        ] {
            let text = event(rest);
            assert_eq!(
                Event::parse(text.as_bytes()).unwrap_err(),
                Unreadable::UnknownLevel,
                "{text}"
            );
        }
        let other = br#"{"level":"info","stage":7,"time":"2026-11-30T06:00:00Z"}"#;
        let read = Event::parse(other).unwrap().timed_by("json:time".parse().unwrap());
        assert_eq!((read.level(), read.stage()), (None, None));
        assert_eq!(read.time().unwrap().to_string(), "2026-11-30T06:00:00.000000Z");
        assert_eq!(read.line(), other);
    }

    #[test]
    fn truncation_is_an_annotation() {
        let text = event(
            r#","level":"Request","stage":"Panic","annotations":{"a":"b","audit.k8s.io/truncated":"true"}"#,
        );
        assert!(Event::parse(text.as_bytes()).unwrap().is_truncated());
    }

    #[test]
    fn why_a_line_is_not_read_is_said() {
        for (line, why, words) in [
            ("{\"a\":1,", Unreadable::NotJson(7), "from byte 7 on"),
            ("{\"a\":1,\"a\":1}", Unreadable::Twice, "stands twice"),
            ("{\"user\":{\"a\":1,\"\\u0061\":1}}", Unreadable::Twice, "stands twice"),
        ] {
            assert_eq!(Event::parse(line.as_bytes()).unwrap_err(), why);
            assert!(why.to_string().contains(words));
        }
    }
}
