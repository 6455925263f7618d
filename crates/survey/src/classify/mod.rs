//! What an observed target is, which builds its answers name, and what those are open to.
//!
//! Evidence comes in groups, and reasons of one group do not add up: whoever copies a page copies all of it. Two groups and
//! nothing that contradicts them make an Exchange Server, one makes it possible. A version string is believed as far as it
//! goes and no further; `docs/survey.md` says how.

mod builds;
mod cves;
mod excerpts;
mod marks;
mod sight;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::survey::{CveState, Evidence, Identity, Judged, Observation, Product, Response};

pub use excerpts::{BODY_BYTES_MAX, EXCERPT_BYTES_MAX, EXCERPTS_MAX, excerpts};

use builds::{Reader, Told};
use cves::Cves;
use sight::{Sight, is_path_of_exchange};

/// A tag of ours: the server trusts the token issuers of Microsoft's cloud.
pub const HYBRID_TAG: &str = "hybrid";

/// Judges observations; keeps what is the same for all targets of a build.
#[derive(Default)]
pub struct Classifier {
    reader: Reader,
    cves: Cves,
}

impl Classifier {
    /// With what is shipped of Exchange's builds.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Judges one.
    pub fn judge(&mut self, observation: &Observation) -> Judged {
        let mut sight = Sight::of(observation);
        let told = self.reader.read(&mut sight);
        sight.weigh(&told);
        let product = product(observation, &sight);
        let told = if matches!(product, Product::ExchangeOnline | Product::Other | Product::Unknown) {
            Vec::new()
        } else {
            told
        };
        let cves = self.cves(product, &told, &sight);
        let mut tags = std::mem::take(&mut sight.tags);
        tags.sort();
        tags.dedup();
        Judged {
            observed_at: observation.observed_at,
            scanner: observation.scanner,
            target: observation.target.clone(),
            outcome: observation.outcome,
            reason: observation.reason.clone().or_else(|| not_told(observation, product, &sight)),
            product,
            mixed: told.len() > 1,
            builds: told.iter().map(|told| told.seen.clone()).collect(),
            identity: identity(observation, &sight),
            evidence: sight.evidence,
            contradictions: sight.contradictions,
            behind: sight.behind.into_iter().collect(),
            cves,
            tls_version: observation.tls.as_ref().and_then(|tls| tls.version.clone()),
            tags,
            network: observation.network.clone(),
        }
    }

    fn cves(&mut self, product: Product, told: &[Arc<Told>], sight: &Sight) -> Arc<[CveState]> {
        match product {
            Product::Exchange => self.cves.of(told, true, &sight.tested),
            Product::PerhapsExchange => self.cves.of(told, false, &sight.tested),
            Product::ExchangeOnline | Product::SuspectLookalike | Product::Other => self.cves.not_applicable(),
            Product::Unknown => Arc::from([]),
        }
    }
}

fn product(observation: &Observation, sight: &Sight) -> Product {
    let groups: BTreeSet<_> = sight.evidence.iter().map(|evidence: &Evidence| evidence.group).collect();
    if sight.is_other_product() {
        return Product::Other;
    }
    if !sight.contradictions.is_empty() && (!groups.is_empty() || sight.cloud) {
        return Product::SuspectLookalike;
    }
    if sight.cloud {
        return Product::ExchangeOnline;
    }
    match groups.len() {
        0 if sight.is_sent_to_cloud => Product::ExchangeOnline,
        // Behind a front end that lets nobody through, anything can stand.
        0 if observation.responses.is_empty() || sight.is_hidden => Product::Unknown,
        0 if unasked(observation, sight).is_some() => Product::Unknown,
        0 => Product::Other,
        1 => Product::PerhapsExchange,
        _ => Product::Exchange,
    }
}

/// Of a target that answered and of which nothing is said: why.
fn not_told(observation: &Observation, product: Product, sight: &Sight) -> Option<String> {
    let why = match product {
        Product::Unknown if observation.responses.is_empty() => return None,
        Product::Unknown if sight.is_hidden => "a front end asks for a logon before anything is seen",
        Product::Unknown => unasked(observation, sight)?,
        _ => return None,
    };
    Some(why.to_owned())
}

/// Why answers in which nothing of Exchange is seen do not show that there is none.
fn unasked(observation: &Observation, sight: &Sight) -> Option<&'static str> {
    // Those run Exchange 2003 and before, which knows none of the three paths.
    const NEWEST_OF_OLD: (u16, u16) = (6, 0);
    let is_told = |answer: &&Response| !matches!(answer.status, 429 | 502..=504);
    if !observation.responses.iter().filter(is_told).any(|answer| is_path_of_exchange(&answer.path)) {
        return Some("no answer of a path of Exchange");
    }
    sight.iis().any(|version| version <= NEWEST_OF_OLD).then_some("Exchange 2003 and before answers at other paths")
}

fn identity(observation: &Observation, sight: &Sight) -> Identity {
    let server_names: Vec<String> = sight.front_ends.iter().cloned().collect();
    let certificate = observation.tls.as_ref().and_then(|tls| tls.certificate.as_ref());
    let certificate =
        certificate.map(|certificate| certificate.sha256.to_ascii_lowercase()).filter(|hash| !hash.is_empty());
    let target = &observation.target;
    let key = match (&certificate, server_names.is_empty() || sight.cloud) {
        (Some(hash), false) => format!("{} {hash}", server_names.join("+")),
        _ => match (target.address, &target.name) {
            (Some(address), _) => std::net::SocketAddr::new(address, target.port).to_string(),
            (None, Some(name)) => format!("{name}:{}", target.port),
            (None, None) => format!("unknown:{}", target.port),
        },
    };
    Identity { server_names, certificate, key }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::seen;

    /// What is said of one answer, and why nothing more.
    fn said(path: &str, status: u16, server: &str) -> (Product, Option<String>) {
        let mut observation = seen(&crate::count::tests::target("a", "192.0.2.1"));
        let headers = vec![("Server".to_owned(), server.to_owned())];
        observation.responses.push(Response { path: path.to_owned(), status, headers, ..Response::default() });
        let judged = Classifier::new().judge(&observation);
        (judged.product, judged.reason)
    }

    #[test]
    fn what_was_not_asked_is_not_told() {
        let unknown = |why: &str| (Product::Unknown, Some(why.to_owned()));
        let (logon, nothing) = ("/owa/auth/logon.aspx", "no answer of a path of Exchange");
        assert_eq!(said("/", 200, "Microsoft-IIS/10.0"), unknown(nothing));
        assert_eq!(said("/exchange/", 401, "Microsoft-IIS/6.0"), unknown(nothing));
        assert_eq!(said(logon, 503, "nginx"), unknown(nothing));
        let old = "Exchange 2003 and before answers at other paths";
        assert_eq!(said(logon, 404, "Microsoft-IIS/6.0"), unknown(old));
        assert_eq!(said(logon, 404, "Microsoft-IIS/5.0"), unknown(old));
        for (server, status) in [("Microsoft-IIS/8.5", 404), ("nginx", 200), ("", 403)] {
            assert_eq!(said(logon, status, server), (Product::Other, None), "{server}");
        }
    }
}
