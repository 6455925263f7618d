//! Where the results of a survey go: shared by `survey probe` and `survey import`.

use std::path::PathBuf;

use clap::Args;

/// Where the results go.
#[derive(Debug, Args)]
pub struct SurveyOutputOptions {
    /// Folder for the results
    #[arg(short, long, value_name = "DIR", default_value = "afterpatch-survey")]
    pub output: PathBuf,
    /// File that keeps every run, for `trend`, `diff` and `report` [default: survey.db in the folder of the results]
    #[arg(long, value_name = "FILE")]
    pub store: Option<PathBuf>,
    /// What the runs of one scope have in common: they are compared with each other
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub label: String,
    /// Count servers open to this hole instead of any
    #[arg(long, value_name = "CVE")]
    pub cve: Option<String>,
    /// MaxMind database that says whose an address is; repeatable
    #[arg(long, value_name = "FILE")]
    pub mmdb: Vec<PathBuf>,
    /// CSV list that says whose an address is: start,end or prefix, then AS number, name, country; repeatable
    #[arg(long, value_name = "FILE")]
    pub networks: Vec<PathBuf>,
}
