//! What admission asks and refuses: webhooks, ValidatingAdmissionPolicies and their bindings, and Pod Security.

use serde_json::Value;

use super::facts::{Facts, joined, list, said_of, selected, shown, text_of};
use super::unclear::Unclear;
use crate::value::{at, text};

/// Webhook configurations, of both kinds.
pub(crate) fn webhooks(configuration: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    for hook in list(configuration, "webhooks") {
        let name = format!("webhook {}", said_of(hook, "name"));
        facts.say(name.clone(), "")?;
        fails(&mut facts, &name, hook)?;
        asks(&mut facts, &name, hook)?;
        scope(&mut facts, &name, hook, "rules")?;
        let again = text_of(hook, "reinvocationPolicy").filter(|policy| policy != "Never");
        facts.say_some(&format!("{name} is asked again"), again.map(|policy| shown(&policy)))?;
    }
    Ok(facts)
}

/// Whom it asks, how it knows them, and how long it waits.
fn asks(facts: &mut Facts, name: &str, hook: &Value) -> Result<(), Unclear> {
    let client = hook.get("clientConfig").unwrap_or(&Value::Null);
    let service = client.get("service").filter(|service| !service.is_null()).map(|service| {
        let part = |name| said_of(service, name);
        let port = text_of(service, "port").filter(|port| port != "443");
        let port = port.map_or(String::new(), |port| format!(", port {}", shown(&port)));
        format!("service {}/{}{}{port}", part("namespace"), part("name"), part("path"))
    });
    let url = text_of(client, "url").map(|url| shown(&url));
    let whom: Vec<String> = url.into_iter().chain(service).collect();
    let whom = if whom.is_empty() { "nobody".to_owned() } else { whom.join(", ") };
    facts.say(format!("{name} asks"), &whom)?;
    let wait = text_of(hook, "timeoutSeconds").filter(|seconds| seconds != "10");
    facts.say_some(
        &format!("{name} waits"),
        wait.map(|seconds| format!("{} seconds, not 10", shown(&seconds))),
    )?;
    let trusted = text_of(client, "caBundle").filter(|bundle| !bundle.is_empty());
    facts.say_some(
        &format!("{name} trusts"),
        trusted.map(|bundle| {
            let digest = auditseal_merkle::hash(bundle.as_bytes()).to_string();
            format!("certificates whose text has the BLAKE3 hash {digest}")
        }),
    )
}

fn fails(facts: &mut Facts, name: &str, of: &Value) -> Result<(), Unclear> {
    let how = match text_of(of, "failurePolicy").as_deref() {
        Some("Ignore") => "lets pass (Ignore)".to_owned(),
        Some("Fail") | None => "refuses (Fail)".to_owned(),
        Some(other) => shown(other),
    };
    facts.say(format!("{name}, when it can't be asked"), &how)
}

/// What is asked about; what isn't in it passes unasked.
fn scope(facts: &mut Facts, name: &str, of: &Value, rules: &str) -> Result<(), Unclear> {
    for rule in list(of, rules) {
        matched(facts, &format!("{name} is asked at"), rule)?;
    }
    for rule in list(of, "excludeResourceRules") {
        matched(facts, &format!("{name} isn't asked at"), rule)?;
    }
    for (member, words) in [
        ("namespaceSelector", "only in namespaces with"),
        ("objectSelector", "only for objects with"),
    ] {
        let selector = of
            .get(member)
            .filter(|selector| selector.as_object().is_some_and(|members| !members.is_empty()));
        if let Some(said) = selector.map(selected).filter(|said| !said.is_empty()) {
            facts.say(format!("{name} {words}"), &said)?;
        }
    }
    conditions(facts, name, of)?;
    let exact = text_of(of, "matchPolicy").filter(|policy| policy != "Equivalent");
    facts.say_some(&format!("{name} matches"), exact.map(|policy| shown(&policy)))
}

fn conditions(facts: &mut Facts, name: &str, of: &Value) -> Result<(), Unclear> {
    for condition in list(of, "matchConditions") {
        let part = |name| said_of(condition, name);
        facts.say(format!("{name} only if {}", part("name")), &part("expression"))?;
    }
    Ok(())
}

