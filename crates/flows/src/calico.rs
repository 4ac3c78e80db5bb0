//! Lines of Calico's flow log.
//!
//! Source: docs.tigera.io, "Flow log data types" (Calico Enterprise 3.21 to 3.23, Calico Cloud); the file is
//! `/var/log/calico/flowlogs/flows.log`.

use std::collections::BTreeMap;

use auditseal_audit::Time;
use serde_json::{Map, Value};

use crate::endpoint::{Endpoint, EndpointKind};
use crate::field::{add_policy, address, checked, list, object, port_of, text};
use crate::flow::{Flow, FlowDirection, FlowVerdict, Protocol};
use crate::labels::{LabelSet, Unlisted};
use crate::{NotAFlow, json};

pub(crate) fn read(line: &str) -> Result<Flow, NotAFlow> {
    let line = json::object(line)?;
    let time = moment(&line, ["start_time", "startTime"])?;
    let until = moment(&line, ["end_time", "endTime"])?;
    let said = text(&line, "action", "action")?.ok_or(NotAFlow::Missing("action"))?;
    let verdict = match said.as_str() {
        "allow" => FlowVerdict::Allowed,
        "deny" => FlowVerdict::Denied,
        _ => FlowVerdict::Unknown,
    };
    let direction = match text(&line, "reporter", "reporter")?.as_deref() {
        Some("src") => Some(FlowDirection::Egress),
        Some("dst") => Some(FlowDirection::Ingress),
        _ => None,
    };
    let protocol = match line.get("proto") {
        Some(Value::String(name)) => Protocol::named(name),
        Some(Value::Number(number)) => Protocol::named(&number.to_string()),
        _ => Protocol::Other,
    };
    let source = endpoint(
        &line,
        ["source_ip", "source_type", "source_namespace", "source_name", "source_labels"],
    )?;
    let destination =
        endpoint(&line, ["dest_ip", "dest_type", "dest_namespace", "dest_name", "dest_labels"])?;
    Ok(Flow {
        time,
        no_zone: false,
        until,
        source,
        destination,
        protocol,
        source_port: port(&line, "source_port", protocol)?,
        port: port(&line, "dest_port", protocol)?,
        verdict,
        said,
        policies: policies(&line)?,
        direction,
        // A line is of a connection, from who began it.
        reply: Some(false),
    })
}

fn moment(line: &Map<String, Value>, keys: [&'static str; 2]) -> Result<Option<Time>, NotAFlow> {
    match line.get(keys[0]).or_else(|| line.get(keys[1])) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Number(seconds)) => since_epoch(seconds, keys[0]).map(Some),
        Some(other) => Err(NotAFlow::bad(keys[0], &other.to_string())),
    }
}

fn since_epoch(seconds: &serde_json::Number, what: &'static str) -> Result<Time, NotAFlow> {
    let micros = seconds.as_i64().and_then(|seconds| seconds.checked_mul(1_000_000));
    let known = micros.filter(|micros| (0..=Time::MAX.micros()).contains(micros));
    known.map(Time::from_micros).ok_or_else(|| NotAFlow::bad(what, &seconds.to_string()))
}

/// A value that is there: `-` says that the log has none, or that it is summed up.
fn told(
    line: &Map<String, Value>,
    key: &str,
    what: &'static str,
) -> Result<Option<String>, NotAFlow> {
    Ok(text(line, key, what)?.filter(|text| text != "-"))
}

/// ICMP has no ports, and Calico writes 0.
fn port(line: &Map<String, Value>, key: &str, protocol: Protocol) -> Result<Option<u16>, NotAFlow> {
    match line.get(key) {
        Some(Value::String(text)) if text == "-" => Ok(None),
        Some(Value::Number(_)) if matches!(protocol, Protocol::Icmp | Protocol::Other) => Ok(None),
        value => port_of(value),
    }
}

fn endpoint(line: &Map<String, Value>, keys: [&str; 5]) -> Result<Endpoint, NotAFlow> {
    let [ip, kind, namespace, name, labels] = keys;
    let ip = told(line, ip, "address")?.map(|text| address(&text, "address")).transpose()?;
    let place = match told(line, kind, "type")?.as_deref() {
        Some("wep") => EndpointKind::Pod,
        Some("net" | "ns") => EndpointKind::Outside,
        Some("hep") => EndpointKind::Node,
        _ => EndpointKind::Unknown,
    };
    let name = told(line, name, "name")?;
    let mut listed = BTreeMap::new();
    let found = object(line, labels, "labels")?;
    if let Some(found) = found {
        for label in list(found, "labels", "labels")? {
            let label = label.as_str().ok_or(NotAFlow::Form("a label is no text"))?;
            let (key, value) = label.split_once('=').unwrap_or((label, ""));
            let value =
                if value.is_empty() { String::new() } else { checked(value, "label's value")? };
            listed.insert(checked(key, "label")?, value);
        }
    }
    // Where pods are summed up, only labels that all of them have are listed.
    let unlisted = match (&name, found) {
        (Some(_), Some(_)) => Unlisted::Absent,
        _ => Unlisted::Unknown,
    };
    let labels = LabelSet::new(listed, unlisted)?;
    let (pod, labels) =
        if place == EndpointKind::Pod { (name, labels) } else { (None, LabelSet::default()) };
    let namespace = told(line, namespace, "namespace")?.filter(|_| place == EndpointKind::Pod);
    Ok(Endpoint { ip, kind: place, namespace, pod, labels, namespace_labels: LabelSet::default() })
}

/// Each is `ORDER|TIER|NAME|ACTION|RULE`.
fn policies(line: &Map<String, Value>) -> Result<Vec<String>, NotAFlow> {
    let mut found = Vec::new();
    let Some(policies) = object(line, "policies", "policies")? else { return Ok(found) };
    let enforced = list(policies, "enforced_policies", "policies")?;
    let all =
        if enforced.is_empty() { list(policies, "all_policies", "policies")? } else { enforced };
    for one in all {
        let one = one.as_str().ok_or(NotAFlow::Form("a policy is no text"))?;
        let name = one.split('|').nth(2).ok_or_else(|| NotAFlow::bad("policy", one))?;
        add_policy(&mut found, name)?;
    }
    Ok(found)
}
