//! Bulk requests of OpenSearch and Elasticsearch, and what is answered of each document.
//!
//! Each line is *created* under an id that follows from its place in the archive, in an index that follows from when
//! it was sealed: handed over twice, it is there once.

use std::collections::HashMap;

use auditseal_format::{Date, hash};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::answer::{Heard, LineHeard, of_status, told};
use crate::document::{Document, document, text_document};
use crate::fault::is_of_the_document;
use crate::parcel::{Parcel, ParcelLine};
use crate::shape::Shape;

/// Bytes of the longest id that they take.
const LONGEST_ID: usize = 512;
/// The index of lines that were sealed on a day.
#[must_use]
pub fn index_of(prefix: &str, sealed: Date) -> String {
    format!("{prefix}-{}", sealed.to_string().replace('-', "."))
}

/// A bulk request of these lines, and which of them were cut.
#[must_use]
pub fn bulk(
    prefix: &str,
    parcel: &Parcel,
    lines: &[usize],
    shape: &Shape,
) -> (Vec<u8>, Vec<usize>) {
    bulk_of(prefix, parcel, lines, |line, text| document(line, text, shape))
}

/// The same of lines that were refused as objects: each is the text of one member. OpenSearch's parser refuses what
/// JSON allows, as a name that is there twice, and clients may write such a thing into their requests.
#[must_use]
pub fn bulk_of_texts(
    prefix: &str,
    parcel: &Parcel,
    lines: &[usize],
    shape: &Shape,
) -> (Vec<u8>, Vec<usize>) {
    bulk_of(prefix, parcel, lines, |line, text| text_document(line, text, shape))
}

fn bulk_of(
    prefix: &str,
    parcel: &Parcel,
    lines: &[usize],
    document: impl Fn(&ParcelLine, &[u8]) -> Document,
) -> (Vec<u8>, Vec<usize>) {
    let (mut body, mut cut) = (Vec::new(), Vec::new());
    for (at, line) in lines.iter().filter_map(|at| Some((*at, parcel.lines.get(*at)?))) {
        let action = json!({ "create": { "_index": index_of(prefix, line.of.sealed.date()), "_id": id(line) } });
        body.extend_from_slice(action.to_string().as_bytes());
        body.push(b'\n');
        let document = document(line, parcel.bytes(line));
        cut.extend(document.cut.then_some(at));
        body.extend_from_slice(&document.text);
        body.push(b'\n');
    }
    (body, cut)
}

/// The id of a line; of a chain with a very long name, its hash.
pub(crate) fn id(line: &ParcelLine) -> String {
    let id = line.id();
    if id.len() <= LONGEST_ID { id } else { hash(id.as_bytes()).to_string() }
}

#[derive(Deserialize)]
struct Answered<'a> {
    #[serde(borrow)]
    items: Vec<Item<'a>>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(borrow)]
    create: Created<'a>,
}

/// What is answered of a document. Of an error a part is told: as it stands, it takes no room of its own.
#[derive(Deserialize)]
struct Created<'a> {
    #[serde(rename = "_id")]
    id: String,
    status: u16,
    result: Option<String>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// What was answered to a bulk request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkHeard {
    /// What it means.
    pub heard: Heard,
    /// The lines under whose ids something was there before, as places in the parcel. Most likely they, handed over
    /// when the answer was lost; whoever wants to know asks with [`crate::places`].
    pub known: Vec<usize>,
    /// The lines that it can't take as objects.
    pub unfit: Vec<usize>,
}

impl BulkHeard {
    /// Of an answer that says nothing of single lines.
    #[must_use]
    pub fn only(heard: Heard) -> Self {
        Self { heard, known: Vec::new(), unfit: Vec::new() }
    }

    /// What is known once those that were unfit were handed over as texts, and this was heard of them. Of one that is
    /// refused as both, what was said of the object is told.
    pub fn mend(&mut self, sent: &[usize], heard: Heard) {
        let Heard::Each(each) = &mut self.heard else { return };
        let texts = match heard {
            Heard::Each(texts) => texts,
            Heard::TooLarge(why) => vec![LineHeard::TooLarge(why); self.unfit.len()],
            Heard::Refused(_) => return,
            // All of it is asked again: what it has by now it knows.
            other => return self.heard = other,
        };
        for (at, text) in self.unfit.iter().zip(texts) {
            let place = sent.iter().position(|line| line == at);
            if let (Some(one), false) =
                (place.and_then(|at| each.get_mut(at)), matches!(text, LineHeard::Refused(_)))
            {
                *one = text;
            }
        }
    }
}

