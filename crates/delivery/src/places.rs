//! What stands at OpenSearch or Elasticsearch in the places that it says are taken.
//!
//! Most likely it is the event, handed over before when an answer was lost. It counts as that only where it is shown:
//! a 409 alone may be of another archive's event, or of nobody who has anything.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use crate::answer::{Heard, LineHeard, of_status, told};
use crate::bulk::{id, index_of};
use crate::parcel::{Parcel, ParcelLine};

/// The question which seals stand in the documents of these lines, for `_mget?_source_includes=auditseal.seal`.
#[must_use]
pub fn places(prefix: &str, parcel: &Parcel, lines: &[usize]) -> Vec<u8> {
    let lines = lines.iter().filter_map(|at| parcel.lines.get(*at));
    let each = lines
        .map(|line| json!({ "_index": index_of(prefix, line.of.sealed.date()), "_id": id(line) }));
    json!({ "docs": each.collect::<Vec<_>>() }).to_string().into_bytes()
}

#[derive(Deserialize)]
struct Found<'a> {
    #[serde(borrow)]
    docs: Vec<FoundAt<'a>>,
}

#[derive(Deserialize)]
struct FoundAt<'a> {
    #[serde(rename = "_id")]
    id: String,
    found: Option<bool>,
    #[serde(rename = "_source", borrow)]
    source: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

/// A document that cites a seal.
#[derive(Deserialize)]
struct Citing {
    auditseal: Cited,
}

#[derive(Deserialize)]
struct Cited {
    seal: String,
}

/// An answer that says no.
#[derive(Deserialize)]
struct Denied {
    error: Kind,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: String,
}

/// What both say to a user who may not read. Who may only write can't look, and is believed.
const DENIED: &str = "security_exception";

/// What is known of the lines that were sent once the answer to [`places`] is read, which asked for those whose places
/// were taken: they are there where a document of the same seal is shown. What says neither what stands there nor that
/// it may not be read is waited for, and so is a place in which nothing stands.
#[must_use]
pub fn places_answer(
    heard: Heard,
    (sent, known): (&[usize], &[usize]),
    parcel: &Parcel,
    (status, wait, body): (u16, Option<Duration>, &[u8]),
) -> Heard {
    let Heard::Each(mut each) = heard else { return heard };
    let denied = serde_json::from_slice::<Denied>(body);
    if status == 403 && denied.is_ok_and(|denied| denied.error.kind == DENIED) {
        return Heard::Each(each);
    }
    let not_told = |why: String, wait| {
        Heard::Again(
            format!("isn't told what stands in the places of events that are known: {why}"),
            wait,
        )
    };
    match of_status(status, wait, body) {
        None => {}
        Some(Heard::Again(why, wait)) => return not_told(why, wait),
        // Of fewer places less is asked.
        Some(Heard::TooLarge(why)) if sent.len() > 1 => return Heard::TooLarge(why),
        Some(Heard::TooLarge(why) | Heard::Refused(why)) => return not_told(why, None),
        Some(other) => return other,
    }
    let Ok(found) = serde_json::from_slice::<Found<'_>>(body) else {
        return not_told(format!("answered {status}: {}", told(body)), None);
    };
    let known: HashSet<usize> = known.iter().copied().collect();
    let mut found: HashMap<&str, &FoundAt<'_>> =
        found.docs.iter().map(|at| (&*at.id, at)).collect();
    for (at, heard) in sent.iter().zip(&mut each).filter(|(at, _)| known.contains(at)) {
        let Some(line) = parcel.lines.get(*at) else { continue };
        // Of a line that is waited for, or was refused, nothing was said to be there.
        if *heard == LineHeard::Done {
            *heard = stands(line, found.remove(&*id(line)));
        }
    }
    Heard::Each(each)
}

