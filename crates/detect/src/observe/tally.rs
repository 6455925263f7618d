//! All files together: whose they are, and the observations that come of it.

use std::collections::BTreeMap;

use model::observation::Server;
use model::server_name;

use super::afterwards::Noted;
use super::bounded::Merge;
use super::file::FileTally;
use super::server::ServerTally;

/// The name of a server that no record and no folder names.
pub const UNNAMED: &str = "UNKNOWN";

/// Tallies by host folder and by the name in the records.
#[derive(Debug, Default)]
pub struct Tally {
    parts: BTreeMap<(String, Option<String>), ServerTally>,
    /// What the folders of a host suggest as its name.
    suggested: BTreeMap<String, String>,
}

impl Tally {
    /// Adds what a file told. `host` is the folder that files of one host share; `suggested` the name that folder or
    /// file suggest.
    pub fn add(&mut self, host: &str, suggested: Option<&str>, file: FileTally) {
        for (name, server) in file.servers {
            let name = Some(name).filter(|name| !name.is_empty());
            self.parts.entry((host.to_owned(), name)).or_default().merge(server);
        }
        if let Some(name) = suggested {
            let name = name.to_owned();
            // The smallest, so that the order of files does not matter.
            self.suggested
                .entry(host.to_owned())
                .and_modify(|mine| *mine = name.clone().min(mine.clone()))
                .or_insert(name);
        }
    }

    /// The server that records without a name on this host belong to: the one that Exchange's own records on it name,
    /// if there is just one; else what the folder suggests.
    #[must_use]
    pub fn owner(&self, host: &str, fallback: Option<&str>) -> String {
        let on_host = || {
            self.parts
                .iter()
                .filter(|((of, _), _)| of == host)
                .filter_map(|((_, name), tally)| Some((name.as_ref()?, tally)))
        };
        let by_exchange: Vec<_> =
            on_host().filter(|(_, tally)| tally.named_by_exchange > 0).map(|(name, _)| name).collect();
        let by_any: Vec<_> = on_host().map(|(name, _)| name).collect();
        let suggested = self.suggested.get(host);
        let unique = |names: &[&String]| match names {
            [one] => Some((*one).clone()),
            many => suggested.filter(|name| many.contains(name)).cloned(),
        };
        unique(&by_exchange)
            .or_else(|| if by_exchange.is_empty() { unique(&by_any) } else { None })
            .or_else(|| suggested.cloned())
            .or_else(|| fallback.and_then(server_name))
            .unwrap_or_else(|| UNNAMED.to_owned())
    }

    /// Everything per server, and the hits that correlations ask for. `fallback` names what nothing else names.
    #[must_use]
    pub fn into_servers(self, fallback: Option<&str>) -> (BTreeMap<String, Server>, Noted) {
        let mut servers: BTreeMap<String, ServerTally> = BTreeMap::new();
        let owners: BTreeMap<String, String> = self
            .parts
            .keys()
            .filter(|(_, name)| name.is_none())
            .map(|(host, _)| (host.clone(), self.owner(host, fallback)))
            .collect();
        for ((host, name), tally) in self.parts {
            let name = name.or_else(|| owners.get(&host).cloned()).unwrap_or_else(|| UNNAMED.to_owned());
            servers.entry(name).or_default().merge(tally);
        }
        let mut noted = Noted::default();
        let mut observed = BTreeMap::new();
        for (name, mut tally) in servers {
            noted.0.insert(name.clone(), std::mem::take(&mut tally.noted));
            observed.insert(name, tally.into_server());
        }
        (observed, noted)
    }
}
