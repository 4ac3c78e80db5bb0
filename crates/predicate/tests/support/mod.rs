//! Questions and events that are made up, and what they mean by another reading: a tree of values, and rules as a table.

#![allow(dead_code, reason = "each test uses its part")]
#![allow(clippy::unwrap_used, reason = "a helper of a test fails the test")]

pub(crate) mod reading;

use std::fmt::Write as _;

use auditseal_predicate::Truth;
use proptest::prelude::*;
use serde_json::{Value, json};

/// Values that are compared: some of JSON's escapes in each.
pub(crate) const TEXTS: [&str; 13] = [
    "patch.webhook.admission.k8s.io/round_0_index_0",
    "get",
    "create",
    "delete",
    "web-0",
    "a&b<c>",
    "é",
    "x/y",
    "",
    "kube-system",
    "say \"no\"",
    "tab\there",
    "\u{1f600}abc",
];

/// A question.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    Text(&'static str, &'static str, String),
    Code(&'static str, &'static str, i32),
    Has(&'static str),
    In(String, &'static str),
    OneOf(&'static str, Vec<String>),
    Null(&'static str),
    True(&'static str),
    Size(&'static str, &'static str, usize),
    /// `exists` or `all` of the elements of a list, that a member of them is equal.
    Each(bool, &'static str, &'static str, String),
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

const TEXT_PATHS: [&str; 12] = [
    "verb",
    "user.username",
    "impersonatedUser.username",
    "objectRef.namespace",
    "objectRef.name",
    "objectRef.resource",
    "objectRef.apiGroup",
    "annotations['a.b/c']",
    "requestObject.spec.name",
    "responseObject.metadata.name",
    "responseStatus.reason",
    "requestURI",
];
const NUMBER_PATHS: [&str; 3] =
    ["responseStatus.code", "requestObject.spec.port", "responseObject.metadata.generation"];
const LISTS: [&str; 4] = ["sourceIPs", "user.groups", "requestObject.spec.rules", "annotations"];

fn quoted(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\t' => out.push_str("\\t"),
            c => out.push(c),
        }
    }
    out + "'"
}

impl Ask {
    /// The same in CEL.
    pub(crate) fn cel(&self) -> String {
        let all = |parts: &[Self], sign: &str| match parts {
            [] => (sign == "&&").to_string(),
            parts => {
                parts.iter().map(|part| format!("({})", part.cel())).collect::<Vec<_>>().join(sign)
            }
        };
        match self {
            Self::Text(path, how, text) if how.starts_with('.') => {
                format!("{path}{how}({})", quoted(text))
            }
            Self::Text(path, how, text) => format!("{path} {how} {}", quoted(text)),
            Self::Code(path, how, number) => format!("{path} {how} {number}"),
            Self::Has(path) => format!("has({path})"),
            Self::In(text, path) => format!("{} in {path}", quoted(text)),
            Self::OneOf(path, texts) => {
                format!(
                    "{path} in [{}]",
                    texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
                )
            }
            Self::Null(path) => format!("{path} == null"),
            Self::True(path) => (*path).to_owned(),
            Self::Size(path, how, size) => format!("size({path}) {how} {size}"),
            Self::Each(all, path, member, text) => {
                format!(
                    "{path}.{}(x, x{member} == {})",
                    if *all { "all" } else { "exists" },
                    quoted(text)
                )
            }
            Self::Not(of) => format!("!({})", of.cel()),
            Self::All(parts) => all(parts, "&&"),
            Self::Any(parts) => all(parts, "||"),
        }
    }

    /// What it means of an event.
    pub(crate) fn means(&self, event: &Value) -> Truth {
        match self {
            Self::Text(path, how, text) => text_means(event, path, how, text),
            Self::Code(path, how, number) => of(look(event, path), |value| {
                let order = value.as_f64().and_then(|value| value.partial_cmp(&f64::from(*number)));
                order.is_some_and(|order| holds(how, order))
            }),
            Self::Has(path) => of(look(event, path), |_| true),
            Self::Null(path) => !of(look(event, path), |_| true),
            Self::True(path) => of(look(event, path), |value| value.as_bool() == Some(true)),
            Self::In(text, path) => match look(event, path) {
                Ok(Value::Object(_)) => of(look_at(event, &[path, text]), |_| true),
                // What isn't there may have had keys, but none that no level leaves out.
                Err(Missing::Unknown) if *path == "annotations" => {
                    of(look_at(event, &[path, text]), |_| true)
                }
                found => of(found, |value| {
                    value
                        .as_array()
                        .is_some_and(|list| list.iter().any(|one| one.as_str() == Some(text)))
                }),
            },
            Self::OneOf(path, texts) => {
                let any = texts.iter().map(|text| text_means(event, path, "==", text));
                any.fold(Truth::False, Truth::or)
            }
            Self::Size(path, how, size) => match (look(event, path), lacks(event, path)) {
                (Ok(value), Some(_)) => {
                    let sizes = size_of(value).unwrap()..100;
                    agreed(sizes.map(|found| holds(how, found.cmp(size))))
                }
                (found, _) => of(found, |value| {
                    size_of(value).is_some_and(|found| holds(how, found.cmp(size)))
                }),
            },
            Self::Each(all, path, member, text) => match (look(event, path), lacks(event, path)) {
                (Ok(value), Some(begun)) => {
                    let known = each_means(*all, member, text, value);
                    let decided = known != *all;
                    // One more key, be it the text itself or another one.
                    let more = [begun.to_owned(), format!("{begun}other"), text.clone()];
                    let more = more.iter().filter(|key| key.starts_with(begun));
                    let with = more
                        .map(|key| if *all { known && key == text } else { known || key == text });
                    if decided { known.into() } else { agreed(with.chain([known])) }
                }
                // There was none, or there were keys of which none is the text.
                (Err(Missing::Unknown), Some(begun)) if !text.starts_with(begun) => Truth::False,
                (found, _) => of(found, |value| each_means(*all, member, text, value)),
            },
            Self::Not(question) => !question.means(event),
            Self::All(parts) => {
                parts.iter().map(|part| part.means(event)).fold(Truth::True, Truth::and)
            }
            Self::Any(parts) => {
                parts.iter().map(|part| part.means(event)).fold(Truth::False, Truth::or)
            }
        }
    }
}

fn each_means(all: bool, member: &str, text: &str, value: &Value) -> bool {
    let is = |one: &Value| {
        let one = if member.is_empty() { Some(one) } else { one.get(&member[1..]) };
        one.and_then(Value::as_str) == Some(text)
    };
    elements(value).is_some_and(|list| if all { list.iter().all(is) } else { list.iter().any(is) })
}

/// What all of these are.
fn agreed(mut answers: impl Iterator<Item = bool>) -> Truth {
    let first = answers.next().unwrap();
    if answers.all(|answer| answer == first) { first.into() } else { Truth::Unknown }
}

/// How keys begin of which nobody knows whether the object at a path had some.
fn lacks(event: &Value, path: &str) -> Option<&'static str> {
    if path != "annotations" {
        return None;
    }
    let stream = event["objectRef"]["subresource"] == "exec";
    let admitted = !["get", "watch"].contains(&event["verb"].as_str()?) || stream;
    match (event["stage"].as_str()?, event["level"].as_str()?) {
        ("RequestReceived" | "Panic", _) => Some(""),
        (_, "Metadata") if admitted && event["objectRef"].is_object() => {
            Some("patch.webhook.admission.k8s.io/")
        }
        _ => None,
    }
}

fn text_means(event: &Value, path: &str, how: &str, text: &str) -> Truth {
    let found = look(event, path);
    // Kubernetes leaves out what is empty, in what it writes itself.
    if how == "=="
        && text.is_empty()
        && !path.contains("Object.")
        && matches!(found, Err(Missing::Absent))
    {
        return Truth::True;
    }
    if how == "!=" {
        return !text_means(event, path, "==", text);
    }
    of(found, |value| {
        value.as_str().is_some_and(|value| match how {
            ".startsWith" => value.starts_with(text),
            ".endsWith" => value.ends_with(text),
            ".contains" => value.contains(text),
            how => holds(how, value.cmp(text)),
        })
    })
}

fn holds(how: &str, order: std::cmp::Ordering) -> bool {
    match how {
        "==" => order.is_eq(),
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        ">=" => order.is_ge(),
        other => panic!("{other}"),
    }
}

fn size_of(value: &Value) -> Option<usize> {
    match value {
        Value::String(text) => Some(text.chars().count()),
        Value::Array(list) => Some(list.len()),
        Value::Object(members) => Some(members.len()),
        _ => None,
    }
}

/// A list's elements, or an object's keys.
fn elements(value: &Value) -> Option<Vec<Value>> {
    let keys = || value.as_object().map(|members| members.keys().map(|key| json!(key)).collect());
    value.as_array().cloned().or_else(keys)
}

enum Missing {
    Absent,
    Unknown,
}

fn of(found: Result<&Value, Missing>, holds: impl FnOnce(&Value) -> bool) -> Truth {
    match found {
        Ok(value) => holds(value).into(),
        Err(Missing::Absent) => Truth::False,
        Err(Missing::Unknown) => Truth::Unknown,
    }
}

fn look<'e>(event: &'e Value, path: &str) -> Result<&'e Value, Missing> {
    match path.split_once("['") {
        Some((first, key)) => look_at(event, &[first, key.strip_suffix("']").unwrap()]),
        None => look_at(event, &path.split('.').collect::<Vec<_>>()),
    }
}

