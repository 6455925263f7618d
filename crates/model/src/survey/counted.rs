//! What a survey counted: the words of `survey.json`, of which every page, table and screen is made.
//!
//! A version string does not show everything, so a count of open servers is never one number but an [`Interval`].

use serde::{Deserialize, Serialize};

use super::{Network, Outcome, Scanner, State};
use crate::Utc;

/// Name and version of the form of `survey.json`.
pub const SCHEMA: &str = "afterpatch.survey/1";

/// Holes counted one by one; more than that no data has.
pub const CVES_MAX: usize = 2_000;

/// All that is said of one run, and of those before it with the same scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Survey {
    /// [`SCHEMA`].
    pub schema: String,
    /// Version of the program.
    pub afterpatch: String,
    /// What was run.
    pub run: Run,
    /// The hole that "open" means; none: any known one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hole: Option<String>,
    /// The numbers on top.
    pub totals: Totals,
    /// Counts by one trait each, in the order in which they are shown.
    pub tables: Vec<Table>,
    /// How looking ended, targets that were not counted as servers included.
    pub outcomes: Vec<Worded>,
    /// What has to be known to read the numbers, one sentence each.
    pub notes: Vec<String>,
    /// The runs of the scope up to this one, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub trend: Vec<Point>,
    /// Against the run before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<Diff>,
    /// Some servers, the open ones first.
    pub servers: Vec<Server>,
    /// Servers that are not among them.
    pub servers_omitted: u64,
}

/// One run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Number in its store.
    pub id: i64,
    /// What the runs of one scope have in common.
    pub scope: String,
    /// The order by which it was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// First observation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Utc>,
    /// Last observation: the day of the run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Utc>,
    /// Who looked.
    pub scanners: Vec<Scanner>,
    /// Until when builds and holes are known to what judged it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_date: Option<Utc>,
    /// The same when it was first judged, where that was other data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_data_date: Option<Utc>,
    /// Tables that said whose an address is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<TableOfNetworks>,
    /// Options that change what is seen, as text.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub configuration: String,
    /// It ran to its end.
    pub finished: bool,
}

/// A table that says whose an address is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableOfNetworks {
    /// `GeoLite2-ASN`, or the name of the file.
    pub name: String,
    /// When it was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub date: Option<Utc>,
}

/// The numbers on top.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Targets, each with one outcome.
    pub targets: u64,
    /// Targets that answered.
    pub answered: u64,
    /// Exchange servers, each counted once. At most: with those of which only one group of evidence was seen.
    pub servers: Interval,
    /// Addresses of those.
    pub addresses: Interval,
    /// Servers that are open.
    pub open: Interval,
    /// Addresses of those.
    pub open_addresses: Interval,
    /// Servers whose support has ended.
    pub unsupported: Interval,
    /// Servers of which no version is seen.
    pub no_version: u64,
}

/// What a count can be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Interval {
    /// Shown.
    pub at_least: u64,
    /// With all of which it is not shown that they do not belong.
    pub at_most: u64,
}

impl Interval {
    /// Adds one that belongs, or may belong.
    pub fn add(&mut self, exposure: Exposure) {
        self.at_least += u64::from(exposure == Exposure::Open);
        self.at_most += u64::from(exposure != Exposure::Closed);
    }
}

/// Whether a server belongs to what is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exposure {
    /// It is open, as far as its version suggests.
    Open,
    /// Its version does not say.
    Undetermined,
    /// It is not open to what is known.
    #[default]
    Closed,
}

/// Counts of servers by one trait.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// `product`, `level`, `update`, `age`, `support`, `country`, `asn`, `cve`, `tls`, `kind`.
    pub by: String,
    /// Largest first, or in their own order where they have one.
    pub rows: Vec<Worded>,
    /// Rows left out, and the servers in them.
    pub omitted: (u64, u64),
}

/// One row of a count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worded {
    /// What is counted. May be text from outside.
    pub label: String,
    /// What is said beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Servers, or targets for an outcome.
    pub all: u64,
    /// Those that are open; for an age, those of that age.
    pub counted: Interval,
}

/// A run in the trend.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Point {
    /// The run.
    pub run: i64,
    /// Its day.
    pub day: Utc,
    /// Exchange servers.
    pub servers: Interval,
    /// Open ones.
    pub open: Interval,
    /// Targets.
    pub targets: u64,
    /// Targets that answered.
    pub answered: u64,
    /// Judged with data until then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_date: Option<Utc>,
}

