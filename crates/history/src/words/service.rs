//! Services: who may reach them, on what, and which pods answer.

use serde_json::Value;

use super::facts::{Facts, joined, list, pairs, text_of};
use super::unclear::Unclear;

pub(crate) fn facts(service: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = service.get("spec").unwrap_or(&Value::Null);
    let kind = text_of(spec, "type").unwrap_or_else(|| "ClusterIP".to_owned());
    facts.say("type", &kind)?;
    match pairs(spec.get("selector")) {
        none if none.is_empty() => facts.say("answered by", "no pods of a selector")?,
        some => facts.say("answered by", &format!("pods with {some}"))?,
    }
    for port in list(spec, "ports") {
        let protocol = text_of(port, "protocol").unwrap_or_else(|| "TCP".to_owned());
        let number = text_of(port, "port").unwrap_or_default();
        let target = text_of(port, "targetPort").unwrap_or_else(|| number.clone());
        let node = text_of(port, "nodePort").filter(|port| port != "0");
        let node = node.map_or(String::new(), |port| format!(", port {port} of each node"));
        facts.say(
            format!("port {number}/{protocol}"),
            &format!("port {target} of the pods{node}"),
        )?;
    }
    for address in list(spec, "externalIPs") {
        facts.say(format!("external address {}", crate::path::plain(address)), "")?;
    }
    let ranges = joined(spec, "loadBalancerSourceRanges");
    if kind == "LoadBalancer" {
        let ranges = if ranges.is_empty() { "any address".to_owned() } else { ranges };
        facts.say("load balancer lets in", &ranges)?;
    }
    facts.say_some("stands for", text_of(spec, "externalName").filter(|name| !name.is_empty()))?;
    if text_of(spec, "clusterIP").as_deref() == Some("None") {
        facts.say("without an address of its own", "")?;
    }
    for (name, said) in [
        ("externalTrafficPolicy", "traffic from outside"),
        ("internalTrafficPolicy", "traffic from inside"),
        ("sessionAffinity", "affinity"),
        ("loadBalancerClass", "class of the load balancer"),
        ("loadBalancerIP", "address of the load balancer"),
    ] {
        // What is absent is what the default sets.
        let plain = |value: &String| !matches!(&**value, "Cluster" | "None" | "");
        facts.say_some(said, text_of(spec, name).filter(plain))?;
    }
    if spec.get("publishNotReadyAddresses").and_then(Value::as_bool) == Some(true) {
        facts.say("pods that aren't ready answer, too", "")?;
    }
    Ok(facts)
}
