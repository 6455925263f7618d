//! Where the results of a survey go: shared by `survey probe` and `survey import`.

use std::path::PathBuf;

use clap::Args;

/// Where the results go.
#[derive(Debug, Args)]
pub struct SurveyOutputOptions {
    /// Folder for the results
    #[arg(short, long, value_name = "DIR", default_value = "afterpatch-survey")]
    pub output: PathBuf,
}
