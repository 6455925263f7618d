//! What a build number alone says: schema `afterpatch.advice/1`.
//!
//! Names and order are a contract with outside programs: fields may be added, none is renamed. Many servers share few
//! builds, so each build is judged once and servers point to it. No clock time is in it: days come from the data or from
//! whoever asked.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::{Build, Utc};

/// The word for this shape.
pub const SCHEMA: &str = "afterpatch.advice/1";

/// The whole answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Advice {
    /// `afterpatch.advice/1`.
    pub schema: &'static str,
    /// Version of the program.
    pub afterpatch: Version,
    /// The day up to which the data is complete.
    pub state_date: Day,
    /// The day for which support is judged.
    pub as_of: Day,
    /// The holes asked for; empty: all.
    pub only: Vec<String>,
    /// In the order asked.
    pub servers: Vec<Server>,
    /// Each build once, by number.
    pub builds: Vec<BuildAdvice>,
    /// What named no build and was left out because that was asked for.
    pub not_understood: Vec<NotUnderstood>,
}

/// The program.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Version {
    /// Version of afterpatch.
    pub version: String,
}

/// One server, or a build that nobody named a server for.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Server {
    /// As it was given; `None` where only a build was.
    pub server: Option<String>,
    /// The build as it was given.
    pub asked: String,
    /// `command line`, `servers.csv:3`, `assessment.json`.
    pub source: String,
    /// [`BuildAdvice::id`].
    pub build: String,
}

/// Something that names no build.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct NotUnderstood {
    /// `servers.csv:3`.
    pub source: String,
    /// As it was given.
    pub server: Option<String>,
    /// As it was given.
    pub asked: String,
    /// Why not, one sentence without full stop.
    pub why: String,
}

/// What is said of one build.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BuildAdvice {
    /// `15.1.2106.2`, `15.1.2106.2 to 15.1.2106.13` where the number names several, `15.0.913.22 or later` where it names
    /// a CU of which one is known.
    pub id: String,
    /// The lowest build it can be.
    pub lowest: Build,
    /// The highest known build it can be; the same as `lowest` where the number names one.
    pub highest: Build,
    /// How well it was recognised.
    pub recognised: Recognised,
    /// `Exchange Server 2016`, `unknown`.
    pub product: String,
    /// `CU18`, `unknown`.
    pub level: String,
    /// `CU18 Mar21SU`, in words that do not hide what is uncertain.
    pub update: String,
    /// When that came out.
    pub released: Option<Day>,
    /// `KB5000871`.
    pub kb: Option<String>,
    /// What is uncertain about the number, one sentence without full stop.
    pub note: Option<String>,
    /// Whether the vendor still mends it.
    pub support: Support,
    /// How many holes are in which state.
    pub counts: Counts,
    /// What is not closed first; there, what is exploited first; then by state and id. Without those that the product
    /// never had.
    pub holes: Vec<Hole>,
    /// Holes that the product never had, by id.
    pub not_affected: Vec<String>,
    /// What to install, in order.
    pub way: Vec<Step>,
    /// What remains to be done by hand or to be looked at: no build number shows it.
    pub beyond: Vec<Beyond>,
}

/// How well a number was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Recognised {
    /// It is in the list.
    Exact,
    /// It is not; it is judged as the next lower one of its CU.
    NextLower,
    /// It is newer than all that is known.
    NewerThanKnown,
    /// It names a CU and not the update on it.
    CuOnly,
    /// It is in no list.
    Unknown,
}

/// Whether the vendor still mends a product.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Support {
    /// The state on the day asked for.
    pub state: SupportState,
    /// Last day of support for everybody; `None`: no end is known.
    pub end: Option<Day>,
    /// Last day of the paid extension, where there was one.
    pub extension_end: Option<Day>,
    /// One sentence without full stop.
    pub words: String,
}

/// Support in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SupportState {
    /// It gets updates.
    Supported,
    /// Only customers of the paid extension get updates.
    PaidExtension,
    /// It gets none.
    Ended,
    /// The product is not known.
    Unknown,
}

