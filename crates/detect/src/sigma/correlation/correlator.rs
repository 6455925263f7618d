//! Takes the hits of all rules that correlations name, and tells what belongs together.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Origin, Source, Utc};

use super::super::RuleIndex;
use super::super::fields::FieldId;
use super::evaluate::{Base, evaluate};
use super::hits::{HitLog, NotedHit};
use super::{Correlations, Grouping};

/// Servers told apart; a forged log can name more, and they are then one.
const SERVERS_MAX: usize = 2_000;

/// See the module. Correlators of parts of the evidence are merged in any order.
#[derive(Clone, Debug, Default)]
pub struct Correlator {
    correlations: Arc<Correlations>,
    servers: BTreeMap<Arc<str>, HitLog>,
}

/// Hits that fulfil a correlation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CorrelationGroup {
    /// The correlation.
    pub rule: RuleIndex,
    /// What the hits are grouped by, and the value that they have in common, in lower case.
    pub by: Vec<(String, String)>,
    /// The hits, in time order; those of a correlation that it names are there one by one.
    pub members: Vec<Member>,
}

/// One hit of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The rule that hit.
    pub rule: RuleIndex,
    /// When.
    pub time: Utc,
    /// Where the record stands.
    pub origin: Origin,
    /// The log it was seen in.
    pub source: Source,
    /// On which server.
    pub server: Arc<str>,
    /// Client address.
    pub client: Option<Arc<str>>,
    /// Account.
    pub account: Option<Arc<str>>,
    /// What the hit was about.
    pub subject: Option<Arc<str>>,
}

/// A rule that hit more often than hits are kept: its correlations looked at the earliest only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CutShort {
    /// The server.
    pub server: Arc<str>,
    /// The rule.
    pub rule: RuleIndex,
    /// Hits that no correlation looked at.
    pub missing: u64,
}

impl Correlator {
    /// A correlator that has seen nothing.
    #[must_use]
    pub fn new(correlations: &Arc<Correlations>) -> Self {
        Self { correlations: Arc::clone(correlations), servers: BTreeMap::new() }
    }

    /// Whether some correlation asks for hits of the rule; others need not be shown.
    #[must_use]
    pub fn wants(&self, rule: RuleIndex) -> bool {
        self.correlations.noted(rule).is_some()
    }

    /// Takes a hit. `field` knows the fields of its record.
    pub fn note<'r>(&mut self, server: &str, hit: &NotedHit<'_>, field: &dyn Fn(FieldId) -> Option<Cow<'r, [u8]>>) {
        let correlations = Arc::clone(&self.correlations);
        if let Some(noted) = correlations.noted(hit.rule) {
            self.log(server).note(hit, noted, field);
        }
    }

    /// Takes the hits of a server that somebody else noted.
    pub fn take(&mut self, server: &str, log: HitLog) {
        self.log(server).merge(log);
    }

    /// Takes what another correlator of the same plan was shown.
    pub fn merge(&mut self, other: Self) {
        for (server, log) in other.servers {
            self.take(&server, log);
        }
    }

    /// The groups, by correlation, value and time; and where hits were too many to look at all.
    #[must_use]
    pub fn finish(mut self) -> (Vec<CorrelationGroup>, Vec<CutShort>) {
        let mut cut = Vec::new();
        for (server, log) in &mut self.servers {
            let missing = log.finish().into_iter();
            cut.extend(missing.map(|(rule, missing)| CutShort { server: Arc::clone(server), rule, missing }));
        }
        let mut bases: Vec<Base<'_>> = Vec::new();
        for (server, log) in &self.servers {
            bases.extend(log.hits().map(|(rule, stored)| Base { rule, server, log, stored }));
        }
        bases.sort_by_key(|base| (base.stored.time, base.stored.origin, base.rule));
        let member = |base: &Base<'_>| Member {
            rule: base.rule,
            time: base.stored.time,
            origin: base.stored.origin,
            source: base.stored.source.clone(),
            server: Arc::from(base.server),
            client: base.log.text(base.stored.client),
            account: base.log.text(base.stored.account),
            subject: base.log.text(base.stored.subject),
        };
        let groups = evaluate(&self.correlations, &bases).into_iter().map(|found| {
            let by = self.correlations.find(found.rule).map(|correlation| correlation.group_by.as_slice());
            let names = by.unwrap_or_default().iter().map(|Grouping { name, .. }| name.clone());
            CorrelationGroup {
                rule: found.rule,
                by: names.zip(found.key).collect(),
                members: found.bases.iter().filter_map(|at| bases.get(*at)).map(member).collect(),
            }
        });
        (groups.collect(), cut)
    }

    fn log(&mut self, server: &str) -> &mut HitLog {
        let is_one_too_many = self.servers.len() >= SERVERS_MAX && !self.servers.contains_key(server);
        let server = if is_one_too_many { "" } else { server };
        self.servers.entry(Arc::from(server)).or_default()
    }
}
