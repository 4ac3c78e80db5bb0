//! The plainest evaluation of NetworkPolicies, pod by pod, from their YAML; it knows nothing of sets.

use std::collections::BTreeSet;

use auditseal_flows::{FlowDirection, LabelValue};

use super::*;

fn selects(selector: &Value, label: &dyn Fn(&str) -> Option<String>) -> bool {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut equal = equal.map(|(key, value)| label(key).as_deref() == value.as_str());
    let mut absent = selector["matchExpressions"].as_array().into_iter().flatten().map(|one| {
        assert_eq!(one["operator"], "DoesNotExist");
        label(one["key"].as_str().unwrap()).is_none()
    });
    equal.all(|fits| fits) && absent.all(|fits| fits)
}

fn label_of(side: &Endpoint) -> impl Fn(&str) -> Option<String> + '_ {
    |key| match side.labels.get(key) {
        LabelValue::Is(value) => Some(value.to_owned()),
        LabelValue::Absent => None,
        LabelValue::Unknown => panic!("all is known here"),
    }
}

fn inside(cidr: &str, ip: IpAddr) -> bool {
    let (base, bits) = cidr.split_once('/').unwrap();
    let octets = |ip: IpAddr| match ip {
        IpAddr::V4(ip) => ip.octets().to_vec(),
        IpAddr::V6(ip) => ip.octets().to_vec(),
    };
    let (base, own, bits) =
        (octets(base.parse().unwrap()), octets(ip), bits.parse::<usize>().unwrap());
    let bit = |of: &[u8], at: usize| of[at / 8] >> (7 - at % 8) & 1;
    base.len() == own.len() && (0..bits).all(|at| bit(&base, at) == bit(&own, at))
}

fn is_peer(peer: &Value, side: &Endpoint) -> bool {
    if let Some(cidr) = peer["ipBlock"]["cidr"].as_str() {
        return side.kind == EndpointKind::Outside && inside(cidr, side.ip.unwrap());
    }
    let Some(namespace) = side.namespace.clone() else { return false };
    let space = |key: &str| (key == "kubernetes.io/metadata.name").then(|| namespace.clone());
    selects(&peer["namespaceSelector"], &space) && selects(&peer["podSelector"], &label_of(side))
}

fn is_port(port: &Value, flow: &Flow) -> bool {
    let (from, own) = (port["port"].as_u64().unwrap(), u64::from(flow.port.unwrap()));
    let to = port["endPort"].as_u64().unwrap_or(from);
    port["protocol"] == flow.protocol.word() && (from..=to).contains(&own)
}

/// For what comes in and for what goes out: whether it is let through, `None` where nothing is isolated.
pub(super) fn lets(documents: &[Value], flow: &Flow) -> [Option<bool>; 2] {
    [("Ingress", "ingress", "from"), ("Egress", "egress", "to")].map(|(kind, rules, key)| {
        let (subject, peer) = match kind {
            "Ingress" => (&flow.destination, &flow.source),
            _ => (&flow.source, &flow.destination),
        };
        // What a pod sends itself is asked of nobody.
        if flow.source.ip == flow.destination.ip {
            return None;
        }
        let mut isolated = None;
        for one in documents {
            let here = subject.namespace.as_deref() == one["metadata"]["namespace"].as_str();
            let spec = &one["spec"];
            let types = spec["policyTypes"].as_array().unwrap();
            if !here
                || !types.contains(&json!(kind))
                || !selects(&spec["podSelector"], &label_of(subject))
            {
                continue;
            }
            let passes = spec[rules].as_array().unwrap().iter().any(|rule| {
                let peers = rule[key].as_array().unwrap().iter();
                let mut ports = rule["ports"].as_array().unwrap().iter();
                peers.into_iter().any(|one| is_peer(one, peer))
                    && ports.any(|port| is_port(port, flow))
            });
            isolated = Some(isolated == Some(true) || passes);
        }
        isolated
    })
}

/// All that flows between what was seen could be.
pub(super) struct Universe {
    sides: Vec<Endpoint>,
    seen: BTreeSet<(usize, String, String, &'static str, u16)>,
}

/// What makes two sides the same: all but what a controller gives to each pod.
fn is(side: &Endpoint) -> String {
    match side.kind {
        EndpointKind::Pod => {
            let labels = side.labels.listed().iter().filter(|(key, _)| *key != "pod-template-hash");
            format!("{:?} {:?}", side.namespace, labels.collect::<Vec<_>>())
        }
        _ => format!("{:?}", side.ip),
    }
}

/// Whether a line says that this side let it through: 0 is what comes in, 1 what goes out.
pub(super) fn speaks(flow: &Flow, way: usize) -> bool {
    let own = [FlowDirection::Ingress, FlowDirection::Egress][way];
    flow.verdict == FlowVerdict::Allowed && flow.direction.is_none_or(|side| side == own)
}

impl Universe {
    pub(super) fn of(flows: &[Flow]) -> Self {
        let sides: BTreeSet<Endpoint> =
            flows.iter().flat_map(|flow| [flow.source.clone(), flow.destination.clone()]).collect();
        let allowed = |way| flows.iter().filter(move |flow| speaks(flow, way));
        let key = |flow: &Flow, way| {
            (way, is(&flow.source), is(&flow.destination), flow.protocol.word(), flow.port.unwrap())
        };
        let seen = |way| allowed(way).map(move |flow| key(flow, way));
        let seen = seen(0).chain(seen(1)).collect();
        Self { sides: sides.into_iter().collect(), seen }
    }

    pub(super) fn seen(&self, flow: &Flow, way: usize) -> bool {
        let key = (
            way,
            is(&flow.source),
            is(&flow.destination),
            flow.protocol.word(),
            flow.port.unwrap(),
        );
        self.seen.contains(&key)
    }

    /// Each side with each, at each port.
    pub(super) fn all(&self) -> impl Iterator<Item = Flow> + '_ {
        self.sides.iter().flat_map(move |source| {
            self.sides.iter().flat_map(move |destination| {
                (80..85_u16).flat_map(move |port| {
                    [Protocol::Tcp, Protocol::Udp].map(|protocol| Flow {
                        protocol,
                        ..flow(source.clone(), destination.clone(), port)
                    })
                })
            })
        })
    }
}
