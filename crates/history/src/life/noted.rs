//! Old and new values that the guardrails' history policy notes in the event's annotations: docs/guardrails.md, "History".

use serde_json::{Map, Value};

use crate::act::Act;
use crate::value::parse;

/// Members of an object that the policy notes; `annotations` stand there as a list of `key=value`.
pub(crate) const PARTS: [&str; 6] =
    ["spec", "rules", "aggregationRule", "roleRef", "subjects", "annotations"];

/// What the policy noted of one request. It notes what is *admitted*; and where the apiserver admits a request twice
/// because the object changed meanwhile, the first note stays.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Noted {
    /// None: there was no object.
    pub(crate) before: Option<Value>,
    /// None: there is no object any more.
    pub(crate) after: Option<Value>,
}

/// Why there is no note that says something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoNote {
    /// There is none.
    None,
    /// It was cut.
    Cut,
}

/// What was noted. Of a collection, whose objects are admitted one by one, it is of one of them, and nothing says of which.
pub(crate) fn noted(act: &Act) -> Result<Noted, NoNote> {
    if act.verb == "deletecollection" {
        return Err(NoNote::None);
    }
    let note = |end: &str| {
        act.annotations.iter().find(|(key, _)| key.ends_with(end)).map(|(_, text)| text.as_str())
    };
    let (before, after) = (note("-history/before"), note("-history/after"));
    if before.is_none() && after.is_none() {
        return Err(NoNote::None);
    }
    let before = part(before.unwrap_or_default())?;
    let after = match after.unwrap_or_default() {
        "the same" => before.clone(),
        text => part(text)?,
    };
    Ok(Noted { before, after })
}

/// What was noted, as an object of its kind.
pub(crate) fn dressed(part: &Value, act: &Act) -> Value {
    let kind = match &*act.target.resource {
        "networkpolicies" => "NetworkPolicy",
        "ingresses" => "Ingress",
        "roles" => "Role",
        "clusterroles" => "ClusterRole",
        "rolebindings" => "RoleBinding",
        "clusterrolebindings" => "ClusterRoleBinding",
        _ => "",
    };
    let mut object = part.clone();
    if let Some(members) = object.as_object_mut() {
        members.insert("apiVersion".to_owned(), format!("{}/v1", act.target.api_group).into());
        members.insert("kind".to_owned(), kind.into());
        let metadata = members.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
        if let Some(metadata) = metadata.as_object_mut() {
            metadata.insert("name".to_owned(), act.target.name.clone().into());
            metadata.insert("namespace".to_owned(), act.target.namespace.clone().into());
        }
    }
    object
}

/// One note; none: it is empty, there was no object. The object's members stand where the object has them.
fn part(text: &str) -> Result<Option<Value>, NoNote> {
    if text.is_empty() {
        return Ok(None);
    }
    let Ok(Value::Object(members)) = parse(text) else { return Err(NoNote::Cut) };
    let mut object = Map::new();
    for (name, value) in members {
        if name != "annotations" {
            object.insert(name, value);
            continue;
        }
        let pairs = value.as_array().into_iter().flatten().filter_map(Value::as_str);
        let annotations: Map<String, Value> = pairs
            .filter_map(|pair| pair.split_once('='))
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect();
        object.insert(
            "metadata".to_owned(),
            Value::Object(Map::from_iter([(name, Value::Object(annotations))])),
        );
    }
    Ok(Some(Value::Object(object)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(before: &str, after: &str) -> Result<Noted, NoNote> {
        let line = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete", "objectRef": {},
            "annotations": {"auditseal-history/before": before, "auditseal-history/after": after}});
        noted(&Act::read(line.to_string().as_bytes(), crate::act::cite(0)).unwrap())
    }

    #[test]
    fn notes_are_read_and_cut_ones_are_not() {
        let before = r#"{"spec":{"a":1}, "annotations":["x.y/z=1=2", "b="]}"#;
        let object =
            json!({"spec": {"a": 1}, "metadata": {"annotations": {"x.y/z": "1=2", "b": ""}}});
        let noted = of(before, "the same").unwrap();
        assert_eq!((noted.before, noted.after), (Some(object.clone()), Some(object)));
        assert_eq!(of("", r#"{"spec":{}}"#).unwrap().before, None);
        assert_eq!(of(before, "").unwrap().after, None);
        assert_eq!(
            of(r#"{"spec":{"a" [cut: the first 9900 of 12000 characters]"#, ""),
            Err(NoNote::Cut)
        );
        let bare = Act::read(
            br#"{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","stage":"ResponseComplete","objectRef":{}}"#,
            crate::act::cite(0),
        );
        assert_eq!(super::noted(&bare.unwrap()), Err(NoNote::None));
    }
}
