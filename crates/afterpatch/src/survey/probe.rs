//! `afterpatch survey probe`: asks the servers of a scope for three pages each.

use super::gathering::Gathering;
use crate::cli::SurveyProbeOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Runs the verb.
pub fn run(options: &SurveyProbeOptions, console: &Console) -> Result<Exit, Failure> {
    let gathering = Gathering::begin(&options.output)?;
    gathering.finish(console)
}
