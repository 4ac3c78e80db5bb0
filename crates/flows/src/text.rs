//! Words `KEY=VALUE`, whatever stands between them: what netfilter's LOG target writes, and so Calico's `Log` rules.
//!
//! Source: iptables-extensions(8), "LOG"; docs.tigera.io, "Use log rules to test network policy". A line doesn't tell what became
//! of the packet, but where somebody adds `verdict=`.

use auditseal_audit::Time;

use crate::NotAFlow;
use crate::endpoint::Endpoint;
use crate::field::{add_policy, address, checked, port};
use crate::flow::{Flow, FlowDirection, FlowVerdict, Protocol};

pub(crate) fn read(line: &str) -> Result<Flow, NotAFlow> {
    let mut words = line.split_ascii_whitespace().peekable();
    let time = words.peek().and_then(|word| Time::certain(word.as_bytes()));
    let (mut source, mut destination) = (Endpoint::default(), Endpoint::default());
    let (mut source_port, mut to) = (None, None);
    let (mut protocol, mut verdict, mut direction) = (Protocol::Other, FlowVerdict::Unknown, None);
    let (mut said, mut policies) = (String::new(), Vec::new());
    let mut seen = Vec::new();
    for (key, value) in
        words.filter_map(|word| word.split_once('=')).filter(|(_, value)| !value.is_empty())
    {
        let key = key.to_ascii_uppercase();
        let key = key.as_str();
        let known = ["SRC", "DST", "SPT", "DPT", "PROTO", "VERDICT", "DIRECTION", "POLICY"];
        let Some(known) = known.into_iter().find(|name| *name == key) else { continue };
        // An error of ICMP has the packet that it is about behind its own.
        if seen.contains(&known) {
            continue;
        }
        seen.push(known);
        match known {
            "SRC" => source.ip = Some(address(value, "source address")?),
            "DST" => destination.ip = Some(address(value, "destination address")?),
            "SPT" => source_port = Some(port(value)?),
            "DPT" => to = Some(port(value)?),
            "PROTO" => protocol = Protocol::named(value),
            "VERDICT" => {
                said = checked(value, "verdict")?;
                verdict = match value.to_ascii_lowercase().as_str() {
                    "allow" | "allowed" | "accept" => FlowVerdict::Allowed,
                    "deny" | "denied" | "drop" | "reject" => FlowVerdict::Denied,
                    _ => FlowVerdict::Unknown,
                };
            }
            "DIRECTION" => {
                direction = match value.to_ascii_lowercase().as_str() {
                    "ingress" => Some(FlowDirection::Ingress),
                    "egress" => Some(FlowDirection::Egress),
                    _ => None,
                };
            }
            _ => add_policy(&mut policies, value)?,
        }
    }
    if source.ip.is_none() || destination.ip.is_none() {
        return Err(NotAFlow::Missing("SRC= and DST="));
    }
    let reply = None;
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