fn look_at<'e>(event: &'e Value, keys: &[&str]) -> Result<&'e Value, Missing> {
    let found =
        keys.iter().try_fold(event, |value, key| value.get(*key).filter(|value| !value.is_null()));
    let missing = if unknown(event, keys) { Missing::Unknown } else { Missing::Absent };
    found.ok_or(missing)
}

/// Whether nobody knows if the event has what isn't in it.
fn unknown(event: &Value, keys: &[&str]) -> bool {
    let text = |path: &[&str]| {
        path.iter()
            .try_fold(event, |value, key| value.get(*key))
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    let has = |key: &str| event.get(key).is_some_and(|value| !value.is_null());
    let (level, stage, verb) = (text(&["level"]), text(&["stage"]), text(&["verb"]));
    let early = stage == "RequestReceived";
    let cut_off = early || stage == "Panic";
    let stream =
        ["exec", "attach", "portforward", "proxy"].contains(&text(&["objectRef", "subresource"]));
    let objects = has("objectRef") && !stream;
    let truncated = event["annotations"].get("audit.k8s.io/truncated").is_some();
    match keys {
        ["requestObject", ..] if !has("requestObject") => {
            let low = level == "Metadata"
                || truncated
                || cut_off
                || text(&["responseStatus", "status"]) == "Failure";
            low && objects && !["get", "list", "watch", "head"].contains(&verb)
        }
        ["responseObject", ..] if !has("responseObject") => {
            let low =
                level != "RequestResponse" || truncated || cut_off || stage == "ResponseStarted";
            low && objects && verb != "watch"
        }
        ["annotations"] => lacks(event, "annotations").is_some(),
        ["annotations", key] => {
            lacks(event, "annotations").is_some_and(|begun| key.starts_with(begun))
        }
        ["responseStatus" | "impersonatedUser", ..] if !has(keys[0]) => early,
        ["objectRef", "name"] => {
            verb == "create" && text(&["objectRef", "subresource"]).is_empty() && has("objectRef")
        }
        _ => false,
    }
}

fn text() -> impl Strategy<Value = String> {
    prop::sample::select(&TEXTS[..]).prop_map(str::to_owned)
}

fn leaf() -> impl Strategy<Value = Ask> {
    let path = || prop::sample::select(&TEXT_PATHS[..]);
    let list = || prop::sample::select(&LISTS[..]);
    prop_oneof![
        6 => (path(), prop::sample::select(&["==", "!=", "<", ".startsWith", ".endsWith", ".contains"][..]), text())
            .prop_map(|(path, how, text)| Ask::Text(path, how, text)),
        3 => (prop::sample::select(&NUMBER_PATHS[..]), prop::sample::select(&["==", "<", "<=", ">", ">="][..]),
              prop::sample::select(&[0, 200, 201, 399, 400, 403, 404, 500][..]))
            .prop_map(|(path, how, number)| Ask::Code(path, how, number)),
        1 => path().prop_filter_map("a member", |path| path.contains('.').then_some(path))
            .prop_filter_map("no key in quotes", |path| (!path.contains('[')).then_some(Ask::Has(path))),
        2 => (text(), list()).prop_map(|(text, list)| Ask::In(text, list)),
        2 => (path(), prop::collection::vec(text(), 1..4)).prop_map(|(path, texts)| Ask::OneOf(path, texts)),
        1 => path().prop_map(Ask::Null),
        1 => Just(Ask::True("requestObject.spec.on")),
        1 => (list(), prop::sample::select(&["==", ">"][..]), 0..3_usize)
            .prop_map(|(list, how, size)| Ask::Size(list, how, size)),
        2 => (any::<bool>(), list(), text()).prop_map(|(all, list, text)| {
            let member = if list == "requestObject.spec.rules" { ".name" } else { "" };
            Ask::Each(all, list, member, text)
        }),
    ]
}

/// Any question.
pub(crate) fn asks() -> impl Strategy<Value = Ask> {
    leaf().prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|ask| Ask::Not(Box::new(ask))),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Ask::All),
            prop::collection::vec(inner, 1..4).prop_map(Ask::Any),
        ]
    })
}

