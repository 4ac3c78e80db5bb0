//! The index template of OpenSearch and Elasticsearch, and whether an answer says that it is there.

use std::time::Duration;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;

use crate::answer::{Heard, of_status, told};

/// Characters of a keyword that are indexed: 32,766 bytes are the most that a term may have, and a character has
/// four at most.
const KEYWORD: u32 = 8191;

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
        // Two templates of one priority may not overlap: that of the longer prefix goes before.
        "priority": 200 + prefix.len(),
        "version": 1,
        "_meta": { "description": "Kubernetes audit events handed over by auditseal forward" },
        "template": {
            "settings": { "index.number_of_shards": 1 },
            "mappings": { "dynamic": false, "properties": properties },
        },
    })
}

#[derive(Deserialize)]
struct Templates {
    index_templates: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    name: String,
    #[serde(rename = "index_template")]
    _template: IgnoredAny,
}

#[derive(Deserialize)]
struct Acknowledged {
    acknowledged: bool,
}

/// Whether the answer to the question for a template shows one of this name, whatever is in it: whoever changed it
/// wants it so.
///
/// # Errors
/// [`Heard::Again`] of what shows neither that it is there nor that it isn't. Somebody else's 200, as a proxy's page,
/// isn't believed: an index that is made without the template is mapped by its first event, for ever.
pub fn template_found(
    prefix: &str,
    (status, wait, body): (u16, Option<Duration>, &[u8]),
) -> Result<bool, Heard> {
    if status == 404 {
        return Ok(false);
    }
    if let Some(said) = of_status(status, wait, body) {
        return Err(again(prefix, "isn't told of", said));
    }
    let found = serde_json::from_slice::<Templates>(body);
    if found.is_ok_and(|found| found.index_templates.iter().any(|one| one.name == prefix)) {
        return Ok(true);
    }
    let why = format!("answered {status}, and doesn't show it: {}", told(body));
    Err(again(prefix, "isn't told of", Heard::Again(why, None)))
}

/// Whether the answer to it says that it was taken.
///
/// # Errors
/// [`Heard::Again`] of any that doesn't.
pub fn template_taken(
    prefix: &str,
    (status, wait, body): (u16, Option<Duration>, &[u8]),
) -> Result<(), Heard> {
    if let Some(said) = of_status(status, wait, body) {
        return Err(again(prefix, "isn't taken", said));
    }
    if serde_json::from_slice::<Acknowledged>(body).is_ok_and(|answer| answer.acknowledged) {
        return Ok(());
    }
    let why = format!("answered {status}, and not that it is acknowledged: {}", told(body));
    Err(again(prefix, "isn't taken", Heard::Again(why, None)))
}

/// What a template is told of is no event's fault.
fn again(prefix: &str, what: &str, said: Heard) -> Heard {
    let (why, wait) = match said {
        Heard::Again(why, wait) => (why, wait),
        Heard::TooLarge(why) | Heard::Refused(why) => (why, None),
        _ => (String::new(), None),
    };
    Heard::Again(format!("the index template {prefix} {what}: {why}"), wait)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_an_event_is_mapped_by_itself() {
        let template = template("audit");
        assert_eq!(template["index_patterns"], json!(["audit-*"]));
        assert!(super::template("audit-b")["priority"].as_u64() > template["priority"].as_u64());
        let mut objects = vec![&template["template"]["mappings"]];
        while let Some(object) = objects.pop() {
            assert_eq!(object["dynamic"], json!(false));
            let properties = object["properties"].as_object().unwrap().values();
            objects.extend(properties.filter(|of| of.get("properties").is_some()));
        }
    }

    #[test]
    fn a_template_is_there_where_it_is_shown() {
        let found =
            |status: u16, body: &str| template_found("audit", (status, None, body.as_bytes()));
        let ours = json!({ "index_templates": [
            { "name": "audit-b", "index_template": {} },
            { "name": "audit", "index_template": { "index_patterns": ["audit-*"] } } ] });
        assert_eq!(found(200, &ours.to_string()), Ok(true));
        assert_eq!(
            found(404, "{\"error\":{\"type\":\"resource_not_found_exception\"}}"),
            Ok(false)
        );
        let other = ours.to_string().replace("\"audit\"", "\"audits\"");
        for (status, body) in [
            (200, "<html>please log in</html>"),
            (200, ""),
            (200, "{}"),
            (200, "{\"index_templates\":[]}"),
            (200, "{\"index_templates\":[{\"name\":\"audit\"}]}"),
            (200, &other),
            (204, ""),
            (302, ""),
            (400, "{}"),
            (403, "{}"),
            (413, ""),
            (503, &ours.to_string()),
        ] {
            let heard = found(status, body);
            assert!(
                matches!(&heard, Err(Heard::Again(why, _)) if why.starts_with("the index template audit isn't told of: answered")),
                "{status} {body} {heard:?}"
            );
        }
    }

    #[test]
    fn a_template_is_taken_where_that_is_acknowledged() {
        let taken =
            |status: u16, body: &str| template_taken("audit", (status, None, body.as_bytes()));
        assert_eq!(taken(200, "{\"acknowledged\":true}"), Ok(()));
        for (status, body) in [
            (200, "<html>please log in</html>"),
            (200, "{}"),
            (200, "true"),
            (200, "{\"acknowledged\":false}"),
            (200, "{\"acknowledged\":\"true\"}"),
            (201, ""),
            (302, "{\"acknowledged\":true}"),
            (400, "{\"error\":\"multiple index templates may not match during index creation\"}"),
            (413, ""),
        ] {
            let heard = taken(status, body);
            assert!(
                matches!(&heard, Err(Heard::Again(why, None)) if why.starts_with("the index template audit isn't taken: answered")),
                "{status} {body} {heard:?}"
            );
        }
        let wait = Some(Duration::from_secs(7));
        let heard = template_taken("audit", (429, wait, b"busy"));
        assert!(matches!(heard, Err(Heard::Again(_, after)) if after == wait));
    }
}
