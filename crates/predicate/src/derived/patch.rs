//! How a patch is meant: its content type isn't logged.

use std::borrow::Cow;

use super::request::text;
use super::uri;
use crate::event::Event;
use crate::json::Kind;
use crate::lookup::{Found, Value, found_at};

/// `json`, `apply` or `strategic` where the body or the URI shows it, else `mergeOrStrategic`: a merge patch and a
/// strategic one without directives look alike.
pub(super) fn kind<'a>(event: &Event<'a>) -> Found<'a> {
    if text(found_at(event, "verb", &[])).as_deref() != Some("patch") {
        return Found::Absent;
    }
    let body = match found_at(event, "requestObject", &[]) {
        Found::Value(Value::Raw(body)) => body,
        Found::Unknown => return Found::Unknown,
        _ => return Found::Absent,
    };
    let has = |key: &str| matches!(found_at(event, "requestObject", &[key]), Found::Value(_));
    let asked = |name: &str| matches!(uri::query(event, name), Found::Value(_));
    let kind = match body.kind() {
        Kind::List => "json",
        // A strategic patch's directives: `$patch`, `$setElementOrder/…`, `$deleteFromPrimitiveList/…`, `$retainKeys`.
        Kind::Object if body.any_key(|key| key.starts_with(b"$")) => "strategic",
        // Only apply takes `force`, and it needs a whole identity and a manager.
        Kind::Object
            if has("apiVersion") && has("kind") && asked("fieldManager") && asked("force") =>
        {
            "apply"
        }
        Kind::Object => "mergeOrStrategic",
        _ => return Found::Absent,
    };
    Found::Value(Value::Text(Cow::Borrowed(kind)))
}
