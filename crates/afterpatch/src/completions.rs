//! `afterpatch completions SHELL`.

use clap::CommandFactory;

use crate::cli::{Arguments, CompletionsOptions};
use crate::exit::{Exit, Failure};

/// Prints the script.
pub fn run(options: &CompletionsOptions) -> Result<Exit, Failure> {
    clap_complete::generate(options.shell, &mut Arguments::command(), "afterpatch", &mut std::io::stdout());
    Ok(Exit::Done)
}