/// What is shown in the place of a line.
fn stands(line: &ParcelLine, found: Option<&FoundAt<'_>>) -> LineHeard {
    let again = |what: &str| LineHeard::Again(format!("says that it is known, and {what}"));
    let Some(found) = found else { return again("shows nothing of its place") };
    if let Some(error) = found.error.map(RawValue::get) {
        let kind = serde_json::from_str::<Kind>(error);
        return match kind.is_ok_and(|error| error.kind == DENIED) {
            true => LineHeard::Done,
            false => again(&format!("not what stands there: {}", told(error.as_bytes()))),
        };
    }
    if found.found != Some(true) {
        return again("that nothing stands there");
    }
    let citing = found.source.and_then(|source| serde_json::from_str::<Citing>(source.get()).ok());
    match citing.map(|citing| citing.auditseal.seal) {
        Some(seal) if seal == line.of.seal.hash.to_string() => LineHeard::Done,
        Some(seal) => {
            let seal: String = told(seal.as_bytes()).chars().take(64).collect();
            LineHeard::Refused(format!(
                "its place has an event of another archive: one under the same id says seal {seal}"
            ))
        }
        None => LineHeard::Refused("its place has a document that shows no seal".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loki::tests::parcel;

    #[test]
    fn a_place_that_another_archive_has_is_known() {
        let parcel = parcel(&["{}"; 3]);
        let asked: serde_json::Value =
            serde_json::from_slice(&places("p", &parcel, &[1, 2])).unwrap();
        assert_eq!(asked["docs"][0], json!({ "_index": "p-2026.09.21", "_id": "c/n/s/7/2" }));
        let own = parcel.lines[0].of.seal.hash.to_string();
        let found = json!({ "docs": [
            { "_id": "c/n/s/7/3", "found": true, "_source": { "auditseal": { "seal": "other" } } },
            { "_id": "c/n/s/7/2", "found": true, "_source": { "auditseal": { "seal": own } } },
            { "_id": "c/n/s/7/1", "found": false } ] });
        let heard = Heard::Each(vec![LineHeard::Done; 3]);
        let answer = (200, None, found.to_string().into_bytes());
        let heard =
            places_answer(heard, (&[0, 1, 2], &[1, 2]), &parcel, (answer.0, answer.1, &answer.2));
        let Heard::Each(each) = &heard else { panic!("another kind") };
        assert_eq!(each[..2], [LineHeard::Done, LineHeard::Done]);
        assert!(matches!(&each[2], LineHeard::Refused(why) if why.ends_with("seal other")));
        let heard = places_answer(heard, (&[0, 1, 2], &[1, 2]), &parcel, (200, None, b"{}"));
        assert!(matches!(heard, Heard::Again(..)));
    }

    /// Of two that are known, the second is answered so.
    #[test]
    fn what_is_known_is_there_only_where_it_is_shown() {
        let parcel = parcel(&["{}"; 2]);
        let own = parcel.lines[0].of.seal.hash.to_string();
        let shown = |second: serde_json::Value| {
            let first = json!({ "_id": "c/n/s/7/1", "found": true, "_source": { "auditseal": { "seal": own } } });
            let body = json!({ "docs": [first, second] }).to_string();
            let heard = Heard::Each(vec![LineHeard::Done; 2]);
            match places_answer(heard, (&[0, 1], &[0, 1]), &parcel, (200, None, body.as_bytes())) {
                Heard::Each(each) if each[0] == LineHeard::Done => each[1].clone(),
                other => panic!("{other:?}"),
            }
        };
        let id = "c/n/s/7/2";
        let error = |kind: &str| json!({ "_id": id, "error": { "type": kind, "reason": "x" } });
        assert_eq!(shown(error("security_exception")), LineHeard::Done);
        for second in [
            error("no_shard_available_action_exception"),
            json!({ "_id": id, "found": false }),
            json!({ "_id": id, "_source": { "auditseal": { "seal": own } } }),
            json!({ "_id": "c/n/s/7/3", "found": true, "_source": { "auditseal": { "seal": own } } }),
        ] {
            assert!(matches!(shown(second.clone()), LineHeard::Again(_)), "{second}");
        }
        for source in [
            json!(null),
            json!({}),
            json!({ "auditseal": 7 }),
            json!({ "auditseal": { "seal": [own] } }),
        ] {
            let second = json!({ "_id": id, "found": true, "_source": source });
            assert!(matches!(shown(second.clone()), LineHeard::Refused(_)), "{second}");
        }
    }

    #[test]
    fn an_answer_that_shows_no_place_is_no_yes() {
        let parcel = parcel(&["{}"; 2]);
        let answered = |sent: &[usize], status: u16, body: &str| {
            let heard = Heard::Each(vec![LineHeard::Done; sent.len()]);
            places_answer(heard, (sent, sent), &parcel, (status, None, body.as_bytes()))
        };
        let denied = "{\"error\":{\"root_cause\":[],\"type\":\"security_exception\",\"reason\":\"no permissions\"},\"status\":403}";
        assert_eq!(answered(&[0], 403, denied), Heard::Each(vec![LineHeard::Done]));
        for (status, body) in [
            (200, "{}"),
            (200, "<html>go away</html>"),
            (200, denied),
            (302, ""),
            (400, "{}"),
            (401, denied),
            (403, "<html>go away</html>"),
            (403, "{\"message\":\"Forbidden\"}"),
            (404, "{}"),
            (413, ""),
            (503, ""),
        ] {
            let heard = answered(&[0], status, body);
            assert!(matches!(heard, Heard::Again(..)), "{status} {body} {heard:?}");
        }
        assert!(matches!(answered(&[0, 1], 413, ""), Heard::TooLarge(_)));
        let none = answered(&[0, 1], 200, "{\"docs\":[]}");
        let Heard::Each(none) = none else { panic!("{none:?}") };
        assert!(matches!(none[..], [LineHeard::Again(_), LineHeard::Again(_)]));
    }
}
