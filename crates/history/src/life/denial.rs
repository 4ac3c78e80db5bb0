//! Who refused a request, and with what words.

use std::fmt;

use crate::act::Act;

/// Who said no.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeniedBy {
    /// Nobody is who they say, or nobody at all.
    Authentication,
    /// They may not do this.
    Authorization,
    /// A ValidatingAdmissionPolicy, by its binding.
    Policy {
        /// Its name.
        policy: String,
        /// The binding's.
        binding: String,
    },
    /// An admission webhook.
    Webhook(String),
    /// The Pod Security Standards.
    PodSecurity,
    /// A quota.
    Quota,
    /// Another part of admission, or the handler.
    Other,
    /// The object isn't what it was when the request was made, or is there already.
    Conflict,
    /// It isn't a valid object or request.
    Invalid,
    /// There is none.
    NotFound,
}

/// A denial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// The status, such as 403.
    pub code: u16,
    /// Who refused.
    pub by: DeniedBy,
    /// What the answer says, verbatim.
    pub message: String,
}

impl Denial {
    /// What a request was refused by; none: it wasn't, or it may have been done in part. Of a collection each object is
    /// admitted by itself, after others were deleted; and a status that no apiserver gives says nothing of what was stored.
    #[must_use]
    pub fn of(act: &Act) -> Option<Self> {
        let code = act.code.filter(|code| (400..500).contains(code))?;
        let by = match code {
            401 => DeniedBy::Authentication,
            404 => DeniedBy::NotFound,
            409 => DeniedBy::Conflict,
            _ => denied_by(act).unwrap_or(match code {
                400 | 413 | 415 | 422 => DeniedBy::Invalid,
                403 | 405 | 406 | 410 | 412 | 429 | 431 => DeniedBy::Other,
                _ => return None,
            }),
        };
        let before_any = matches!(by, DeniedBy::Authentication | DeniedBy::Authorization);
        if act.verb == "deletecollection" && !before_any {
            return None;
        }
        Some(Self { code, by, message: act.message.clone() })
    }
}

fn denied_by(act: &Act) -> Option<DeniedBy> {
    let decision = act.annotations.get("authorization.k8s.io/decision");
    if decision.is_some_and(|decision| decision == "forbid") {
        return Some(DeniedBy::Authorization);
    }
    let between = |start: &str, end: char| {
        let (_, rest) = act.message.split_once(start)?;
        rest.split(end).next().map(str::to_owned)
    };
    // k8s.io/apiserver, pkg/admission/plugin/policy/validating/dispatcher.go.
    if let (Some(policy), Some(binding)) = (
        between("ValidatingAdmissionPolicy '", '\''),
        between("' with binding '", '\'').filter(|_| act.message.contains("' denied request")),
    ) {
        return Some(DeniedBy::Policy { policy, binding });
    }
    // pkg/admission/plugin/webhook/errors/statuserror.go.
    if let Some(name) = between("admission webhook \"", '"') {
        return Some(DeniedBy::Webhook(name));
    }
    if act.message.contains("violates PodSecurity \"") {
        return Some(DeniedBy::PodSecurity);
    }
    act.message.contains("exceeded quota:").then_some(DeniedBy::Quota)
}

impl fmt::Display for DeniedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Authentication => f.write_str("not authenticated"),
            Self::Authorization => f.write_str("not authorized"),
            Self::Policy { policy, binding } => {
                write!(f, "ValidatingAdmissionPolicy {policy}, bound by {binding}")
            }
            Self::Webhook(name) => write!(f, "admission webhook {name}"),
            Self::PodSecurity => f.write_str("Pod Security"),
            Self::Quota => f.write_str("a quota"),
            Self::Other => f.write_str("admission"),
            Self::Conflict => f.write_str("a conflict with what is stored"),
            Self::Invalid => f.write_str("it isn't valid"),
            Self::NotFound => f.write_str("there is no such object"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_one_who_refused_is_named() {
        let policy =
            DeniedBy::Policy { policy: "trail-x".into(), binding: "trail-x-binding".into() };
        for (code, decision, message, by) in [
            (401, "", "Unauthorized", DeniedBy::Authentication),
            (403, "forbid", "pods is forbidden", DeniedBy::Authorization),
            (
                422,
                "allow",
                "networkpolicies \"x\" is forbidden: ValidatingAdmissionPolicy 'trail-x' with binding 'trail-x-binding' denied request: no",
                policy,
            ),
            (
                400,
                "allow",
                "admission webhook \"v.example.com\" denied the request: no",
                DeniedBy::Webhook("v.example.com".into()),
            ),
            (
                403,
                "allow",
                "pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": x",
                DeniedBy::PodSecurity,
            ),
            (403, "allow", "pods \"p\" is forbidden: exceeded quota: q", DeniedBy::Quota),
            (403, "allow", "namespaces \"default\" is forbidden", DeniedBy::Other),
            (409, "allow", "the object has been modified", DeniedBy::Conflict),
            (422, "allow", "Deployment is invalid", DeniedBy::Invalid),
            (404, "allow", "not found", DeniedBy::NotFound),
        ] {
            let line = serde_json::json!({"kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": "Metadata", "stage": "ResponseComplete",
                "objectRef": {}, "responseStatus": {"code": code, "message": message},
                "annotations": {"authorization.k8s.io/decision": decision}});
            let act = Act::read(line.to_string().as_bytes(), crate::act::cite(0)).unwrap();
            assert_eq!(Denial::of(&act).unwrap().by, by, "{message}");
        }
    }
}
