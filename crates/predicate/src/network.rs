//! Networks of IP addresses.

use core::net::IpAddr;

use ipnet::IpNet;

/// A network, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network(IpNet);

impl Network {
    /// `10.0.0.0/8`, or an address alone. `None`: it is neither.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let address =
            || text.parse::<IpAddr>().ok().map(|address| IpNet::from(address.to_canonical()));
        text.parse::<IpNet>().ok().or_else(address).map(Self)
    }

    /// Whether a text is an address in it; an IPv4 address that is written as an IPv6 one counts as what it is.
    pub(crate) fn contains(&self, text: &str) -> bool {
        text.parse::<IpAddr>().is_ok_and(|address| self.0.contains(&address.to_canonical()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_network_or_not() {
        for (network, inside, outside) in [
            (
                "10.0.0.0/8",
                &["10.1.2.3", "::ffff:10.1.2.3"][..],
                &["11.0.0.1", "::a01:203", "10.0.0.0/9", "x", ""][..],
            ),
            ("10.1.2.3", &["10.1.2.3"], &["10.1.2.4"]),
            ("::ffff:10.1.2.3", &["10.1.2.3"], &["10.1.2.4"]),
            ("2001:db8::/32", &["2001:db8::1", "2001:0DB8:0::1"], &["2001:db9::1", "10.0.0.1"]),
            ("0.0.0.0/0", &["255.255.255.255"], &["::1"]),
            ("10.1.2.3/8", &["10.9.9.9"], &["11.1.2.3"]),
        ] {
            let network = Network::parse(network).unwrap();
            assert!(inside.iter().all(|address| network.contains(address)), "{network:?}");
            assert!(!outside.iter().any(|address| network.contains(address)), "{network:?}");
        }
        for text in ["", "10.0.0.0/33", "10.0.0", "a/8", "10.0.0.1-10.0.0.9"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
