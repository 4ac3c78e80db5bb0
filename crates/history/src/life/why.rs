//! What a change says it is for.

use serde_json::Value;

use crate::act::Act;
use crate::patch::AskedField;
use crate::path::ObjectPath;
use crate::value::at;

/// Annotations and labels of objects that say why, or on whose behalf, they were changed.
///
/// Anybody who may change the object chooses them.
pub const REASONS: [&str; 7] = [
    "kubernetes.io/change-cause",
    "auditseal.dev/ticket",
    "argocd.argoproj.io/tracking-id",
    "kustomize.toolkit.fluxcd.io/name",
    "helm.toolkit.fluxcd.io/name",
    "meta.helm.sh/release-name",
    "config.kubernetes.io/origin",
];

/// One thing that a change says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// The annotation's or label's name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// It was set by this change; if not, it may belong to an earlier one. None: that isn't known.
    pub new: Option<bool>,
}

/// The reasons that an object has after a change, and whether it had them before.
pub(crate) fn of_object(
    names: &[String],
    before: Option<&Value>,
    after: Option<&Value>,
    proved: bool,
) -> Vec<Reason> {
    let value = |object: Option<&Value>, name: &str| {
        let of = |kind| at(object?, &["metadata", kind, name])?.as_str().map(str::to_owned);
        of("annotations").or_else(|| of("labels"))
    };
    let reason = |name: &String| {
        let now = value(after, name)?;
        let new = match (value(before, name), before, proved) {
            (Some(old), ..) if old == now => Some(false),
            (_, Some(_), true) => Some(true),
            _ => None,
        };
        Some(Reason { name: name.clone(), value: now, new })
    };
    names.iter().filter_map(reason).collect()
}

/// The reasons that a request gives which wasn't taken: whether the object had them before isn't told.
pub(crate) fn of_request(names: &[String], act: &Act, asked: &[AskedField]) -> Vec<Reason> {
    let sent = act.request.held().filter(|_| matches!(&*act.verb, "create" | "update"));
    if sent.is_some() {
        return of_object(names, None, sent, false);
    }
    let value = |name: &String| {
        let ways = ["annotations", "labels"].map(|kind| ObjectPath::of(&["metadata", kind, name]));
        let asked_at = |path: &ObjectPath| {
            let over = asked.iter().filter(|field| field.path.covers(path));
            over.filter_map(|field| {
                let rest = ObjectPath(path.0[field.path.0.len()..].to_vec());
                rest.find(field.value.as_ref()?)?.as_str().map(str::to_owned)
            })
            .next()
        };
        ways.iter().find_map(asked_at)
    };
    let reason =
        |name: &String| Some(Reason { name: name.clone(), value: value(name)?, new: None });
    names.iter().filter_map(reason).collect()
}

/// The ticket that the guardrails' history policy noted: `OPS-7`, `OPS-7 (not new)` or `none`. Of a collection it is that of
/// one of its objects, and nothing says of which.
pub(crate) fn of_guardrails(act: &Act) -> Option<Reason> {
    if act.verb == "deletecollection" {
        return None;
    }
    let (name, text) = act.annotations.iter().find(|(key, _)| key.ends_with("-history/ticket"))?;
    if text == "none" {
        return None;
    }
    let (value, new) = match text.strip_suffix(" (not new)") {
        Some(old) => (old, false),
        None => (text.as_str(), true),
    };
    Some(Reason { name: name.clone(), value: value.to_owned(), new: Some(new) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reason_of_an_earlier_change_is_not_this_ones() {
        let object = |cause: &str| json!({"metadata": {"annotations": {REASONS[0]: cause}}});
        let names = REASONS.map(str::to_owned);
        let of = |before: Option<&Value>, after: &Value, proved| {
            of_object(&names, before, Some(after), proved).first().map(|reason| reason.new)
        };
        let (a, b) = (object("a"), object("b"));
        assert_eq!(of(Some(&a), &a, true), Some(Some(false)));
        assert_eq!(of(Some(&a), &b, true), Some(Some(true)));
        assert_eq!(of(Some(&a), &b, false), Some(None));
        assert_eq!(of(None, &b, true), Some(None));
        assert_eq!(of(Some(&a), &json!({}), true), None);
    }

    #[test]
    fn the_guardrails_ticket_is_read() {
        let of = |text: &str| {
            let line = json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete", "objectRef": {},
                "annotations": {"auditseal-history/ticket": text}});
            of_guardrails(&Act::read(line.to_string().as_bytes(), crate::act::cite(0)).unwrap())
        };
        assert_eq!(of("none"), None);
        let ticket = of("OPS-7 (not new)").unwrap();
        assert_eq!((ticket.value.as_str(), ticket.new), ("OPS-7", Some(false)));
        assert_eq!(of("OPS-7").unwrap().new, Some(true));
    }
}
