//! Networks that are for special purposes: nobody means them by `0.0.0.0/0`.
//!
//! Sources: the IANA special-purpose address registries for IPv4 and IPv6 (RFC 6890 and those that add to it), and the
//! multicast ranges of RFC 5771 and RFC 4291.

use std::net::IpAddr;
use std::sync::LazyLock;

use ipnet::IpNet;

/// A network for a special purpose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Special {
    pub network: IpNet,
    pub what: &'static str,
}

/// The most special network of an address.
pub(super) fn of(address: IpAddr) -> Option<&'static Special> {
    all().iter().filter(|special| special.network.contains(&address)).max_by_key(|special| special.network.prefix_len())
}

pub(super) fn all() -> &'static [Special] {
    static ALL: LazyLock<Vec<Special>> = LazyLock::new(|| {
        let read = |(network, what): &(&str, &'static str)| Special {
            network: network.parse().expect("a network of the table"),
            what,
        };
        TABLE.iter().map(read).collect()
    });
    &ALL
}

const TABLE: &[(&str, &str)] = &[
    ("0.0.0.0/8", "this network"),
    ("10.0.0.0/8", "private use"),
    ("100.64.0.0/10", "shared address space"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link local"),
    ("172.16.0.0/12", "private use"),
    ("192.0.0.0/24", "protocol assignments"),
    ("192.0.2.0/24", "documentation"),
    ("192.31.196.0/24", "AS112"),
    ("192.52.193.0/24", "AMT"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private use"),
    ("192.175.48.0/24", "AS112"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved"),
    ("::/128", "unspecified"),
    ("::1/128", "loopback"),
    ("::ffff:0:0/96", "mapped IPv4"),
    ("64:ff9b::/96", "translation"),
    ("64:ff9b:1::/48", "translation"),
    ("100::/64", "discard only"),
    ("100:0:0:1::/64", "dummy prefix"),
    ("2001::/23", "protocol assignments"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("2620:4f:8000::/48", "AS112"),
    ("3fff::/20", "documentation"),
    ("5f00::/16", "segment routing"),
    ("fc00::/7", "unique local"),
    ("fe80::/10", "link local"),
    ("ff00::/8", "multicast"),
];
