//! The copy of an event that a sink gets. What is left of it is the event's own text, byte for byte; what was left
//! out is named in it, beside where the whole event is.

use std::borrow::Cow;
use std::fmt;

use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::json;
use serde_json::value::RawValue;

use crate::parcel::ParcelLine;
use crate::shape::{LEAST_EVENT, Shape};

/// Members of an object that are looked at; a line of more is no audit event.
const MOST_MEMBERS: usize = 1000;

/// Members that each copy gets; of an event that has them itself they are left out.
const OWN: [&str; 2] = ["@timestamp", "auditseal"];
/// What is cited of a line has so many bytes at most.
const CITATION: usize = LEAST_EVENT / 2;

/// The copy of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// An object of JSON, on one line, without a newline.
    pub text: Vec<u8>,
    /// Something was left out because it was too long.
    pub cut: bool,
}

/// The copy of a line, an object with a member `auditseal` that cites it. What is no object of JSON becomes the
/// string `message` of one.
#[must_use]
pub fn document(line: &ParcelLine, text: &[u8], shape: &Shape) -> Document {
    let own = OWN
        .iter()
        .any(|name| memchr::memmem::find(text, format!("\"{name}\":").as_bytes()).is_some());
    let plain = (!own && shape.leaves(text.len())).then(|| whole(text)).flatten();
    if let Some(inside) = plain {
        return Document { text: closed(inside, &cited(line, &json!({}))), cut: false };
    }
    match serde_json::from_slice::<Members<'_>>(text) {
        Ok(Members(members)) if members.len() <= MOST_MEMBERS => {
            shaped(line, members, text.len(), shape)
        }
        _ => message(line, text, shape),
    }
}

/// What stands between the braces of an object, if a text is one.
fn whole(text: &[u8]) -> Option<&[u8]> {
    let inside = text.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")?;
    // Only that it is one is asked: its members go as they are.
    serde_json::from_slice::<&RawValue>(text).ok()?;
    Some(inside)
}

fn closed(inside: &[u8], citation: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(inside.len() + citation.len() + 16);
    text.push(b'{');
    text.extend_from_slice(inside);
    if !inside.trim_ascii().is_empty() {
        text.push(b',');
    }
    text.extend_from_slice(citation.as_bytes());
    text.push(b'}');
    text
}

/// The members of the copy that the event doesn't have.
fn cited(line: &ParcelLine, more: &serde_json::Value) -> String {
    let of = &line.of;
    let mut citation = json!({
        "origin": of.origin.as_str(),
        "seq": of.seal.seq,
        "line": line.number,
        "seal": of.seal.hash.to_string(),
        "key": of.key,
    });
    if let (Some(citation), Some(more)) = (citation.as_object_mut(), more.as_object()) {
        citation.extend(more.clone());
    }
    format!("\"@timestamp\":\"{}\",\"auditseal\":{citation}", line.when())
}

