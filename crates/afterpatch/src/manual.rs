//! `afterpatch man DIR`.

use clap::CommandFactory;

use crate::cli::{Arguments, ManOptions};
use crate::exit::{Exit, Failure};

/// Writes one page per verb.
pub fn run(options: &ManOptions) -> Result<Exit, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot write manual pages to `{}`: {error}", options.dir.display()))
    };
    std::fs::create_dir_all(&options.dir).map_err(failed)?;
    clap_mangen::generate_to(Arguments::command(), &options.dir).map_err(failed)?;
    Ok(Exit::Done)
}
