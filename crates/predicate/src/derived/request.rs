//! Who asked, for which object, to do what.

use std::borrow::Cow;

use super::uri;
use crate::event::Event;
use crate::lookup::{Found, Value, found_at};

/// The impersonated user where there is one, else the authenticated.
pub(super) fn effective_user<'a>(event: &Event<'a>) -> Found<'a> {
    match found_at(event, "impersonatedUser", &["username"]).into_text() {
        Found::Absent => found_at(event, "user", &["username"]).into_text(),
        known => known,
    }
}

/// The object's name: what the request named, or what the server made of `generateName`.
pub(super) fn object_name<'a>(event: &Event<'a>) -> Found<'a> {
    match found_at(event, "objectRef", &["name"]).into_text() {
        Found::Unknown => {
            match found_at(event, "responseObject", &["metadata", "name"]).into_text() {
                Found::Value(name) if !failed(event) => Found::Value(name),
                _ => Found::Unknown,
            }
        }
        known => known,
    }
}

fn failed(event: &Event<'_>) -> bool {
    text(found_at(event, "responseStatus", &["status"])).is_some_and(|status| status == "Failure")
}

/// Whether the request asked for nothing to be stored.
///
/// Of a deletion, the options are in the body, and the URI's count only if there is none (`handlers/delete.go`,
/// `DeleteResource`); of an eviction, either says so (`propagateDryRun`, registry/core/pod/storage/eviction.go); of
/// everything else they are in the URI alone.
pub(super) fn dry_run<'a>(event: &Event<'a>) -> Found<'a> {
    let known = |dry| Found::Value(Value::Bool(dry));
    let in_uri = match uri::query(event, "dryRun") {
        Found::Value(Value::Texts(values)) => values.iter().any(|value| value == "All"),
        Found::Unknown => return Found::Unknown,
        _ => false,
    };
    let verb = text(found_at(event, "verb", &[]));
    match verb.as_deref() {
        Some("delete" | "deletecollection") => match found_at(event, "requestObject", &[]) {
            Found::Unknown | Found::Begun(_) => Found::Unknown,
            Found::Absent => known(in_uri),
            Found::Value(_) => in_options(found_at(event, "requestObject", &["dryRun"])),
        },
        Some("create") if !in_uri => match text(found_at(event, "objectRef", &["subresource"])) {
            Some(sub) if sub == "eviction" => {
                in_options(found_at(event, "requestObject", &["deleteOptions", "dryRun"]))
            }
            _ => known(false),
        },
        Some("create" | "update" | "patch") => known(in_uri),
        _ => known(false),
    }
}

/// What a member `dryRun` of options says.
fn in_options<'a>(member: Found<'a>) -> Found<'a> {
    match member {
        Found::Value(Value::Raw(list)) => {
            let all = list.elements().any(|one| one.text().is_some_and(|one| one == "All"));
            Found::Value(Value::Bool(all))
        }
        Found::Unknown => Found::Unknown,
        _ => Found::Value(Value::Bool(false)),
    }
}

/// The command of a request to `pods/exec`.
pub(super) fn exec_command<'a>(event: &Event<'a>) -> Found<'a> {
    match found_at(event, "objectRef", &["subresource"]).into_text() {
        Found::Value(Value::Text(sub)) if sub == "exec" => uri::query(event, "command"),
        Found::Unknown => Found::Unknown,
        _ => Found::Absent,
    }
}

/// A string, if it is known.
pub(super) fn text(found: Found<'_>) -> Option<Cow<'_, str>> {
    match found.into_text() {
        Found::Value(Value::Text(text)) => Some(text),
        _ => None,
    }
}