fn shaped(
    line: &ParcelLine,
    members: Vec<(Cow<'_, str>, &RawValue)>,
    size: usize,
    shape: &Shape,
) -> Document {
    let kept = |name: &str| {
        shape.fields.is_empty()
            || shape.fields.paths().any(|path| path.first().is_some_and(|first| first == name))
    };
    let mut members: Vec<(Cow<'_, str>, Cow<'_, str>)> = members
        .into_iter()
        .filter(|(name, _)| kept(name))
        .map(|(name, value)| (name, Cow::Borrowed(value.get())))
        .collect();
    let mut redacted = Vec::new();
    for name in OWN {
        if redact(&mut members, &[name.to_owned()]) {
            redacted.push(name.to_owned());
        }
    }
    for path in shape.redact.paths() {
        if redact(&mut members, path) {
            redacted.push(path.join("."));
        }
    }
    let most = shape.most.unwrap_or(usize::MAX).max(LEAST_EVENT);
    let length = |members: &[(Cow<'_, str>, Cow<'_, str>)]| -> usize {
        members.iter().map(|(name, value)| name.len() + value.len() + 8).sum()
    };
    let mut cut = Vec::new();
    // What is cited needs room too.
    while length(&members) > most - CITATION {
        let Some(longest) = (0..members.len()).max_by_key(|at| members[*at].1.len()) else { break };
        cut.push(members.remove(longest).0.into_owned());
    }
    let mut more = serde_json::Map::new();
    if !redacted.is_empty() {
        more.insert("redacted".to_owned(), json!(redacted));
    }
    if !cut.is_empty() {
        let names: Vec<String> =
            cut.iter().take(20).map(|name| name.chars().take(100).collect()).collect();
        more.insert("cut".to_owned(), json!({ "members": names, "bytes": size }));
    }
    let mut inside = String::new();
    for (name, value) in &members {
        if !inside.is_empty() {
            inside.push(',');
        }
        inside.push_str(&json!(name).to_string());
        inside.push(':');
        inside.push_str(value);
    }
    let citation = cited(line, &more.into());
    Document { text: closed(inside.as_bytes(), &citation), cut: !cut.is_empty() }
}

/// A line that is no object.
fn message(line: &ParcelLine, text: &[u8], shape: &Shape) -> Document {
    let most = shape.most.unwrap_or(usize::MAX).max(LEAST_EVENT);
    let mut kept = text.len().min(most - CITATION);
    loop {
        let shown = String::from_utf8_lossy(&text[..kept]);
        let inside = format!("\"message\":{}", json!(shown));
        // What is escaped takes more room than it took.
        if inside.len() > most && kept > 0 {
            kept /= 2;
            continue;
        }
        let cut = kept < text.len();
        let more = if cut {
            json!({ "cut": { "members": ["message"], "bytes": text.len() } })
        } else {
            json!({})
        };
        return Document { text: closed(inside.as_bytes(), &cited(line, &more)), cut };
    }
}

/// Takes what a path leads to out of an object; through an array, out of each of its elements. Whether it was there.
fn redact(members: &mut Vec<(Cow<'_, str>, Cow<'_, str>)>, path: &[String]) -> bool {
    let Some((first, rest)) = path.split_first() else { return false };
    if rest.is_empty() {
        let before = members.len();
        members.retain(|(name, _)| name != first);
        return members.len() < before;
    }
    let mut found = false;
    for (_, value) in members.iter_mut().filter(|(name, _)| name == first) {
        if let Some(without) = without(value, rest) {
            *value = Cow::Owned(without);
            found = true;
        }
    }
    found
}

/// The text of a value without what a path leads to; `None` if it leads nowhere.
fn without(value: &str, path: &[String]) -> Option<String> {
    if value.starts_with('[') {
        let Elements(elements) = serde_json::from_str(value).ok()?;
        let mut found = false;
        let each = elements.iter().map(|element| match without(element.get(), path) {
            Some(without) => {
                found = true;
                without
            }
            None => element.get().to_owned(),
        });
        let text = format!("[{}]", each.collect::<Vec<_>>().join(","));
        return found.then_some(text);
    }
    let Members(members) = serde_json::from_str(value).ok()?;
    let mut members =
        members.into_iter().map(|(name, value)| (name, Cow::Borrowed(value.get()))).collect();
    if !redact(&mut members, path) {
        return None;
    }
    let each = members.iter().map(|(name, value)| format!("{}:{value}", json!(name)));
    Some(format!("{{{}}}", each.collect::<Vec<_>>().join(",")))
}

/// The members of an object in their order, each value as it stands.
struct Members<'a>(Vec<(Cow<'a, str>, &'a RawValue)>);

/// The elements of an array.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry()? {
                    members.push((name, value));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Each)
    }
}

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Elements<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = seq.next_element()? {
                    elements.push(element);
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

/// A name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use auditseal_format::{SealId, Time, hash};
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;
    use crate::parcel::Provenance;

    fn line() -> ParcelLine {
        let seal = SealId { seq: 7, hash: hash(b"") };
        let of = Provenance {
            origin: "prod/cp-1/audit".parse().unwrap(),
            seal,
            key: "k".to_owned(),
            sealed: Time::EPOCH,
        };
        ParcelLine { of: Arc::new(of), number: 3, time: None, at: 0..0 }
    }

    fn copy(text: &str, shape: &Shape) -> (Value, Document) {
        let document = document(&line(), text.as_bytes(), shape);
        assert!(!document.text.contains(&b'\n'));
        (serde_json::from_slice(&document.text).unwrap(), document)
    }

    const EVENT: &str = r#"{"verb":"get","n":1.50,"user":{"extra":{"a":["x"]},"username":"ann"},"requestObject":{"items":[{"data":{"p":"1"},"k":1},{"data":2},3]}}"#;

    #[test]
    fn an_event_goes_as_it_is_with_its_citation() {
        let (value, document) = copy(EVENT, &Shape::default());
        let text = String::from_utf8(document.text).unwrap();
        assert!(text.starts_with(&EVENT[..EVENT.len() - 1]), "{text}");
        assert_eq!(value["auditseal"]["origin"], "prod/cp-1/audit");
        assert_eq!(
            (&value["auditseal"]["seq"], &value["auditseal"]["line"]),
            (&json!(7), &json!(3))
        );
        assert_eq!(value["@timestamp"], "1970-01-01T00:00:00.000000Z");
        assert_eq!(copy("{ }", &Shape::default()).0.as_object().unwrap().len(), 2);
    }

    #[test]
    fn what_an_event_says_of_itself_is_no_citation() {
        let forged = r#"{"auditseal":{"seq":1},"@timestamp":0,"a":{"auditseal":1}}"#;
        let (value, document) = copy(forged, &Shape::default());
        assert_eq!(String::from_utf8(document.text).unwrap().matches("\"@timestamp\":").count(), 1);
        assert_eq!(
            (&value["auditseal"]["seq"], &value["a"]),
            (&json!(7), &json!({ "auditseal": 1 }))
        );
        assert_eq!(value["auditseal"]["redacted"], json!(["@timestamp", "auditseal"]));
    }

    #[test]
    fn fields_are_chosen_and_taken_out() {
        let shape = Shape {
            redact: "user.extra,requestObject.items.data,none".parse().unwrap(),
            ..Shape::default()
        };
        let (value, document) = copy(EVENT, &shape);
        assert_eq!(value["user"], json!({ "username": "ann" }));
        assert_eq!(value["requestObject"], json!({ "items": [{ "k": 1 }, {}, 3] }));
        assert_eq!(
            value["auditseal"]["redacted"],
            json!(["user.extra", "requestObject.items.data"])
        );
        assert!(
            String::from_utf8(document.text).unwrap().contains("\"n\":1.50,"),
            "as it was written"
        );
        let shape = Shape { fields: "verb,user.username".parse().unwrap(), ..Shape::default() };
        let names: Vec<String> =
            copy(EVENT, &shape).0.as_object().unwrap().keys().cloned().collect();
        assert_eq!(names, ["@timestamp", "auditseal", "user", "verb"]);
    }

    #[test]
    fn what_is_too_long_is_cut_and_says_so() {
        let shape = Shape { most: Some(10_000), ..Shape::default() };
        let event = EVENT.replace("\"p\":\"1\"", &format!("\"p\":\"{}\"", "x".repeat(1 << 20)));
        let (value, document) = copy(&event, &shape);
        assert!(document.cut && document.text.len() <= 10_000);
        assert_eq!(
            value["auditseal"]["cut"],
            json!({ "members": ["requestObject"], "bytes": event.len() })
        );
        assert_eq!(value["user"]["username"], "ann");
    }

    #[test]
    fn what_is_no_object_is_a_message() {
        for text in
            ["", "[1]", "{\"a\":1", "{\"a\":1}}", "\"x\"", "{\"a\":1} {\"b\":2}", "\u{1}\"\\"]
        {
            let (value, _) = copy(text, &Shape::default());
            assert_eq!(value["message"], text);
        }
        let document =
            document(&line(), &[0xff; 100_000], &Shape { most: Some(5000), ..Shape::default() });
        assert!(document.cut && document.text.len() < 2 * 5000, "{}", document.text.len());
    }

    /// Ten times as many members as are looked at.
    #[test]
    fn an_object_of_too_many_members_is_a_message() {
        let members: Vec<String> =
            (0..10 * MOST_MEMBERS).map(|n| format!("\"m{n}\":{n}")).collect();
        let text = format!("{{{}}}", members.join(","));
        let shape = Shape { most: Some(5000), ..Shape::default() };
        let (value, document) = copy(&text, &shape);
        assert!(document.cut && value["message"].is_string());
    }

    proptest! {
        /// Whatever a line is, and whatever is asked of it: its copy is an object that cites it, and no larger than was asked for.
        #[test]
        fn each_line_has_a_copy(text in any::<Vec<u8>>(), most in prop::option::of(LEAST_EVENT..9000)) {
            let text: Vec<u8> = text.into_iter().filter(|byte| *byte != b'\n').collect();
            let shape = Shape { most, redact: "a.b".parse().unwrap(), ..Shape::default() };
            let document = document(&line(), &text, &shape);
            let value: Value = serde_json::from_slice(&document.text).unwrap();
            prop_assert_eq!(&value["auditseal"]["line"], &json!(3));
        }
    }
}
