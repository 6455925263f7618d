//! What an assessment says: `assessment.json`, schema `afterpatch.assessment/1`.
//!
//! Names and order are a contract with reports, exports and outside programs: fields may be added, none is renamed.
//! No clock time and no path of the analyst's machine is in it.

use serde::{Deserialize, Serialize};

use crate::campaign::{Proves, Stage};
use crate::observation::FileState;
use crate::page::Reading;
use crate::{Build, Utc};

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Assessment {
    /// `afterpatch.assessment/1`.
    pub schema: &'static str,
    /// Who said it.
    pub afterpatch: Program,
    /// The first of the order that any server has.
    pub verdict: Verdict,
    /// The run was interrupted: what is said holds, what is missing may say more.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub incomplete: bool,
    /// What was read.
    pub totals: Totals,
    /// By name.
    pub servers: Vec<ServerAssessment>,
    /// All findings, by server, time and rule.
    pub findings: Vec<Finding>,
    /// Files that could not be read, and others of which something was lost.
    pub gaps: Vec<FileGap>,
    /// How the evidence is held.
    pub custody: Custody,
}

/// How the evidence is held: the seal of its list, and what collectors wrote down of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Custody {
    /// The chain of `manifest.jsonl`. Of no use before that is made.
    pub manifest: ManifestChain,
    /// Hashes that collectors wrote down, against those of the files.
    pub collected: Collected,
}

/// The chain of the manifest: whoever knows the head notices any change of any line.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestChain {
    /// Lines.
    pub lines: u64,
    /// SHA-256 of the last line, lower-case hex.
    pub head: String,
}

/// Hashes that collectors wrote down.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Collected {
    /// Lists with hashes.
    pub lists: u64,
    /// Files that were compared.
    pub compared: u64,
    /// Of these, those that have the hash.
    pub fit: u64,
    /// Lines about files that are not in the evidence.
    pub absent: u64,
    /// Lines about files that are in the evidence and could not be compared.
    pub open: u64,
    /// Files that have another hash, by path.
    pub differ: Vec<Differing>,
}

/// A file that is not what a collector wrote down.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Differing {
    /// As in the manifest.
    pub path: String,
    /// The list.
    pub by: String,
    /// Its line.
    pub record: u64,
    /// `SHA-256`, `SHA-1`, `MD5`.
    pub algorithm: &'static str,
    /// What the collector wrote down.
    pub claimed: String,
    /// What the file has.
    pub found: String,
    /// Bytes that the collector wrote down.
    pub claimed_size: Option<u64>,
    /// Bytes that the file has.
    pub size: u64,
    /// What this can mean.
    pub what: String,
}

/// The program and what it knew.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Program {
    /// Version of afterpatch.
    pub version: String,
    /// Packs that ran.
    pub packs: Vec<PackIdentity>,
    /// Rules that ran, and those that were refused.
    pub rules: RuleCount,
}

/// One pack.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PackIdentity {
    /// `proxylogon`.
    pub id: String,
    /// Version.
    pub version: String,
    /// Lower-case hex.
    pub sha256: String,
}

/// How many rules ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RuleCount {
    /// Compiled and run.
    pub loaded: u64,
    /// Refused, by id and reason.
    pub refused: Vec<String>,
}

/// Sums over all inputs.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Totals {
    /// Files.
    pub files: u64,
    /// Bytes.
    pub bytes: u64,
    /// Events.
    pub records: u64,
    /// Lines that are no event.
    pub rejected: u64,
    /// Files of which nobody knew what they are.
    pub unrecognised_files: u64,
    /// Files with the content of another of the same server; they count once, in none of the sums above but the first two.
    pub files_met_twice: u64,
}

/// The verdict, worst first (`cannot-tell` stands before `targeted`: a scan on a server that cannot be seen is no
/// all-clear).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Compromised, and the foothold is used after the fixed build was running.
    Active,
    /// Persistence, code execution or access to mailbox data is proven.
    Compromised,
    /// An exploit request succeeded, nothing later is proven.
    Exploited,
    /// Nothing found, and the exposure window is not covered.
    CannotTell,
    /// Attempts, failed chains, scanners, probes.
    Targeted,
    /// Nothing found, and the evidence covers the exposure window.
    NoEvidence,
}

