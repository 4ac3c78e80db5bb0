//! One request, as the line of its last stage tells it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use auditseal_audit::Time;
use auditseal_audit::policy::Level;
use auditseal_merkle::Hash;
use auditseal_predicate::Event;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::path::plain;
use crate::value::{BadBody, at, parse, text};

/// Where a line is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cite {
    /// The chain, as a number of the caller's.
    pub chain: usize,
    /// The batch's place in it.
    pub seq: u64,
    /// The line's place in the batch, from 1.
    pub line: u64,
    /// The hash of the batch's note.
    pub seal: Hash,
}

/// Who made a request.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Person {
    /// The name that the apiserver authenticated.
    #[serde(default)]
    pub username: String,
    /// Their groups.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// A field manager's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldManager {
    /// The name.
    pub name: String,
    /// The request gave it; else the apiserver made it of the user agent.
    pub given: bool,
}

/// What a request was about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ActTarget {
    /// Its API group; empty for the core.
    pub api_group: String,
    /// The plural, in lower case.
    pub resource: String,
    /// Such as `status`, or nothing.
    pub subresource: String,
    /// Empty where there is none.
    pub namespace: String,
    /// Empty for a collection, and for a name that the apiserver makes.
    pub name: String,
    /// As the request had it.
    pub uid: String,
    /// As the request had it: what an update was made of.
    pub resource_version: String,
}

/// A body of a request or a response.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// As it was logged.
    Held(Value),
    /// The level that the audit policy asks for leaves it out.
    Level,
    /// It was too large for the apiserver's own limit.
    Truncated,
    /// It is there, and says nothing.
    Unreadable(BadBody),
    /// The level has room for it, and there is none.
    Absent,
}

impl Body {
    /// The value, if it is there and can be read.
    #[must_use]
    pub fn held(&self) -> Option<&Value> {
        match self {
            Self::Held(value) => Some(value),
            _ => None,
        }
    }
}

/// Whether a request was a rehearsal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DryRun {
    /// It changed nothing, whatever it was answered.
    Yes,
    /// It meant it.
    No,
    /// A delete or an eviction may say so in a body that isn't logged.
    Unknown,
}

/// Why a line tells no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoAct {
    /// It is no event of `audit.k8s.io`.
    NotAnEvent,
    /// It is about no object.
    NoObject,
}

impl fmt::Display for NoAct {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotAnEvent => "the line is no event of audit.k8s.io",
            Self::NoObject => "the event is about no object",
        })
    }
}

impl std::error::Error for NoAct {}

/// One request about one object or one collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Act {
    /// Where the line is sealed.
    pub cite: Cite,
    /// The id that client or apiserver gave the request. Clients choose theirs, so it needn't be the only one.
    pub audit_id: String,
    /// When it came in, by the apiserver's clock.
    pub received: Option<Time>,
    /// When the stage was reached that the line tells of.
    pub done: Option<Time>,
    /// The verb.
    pub verb: String,
    /// Who was authenticated.
    pub user: Person,
    /// Who they acted as.
    pub acting_as: Option<Person>,
    /// Addresses. The last one is what the apiserver saw; those before it, clients or proxies say.
    pub sources: Vec<String>,
    /// What the client calls itself.
    pub agent: String,
    /// Who the apiserver records as the fields' owner; none where neither request nor agent names one.
    pub manager: Option<FieldManager>,
    /// What it is about.
    pub target: ActTarget,
    /// The level of the line.
    pub level: Level,
    /// The status of the answer; none where there was none.
    pub code: Option<u16>,
    /// The word for it, such as `Forbidden`.
    pub reason: String,
    /// What the answer says to a person.
    pub message: String,
    /// The answer's own word that all is done, not only begun.
    pub success: bool,
    /// The query of the address, decoded, as the apiserver takes it.
    pub query: Vec<(String, String)>,
    /// The request's body.
    pub request: Body,
    /// The response's body.
    pub response: Body,
    /// What admission and authorization noted.
    pub annotations: BTreeMap<String, String>,
    /// Whether nothing was to be stored; none: the line doesn't tell.
    rehearsed: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    #[serde(borrow, rename = "auditID", default)]
    audit_id: Cow<'a, str>,
    #[serde(default)]
    verb: String,
    #[serde(default)]
    user: Person,
    impersonated_user: Option<Person>,
    #[serde(rename = "sourceIPs", default)]
    sources: Vec<String>,
    #[serde(default)]
    user_agent: String,
    object_ref: Option<ActTarget>,
    response_status: Option<Answer>,
    #[serde(borrow)]
    request_object: Option<&'a RawValue>,
    #[serde(borrow)]
    response_object: Option<&'a RawValue>,
    #[serde(borrow, default)]
    request_received_timestamp: Cow<'a, str>,
    #[serde(borrow, default)]
    stage_timestamp: Cow<'a, str>,
    #[serde(default)]
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
struct Answer {
    code: Option<u16>,
    #[serde(default)]
    status: String,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    details: Option<Details>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    uid: String,
}