/// What the answer to a bulk request of these lines means. Items are told by their ids, in whatever order they come.
#[must_use]
pub fn bulk_answer(
    (status, wait, body): (u16, Option<std::time::Duration>, &[u8]),
    parcel: &Parcel,
    lines: &[usize],
) -> BulkHeard {
    let only = BulkHeard::only;
    if let Some(heard) = of_status(status, wait, body) {
        return only(heard);
    }
    let again = |what: &str| {
        only(Heard::Again(format!("answered {status}, and {what}: {}", told(body)), None))
    };
    let Ok(answered) = serde_json::from_slice::<Answered<'_>>(body) else {
        return again("nothing of each event");
    };
    if answered.items.len() != lines.len() {
        return again(&format!("{} items for {} events", answered.items.len(), lines.len()));
    }
    let mut items: HashMap<&str, &Created<'_>> =
        answered.items.iter().map(|item| (&*item.create.id, &item.create)).collect();
    let (mut each, mut known, mut unfit) = (Vec::new(), Vec::new(), Vec::new());
    for at in lines {
        let item = parcel.lines.get(*at).and_then(|line| items.remove(&*id(line)));
        let Some(item) = item else { return again("not of the events that it was asked for") };
        if item.status == 409 {
            known.push(*at);
        }
        let heard = of_item(item);
        if item.status == 400 && matches!(heard, LineHeard::Refused(_)) {
            unfit.push(*at);
        }
        each.push(heard);
    }
    BulkHeard { heard: Heard::Each(each), known, unfit }
}

/// What a yes to so many lines means of which no more than the beginning is read. Only an answer of this protocol is
/// shorter for fewer of them: any other is somebody else's, as a proxy's page.
#[must_use]
pub fn begun_answer(status: u16, begin: &[u8], lines: usize) -> Heard {
    let first = begin.trim_ascii_start().strip_prefix(b"{").unwrap_or_default().trim_ascii_start();
    let names: [&[u8]; 4] = [b"\"took\"", b"\"errors\"", b"\"items\"", b"\"ingest_took\""];
    let why = format!("answered {status}, and more than is read of an answer: {}", told(begin));
    match names.iter().any(|name| first.starts_with(name)) {
        true if lines > 1 => Heard::TooLarge(why),
        _ => Heard::Again(why, None),
    }
}