impl Verdict {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Compromised => "compromised",
            Self::Exploited => "exploited",
            Self::CannotTell => "cannot-tell",
            Self::Targeted => "targeted",
            Self::NoEvidence => "no-evidence",
        }
    }
}

/// One server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ServerAssessment {
    /// Upper case, no domain.
    pub server: String,
    /// The first of the order among its campaigns.
    pub verdict: Verdict,
    /// One or two sentences a manager understands.
    pub summary: String,
    /// Why the verdict is not one step milder, why not one step worse, and what would change it.
    pub reasons: Reasons,
    /// In time order.
    pub builds: Vec<BuildSpan>,
    /// Per campaign.
    pub exposure: Vec<Exposure>,
    /// When it began.
    pub begin: Begin,
    /// One attacker's chain each.
    pub incidents: Vec<Incident>,
    /// By path.
    pub web_shells: Vec<WebShell>,
    /// Pages whose code speaks against them, the worst first.
    pub pages: Vec<PageReading>,
    /// By mailbox.
    pub mailboxes: Vec<Mailbox>,
    /// By kind and name.
    pub persistence: Vec<Persistence>,
    /// By source.
    pub coverage: Vec<Coverage>,
    /// All eleven, always.
    pub answers: Answers,
}

/// The case for the verdict.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Reasons {
    /// What makes it this bad.
    pub because: Vec<String>,
    /// What is missing for the next worse verdict.
    pub not_worse: String,
    /// What would change it.
    pub would_change: Vec<String>,
}

/// A build and when it was seen.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BuildSpan {
    /// `15.1.2106.2`.
    pub build: Build,
    /// `Exchange Server 2016`, `unknown`.
    pub product: String,
    /// `CU18`, `CU18 Mar21SU`.
    pub update: String,
    /// First record that names it.
    pub first_seen: Utc,
    /// Last record that names it.
    pub last_seen: Utc,
    /// `httpproxy`.
    pub source: String,
}

/// Why a campaign counts for a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grounds {
    /// A build seen on it was open.
    OpenBuild,
    /// A build seen on it cannot be judged.
    UndeterminedBuild,
    /// No build is known.
    NoBuild,
    /// The earliest build seen is fixed, but it stands on one that was open.
    EarlierBuild,
    /// No build seen was open since the campaign began, or it needs no open build; something of it was found.
    FindingsOnly,
}

/// One campaign's window on one server.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Exposure {
    /// `proxylogon`.
    pub campaign: String,
    /// `ProxyLogon`.
    pub campaign_name: String,
    /// Why it is listed.
    pub grounds: Grounds,
    /// Its holes.
    pub cves: Vec<String>,
    /// For this campaign alone.
    pub verdict: Verdict,
    /// Begin of the window.
    pub from: Utc,
    /// Why then.
    pub from_basis: String,
    /// First time a fixed build is seen; `None`: still open in this evidence.
    pub until: Option<Utc>,
    /// Why then.
    pub until_basis: String,
    /// Stretches of the window that the evidence covers.
    pub covered: Vec<Covered>,
    /// Stretches that it does not.
    pub uncovered: Vec<Uncovered>,
}

/// A covered stretch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Covered {
    /// Begin.
    pub from: Utc,
    /// End.
    pub until: Utc,
    /// By what.
    pub sources: Vec<String>,
}

/// An uncovered stretch.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Uncovered {
    /// Begin.
    pub from: Utc,
    /// End.
    pub until: Utc,
    /// `rotated`, `cleared`, `absent`, `gap`, `not yet`.
    pub why: String,
    /// What to collect.
    pub settle: String,
    /// The sources that would settle it, as they are spelt in coverage; empty where none is known that would.
    pub sources: Vec<String>,
}

/// When it began.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Begin {
    /// The first proven step.
    pub earliest_certain: Option<Utc>,
    /// The earliest time that the evidence does not rule out.
    pub earliest_possible: Option<Utc>,
}

/// How far one attacker got.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum IncidentOutcome {
    /// No further than trying.
    Attempted,
    /// The hole was used.
    Exploited,
    /// Something was left.
    Foothold,
    /// It was driven.
    Control,
    /// Data was gathered.
    Collection,
    /// Data left the server.
    Exfiltration,
}