impl Act {
    /// Reads a line, without its newline, of a request's last stage. What an event is, and which one contradicts itself,
    /// [`Event`] says.
    ///
    /// # Errors
    /// [`NoAct`], where it tells of no object. A body that can't be read is none, and is [`Body::Unreadable`].
    pub fn read(line: &[u8], cite: Cite) -> Result<Self, NoAct> {
        let event = Event::parse(line).map_err(|_| NoAct::NotAnEvent)?;
        let level = event.level().ok_or(NoAct::NotAnEvent)?;
        let line: Line<'_> = serde_json::from_slice(line).map_err(|_| NoAct::NotAnEvent)?;
        let mut target = line.object_ref.ok_or(NoAct::NoObject)?;
        let answer = line.response_status.unwrap_or_default();
        let annotations = line.annotations.unwrap_or_default();
        let cut = event.is_truncated();
        let body = |raw: Option<&RawValue>, needed: Level| match raw {
            Some(raw) => parse(raw.get()).map_or_else(Body::Unreadable, Body::Held),
            None if level < needed => Body::Level,
            None if cut => Body::Truncated,
            None => Body::Absent,
        };
        let request = body(line.request_object, Level::Request);
        let response = body(line.response_object, Level::RequestResponse);
        let query = event.parameters();
        if target.uid.is_empty() {
            target.uid = answer.details.unwrap_or_default().uid;
        }
        let time = |text: &str| Time::certain(text.as_bytes());
        Ok(Self {
            cite,
            audit_id: line.audit_id.into_owned(),
            received: time(&line.request_received_timestamp),
            done: time(&line.stage_timestamp),
            verb: line.verb,
            user: line.user,
            acting_as: line.impersonated_user,
            sources: line.sources,
            manager: manager(&query, &line.user_agent),
            agent: line.user_agent,
            target,
            level,
            code: answer.code,
            reason: answer.reason,
            message: answer.message,
            success: answer.status == "Success",
            query,
            request,
            response,
            annotations,
            rehearsed: event.is_dry_run(),
        })
    }

