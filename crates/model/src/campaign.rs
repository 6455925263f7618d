//! What a pack says about its campaign and its rules, for those who judge.

use serde::Serialize;

use crate::Utc;

/// A campaign: `pack.toml` without its rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Campaign {
    /// `proxylogon`.
    pub id: String,
    /// `ProxyLogon (Hafnium and others)`.
    pub name: String,
    /// What kind of thing it is, and so when it counts.
    pub kind: CampaignKind,
    /// Version of the pack.
    pub version: String,
    /// SHA-256 over the pack's files, lower-case hex.
    pub sha256: String,
    /// The holes it goes through; a server is open while any of `entry_cves` is open.
    pub cves: Vec<String>,
    /// The holes that let it in: fixed entry means the window is shut.
    pub entry_cves: Vec<String>,
    /// First known exploitation; `None` where none is known.
    pub first_use: Option<Utc>,
    /// In words: `first known exploitation`, `public disclosure`.
    pub first_use_basis: String,
    /// When the public learned of it.
    pub public: Utc,
    /// What tells it apart from look-alikes.
    pub tell_apart: String,
    /// The log families that must cover the window before "no evidence" may be said; each need is met by any one
    /// of its sources.
    pub needs: Vec<Need>,
    /// What its tools cannot show even with all evidence present.
    pub limits: Vec<String>,
    /// Where the facts come from.
    pub sources: Vec<String>,
    /// Groups that took part, as reports tell them apart.
    pub groups: Vec<Group>,
    /// The way in needs a signed-in user: somebody's password was known to the attacker.
    pub authenticated: bool,
    /// Campaigns whose attempts look the same as long as they fail.
    pub resembles: Vec<String>,
}

impl Campaign {
    /// From when on a server could have been hit: first known use, else the day on which the public learned of it.
    #[must_use]
    pub fn since(&self) -> Utc {
        self.first_use.unwrap_or(self.public)
    }
}

/// What kind of thing a campaign is, and so when it counts for a server.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum CampaignKind {
    /// A way in through holes of the server: counts for every server that was open to it.
    #[default]
    Vulnerability,
    /// A way in that leaves no trace of its own in any log: counts for open servers, and can never be ruled out.
    Untraceable,
    /// What is done once somebody is in, by whatever way: counts where it is found.
    Aftermath,
    /// Another intrusion that is mistaken for one of Exchange: counts where it is found, and is always spoken of.
    Separate,
}

/// A group of attackers inside a campaign, as reports tell it apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// `tonto-team`; indicators name it.
    pub id: String,
    /// `Tonto Team`.
    pub name: String,
    /// First use in this campaign, where a report names a day.
    pub first_use: Option<Utc>,
    /// What reports say of it, in one sentence.
    pub note: String,
    /// Who says so.
    pub source: String,
}

/// Log sources of which one must cover the exposure window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// Sources as they are spelt in coverage: `httpproxy/Ecp`, `iis/front-end`.
    pub any_of: Vec<String>,
    /// What to collect when none of them is there.
    pub settle: String,
}

/// The part of the attack that a rule speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// Getting in.
    Access,
    /// Leaving something behind.
    Foothold,
    /// Driving it.
    Control,
    /// Gathering.
    Collection,
    /// Taking away.
    Exfiltration,
    /// Wiping traces.
    Cleanup,
}

/// What a hit of a rule proves by itself, if the record is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Proves {
    /// Background: worth knowing, proves nothing.
    Context,
    /// Somebody looked whether the hole is there.
    Scan,
    /// Somebody tried; the outcome is open or it failed.
    Attempt,
    /// The exploit request was accepted.
    Success,
    /// Traces were wiped.
    Cleanup,
    /// Something was left behind.
    Persistence,
    /// Commands ran.
    Execution,
    /// Mail or credentials were taken.
    Theft,
}

/// How much a hit of a rule weighs, as its author says (Sigma, attribute `level`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing.
    Informational,
    /// Often benign.
    Low,
    /// Look at it.
    Medium,
    /// Look at it soon.
    High,
    /// Look at it now.
    Critical,
}

impl Level {
    /// The word of the specification.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A rule as a reader of the report meets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleFacts {
    /// `proxylogon/anchor-mailbox-backend`.
    pub id: String,
    /// The campaign, `None` for rules that fit any.
    pub campaign: Option<String>,
    /// One line.
    pub title: String,
    /// Why a hit matters.
    pub description: String,
    /// Benign explanations to consider.
    pub false_positives: Vec<String>,
    /// Where it comes from.
    pub references: Vec<String>,
    /// ATT&CK techniques, upper case.
    pub attack: Vec<String>,
    /// The part of the attack.
    pub stage: Stage,
    /// What it proves.
    pub proves: Proves,
    /// An indicator match: it never proves alone.
    pub indicator: bool,
    /// The group that an indicator speaks of.
    pub group: Option<String>,
    /// The hit stands for several rules in order (a Sigma correlation).
    pub correlation: bool,
    /// How much a hit weighs, if the rule says so.
    pub level: Option<Level>,
    /// The `id` attribute of the rule.
    pub uuid: Option<String>,
    /// The `status` attribute: `stable`, `test`, `experimental`, `deprecated`, `unsupported`.
    pub status: Option<String>,
    /// Tags as they are written.
    pub tags: Vec<String>,
    /// The rule set of somebody else that it is of, and its file there; `None` for rules of packs.
    pub set: Option<RuleSource>,
}

/// Where a rule of somebody else stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleSource {
    /// Name of the rule set.
    pub name: String,
    /// Path of the file in it.
    pub file: String,
}
