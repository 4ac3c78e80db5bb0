//! Fields by their paths.

use std::borrow::Cow;
use std::str::FromStr;

use crate::compile::field_path;
use crate::eval::field_of;
use crate::event::Event;
use crate::json::Kind;
use crate::lookup::{Found, Value};
use crate::question::Field;
use crate::syntax::{Refused, parse};

/// Where a field is: `user.username`, `annotations['a.b/c']`, `requestObject.spec.ports[0].port`, or a derived
/// field such as `effectiveUser`: `docs/query-language.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPath(Field);

/// What an event has at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// A string, as Go reads it: what isn't UTF-8 is U+FFFD. It may hold control characters.
    Text(Cow<'a, str>),
    /// A number, as it stands in the line.
    Number(&'a str),
    /// `true` or `false`.
    Bool(bool),
    /// A list or an object: its JSON, as it stands in the line.
    Json(&'a [u8]),
    /// Texts that were derived.
    Texts(Vec<Cow<'a, str>>),
    /// Nothing, or `null`: it would have been logged.
    Absent,
    /// The level left it out, truncation cut it, the stage is too early, or a key on the way stands twice.
    Unknown,
}

impl FromStr for FieldPath {
    type Err = Refused;

    /// Reads a path, as CEL writes it.
    ///
    /// # Errors
    /// [`Refused`] for what is no path, or is no field of an event.
    fn from_str(text: &str) -> Result<Self, Refused> {
        field_path(text, &parse(text)?).map(Self)
    }
}

impl<'a> Event<'a> {
    /// A field's value.
    #[must_use]
    pub fn field(&self, path: &FieldPath) -> FieldValue<'a> {
        let raw = match field_of(&path.0, self) {
            Found::Absent => return FieldValue::Absent,
            Found::Unknown | Found::Begun(_) => return FieldValue::Unknown,
            Found::Value(Value::Raw(raw)) => raw,
            Found::Value(Value::Text(text)) => return FieldValue::Text(text),
            Found::Value(Value::Bool(value)) => return FieldValue::Bool(value),
            Found::Value(Value::Texts(texts)) => return FieldValue::Texts(texts),
            Found::Value(Value::Shared(text)) => return FieldValue::Text(text.to_string().into()),
            // Only elements are counted, and a path leads to none.
            Found::Value(Value::Count(_)) => return FieldValue::Absent,
        };
        match raw.kind() {
            Kind::Null => FieldValue::Absent,
            Kind::Bool(value) => FieldValue::Bool(value),
            Kind::Number => raw.number().map_or(FieldValue::Absent, FieldValue::Number),
            Kind::Text => raw.text().map_or(FieldValue::Absent, FieldValue::Text),
            Kind::List | Kind::Object => FieldValue::Json(raw.bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(event: &Event<'_>, path: &str) -> String {
        match event.field(&path.parse().unwrap()) {
            FieldValue::Text(text) => format!("text {text}"),
            FieldValue::Number(number) => format!("number {number}"),
            FieldValue::Bool(value) => format!("bool {value}"),
            FieldValue::Json(json) => format!("json {}", String::from_utf8_lossy(json)),
            FieldValue::Texts(texts) => format!("texts {texts:?}"),
            FieldValue::Absent => "absent".to_owned(),
            FieldValue::Unknown => "unknown".to_owned(),
        }
    }

    #[test]
    fn a_path_gives_what_stands_there() {
        let line = br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete",
            "verb":"create","user":{"username":"a\u0026b","extra":{"x/y":["1"]}},"sourceIPs":["10.0.0.1"],
            "requestURI":"/x?command=a%20b","objectRef":{"resource":"pods","name":"p"},
            "responseStatus":{"code":2.01e2,"code2":null},"annotations":{"a.b/c":"d"},"flow":{"l4":{"tcp":true}}}"#;
        let line: Vec<u8> = line.iter().copied().filter(|byte| *byte != b'\n').collect();
        let event = Event::parse(&line).unwrap();
        for (path, found) in [
            ("user.username", "text a&b"),
            ("user.extra['x/y'][0]", "text 1"),
            ("user.extra['x/y']", "json [\"1\"]"),
            ("sourceIPs[0]", "text 10.0.0.1"),
            ("sourceIPs[1]", "absent"),
            ("responseStatus.code", "number 2.01e2"),
            ("event.responseStatus.code2", "absent"),
            ("annotations['a.b/c']", "text d"),
            ("annotations['x']", "absent"),
            ("event.flow.l4.tcp", "bool true"),
            ("requestObject.spec.replicas", "unknown"),
            ("effectiveUser", "text a&b"),
            ("uri.query.command", "texts [\"a b\"]"),
            ("dryRun", "bool false"),
        ] {
            assert_eq!(value(&event, path), found, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for (path, why) in [
            ("", "a value was expected"),
            ("verbs", "no field is called `verbs`: there are kind,"),
            ("Verb", "it is `verb`"),
            ("user.name", "user has no `name`; it has username, uid, groups, extra"),
            ("user.groups.x", "list of texts"),
            ("verb.x", "no object"),
            ("verb[0]", "no list"),
            ("annotations.a.b", "annotations['a.b/c']"),
            ("exec", "there is exec.command"),
            ("denied", "denied.by, denied.policy"),
            ("event", "event.flow"),
            ("verb == 'x'", "a field was expected"),
            ("a[b]", "only a string or a number"),
            ("sourceIPs[-1]", "whole number"),
        ] {
            let refused = path.parse::<FieldPath>().unwrap_err();
            assert!(refused.why.contains(why), "{path}: {refused}");
        }
    }
}
