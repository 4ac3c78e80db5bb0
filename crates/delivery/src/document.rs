//! The copy of an event that a sink gets. What is left of it is the event's own text, byte for byte; what was left
//! out is named in it, beside where the whole event is.

use std::borrow::Cow;

use auditseal_format::{Hash, hash};
use serde_json::json;

use crate::members::{Member, Members, Unreadable, joined, only, redact};
use crate::parcel::ParcelLine;
use crate::shape::{LEAST_EVENT, Shape, path_text};

/// Members of an object that are looked at; a line of more is no audit event.
const MOST_MEMBERS: usize = 1000;

/// Members that each copy gets; of an event that has them itself they are left out.
const OWN: [&str; 2] = ["@timestamp", "auditseal"];
/// What is cited of a line has so many bytes at most.
const CITATION: usize = LEAST_EVENT / 2;
/// Room that an event has beside that, however little is asked for.
const LEAST_TEXT: usize = 256;

/// The copy of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Document {
    /// An object of JSON, on one line, without a newline.
    pub text: Vec<u8>,
    /// Something was left out because it was too long.
    pub cut: bool,
}

/// The copy of a line, an object with a member `auditseal` that cites it. What is no object of JSON becomes the
/// string `message` of one; where something is to be left out of it, a note that it couldn't be.
#[must_use]
pub fn document(line: &ParcelLine, text: &[u8], shape: &Shape) -> Document {
    let Ok(Members(members)) = serde_json::from_slice::<Members<'_>>(text) else {
        return unread(line, text, shape);
    };
    // Names as JSON means them: an escape spells the same one.
    let own = members.iter().any(|(name, _)| OWN.contains(&&**name));
    if !own
        && shape.leaves(text.len())
        && let Some(inside) = inside(text)
    {
        return Document { text: closed(inside, &cited(line, &json!({}))), cut: false };
    }
    if members.len() > MOST_MEMBERS {
        return unread(line, text, shape);
    }
    let members = members.into_iter().map(|(name, value)| (name, Cow::Borrowed(value.get())));
    shaped(line, members.collect(), text.len(), shape)
        .unwrap_or_else(|Unreadable| unread(line, text, shape))
}

/// The copy of a line as the string `message` of an object, whatever it is: for a sink that won't have the object.
#[must_use]
pub fn text_document(line: &ParcelLine, text: &[u8], shape: &Shape) -> Document {
    if shape.fields.is_empty() && shape.redact.is_empty() {
        return message(line, text, shape);
    }
    let copy = document(line, text, shape);
    let Document { text, cut } = message(line, &copy.text, shape);
    Document { text, cut: cut || copy.cut }
}

/// What stands between the braces of an object.
fn inside(text: &[u8]) -> Option<&[u8]> {
    text.trim_ascii().strip_prefix(b"{")?.strip_suffix(b"}")
}

/// A line that can't be taken apart.
fn unread(line: &ParcelLine, text: &[u8], shape: &Shape) -> Document {
    if shape.fields.is_empty() && shape.redact.is_empty() {
        message(line, text, shape)
    } else {
        withheld(line, text)
    }
}

/// Of a line that what is to be left out can't be taken out of: that there is one.
fn withheld(line: &ParcelLine, text: &[u8]) -> Document {
    let note = "withheld: it can't be taken apart, and so what is to be left out can't be";
    let inside = json!(note).to_string();
    let more = json!({
        "cut": { "members": ["message"], "bytes": text.len() }, "hash": hash(text).to_string(),
    });
    Document {
        text: closed(format!("\"message\":{inside}").as_bytes(), &cited(line, &more)),
        cut: true,
    }
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
    mut members: Vec<Member<'_>>,
    size: usize,
    shape: &Shape,
) -> Result<Document, Unreadable> {
    if !shape.fields.is_empty() {
        let paths: Vec<&[String]> = shape.fields.paths().collect();
        members = only(members, &paths)?;
    }
    let mut redacted = Vec::new();
    for name in OWN {
        if redact(&mut members, &[name.to_owned()])? {
            redacted.push(name.to_owned());
        }
    }
    for path in shape.redact.paths() {
        if redact(&mut members, path)? {
            redacted.push(path_text(path));
        }
    }
    let most = most(shape);
    let length = |members: &[Member<'_>]| -> usize {
        members.iter().map(|(name, value)| json!(name).to_string().len() + value.len() + 2).sum()
    };
    let mut cut = Vec::new();
    // What is cited needs room too.
    while length(&members) > most - CITATION {
        let Some(longest) =
            (0..members.len()).max_by_key(|at| members[*at].0.len() + members[*at].1.len())
        else {
            break;
        };
        cut.push(members.remove(longest).0.into_owned());
    }
    let mut more = serde_json::Map::new();
    if !redacted.is_empty() {
        more.insert("redacted".to_owned(), json!(redacted));
    }
    if !cut.is_empty() {
        let (mut names, mut room) = (Vec::new(), CITATION / 4);
        for name in &cut {
            let name: String = name.chars().take(100).collect();
            let Some(left) = room.checked_sub(json!(name).to_string().len() + 1) else { break };
            room = left;
            names.push(name);
        }
        more.insert("cut".to_owned(), json!({ "members": names, "bytes": size }));
    }
    let citation = cited(line, &more.into());
    Ok(Document { text: closed(joined(&members).as_bytes(), &citation), cut: !cut.is_empty() })
}

