//! What an observed target is, which builds its answers name, and what those are open to.

mod excerpts;

use std::sync::Arc;

use model::survey::{Identity, Judged, Observation, Product};

pub use excerpts::excerpts;

/// Judges observations; keeps what is the same for all targets of a build.
#[derive(Default)]
pub struct Classifier {}

impl Classifier {
    /// With what is shipped of Exchange's builds.
    #[must_use]
    pub fn new() -> Self {
        Self {}
    }

    /// Judges one.
    pub fn judge(&mut self, observation: &Observation) -> Judged {
        Judged {
            observed_at: observation.observed_at,
            scanner: observation.scanner,
            target: observation.target.clone(),
            outcome: observation.outcome,
            reason: observation.reason.clone(),
            product: Product::Unknown,
            builds: Vec::new(),
            mixed: false,
            evidence: Vec::new(),
            contradictions: Vec::new(),
            behind: Vec::new(),
            cves: Arc::from([]),
            identity: Identity { server_names: Vec::new(), certificate: None, key: String::new() },
            tls_version: None,
            tags: Vec::new(),
            network: observation.network.clone(),
        }
    }
}
