//! Looks at what a scope permits, and at nothing else: a few pages of each server, slowly, over one connection at a time.
//!
//! [`run`] hands out one observation per target as it ends, in no order, and keeps none. It has no clock but the one that it
//! is given for the records, and the one that sockets wait by. Never here: POST, cookies, logins, redirects that are followed.

mod certificate;
pub mod http;
mod pages;
mod resolve;
mod run;
mod schedule;
mod tap;
mod tls;
mod visit;

use std::time::Duration;

use crate::scope::{Ground, Scope};

pub use pages::{AUTODISCOVER, EWS, EXPORT_TOOL, LOGON};
pub use resolve::{ADDRESSES_MAX, Resolver, Resolving, SystemResolver};
pub use run::{ProbeError, Summary, Surroundings, run};
pub use schedule::{Pace, WAITING_MAX};

/// Everything that a run does.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Who may look at what.
    pub scope: Scope,
    /// How fast.
    pub pace: Pace,
    /// How long to wait.
    pub timeouts: Timeouts,
    /// Ports instead of those of the scope.
    pub ports: Vec<u16>,
    /// Only so many targets.
    pub limit: Option<u64>,
    /// Of the order.
    pub seed: u64,
    /// Ask for [`EXPORT_TOOL`] too.
    pub export_tool: bool,
    /// Read the greeting of port 25 too.
    pub smtp: bool,
    /// Of this program, for the user agent.
    pub version: String,
}

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a connection.
    pub connect: Duration,
    /// For the handshake of TLS.
    pub handshake: Duration,
    /// For each answer, and for the addresses of a name.
    pub answer: Duration,
    /// For all of a connection.
    pub host: Duration,
}

/// What a plan would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// Targets, each an address or name with a port.
    pub targets: u64,
    /// How many of them are names; each may have several addresses.
    pub names: u64,
    /// Networks that are only a place for names.
    pub too_wide: Vec<String>,
    /// What the rates cost at least.
    pub at_least: Duration,
    /// If nobody ever answers.
    pub at_most: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self { rate: 50.0, rate_per_prefix: 5.0, concurrency: 500, troubles_max: 20 }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self::from_answer(Duration::from_secs(10))
    }
}

impl Timeouts {
    /// Fitting the time for an answer.
    #[must_use]
    pub fn from_answer(answer: Duration) -> Self {
        Self { connect: answer / 2, handshake: answer, answer, host: answer * 3 }
    }
}

impl Plan {
    /// With the usual manners.
    #[must_use]
    pub fn new(scope: Scope, version: &str) -> Self {
        Self {
            scope,
            pace: Pace::default(),
            timeouts: Timeouts::default(),
            ports: Vec::new(),
            limit: None,
            seed: 0,
            export_tool: false,
            smtp: false,
            version: version.to_owned(),
        }
    }

    /// Counts what it would do.
    #[must_use]
    pub fn forecast(&self) -> Forecast {
        let ground = Ground::of(&self.scope, &self.ports);
        let limit = self.limit.unwrap_or(u64::MAX);
        let targets = ground.count().min(limit);
        let connections = targets.saturating_mul(if self.smtp { 2 } else { 1 });
        let for_all = times(schedule::spacing(self.pace.rate), connections);
        let for_prefix = times(schedule::spacing(self.pace.rate_per_prefix), ground.most_in_a_prefix().min(limit));
        let at_least = for_all.max(for_prefix);
        let waits =
            times(self.timeouts.connect, connections) / u32::try_from(self.pace.concurrency.max(1)).unwrap_or(1);
        Forecast {
            targets,
            names: ground.names().min(limit),
            too_wide: ground.too_wide.iter().map(ToString::to_string).collect(),
            at_least,
            at_most: at_least.saturating_add(waits),
        }
    }

    /// The paths that are asked for.
    #[must_use]
    pub fn paths(&self) -> Vec<&'static str> {
        let mut paths = vec![AUTODISCOVER, LOGON, EWS];
        paths.extend(self.export_tool.then_some(EXPORT_TOOL));
        paths
    }
}

fn times(each: Duration, count: u64) -> Duration {
    Duration::try_from_secs_f64(each.as_secs_f64() * count as f64).unwrap_or(Duration::MAX)
}