/// Bytes that a copy may have.
fn most(shape: &Shape) -> usize {
    shape.most.unwrap_or(usize::MAX).max(CITATION + LEAST_TEXT)
}

/// The hash of what can't be told byte for byte in a text.
pub(crate) fn unlike(line: &[u8]) -> Option<Hash> {
    std::str::from_utf8(line).is_err().then(|| hash(line))
}

/// A line that is no object.
fn message(line: &ParcelLine, text: &[u8], shape: &Shape) -> Document {
    let room = most(shape) - CITATION;
    let mut kept = text.len().min(room);
    loop {
        let shown = String::from_utf8_lossy(&text[..kept]);
        let inside = format!("\"message\":{}", json!(shown));
        // What is escaped takes more room than it took.
        if inside.len() > room && kept > 0 {
            kept /= 2;
            continue;
        }
        let cut = kept < text.len();
        let mut more = serde_json::Map::new();
        if cut {
            more.insert("cut".to_owned(), json!({ "members": ["message"], "bytes": text.len() }));
        }
        if let Some(hash) = unlike(text) {
            more.insert("hash".to_owned(), json!(hash.to_string()));
        }
        let more = more.into();
        return Document { text: closed(inside.as_bytes(), &cited(line, &more)), cut };
    }
}

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
        assert_eq!(copy(EVENT, &shape).0["user"], json!({ "username": "ann" }));
        let shape = Shape { fields: "requestObject.items.k".parse().unwrap(), ..Shape::default() };
        assert_eq!(copy(EVENT, &shape).0["requestObject"], json!({ "items": [{ "k": 1 }, {}] }));
    }

    /// Whatever keeps a line from being taken apart keeps it back.
    #[test]
    fn what_cannot_be_redacted_is_withheld() {
        let many: Vec<String> = (0..=MOST_MEMBERS).map(|n| format!("\"m{n}\":1")).collect();
        let deep = format!("{}{}", "[".repeat(2000), "]".repeat(2000));
        let texts = [
            "{\"requestObject\":{\"data\":\"SECRET\"},\"a\":\"UA\"}"
                .to_owned()
                .replace("UA", "\u{1}"),
            r#"{"requestObject":{"data":"SECRET"}"#.to_owned(),
            r#"{"requestObject":{"data":"SECRET"}}x"#.to_owned(),
            r#"{"requestObject":{"\ud800":"y","data":"SECRET"}}"#.to_owned(),
            r#"{"\ud800":"y","requestObject":{"data":"SECRET"}}"#.to_owned(),
            format!("{{{},\"requestObject\":{{\"data\":\"SECRET\"}}}}", many.join(",")),
            format!("{{\"requestObject\":[{deep},{{\"data\":\"SECRET\"}}]}}"),
        ];
        let mut texts: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
        texts
            .push(b"{\"userAgent\":\"\xff\xfe\",\"requestObject\":{\"data\":\"SECRET\"}}".to_vec());
        for text in texts {
            let list: crate::FieldList = "requestObject.data".parse().unwrap();
            for shape in [
                Shape { redact: list, ..Shape::default() },
                Shape { fields: "verb,requestObject.none".parse().unwrap(), ..Shape::default() },
            ] {
                let document = document(&line(), &text, &shape);
                let shown = String::from_utf8(document.text).unwrap();
                assert!(!shown.contains("SECRET"), "{shown}");
                let value: Value = serde_json::from_str(&shown).unwrap();
                let is_note = value["message"].is_string();
                assert!(document.cut == is_note);
                if is_note {
                    assert_eq!(value["auditseal"]["hash"], hash(&text).to_string());
                    assert_eq!(value["auditseal"]["cut"]["bytes"], text.len());
                }
                if shape.fields.is_empty() {
                    assert!(is_note, "{shown}");
                }
            }
        }
        let shape = Shape { redact: r#"a."b.c/d""#.parse().unwrap(), ..Shape::default() };
        let value = copy(r#"{"a":{"b.c/d":"SECRET","e":1}}"#, &shape).0;
        assert_eq!(
            (&value["a"], &value["auditseal"]["redacted"]),
            (&json!({ "e": 1 }), &json!([r#"a."b.c/d""#]))
        );
    }

    /// However it is spelled.
    #[test]
    fn the_citation_has_one_name() {
        for forged in [r#"{"auditseal" :{"seq":1}}"#, r#"{"audit\u0073eal":{"seq":1},"a":1}"#] {
            let document = copy(forged, &Shape::default()).1;
            let Members(members) = serde_json::from_slice(&document.text).unwrap();
            assert_eq!(
                members.iter().filter(|(name, _)| name == "auditseal").count(),
                1,
                "{forged}"
            );
        }
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
        assert!(document.cut && document.text.len() <= 5000, "{}", document.text.len());
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
            prop_assert!(most.is_none_or(|most| document.text.len() <= most));
        }
    }
}