/// What changed from one run to another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Diff {
    /// The earlier run.
    pub from: Run,
    /// The later run.
    pub to: Run,
    /// How many of each kind, all kinds, in their order.
    pub counts: Vec<(ChangeKind, u64)>,
    /// Some of them, kind by kind.
    pub changes: Vec<Change>,
    /// Why the two may not be comparable, one sentence each.
    pub caveats: Vec<String>,
}

/// What became of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    /// Was open, and is not.
    Patched,
    /// Was open, and its version no longer says.
    PerhapsPatched,
    /// Was not shown to be open, and is.
    NewlyOpen,
    /// First seen, and open.
    NewAndOpen,
    /// First seen.
    New,
    /// Another build; whether it is open stays as it was.
    ChangedBuild,
    /// Open then and now.
    StillOpen,
    /// Neither open then nor now, same build.
    Unchanged,
    /// Its port is closed, its name is gone, or something else answers there.
    Gone,
    /// It was asked and did not answer: a time limit, a broken connection. It may still be there.
    NotSeen,
    /// Nobody asked this time.
    NotAsked,
}

impl ChangeKind {
    /// All, in order.
    pub const ALL: [Self; 11] = [
        Self::Patched,
        Self::PerhapsPatched,
        Self::NewlyOpen,
        Self::NewAndOpen,
        Self::New,
        Self::ChangedBuild,
        Self::StillOpen,
        Self::Unchanged,
        Self::Gone,
        Self::NotSeen,
        Self::NotAsked,
    ];

    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Patched => "patched",
            Self::PerhapsPatched => "perhaps patched: was open, the version no longer says",
            Self::NewlyOpen => "newly open",
            Self::NewAndOpen => "new, and open",
            Self::New => "new",
            Self::ChangedBuild => "changed build",
            Self::StillOpen => "still open",
            Self::Unchanged => "unchanged",
            Self::Gone => "gone",
            Self::NotSeen => "not seen this time: it was asked and did not answer",
            Self::NotAsked => "not asked this time",
        }
    }
}

/// One server that changed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// What became of it.
    pub kind: ChangeKind,
    /// What it is called.
    pub server: String,
    /// Its updates before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// Its updates now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
    /// Whose network it is in.
    pub network: Network,
}

/// A server of the list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Server {
    /// What it is called.
    pub name: String,
    /// Addresses with ports.
    pub addresses: Vec<String>,
    /// Addresses that are not among them.
    pub addresses_omitted: u64,
    /// `Exchange Server 2016`.
    pub product: String,
    /// `CU23 Oct25SU`.
    pub update: String,
    /// Answers of different builds.
    pub mixed: bool,
    /// Whether it is open.
    pub exposure: Exposure,
    /// Holes that it has, and those of which the version does not say.
    pub holes: (u64, u64),
    /// Whose network it is in.
    pub network: Network,
}

/// How many servers were broken into.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The hole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hole: Option<String>,
    /// What can be said, one sentence.
    pub says: String,
    /// The interval; none where the basis is too small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub victims: Option<Interval>,
    /// Servers that others saw a web shell on: these alone are counted and not estimated.
    pub web_shells_seen: u64,
    /// What it stands on, one sentence each.
    pub basis: Vec<String>,
    /// What is taken for true without being shown, one sentence each.
    pub assumptions: Vec<Assumed>,
}

/// Something that is taken for true.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assumed {
    /// What.
    pub what: String,
    /// What follows if it is not so.
    pub otherwise: String,
}

impl From<State> for Exposure {
    fn from(state: State) -> Self {
        match state {
            State::Vulnerable => Self::Open,
            State::Undetermined => Self::Undetermined,
            State::Patched | State::NotApplicable => Self::Closed,
        }
    }
}

impl Outcome {
    /// For people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::Refused => "port closed",
            Self::Unreachable => "no way to it",
            Self::TimedOut => "nothing came in time",
            Self::Closed => "connection ended before an answer",
            Self::TlsRefused => "TLS handshake refused",
            Self::NotTls => "does not speak TLS",
            Self::NotHttp => "does not speak HTTP",
            Self::NotResolved => "name has no address",
            Self::OutOfScope => "outside the scope, nothing sent",
            Self::NotTried => "not tried",
            Self::Other => "another scanner's error",
        }
    }
}
