//! Bulk requests of OpenSearch and Elasticsearch, and what is answered of each document.
//!
//! Each line is *created* under an id that follows from its place in the archive, in an index that follows from when
//! it was sealed: handed over twice, it is there once.

use auditseal_format::{Date, hash};
use serde::Deserialize;
use serde_json::json;

use crate::answer::{Heard, LineHeard, of_status, told};
use crate::document::document;
use crate::parcel::{Parcel, ParcelLine};
use crate::shape::Shape;

/// Bytes of the longest id that they take.
const LONGEST_ID: usize = 512;
/// Characters of a keyword that are indexed: 32,766 bytes are the most that a term may have, and a character has
/// four at most.
const KEYWORD: u32 = 8191;

/// The index of lines that were sealed on a day.
#[must_use]
pub fn index_of(prefix: &str, sealed: Date) -> String {
    format!("{prefix}-{}", sealed.to_string().replace('-', "."))
}

/// A bulk request of these lines, and how many of them were cut.
#[must_use]
pub fn bulk(prefix: &str, parcel: &Parcel, lines: &[usize], shape: &Shape) -> (Vec<u8>, u64) {
    let (mut body, mut cut) = (Vec::new(), 0);
    for line in lines.iter().filter_map(|at| parcel.lines.get(*at)) {
        let action = json!({ "create": { "_index": index_of(prefix, line.of.sealed.date()), "_id": id(line) } });
        body.extend_from_slice(action.to_string().as_bytes());
        body.push(b'\n');
        let document = document(line, parcel.bytes(line), shape);
        cut += u64::from(document.cut);
        body.extend_from_slice(&document.text);
        body.push(b'\n');
    }
    (body, cut)
}

/// The id of a line; of a chain with a very long name, its hash.
fn id(line: &ParcelLine) -> String {
    let id = line.id();
    if id.len() <= LONGEST_ID { id } else { hash(id.as_bytes()).to_string() }
}

#[derive(Deserialize)]
struct Answered {
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    create: Created,
}

#[derive(Deserialize)]
struct Created {
    status: u16,
    error: Option<serde_json::Value>,
}

/// What the answer to a bulk request means.
#[must_use]
pub fn bulk_answer(status: u16, wait: Option<std::time::Duration>, body: &[u8]) -> Heard {
    if let Some(heard) = of_status(status, wait, body) {
        return heard;
    }
    match serde_json::from_slice::<Answered>(body) {
        Ok(answered) => {
            Heard::Each(answered.items.into_iter().map(|item| of_item(&item.create)).collect())
        }
        Err(_) => Heard::Again(
            format!("answered {status}, and nothing of each event: {}", told(body)),
            None,
        ),
    }
}

fn of_item(item: &Created) -> LineHeard {
    let why = || {
        let error = item.error.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("answered {} for it: {}", item.status, told(error.as_bytes()))
    };
    match item.status {
        // It is there already: handed over before, and the answer was lost.
        200..=299 | 409 => LineHeard::Done,
        413 => LineHeard::TooLarge(why()),
        400 => LineHeard::Refused(why()),
        // No index yet, a full disk's block, a queue that is full: not the event's fault.
        _ => LineHeard::Again(why()),
    }
}

