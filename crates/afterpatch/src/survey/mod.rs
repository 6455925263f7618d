//! `afterpatch survey`: which servers are open, seen from outside. One file per verb; all that is observed goes through
//! [`gathering`].

mod gathering;
mod import;
mod probe;

use crate::cli::{SurveyOptions, SurveyVerb};
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Runs the verb.
pub fn run(options: &SurveyOptions, console: &Console) -> Result<Exit, Failure> {
    match &options.verb {
        SurveyVerb::Probe(options) => probe::run(options, console),
        SurveyVerb::ProbingTxt(options) => probe::print_probing_txt(options, console),
        SurveyVerb::Import(options) => import::run(options, console),
    }
}
