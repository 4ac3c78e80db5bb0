//! Whether a body is of the object that its request's address names.
//!
//! The apiserver puts an object where the address says: a body without a namespace gets the address's, and one that names
//! another object is refused (`k8s.io/apiserver`, `rest.EnsureObjectNamespaceMatchesRequestNamespace` and
//! `handlers.checkName`). A line that tells otherwise and of success contradicts itself.

use serde_json::{Map, Value};

use super::mark::Doubt;
use crate::act::Act;
use crate::value::text;

/// Whether a body of the request names another object than its address; an answer that isn't the object itself doesn't.
pub(crate) fn names_another(act: &Act) -> Option<Doubt> {
    let answered = act.response.held().filter(|body| act.succeeded() && !is_about(body));
    [act.request.held(), answered].into_iter().flatten().find_map(|body| differs(act, body))
}

/// Statuses, tables and the like have names of their own.
fn is_about(body: &Value) -> bool {
    let kinds = ["Status", "Table", "PartialObjectMetadata", "DeleteOptions"];
    text(body, &["kind"]).is_none_or(|kind| kinds.contains(&kind))
}

fn differs(act: &Act, body: &Value) -> Option<Doubt> {
    let of = |name| text(body, &["metadata", name]).filter(|text| !text.is_empty());
    let (space, name) = (act.namespace_of_object(), act.target.name.as_str());
    let other_space = of("namespace").is_some_and(|of| of != space);
    let other_name = of("name").is_some_and(|of| !name.is_empty() && of != name);
    (other_space || other_name).then(|| Doubt::OtherPlace {
        address: place(space, name),
        body: place(of("namespace").unwrap_or(space), of("name").unwrap_or(name)),
    })
}

fn place(namespace: &str, name: &str) -> String {
    match namespace {
        "" => format!("{name} in no namespace"),
        namespace => format!("{namespace}/{name}"),
    }
}

/// An object that was sent, with the name and the namespace that the address gives it.
pub(crate) fn placed(mut body: Value, act: &Act) -> Value {
    let Some(object) = body.as_object_mut() else { return body };
    let metadata = object.entry("metadata").or_insert_with(|| Value::Object(Map::new()));
    if let Some(metadata) = metadata.as_object_mut() {
        for (key, of) in [("namespace", act.namespace_of_object()), ("name", &act.target.name)] {
            if !of.is_empty() {
                metadata.insert(key.to_owned(), of.into());
            }
        }
    }
    body
}