    /// The first value of this name in the query.
    #[must_use]
    pub fn asked(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(of, _)| of == name).map(|(_, value)| value.as_str())
    }

    /// Whether it was a rehearsal, as [`Event::is_dry_run`] has it.
    #[must_use]
    pub fn dry_run(&self) -> DryRun {
        match self.rehearsed {
            // A body of which nobody knows how the apiserver reads it.
            _ if self.ends_something() && matches!(self.request, Body::Unreadable(_)) => {
                DryRun::Unknown
            }
            Some(true) => DryRun::Yes,
            Some(false) => DryRun::No,
            None => DryRun::Unknown,
        }
    }

    /// A member of a deletion's options: those of the body, or of the address where there is no body.
    ///
    /// # Errors
    /// The line doesn't tell which options count.
    pub(crate) fn deletion_option(&self, name: &str) -> Result<Option<String>, ()> {
        match &self.request {
            Body::Held(options) => Ok(at(options, &[name]).map(plain)),
            Body::Absent => Ok(self.asked(name).map(str::to_owned)),
            Body::Level | Body::Truncated | Body::Unreadable(_) => Err(()),
        }
    }

    /// Whether it reads and writes nothing, by its verb.
    #[must_use]
    pub fn is_read(&self) -> bool {
        matches!(&*self.verb, "get" | "list" | "watch" | "head")
    }

    /// Whether it deletes, or means to.
    pub(crate) fn ends_something(&self) -> bool {
        matches!(&*self.verb, "delete" | "deletecollection")
            || self.target.subresource == "eviction"
    }

    /// Whether the apiserver did it.
    #[must_use]
    pub fn succeeded(&self) -> bool {
        self.code.is_some_and(|code| (200..300).contains(&code))
    }

    /// The response, if it is the object itself: neither a status, nor a table, nor its metadata alone.
    #[must_use]
    pub fn stored(&self) -> Option<&Value> {
        let object = self.response.held().filter(|_| self.succeeded())?;
        let whole = ["", "status", "ephemeralcontainers", "resize", "finalize", "approval"];
        let kind = text(object, &["kind"])?;
        let other = ["Status", "Table", "PartialObjectMetadata", "Scale", "DeleteOptions"];
        let named = |name: &str| text(object, &["metadata", name]).unwrap_or_default();
        let same = (self.target.name.is_empty() || named("name") == self.target.name)
            && named("namespace") == self.namespace_of_object();
        let sound = whole.contains(&&*self.target.subresource)
            && (!other.contains(&kind)
                || (kind == "Scale" && self.target.api_group != "autoscaling"));
        (sound && same && !named("uid").is_empty() && !named("resourceVersion").is_empty())
            .then_some(object)
    }

    /// Events of a namespace itself give its name as its namespace.
    pub(crate) fn namespace_of_object(&self) -> &str {
        let itself = self.target.resource == "namespaces" && self.target.api_group.is_empty();
        if itself { "" } else { &self.target.namespace }
    }

    /// The resourceVersion that the object must have had for this request to be taken; none: any.
    #[must_use]
    pub fn submitted_version(&self) -> Option<String> {
        let found = match (&*self.verb, &self.request) {
            ("update", _) if !self.target.resource_version.is_empty() => {
                Some(self.target.resource_version.clone())
            }
            ("update", Body::Held(body)) => {
                text(body, &["metadata", "resourceVersion"]).map(str::to_owned)
            }
            ("patch", Body::Held(body)) => crate::patch::submitted_version(body),
            _ => None,
        };
        found.filter(|version| !version.is_empty() && version != "0")
    }

    /// Annotations with this beginning, and what follows it.
    pub(crate) fn noted<'a>(&'a self, start: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        let from = self.annotations.range(start.to_owned()..);
        from.map_while(move |(key, value)| Some((key.strip_prefix(start)?, value.as_str())))
    }
}

/// As the apiserver's `managerOrUserAgent`: the given one, else the user agent up to its first slash.
fn manager(query: &[(String, String)], agent: &str) -> Option<FieldManager> {
    let given = query.iter().find(|(name, value)| name == "fieldManager" && !value.is_empty());
    let made = agent.split('/').next().filter(|name| !name.is_empty());
    match (given, made) {
        (Some((_, name)), _) => Some(FieldManager { name: name.clone(), given: true }),
        (None, Some(name)) => Some(FieldManager { name: name.to_owned(), given: false }),
        (None, None) => None,
    }
}

