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
/// What a policy's `omitManagedFields` takes out, of the member of objects in which it stands.
const OMITTED: (&str, &str) = ("metadata", "managedFields");
/// What of a reference isn't known at first, and what the server makes later.
const LATER: [&str; 3] = ["uid", "resourceVersion", "name"];

/// Which keys an object may have had that it lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LeftOut {
    /// These; none of an empty list.
    Keys(&'static [&'static str]),
    /// Any number of keys that begin so.
    Begun(&'static str),
}

/// Where a value stands that is an element of a list or a member of an object.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Within {
    /// In a body of an audit event.
    pub(crate) body: bool,
    /// It is an object's metadata.
    pub(crate) metadata: bool,
}

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
        "requestObject" | "responseObject" => {
            made.is_some_and(|made| is_omitted(steps, made, Within { body: true, metadata: false }))
        }
        "annotations" if made.is_none_or(|made| made == 0) => {
            match (steps.first(), left_out(event, first, &[])) {
                (_, LeftOut::Keys(_)) => false,
                (Some(Step::Key(key)), LeftOut::Begun(begun)) => key.starts_with(begun),
                // None is there: whether one was isn't known.
                (_, LeftOut::Begun(begun)) => begun.is_empty() || steps.is_empty(),
            }
        }
        // Impersonation and authorization come behind the first stage.
        "responseStatus" | "impersonatedUser" | "authenticationMetadata" => early && made.is_none(),
        "objectRef" => match left_out(event, first, &[]) {
            LeftOut::Keys(keys) => missing.is_some_and(|missing| keys.contains(&missing)),
            LeftOut::Begun(_) => false,
        },
        _ => false,
    }
}

/// Which keys of an object that is there the event leaves out, or doesn't have yet. `first` is the event's member, and
/// `steps` lead on from it to the object.
pub(crate) fn left_out(event: &Event<'_>, first: &str, steps: &[Step]) -> LeftOut {
    let Some((level, stage)) = event.level().zip(event.stage()) else { return LeftOut::Keys(&[]) };
    let cut_off = matches!(stage, Stage::RequestReceived | Stage::Panic);
    match (first, steps) {
        ("annotations", []) if cut_off => LeftOut::Begun(""),
        ("annotations", []) if level < Level::Request && is_admitted(event) => {
            LeftOut::Begun(PATCHES)
        }
        ("objectRef", []) => LeftOut::Keys(reference_lacks(event, cut_off)),
        ("requestObject" | "responseObject", steps) => omitted(Within {
            body: true,
            metadata: matches!(steps.last(), Some(Step::Key(key)) if &**key == OMITTED.0),
        }),
        _ => LeftOut::Keys(&[]),
    }
}

/// The same of an object below an element of a list or a member of an object.
pub(crate) fn left_out_below(within: Within, steps: &[Step]) -> LeftOut {
    let metadata = match steps.last() {
        Some(Step::Key(key)) => &**key == OMITTED.0,
        Some(Step::Index(_)) => false,
        None => within.metadata,
    };
    omitted(Within { metadata, ..within })
}

fn omitted(within: Within) -> LeftOut {
    if within.body && within.metadata { LeftOut::Keys(&[OMITTED.1]) } else { LeftOut::Keys(&[]) }
}

/// Whether what is missing in a body is what a policy leaves out: the policy's omitManagedFields, of which the event
/// says nothing. `steps` lead to it, and `made` of them could be made.
pub(crate) fn is_omitted(steps: &[Step], made: usize, within: Within) -> bool {
    let Some((Step::Key(key), before)) = steps.get(made).zip(steps.get(..made)) else {
        return false;
    };
    left_out_below(within, before) == LeftOut::Keys(&[OMITTED.1]) && &**key == OMITTED.1
}

/// Whether a member of this name may be one that a policy leaves out, where it isn't known in what it stands.
pub(crate) fn may_be_omitted(key: &str) -> bool {
    key == OMITTED.1
}

