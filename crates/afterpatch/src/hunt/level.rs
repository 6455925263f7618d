//! How much a hit matters, in the words of Sigma.

use clap::ValueEnum;
use model::campaign::{self, Proves, RuleFacts};
use serde::{Deserialize, Serialize};

/// The levels of Sigma, from the lowest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// Worth knowing
    Informational,
    /// Seen often without an attack
    Low,
    /// Worth a look
    Medium,
    /// Hardly ever without an attack
    High,
    /// An attack
    Critical,
}

impl Level {
    /// All, from the lowest.
    pub const ALL: [Self; 5] = [Self::Informational, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The level that a rule gives itself; where it gives none, as the rules of packs, by what a hit proves.
    pub fn of(facts: &RuleFacts) -> Self {
        if let Some(level) = facts.level {
            return level.into();
        }
        match facts.proves {
            Proves::Context if facts.indicator => Self::Low,
            Proves::Context => Self::Informational,
            Proves::Scan => Self::Low,
            Proves::Attempt => Self::Medium,
            Proves::Success | Proves::Cleanup => Self::High,
            Proves::Persistence | Proves::Execution | Proves::Theft => Self::Critical,
        }
    }

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::Informational => "informational",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }

    /// Its place among all.
    pub fn at(self) -> usize {
        self as usize
    }
}

impl From<campaign::Level> for Level {
    fn from(level: campaign::Level) -> Self {
        match level {
            campaign::Level::Informational => Self::Informational,
            campaign::Level::Low => Self::Low,
            campaign::Level::Medium => Self::Medium,
            campaign::Level::High => Self::High,
            campaign::Level::Critical => Self::Critical,
        }
    }
}
