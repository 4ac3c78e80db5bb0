//! Sets of ports: numbers and names, for each protocol. A named port is whatever number the pod gives it, so a name and a
//! number are never taken for the same.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::Unclear;

/// The protocols of a NetworkPolicy.
pub(crate) const PROTOCOLS: [&str; 3] = ["TCP", "UDP", "SCTP"];

/// Ranges that are named of one set; more are counted.
const NAMED: usize = 8;

/// Ports of one protocol.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Numbers {
    ranges: Vec<(u16, u16)>,
    names: BTreeSet<String>,
    /// All names but these; else these alone.
    others: bool,
}

impl Numbers {
    fn all() -> Self {
        Self { ranges: vec![(1, u16::MAX)], names: BTreeSet::new(), others: true }
    }

    fn is_none(&self) -> bool {
        self.ranges.is_empty() && self.names.is_empty() && !self.others
    }

    fn complement(&self) -> Self {
        let mut left = vec![(1, u16::MAX)];
        for (from, to) in &self.ranges {
            let mut rest = Vec::new();
            for (start, end) in left {
                if start < *from {
                    rest.push((start, end.min(from - 1)));
                }
                if end > *to {
                    rest.push((start.max(to + 1), end));
                }
            }
            left = rest;
        }
        Self { ranges: left, names: self.names.clone(), others: !self.others }
    }

    fn and(&self, other: &Self) -> Self {
        let meet = |a: &(u16, u16), b: &(u16, u16)| (a.0.max(b.0), a.1.min(b.1));
        let pairs = self.ranges.iter().flat_map(|a| other.ranges.iter().map(move |b| meet(a, b)));
        let ranges = pairs.filter(|(from, to)| from <= to).collect();
        let has = |of: &Self, name: &String| of.names.contains(name) != of.others;
        let both = self.names.union(&other.names);
        let others = self.others && other.others;
        let names = both.filter(|name| others || (has(self, name) && has(other, name)));
        Self { ranges, names: names.cloned().collect(), others }
    }
}

/// Ports of all protocols, and what has none.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ports {
    numbers: [Numbers; 3],
    /// What is none of the three protocols, such as ICMP: only a rule without ports is for it. The specification leaves it
    /// to the plugin, and most of them let it through by such a rule alone.
    others: bool,
}

impl Ports {
    pub(crate) fn all() -> Self {
        Self { numbers: [Numbers::all(), Numbers::all(), Numbers::all()], others: true }
    }

    /// Reads an entry of a rule's `ports`.
    pub(crate) fn read(port: &Value) -> Result<Self, Unclear> {
        let protocol = match port.get("protocol") {
            None | Some(Value::Null) => "TCP",
            Some(protocol) => protocol.as_str().unwrap_or_default(),
        };
        let at = PROTOCOLS.iter().position(|name| *name == protocol);
        let at = at.ok_or(Unclear::Form("a protocol is none of three"))?;
        let number = |value: &Value| {
            let number = value.as_u64().and_then(|number| u16::try_from(number).ok());
            number.filter(|number| *number > 0).ok_or(Unclear::Form("a port is no port"))
        };
        let numbers = match (port.get("port"), port.get("endPort")) {
            (None | Some(Value::Null), None | Some(Value::Null)) => Numbers::all(),
            (Some(Value::String(name)), None | Some(Value::Null)) => {
                Numbers { names: BTreeSet::from([name.clone()]), ..Numbers::default() }
            }
            (Some(from), to) => {
                let from = number(from)?;
                let to = to.filter(|to| !to.is_null()).map_or(Ok(from), number)?;
                if to < from {
                    return Err(Unclear::Form("a range of ports ends before it begins"));
                }
                Numbers { ranges: vec![(from, to)], ..Numbers::default() }
            }
            _ => return Err(Unclear::Form("a range of ports has no beginning")),
        };
        let mut ports = Self::default();
        ports.numbers[at] = numbers;
        Ok(ports)
    }

    pub(crate) fn is_none(&self) -> bool {
        self.numbers.iter().all(Numbers::is_none) && !self.others
    }

    fn complement(&self) -> Self {
        Self { numbers: self.numbers.each_ref().map(Numbers::complement), others: !self.others }
    }

    pub(crate) fn and(&self, other: &Self) -> Self {
        let numbers = std::array::from_fn(|at| self.numbers[at].and(&other.numbers[at]));
        Self { numbers, others: self.others && other.others }
    }

    pub(crate) fn minus(&self, other: &Self) -> Self {
        self.and(&other.complement())
    }

    pub(crate) fn or(&self, other: &Self) -> Self {
        // By de Morgan; sorted, for each side is.
        self.complement().and(&other.complement()).complement()
    }

