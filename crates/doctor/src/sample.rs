//! What a piece of the log itself tells: whether it holds what it shouldn't. Pure.

use auditseal_audit::{Event as Whole, Exposed, exposed};
use auditseal_format::Time;
use serde::Deserialize;
use serde::de::IgnoredAny;

/// What was seen in a sample.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sample {
    /// Lines that were looked at.
    pub lines: u64,
    /// Lines that are no audit events.
    pub foreign: u64,
    /// Events with the body of a Secret, a ConfigMap or a token.
    pub bodies: u64,
    /// What the first of these is about: verb and resource, never a name.
    pub example: Option<String>,
    /// Events with a container's variable that looks like a credential, and has its value.
    pub variables: u64,
    /// Events that kube-apiserver cut.
    pub cut: u64,
    /// When the newest event happened, microseconds since the Unix epoch.
    pub newest: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    verb: String,
    object_ref: Option<ObjectRef>,
    request_object: Option<IgnoredAny>,
    response_object: Option<IgnoredAny>,
    #[serde(default)]
    annotations: Annotations,
    #[serde(default)]
    stage_timestamp: String,
}

#[derive(Deserialize)]
struct ObjectRef {
    #[serde(default)]
    resource: String,
    #[serde(default)]
    subresource: String,
}

#[derive(Deserialize, Default)]
struct Annotations {
    #[serde(rename = "audit.k8s.io/truncated")]
    truncated: Option<IgnoredAny>,
}

impl Sample {
    /// Looks at the whole lines in `bytes`; the first may be a line's end unless `whole`.
    pub fn add(&mut self, bytes: &[u8], whole: bool) {
        let end = bytes.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let lines = bytes.get(..end).unwrap_or_default().split(|byte| *byte == b'\n');
        for line in lines.skip(usize::from(!whole)).filter(|line| !line.is_empty()) {
            self.line(line);
        }
    }

    fn line(&mut self, line: &[u8]) {
        self.lines += 1;
        let Ok(event) = serde_json::from_slice::<Event>(line) else {
            self.foreign += 1;
            return;
        };
        if event.kind != "Event" {
            self.foreign += 1;
        }
        let at = Time::parse(event.stage_timestamp.as_bytes()).map(Time::micros);
        self.newest = self.newest.max(at);
        self.cut += u64::from(event.annotations.truncated.is_some());
        self.variables += u64::from(has_variable(line));
        let Some(object) = event.object_ref else { return };
        let resource = match object.subresource.as_str() {
            "" => object.resource,
            part => format!("{}/{part}", object.resource),
        };
        let secret = ["secrets", "configmaps", "serviceaccounts/token", "tokenreviews"];
        let body = event.request_object.is_some() || event.response_object.is_some();
        if body && secret.contains(&resource.as_str()) {
            self.bodies += 1;
            self.example.get_or_insert(format!("{} {resource}", event.verb));
        }
    }
}

fn has_variable(line: &[u8]) -> bool {
    let mut found = false;
    if let Some(event) = Whole::parse(line) {
        exposed(&event, &mut |what, _, _| found |= what == Exposed::Variable);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_event_is_known_whatever_their_order() {
        let event =
            |minute| format!("{{\"stageTimestamp\":\"2026-11-21T08:{minute}:00.000000Z\"}}\n");
        let mut sample = Sample::default();
        sample.add([event("05"), event("07"), event("06")].concat().as_bytes(), true);
        sample.add(b"{\"stageTimestamp\":\"yesterday\"}\n", true);
        assert_eq!(sample.newest, Time::parse(b"2026-11-21T08:07:00.000000Z").map(Time::micros));
    }

    #[test]
    fn credentials_in_variables_are_seen() {
        let event = |value: &str| {
            format!(
                r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Request","stage":"ResponseComplete","verb":"create","objectRef":{{"resource":"pods"}},"requestObject":{{"spec":{{"containers":[{{"env":[{{"name":"DB_PASSWORD",{value}}}]}}]}}}},"stageTimestamp":""}}"#
            ) + "\n"
        };
        let mut sample = Sample::default();
        sample.add(event(r#""value":"hunter2""#).as_bytes(), true);
        sample.add(event(r#""valueFrom":{}"#).as_bytes(), true);
        assert_eq!((sample.lines, sample.foreign, sample.variables), (2, 0, 1));
    }

    #[test]
    fn bodies_are_seen() {
        let event = |resource: &str, more: &str| {
            format!(
                "{{\"kind\":\"Event\",\"verb\":\"get\",\"objectRef\":{{\"resource\":\"{resource}\"}}{more}}}\n"
            )
        };
        let body = ",\"responseObject\":{\"data\":{\"p\":\"eA==\"}}";
        let text = [
            event("pods", body),
            event("secrets", ""),
            event("secrets", ",\"responseObject\":null"),
            event("secrets", body),
            event("configmaps", ",\"requestObject\":{}"),
            event("pods", ",\"annotations\":{\"audit.k8s.io/truncated\":\"true\"}"),
            "\u{0}\u{0}{\"kind\":\"Event\"}\n".to_owned(),
            event("secrets", body).trim_end().to_owned(),
        ]
        .concat();
        let mut sample = Sample::default();
        sample.add(text.as_bytes(), true);
        let example = Some("get secrets".to_owned());
        let seen =
            Sample { lines: 7, foreign: 1, bodies: 2, example, variables: 0, cut: 1, newest: None };
        assert_eq!(sample, seen);
        let mut later = Sample::default();
        later.add(text.as_bytes(), false);
        assert_eq!(later.lines, 6, "the first may have been cut by whoever read it");
        later.add(b"", true);
        later.add(b"\n", false);
        assert_eq!(later.lines, 6);
    }
}
