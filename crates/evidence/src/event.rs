//! What an event says, for a person: the fields that everybody asks for.

use std::borrow::Cow;

use auditseal_chain::escape;
use serde::{Deserialize, Serialize};

/// One thing that an event says, escaped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EventField {
    /// The event's own name for it.
    pub name: &'static str,
    /// What it is, for somebody who doesn't know Kubernetes.
    #[serde(skip)]
    pub words: &'static str,
    /// What it says.
    pub value: String,
}

/// The members that are read. One that comes twice makes the event unreadable: two readers might take
/// different ones.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Members<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    api_version: Cow<'a, str>,
    #[serde(borrow, rename = "auditID")]
    audit_id: Option<Cow<'a, str>>,
    #[serde(borrow)]
    level: Option<Cow<'a, str>>,
    #[serde(borrow)]
    stage: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "requestURI")]
    request_uri: Option<Cow<'a, str>>,
    #[serde(borrow)]
    verb: Option<Cow<'a, str>>,
    #[serde(borrow)]
    user: Option<Name<'a>>,
    #[serde(borrow)]
    impersonated_user: Option<Name<'a>>,
    #[serde(borrow, rename = "sourceIPs")]
    source_ips: Option<Vec<Cow<'a, str>>>,
    #[serde(borrow)]
    user_agent: Option<Cow<'a, str>>,
    #[serde(borrow)]
    object_ref: Option<ObjectRef<'a>>,
    response_status: Option<Status>,
    #[serde(borrow)]
    stage_timestamp: Option<Cow<'a, str>>,
    #[serde(borrow)]
    annotations: Option<Annotations<'a>>,
}

#[derive(Deserialize)]
struct Name<'a> {
    #[serde(borrow)]
    username: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ObjectRef<'a> {
    #[serde(borrow, default)]
    resource: Cow<'a, str>,
    #[serde(borrow, default)]
    namespace: Cow<'a, str>,
    #[serde(borrow, default)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    api_group: Cow<'a, str>,
    #[serde(borrow, default)]
    subresource: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Status {
    code: Option<i32>,
}

#[derive(Deserialize)]
struct Annotations<'a> {
    #[serde(borrow, rename = "authorization.k8s.io/decision")]
    decision: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "authorization.k8s.io/reason")]
    reason: Option<Cow<'a, str>>,
}

/// What an event says; `None` where the line isn't one, or can be read in two ways. Values are cut at
/// 1,200 characters.
pub(crate) fn fields(line: &[u8]) -> Option<Vec<EventField>> {
    let event: Members<'_> = serde_json::from_slice(line).ok()?;
    let ours = event.kind == "Event" && event.api_version.starts_with("audit.k8s.io/");
    ours.then_some(())?;
    let name = |user: Option<Name<'_>>| user.and_then(|user| user.username).map(Cow::into_owned);
    let text = |value: Option<Cow<'_, str>>| value.map(Cow::into_owned);
    let annotations = event.annotations.unwrap_or(Annotations { decision: None, reason: None });
    let dry = event.request_uri.as_deref().is_some_and(says_dry_run).then(|| "yes".to_owned());
    let said = [
        ("stageTimestamp", "When, by the API server's clock", text(event.stage_timestamp)),
        ("user", "Who", name(event.user)),
        ("impersonatedUser", "Acting as", name(event.impersonated_user)),
        ("verb", "Did what", text(event.verb)),
        ("objectRef", "To what", event.object_ref.as_ref().map(object)),
        ("requestURI", "As the request said it", text(event.request_uri)),
        (
            "dryRun",
            "Only to be tried, by the request's address; a delete's body may say otherwise",
            dry,
        ),
        (
            "sourceIPs",
            "From where; all but the last address are the client's own word",
            event.source_ips.map(|ips| ips.join(", ")),
        ),
        ("userAgent", "With which program, by its own word", text(event.user_agent)),
        (
            "code",
            "Answer of the API server (HTTP status)",
            event.response_status.and_then(|status| status.code).map(|code| code.to_string()),
        ),
        ("decision", "Whether it was allowed", text(annotations.decision)),
        ("reason", "Why", text(annotations.reason)),
        ("level", "How much of the request is logged", text(event.level)),
        ("stage", "At which stage of the request", text(event.stage)),
        ("auditID", "Identifier of the request, which a client can choose", text(event.audit_id)),
    ];
    let there = said.into_iter().filter_map(|(name, words, value)| {
        let value = value.filter(|value| !value.is_empty())?;
        Some(EventField { name, words, value: escape(&value) })
    });
    Some(there.collect())
}