/// The index template: what is searched is mapped, and the rest of an event is kept and not indexed, so that no
/// event meets a limit of fields, of a term's length, or of types.
#[must_use]
pub fn template(prefix: &str) -> serde_json::Value {
    let keyword = json!({ "type": "keyword", "ignore_above": KEYWORD });
    let date = json!({ "type": "date", "ignore_malformed": true });
    let long = json!({ "type": "long", "ignore_malformed": true });
    let of = |names: &[&str]| -> serde_json::Value {
        let each = names.iter().map(|name| ((*name).to_owned(), keyword.clone()));
        json!({ "dynamic": false, "properties": each.collect::<serde_json::Map<_, _>>() })
    };
    let mut properties = serde_json::Map::new();
    for name in ["level", "auditID", "stage", "requestURI", "verb", "userAgent"] {
        properties.insert(name.to_owned(), keyword.clone());
    }
    for name in ["@timestamp", "requestReceivedTimestamp", "stageTimestamp"] {
        properties.insert(name.to_owned(), date.clone());
    }
    properties.insert("message".to_owned(), json!({ "type": "text" }));
    properties.insert("sourceIPs".to_owned(), json!({ "type": "ip", "ignore_malformed": true }));
    properties.insert("user".to_owned(), of(&["username", "uid", "groups"]));
    properties.insert("impersonatedUser".to_owned(), of(&["username", "uid", "groups"]));
    let object = ["resource", "namespace", "name", "uid", "apiGroup", "apiVersion", "subresource"];
    properties.insert("objectRef".to_owned(), of(&object));
    let mut status = of(&["status", "reason", "message"]);
    status["properties"]["code"] = long.clone();
    properties.insert("responseStatus".to_owned(), status);
    let mut citation = of(&["origin", "seal", "key", "redacted"]);
    citation["properties"]["seq"] = long.clone();
    citation["properties"]["line"] = long.clone();
    citation["properties"]["cut"] = json!({
        "dynamic": false, "properties": { "members": keyword, "bytes": long }
    });
    properties.insert("auditseal".to_owned(), citation);
    json!({
        "index_patterns": [format!("{prefix}-*")],
        "priority": 200,
        "version": 1,
        "_meta": { "description": "Kubernetes audit events handed over by auditseal forward" },
        "template": {
            "settings": { "index.number_of_shards": 1 },
            "mappings": { "dynamic": false, "properties": properties },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loki::tests::parcel;

    #[test]
    fn each_line_is_created_under_its_place() {
        let (body, cut) = bulk("audit", &parcel(&["{\"a\":1}", "x"]), &[0, 1], &Shape::default());
        let lines: Vec<serde_json::Value> = body
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| serde_json::from_slice(line).unwrap())
            .collect();
        assert!(body.ends_with(b"\n") && lines.len() == 4 && cut == 0);
        assert_eq!(lines[0]["create"], json!({ "_index": "audit-2026.09.21", "_id": "c/n/s/7/1" }));
        assert_eq!((&lines[1]["a"], &lines[3]["message"]), (&json!(1), &json!("x")));
    }

    #[test]
    fn an_id_fits() {
        let mut parcel = parcel(&["x"]);
        let part = "x".repeat(245);
        let mut of = (*parcel.lines[0].of).clone();
        of.origin = format!("{part}/{part}/{part}").parse().unwrap();
        parcel.lines[0].of = of.into();
        assert_eq!(id(&parcel.lines[0]).len(), 64);
    }

    /// The answers that OpenSearch 2.19 and 3.8 gave, measured.
    #[test]
    fn each_answer_is_read() {
        let body = br#"{"took":3,"errors":true,"items":[
            {"create":{"_index":"a","_id":"1","status":201}},
            {"create":{"_index":"a","_id":"2","status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}},
            {"create":{"_index":"a","_id":"3","status":400,"error":{"type":"mapper_parsing_exception","reason":"x"}}},
            {"create":{"_index":"a","_id":"4","status":429,"error":{"type":"circuit_breaking_exception","reason":"x"}}},
            {"create":{"_index":"a","_id":"5","status":403,"error":{"type":"cluster_block_exception","reason":"x"}}}]}"#;
        let Heard::Each(each) = bulk_answer(200, None, body) else { panic!("no answer for each") };
        assert_eq!(each[..2], [LineHeard::Done, LineHeard::Done]);
        assert!(
            matches!(&each[2], LineHeard::Refused(why) if why.contains("mapper_parsing_exception"))
        );
        assert!(matches!(each[3..], [LineHeard::Again(_), LineHeard::Again(_)]));
        for (status, body) in [(200, &b"<html>"[..]), (200, b"{}"), (503, b""), (404, b"{}")] {
            assert!(matches!(bulk_answer(status, None, body), Heard::Again(..)), "{status}");
        }
        assert!(matches!(bulk_answer(413, None, b""), Heard::TooLarge(_)));
    }

    #[test]
    fn nothing_of_an_event_is_mapped_by_itself() {
        let template = template("audit");
        assert_eq!(template["index_patterns"], json!(["audit-*"]));
        let mut objects = vec![&template["template"]["mappings"]];
        while let Some(object) = objects.pop() {
            assert_eq!(object["dynamic"], json!(false));
            let properties = object["properties"].as_object().unwrap().values();
            objects.extend(properties.filter(|of| of.get("properties").is_some()));
        }
    }
}
