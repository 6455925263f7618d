//! `cidr`: is an address inside a network?

use std::net::{IpAddr, Ipv6Addr};

/// A network of either family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network {
    first: u128,
    mask: u128,
    v6: bool,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fe80::/10` or a single address; bits beyond the prefix are disregarded.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (bits, width, v6) = match address.parse::<IpAddr>().ok()? {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), 32, false),
            IpAddr::V6(v6) => (u128::from(v6), 128, true),
        };
        let prefix = prefix.unwrap_or(width);
        if prefix > width {
            return None;
        }
        let host_bits = width - prefix;
        let mask = u128::MAX.checked_shl(host_bits).unwrap_or(0);
        Some(Self { first: bits & mask, mask, v6 })
    }

    /// Whether the text is an address of this network. A zone (`%12`) is disregarded; an IPv4 address written in
    /// IPv6 (`::ffff:10.0.0.1`) is the IPv4 address.
    pub(super) fn contains(&self, text: &[u8]) -> bool {
        let Some(address) = parse_address(text) else {
            return false;
        };
        let (bits, v6) = match address {
            IpAddr::V4(v4) => (u128::from(u32::from(v4)), false),
            IpAddr::V6(v6) => (u128::from(v6), true),
        };
        v6 == self.v6 && bits & self.mask == self.first
    }
}

fn parse_address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let text = text.split_once('%').map_or(text, |(address, _)| address);
    let address = text.parse::<IpAddr>().ok()?;
    Some(match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4),
        v4 => v4,
    })
}

/// Whether a network was written in IPv4-mapped form, which no address of a log equals.
pub(super) fn is_mapped(text: &str) -> bool {
    text.split('/')
        .next()
        .and_then(|address| address.parse::<Ipv6Addr>().ok())
        .is_some_and(|v6| v6.to_ipv4_mapped().is_some())
}

#[cfg(test)]
mod tests {
    use super::Network;

    #[test]
    fn tells_inside_from_outside() {
        for (network, address, inside) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.9.9.9/8", "10.1.2.3", true),
            ("0.0.0.0/0", "203.0.113.7", true),
            ("0.0.0.0/0", "::1", false),
            ("203.0.113.7", "203.0.113.7", true),
            ("203.0.113.7/32", "203.0.113.8", false),
            ("fe80::/10", "fe80::1%12", true),
            ("::/0", "fe80::1", true),
            ("::1/128", "::2", false),
            ("10.0.0.0/8", "::ffff:10.1.2.3", true),
            ("10.0.0.0/8", "10.1.2.3:443", false),
            ("10.0.0.0/8", "", false),
        ] {
            assert_eq!(
                Network::parse(network).map(|n| n.contains(address.as_bytes())),
                Some(inside),
                "{network} {address}"
            );
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "host/8", "::/129", "10.0.0.0/-1"] {
            assert_eq!(Network::parse(text), None, "{text}");
        }
    }
}