/// Whether it is an object's metadata that stands at a key.
pub(crate) fn is_metadata(key: &str) -> bool {
    key == OMITTED.0
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
fn reference_lacks(event: &Event<'_>, cut_off: bool) -> &'static [&'static str] {
    let made = is_verb(event, &["create"]) && reference(event, "subresource").is_none();
    match (cut_off && !is_verb(event, &READS), made) {
        (false, false) => &[],
        (true, false) => &LATER[..2],
        (false, true) => &LATER[2..],
        (true, true) => &LATER,
    }
}

/// Whether webhooks are asked: of what writes, and of what becomes a stream.
fn is_admitted(event: &Event<'_>) -> bool {
    event.member("objectRef").is_some() && (!is_verb(event, &READS) || is_stream(event))
}

fn is_stream(event: &Event<'_>) -> bool {
    reference(event, "subresource").is_some_and(|sub| STREAMS.contains(&&*sub))
}

/// Whether request and response are objects: not those of a stream, nor of a path like `/healthz`.
fn has_objects(event: &Event<'_>) -> bool {
    event.member("objectRef").is_some() && !is_stream(event)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lookup::{Found, found_at};

    const LEVELS: [&str; 3] = ["Metadata", "Request", "RequestResponse"];
    const STAGES: [&str; 4] = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"];

    /// Of each stage a word of three letters, one for each level: what is known of a field that isn't there.
    fn known(path: &[&str], members: &str) -> [String; 4] {
        STAGES.map(|stage| {
            let of = |level: &&str| {
                let line = format!(
                    r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"{level}","stage":"{stage}",{members}}}"#
                );
                let event = Event::parse(line.as_bytes()).unwrap();
                match found_at(&event, path[0], &path[1..]) {
                    Found::Unknown | Found::Begun(_) => '?',
                    Found::Absent => '-',
                    Found::Value(_) => '+',
                }
            };
            LEVELS.iter().map(of).collect()
        })
    }

    const UPDATE: &str = r#""verb":"update","objectRef":{"resource":"pods"}"#;

    #[test]
    fn a_body_is_unknown_below_its_level_and_before_its_stage() {
        assert_eq!(known(&["requestObject", "a"], UPDATE), ["???", "?--", "?--", "???"]);
        assert_eq!(known(&["responseObject", "a"], UPDATE), ["???", "???", "??-", "???"]);
        let with = |body: &str| format!("{UPDATE},{body}");
        // What is there was logged in full.
        assert_eq!(known(&["requestObject", "a"], &with(r#""requestObject":{}"#)), ["---"; 4]);
        assert_eq!(
            known(&["requestObject", "a"], &with(r#""requestObject":null"#)),
            ["???", "?--", "?--", "???"]
        );
        assert_eq!(
            known(&["responseObject", "a"], &with(r#""responseObject":{"a":1}"#)),
            ["+++"; 4]
        );
        let cut = with(r#""annotations":{"audit.k8s.io\/truncated":"true"}"#);
        assert_eq!(known(&["requestObject"], &cut), ["???"; 4]);
        assert_eq!(known(&["responseObject"], &cut), ["???"; 4]);
        let refused = with(r#""responseStatus":{"status":"Failure","code":403}"#);
        assert_eq!(
            known(&["requestObject"], &refused),
            ["???"; 4],
            "its body was sent, and not read"
        );
    }

    #[test]
    fn requests_without_objects_have_none_at_any_level() {
        let nothing = ["---"; 4];
        for members in [
            r#""verb":"get","objectRef":{"resource":"pods"}"#,
            r#""verb":"watch","objectRef":{"resource":"pods"}"#,
            r#""verb":"create","objectRef":{"resource":"pods","subresource":"exec"}"#,
            r#""verb":"post","requestURI":"/x""#,
        ] {
            assert_eq!(known(&["requestObject"], members), nothing, "{members}");
        }
        for members in [
            r#""verb":"watch","objectRef":{"resource":"pods"}"#,
            r#""verb":"get","objectRef":{"resource":"pods","subresource":"portforward"}"#,
            r#""verb":"get","requestURI":"/healthz""#,
        ] {
            assert_eq!(known(&["responseObject"], members), nothing, "{members}");
        }
    }

    #[test]
    fn what_comes_later_is_unknown_at_first() {
        for path in [["responseStatus", "code"], ["impersonatedUser", "username"]] {
            assert_eq!(known(&path, UPDATE), ["???", "---", "---", "---"], "{path:?}");
        }
        assert_eq!(known(&["annotations", "a"], UPDATE), ["???", "---", "---", "???"]);
        assert_eq!(
            known(&["annotations", "patch.webhook.admission.k8s.io/round_0_index_0"], UPDATE),
            ["???", "?--", "?--", "???"]
        );
        assert_eq!(known(&["objectRef", "uid"], UPDATE), ["???", "---", "---", "???"]);
        for path in [["objectRef", "subresource"], ["user", "username"], ["objectRef", "name"]] {
            assert_eq!(known(&path, UPDATE), ["---"; 4], "{path:?}");
        }
        let create = r#""verb":"create","objectRef":{"resource":"pods"}"#;
        assert_eq!(known(&["objectRef", "name"], create), ["???"; 4], "generateName");
        let bind = r#""verb":"create","objectRef":{"resource":"pods","subresource":"binding"}"#;
        assert_eq!(known(&["objectRef", "name"], bind), ["---"; 4]);
    }

    #[test]
    fn what_a_policy_omits_is_unknown() {
        let body =
            r#""verb":"update","objectRef":{"resource":"x"},"requestObject":{"metadata":{}}"#;
        assert_eq!(known(&["requestObject", "metadata", "managedFields"], body), ["???"; 4]);
        assert_eq!(known(&["requestObject", "metadata", "labels"], body), ["---"; 4]);
    }

    #[test]
    fn of_a_line_that_is_no_audit_event_nothing_is_unknown() {
        let event = Event::parse(
            br#"{"level":"Metadata","stage":"RequestReceived","verb":"update","objectRef":{}}"#,
        )
        .unwrap();
        for first in ["requestObject", "responseObject", "annotations", "responseStatus"] {
            assert!(matches!(found_at(&event, first, &[]), Found::Absent), "{first}");
        }
    }
}
