//! Lines of Antrea's network policy log.
//!
//! Source: antrea.io, "Antrea Network Policy CRDs", section "Audit logging": the file is
//! `/var/log/antrea/networkpolicy/np.log`, its words are
//! `DATE TIME TABLE POLICY RULE DIRECTION ACTION PRIORITY APPLIED-TO SOURCE PORT DESTINATION PORT PROTOCOL LENGTH LABEL`, and
//! `[N packets in …]` behind them where lines were put together. What isn't there is `<nil>`.

use auditseal_audit::Time;

use crate::NotAFlow;
use crate::endpoint::{Endpoint, EndpointKind};
use crate::field::{add_policy, address, checked, port};
use crate::flow::{Flow, FlowDirection, FlowVerdict, Protocol};

/// Words of a line at least.
const WORDS: usize = 15;

pub(crate) fn read(line: &str) -> Result<Flow, NotAFlow> {
    let words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).take(WORDS).collect();
    let [
        date,
        time,
        _,
        policy,
        _,
        direction,
        action,
        _,
        applied,
        from,
        from_port,
        to,
        to_port,
        protocol,
        ..,
    ] = words[..]
    else {
        return Err(NotAFlow::Form("it has fewer words than a line of np.log"));
    };
    let time = moment(date, time)?;
    let direction = match direction {
        "Ingress" => FlowDirection::Ingress,
        "Egress" => FlowDirection::Egress,
        other => return Err(NotAFlow::bad("direction", other)),
    };
    let verdict = match action {
        "Allow" => FlowVerdict::Allowed,
        "Drop" | "Reject" => FlowVerdict::Denied,
        // `Pass` leaves it to the policies of Kubernetes, which may stop it.
        _ => FlowVerdict::Unknown,
    };
    let protocol = Protocol::named(protocol);
    let side = |text, what| {
        let ip = Some(address(text, what)?);
        Ok::<_, NotAFlow>(Endpoint { ip, ..Endpoint::default() })
    };
    let mut source = side(from, "source address")?;
    let mut destination = side(to, "destination address")?;
    if let Some((namespace, pod)) = told(applied).and_then(|text| text.split_once('/')) {
        let subject =
            if direction == FlowDirection::Ingress { &mut destination } else { &mut source };
        subject.namespace = Some(checked(namespace, "namespace")?);
        subject.pod = Some(checked(pod, "pod's name")?);
        subject.kind = EndpointKind::Pod;
    }
    let mut policies = Vec::new();
    if let Some(name) = told(policy) {
        // `KIND:NAMESPACE/NAME`; K8sNetworkPolicy alone is what a policy isolates by default.
        if let Some((_, name)) = name.split_once(':') {
            add_policy(&mut policies, name)?;
        }
    }
    Ok(Flow {
        time: Some(time),
        no_zone: true,
        until: None,
        source,
        destination,
        protocol,
        source_port: port_of(from_port, protocol)?,
        port: port_of(to_port, protocol)?,
        verdict,
        said: checked(action, "action")?,
        policies,
        direction: Some(direction),
        // The first packet of a connection is logged.
        reply: Some(false),
    })
}

fn told(word: &str) -> Option<&str> {
    Some(word).filter(|word| *word != "<nil>")
}

fn port_of(word: &str, protocol: Protocol) -> Result<Option<u16>, NotAFlow> {
    match told(word) {
        // ICMP has no ports.
        None => Ok(None),
        Some(_) if protocol == Protocol::Icmp => Ok(None),
        Some(text) => port(text).map(Some),
    }
}

fn moment(date: &str, time: &str) -> Result<Time, NotAFlow> {
    let text = format!("{}T{time}Z", date.replace('/', "-"));
    Time::certain(text.as_bytes()).ok_or_else(|| NotAFlow::bad("time", &text))
}
