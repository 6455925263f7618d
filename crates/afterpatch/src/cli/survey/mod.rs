//! The options of `survey`: one file per verb below it.

mod estimate;
mod import;
mod notify;
mod output;
mod probe;
mod report;

use clap::{Args, Subcommand};

pub use estimate::{EstimateFormat, SurveyEstimateOptions};
pub use import::SurveyImportOptions;
pub use notify::{NotifyBy, SurveyNotifyOptions};
pub use output::SurveyOutputOptions;
pub use probe::{SurveyProbeOptions, SurveyProbingTxtOptions};
pub use report::{SurveyDiffOptions, SurveyReportOptions, SurveyTrendOptions};

/// Which Exchange servers are open, seen from outside: probe a range, read other scanners, count, compare, tell
#[derive(Debug, Args)]
#[command(after_help = "\
Exit status:
  0    done
  2    the arguments, the scope or the store do not fit
  3    nothing readable, nothing recognised, or nothing to tell
  4    estimate: the basis is too small
  70   internal fault
  130  interrupted (what was seen until then is written)")]
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
    Estimate(SurveyEstimateOptions),
}
