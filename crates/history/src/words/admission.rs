//! What admission asks and refuses: webhooks, ValidatingAdmissionPolicies and their bindings, and Pod Security.

use serde_json::Value;

use super::facts::{Facts, joined, list, text_of};
use super::unclear::Unclear;
use crate::value::{at, text};

/// Webhook configurations, of both kinds.
pub(crate) fn webhooks(configuration: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    for hook in list(configuration, "webhooks") {
        let name = format!("webhook {}", text_of(hook, "name").unwrap_or_default());
        facts.say(name.clone(), "")?;
        fails(&mut facts, &name, hook)?;
        scope(&mut facts, &name, hook, "rules")?;
        let client = hook.get("clientConfig").unwrap_or(&Value::Null);
        let service = client.get("service").filter(|service| !service.is_null());
        let whom = match (text_of(client, "url"), service) {
            (Some(url), _) => url,
            (None, Some(service)) => {
                let part = |name| text_of(service, name).unwrap_or_default();
                format!("service {}/{}{}", part("namespace"), part("name"), part("path"))
            }
            (None, None) => "nobody".to_owned(),
        };
        facts.say(format!("{name} asks"), &whom)?;
        if let Some(bundle) = text_of(client, "caBundle") {
            facts.say(
                format!("{name} trusts"),
                &format!("a certificate of {} bytes ending in {}", bundle.len(), end(&bundle)),
            )?;
        }
    }
    Ok(facts)
}

fn end(bundle: &str) -> String {
    bundle.chars().rev().take(12).collect::<Vec<_>>().into_iter().rev().collect()
}

fn fails(facts: &mut Facts, name: &str, of: &Value) -> Result<(), Unclear> {
    let how = match text_of(of, "failurePolicy").as_deref() {
        Some("Ignore") => "lets pass (Ignore)",
        _ => "refuses (Fail)",
    };
    facts.say(format!("{name}, when it can't be asked"), how)
}

/// What is asked about; what isn't in it passes unasked.
fn scope(facts: &mut Facts, name: &str, of: &Value, rules: &str) -> Result<(), Unclear> {
    for rule in list(of, rules) {
        let scope = text_of(rule, "scope").filter(|scope| scope != "*");
        let scope = scope.map_or(String::new(), |scope| format!(", {scope}"));
        let names = joined(rule, "resourceNames");
        let names = if names.is_empty() { names } else { format!(" named {names}") };
        for operation in list(rule, "operations") {
            for group in list(rule, "apiGroups") {
                for resource in list(rule, "resources") {
                    let word = crate::path::plain;
                    let group = if word(group).is_empty() {
                        String::new()
                    } else {
                        format!(".{}", word(group))
                    };
                    let versions = joined(rule, "apiVersions");
                    let versions =
                        if versions == "*" { String::new() } else { format!(" of {versions}") };
                    facts.say(
                        format!(
                            "{name} is asked at {} of {}{group}{names}{versions}{scope}",
                            word(operation),
                            word(resource)
                        ),
                        "",
                    )?;
                }
            }
        }
    }
    for (member, words) in [
        ("namespaceSelector", "only in namespaces with"),
        ("objectSelector", "only for objects with"),
    ] {
        let selector = of
            .get(member)
            .filter(|selector| selector.as_object().is_some_and(|members| !members.is_empty()));
        if let Some(selector) = selector {
            let said = match super::netpol::selector(selector) {
                Ok(words) => words,
                Err(_) => selector.to_string(),
            };
            facts.say(format!("{name} {words}"), &said)?;
        }
    }
    for condition in list(of, "matchConditions") {
        let part = |name| text_of(condition, name).unwrap_or_default();
        facts.say(format!("{name} only if {}", part("name")), &part("expression"))?;
    }
    for rule in list(of, "excludeResourceRules") {
        facts.say(
            format!(
                "{name} isn't asked about {} of {}",
                joined(rule, "resources"),
                joined(rule, "apiGroups")
            ),
            "",
        )?;
    }
    let exact = text_of(of, "matchPolicy").filter(|policy| policy != "Equivalent");
    facts.say_some(&format!("{name} matches"), exact)
}

/// ValidatingAdmissionPolicy.
pub(crate) fn policy(policy: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = policy.get("spec").unwrap_or(&Value::Null);
    fails(&mut facts, "the policy", spec)?;
    let matched = spec.get("matchConstraints").unwrap_or(&Value::Null);
    scope(&mut facts, "the policy", matched, "resourceRules")?;
    for condition in list(spec, "matchConditions") {
        let part = |name| text_of(condition, name).unwrap_or_default();
        facts.say(format!("the policy only if {}", part("name")), &part("expression"))?;
    }
    for validation in list(spec, "validations") {
        facts.say(
            format!("demands {}", text_of(validation, "expression").unwrap_or_default()),
            "",
        )?;
    }
    for variable in list(spec, "variables") {
        let part = |name| text_of(variable, name).unwrap_or_default();
        facts.say(format!("variable {}", part("name")), &part("expression"))?;
    }
    for note in list(spec, "auditAnnotations") {
        facts.say(format!("notes {}", text_of(note, "key").unwrap_or_default()), "")?;
    }
    Ok(facts)
}

/// ValidatingAdmissionPolicyBinding.
pub(crate) fn binding(binding: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = binding.get("spec").unwrap_or(&Value::Null);
    facts.say_some("policy", text_of(spec, "policyName"))?;
    for action in list(spec, "validationActions") {
        let said = match action.as_str() {
            Some("Deny") => "refuses".to_owned(),
            Some("Warn") => "warns".to_owned(),
            Some("Audit") => "notes in the audit log".to_owned(),
            _ => crate::path::plain(action),
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
            level.clone().unwrap_or_else(|| "the cluster's default".to_owned())
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
            let name = |version: Option<String>| version.unwrap_or_else(|| "latest".to_owned());
            let (old, new) = (name(old), name(new));
            if old != new {
                said.push(format!("Pod Security {word} by the rules of {new}; before: {old}"));
            }
        }
    }
    said
}
