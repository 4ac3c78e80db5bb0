//! What it means that a field isn't there: it is absent, or nobody knows.
//!
//! Source of what is logged when: `k8s.io/apiserver`, `pkg/audit/request.go` (`LogRequestObject`,
//! `LogRequestPatch`, `LogResponseObject`), `pkg/endpoints/filters/audit.go`, and the order of filters in
//! `pkg/server/config.go`.

use auditseal_audit::policy::{Level, Stage};

use crate::event::Event;
use crate::json::Kind;
use crate::path::{Spot, Step, spots};

/// Verbs of requests that send no object.
const READS: [&str; 4] = ["get", "list", "watch", "head"];
/// Subresources whose requests become streams: neither they nor their answers are objects.
const STREAMS: [&str; 4] = ["exec", "attach", "portforward", "proxy"];
/// Prefix of the annotations that a level below `Request` leaves out: what webhooks changed.
const PATCHES: &str = "patch.webhook.admission.k8s.io/";

/// Whether a field that isn't there is one that the event leaves out, cut or doesn't have yet. `first` is the event's
/// member, `steps` lead on from it, and `made` of them could be made; `None` if the member itself isn't there.
pub(crate) fn is_unknown(
    event: &Event<'_>,
    first: &str,
    steps: &[Step],
    made: Option<usize>,
) -> bool {
    let Some((level, stage)) = event.level().zip(event.stage()) else { return false };
    let early = stage == Stage::RequestReceived;
    let cut_off = early || stage == Stage::Panic;
    let missing = made.and_then(|made| match steps.get(made) {
        Some(Step::Key(key)) => Some(&**key),
        _ => None,
    });
    match first {
        "requestObject" if made.is_none() => request_is_unknown(event, level, cut_off),
        "responseObject" if made.is_none() => {
            let unfinished = cut_off || stage == Stage::ResponseStarted;
            let left_out = event.is_truncated() || level < Level::RequestResponse;
            (left_out || unfinished) && has_objects(event) && !is_verb(event, &["watch"])
        }
        // The policy's omitManagedFields, of which the event says nothing.
        "requestObject" | "responseObject" => missing.is_some_and(is_omitted),
        "annotations" if made.is_none_or(|made| made == 0) => {
            let key = steps.first().and_then(|step| match step {
                Step::Key(key) => Some(&**key),
                Step::Index(_) => None,
            });
            cut_off || level < Level::Request && key.is_some_and(|key| key.starts_with(PATCHES))
        }
        // Impersonation and authorization come behind the first stage.
        "responseStatus" | "impersonatedUser" | "authenticationMetadata" => early && made.is_none(),
        "objectRef" => reference_is_unknown(event, early, missing),
        _ => false,
    }
}

/// Whether a member of an object in a body is one that a policy leaves out.
pub(crate) fn is_omitted(key: &str) -> bool {
    key == "managedFields"
}

fn request_is_unknown(event: &Event<'_>, level: Level, cut_off: bool) -> bool {
    if is_verb(event, &READS) || !has_objects(event) {
        return false;
    }
    // Who is refused before the body is read (by authorization, for one) has sent it all the same.
    event.is_truncated() || level < Level::Request || cut_off || has_failed(event)
}

/// A name that the server makes of `generateName` isn't in the reference, nor is any name before the body was read; the
/// same holds for what an update's body names.
fn reference_is_unknown(event: &Event<'_>, early: bool, missing: Option<&str>) -> bool {
    match missing {
        Some("name") => is_verb(event, &["create"]) && reference(event, "subresource").is_none(),
        Some("uid" | "resourceVersion") => early && !is_verb(event, &READS),
        _ => false,
    }
}

/// Whether request and response are objects: not those of a stream, nor of a path like `/healthz`.
fn has_objects(event: &Event<'_>) -> bool {
    let stream = reference(event, "subresource").is_some_and(|sub| STREAMS.contains(&&*sub));
    event.member("objectRef").is_some() && !stream
}

fn is_verb(event: &Event<'_>, verbs: &[&str]) -> bool {
    event.text("verb").is_some_and(|verb| verbs.contains(&&*verb))
}

fn has_failed(event: &Event<'_>) -> bool {
    inside(event, "responseStatus", "status").is_some_and(|status| status == "Failure")
}

fn reference<'a>(event: &Event<'a>, key: &str) -> Option<std::borrow::Cow<'a, str>> {
    inside(event, "objectRef", key)
}

/// A text in an object in the event. Of one that stands twice, the last.
fn inside<'a>(event: &Event<'a>, first: &str, key: &str) -> Option<std::borrow::Cow<'a, str>> {
    let object = event.member(first).filter(|value| value.kind() == Kind::Object)?;
    let mut found = None;
    spots(object, &[Step::Key(key.into())], &mut |spot| {
        if let Spot::Value(value) = spot {
            found = value.text();
        }
    });
    found.filter(|text| !text.is_empty())
}