    /// Whether it has a port of a protocol, by its number; `None`: ports are named, and a name may be this number.
    #[must_use]
    pub fn weigh(&self, protocol: &str, port: u16) -> Option<bool> {
        let at = PROTOCOLS.iter().position(|name| *name == protocol);
        let Some(numbers) = at.map(|at| &self.numbers[at]) else { return Some(false) };
        if numbers.ranges.iter().any(|(from, to)| (*from..=*to).contains(&port)) {
            return Some(true);
        }
        // Of all names but some, one may still be it.
        if numbers.names.is_empty() && !numbers.others { Some(false) } else { None }
    }

    /// Whether it has all ports of a protocol.
    #[must_use]
    pub fn has_all(&self, protocol: &str) -> bool {
        let at = PROTOCOLS.iter().position(|name| *name == protocol);
        at.is_some_and(|at| self.numbers[at] == Numbers::all())
    }

    /// Whether it has a port of a protocol, by its number or by its name; or what is of another protocol.
    #[cfg(test)]
    pub(crate) fn holds(&self, protocol: &str, port: Result<u16, &str>) -> bool {
        let at = PROTOCOLS.iter().position(|name| *name == protocol);
        let Some(numbers) = at.map(|at| &self.numbers[at]) else { return self.others };
        match port {
            Ok(number) => numbers.ranges.iter().any(|(from, to)| (*from..=*to).contains(&number)),
            Err(name) => numbers.names.contains(name) != numbers.others,
        }
    }
}

fn list(ranges: &[(u16, u16)], suffix: &str) -> (String, bool) {
    let one = |(from, to): &(u16, u16)| match to - from {
        0 => format!("{from}{suffix}"),
        _ => format!("{from}-{to}{suffix}"),
    };
    let mut words: Vec<_> = ranges.iter().take(NAMED).map(one).collect();
    if ranges.len() > NAMED {
        words.push(format!("{} more ranges", ranges.len() - NAMED));
    }
    (words.join(", "), ranges.len() == 1 && ranges[0].0 == ranges[0].1)
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::all() {
            return f.write_str("all ports");
        }
        let mut words = Vec::new();
        for (numbers, protocol) in self.numbers.iter().zip(PROTOCOLS) {
            let suffix = if protocol == "TCP" { String::new() } else { format!("/{protocol}") };
            let named = |names: &BTreeSet<String>| {
                names.iter().map(|name| format!("{name:?}{suffix}")).collect::<Vec<_>>()
            };
            if numbers.others {
                let gaps = numbers.complement();
                let (but, _) = list(&gaps.ranges, "");
                let mut but: Vec<_> = Some(but).filter(|but| !but.is_empty()).into_iter().collect();
                but.extend(numbers.names.iter().map(|name| format!("{name:?}")));
                let but =
                    if but.is_empty() { String::new() } else { format!(" but {}", but.join(", ")) };
                words.push(format!("all {protocol} ports{but}"));
                continue;
            }
            if !numbers.ranges.is_empty() {
                let (text, single) = list(&numbers.ranges, &suffix);
                words.push(format!("{} {text}", if single { "port" } else { "ports" }));
            }
            if !numbers.names.is_empty() {
                words.push(format!("the port named {}", named(&numbers.names).join(", ")));
            }
        }
        if self.others {
            words.push("other protocols (plugins differ)".to_owned());
        }
        f.write_str(&words.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ports_are_read_taken_apart_and_said() {
        let read = |value: Value| Ports::read(&value).unwrap();
        for (ports, text) in [
            (read(json!({})), "all TCP ports"),
            (read(json!({"port": 80})), "port 80"),
            (read(json!({"port": 53, "protocol": "UDP"})), "port 53/UDP"),
            (read(json!({"port": 8000, "endPort": 8080})), "ports 8000-8080"),
            (read(json!({"port": "http"})), "the port named \"http\""),
            (Ports::all(), "all ports"),
            (
                Ports::all().minus(&read(json!({"port": 80}))),
                "all TCP ports but 80 and all UDP ports and all SCTP ports and other protocols (plugins differ)",
            ),
            (read(json!({"port": 80})).or(&read(json!({"port": 443}))), "ports 80, 443"),
            (read(json!({"port": 1})).or(&read(json!({"port": 2}))), "ports 1-2"),
        ] {
            assert_eq!(ports.to_string(), text);
        }
        for bad in [
            json!({"port": 0}),
            json!({"port": 70000}),
            json!({"protocol": "ICMP"}),
            json!({"endPort": 4}),
            json!({"port": 9, "endPort": 4}),
            json!({"port": "x", "endPort": 4}),
        ] {
            assert!(Ports::read(&bad).is_err(), "{bad}");
        }
        let many =
            (0..10).map(|n| read(json!({"port": 2 * n + 1}))).reduce(|a, b| a.or(&b)).unwrap();
        assert_eq!(many.to_string(), "ports 1, 3, 5, 7, 9, 11, 13, 15, 2 more ranges");
    }
}