/// A place of no chain, for tests.
#[cfg(test)]
pub(crate) fn cite(line: u64) -> Cite {
    Cite { chain: 0, seq: 1, line, seal: Hash::new([0; 32]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(change: impl Fn(&mut Value)) -> Act {
        let mut event = serde_json::json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "RequestResponse", "auditID": "a",
            "stage": "ResponseComplete", "requestURI": "/api/v1/namespaces/n/pods/p?fieldManager=k%2Fx&force=true",
            "verb": "update", "user": {"username": "u", "groups": ["g"]}, "sourceIPs": ["10.0.0.1"],
            "userAgent": "kubectl/v1.36.3 (linux/amd64)", "responseStatus": {"metadata": {}, "code": 200},
            "objectRef": {"resource": "pods", "namespace": "n", "name": "p", "apiVersion": "v1", "resourceVersion": "4"},
            "requestObject": {"kind": "Pod"}, "requestReceivedTimestamp": "2026-11-21T08:03:51.703224Z",
            "responseObject": {"kind": "Pod", "apiVersion": "v1",
                "metadata": {"name": "p", "namespace": "n", "uid": "1", "resourceVersion": "5"}},
            "stageTimestamp": "2026-11-21T08:03:51.709665Z", "annotations": {"authorization.k8s.io/decision": "allow"}});
        change(&mut event);
        Act::read(event.to_string().as_bytes(), cite(7)).unwrap()
    }

    #[test]
    fn a_line_is_read() {
        let act = read(|_| {});
        assert_eq!(act.manager, Some(FieldManager { name: "k/x".into(), given: true }));
        assert_eq!((act.asked("force"), act.cite.line, act.code), (Some("true"), 7, Some(200)));
        assert!(act.succeeded() && act.stored().is_some() && act.received < act.done);
        assert_eq!((act.submitted_version().as_deref(), act.dry_run()), (Some("4"), DryRun::No));
        let act = read(|e| e["requestURI"] = "/api/v1/x?dryRun=All".into());
        assert_eq!(act.dry_run(), DryRun::Yes);
        for dropped in ["dryRun=All;", "dryRun=All%zz", "dryRun=All%", "a;dryRun=All"] {
            let act = read(|e| e["requestURI"] = format!("/api/v1/x?{dropped}").into());
            assert_eq!((act.dry_run(), act.query.len()), (DryRun::No, 0), "{dropped}");
        }
        assert_eq!(act.manager, Some(FieldManager { name: "kubectl".into(), given: false }));
    }

    #[test]
    fn an_answer_that_is_not_the_object_is_not_taken_for_it() {
        for (pointer, value) in [
            ("/responseObject/kind", "Status"),
            ("/responseObject/kind", "Table"),
            ("/responseObject/kind", "PartialObjectMetadata"),
            ("/responseObject/metadata/name", "other"),
            ("/responseObject/metadata/namespace", "other"),
            ("/responseObject/metadata/uid", ""),
            ("/responseObject/metadata/resourceVersion", ""),
            ("/objectRef/namespace", "other"),
        ] {
            let act = read(|event| *event.pointer_mut(pointer).unwrap() = value.into());
            assert!(act.stored().is_none(), "{pointer} {value}");
        }
        for sub in ["scale", "eviction", "binding", "token"] {
            assert!(
                read(|event| event["objectRef"]["subresource"] = sub.into()).stored().is_none()
            );
        }
        assert!(read(|event| event["responseStatus"]["code"] = 409.into()).stored().is_none());
        assert!(
            read(|event| event["objectRef"]["subresource"] = "status".into()).stored().is_some()
        );
    }

    #[test]
    fn a_delete_may_be_a_rehearsal_by_its_body() {
        let delete = |body: Option<Value>, level: &str| {
            let act = read(|event| {
                event["verb"] = "delete".into();
                event["level"] = level.into();
                event.as_object_mut().unwrap().remove("requestObject");
                if let Some(body) = &body {
                    event["requestObject"] = body.clone();
                }
            });
            act.dry_run()
        };
        let options = |text: &str| Some(serde_json::from_str::<Value>(text).unwrap());
        assert_eq!(delete(options(r#"{"dryRun":["All"]}"#), "Request"), DryRun::Yes);
        assert_eq!(delete(options(r#"{"dryRun":[]}"#), "Request"), DryRun::No);
        assert_eq!(delete(None, "Request"), DryRun::No);
        assert_eq!(delete(None, "Metadata"), DryRun::Unknown);
        // Of a delete with options in its body, the address's don't count.
        let both = |body: Value, level: &str| {
            let act = read(|event| {
                event["verb"] = "delete".into();
                event["level"] = level.into();
                event["requestURI"] = "/api/v1/x?dryRun=All".into();
                event["requestObject"] = body.clone();
                if body.is_null() {
                    event.as_object_mut().unwrap().remove("requestObject");
                }
            });
            act.dry_run()
        };
        assert_eq!(both(serde_json::json!({"kind": "DeleteOptions"}), "Request"), DryRun::No);
        assert_eq!(both(Value::Null, "Request"), DryRun::Yes);
        assert_eq!(both(Value::Null, "Metadata"), DryRun::Unknown);
    }

    #[test]
    fn a_body_that_is_not_there_says_why() {
        let bare = |level: &str, cut: bool| {
            read(|event| {
                event["level"] = level.into();
                event.as_object_mut().unwrap().remove("responseObject");
                if cut {
                    event["annotations"]["audit.k8s.io/truncated"] = "true".into();
                }
            })
            .response
        };
        assert_eq!(bare("Request", false), Body::Level);
        assert_eq!(bare("RequestResponse", true), Body::Truncated);
        assert_eq!(bare("RequestResponse", false), Body::Absent);
        let line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","stage":"ResponseComplete","objectRef":{},"requestObject":{"a":1,"a":2}}"#;
        let act = Act::read(line, cite(0)).unwrap();
        assert_eq!(act.request, Body::Unreadable(BadBody::Twice("a".into())));
        for (line, fault) in [
            (&b"{}"[..], NoAct::NotAnEvent),
            (b"", NoAct::NotAnEvent),
            (br#"{"kind":"Event","apiVersion":"v1","level":"Request"}"#, NoAct::NotAnEvent),
            (
                br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","stage":"Panic"}"#,
                NoAct::NoObject,
            ),
        ] {
            assert_eq!(Act::read(line, cite(0)), Err(fault));
        }
    }
}
