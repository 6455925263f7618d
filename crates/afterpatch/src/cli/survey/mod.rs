//! The options of `survey`: one file per verb below it.

mod import;
mod notify;
mod output;
mod probe;
mod report;

use clap::{Args, Subcommand};

pub use import::SurveyImportOptions;
pub use notify::{NotifyBy, SurveyNotifyOptions};
pub use output::SurveyOutputOptions;
pub use probe::{SurveyProbeOptions, SurveyProbingTxtOptions};
pub use report::{SurveyDiffOptions, SurveyReportOptions, SurveyTrendOptions};

/// Which Exchange servers are open, seen from outside: probe a range, read other scanners, count, compare, tell
#[derive(Debug, Args)]
pub struct SurveyOptions {
    #[command(subcommand)]
    pub verb: SurveyVerb,
}

#[derive(Debug, Subcommand)]
pub enum SurveyVerb {
    Probe(SurveyProbeOptions),
    ProbingTxt(SurveyProbingTxtOptions),
    Import(SurveyImportOptions),
    Report(SurveyReportOptions),
    Trend(SurveyTrendOptions),
    Diff(SurveyDiffOptions),
    Notify(SurveyNotifyOptions),
}