/// Any event, of which each member may be missing.
pub(crate) fn events() -> impl Strategy<Value = Value> {
    let maybe = || prop::option::weighted(0.7, text());
    let who = || (maybe(), prop::collection::vec(text(), 0..3));
    let words = (
        prop::sample::select(&["Metadata", "Request", "RequestResponse"][..]),
        prop::sample::select(
            &[
                "RequestReceived",
                "ResponseStarted",
                "ResponseComplete",
                "ResponseComplete",
                "Panic",
            ][..],
        ),
        prop::sample::select(&["get", "create", "delete", "patch", "watch", ""][..]),
        maybe(),
    );
    let status = prop::option::weighted(
        0.7,
        (prop::sample::select(&[200, 201, 400, 403, 500][..]), maybe(), any::<bool>()),
    );
    let reference = prop::option::weighted(0.8, [maybe(), maybe(), maybe(), maybe()]);
    let rules = || prop::collection::vec(maybe(), 0..3);
    let body =
        || prop::option::weighted(0.5, (maybe(), prop::option::of(0..600), rules(), any::<bool>()));
    let annotations = (maybe(), any::<bool>());
    (words, (who(), prop::option::weighted(0.2, who())), status, reference, (body(), body()), annotations, prop::collection::vec(text(), 0..3), any::<bool>())
        .prop_map(|(words, users, status, reference, bodies, annotations, addresses, exec)| {
            let (level, stage, verb, uri) = words;
            let mut event = json!({
                "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": level, "stage": stage, "auditID": "id",
                "verb": verb, "requestURI": uri, "sourceIPs": addresses,
            });
            let person = |(name, groups): (Option<String>, Vec<String>)| json!({"username": name, "groups": groups});
            event["user"] = person(users.0);
            if let Some(user) = users.1 {
                event["impersonatedUser"] = person(user);
            }
            if let Some((code, reason, failed)) = status {
                event["responseStatus"] = json!({"code": code, "reason": reason});
                if failed {
                    event["responseStatus"]["status"] = json!("Failure");
                }
            }
            if let Some([namespace, name, resource, group]) = reference {
                event["objectRef"] = json!({"namespace": namespace, "name": name, "resource": resource, "apiGroup": group});
                if exec {
                    event["objectRef"]["subresource"] = json!("exec");
                }
            }
            if let Some(body) = bodies.0 {
                event["requestObject"] = object(body);
            }
            if let Some(body) = bodies.1 {
                event["responseObject"] = object(body);
            }
            let (annotation, truncated) = annotations;
            if annotation.is_some() || truncated {
                event["annotations"] = json!({"a.b/c": annotation});
            }
            if truncated && exec {
                event["annotations"]["audit.k8s.io/truncated"] = json!("true");
            }
            event
        })
}

