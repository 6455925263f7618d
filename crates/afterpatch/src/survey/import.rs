//! `afterpatch survey import`: the output of other scanners, judged like our own.

use super::gathering::Gathering;
use crate::cli::SurveyImportOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Runs the verb.
pub fn run(options: &SurveyImportOptions, console: &Console) -> Result<Exit, Failure> {
    let gathering = Gathering::begin(&options.output)?;
    gathering.finish(console)
}