fn of_item(item: &Created<'_>) -> LineHeard {
    let why = || {
        let error = item.error.map(RawValue::get).unwrap_or_default();
        format!("answered {} for it: {}", item.status, told(error.as_bytes()))
    };
    match item.status {
        // It is there already: handed over before, and the answer was lost.
        409 => LineHeard::Done,
        200..=299 => match item.result.as_deref() {
            Some("created") => LineHeard::Done,
            Some("noop") => LineHeard::Refused(format!(
                "answered {} for it, and noop: it wasn't created, for a pipeline there drops it",
                item.status
            )),
            other => LineHeard::Again(format!(
                "answered {} for it, and not that it was created: {}",
                item.status,
                told(other.unwrap_or_default().as_bytes())
            )),
        },
        413 => LineHeard::TooLarge(why()),
        400 if is_of_the_document(item.error) => LineHeard::Refused(why()),
        // No index yet, no shard left for one, a full disk's block, a queue that is full: not the event's fault.
        _ => LineHeard::Again(why()),
    }
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
        assert!(body.ends_with(b"\n") && lines.len() == 4 && cut.is_empty());
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

    fn answered(status: u16, body: &[u8], parcel: &Parcel, lines: &[usize]) -> Heard {
        bulk_answer((status, None, body), parcel, lines).heard
    }

    /// The answers that OpenSearch 2.19 and 3.8 gave, measured; their items in another order, as none did.
    #[test]
    fn each_answer_is_read_by_its_id() {
        let parcel = parcel(&["{}"; 6]);
        let body = r#"{"took":3,"errors":true,"items":[
            {"create":{"_index":"a","_id":"c/n/s/7/4","status":400,"error":{"type":"mapper_parsing_exception","reason":"x"}}},
            {"create":{"_index":"a","_id":"c/n/s/7/2","result":"created","status":201}},
            {"create":{"_index":"a","_id":"c/n/s/7/3","status":409,"error":{"type":"version_conflict_engine_exception","reason":"x"}}},
            {"create":{"_index":"a","_id":"c/n/s/7/5","status":429,"error":{"type":"circuit_breaking_exception","reason":"x"}}},
            {"create":{"_index":"a","_id":"c/n/s/7/6","status":403,"error":{"type":"cluster_block_exception","reason":"x"}}}]}"#;
        let lines = [1, 2, 3, 4, 5];
        let BulkHeard { heard: Heard::Each(each), known, unfit } =
            bulk_answer((200, None, body.as_bytes()), &parcel, &lines)
        else {
            panic!("no answer for each")
        };
        assert_eq!((&each[..2], known), (&[LineHeard::Done, LineHeard::Done][..], vec![2]));
        assert_eq!(unfit, [3]);
        assert!(
            matches!(&each[2], LineHeard::Refused(why) if why.contains("mapper_parsing_exception"))
        );
        assert!(matches!(each[3..], [LineHeard::Again(_), LineHeard::Again(_)]));
        // An id that wasn't asked for, one twice, none, one too few, one too many.
        for body in [
            body.replace("7/4", "7/9"),
            body.replace("7/4", "7/2"),
            body.replace("\"_id\":\"c/n/s/7/4\",", ""),
        ] {
            assert!(matches!(answered(200, body.as_bytes(), &parcel, &lines), Heard::Again(..)));
        }
        for lines in [&lines[1..], &[0, 1, 2, 3, 4, 5]] {
            assert!(matches!(answered(200, body.as_bytes(), &parcel, lines), Heard::Again(..)));
        }
        for (status, body) in [(200, &b"<html>"[..]), (200, b"{}"), (503, b""), (404, b"{}")] {
            assert!(
                matches!(answered(status, body, &parcel, &lines), Heard::Again(..)),
                "{status}"
            );
        }
        assert!(matches!(answered(413, b"", &parcel, &lines), Heard::TooLarge(_)));
    }

    /// The cluster's limit of shards, as OpenSearch 2.19 says it of each event of a day that has no index yet; beside
    /// events of another day that it takes, and one that is at fault itself.
    #[test]
    fn what_is_the_clusters_state_is_waited_for() {
        let parcel = parcel(&["{}"; 3]);
        let body = r#"{"items":[
            {"create":{"_id":"c/n/s/7/1","result":"created","status":201}},
            {"create":{"_id":"c/n/s/7/2","status":400,"error":{"type":"validation_exception","reason":
                "Validation Failed: 1: this action would add [2] total shards, but this cluster currently has [7]/[7] maximum shards open;"}}},
            {"create":{"_id":"c/n/s/7/3","status":400,"error":{"type":"mapper_parsing_exception","reason":"failed to parse"}}}]}"#;
        let said = bulk_answer((200, None, body.as_bytes()), &parcel, &[0, 1, 2]);
        let Heard::Each(each) = said.heard else { panic!("no answer for each") };
        assert!(
            matches!(&each[1], LineHeard::Again(why) if why.contains("maximum shards open")),
            "{each:?}"
        );
        assert!(matches!(each[2], LineHeard::Refused(_)));
        assert_eq!(said.unfit, [2]);
        // Refused as objects and not told of as texts, they are waited for as well.
        let mut objects = bulk_answer((200, None, body.as_bytes()), &parcel, &[0, 1, 2]);
        let body = body.replace("mapper_parsing", "validation");
        let texts = bulk_answer((200, None, body.as_bytes()), &parcel, &[0, 1, 2]);
        let Heard::Each(texts) = texts.heard else { panic!("no answer for each") };
        objects.mend(&[0, 1, 2], Heard::Each(texts[2..].to_vec()));
        let Heard::Each(each) = objects.heard else { panic!("another kind") };
        assert!(matches!(each[..], [LineHeard::Done, LineHeard::Again(_), LineHeard::Again(_)]));
    }

    #[test]
    fn only_a_long_answer_of_items_is_too_large() {
        let begun = |begin: &str, lines| begun_answer(200, begin.as_bytes(), lines);
        for begin in ["{\"took\":3,\"errors\":", " {\n \"errors\": true, \"items\"", "{\"items\":["]
        {
            assert!(matches!(begun(begin, 2), Heard::TooLarge(_)), "{begin}");
            // It isn't the event's fault, and less of it makes the answer no shorter.
            assert!(matches!(begun(begin, 1), Heard::Again(_, None)), "{begin}");
        }
        for begin in [
            "<html>please log in",
            "",
            "[{\"took\":3",
            "{\"error\":{",
            "\"took\"",
            "{\"x\":1},{\"x\":1}",
        ] {
            assert!(matches!(begun(begin, 2), Heard::Again(_, None)), "{begin}");
        }
    }

    /// The answer that OpenSearch 2.19 gave for an event that a pipeline drops, measured; and some that are none.
    #[test]
    fn only_what_is_created_is_there() {
        let parcel = parcel(&["{}"]);
        for (result, status, refused) in [
            ("\"noop\"", 200, true),
            ("\"updated\"", 200, false),
            ("\"not_found\"", 201, false),
            ("null", 201, false),
        ] {
            let body = format!(
                "{{\"items\":[{{\"create\":{{\"_id\":\"c/n/s/7/1\",\"_version\":-4,\"result\":{result},\"status\":{status}}}}}]}}"
            );
            let Heard::Each(each) = answered(200, body.as_bytes(), &parcel, &[0]) else {
                panic!("no answer for each")
            };
            assert_eq!(matches!(each[..], [LineHeard::Refused(_)]), refused, "{each:?}");
            assert_eq!(matches!(each[..], [LineHeard::Again(_)]), !refused, "{each:?}");
        }
    }

    /// These protocols have no way to say it; its hash is in each of them, and only there.
    #[test]
    fn a_line_that_is_no_utf_8_is_marked() {
        let mut parcel = parcel(&["xx", "{\"a\":1}"]);
        parcel.text[..2].copy_from_slice(&[0x61, 0xff]);
        let hash = hash(&[0x61, 0xff]).to_string();
        let lines = [0, 1];
        let (push, _) = crate::loki(&parcel, &lines, &Shape::default());
        let push: serde_json::Value = serde_json::from_slice(&push).unwrap();
        let values = &push["streams"][0]["values"];
        assert_eq!(values[0][1], "a\u{fffd}");
        assert_eq!(
            (&values[0][2]["auditseal_hash"], &values[1][2]["auditseal_hash"]),
            (&json!(hash), &serde_json::Value::Null)
        );
        let requests = [
            push.to_string().into_bytes(),
            crate::otlp(&parcel, &lines, &Shape::default()).0,
            crate::syslog(&parcel, &lines, &Shape::default()).0,
            bulk("p", &parcel, &lines, &Shape::default()).0,
        ];
        for request in requests {
            let request = String::from_utf8_lossy(&request).into_owned();
            assert_eq!(request.matches(&hash).count(), 1, "{request}");
        }
    }

    /// Of a text that isn't taken now nothing is given up, and one that is too large is cut.
    #[test]
    fn what_is_heard_of_texts_counts() {
        let refused = || LineHeard::Refused("as an object".to_owned());
        let each = vec![LineHeard::Done, refused(), refused(), refused()];
        let mended = |texts: Heard| {
            let heard = Heard::Each(each.clone());
            let mut heard = BulkHeard { heard, known: Vec::new(), unfit: vec![6, 7, 8] };
            heard.mend(&[5, 6, 7, 8], texts);
            heard.heard
        };
        let why = || "why".to_owned();
        let texts = [LineHeard::Done, LineHeard::Again(why()), LineHeard::Refused(why())];
        let [done, again, _] = texts.clone();
        let mixed = vec![LineHeard::Done, done, again, refused()];
        assert_eq!(mended(Heard::Each(texts.to_vec())), Heard::Each(mixed));
        let busy = Heard::Again(why(), Some(std::time::Duration::from_secs(7)));
        assert_eq!(mended(busy.clone()), busy);
        let large = LineHeard::TooLarge(why());
        let cut = vec![LineHeard::Done, large.clone(), large.clone(), large];
        assert_eq!(mended(Heard::TooLarge(why())), Heard::Each(cut));
        assert_eq!(mended(Heard::Refused(why())), Heard::Each(each.clone()));
    }
}
