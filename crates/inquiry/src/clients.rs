//! Client addresses: which of them can stand for one attacker, and which only for a machine in between.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::observation::Server;
use model::{Family, Source};

/// A private address from which this many accounts log on is a load balancer or a reverse proxy, not one person.
const PROXY_ACCOUNTS_MIN: usize = 10;

/// Addresses that never join two findings: the server's own ones and machines in between.
#[derive(Debug, Default)]
pub(crate) struct InBetween(BTreeSet<String>);

impl InBetween {
    /// Learns them from what was seen. The back end of Exchange is asked by its own front end, so whoever is a client
    /// there is no attacker's address.
    pub(crate) fn of(server: &Server) -> Self {
        let mut between: BTreeSet<String> = server
            .sightings
            .iter()
            .filter(|sighting| is_back_end(&sighting.source))
            .filter_map(|sighting| sighting.client.clone())
            .filter(|client| is_private(client))
            .collect();
        between.extend(server.own_addresses.iter().cloned());
        let mut accounts: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for logon in server.logons.iter().filter(|logon| is_private(&logon.client)) {
            accounts.entry(&logon.client).or_default().insert(&logon.account);
        }
        let busy = accounts.into_iter().filter(|(_, accounts)| accounts.len() >= PROXY_ACCOUNTS_MIN);
        between.extend(busy.map(|(client, _)| client.to_owned()));
        Self(between)
    }

    /// The address can stand for one attacker.
    pub(crate) fn joins(&self, client: &str) -> bool {
        !is_local(client) && !self.0.contains(client)
    }
}

/// The back-end site of Exchange.
pub(crate) fn is_back_end(source: &Source) -> bool {
    source.family == Family::Iis
        && source
            .part
            .as_deref()
            .is_some_and(|part| part.eq_ignore_ascii_case("W3SVC2") || part.eq_ignore_ascii_case("back-end"))
}

/// No address, or one of the machine itself.
fn is_local(client: &str) -> bool {
    match address(client) {
        None => matches!(client.trim(), "" | "-") || client.eq_ignore_ascii_case("localhost"),
        Some(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.is_link_local(),
        Some(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unspecified() || ip.is_unicast_link_local(),
    }
}

/// An address of the internet.
pub(crate) fn is_public(client: &str) -> bool {
    address(client).is_some() && !is_local(client) && !is_private(client)
}

fn is_private(client: &str) -> bool {
    match address(client) {
        None => false,
        Some(IpAddr::V4(ip)) => ip.is_private(),
        Some(IpAddr::V6(ip)) => ip.is_unique_local(),
    }
}

/// Reads `203.0.113.7`, `[2001:db8::1]`, `fe80::1%4` and `::ffff:203.0.113.7`.
fn address(client: &str) -> Option<IpAddr> {
    let text = client.trim().trim_start_matches('[').trim_end_matches(']');
    let text = text.split('%').next().unwrap_or_default();
    text.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{at, logon, sighting};

    #[test]
    fn the_machine_itself_never_joins() {
        let between = InBetween::default();
        for client in ["127.0.0.1", "::1", "-", "", "fe80::1%4", "::ffff:127.0.0.1", "localhost"] {
            assert!(!between.joins(client), "{client}");
        }
        for client in ["203.0.113.7", "10.0.0.9", "2001:db8::7"] {
            assert!(between.joins(client), "{client}");
        }
    }

    #[test]
    fn clients_of_the_back_end_and_balancers_never_join() {
        let mut server = Server::default();
        let mut back = sighting(0, "iis/W3SVC2", "2021-03-03T04:00:00Z");
        back.client = Some("10.0.0.5".to_owned());
        server.sightings.push(back);
        for index in 0..PROXY_ACCOUNTS_MIN {
            server.logons.push(logon(&format!("user{index}"), "10.0.0.1", at("2021-03-03T04:00:00Z")));
        }
        server.logons.push(logon("one", "10.0.0.9", at("2021-03-03T04:00:00Z")));
        let between = InBetween::of(&server);
        assert!(!between.joins("10.0.0.5"));
        assert!(!between.joins("10.0.0.1"));
        assert!(between.joins("10.0.0.9"));
    }
}
