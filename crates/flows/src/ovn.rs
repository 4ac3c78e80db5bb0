//! Lines of OVN-Kubernetes' ACL log.
//!
//! Source: ovn-kubernetes.io and docs.openshift.com, "Audit logging for network security"; the file is
//! `/var/log/ovn/acl-audit-log.log`, a line is
//! `TIME|NUMBER|acl_log(THREAD)|LEVEL|name="…", verdict=…, severity=…, direction=…: PROTOCOL,KEY=VALUE,…`, the keys behind the
//! colon being those of ovs-fields(7).

use auditseal_audit::Time;

use crate::NotAFlow;
use crate::endpoint::{Endpoint, EndpointKind};
use crate::field::{add_policy, address, checked, port};
use crate::flow::{Flow, FlowDirection, FlowVerdict, Protocol};

pub(crate) fn read(line: &str) -> Result<Flow, NotAFlow> {
    let (head, rest) =
        line.split_once("|acl_log(").ok_or(NotAFlow::Form("it is no line of an ACL log"))?;
    let stamp = head.split('|').next().unwrap_or_default();
    let time = Time::certain(stamp.as_bytes()).ok_or_else(|| NotAFlow::bad("time", stamp))?;
    let (_, rest) = rest.split_once("|name=").ok_or(NotAFlow::Missing("name"))?;
    let (name, rest) = quoted(rest)?;
    let (about, packet) =
        rest.split_once(": ").ok_or(NotAFlow::Form("it says nothing of a packet"))?;
    let of = |key: &str| {
        let mut pairs = about.split(',').filter_map(|pair| pair.trim().split_once('='));
        pairs.find(|(name, _)| *name == key).map(|(_, value)| value)
    };
    let said = checked(of("verdict").ok_or(NotAFlow::Missing("verdict"))?, "verdict")?;
    let verdict = match said.as_str() {
        "allow" | "allow-related" | "allow-stateless" => FlowVerdict::Allowed,
        "drop" | "reject" => FlowVerdict::Denied,
        // `pass` leaves it to the next tier of policies.
        _ => FlowVerdict::Unknown,
    };
    let direction = match of("direction") {
        Some("to-lport") => Some(FlowDirection::Ingress),
        Some("from-lport") => Some(FlowDirection::Egress),
        _ => None,
    };
    let mut fields = packet.split(',');
    let protocol = Protocol::named(fields.next().unwrap_or_default());
    let (mut source, mut destination) = (Endpoint::default(), Endpoint::default());
    let (mut source_port, mut to) = (None, None);
    for (key, value) in fields.filter_map(|field| field.split_once('=')) {
        match key {
            "nw_src" | "ipv6_src" => source.ip = Some(address(value, "source address")?),
            "nw_dst" | "ipv6_dst" => destination.ip = Some(address(value, "destination address")?),
            "tp_src" => source_port = Some(port(value)?),
            "tp_dst" => to = Some(port(value)?),
            _ => {}
        }
    }
    if source.ip.is_none() || destination.ip.is_none() {
        return Err(NotAFlow::Missing("address"));
    }
    let (policies, space) = policy(name)?;
    if let (Some(namespace), Some(direction)) = (space, direction) {
        let subject =
            if direction == FlowDirection::Ingress { &mut destination } else { &mut source };
        subject.namespace = Some(checked(namespace, "namespace")?);
        subject.kind = EndpointKind::Pod;
    }
    // Connections that a policy lets through are logged at their packets: which way they began isn't told.
    let reply = None;
    let time = Some(time);
    Ok(Flow {
        time,
        no_zone: false,
        until: None,
        source,
        destination,
        protocol,
        source_port,
        port: to,
        verdict,
        said,
        policies,
        direction,
        reply,
    })
}

/// The policy that a name tells, and the namespace whose pods it is for.
///
/// `NP:NAMESPACE:POLICY:Ingress:RULE`, or `NP:NAMESPACE:Ingress` where no rule let it through. A NetworkPolicy is for pods of its own
/// namespace.
fn policy(name: &str) -> Result<(Vec<String>, Option<&str>), NotAFlow> {
    let mut policies = Vec::new();
    let parts: Vec<&str> = name.split(':').collect();
    let space = match parts[..] {
        ["NP", namespace, policy, "Ingress" | "Egress", _] => {
            add_policy(&mut policies, &format!("{namespace}/{policy}"))?;
            Some(namespace)
        }
        ["NP", namespace, "Ingress" | "Egress"] => Some(namespace),
        _ => {
            add_policy(&mut policies, name)?;
            None
        }
    };
    Ok((policies, space))
}

/// A name in quotes, or `<unnamed>`; and what follows.
fn quoted(text: &str) -> Result<(&str, &str), NotAFlow> {
    let bare = || text.split_once(',');
    let found = match text.strip_prefix('"') {
        Some(text) => text.split_once('"'),
        None => bare(),
    };
    found.ok_or(NotAFlow::Missing("name"))
}
