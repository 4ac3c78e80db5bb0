//! Whether an object is a NetworkPolicy as an apiserver takes one: nothing in it that is read as something else.
//!
//! Source: `k8s.io/api/networking/v1`, NetworkPolicy, and its validation in `pkg/apis/networking/validation`; `kubectl apply`
//! refuses fields that aren't known (`--validate=strict`).

use serde_json::{Map, Value};

/// Fields of a policy's `metadata`.
const METADATA: [&str; 15] = [
    "annotations",
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "finalizers",
    "generateName",
    "generation",
    "labels",
    "managedFields",
    "name",
    "namespace",
    "ownerReferences",
    "resourceVersion",
    "selfLink",
    "uid",
];

/// What was found wrong: the place, and what is there.
type Wrong = Result<(), String>;

type Object = Map<String, Value>;

/// Checks a policy whole.
///
/// # Errors
/// The first thing that isn't as it should be, with its place.
pub(crate) fn check(policy: &Value) -> Wrong {
    let top = object(policy, "the object")?;
    known(top, "", &["apiVersion", "kind", "metadata", "spec", "status"])?;
    let Some(metadata) = given(top, "metadata") else {
        return Err("metadata: there is none".to_owned());
    };
    let metadata = object(metadata, "metadata")?;
    known(metadata, "metadata", &METADATA)?;
    for key in ["name", "generateName", "namespace"] {
        given(metadata, key).map_or(Ok(()), |value| text(value, &at("metadata", key)))?;
    }
    let Some(spec) = given(top, "spec") else { return Err("spec: there is none".to_owned()) };
    let spec = object(spec, "spec")?;
    known(spec, "spec", &["podSelector", "policyTypes", "ingress", "egress"])?;
    if let Some(pods) = given(spec, "podSelector") {
        selector(pods, "spec.podSelector")?;
    }
    each(spec, "policyTypes", "spec", |kind, place| match kind.as_str() {
        Some("Ingress" | "Egress") => Ok(()),
        _ => Err(format!("{place}: it is {}, and neither Ingress nor Egress", shown(kind))),
    })?;
    each(spec, "ingress", "spec", |one, place| rule(one, place, "from"))?;
    each(spec, "egress", "spec", |one, place| rule(one, place, "to"))
}

fn rule(of: &Value, place: &str, side: &str) -> Wrong {
    let of = object(of, place)?;
    known(of, place, &["ports", side])?;
    each(of, "ports", place, port)?;
    each(of, side, place, peer)
}

fn peer(of: &Value, place: &str) -> Wrong {
    let of = object(of, place)?;
    known(of, place, &["podSelector", "namespaceSelector", "ipBlock"])?;
    for key in ["podSelector", "namespaceSelector"] {
        given(of, key).map_or(Ok(()), |value| selector(value, &at(place, key)))?;
    }
    let Some(block) = given(of, "ipBlock") else { return Ok(()) };
    let place = at(place, "ipBlock");
    let block = object(block, &place)?;
    known(block, &place, &["cidr", "except"])?;
    given(block, "cidr").map_or(Ok(()), |cidr| text(cidr, &at(&place, "cidr")))?;
    each(block, "except", &place, text)
}

fn port(of: &Value, place: &str) -> Wrong {
    let of = object(of, place)?;
    known(of, place, &["port", "protocol", "endPort"])?;
    given(of, "protocol").map_or(Ok(()), |value| text(value, &at(place, "protocol")))?;
    let Some(Value::String(name)) = of.get("port") else { return Ok(()) };
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let named = name.len() <= 15 && name.bytes().all(plain);
    if named && name.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Ok(());
    }
    let place = at(place, "port");
    Err(format!("{place}: it is {}, and no port is called so", shown(&of["port"])))
}

fn selector(of: &Value, place: &str) -> Wrong {
    let of = object(of, place)?;
    known(of, place, &["matchLabels", "matchExpressions"])?;
    if let Some(labels) = given(of, "matchLabels") {
        let place = at(place, "matchLabels");
        for (key, value) in object(labels, &place)? {
            text(value, &at(&place, key))?;
        }
    }
    each(of, "matchExpressions", place, |one, place| {
        let one = object(one, place)?;
        known(one, place, &["key", "operator", "values"])?;
        each(one, "values", place, text)?;
        let values = given(one, "values").and_then(Value::as_array).map_or(0, Vec::len);
        let place = at(place, "values");
        match one.get("operator").and_then(Value::as_str) {
            Some("In" | "NotIn") if values == 0 => Err(format!("{place}: there is none")),
            Some("Exists" | "DoesNotExist") if values > 0 => {
                Err(format!("{place}: this operator takes none"))
            }
            _ => Ok(()),
        }
    })
}

/// A value that is there: `null` is none.
fn given<'a>(of: &'a Object, key: &str) -> Option<&'a Value> {
    of.get(key).filter(|value| !value.is_null())
}

fn at(place: &str, key: &str) -> String {
    if place.is_empty() { key.to_owned() } else { format!("{place}.{key}") }
}

fn object<'a>(of: &'a Value, place: &str) -> Result<&'a Object, String> {
    of.as_object().ok_or_else(|| format!("{place}: it is {}, and no map", shown(of)))
}

fn text(of: &Value, place: &str) -> Wrong {
    if of.is_string() {
        return Ok(());
    }
    Err(format!("{place}: it is {}, and no text", shown(of)))
}

/// Looks at each of a list, if there is one.
fn each(of: &Object, key: &str, place: &str, look: impl Fn(&Value, &str) -> Wrong) -> Wrong {
    let (Some(list), place) = (given(of, key), at(place, key)) else { return Ok(()) };
    let Value::Array(list) = list else {
        return Err(format!("{place}: it is {}, and no list", shown(list)));
    };
    list.iter().enumerate().try_for_each(|(nth, one)| look(one, &format!("{place}[{nth}]")))
}

fn known(of: &Object, place: &str, keys: &[&str]) -> Wrong {
    let Some(key) = of.keys().find(|key| !keys.contains(&key.as_str())) else { return Ok(()) };
    let near = keys.iter().find(|known| known.eq_ignore_ascii_case(key));
    let near = near.map_or_else(String::new, |near| format!("; {near} is"));
    Err(format!("{}: there is no such field{near}", at(place, key)))
}

/// What stands there, as far as a line has room for it.
fn shown(of: &Value) -> String {
    match of {
        Value::Null => "null".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "a map".to_owned(),
        other => other.to_string().chars().take(60).collect(),
    }
}
