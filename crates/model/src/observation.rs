//! What was seen, before anybody judges it: the hand-over from `detect` to `inquiry`.
//!
//! Everything here is bounded whatever the input, merged without regard to order, and sorted.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::campaign::{Campaign, RuleFacts};
use crate::file::FileRecord;
use crate::listing::FileTimes;
use crate::page::Reading;
use crate::{Build, Family, Origin, Source, Utc};

/// Everything seen in one run.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// One line per input; [`Origin::file`] points into it.
    pub files: Vec<FileRecord>,
    /// The rules that ran; [`Sighting::rule`] points into it.
    pub rules: Vec<RuleFacts>,
    /// The campaigns that were looked for.
    pub campaigns: Vec<Campaign>,
    /// What was seen, per server.
    pub servers: BTreeMap<String, Server>,
    /// The run ended before all was read.
    pub incomplete: bool,
}

/// What was seen on one server.
#[derive(Clone, Debug, Default)]
pub struct Server {
    /// Builds in time order.
    pub builds: Vec<BuildSeen>,
    /// Hours with records, per source.
    pub coverage: BTreeMap<Source, SourceCoverage>,
    /// Rule hits, grouped.
    pub sightings: Vec<Sighting>,
    /// Requests to pages that do not belong to Exchange.
    pub pages: Vec<PageUse>,
    /// Who read which mailbox from where.
    pub mail: Vec<MailUse>,
    /// Who logged on from where.
    pub logons: Vec<Logon>,
    /// Who tried to log on and was refused, by client.
    pub refused: Vec<Refused>,
    /// Files of web folders and other telling places that are in the evidence.
    pub files: Vec<FileSeen>,
    /// Event logs that are not whole or were cleared, by channel.
    pub event_logs: BTreeMap<String, EventLog>,
    /// Addresses of the server itself, as its logs name them.
    pub own_addresses: Vec<String>,
    /// The evidence holds the web folders of this server, so an absent page is absent.
    pub web_folders_present: bool,
}

/// A stretch of time in which a server ran a build.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildSeen {
    /// The build.
    pub build: Build,
    /// First record that names it.
    pub first: Utc,
    /// Last record that names it.
    pub last: Utc,
    /// The log that named it.
    pub family: Family,
    /// The source is known to name wrong builds at times (`S:BLD` of the ECP log, `#Version`).
    pub weak: bool,
}

/// Where the records of one source lie.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceCoverage {
    /// Records per hour ([`Utc::hour`]); hours without any are absent.
    pub hours: BTreeMap<i64, u64>,
    /// Files it came from.
    pub files: u64,
    /// Records.
    pub records: u64,
    /// First record, exactly.
    pub first: Option<Utc>,
    /// Last record, exactly.
    pub last: Option<Utc>,
}

/// Whether the records of one event log are whole.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventLog {
    /// When it was cleared, in time order.
    pub cleared: Vec<Clearing>,
    /// Records that are missing inside a file, by number.
    pub missing: Vec<MissingRecords>,
    /// Where the time runs backwards from one record to the next.
    pub back: Vec<ClockBack>,
    /// Files from which so much is missing that they were exported with a filter: indexes of the manifest.
    pub filtered: Vec<u32>,
}

/// A log was cleared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearing {
    /// When.
    pub time: Utc,
    /// Who, as the record names it.
    pub account: Option<String>,
}

/// Records that a log must have held, and that no file of the evidence holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingRecords {
    /// Index of the file in the manifest.
    pub file: u32,
    /// The first number that is missing.
    pub first: u64,
    /// The last.
    pub last: u64,
    /// Time of the record before them.
    pub after: Option<Utc>,
    /// Time of the record behind them.
    pub before: Option<Utc>,
}

/// The time of a record lies before that of the record before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClockBack {
    /// Index of the file in the manifest.
    pub file: u32,
    /// The number of the record.
    pub record: u64,
    /// Time of the record before it.
    pub from: Utc,
    /// Its own.
    pub until: Utc,
}

/// Hits of one rule that belong together: same server, client, subject and hour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    /// Index into [`Observations::rules`].
    pub rule: usize,
    /// The log it was seen in.
    pub source: Source,
    /// First hit; `None` where the evidence has no time (a file).
    pub first: Option<Utc>,
    /// Last hit.
    pub last: Option<Utc>,
    /// How many.
    pub count: u64,
    /// Client address, as the log has it, without port.
    pub client: Option<String>,
    /// What it was about, as the rule says: page, mailbox, cmdlet, path.
    pub subject: Option<String>,
    /// Account in whose name it ran.
    pub account: Option<String>,
    /// Bytes sent to the client, where the log counts them.
    pub bytes: u64,
    /// HTTP status of the first hit.
    pub status: Option<u16>,
    /// Request ids (`RequestId`, `cafeReqId`) of the kept hits, for joining logs.
    pub request_ids: Vec<String>,
    /// The kept records: the first few and the last.
    pub evidence: Vec<EvidenceRecord>,
}

