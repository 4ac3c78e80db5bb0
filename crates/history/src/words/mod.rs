//! What a change means, in words that a person reads.

mod accounts;
mod admission;
mod facts;
mod gateway;
mod ingress;
pub mod netpol;
mod rbac;
mod rest;
mod service;
mod unclear;

use serde_json::Value;

pub use facts::{MAX_FACTS, MAX_TEXT};
pub use rbac::MAX_RIGHTS;
pub use rest::{MAX_NAMED, only_names};
pub use unclear::Unclear;

use crate::value::text;
use facts::Facts;
use rest::Rest;

/// Sentences that say what a change of an object means; none of them: both mean the same, in each field in which they
/// differ. A field that the words of its kind don't account for is named, as one of which no more is said. `None`: there
/// are no words for this kind.
///
/// `before` and `after`: the whole object; none where it isn't there. One that is being deleted and waits for nobody any
/// more isn't.
///
/// # Errors
/// [`Unclear`], where one of both isn't as its kind has it, or has too many parts.
pub fn words(
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<Result<Vec<String>, Unclear>> {
    let one = after.or(before)?;
    let group = text(one, &["apiVersion"])?.split_once('/').map_or("", |(group, _)| group);
    let kind = text(one, &["kind"])?;
    let accounts = accounts::accounts(group, kind)?;
    let goes = before.is_some_and(|before| !is_gone(before));
    let after = after.filter(|after| !(goes && is_gone(after)));
    let mut said = match sentences((group, kind), before, after)? {
        Ok(said) => said,
        Err(unclear) => return Some(Err(unclear)),
    };
    match (before, after) {
        (Some(before), Some(after)) => Rest::of(before, after, &accounts).say(&mut said),
        _ if said.is_empty() => said.push("nothing is said of what this means".to_owned()),
        _ => {}
    }
    Some(Ok(said))
}

/// The last finalizer of what is being deleted was the last thing that kept it.
fn is_gone(object: &Value) -> bool {
    let metadata = |name| object.get("metadata").and_then(|metadata| metadata.get(name));
    let finalizers = metadata("finalizers").and_then(Value::as_array);
    let at_once =
        metadata("deletionGracePeriodSeconds").is_none_or(|left| left.as_u64() == Some(0));
    metadata("deletionTimestamp").is_some_and(Value::is_string)
        && at_once
        && finalizers.is_none_or(Vec::is_empty)
}

fn sentences(
    (group, kind): (&str, &str),
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<Result<Vec<String>, Unclear>> {
    let by = |facts: fn(&Value) -> Result<Facts, Unclear>| {
        let read = |object: Option<&Value>| object.map_or_else(|| Ok(Facts::default()), facts);
        Ok(Facts::changes(&read(before)?, &read(after)?))
    };
    Some(match (group, kind) {
        ("networking.k8s.io", "NetworkPolicy") => netpol::network_policy(before, after),
        ("networking.k8s.io", "Ingress") => ingress::ingress(before, after),
        ("gateway.networking.k8s.io", "Gateway") => by(gateway::gateway),
        ("gateway.networking.k8s.io", "HTTPRoute") => by(gateway::http_route),
        ("", "Service") => by(service::facts),
        ("", "Namespace") => Ok(admission::pod_security(before, after)),
        ("rbac.authorization.k8s.io", "Role" | "ClusterRole") => rbac::role(before, after),
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => by(rbac::binding),
        (
            "admissionregistration.k8s.io",
            "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration",
        ) => by(admission::webhooks),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => by(admission::policy),
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => {
            by(admission::binding)
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod whole;
