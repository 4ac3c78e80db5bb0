//! What a change means, in words that a person reads.

mod admission;
mod facts;
mod gateway;
mod ingress;
pub mod netpol;
mod rbac;
mod service;
mod unclear;

use serde_json::Value;

pub use facts::{MAX_FACTS, MAX_TEXT};
pub use rbac::MAX_RIGHTS;
pub use unclear::Unclear;

use crate::value::text;
use facts::Facts;

/// Sentences that say what a change of an object means; none of them: both mean the same. `None`: there are no words for
/// this kind.
///
/// `before` and `after`: the whole object; none where it isn't there.
///
/// # Errors
/// [`Unclear`], where one of both isn't as its kind has it, or has too many parts.
pub fn words(
    before: Option<&Value>,
    after: Option<&Value>,
) -> Option<Result<Vec<String>, Unclear>> {
    let one = after.or(before)?;
    let group = text(one, &["apiVersion"])?.split_once('/').map_or("", |(group, _)| group);
    let by = |facts: fn(&Value) -> Result<Facts, Unclear>| {
        let read = |object: Option<&Value>| object.map_or_else(|| Ok(Facts::default()), facts);
        Ok(Facts::changes(&read(before)?, &read(after)?))
    };
    Some(match (group, text(one, &["kind"])?) {
        ("networking.k8s.io", "NetworkPolicy") => netpol::network_policy(before, after),
        ("networking.k8s.io", "Ingress") => by(ingress::facts),
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
