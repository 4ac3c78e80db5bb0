//! Which kind of patch a body is.

use serde_json::Value;

use super::json::operations;
use super::strategic::{PATCH, has_directive};
use crate::schema::Schema;
use crate::value::{at, text};

/// The four kinds of patches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PatchKind {
    /// RFC 6902.
    Json,
    /// RFC 7386.
    Merge,
    /// Kubernetes' own.
    Strategic,
    /// Server-side apply.
    Apply,
}

/// The kinds that a body may be, the likeliest first: the audit log has no media type.
///
/// * A list is a JSON Patch.
/// * `force` is taken with an apply alone, so it makes one certain where the apiserver took the request.
/// * A custom resource has no strategic merge patch; a directive makes one certain for a type that may have it.
/// * Who applies must give a field manager, and the body an apiVersion and a kind.
#[must_use]
pub fn infer(body: &Value, query: &[(String, String)], group: &str) -> Vec<PatchKind> {
    use PatchKind::{Apply, Json, Merge, Strategic};
    let given = |name: &str| query.iter().any(|(of, value)| of == name && !value.is_empty());
    if body.is_array() {
        return vec![Json];
    }
    if given("force") {
        return vec![Apply];
    }
    let strategic = Schema::new(group, "").is_own();
    if strategic && has_directive(body) {
        return vec![Strategic];
    }
    let named = text(body, &["apiVersion"]).is_some() && text(body, &["kind"]).is_some();
    let mut kinds = Vec::new();
    if named && given("fieldManager") {
        kinds.push(Apply);
    }
    if strategic {
        kinds.push(Strategic);
    }
    kinds.push(Merge);
    kinds
}

/// The resourceVersion that the stored object must have had for this patch to be taken; none: it would have been taken
/// on any.
///
/// The apiserver refuses a patched object whose resourceVersion isn't the stored one's, so a patch that sets it (or, as
/// JSON Patch, tests or sets it and touches nothing around it) proves what it was applied to.
#[must_use]
pub fn submitted_version(body: &Value) -> Option<String> {
    let version = match body {
        Value::Array(_) => tested_version(body)?,
        _ => {
            let metadata = at(body, &["metadata"])?;
            let marked = body.get(PATCH).is_some() || has_directive(metadata);
            text(metadata, &["resourceVersion"]).filter(|_| !marked)?.to_owned()
        }
    };
    (!version.is_empty() && version != "0").then_some(version)
}

fn tested_version(body: &Value) -> Option<String> {
    let way = ["metadata", "resourceVersion"];
    let mut found: Option<String> = None;
    for operation in operations(body).ok()? {
        let meets = |path: &[String]| path.iter().zip(way).all(|(token, name)| token == name);
        let from = operation.from.as_deref();
        if !meets(&operation.path) && !from.is_some_and(meets) {
            continue;
        }
        let whole = operation.path.len() == way.len();
        let value = operation.value.and_then(Value::as_str).filter(|_| whole)?;
        if !matches!(operation.name, "test" | "replace" | "add") {
            return None;
        }
        if found.as_deref().is_some_and(|found| found != value) {
            return None;
        }
        found = Some(value.to_owned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn query(text: &str) -> Vec<(String, String)> {
        let pair = |pair: &str| pair.split_once('=').map(|(k, v)| (k.to_owned(), v.to_owned()));
        text.split('&').filter_map(pair).collect()
    }

    #[test]
    fn the_kind_is_told_by_body_and_query() {
        use PatchKind::{Apply, Json, Merge, Strategic};
        let whole = json!({"apiVersion": "v1", "kind": "Pod", "spec": {}});
        let plain = json!({"spec": {}});
        let directive = json!({"spec": {"$setElementOrder/x": []}});
        for (body, text, group, kinds) in [
            (&json!([]), "force=true", "", &[Json][..]),
            (&whole, "fieldManager=k&force=true", "", &[Apply]),
            (&whole, "fieldManager=k", "", &[Apply, Strategic, Merge]),
            (&whole, "", "", &[Strategic, Merge]),
            (&plain, "fieldManager=k", "apps", &[Strategic, Merge]),
            (&plain, "", "example.com", &[Merge]),
            (&directive, "", "apps", &[Strategic]),
            (&directive, "", "example.com", &[Merge]),
        ] {
            assert_eq!(infer(body, &query(text), group), kinds, "{body} {text}");
        }
    }

    #[test]
    fn a_version_proves_something_only_where_nothing_takes_it_away() {
        let set = |value: Value| json!({"op": "test", "path": "/metadata/resourceVersion", "value": value});
        let other = json!({"op": "add", "path": "/metadata/labels/x", "value": "1"});
        for (body, version) in [
            (json!({"metadata": {"resourceVersion": "5"}}), Some("5")),
            (json!({"metadata": {"resourceVersion": "0"}}), None),
            (json!({"metadata": {"resourceVersion": ""}}), None),
            (json!({"metadata": {"resourceVersion": 5}}), None),
            (json!({"metadata": {"resourceVersion": "5", "$patch": "delete"}}), None),
            (json!({"metadata": {"resourceVersion": "5"}, "$patch": "delete"}), None),
            (json!([other, set(json!("5"))]), Some("5")),
            (json!([set(json!("5")), set(json!("6"))]), None),
            (json!([set(json!(5))]), None),
            (json!([set(json!("5")), {"op": "remove", "path": "/metadata/resourceVersion"}]), None),
            (json!([set(json!("5")), {"op": "add", "path": "/metadata", "value": {}}]), None),
            (
                json!([set(json!("5")), {"op": "move", "from": "/metadata/resourceVersion", "path": "/x"}]),
                None,
            ),
            (json!([set(json!("5")), {"op": "copy", "from": "", "path": "/x"}]), None),
            (json!([other]), None),
        ] {
            assert_eq!(submitted_version(&body).as_deref(), version, "{body}");
        }
    }
}
