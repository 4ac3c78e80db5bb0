//! Lines of Cilium's Hubble exporter.
//!
//! Source: docs.cilium.io, "Configuring Hubble exporter" (`hubble-export-file-path`), and the fields of
//! `api/v1/flow/flow.proto` as JSON, Cilium 1.15 to 1.19.

use std::collections::BTreeMap;

use auditseal_audit::Time;
use serde_json::{Map, Value};

use crate::endpoint::{Endpoint, EndpointKind};
use crate::field::{add_policy, address, checked, list, object, port_of, text};
use crate::flow::{Flow, FlowDirection, FlowVerdict, Protocol};
use crate::labels::{LabelSet, Unlisted};
use crate::{NotAFlow, json};

/// Where Cilium puts the labels of a pod's namespace.
const OF_NAMESPACE: &str = "io.cilium.k8s.namespace.labels.";

pub(crate) fn read(line: &str) -> Result<Flow, NotAFlow> {
    let line = json::object(line)?;
    let Some(flow) = object(&line, "flow", "flow")? else {
        let other = ["lost_events", "node_status", "agent_event", "debug_event"];
        let other = other.into_iter().find(|name| line.contains_key(*name));
        return Err(other.map_or(NotAFlow::Missing("flow"), |name| NotAFlow::Note(name.to_owned())));
    };
    let time = match text(flow, "time", "time")?.or(text(&line, "time", "time")?) {
        None => None,
        Some(text) => {
            let time = Time::certain(text.as_bytes());
            Some(time.ok_or_else(|| NotAFlow::bad("time", &text))?)
        }
    };
    let (protocol, source_port, port) = ports(flow)?;
    let ip = object(flow, "IP", "IP")?;
    let direction = match text(flow, "traffic_direction", "traffic_direction")?.as_deref() {
        Some("INGRESS") => Some(FlowDirection::Ingress),
        Some("EGRESS") => Some(FlowDirection::Egress),
        _ => None,
    };
    // The side whose policies the line is about is on the node that wrote it.
    let mut source = endpoint(flow, "source", direction == Some(FlowDirection::Ingress))?;
    let mut destination = endpoint(flow, "destination", direction == Some(FlowDirection::Egress))?;
    if let Some(ip) = ip {
        let of = |key, what| text(ip, key, what)?.map(|text| address(&text, what)).transpose();
        source.ip = of("source", "source address")?;
        destination.ip = of("destination", "destination address")?;
    }
    let word = text(flow, "verdict", "verdict")?.ok_or(NotAFlow::Missing("verdict"))?;
    let verdict = match word.as_str() {
        // What a policy in audit mode would have dropped was let through.
        "FORWARDED" | "REDIRECTED" | "AUDIT" => FlowVerdict::Allowed,
        "DROPPED" => FlowVerdict::Denied,
        _ => FlowVerdict::Unknown,
    };
    let why = text(flow, "drop_reason_desc", "drop_reason_desc")?;
    let said = why.map_or_else(|| word.clone(), |why| format!("{word} {why}"));
    let reply = match flow.get("is_reply") {
        None | Some(Value::Null) => None,
        Some(Value::Bool(reply)) => Some(*reply),
        Some(other) => return Err(NotAFlow::bad("is_reply", &other.to_string())),
    };
    let policies = policies(flow)?;
    Ok(Flow {
        time,
        no_zone: false,
        until: None,
        source,
        destination,
        protocol,
        source_port,
        port,
        verdict,
        said,
        policies,
        direction,
        reply,
    })
}

type Ports = (Protocol, Option<u16>, Option<u16>);

fn ports(flow: &Map<String, Value>) -> Result<Ports, NotAFlow> {
    let Some(l4) = object(flow, "l4", "l4")? else { return Ok((Protocol::Other, None, None)) };
    let Some(name) =
        ["TCP", "UDP", "SCTP", "ICMPv4", "ICMPv6"].into_iter().find(|name| l4.contains_key(*name))
    else {
        return Ok((Protocol::Other, None, None));
    };
    let protocol = Protocol::named(name);
    let of = object(l4, name, "l4")?;
    let at = |key| port_of(of.and_then(|of| of.get(key)));
    Ok((protocol, at("source_port")?, at("destination_port")?))
}

fn policies(flow: &Map<String, Value>) -> Result<Vec<String>, NotAFlow> {
    let mut found = Vec::new();
    let keys = ["ingress_denied_by", "egress_denied_by", "ingress_allowed_by", "egress_allowed_by"];
    for key in keys {
        for one in list(flow, key, "policies")? {
            let one = one.as_object().ok_or(NotAFlow::Form("a policy is no object"))?;
            let Some(name) = text(one, "name", "policy")? else { continue };
            let name = match text(one, "namespace", "policy's namespace")? {
                Some(namespace) => format!("{namespace}/{name}"),
                None => name,
            };
            add_policy(&mut found, &name)?;
        }
    }
    Ok(found)
}

/// One side. `host` is the node that wrote the line: of what is seen from the other side's node (`near`) it is the other
/// side's own, and otherwise nobody knows where that one runs.
fn endpoint(
    flow: &Map<String, Value>,
    key: &'static str,
    near: bool,
) -> Result<Endpoint, NotAFlow> {
    let Some(of) = object(flow, key, key)? else { return Ok(Endpoint::default()) };
    let (mut own, mut space) = (BTreeMap::new(), BTreeMap::new());
    let mut reserved = Vec::new();
    let mut cidr = false;
    for label in list(of, "labels", "labels")? {
        let label = label.as_str().ok_or(NotAFlow::Form("a label is no text"))?;
        // One without a value has none at all.
        let (source, rest) = label.split_once(':').unwrap_or(("", label));
        let (name, value) = rest.split_once('=').unwrap_or((rest, ""));
        let (name, value) = (checked(name, "label")?, check_value(value)?);
        match source {
            "k8s" => match name.strip_prefix(OF_NAMESPACE) {
                Some(name) => space.insert(name.to_owned(), value),
                // What Cilium adds of its own is no label of the pod.
                None if name.starts_with("io.cilium.") || name.starts_with("io.kubernetes.") => {
                    None
                }
                None => own.insert(name, value),
            },
            "reserved" => {
                reserved.push(name);
                None
            }
            "cidr" => {
                cidr = true;
                None
            }
            _ => None,
        };
    }
    let pod = text(of, "pod_name", "pod's name")?;
    let namespace = text(of, "namespace", "namespace")?;
    let is = |name: &str| {
        reserved.iter().any(|one| one == name || one.starts_with("world") && name == "world")
    };
    let place = match () {
        () if pod.is_some() || !own.is_empty() => EndpointKind::Pod,
        () if is("host") && near => EndpointKind::OwnNode,
        () if is("remote-node") && near => EndpointKind::OtherNode,
        () if is("host") || is("remote-node") => EndpointKind::Node,
        () if is("world") || cidr => EndpointKind::Outside,
        () => EndpointKind::Unknown,
    };
    let told = |labels: &BTreeMap<String, String>| match labels.is_empty() {
        true => Unlisted::Unknown,
        false => Unlisted::AbsentButCiliums,
    };
    let (own_told, space_told) = (told(&own), told(&space));
    Ok(Endpoint {
        ip: None,
        kind: place,
        namespace,
        pod,
        labels: LabelSet::new(own, own_told)?,
        namespace_labels: LabelSet::new(space, space_told)?,
    })
}

fn check_value(value: &str) -> Result<String, NotAFlow> {
    if value.is_empty() { Ok(String::new()) } else { checked(value, "label's value") }
}
