//! Ingresses: which hosts and paths lead where, and over what.

use std::collections::BTreeSet;

use serde_json::Value;

use super::facts::{Facts, list, said_of, shown, text_of};
use super::unclear::Unclear;
use crate::value::{at, text};

/// Parts of annotations' names that change who may pass, and to where.
const WEIGHTY: [&str; 16] = [
    "allow-http",
    "canary",
    "inbound-cidrs",
    "middlewares",
    "mirror",
    "scheme",
    "upstream-vhost",
    "snippet",
    "auth",
    "whitelist",
    "allowlist",
    "denylist",
    "backend-protocol",
    "ssl",
    "rewrite",
    "permanent-redirect",
];

/// What changed, with an order of the paths that may say which of them counts.
pub(crate) fn ingress(
    before: Option<&Value>,
    after: Option<&Value>,
) -> Result<Vec<String>, Unclear> {
    let read = |object: Option<&Value>| object.map_or_else(|| Ok(Facts::default()), facts);
    let mut said = Facts::changes(&read(before)?, &read(after)?);
    said.extend(before.zip(after).and_then(|(before, after)| order(before, after)));
    Ok(said)
}

/// How a path of type `ImplementationSpecific` is read is the controller's affair, and so is whether the first that fits is
/// taken: the AWS Load Balancer Controller takes them "in the order they are listed in the manifest" (its guide, Ingress
/// specification). Without one of them the order means nothing.
fn order(before: &Value, after: &Value) -> Option<String> {
    let (before, after) = (places(before), places(after));
    if !before.iter().chain(&after).any(|(_, theirs)| *theirs) {
        return None;
    }
    let common = |of: &[(String, bool)], other: &[(String, bool)]| -> Vec<String> {
        let other: BTreeSet<&str> = other.iter().map(|(place, _)| place.as_str()).collect();
        let mut seen = BTreeSet::new();
        let both = of.iter().map(|(place, _)| place).filter(|place| other.contains(place.as_str()));
        both.filter(|place| seen.insert(place.as_str())).cloned().collect()
    };
    let (old, new) = (common(&before, &after), common(&after, &before));
    let (old, new) = old.iter().zip(&new).find(|(old, new)| old != new)?;
    Some(format!(
        "{new} now stands before {old}: to some controllers the order of paths says which of them counts"
    ))
}

/// All hosts with their paths, as they are listed, and whether each is read in the controller's own way.
fn places(ingress: &Value) -> Vec<(String, bool)> {
    let mut all = Vec::new();
    for rule in list(ingress.get("spec").unwrap_or(&Value::Null), "rules") {
        let host = host(text(rule, &["host"]));
        let paths = at(rule, &["http", "paths"]).and_then(Value::as_array);
        for path in paths.into_iter().flatten() {
            let theirs = !matches!(text(path, &["pathType"]), Some("Exact" | "Prefix"));
            all.push((format!("{host}{}", place(path)), theirs));
        }
    }
    all
}

/// A path, and how it is read.
fn place(path: &Value) -> String {
    let how = match text_of(path, "pathType").as_deref() {
        Some("Exact") => " exactly".to_owned(),
        Some("Prefix") => String::new(),
        Some("ImplementationSpecific") | None => " as the controller reads it".to_owned(),
        Some(kind) => format!(" of type {}", shown(kind)),
    };
    let place = text_of(path, "path").filter(|path| !path.is_empty());
    format!("{}{how}", place.map_or("/".to_owned(), |path| shown(&path)))
}

fn facts(ingress: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = ingress.get("spec").unwrap_or(&Value::Null);
    facts.say_some("class", text_of(spec, "ingressClassName").map(|class| shown(&class)))?;
    if let Some(backend) = spec.get("defaultBackend").filter(|backend| !backend.is_null()) {
        facts.say("everything else", &backend_of(backend))?;
    }
    for rule in list(spec, "rules") {
        let host = host(text(rule, &["host"]));
        facts.say(host.clone(), "")?;
        let paths = at(rule, &["http", "paths"]).and_then(Value::as_array);
        for path in paths.into_iter().flatten() {
            let backend = path.get("backend").unwrap_or(&Value::Null);
            facts.say(format!("{host}{}", place(path)), &backend_of(backend))?;
        }
    }
    for tls in list(spec, "tls") {
        let secret = text_of(tls, "secretName").filter(|name| !name.is_empty());
        let secret = secret.map_or("the controller's certificate".to_owned(), |name| {
            format!("secret {}", shown(&name))
        });
        let hosts = list(tls, "hosts");
        if hosts.is_empty() {
            facts.say("TLS of any host", &secret)?;
        }
        for one in hosts {
            facts.say(format!("TLS of {}", host(one.as_str())), &secret)?;
        }
    }
    let annotations = at(ingress, &["metadata", "annotations"]).and_then(Value::as_object);
    for (name, value) in annotations.into_iter().flatten() {
        if is_weighty(name) {
            facts.say(format!("annotation {}", shown(name)), &shown(&crate::path::plain(value)))?;
        }
    }
    Ok(facts)
}

/// Whether an annotation is told with its value.
pub(crate) fn is_weighty(name: &str) -> bool {
    let last = name.rsplit('/').next().unwrap_or_default();
    name == "kubernetes.io/ingress.class" || WEIGHTY.iter().any(|part| last.contains(part))
}

fn host(host: Option<&str>) -> String {
    match host.filter(|host| !host.is_empty()) {
        Some(host) => format!("host {}", shown(host)),
        None => "any host".to_owned(),
    }
}

fn backend_of(backend: &Value) -> String {
    let mut said = Vec::new();
    if let Some(service) = backend.get("service").filter(|service| !service.is_null()) {
        let port = service.get("port").unwrap_or(&Value::Null);
        let ports = [said_of(port, "name"), said_of(port, "number")];
        let ports: Vec<String> = ports.into_iter().filter(|port| !port.is_empty()).collect();
        said.push(format!("service {}:{}", said_of(service, "name"), ports.join("/")));
    }
    if let Some(resource) = backend.get("resource").filter(|resource| !resource.is_null()) {
        let part = |name| said_of(resource, name);
        let group = match part("apiGroup") {
            none if none.is_empty() => none,
            group => format!(" of {group}"),
        };
        said.push(format!("{} {}{group}", part("kind"), part("name")));
    }
    if said.is_empty() { "nothing".to_owned() } else { said.join(", ") }
}
