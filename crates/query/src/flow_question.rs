//! What is asked of flows: yes, no, or unknown because the line doesn't tell.

// `core::net` are the types alone: nothing here reaches a network.
use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;

use auditseal_flows::{Endpoint, EndpointKind, Flow, FlowDirection, FlowVerdict, Protocol};
use auditseal_predicate::Truth;

/// What a flow must be: one of each list that isn't empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlowQuestion {
    /// Who began.
    pub from: Vec<FlowSide>,
    /// To whom.
    pub to: Vec<FlowSide>,
    /// Either of both.
    pub peer: Vec<FlowSide>,
    /// A pod of one of these namespaces is on one side.
    pub namespaces: Vec<String>,
    /// The destination's port.
    pub ports: Vec<FlowPorts>,
    /// What is spoken.
    pub protocols: Vec<Protocol>,
    /// What became of it.
    pub verdicts: Vec<FlowVerdict>,
    /// A policy that the line names: `NAME` or `NAMESPACE/NAME`.
    pub policies: Vec<String>,
    /// Whose policies the line is about.
    pub direction: Option<FlowDirection>,
}

impl FlowQuestion {
    /// The answer.
    #[must_use]
    pub fn of(&self, flow: &Flow) -> Truth {
        let (source, destination) = (&flow.source, &flow.destination);
        let either = |one: &FlowSide| one.of(source).or(one.of(destination));
        let space = |name: &String| in_space(source, name).or(in_space(destination, name));
        let protocol = |one: &Protocol| match flow.protocol {
            Protocol::Other => Truth::Unknown,
            known => (known == *one).into(),
        };
        let policy = |name: &String| {
            let named = Truth::from(flow.names(name));
            // Most lines name none, whatever let them through or stopped them.
            if flow.policies.is_empty() { Truth::Unknown } else { named }
        };
        let direction = match (self.direction, flow.direction) {
            (None, _) => Truth::True,
            (Some(_), None) => Truth::Unknown,
            (Some(one), Some(other)) => (one == other).into(),
        };
        any(&self.from, |one| one.of(source))
            .and(any(&self.to, |one| one.of(destination)))
            .and(any(&self.peer, either))
            .and(any(&self.namespaces, space))
            .and(any(&self.ports, |ports| ports.of(flow)))
            .and(any(&self.protocols, protocol))
            .and(any(&self.verdicts, |verdict| (flow.verdict == *verdict).into()))
            .and(any(&self.policies, policy))
            .and(direction)
    }
}

fn any<T>(all: &[T], one: impl Fn(&T) -> Truth) -> Truth {
    match all {
        [] => Truth::True,
        all => all.iter().map(one).fold(Truth::False, Truth::or),
    }
}

fn in_space(side: &Endpoint, name: &str) -> Truth {
    match (&side.namespace, side.kind) {
        (Some(own), _) => (own == name).into(),
        (None, EndpointKind::Unknown | EndpointKind::Pod) => Truth::Unknown,
        (None, _) => Truth::False,
    }
}

/// One side: an address, a block of them, or pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FlowSide {
    /// Addresses that begin with so many bits of this one.
    Block(IpAddr, u8),
    /// A pod, by its namespace and its name; a `*` at the end stands for anything.
    Pod(String, String),
}

impl FlowSide {
    fn of(&self, side: &Endpoint) -> Truth {
        match self {
            Self::Block(base, bits) => match side.ip {
                Some(ip) => (begins(ip, *bits) == begins(*base, *bits)).into(),
                None => Truth::Unknown,
            },
            Self::Pod(namespace, pod) => {
                let is = match (&side.pod, pod.strip_suffix('*')) {
                    (_, Some("")) => Truth::True,
                    (Some(own), Some(begin)) => own.starts_with(begin).into(),
                    (Some(own), None) => (own == pod).into(),
                    (None, _) => Truth::Unknown,
                };
                in_space(side, namespace).and(is)
            }
        }
    }
}

/// The family of an address and its first bits.
fn begins(ip: IpAddr, bits: u8) -> (bool, u128) {
    let (four, number, width) = match ip {
        IpAddr::V4(ip) => (true, u128::from(u32::from(ip)), 32),
        IpAddr::V6(ip) => (false, u128::from(ip), 128),
    };
    let behind = u32::from(width - bits.min(width));
    (four, number.checked_shr(behind).unwrap_or(0))
}

impl FromStr for FlowSide {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is no address, block of addresses, or NAMESPACE/POD");
        if let Ok(ip) = text.parse::<IpAddr>() {
            return Ok(Self::Block(ip, if ip.is_ipv4() { 32 } else { 128 }));
        }
        let (begin, end) = text.split_once('/').ok_or_else(wrong)?;
        if let Ok(ip) = begin.parse::<IpAddr>() {
            let most = if ip.is_ipv4() { 32 } else { 128 };
            let bits = end.parse().ok().filter(|bits| *bits <= most);
            return bits.map(|bits| Self::Block(ip, bits)).ok_or_else(wrong);
        }
        if begin.is_empty() || end.is_empty() || end.contains('/') {
            return Err(wrong());
        }
        Ok(Self::Pod(begin.to_owned(), end.to_owned()))
    }
}

