//! The options of `survey estimate`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// Estimate how many servers were broken into: an interval, with what it stands on
///
/// The share of exploited servers among those that were assessed from their own evidence, carried over to the servers that
/// were open. With fewer than ten assessed servers that were open there is no estimate, and the exit status is 4.
#[derive(Debug, Args)]
pub struct SurveyEstimateOptions {
    /// The store
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,
    /// The scope [default: that of the last run]
    #[arg(long, value_name = "NAME")]
    pub label: Option<String>,
    /// Folder with results of `assess`, in any depth; every assessment.json in it counts; repeatable
    #[arg(long, value_name = "DIR", required = true)]
    pub assessments: Vec<PathBuf>,
    /// Servers broken into through this hole instead of any
    #[arg(long, value_name = "CVE")]
    pub cve: Option<String>,
    /// What is printed
    #[arg(long, value_enum, default_value_t = EstimateFormat::Text)]
    pub format: EstimateFormat,
}

/// What `survey estimate` prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum EstimateFormat {
    Text,
    Json,
}
