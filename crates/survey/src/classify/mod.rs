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

use model::survey::{CveState, Evidence, Identity, Judged, Observation, Product};

pub use excerpts::{BODY_BYTES_MAX, EXCERPT_BYTES_MAX, EXCERPTS_MAX, excerpts};

use builds::{Reader, Told};
use cves::Cves;
use sight::Sight;

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
            reason: observation.reason.clone(),
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
        0 => Product::Other,
        1 => Product::PerhapsExchange,
        _ => Product::Exchange,
    }
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