/// Ports from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlowPorts(u16, u16);

impl FlowPorts {
    fn of(self, flow: &Flow) -> Truth {
        match (flow.port, flow.protocol) {
            (Some(port), _) => (self.0..=self.1).contains(&port).into(),
            (None, Protocol::Icmp) => Truth::False,
            (None, _) => Truth::Unknown,
        }
    }
}

impl FromStr for FlowPorts {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (from, to) = text.split_once('-').unwrap_or((text, text));
        let port = |text: &str| text.parse::<u16>().ok().filter(|port| *port > 0);
        let range = port(from).zip(port(to)).filter(|(from, to)| from <= to);
        range.map(|(from, to)| Self(from, to)).ok_or_else(|| {
            format!("'{text}' is no port from 1 to 65535, and no range such as 8000-8080")
        })
    }
}

impl fmt::Display for FlowPorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use auditseal_flows::{LogFormat, read};

    use super::*;

    fn sample(name: &str, format: &str, line: usize) -> Flow {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata/flows/");
        let text = std::fs::read_to_string(format!("{folder}{name}")).unwrap();
        let format: LogFormat = format.parse().unwrap();
        read(text.lines().nth(line).unwrap().as_bytes(), format).unwrap()
    }

    fn all<T: FromStr<Err = String>>(text: &str) -> Vec<T> {
        vec![text.parse().unwrap()]
    }

    #[test]
    fn what_a_line_tells_decides_and_what_it_does_not_is_unknown() {
        let denied = sample("hubble.log", "hubble", 6);
        let ovn = sample("ovn.log", "ovn", 2);
        let icmp = sample("antrea.log", "antrea", 4);
        let calico = sample("calico.log", "calico", 1);
        let none = FlowQuestion::default;
        let space = |name: &str| FlowQuestion { namespaces: vec![name.to_owned()], ..none() };
        let policy = |name: &str| FlowQuestion { policies: vec![name.to_owned()], ..none() };
        for (question, flow, answer) in [
            (none(), &denied, Truth::True),
            (FlowQuestion { from: all("10.244.4.0/24"), ..none() }, &denied, Truth::True),
            (FlowQuestion { from: all("10.244.2.21"), ..none() }, &denied, Truth::False),
            (FlowQuestion { peer: all("10.244.2.21"), ..none() }, &denied, Truth::True),
            (FlowQuestion { from: all("::/0"), ..none() }, &denied, Truth::False),
            (FlowQuestion { from: all("0.0.0.0/0"), ..none() }, &denied, Truth::True),
            (
                FlowQuestion { from: all("lab/*"), to: all("shop/db-*"), ..none() },
                &denied,
                Truth::True,
            ),
            (FlowQuestion { from: all("lab/other"), ..none() }, &denied, Truth::False),
            (FlowQuestion { from: all("lab/probe"), ..none() }, &ovn, Truth::Unknown),
            (FlowQuestion { to: all("shop/*"), ..none() }, &ovn, Truth::True),
            (FlowQuestion { to: all("shop/db-0"), ..none() }, &ovn, Truth::Unknown),
            (FlowQuestion { ports: all("5432"), ..none() }, &denied, Truth::True),
            (FlowQuestion { ports: all("1-5431"), ..none() }, &denied, Truth::False),
            (FlowQuestion { ports: all("1-65535"), ..none() }, &icmp, Truth::False),
            (FlowQuestion { verdicts: all("denied"), ..none() }, &denied, Truth::True),
            (FlowQuestion { verdicts: all("allowed"), ..none() }, &denied, Truth::False),
            (FlowQuestion { protocols: vec![Protocol::Udp], ..none() }, &denied, Truth::False),
            (
                FlowQuestion { direction: Some(FlowDirection::Egress), ..none() },
                &denied,
                Truth::False,
            ),
            (space("shop"), &ovn, Truth::True),
            (space("lab"), &ovn, Truth::Unknown),
            (space("lab"), &denied, Truth::True),
            (space("prod"), &denied, Truth::False),
            (policy("shop/db"), &denied, Truth::Unknown),
            (policy("shop/db"), &calico, Truth::True),
            (policy("db"), &calico, Truth::True),
            (policy("lab/db"), &calico, Truth::False),
        ] {
            assert_eq!(question.of(flow), answer, "{question:?}\n{flow:?}");
        }
        for text in ["", "10.0.0.0/33", "::/129", "a/", "/b", "a/b/c", "pod", "10.0.0.256"] {
            assert!(text.parse::<FlowSide>().is_err(), "{text}");
        }
        for text in ["", "0", "70000", "9-4", "http", "1-", "-1"] {
            assert!(text.parse::<FlowPorts>().is_err(), "{text}");
        }
    }
}
