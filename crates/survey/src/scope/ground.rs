//! The addresses and names that a scope leaves to be asked, as ranges: counted before anything is sent, and gone through
//! without a list of them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use super::entry::Host;
use super::{Order, Scope, special};

/// A network with more addresses is not gone through: nobody could. It still says where names may be. The whole of IPv4 fits.
const ADDRESSES_MAX: u128 = 1 << 32;
/// The same for IPv6, whose networks are empty but for a few.
const ADDRESSES_V6_MAX: u128 = 1 << 20;

/// What there is to ask.
#[derive(Clone, Debug, Default)]
pub struct Ground {
    /// Per port disjoint and sorted; each with the number of its first address.
    ranges: Vec<(u64, u16, Range)>,
    names: Vec<(String, u16)>,
    /// Networks that are too wide to be gone through.
    pub too_wide: Vec<IpNet>,
    addresses: u64,
}

/// One thing to ask: an address, or a name that is yet to be resolved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Candidate {
    /// An address and a port.
    Address(IpAddr, u16),
    /// A name and a port.
    Name(String, u16),
}

/// Addresses of one family, both ends included. IPv4 addresses are numbers below 2^32 in a family of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Range {
    is_v6: bool,
    first: u128,
    last: u128,
}

impl Ground {
    /// Of a scope; `ports` replace those of targets and scope, where there are any.
    #[must_use]
    pub fn of(scope: &Scope, ports: &[u16]) -> Self {
        let mut by_port: BTreeMap<u16, Vec<Range>> = BTreeMap::new();
        let mut names = BTreeSet::new();
        let mut too_wide = BTreeSet::new();
        for entry in &scope.targets {
            let own = if entry.ports.is_empty() { &scope.ports } else { &entry.ports };
            let ports = if ports.is_empty() { own } else { ports };
            match &entry.host {
                Host::Name(name) if scope.permits_name(name).is_ok() => {
                    names.extend(ports.iter().map(|port| (name.clone(), *port)));
                }
                Host::Name(_) => {}
                Host::Network(network) if is_too_wide(*network) => _ = too_wide.insert(*network),
                Host::Network(network) => {
                    let ranges = without_special(*network);
                    for port in ports {
                        by_port.entry(*port).or_default().extend(&ranges);
                    }
                }
            }
        }
        let excluded = merged(scope.excluded_networks.iter().map(Range::of).collect());
        let left = |(port, ranges)| minus(&merged(ranges), &excluded).into_iter().map(move |range| (port, range));
        let (mut ranges, mut addresses) = (Vec::new(), 0u64);
        for (port, range) in by_port.into_iter().flat_map(left) {
            ranges.push((addresses, port, range));
            addresses = addresses.saturating_add(range.count());
        }
        Self { ranges, names: names.into_iter().collect(), too_wide: too_wide.into_iter().collect(), addresses }
    }

    /// How many candidates there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.addresses.saturating_add(self.names.len() as u64)
    }

    /// How many of them are names.
    #[must_use]
    pub fn names(&self) -> u64 {
        self.names.len() as u64
    }

    /// Of how many candidates one /24 or /48 has at most: it is the slowest part.
    #[must_use]
    pub fn most_in_a_prefix(&self) -> u64 {
        let mut most: BTreeMap<u16, u64> = BTreeMap::new();
        for (_, port, range) in &self.ranges {
            let in_one = range.count().min(if range.is_v6 { u64::MAX } else { 256 });
            let most = most.entry(*port).or_default();
            *most = in_one.max(*most);
        }
        most.into_values().fold(0, u64::saturating_add)
    }

    /// All of them, each once, in an order of the seed.
    pub fn shuffled(&self, seed: u64) -> impl Iterator<Item = Candidate> + '_ {
        let order = Order::new(self.count(), seed);
        (0..self.count()).map(move |place| self.candidate(order.at(place)))
    }

    fn candidate(&self, number: u64) -> Candidate {
        if let Some(name) = number.checked_sub(self.addresses) {
            let (name, port) = &self.names[usize::try_from(name).expect("as many as there are names")];
            return Candidate::Name(name.clone(), *port);
        }
        let behind = self.ranges.partition_point(|(first, _, _)| *first <= number);
        let (first, port, range) = self.ranges[behind - 1];
        Candidate::Address(range.address(number - first), port)
    }
}

impl Range {
    fn of(network: IpNet) -> Self {
        let number = |address: IpAddr| match address {
            IpAddr::V4(v4) => u128::from(v4.to_bits()),
            IpAddr::V6(v6) => v6.to_bits(),
        };
        let is_v6 = matches!(network, IpNet::V6(_));
        Self { is_v6, first: number(network.network()), last: number(network.broadcast()) }
    }

    /// No range that is kept is longer than [`ADDRESSES_MAX`] networks side by side.
    fn count(&self) -> u64 {
        u64::try_from(self.last - self.first + 1).unwrap_or(u64::MAX)
    }

    fn address(&self, number: u64) -> IpAddr {
        let bits = self.first + u128::from(number);
        match u32::try_from(bits) {
            Ok(bits) if !self.is_v6 => IpAddr::V4(Ipv4Addr::from_bits(bits)),
            _ => IpAddr::V6(Ipv6Addr::from_bits(bits)),
        }
    }
}

fn is_too_wide(network: IpNet) -> bool {
    match network {
        IpNet::V4(v4) => 1u128 << (32 - v4.prefix_len()) > ADDRESSES_MAX,
        IpNet::V6(v6) => v6.prefix_len() == 0 || 1u128 << (128 - v6.prefix_len()) > ADDRESSES_V6_MAX,
    }
}

/// A network of which those parts are gone that are for special purposes, unless the network itself is such a part.
fn without_special(network: IpNet) -> Vec<Range> {
    let special = special::all().iter().map(|special| special.network).filter(|special| !special.contains(&network));
    minus(&[Range::of(network)], &merged(special.map(Range::of).collect()))
}

/// Sorted, without overlaps.
fn merged(mut ranges: Vec<Range>) -> Vec<Range> {
    ranges.sort_unstable();
    let mut merged: Vec<Range> = Vec::with_capacity(ranges.len());
    for range in ranges {
        match merged.last_mut() {
            Some(before) if before.is_v6 == range.is_v6 && range.first <= before.last.saturating_add(1) => {
                before.last = before.last.max(range.last);
            }
            _ => merged.push(range),
        }
    }
    merged
}

/// What of `ranges` is not in `excluded`; both are merged.
fn minus(ranges: &[Range], excluded: &[Range]) -> Vec<Range> {
    let mut left = Vec::new();
    let mut from = 0;
    for range in ranges {
        let mut rest = *range;
        let is_before = |other: &Range| (other.is_v6, other.last) < (rest.is_v6, rest.first);
        from += excluded.get(from..).unwrap_or_default().iter().take_while(|other| is_before(other)).count();
        let mut is_gone = false;
        for hole in excluded.get(from..).unwrap_or_default() {
            if hole.is_v6 != rest.is_v6 || hole.first > rest.last {
                break;
            }
            if hole.first > rest.first {
                left.push(Range { last: hole.first - 1, ..rest });
            }
            if hole.last >= rest.last {
                is_gone = true;
                break;
            }
            rest.first = rest.first.max(hole.last + 1);
        }
        if !is_gone {
            left.push(rest);
        }
    }
    left
}
