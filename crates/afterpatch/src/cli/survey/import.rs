//! The options of `survey import`.

use std::path::PathBuf;

use clap::Args;

use super::SurveyOutputOptions;

/// Read the output of other scanners and judge it like our own
#[derive(Debug, Args)]
pub struct SurveyImportOptions {
    /// Output of zgrab2, httpx, nmap (XML), masscan, Shodan or Censys, or reports of Shadowserver
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    #[command(flatten)]
    pub output: SurveyOutputOptions,
}