/// How the attacker came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Entry {
    /// Through a hole.
    Vulnerability,
    /// With somebody's password.
    Credentials,
    /// The evidence does not show it.
    Unknown,
}

/// One attacker's chain, stitched across logs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Incident {
    /// `EXC01-1`.
    pub id: String,
    /// The campaign by which it came in, as far as that is shown.
    pub campaign: String,
    /// Other campaigns of which it holds a proof: what was done once inside, or a second way in.
    pub also: Vec<String>,
    /// Client addresses.
    pub clients: Vec<String>,
    /// First step.
    pub first: Option<Utc>,
    /// Last step.
    pub last: Option<Utc>,
    /// How far.
    pub outcome: IncidentOutcome,
    /// How in.
    pub entry: Entry,
    /// Findings by stage.
    pub stages: Stages,
}

/// Finding ids by stage.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Stages {
    /// Getting in.
    pub access: Vec<String>,
    /// Leaving something behind.
    pub foothold: Vec<String>,
    /// Driving it.
    pub control: Vec<String>,
    /// Gathering.
    pub collection: Vec<String>,
    /// Taking away.
    pub exfiltration: Vec<String>,
    /// Wiping traces.
    pub cleanup: Vec<String>,
}

/// A web shell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WebShell {
    /// Path on disk where known, else the URL path.
    pub path: String,
    /// The URL path, where requests show it.
    pub url: Option<String>,
    /// Lower-case hex.
    pub sha256: Option<String>,
    /// When it was written, as far as anything says so.
    pub written: Option<Utc>,
    /// What says so.
    pub written_basis: Option<WrittenBasis>,
    /// When it was compiled, that is first asked for, as far as the traces of ASP.NET say so.
    pub compiled: Option<Utc>,
    /// Requests answered 200.
    pub uses: u64,
    /// First of them.
    pub first_use: Option<Utc>,
    /// Last of them.
    pub last_use: Option<Utc>,
    /// In the evidence, or in the table of files as one that exists? `None`: web folders are not part of it.
    pub present: Option<bool>,
    /// How its file is known; `None`: no file of the evidence tells of it.
    pub file: Option<FileState>,
    /// Who used it.
    pub clients: Vec<String>,
    /// Why we say so.
    pub findings: Vec<String>,
}

/// What says when a page was written, the surest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum WrittenBasis {
    /// A record of the file being made.
    FileRecord,
    /// The table of files: when the name was made. Only the file system writes that.
    FileTable,
    /// A record of the command that had it written; it comes a little before.
    CommandRecord,
    /// What a collector noted: when the file says that it was made. Any program can set that.
    CollectorList,
}

/// What the code of a page says.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PageReading {
    /// Path on disk.
    pub path: String,
    /// The URL path, where the file lies in a web folder.
    pub url: Option<String>,
    /// Lower-case hex.
    pub sha256: Option<String>,
    /// How its file is known.
    pub file: FileState,
    /// The findings about it.
    pub findings: Vec<String>,
    /// What it says.
    #[serde(flatten)]
    pub reading: Reading,
}

/// A mailbox that was read.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Mailbox {
    /// As the log names it; `(not named in the log)` where only the access is seen.
    pub mailbox: String,
    /// `ews-ssrf`, `export-request`, `autodiscover-ews`.
    pub how: String,
    /// Requests.
    pub requests: u64,
    /// Bytes sent.
    pub bytes: u64,
    /// First.
    pub first: Option<Utc>,
    /// Last.
    pub last: Option<Utc>,
    /// Why we say so.
    pub findings: Vec<String>,
}

/// Something left behind that is no web shell.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Persistence {
    /// `scheduled-task`, `service`, `account`, `role-assignment`.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Why we say so.
    pub findings: Vec<String>,
}

/// What one source covers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Coverage {
    /// `httpproxy/Ecp`.
    pub source: String,
    /// First record.
    pub from: Option<Utc>,
    /// Last record.
    pub until: Option<Utc>,
    /// Files.
    pub files: u64,
    /// Events.
    pub records: u64,
    /// Lines that are no event.
    pub rejected: u64,
    /// Silence inside.
    pub gaps: Vec<Span>,
}

