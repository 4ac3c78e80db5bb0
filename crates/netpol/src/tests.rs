#![allow(clippy::unwrap_used, reason = "a test may fail so")]

mod besides;
mod brute;
mod policies;
mod replays;
mod rosters;
mod suggestions;

use core::net::IpAddr;
use std::collections::BTreeMap;
use std::sync::Arc;

use auditseal_flows::{
    Endpoint, EndpointKind, Flow, FlowVerdict, LabelSet, LogFormat, Protocol, Unlisted, read,
};
use serde_json::{Value, json};

use super::*;

pub(super) fn at(seq: u64, line: u64) -> FlowSeal {
    FlowSeal { origin: Arc::from("prod/w-1/flows"), seq, line }
}

pub(super) fn sample(name: &str, format: &str) -> Vec<Flow> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/flows/");
    let text = std::fs::read_to_string(format!("{folder}{name}")).unwrap();
    let format: LogFormat = format.parse().unwrap();
    text.lines().filter_map(|line| read(line.as_bytes(), format).ok()).collect()
}

pub(super) fn policy(name: &str, spec: &Value) -> PolicyFile {
    let meta = json!({"name": name, "namespace": "shop"});
    let object = json!({"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": meta, "spec": spec});
    PolicyFile::all(&object, "other").unwrap().remove(0)
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> LabelSet {
    let all: BTreeMap<_, _> =
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    LabelSet::new(all, Unlisted::Absent).unwrap()
}

/// A pod, whose address is told by what it is called.
pub(super) fn pod(namespace: &str, pairs: &[(&str, &str)]) -> Endpoint {
    Endpoint {
        kind: EndpointKind::Pod,
        namespace: Some(namespace.to_owned()),
        labels: labels(pairs),
        ip: Some(address(namespace, pairs)),
        ..Endpoint::default()
    }
}

fn address(namespace: &str, pairs: &[(&str, &str)]) -> IpAddr {
    let bytes = format!("{namespace}{pairs:?}").into_bytes();
    let sum =
        bytes.iter().fold(7_u16, |sum, byte| sum.wrapping_mul(31).wrapping_add((*byte).into()));
    let [high, low] = sum.to_be_bytes();
    core::net::Ipv4Addr::new(10, 1, high, low).into()
}

pub(super) fn outside(ip: &str) -> Endpoint {
    let ip: IpAddr = ip.parse().unwrap();
    Endpoint { kind: EndpointKind::Outside, ip: Some(ip), ..Endpoint::default() }
}

pub(super) fn flow(source: Endpoint, destination: Endpoint, port: u16) -> Flow {
    Flow {
        time: None,
        no_zone: false,
        until: None,
        source,
        destination,
        protocol: Protocol::Tcp,
        source_port: None,
        port: Some(port),
        verdict: FlowVerdict::Allowed,
        said: "allow".to_owned(),
        policies: Vec::new(),
        direction: None,
        reply: Some(false),
    }
}

/// The documents of a suggestion.
pub(super) fn documents(yaml: &str) -> Vec<Value> {
    let parts = yaml.split("---\n").skip(1);
    parts.map(|text| auditseal_yaml::read(text).unwrap()).collect()
}
