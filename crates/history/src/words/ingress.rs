//! Ingresses: which hosts and paths lead where, and over what.

use serde_json::Value;

use super::facts::{Facts, list, text_of};
use super::unclear::Unclear;
use crate::value::{at, text};

/// Parts of annotations' names that change who may pass, and to where.
const WEIGHTY: [&str; 9] = [
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

pub(crate) fn facts(ingress: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = ingress.get("spec").unwrap_or(&Value::Null);
    facts.say_some("class", text_of(spec, "ingressClassName"))?;
    if let Some(backend) = spec.get("defaultBackend").filter(|backend| !backend.is_null()) {
        facts.say("everything else", &backend_of(backend))?;
    }
    for rule in list(spec, "rules") {
        let host = host(text(rule, &["host"]));
        facts.say(host.clone(), "")?;
        let paths = at(rule, &["http", "paths"]).and_then(Value::as_array);
        for path in paths.into_iter().flatten() {
            let kind = text_of(path, "pathType").unwrap_or_default();
            let exact = match &*kind {
                "Exact" => " exactly",
                "Prefix" => "",
                _ => " as the controller reads it",
            };
            let place = text_of(path, "path").filter(|path| !path.is_empty());
            let place = place.unwrap_or_else(|| "/".to_owned());
            let backend = path.get("backend").unwrap_or(&Value::Null);
            facts.say(format!("{host}{place}{exact}"), &backend_of(backend))?;
        }
    }
    for tls in list(spec, "tls") {
        let secret = text_of(tls, "secretName").filter(|name| !name.is_empty());
        let secret = secret
            .map_or("the controller's certificate".to_owned(), |name| format!("secret {name}"));
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
        let class = name == "kubernetes.io/ingress.class";
        let last = name.rsplit('/').next().unwrap_or_default();
        if class || WEIGHTY.iter().any(|part| last.contains(part)) {
            facts.say(format!("annotation {name}"), &crate::path::plain(value))?;
        }
    }
    Ok(facts)
}

fn host(host: Option<&str>) -> String {
    match host.filter(|host| !host.is_empty()) {
        Some(host) => format!("host {host}"),
        None => "any host".to_owned(),
    }
}

fn backend_of(backend: &Value) -> String {
    if let Some(service) = backend.get("service") {
        let name = text_of(service, "name").unwrap_or_default();
        let port = service.get("port").unwrap_or(&Value::Null);
        let port = text_of(port, "name").or_else(|| text_of(port, "number")).unwrap_or_default();
        return format!("service {name}:{port}");
    }
    match backend.get("resource") {
        Some(resource) => {
            let part = |name| text_of(resource, name).unwrap_or_default();
            format!("{} {}", part("kind"), part("name"))
        }
        None => "nothing".to_owned(),
    }
}