/// A stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// Begin.
    pub from: Utc,
    /// End.
    pub until: Utc,
}

/// How sure an answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Confidence {
    /// Independent records agree.
    High,
    /// One record, or an inference from several.
    Medium,
    /// Only hints.
    Low,
    /// The evidence does not say.
    None,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answer {
    /// In words.
    pub answer: String,
    /// How sure.
    pub confidence: Confidence,
    /// Finding ids.
    pub because: Vec<String>,
    /// What the evidence cannot say, and what would settle it.
    pub unknown: Vec<String>,
}

/// The eleven questions, in this order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Answers {
    /// Was this server open to the attack, from when until when?
    pub exposed: Answer,
    /// Were we hit?
    pub hit: Answer,
    /// When did it begin?
    pub since: Answer,
    /// Stolen password or vulnerability, and which?
    pub entry: Answer,
    /// What did they leave?
    pub foothold: Answer,
    /// From where, and what did they run?
    pub control: Answer,
    /// Whose mail, what data?
    pub taken: Answer,
    /// Which campaign does it look like, and which not?
    pub campaign: Answer,
    /// Does it reach the cloud tenant?
    pub cloud: Answer,
    /// Did the update evict them?
    pub over: Answer,
    /// What now, in which order? One step a line.
    pub next: Answer,
}

impl Answers {
    /// Key, question and answer, in the order of the contract.
    #[must_use]
    pub fn each(&self) -> [(&'static str, &'static str, &Answer); 11] {
        [
            ("exposed", "Was this server open to the attack, from when until when?", &self.exposed),
            ("hit", "Were we hit?", &self.hit),
            ("since", "When did it begin?", &self.since),
            ("entry", "Stolen password or vulnerability, and which?", &self.entry),
            ("foothold", "What did they leave?", &self.foothold),
            ("control", "From where, and what did they run?", &self.control),
            ("taken", "Whose mail, what data?", &self.taken),
            ("campaign", "Which campaign does it look like, and which not?", &self.campaign),
            ("cloud", "Does it reach the cloud tenant?", &self.cloud),
            ("over", "Did the update evict them?", &self.over),
            ("next", "What now, in which order?", &self.next),
        ]
    }
}

/// Something that a rule or observer found, with the records it rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    /// `f1`.
    pub id: String,
    /// Server.
    pub server: String,
    /// First record; `None` where the evidence has no time.
    pub time: Option<Utc>,
    /// Last record.
    pub last: Option<Utc>,
    /// How many records.
    pub count: u64,
    /// Campaign, `None` where it fits any.
    pub campaign: Option<String>,
    /// Stage.
    pub stage: Stage,
    /// What it proves, after corroboration was weighed.
    pub proves: Proves,
    /// `proxylogon/anchor-mailbox-backend`.
    pub rule: String,
    /// One line.
    pub title: String,
    /// Why it matters.
    pub reason: String,
    /// Benign explanations to consider.
    pub benign: Vec<String>,
    /// ATT&CK techniques.
    pub attack: Vec<String>,
    /// Where the rule comes from.
    pub references: Vec<String>,
    /// The log it was seen in.
    pub source: String,
    /// Client.
    pub client: Option<String>,
    /// Account.
    pub account: Option<String>,
    /// What it was about.
    pub subject: Option<String>,
    /// Bytes sent to the client.
    pub bytes: u64,
    /// The first few records and the last.
    pub evidence: Vec<Evidence>,
}

/// One raw record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// As in the manifest.
    pub path: String,
    /// Line number or record id.
    pub record: u64,
    /// Byte offset.
    pub offset: u64,
    /// When.
    pub time: Option<Utc>,
    /// The raw record. Valid UTF-8 stands as it is; otherwise every byte is the character of its number and
    /// `encoding` says `latin-1`, so nothing is lost.
    pub text: String,
    /// `latin-1` where the record is not valid UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encoding: Option<&'static str>,
}

/// A file of which something was lost.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileGap {
    /// As in the manifest.
    pub path: String,
    /// Server.
    pub server: Option<String>,
    /// In words, with counts and the first place.
    pub what: String,
}
