//! By what a request was denied.
//!
//! Sources of the words: `k8s.io/apiserver`, `plugin/policy/validating/dispatcher.go` (ValidatingAdmissionPolicy),
//! `plugin/webhook/errors/statuserror.go` (webhooks); `k8s.io/pod-security-admission`, `admission/admission.go`
//! (Pod Security); `k8s.io/kubernetes`, `plugin/pkg/admission/resourcequota` (quota).

use std::borrow::Cow;

use super::request::text;
use crate::event::Event;
use crate::json::{Kind, members};
use crate::lookup::{Found, Value, found_at};

/// What an answer's message says before the rule's name, the quote that ends the name, and the kind of rule.
const WORDS: [(&str, char, &str); 5] = [
    ("ValidatingAdmissionPolicy '", '\'', "ValidatingAdmissionPolicy"),
    ("violates PodSecurity \"", '"', "PodSecurity"),
    ("admission webhook \"", '"', "webhook"),
    ("failed calling webhook \"", '"', "webhook"),
    ("exceeded quota: ", ',', "ResourceQuota"),
];
/// What Pod Security annotates, and what it says before the level's name.
const POD_SECURITY: (&str, &str) =
    ("pod-security.kubernetes.io/audit-violations", "violate PodSecurity \"");
/// What ValidatingAdmissionPolicies with the action Audit annotate.
const POLICIES: &str = "validation.policy.admission.k8s.io/validation_failure";

/// The kind of rule: `authentication`, `authorization`, one of [`WORDS`], or `admission` for any other check.
pub(super) fn by<'a>(event: &Event<'a>) -> Found<'a> {
    match denial(event) {
        Denial::Unknown => Found::Unknown,
        Denial::None => Found::Absent,
        Denial::By(kind, _) => Found::Value(Value::Text(Cow::Borrowed(kind))),
    }
}

/// The rule's name, where the answer has one.
pub(super) fn policy<'a>(event: &Event<'a>) -> Found<'a> {
    match denial(event) {
        Denial::Unknown => Found::Unknown,
        Denial::By(_, Some(name)) => Found::Value(Value::Text(Cow::Owned(name))),
        Denial::None | Denial::By(_, None) => Found::Absent,
    }
}

enum Denial {
    Unknown,
    None,
    By(&'static str, Option<String>),
}

fn denial(event: &Event<'_>) -> Denial {
    let code = match found_at(event, "responseStatus", &["code"]) {
        Found::Value(code) => code.number(),
        Found::Unknown | Found::Begun(_) => return Denial::Unknown,
        Found::Absent => None,
    };
    let Some(code) = code.and_then(|code| code.parse::<u32>().ok()).filter(|code| *code >= 400)
    else {
        return Denial::None;
    };
    if code == 401 {
        return Denial::By("authentication", None);
    }
    // Before any words of the answer: a user's name may hold the same ones.
    let decision = found_at(event, "annotations", &["authorization.k8s.io/decision"]);
    if text(decision).is_some_and(|decision| decision == "forbid") {
        return Denial::By("authorization", None);
    }
    let message = text(found_at(event, "responseStatus", &["message"])).unwrap_or_default();
    // The first ones count: behind them is the rule's own message, which may say anything.
    let said = WORDS.iter().filter_map(|words| Some((message.find(words.0)?, words)));
    match said.min_by_key(|(at, _)| *at) {
        Some((at, (words, quote, kind))) => {
            Denial::By(kind, name(&message[at + words.len()..], *quote))
        }
        None if code == 403 => Denial::By("admission", None),
        None => Denial::None,
    }
}

fn name(rest: &str, quote: char) -> Option<String> {
    rest.split_once(quote).map(|(name, _)| name.to_owned()).filter(|name| !name.is_empty())
}

/// Names of policies that annotated a violation without denying.
pub(super) fn violated<'a>(event: &Event<'a>) -> Found<'a> {
    let annotation = |key: &str| found_at(event, "annotations", &[key]);
    let (pods, policies) = (annotation(POD_SECURITY.0), annotation(POLICIES));
    if matches!(pods, Found::Unknown) || matches!(policies, Found::Unknown) {
        return Found::Unknown;
    }
    let mut names = text(policies).map(|json| policies_of(&json)).unwrap_or_default();
    let pods = text(pods).unwrap_or_default();
    let level = pods.split_once(POD_SECURITY.1).and_then(|(_, rest)| name(rest, '"'));
    names.extend(level);
    if names.is_empty() {
        return Found::Absent;
    }
    Found::Value(Value::Texts(names.into_iter().map(Cow::Owned).collect()))
}

/// The annotation's value is itself JSON: a list of objects with a member `policy`.
fn policies_of(json: &str) -> Vec<String> {
    let line = format!("{{\"all\":{json}}}");
    let Ok(members) = members(line.as_bytes()) else { return Vec::new() };
    let policies = members.iter().flat_map(|member| member.value.elements()).filter_map(|one| {
        let policy = one.members().find(|(key, _)| *key == b"policy")?;
        (policy.1.kind() == Kind::Text).then(|| policy.1.text())?
    });
    policies.map(Cow::into_owned).collect()
}