impl SupportState {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Supported => "supported",
            Self::PaidExtension => "paid-extension",
            Self::Ended => "ended",
            Self::Unknown => "unknown",
        }
    }
}

/// How many holes are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Open and known to be exploited.
    pub open_exploited: u64,
    /// Undetermined and known to be exploited.
    pub undetermined_exploited: u64,
    /// Open, exploited or not.
    pub open: u64,
    /// Closed in the code, and something else has to be done.
    pub partly: u64,
    /// The number does not say.
    pub undetermined: u64,
    /// Closed.
    pub fixed: u64,
    /// The product never had it.
    pub not_affected: u64,
}

/// A hole and how the build stands to it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hole {
    /// `CVE-2021-26855`, `ADV24199947`.
    pub id: String,
    /// `ProxyLogon (SSRF)`.
    pub nickname: Option<String>,
    /// Day on which CISA listed it as exploited.
    pub exploited: Option<Day>,
    /// How the build stands to it.
    pub state: HoleState,
    /// One sentence without full stop.
    pub reason: String,
    /// The update that closed or would close it: on this CU if there is one, else on the next that has one.
    pub fixed_by: Option<Update>,
}

/// How a build stands to a hole, worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoleState {
    /// It has it.
    Open,
    /// The code is fixed, but something else has to be done that no build number shows.
    Partly,
    /// The number does not say.
    Undetermined,
    /// It is closed.
    Fixed,
}

impl HoleState {
    /// The word of the contract.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Partly => "partly",
            Self::Undetermined => "undetermined",
            Self::Fixed => "fixed",
        }
    }
}

/// An update by name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Update {
    /// The build that runs with it.
    pub build: Build,
    /// `CU18 Mar21SU`.
    pub update: String,
    /// `KB5000871`.
    pub kb: Option<String>,
}

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// What kind of step.
    pub kind: StepKind,
    /// What to do, one sentence without full stop.
    pub text: String,
    /// What to install; `None` where it has to be found out first.
    pub update: Option<Update>,
    /// Where only customers of the paid programme get it: what everybody else can install instead.
    pub without_programme: Option<WithoutProgramme>,
}

/// What kind of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// The newest update on the CU that runs.
    Update,
    /// A newer CU.
    CumulativeUpdate,
    /// The newest update on the CU of the step before.
    UpdateAfterCumulative,
    /// The move to a product that is supported.
    Move,
    /// The number says too little.
    FindOut,
}

/// What everybody can install where the newest update is only for customers of the paid programme.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WithoutProgramme {
    /// The last update for everybody; `None` where what runs is as new.
    pub last: Option<Update>,
    /// Exploited holes that stay open with it.
    pub leaves_exploited: Vec<String>,
    /// Other holes that stay open with it.
    pub leaves_open: u64,
}

/// Something that no build number shows.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Beyond {
    /// `extended-protection`.
    pub id: String,
    /// When it is to be done.
    pub when: When,
    /// What to do, one or two sentences without the last full stop.
    pub text: String,
    /// Holes it concerns.
    pub holes: Vec<String>,
    /// What has to hold, in the words of the data.
    pub details: Vec<String>,
    /// Where this comes from.
    pub source: String,
}

/// When something is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// At once, before any update.
    Now,
    /// With the updates of the way, which bring what it needs.
    WithTheWay,
    /// If anybody came in while the server was open.
    AfterBreakIn,
}

/// A day without time of day: `2021-03-02`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day(pub Utc);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.date();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl BuildAdvice {
    /// Whether the number names several builds.
    #[must_use]
    pub fn is_interval(&self) -> bool {
        self.lowest != self.highest
    }

    /// Holes in a state, in order.
    pub fn in_state(&self, state: HoleState) -> impl Iterator<Item = &Hole> {
        self.holes.iter().filter(move |hole| hole.state == state)
    }
}

#[cfg(test)]
mod tests {
    use super::{Day, Utc};

    #[test]
    fn a_day_has_no_time() {
        assert_eq!(Day(Utc::parse(b"2021-03-02T23:59:59Z").unwrap()).to_string(), "2021-03-02");
    }
}
