//! Gateways and HTTPRoutes of the Gateway API: which listeners there are, and which requests lead where.

use serde_json::Value;

use super::facts::{Facts, list, text_of};
use super::unclear::Unclear;
use crate::value::{at, text};

pub(crate) fn gateway(gateway: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = gateway.get("spec").unwrap_or(&Value::Null);
    facts.say_some("class", text_of(spec, "gatewayClassName"))?;
    for listener in list(spec, "listeners") {
        let part = |name| text_of(listener, name).unwrap_or_default();
        let host = text_of(listener, "hostname").filter(|host| !host.is_empty());
        let host = host.map_or("any host".to_owned(), |host| format!("host {host}"));
        let name = format!("listener {}", part("name"));
        facts.say(name.clone(), &format!("{host}, port {}, {}", part("port"), part("protocol")))?;
        let from = text(listener, &["allowedRoutes", "namespaces", "from"]).unwrap_or("Same");
        let whose = match from {
            "All" => "of all namespaces".to_owned(),
            "Same" => "of its own namespace".to_owned(),
            "Selector" => {
                let selector = at(listener, &["allowedRoutes", "namespaces", "selector"]);
                format!("of namespaces by {}", selector.unwrap_or(&Value::Null))
            }
            other => other.to_owned(),
        };
        facts.say(format!("{name} takes routes"), &whose)?;
        if let Some(tls) = listener.get("tls").filter(|tls| !tls.is_null()) {
            let mode = text_of(tls, "mode").unwrap_or_else(|| "Terminate".to_owned());
            let certificate = |one: &Value| match text_of(one, "namespace") {
                Some(namespace) => {
                    format!("{namespace}/{}", text_of(one, "name").unwrap_or_default())
                }
                None => text_of(one, "name").unwrap_or_default(),
            };
            let names: Vec<_> = list(tls, "certificateRefs").iter().map(certificate).collect();
            facts.say(format!("TLS of {name}"), &format!("{mode} {}", names.join(", ")))?;
        }
    }
    for address in list(spec, "addresses") {
        facts.say(format!("address {}", text_of(address, "value").unwrap_or_default()), "")?;
    }
    Ok(facts)
}

pub(crate) fn http_route(route: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = route.get("spec").unwrap_or(&Value::Null);
    for parent in list(spec, "parentRefs") {
        let namespace =
            text_of(parent, "namespace").map_or(String::new(), |name| format!("{name}/"));
        let section = text_of(parent, "sectionName")
            .map_or(String::new(), |name| format!(", listener {name}"));
        let name = text_of(parent, "name").unwrap_or_default();
        facts.say(format!("at gateway {namespace}{name}{section}"), "")?;
    }
    let hosts = list(spec, "hostnames");
    if hosts.is_empty() {
        facts.say("any host of the gateway", "")?;
    }
    for host in hosts {
        facts.say(format!("host {}", crate::path::plain(host)), "")?;
    }
    for rule in list(spec, "rules") {
        let backends: Vec<_> = list(rule, "backendRefs").iter().map(backend).collect();
        let filters: Vec<_> = list(rule, "filters").iter().map(filter).collect();
        let mut to =
            if backends.is_empty() { "nothing".to_owned() } else { backends.join(" and ") };
        if !filters.is_empty() {
            to = format!("{to}, by way of {}", filters.join(", "));
        }
        let matches = list(rule, "matches");
        if matches.is_empty() {
            facts.say("requests of /", &to)?;
        }
        for one in matches {
            facts.say(format!("requests of {}", request(one)), &to)?;
        }
    }
    Ok(facts)
}

fn request(one: &Value) -> String {
    let path = text(one, &["path", "value"]).unwrap_or("/");
    let how = match text(one, &["path", "type"]) {
        Some("Exact") => " exactly",
        Some("RegularExpression") => " as an expression",
        _ => "",
    };
    let method = text_of(one, "method").map_or(String::new(), |method| format!("{method} "));
    let pairs = |name: &str, word: &str| -> String {
        let pair = |of: &Value| format!(" with {word} {}", joined_pair(of));
        list(one, name).iter().map(pair).collect()
    };
    format!(
        "{method}{path}{how}{}{}",
        pairs("headers", "header"),
        pairs("queryParams", "parameter")
    )
}

fn joined_pair(of: &Value) -> String {
    let part = |name| text_of(of, name).unwrap_or_default();
    format!("{}={}", part("name"), part("value"))
}

fn backend(of: &Value) -> String {
    let part = |name: &str| text_of(of, name);
    let kind = part("kind").unwrap_or_else(|| "Service".to_owned()).to_lowercase();
    let namespace = part("namespace").map_or(String::new(), |name| format!("{name}/"));
    let port = part("port").map_or(String::new(), |port| format!(":{port}"));
    let weight = part("weight").filter(|weight| weight != "1");
    let weight = weight.map_or(String::new(), |weight| format!(" (weight {weight})"));
    format!("{kind} {namespace}{}{port}{weight}", part("name").unwrap_or_default())
}

fn filter(of: &Value) -> String {
    let kind = text_of(of, "type").unwrap_or_default();
    let inner = of.as_object().into_iter().flatten().find(|(name, _)| *name != "type");
    inner.map_or(kind.clone(), |(_, value)| format!("{kind} {value}"))
}