/// One kept record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceRecord {
    /// Where it stands.
    pub origin: Origin,
    /// When it happened.
    pub time: Option<Utc>,
    /// Its bytes.
    pub raw: Box<[u8]>,
}

/// Requests by one client to one page that is not known to belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PageUse {
    /// Lower-case path of the URL.
    pub page: String,
    /// Client address.
    pub client: String,
    /// Account, where the request was authenticated.
    pub account: Option<String>,
    /// Told by a log of Exchange's own sites, not of another site on the same IIS.
    pub exchange_site: bool,
    /// All requests.
    pub requests: u64,
    /// Answered 200.
    pub answered: u64,
    /// POSTs answered 200.
    pub posts_answered: u64,
    /// Answered 404.
    pub not_found: u64,
    /// Requests that name another page as their referrer.
    pub referred: u64,
    /// Requests with a query that looks like a command.
    pub commands: u64,
    /// First request.
    pub first: Utc,
    /// Last request.
    pub last: Utc,
    /// First request answered 200.
    pub first_answered: Option<Utc>,
    /// Last request answered 200.
    pub last_answered: Option<Utc>,
    /// First request answered 404 after one answered 200: the page went away.
    pub gone: Option<Utc>,
    /// The kept records: the first few and the last, answered ones first.
    pub evidence: Vec<EvidenceRecord>,
}

/// Requests for the content of one mailbox by one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailUse {
    /// The mailbox, as the log names it.
    pub mailbox: String,
    /// The account that asked.
    pub account: String,
    /// Client address.
    pub client: String,
    /// The log.
    pub family: Family,
    /// The protocol, where the log knows several: `Eas`, `Owa`.
    pub protocol: Option<String>,
    /// Requests.
    pub requests: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// First.
    pub first: Utc,
    /// Last.
    pub last: Utc,
    /// The first record.
    pub evidence: Vec<EvidenceRecord>,
}

/// Authenticated requests of one account from one client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logon {
    /// Account.
    pub account: String,
    /// Client address.
    pub client: String,
    /// Requests.
    pub requests: u64,
    /// First.
    pub first: Utc,
    /// Last.
    pub last: Utc,
    /// The first record. Its bytes are read again from the evidence where they are shown.
    pub evidence: Vec<EvidenceRecord>,
}

/// Logons of one client that were refused, or whose outcome no log shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Client address.
    pub client: String,
    /// Refused: a wrong password, an unknown or locked account.
    pub refused: u64,
    /// Forms sent to the logon page; the log shows no outcome.
    pub forms: u64,
    /// Accounts named, the first of them in the order of the alphabet.
    pub accounts: Vec<String>,
    /// First.
    pub first: Utc,
    /// Last.
    pub last: Utc,
    /// First and last record, like those of [`Logon`].
    pub evidence: Vec<EvidenceRecord>,
}

/// A file that tells something by being there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSeen {
    /// Index of the file in the manifest.
    pub file: u32,
    /// Path on the server, lower case, with backslashes, from the drive on where that is known.
    pub path: String,
    /// The URL path it answers to, where it lies in a web folder.
    pub url: Option<String>,
    /// SHA-256, lower-case hex.
    pub sha256: Option<String>,
    /// Bytes.
    pub size: u64,
    /// Known to belong to Exchange: by hash, by path only, or not at all.
    pub belongs: Belongs,
    /// How it is known.
    pub state: FileState,
    /// Its times on the server, where the evidence tells them.
    pub times: Option<FileTimes>,
    /// What it was compiled from, where it is a trace of compilation.
    pub trace: Option<Trace>,
    /// What its code says, where that speaks against it.
    pub reading: Option<Reading>,
}

/// How a file is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileState {
    /// Its bytes are in the evidence.
    #[default]
    Read,
    /// A list of files names it.
    Listed,
    /// A file table still names it, and that it was deleted.
    Deleted,
}

/// What ASP.NET leaves when it compiles a page.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The URL path of the page, as the trace names it.
    pub page: Option<String>,
    /// The library that came of it, without ending, lower case. The library itself has this as its name.
    pub assembly: Option<String>,
    /// When it was compiled, as the header of the library says.
    pub compiled: Option<Utc>,
}

/// Whether a file of a web folder is one of Exchange's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Belongs {
    /// Path and content are Exchange's.
    Known,
    /// The path is Exchange's, the content is in no list (lists end in March 2021).
    PathOnly,
    /// Neither.
    #[default]
    Unknown,
}
