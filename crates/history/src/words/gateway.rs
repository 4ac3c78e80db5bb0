//! Gateways and HTTPRoutes of the Gateway API: which listeners there are, and which requests lead where.

use serde_json::Value;

use super::facts::{Facts, list, said_of, selected, shown, text_of};
use super::unclear::Unclear;
use crate::value::{at, text};

pub(crate) fn gateway(gateway: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = gateway.get("spec").unwrap_or(&Value::Null);
    facts.say_some("class", text_of(spec, "gatewayClassName").map(|class| shown(&class)))?;
    for listener in list(spec, "listeners") {
        let part = |name| said_of(listener, name);
        let host = text_of(listener, "hostname").filter(|host| !host.is_empty());
        let host = host.map_or("any host".to_owned(), |host| format!("host {}", shown(&host)));
        let name = format!("listener {}", part("name"));
        facts.say(name.clone(), &format!("{host}, port {}, {}", part("port"), part("protocol")))?;
        let from = text(listener, &["allowedRoutes", "namespaces", "from"]).unwrap_or("Same");
        let selector = at(listener, &["allowedRoutes", "namespaces", "selector"]);
        let selector = selector.filter(|selector| !selector.is_null()).map(selected);
        let whose = match (from, selector) {
            ("Selector", selector) => {
                format!("of namespaces with {}", selector.unwrap_or_else(|| "any label".to_owned()))
            }
            ("All", None) => "of all namespaces".to_owned(),
            ("Same", None) => "of its own namespace".to_owned(),
            (other, None) => shown(other),
            (other, Some(selector)) => format!("of {}, not by {selector}", shown(other)),
        };
        facts.say(format!("{name} takes routes"), &whose)?;
        if let Some(tls) = listener.get("tls").filter(|tls| !tls.is_null()) {
            let mode = text_of(tls, "mode").unwrap_or_else(|| "Terminate".to_owned());
            let mode = shown(&mode);
            let certificate =
                |one: &Value| format!("{}{}", elsewhere(one, gateway), said_of(one, "name"));
            let names: Vec<_> = list(tls, "certificateRefs").iter().map(certificate).collect();
            facts.say(format!("TLS of {name}"), &format!("{mode} {}", names.join(", ")))?;
        }
    }
    for address in list(spec, "addresses") {
        facts.say(format!("address {}", said_of(address, "value")), "")?;
    }
    Ok(facts)
}

pub(crate) fn http_route(route: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = route.get("spec").unwrap_or(&Value::Null);
    for parent in list(spec, "parentRefs") {
        let namespace = elsewhere(parent, route);
        let section = text_of(parent, "sectionName")
            .map_or(String::new(), |name| format!(", listener {}", shown(&name)));
        let name = said_of(parent, "name");
        facts.say(format!("at gateway {namespace}{name}{section}"), "")?;
    }
    let hosts = list(spec, "hostnames");
    if hosts.is_empty() {
        facts.say("any host of the gateway", "")?;
    }
    for host in hosts {
        facts.say(format!("host {}", shown(&crate::path::plain(host))), "")?;
    }
    for rule in list(spec, "rules") {
        let backends: Vec<_> =
            list(rule, "backendRefs").iter().map(|of| backend(of, route)).collect();
        let filters: Vec<_> = list(rule, "filters").iter().map(filter).collect();
        let mut to = if backends.is_empty() { "nothing".to_owned() } else { backends.join(" or ") };
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
    let path = shown(text(one, &["path", "value"]).unwrap_or("/"));
    let how = match text(one, &["path", "type"]) {
        Some("Exact") => " exactly".to_owned(),
        Some("RegularExpression") => " as an expression".to_owned(),
        Some("PathPrefix") | None => String::new(),
        Some(other) => format!(" of type {}", shown(other)),
    };
    let method = match said_of(one, "method") {
        none if none.is_empty() => none,
        method => format!("{method} "),
    };
    let pairs = |name: &str, word: &str| -> String {
        let pair = |of: &Value| format!(" with {word} {}", joined_pair(of));
        // All of them must be so, in any order; but of equivalent names, which differ in case alone, the first counts.
        // Source: Gateway API, HTTPRouteMatch. Parameters' names are equivalent where they are the same.
        let equivalent = |of: &&Value| said_of(of, "name").to_ascii_lowercase();
        let mut all: Vec<&Value> = list(one, name).iter().collect();
        all.sort_by_cached_key(equivalent);
        all.into_iter().map(pair).collect()
    };
    format!(
        "{method}{path}{how}{}{}",
        pairs("headers", "header"),
        pairs("queryParams", "parameter")
    )
}

fn joined_pair(of: &Value) -> String {
    let how = match text(of, &["type"]) {
        None | Some("Exact") => String::new(),
        Some("RegularExpression") => " as an expression".to_owned(),
        Some(other) => format!(" of type {}", shown(other)),
    };
    format!("{}={}{how}", said_of(of, "name"), said_of(of, "value"))
}

/// The namespace of what an object refers to, where it isn't the object's own, which it is where none is given.
fn elsewhere(of: &Value, from: &Value) -> String {
    let own = text(from, &["metadata", "namespace"]);
    let other = text_of(of, "namespace").filter(|name| Some(name.as_str()) != own);
    other.map_or(String::new(), |name| format!("{}/", shown(&name)))
}

fn backend(of: &Value, route: &Value) -> String {
    let part = |name: &str| text_of(of, name).map(|text| shown(&text));
    let kind = part("kind").filter(|kind| kind != "Service").unwrap_or("service".to_owned());
    let namespace = elsewhere(of, route);
    let port = part("port").map_or(String::new(), |port| format!(":{port}"));
    let weight = part("weight").filter(|weight| weight != "1");
    let weight = weight.map_or(String::new(), |weight| format!(" (weight {weight})"));
    format!("{kind} {namespace}{}{port}{weight}", part("name").unwrap_or_default())
}

/// As it is written: what filters do is theirs.
fn filter(of: &Value) -> String {
    let kind = said_of(of, "type");
    let Some(members) = of.as_object() else { return of.to_string() };
    let inner: Vec<String> = (members.iter().filter(|(name, _)| *name != "type"))
        .map(|(name, value)| format!(" {name} {value}"))
        .collect();
    format!("{kind}{}", inner.concat())
}
