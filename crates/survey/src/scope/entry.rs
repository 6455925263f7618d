//! What a line of `targets` or `exclusions` names: a network, an address, a name, with or without ports.

use std::net::IpAddr;

use ipnet::IpNet;

/// Ports behind one target.
const PORTS_MAX: usize = 16;
/// Source: RFC 1035, section 2.3.4.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// One target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What.
    pub host: Host,
    /// On which ports; none: on those of the scope.
    pub ports: Vec<u16>,
}

/// What a target is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// All addresses of a network; a lone address is a network of one.
    Network(IpNet),
    /// A name, in lower case.
    Name(String),
}

/// A name, or all names below one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NamePattern {
    /// `mail.example.org`.
    Exactly(String),
    /// `*.example.org`, kept without the star: whatever ends so, and `example.org` itself, since leaving out too much harms nobody.
    Below(String),
}

impl Entry {
    /// Reads `192.0.2.0/24`, `192.0.2.1:8443`, `[2001:db8::/48]:443,8443`, `mail.example.org:443`. `Err` says what is wrong.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        if let Some(network) = network(text) {
            return Ok(Self { host: Host::Network(network), ports: Vec::new() });
        }
        let (host, ports) = match text.strip_prefix('[') {
            Some(rest) => {
                let (host, ports) = rest.split_once(']').ok_or("`[` without `]`")?;
                (host, ports.strip_prefix(':').or(ports.is_empty().then_some("")))
            }
            None => text.split_once(':').map_or((text, Some("")), |(host, ports)| (host, Some(ports))),
        };
        let ports = ports_of(ports.ok_or("neither a network, an address nor a name")?, text.ends_with(':'))?;
        let host = match network(host) {
            Some(network) => Host::Network(network),
            None => Host::Name(name(host).ok_or("neither a network, an address nor a name")?),
        };
        Ok(Self { host, ports })
    }

    /// The network, unless it is a name.
    #[must_use]
    pub fn network(&self) -> Option<IpNet> {
        match &self.host {
            Host::Network(network) => Some(*network),
            Host::Name(_) => None,
        }
    }
}

impl NamePattern {
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix("*.") {
            Some(parent) => Some(Self::Below(name(parent)?)),
            None => Some(Self::Exactly(name(text)?)),
        }
    }
}

/// A network without bits set behind its length, or an address. Mapped addresses are those that they map.
pub(super) fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpNet>() {
        Ok(network) => (network.network() == network.addr()).then_some(network)?,
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    match network {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => IpNet::new(IpAddr::V4(v4), v6.prefix_len() - 96).ok(),
            None => Some(network),
        },
        _ => Some(network),
    }
}

/// In lower case, without the dot at its end. International names are written as they are asked for: `xn--…`.
fn name(text: &str) -> Option<String> {
    let text = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= LABEL_BYTES_MAX
            && !label.starts_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
    };
    // A name whose last label is a number is an address that was mistyped.
    let last_is_number = text.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    let is_name = text.len() <= NAME_BYTES_MAX && text.split('.').all(is_label) && !last_is_number;
    is_name.then_some(text)
}

fn ports_of(text: &str, must_have_some: bool) -> Result<Vec<u16>, &'static str> {
    if text.is_empty() && !must_have_some {
        return Ok(Vec::new());
    }
    let mut ports = Vec::new();
    for port in text.split(',') {
        let port: u16 = port.trim().parse().map_err(|_| "not a port")?;
        if port == 0 {
            return Err("not a port");
        }
        ports.push(port);
    }
    ports.sort_unstable();
    ports.dedup();
    if ports.len() > PORTS_MAX { Err("too many ports") } else { Ok(ports) }
}
