//! Networks and names, asked by the hundred thousand.

use std::collections::{BTreeSet, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;

use super::entry::NamePattern;

/// Networks, found by an address in as many steps as there are different lengths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetworkSet {
    networks: HashSet<IpNet>,
    lengths_v4: BTreeSet<u8>,
    lengths_v6: BTreeSet<u8>,
}

impl FromIterator<IpNet> for NetworkSet {
    fn from_iter<I: IntoIterator<Item = IpNet>>(networks: I) -> Self {
        let mut set = Self::default();
        for network in networks {
            let lengths = if matches!(network, IpNet::V4(_)) { &mut set.lengths_v4 } else { &mut set.lengths_v6 };
            lengths.insert(network.prefix_len());
            set.networks.insert(network.trunc());
        }
        set
    }
}

impl NetworkSet {
    /// Those that contain an address, widest first.
    pub fn covering(&self, address: IpAddr) -> impl Iterator<Item = IpNet> + '_ {
        let lengths = if address.is_ipv4() { &self.lengths_v4 } else { &self.lengths_v6 };
        let around = move |length: &u8| IpNet::new(address, *length).ok().map(|network| network.trunc());
        lengths.iter().filter_map(around).filter(|network| self.networks.contains(network))
    }

    /// All, in no order.
    pub(super) fn iter(&self) -> impl Iterator<Item = IpNet> + '_ {
        self.networks.iter().copied()
    }
}

/// Names and all names below others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameSet {
    exactly: HashSet<String>,
    below: HashSet<String>,
}

impl NameSet {
    pub(super) fn add(&mut self, pattern: NamePattern) {
        _ = match pattern {
            NamePattern::Exactly(name) => self.exactly.insert(name),
            NamePattern::Below(name) => self.below.insert(name),
        };
    }

    /// Whether a name, in lower case, is among them.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        let mut parents = std::iter::successors(Some(name), |name| name.split_once('.').map(|(_, parent)| parent));
        self.exactly.contains(name) || parents.any(|parent| self.below.contains(parent))
    }
}