/// Whether an address asks that nothing be stored.
fn says_dry_run(uri: &str) -> bool {
    let query = uri.split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|pair| pair == "dryRun=All")
}

/// `resource.group/subresource namespace/name`, as far as there is any of it.
fn object(of: &ObjectRef<'_>) -> String {
    let dot = if of.api_group.is_empty() { "" } else { "." };
    let slash = if of.subresource.is_empty() { "" } else { "/" };
    let kind = format!("{}{dot}{}{slash}{}", of.resource, of.api_group, of.subresource);
    let within = if of.namespace.is_empty() || of.name.is_empty() { "" } else { "/" };
    format!("{kind} {}{within}{}", of.namespace, of.name).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVENT: &str = r#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"5f","stage":"ResponseComplete","requestURI":"/api?a=1","verb":"create","user":{"username":"eve","groups":["x"]},"impersonatedUser":{"username":"root"},"sourceIPs":["10.0.0.9","::1"],"userAgent":"k\u001b[2J","objectRef":{"resource":"pods","namespace":"prod","name":"web","subresource":"exec"},"responseStatus":{"metadata":{},"code":101},"stageTimestamp":"2026-11-21T08:00:00.000000Z","annotations":{"authorization.k8s.io/decision":"allow","other/key":"y"}}"#;

    fn value(line: &[u8], name: &str) -> Option<String> {
        fields(line)?.into_iter().find(|field| field.name == name).map(|field| field.value)
    }

    #[test]
    fn an_event_says_who_did_what() {
        let value = |name| value(EVENT.as_bytes(), name);
        for (name, expected) in [
            ("user", "eve"),
            ("impersonatedUser", "root"),
            ("verb", "create"),
            ("objectRef", "pods/exec prod/web"),
            ("sourceIPs", "10.0.0.9, ::1"),
            ("userAgent", "k\\u{1b}[2J"),
            ("code", "101"),
            ("decision", "allow"),
        ] {
            assert_eq!(value(name).as_deref(), Some(expected), "{name}");
        }
        assert_eq!((value("reason"), value("dryRun")), (None, None));
    }

    #[test]
    fn what_was_only_tried_is_told() {
        for (uri, said) in [
            ("/api?a=1\\u0026dryRun=All", Some("yes")),
            ("/api?dryRun=All", Some("yes")),
            ("/api/dryRun=All", None),
            ("/api?xdryRun=All", None),
        ] {
            let line = EVENT.replacen("/api?a=1", &uri.replace("\\\\", "\\"), 1);
            assert_eq!(value(line.as_bytes(), "dryRun").as_deref(), said, "{uri}");
        }
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_not_read() {
        assert!(fields(EVENT.as_bytes()).is_some());
        for (of, by) in [
            ("\"level\"", "\"verb\":\"get\",\"level\""),
            ("\"level\"", "\"v\\u0065rb\":\"get\",\"level\""),
            ("\"groups\"", "\"username\":\"x\",\"groups\""),
            ("\"other/key\"", "\"authorization.k8s.io/decision\""),
            ("\"create\"", "7"),
            ("\"Event\"", "\"Pod\""),
            ("audit.k8s.io/v1", "v1"),
            ("}}", "}"),
        ] {
            assert_eq!(fields(EVENT.replacen(of, by, 1).as_bytes()), None, "{by}");
        }
        for line in [&b""[..], b"null", b"[]", b"\xff", b"{\"kind\":\"Event\"}"] {
            assert_eq!(fields(line), None);
        }
    }

    #[test]
    fn hostile_events_cost_no_more_than_their_length() {
        let with = |body: String| {
            EVENT.replacen("\"level\"", &format!("\"requestObject\":{body},\"level\""), 1)
        };
        let deep = with(format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)));
        assert!(fields(deep.as_bytes()).is_none_or(|fields| fields.len() > 9));
        let long = with(format!("\"{}\"", "x".repeat(10 << 20)));
        assert!(fields(long.as_bytes()).is_some());
        let name = EVENT.replacen("\"eve\"", &format!("\"{}\"", "e".repeat(1 << 20)), 1);
        assert_eq!(value(name.as_bytes(), "user").unwrap_or_default().chars().count(), 1201);
        let number = with(format!("1e{}", "9".repeat(1000)));
        assert!(fields(number.as_bytes()).is_some());
    }
}