fn matched(facts: &mut Facts, what: &str, rule: &Value) -> Result<(), Unclear> {
    let scope = text_of(rule, "scope").filter(|scope| scope != "*");
    let scope = scope.map_or(String::new(), |scope| format!(", {}", shown(&scope)));
    let names = joined(rule, "resourceNames");
    let names = if names.is_empty() { names } else { format!(" named {names}") };
    let versions = joined(rule, "apiVersions");
    let versions = if versions == "*" { String::new() } else { format!(" of {versions}") };
    for operation in list(rule, "operations") {
        for group in list(rule, "apiGroups") {
            for resource in list(rule, "resources") {
                let word = crate::path::plain;
                let group = match word(group) {
                    core if core.is_empty() => core,
                    group => format!(".{}", shown(&group)),
                };
                facts.say(
                    format!(
                        "{what} {} of {}{group}{names}{versions}{scope}",
                        shown(&word(operation)),
                        shown(&word(resource))
                    ),
                    "",
                )?;
            }
        }
    }
    Ok(())
}

/// ValidatingAdmissionPolicy.
pub(crate) fn policy(policy: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = policy.get("spec").unwrap_or(&Value::Null);
    fails(&mut facts, "the policy", spec)?;
    let matched = spec.get("matchConstraints").unwrap_or(&Value::Null);
    scope(&mut facts, "the policy", matched, "resourceRules")?;
    conditions(&mut facts, "the policy", spec)?;
    for validation in list(spec, "validations") {
        facts.say(format!("demands {}", said_of(validation, "expression")), "")?;
    }
    for variable in list(spec, "variables") {
        let part = |name| said_of(variable, name);
        facts.say(format!("variable {}", part("name")), &part("expression"))?;
    }
    for note in list(spec, "auditAnnotations") {
        let part = |name| said_of(note, name);
        facts.say(format!("notes {}", part("key")), &part("valueExpression"))?;
    }
    if let Some(kind) = spec.get("paramKind").filter(|kind| !kind.is_null()) {
        let part = |name| said_of(kind, name);
        facts.say("takes parameters", &format!("{} of {}", part("kind"), part("apiVersion")))?;
    }
    Ok(facts)
}

/// ValidatingAdmissionPolicyBinding.
pub(crate) fn binding(binding: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = binding.get("spec").unwrap_or(&Value::Null);
    facts.say_some("policy", text_of(spec, "policyName").map(|name| shown(&name)))?;
    for action in list(spec, "validationActions") {
        let said = match action.as_str() {
            Some("Deny") => "refuses".to_owned(),
            Some("Warn") => "warns".to_owned(),
            Some("Audit") => "notes in the audit log".to_owned(),
            _ => shown(&crate::path::plain(action)),
        };
        facts.say(said, "")?;
    }
    let matched = spec.get("matchResources").unwrap_or(&Value::Null);
    scope(&mut facts, "the binding", matched, "resourceRules")?;
    if let Some(parameters) = spec.get("paramRef").filter(|of| !of.is_null()) {
        facts.say("parameters", &parameters.to_string())?;
    }
    Ok(facts)
}

/// Levels of Pod Security, from the strictest.
const LEVELS: [&str; 3] = ["restricted", "baseline", "privileged"];

/// Whether a label is one of Pod Security's that is told.
pub(crate) fn is_of_pod_security(label: &str) -> bool {
    let mode = label.strip_prefix("pod-security.kubernetes.io/");
    let mode = mode.map(|mode| mode.strip_suffix("-version").unwrap_or(mode));
    matches!(mode, Some("enforce" | "audit" | "warn"))
}

/// The labels of a namespace that say what Pod Security does there.
pub(crate) fn pod_security(before: Option<&Value>, after: Option<&Value>) -> Vec<String> {
    let label = |of: Option<&Value>, name: &str| {
        let name = format!("pod-security.kubernetes.io/{name}");
        text(at(of?, &["metadata", "labels"])?, &[&name]).map(str::to_owned)
    };
    let mut said = Vec::new();
    for (mode, word) in [("enforce", "refuses"), ("audit", "notes"), ("warn", "warns of")] {
        let (old, new) = (label(before, mode), label(after, mode));
        let name = |level: &Option<String>| {
            level.as_deref().map_or_else(|| "the cluster's default".to_owned(), shown)
        };
        let place =
            |level: &Option<String>| LEVELS.iter().position(|of| Some(*of) == level.as_deref());
        if old != new {
            let way = match place(&old).zip(place(&new)) {
                Some((old, new)) if new > old => " (loosened)",
                Some(_) => " (tightened)",
                None => "",
            };
            let (old, new) = (name(&old), name(&new));
            said.push(format!("Pod Security {word} what isn't {new}{way}; before: {old}"));
        }
        let version = format!("{mode}-version");
        let (old, new) = (label(before, &version), label(after, &version));
        if old != new {
            let name = |version: Option<String>| {
                version.map_or_else(|| "the cluster's default".to_owned(), |of| shown(&of))
            };
            let (old, new) = (name(old), name(new));
            said.push(format!("Pod Security {word} by the rules of {new}; before: {old}"));
        }
    }
    said
}
