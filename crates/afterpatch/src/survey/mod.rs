//! `afterpatch survey`: which servers are open, seen from outside. One file per verb; all that is observed goes through
//! [`gathering`].

mod estimate;
mod gathering;
mod import;
mod notify;
mod probe;
mod report;
mod results;

use crate::cli::{SurveyOptions, SurveyVerb};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Runs the verb.
pub fn run(options: &SurveyOptions, console: &Console) -> Result<Exit, Failure> {
    match &options.verb {
        SurveyVerb::Probe(options) => probe::run(options, console),
        SurveyVerb::ProbingTxt(options) => probe::print_probing_txt(options, console),
        SurveyVerb::Import(options) => import::run(options, console),
        SurveyVerb::Report(options) => report::report(options, console),
        SurveyVerb::Trend(options) => report::trend(options, console),
        SurveyVerb::Diff(options) => report::diff(options, console),
        SurveyVerb::Notify(options) => notify::run(options, console),
        SurveyVerb::Estimate(options) => estimate::run(options, console),
    }
}
