//! Everything seen on one server, in one value that adds up.

use model::observation::{FileSeen, Server};

use super::access::{self, LOGONS_MAX, MAILBOX_USES_MAX, Use};
use super::bounded::{Bounded, Merge};
use super::builds::BuildTally;
use super::coverage::CoverageTally;
use super::pages::Pages;
use super::sightings::SightingTally;

/// What a file, or all files, tell of one server.
#[derive(Clone, Debug)]
pub struct ServerTally {
    pub coverage: CoverageTally,
    pub builds: BuildTally,
    pub sightings: SightingTally,
    pub pages: Pages,
    pub logons: Bounded<Use>,
    pub mailboxes: Bounded<Use>,
    pub files: Vec<FileSeen>,
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
            pages: Pages::default(),
            logons: Bounded::new(LOGONS_MAX),
            mailboxes: Bounded::new(MAILBOX_USES_MAX),
            files: Vec::new(),
            web_folders: false,
            named_by_exchange: 0,
        }
    }
}

impl ServerTally {
    /// Moves all times by whole seconds: the records showed that they are not UTC.
    pub fn shift(&mut self, secs: i64) {
        self.coverage.shift(secs);
        self.builds.shift(secs);
        self.sightings.shift(secs);
        self.pages.shift(secs);
        self.logons.values_mut().chain(self.mailboxes.values_mut()).for_each(|seen| seen.shift(secs));
    }

    pub fn into_server(mut self) -> Server {
        let coverage = self.coverage.into_sources();
        let end = coverage.values().filter_map(|source| source.last).max();
        let mut sightings = self.sightings.into_sightings();
        sightings.sort_by(|a, b| {
            let key = |s: &model::observation::Sighting| {
                (s.first, s.rule, s.client.clone(), s.subject.clone(), s.source.clone())
            };
            key(a).cmp(&key(b))
        });
        self.files.sort_by(|a, b| (&a.path, a.file).cmp(&(&b.path, b.file)));
        Server {
            builds: self.builds.into_builds(end),
            coverage,
            sightings,
            pages: self.pages.into_uses(),
            mail: access::mailboxes(self.mailboxes),
            logons: access::logons(self.logons),
            files: self.files,
            web_folders_present: self.web_folders,
        }
    }
}

impl Merge for ServerTally {
    fn merge(&mut self, other: Self) {
        self.coverage.merge(other.coverage);
        self.builds.merge(other.builds);
        self.sightings.merge(other.sightings);
        self.pages.merge(other.pages);
        self.logons.merge(other.logons);
        self.mailboxes.merge(other.mailboxes);
        self.files.extend(other.files);
        self.web_folders |= other.web_folders;
        self.named_by_exchange += other.named_by_exchange;
    }
}