/// A body of these parts.
fn object(
    (name, port, rules, on): (Option<String>, Option<i32>, Vec<Option<String>>, bool),
) -> Value {
    let rules: Vec<_> = rules.iter().map(|name| json!({"name": name})).collect();
    json!({
        "spec": {"name": name, "port": port, "rules": rules, "on": on},
        "metadata": {"name": name, "generation": port},
    })
}

/// How a line is written: what is escaped, by bits that are taken one after the other.
pub(crate) struct Pen {
    bits: u64,
    /// One of so many characters is escaped without need; none if it is 0: an escape makes a search find the line anyway.
    escaped: u64,
    /// Whether an object gets a key twice.
    pub(crate) twice: bool,
    /// Whether strings get bytes that are no text.
    pub(crate) broken: bool,
}

impl Pen {
    pub(crate) fn new(bits: u64) -> Self {
        Self {
            bits: bits | 1,
            escaped: [0, 0, 40, 400][(bits % 4) as usize],
            twice: false,
            broken: false,
        }
    }

    fn bit(&mut self, of: u64) -> bool {
        // A generator of Marsaglia's: the same bits for the same seed.
        self.bits ^= self.bits << 13;
        self.bits ^= self.bits >> 7;
        self.bits ^= self.bits << 17;
        self.bits.is_multiple_of(of)
    }

