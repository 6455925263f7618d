//! What is said of one observed target.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Network, Outcome, Scanner, Target};
use crate::{Build, Utc};

/// One target, judged. What a version string cannot show is never guessed: it is an interval or an open question.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judged {
    /// When it was seen.
    pub observed_at: Utc,
    /// Who looked.
    pub scanner: Scanner,
    /// What was looked at.
    pub target: Target,
    /// How that ended.
    pub outcome: Outcome,
    /// Why it ended so, where that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it is.
    pub product: Product,
    /// Every build that its answers name, without doubles, lowest first. Several: a farm, or front and back end.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub builds: Vec<BuildSeen>,
    /// Answers of different builds.
    #[serde(default)]
    pub mixed: bool,
    /// Why it is taken for what it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// What does not fit it, one sentence each, without full stop.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contradictions: Vec<String>,
    /// Which product stands before it: `F5 BIG-IP`, `Cloudflare`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<String>,
    /// By id. Shared by all targets of the same builds.
    pub cves: Arc<[CveState]>,
    /// What is to be counted once.
    pub identity: Identity,
    /// `TLSv1.2`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls_version: Option<String>,
    /// Tags of other scanners that are no CVE, such as `webshell`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Whose network it is in.
    #[serde(default)]
    pub network: Network,
}

/// What a target is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// Exchange Server, by two independent groups of evidence.
    Exchange,
    /// Something of Exchange is seen, but only one group of evidence, or a front end hides the rest.
    PerhapsExchange,
    /// Microsoft's cloud.
    ExchangeOnline,
    /// Looks like Exchange and contradicts itself: a honeypot, a fake, a listener.
    SuspectLookalike,
    /// Another mail product, or a page that has nothing to do with Exchange.
    Other,
    /// Nothing was seen that tells.
    Unknown,
}

/// A build that answers name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BuildSeen {
    /// As it was read: `15.2.1544`, `15.02.2562.037`.
    pub text: String,
    /// Where: `X-OWA-Version of /EWS/Exchange.asmx`.
    pub place: String,
    /// How exactly it is known.
    pub precision: Precision,
    /// The lowest build that it can be.
    pub lowest: Build,
    /// The highest known build that it can be.
    pub highest: Build,
    /// `Exchange Server 2019`.
    pub product: String,
    /// `CU14`.
    pub level: String,
    /// `CU14 Apr24HU`; `CU14, update not told`.
    pub update: String,
    /// When the lowest build came out: the patch level is at least as old as that only if it is `lowest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub released: Option<Utc>,
    /// When the highest build came out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latest: Option<Utc>,
    /// Last day of support for everybody, where one is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub support_end: Option<Utc>,
}

/// How exactly a build is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Precision {
    /// It is in the list.
    Exact,
    /// Four parts that are in no list; judged as the next lower of its CU.
    NextLower,
    /// Three parts: the CU, and not the update on it.
    CuOnly,
    /// Newer than all that is known.
    NewerThanData,
    /// In no list.
    Unknown,
}

/// Whether a target has a hole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CveState {
    /// `CVE-2021-26855`.
    pub cve: String,
    /// As far as the version suggests.
    pub state: State,
    /// Why it is not told, or what the version does not show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Why>,
}

/// Whether a target has a hole, as far as its version suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It has. For a farm: at least one of its servers.
    Vulnerable,
    /// The version does not say.
    Undetermined,
    /// It is fixed.
    Patched,
    /// It never had it, or it is no Exchange Server.
    NotApplicable,
}

/// Why a state is not told, or what stands behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// Only the CU is seen.
    CuOnly,
    /// The build is newer than the data.
    NewerThanData,
    /// No version is seen.
    NoVersion,
    /// The version is open; a mitigation such as Extended Protection would close it and cannot be seen.
    MitigationPossible,
    /// The code is fixed; something has to be switched on besides, which cannot be seen.
    SettingNotVisible,
    /// It is not sure that this is an Exchange Server.
    ProductUnsure,
    /// The build proves nothing for this hole, as with the updates of March 2021 for old CUs.
    BuildProvesNothing,
    /// Another scanner tested it.
    TestedByScanner,
}

/// A reason to take a target for what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Reasons of one group do not add up: whoever copies a page copies all of it.
    pub group: EvidenceGroup,
    /// What was seen, for people.
    pub words: String,
}

/// Which signals come from the same hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceGroup {
    /// The markup of OWA and ECP pages.
    Page,
    /// Headers that only Exchange sets.
    Headers,
    /// How it asks for a logon: schemes, realm, status of each path.
    Behaviour,
    /// Greetings of mail services.
    Banner,
    /// The certificate.
    Certificate,
    /// The manifest of the export tool.
    Manifest,
    /// What another scanner concluded.
    Claim,
}

/// What is to be counted once.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Names that the server gives itself (`X-FEServer`), sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_names: Vec<String>,
    /// SHA-256 of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub certificate: Option<String>,
    /// What servers are told apart by: name and certificate where both are known, else address and port.
    pub key: String,
}
