//! Services: who may reach them, on what, and which pods answer.

use serde_json::Value;

use super::facts::{Facts, joined, list, pairs, said_of, shown, text_of};
use super::unclear::Unclear;

pub(crate) fn facts(service: &Value) -> Result<Facts, Unclear> {
    let mut facts = Facts::default();
    let spec = service.get("spec").unwrap_or(&Value::Null);
    let kind = text_of(spec, "type").unwrap_or_else(|| "ClusterIP".to_owned());
    facts.say("type", &shown(&kind))?;
    match pairs(spec.get("selector")) {
        none if none.is_empty() => facts.say("answered by", "no pods of a selector")?,
        some => facts.say("answered by", &format!("pods with {some}"))?,
    }
    for port in list(spec, "ports") {
        let protocol = text_of(port, "protocol").unwrap_or_else(|| "TCP".to_owned());
        let number = text_of(port, "port").unwrap_or_default();
        let target = text_of(port, "targetPort").unwrap_or_else(|| number.clone());
        let (target, protocol) = (shown(&target), shown(&protocol));
        let called = |name: &str, words: &str| match said_of(port, name) {
            none if none.is_empty() || none == "\"\"" => String::new(),
            name => format!(", {words} {name}"),
        };
        let called = called("name", "named") + &called("appProtocol", "speaking");
        let node = text_of(port, "nodePort").filter(|port| port != "0");
        let node = node.map_or(String::new(), |port| format!(", port {port} of each node"));
        facts.say(
            format!("port {number}/{protocol}"),
            &format!("port {target} of the pods{node}{called}"),
        )?;
    }
    for address in list(spec, "externalIPs") {
        facts.say(format!("external address {}", shown(&crate::path::plain(address))), "")?;
    }
    let ranges = joined(spec, "loadBalancerSourceRanges");
    if kind == "LoadBalancer" || !ranges.is_empty() {
        let ranges = if ranges.is_empty() { "any address".to_owned() } else { ranges };
        facts.say("load balancer lets in", &ranges)?;
    }
    let name = text_of(spec, "externalName").filter(|name| !name.is_empty());
    facts.say_some("stands for", name.map(|name| shown(&name)))?;
    if text_of(spec, "clusterIP").as_deref() == Some("None") {
        facts.say("without an address of its own", "")?;
    }
    for (name, said, default) in [
        ("externalTrafficPolicy", "traffic from outside", "Cluster"),
        ("internalTrafficPolicy", "traffic from inside", "Cluster"),
        ("sessionAffinity", "affinity", "None"),
        ("loadBalancerClass", "class of the load balancer", ""),
        ("loadBalancerIP", "address of the load balancer", ""),
    ] {
        // What is absent is what the default sets.
        let set = text_of(spec, name).filter(|value| value != default && !value.is_empty());
        facts.say_some(said, set.map(|value| shown(&value)))?;
    }
    if spec.get("publishNotReadyAddresses").and_then(Value::as_bool) == Some(true) {
        facts.say("pods that aren't ready answer, too", "")?;
    }
    Ok(facts)
}
