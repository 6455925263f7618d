//! The options of `survey report`, `trend` and `diff`: what is said of the runs of a store.

use std::path::PathBuf;

use clap::Args;

/// Judge a stored run with what is known today, and write its results
#[derive(Debug, Args)]
pub struct SurveyReportOptions {
    /// The store
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,
    /// Number of the run [default: the last one]
    #[arg(long, value_name = "ID")]
    pub run: Option<i64>,
    /// Folder for the results
    #[arg(short, long, value_name = "DIR", default_value = "afterpatch-survey")]
    pub output: PathBuf,
    /// Count servers open to this hole instead of any
    #[arg(long, value_name = "CVE")]
    pub cve: Option<String>,
}

/// Show the numbers of all runs of one scope
#[derive(Debug, Args)]
pub struct SurveyTrendOptions {
    /// The store
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,
    /// The scope [default: that of the last run]
    #[arg(long, value_name = "NAME")]
    pub label: Option<String>,
    /// Count servers open to this hole instead of any
    #[arg(long, value_name = "CVE")]
    pub cve: Option<String>,
}

/// Show what became of each server from one run to another
#[derive(Debug, Args)]
pub struct SurveyDiffOptions {
    /// The store
    #[arg(long, value_name = "FILE")]
    pub store: PathBuf,
    /// Two numbers of runs, the earlier first [default: the last two of one scope]
    #[arg(value_name = "RUN", num_args = 2)]
    pub runs: Vec<i64>,
    /// Count servers open to this hole instead of any
    #[arg(long, value_name = "CVE")]
    pub cve: Option<String>,
}