    fn string(&mut self, text: &str, out: &mut Vec<u8>) {
        out.push(b'"');
        for c in text.chars() {
            let mut units = [0; 2];
            match c {
                '/' if self.bit(4) => out.extend(b"\\/"),
                '"' | '\\' => out.extend([b'\\', c as u8]),
                c if c < ' ' || self.escaped > 0 && self.bit(self.escaped) => {
                    for unit in c.encode_utf16(&mut units) {
                        let digits =
                            if self.bit(2) { format!("{unit:04x}") } else { format!("{unit:04X}") };
                        out.extend(format!("\\u{digits}").bytes());
                    }
                }
                // As Go writes them.
                '&' | '<' | '>' => out.extend(format!("\\u{:04x}", c as u32).bytes()),
                c => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        if self.broken && self.bit(6) {
            out.extend([0xff, b'x']);
        }
        out.push(b'"');
    }

    /// Writes a value.
    pub(crate) fn write(&mut self, value: &Value, out: &mut Vec<u8>) {
        self.value(value, 0, out);
    }

    fn value(&mut self, value: &Value, depth: usize, out: &mut Vec<u8>) {
        let between = |pen: &mut Self, out: &mut Vec<u8>| {
            if pen.bit(30) {
                out.push(b' ');
            }
        };
        match value {
            Value::Object(members) => {
                out.push(b'{');
                let mut first = true;
                for (key, value) in members {
                    let count = if self.twice && depth > 1 && self.bit(5) { 2 } else { 1 };
                    for at in 0..count {
                        if !std::mem::replace(&mut first, false) {
                            out.push(b',');
                        }
                        between(self, out);
                        self.string(key, out);
                        between(self, out);
                        out.push(b':');
                        between(self, out);
                        match at {
                            0 if count == 2 => out.extend(b"\"web-0\""),
                            _ => self.value(value, depth + 1, out),
                        }
                    }
                }
                out.push(b'}');
            }
            Value::Array(list) => {
                out.push(b'[');
                for (at, value) in list.iter().enumerate() {
                    if at > 0 {
                        out.push(b',');
                    }
                    between(self, out);
                    self.value(value, depth + 1, out);
                }
                out.push(b']');
            }
            Value::String(text) => self.string(text, out),
            Value::Number(number) => {
                let mut text = String::new();
                write!(text, "{number}").unwrap();
                // The code is read by an index, which takes digits alone.
                if depth > 2 && self.bit(4) {
                    text += "e0";
                }
                out.extend(text.bytes());
            }
            other => out.extend(other.to_string().bytes()),
        }
    }
}

/// An event's line.
pub(crate) fn line(event: &Value, bits: u64) -> Vec<u8> {
    let mut out = Vec::new();
    Pen::new(bits).write(event, &mut out);
    out
}
