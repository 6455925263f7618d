//! The options of `survey probe`.

use std::path::PathBuf;

use clap::Args;

use super::SurveyOutputOptions;

/// Ask the servers of a scope for three pages each, and judge what they answer
#[derive(Debug, Args)]
pub struct SurveyProbeOptions {
    /// Who and what may be looked at, until when, by which order
    #[arg(long, value_name = "FILE")]
    pub scope: PathBuf,
    #[command(flatten)]
    pub output: SurveyOutputOptions,
}
