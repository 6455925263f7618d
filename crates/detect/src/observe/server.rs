//! Everything seen on one server, in one value that adds up.

use std::borrow::Cow;
use std::collections::BTreeSet;

use model::observation::{FileSeen, Server};
use serde::{Deserialize, Serialize};

use super::access::{self, LOGONS_MAX, MAILBOX_USES_MAX, Use};
use super::bounded::{Bounded, Merge};
use super::builds::BuildTally;
use super::coverage::CoverageTally;
use super::event_logs::EventLogTally;
use super::pages::{Pages, Teller};
use super::refused::{self, CLIENTS_MAX, RefusedTally};
use super::sightings::{Hit, SightingTally};
use crate::sigma::correlation::{HitLog, NotedHit};
use crate::sigma::{FieldId, RuleIndex};

/// Addresses that a server has; a forged log can name more.
const OWN_ADDRESSES_MAX: usize = 64;

/// The server's own addresses, as its IIS logs name them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OwnAddresses {
    all: BTreeSet<Box<[u8]>>,
    last: Vec<u8>,
}

impl OwnAddresses {
    pub fn add(&mut self, address: &[u8]) {
        if address == self.last {
            return;
        }
        self.last.clear();
        self.last.extend_from_slice(address);
        if !self.all.contains(address) {
            self.all.insert(address.into());
            self.trim();
        }
    }

    fn trim(&mut self) {
        while self.all.len() > OWN_ADDRESSES_MAX {
            self.all.pop_last();
        }
    }

    fn into_list(self) -> Vec<String> {
        self.all.iter().map(|address| String::from_utf8_lossy(address).into_owned()).collect()
    }
}

/// What a file, or all files, tell of one server.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServerTally {
    pub coverage: CoverageTally,
    pub builds: BuildTally,
    pub sightings: SightingTally,
    /// Hits of rules that correlations name.
    pub noted: HitLog,
    pub pages: Pages,
    pub logons: Bounded<Use>,
    pub mailboxes: Bounded<Use>,
    pub refused: Bounded<RefusedTally>,
    pub files: Vec<FileSeen>,
    pub event_logs: EventLogTally,
    pub own_addresses: OwnAddresses,
    pub web_folders: bool,
    /// Records of Exchange or IIS logs that name the server; Windows events also name others.
    pub named_by_exchange: u64,
}

impl Default for ServerTally {
    fn default() -> Self {
        Self {
            coverage: CoverageTally::default(),
            builds: BuildTally::default(),
            sightings: SightingTally::default(),
            noted: HitLog::default(),
            pages: Pages::default(),
            logons: Bounded::new(LOGONS_MAX),
            mailboxes: Bounded::new(MAILBOX_USES_MAX),
            refused: Bounded::new(CLIENTS_MAX),
            files: Vec::new(),
            event_logs: EventLogTally::default(),
            own_addresses: OwnAddresses::default(),
            web_folders: false,
            named_by_exchange: 0,
        }
    }
}

impl ServerTally {
    /// Files a hit, and notes it where correlations ask for its rule. `field` knows the fields of its record.
    pub fn record_hit<'r>(
        &mut self,
        hit: &Hit<'_>,
        noted: Option<&[FieldId]>,
        field: &dyn Fn(FieldId) -> Option<Cow<'r, [u8]>>,
    ) {
        self.sightings.record(hit);
        if let (Some(noted), Some(time), Ok(rule)) = (noted, hit.time, u32::try_from(hit.rule)) {
            let Hit { source, origin, client, account, subject, .. } = *hit;
            let hit = NotedHit { rule: RuleIndex(rule), time, source, origin, client, account, subject };
            self.noted.note(&hit, noted, field);
        }
    }

    /// Moves all times by whole seconds: the records showed that they are not UTC.
    pub fn shift(&mut self, secs: i64) {
        self.coverage.shift(secs);
        self.event_logs.shift(secs);
        self.builds.shift(secs);
        self.sightings.shift(secs);
        self.noted.shift(secs);
        self.pages.shift(secs);
        self.logons.values_mut().chain(self.mailboxes.values_mut()).for_each(|seen| seen.shift(secs));
        self.refused.values_mut().for_each(|seen| seen.shift(secs));
    }

    pub fn into_server(mut self) -> Server {
        let coverage = self.coverage.into_sources();
        let by_front_end = coverage.iter().filter(|(source, _)| Teller::of(source) == Some(Teller::FrontEnd));
        let days_of_iis =
            by_front_end.flat_map(|(_, seen)| seen.hours.keys()).map(|hour| hour.div_euclid(24)).collect();
        let end = coverage.values().filter_map(|source| source.last).max();
        let mut sightings = self.sightings.into_sightings();
        sightings.sort_by(|a, b| {
            let key = |s: &model::observation::Sighting| {
                (s.first, s.rule, s.client.clone(), s.subject.clone(), s.source.clone())
            };
            key(a).cmp(&key(b))
        });
        self.files.sort_by(|a, b| (&a.path, a.file).cmp(&(&b.path, b.file)));
        // From a shadow copy or a second collection.
        let is_twin = |b: &FileSeen, a: &FileSeen| {
            a.sha256.is_some() && (&a.path, &a.sha256, a.state) == (&b.path, &b.sha256, b.state)
        };
        self.files.dedup_by(|b, a| {
            let is_twin = is_twin(b, a);
            a.times = a.times.or(b.times.filter(|_| is_twin));
            is_twin
        });
        Server {
            builds: self.builds.into_builds(end),
            coverage,
            sightings,
            pages: self.pages.into_uses(&days_of_iis),
            mail: access::mailboxes(self.mailboxes),
            logons: access::logons(self.logons),
            refused: refused::into_list(self.refused),
            files: self.files,
            event_logs: self.event_logs.into_logs(),
            own_addresses: self.own_addresses.into_list(),
            web_folders_present: self.web_folders,
        }
    }
}

impl Merge for ServerTally {
    fn merge(&mut self, other: Self) {
        self.coverage.merge(other.coverage);
        self.builds.merge(other.builds);
        self.sightings.merge(other.sightings);
        self.noted.merge(other.noted);
        self.pages.merge(other.pages);
        self.logons.merge(other.logons);
        self.mailboxes.merge(other.mailboxes);
        self.refused.merge(other.refused);
        self.files.extend(other.files);
        self.event_logs.merge(other.event_logs);
        self.own_addresses.all.extend(other.own_addresses.all);
        self.own_addresses.trim();
        self.web_folders |= other.web_folders;
        self.named_by_exchange += other.named_by_exchange;
    }
}
