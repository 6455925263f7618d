//! Going on with a run that was killed or interrupted.

use detect::plan::Compiled;
use evidence::Inventory;

use super::journal::{self, Journal, Left};
use super::outputs;
use super::work::Observed;
use crate::cli::AssessOptions;
use crate::console::Console;
use crate::exit::Failure;

/// What an earlier run has read, and where this one notes what it reads.
#[derive(Default)]
pub struct Resume {
    pub done: Vec<(u32, Observed)>,
    pub journal: Option<Journal>,
}

impl Resume {
    /// Reads what was left, where that is asked for, and begins or goes on with the journal.
    pub fn begin(
        options: &AssessOptions,
        inventory: &Inventory,
        compiled: &Compiled,
        console: &Console,
    ) -> Result<Self, Failure> {
        let range = format!("{:?} {:?}", options.from, options.to);
        let key = journal::key(inventory, compiled.plan.packs(), compiled.plan.rules().len(), &range);
        let done = match if options.resume { journal::read(&options.output, &key) } else { Left::Nothing } {
            Left::Files(files) => {
                console.say(&format!(
                    "going on behind {} that were read before",
                    report::count(files.len() as u64, "file", "files")
                ));
                Some(files)
            }
            Left::Nothing if options.resume => {
                console.say("nothing to go on with: no earlier run was left unfinished in this folder");
                None
            }
            Left::Nothing => None,
            Left::Other => {
                console.say("the unfinished run in this folder was of other evidence, rules or options: read anew");
                None
            }
        };
        let journal = match &done {
            Some(_) => {
                Journal::go_on(&options.output).map_err(|error| outputs::cannot_write(&options.output, &error))?
            }
            None => Journal::new(&options.output, &key),
        };
        Ok(Self { done: done.unwrap_or_default(), journal: Some(journal) })
    }
}

/// Of a run that was interrupted the journal stays, to go on with.
pub fn end_journal(journal: Option<Journal>, incomplete: bool, console: &Console) {
    match journal {
        Some(_) if incomplete => {
            console.say("interrupted: --resume with the same options goes on behind what was read")
        }
        // One that stays costs room, and is not read without --resume.
        Some(journal) => _ = journal.remove(),
        None => {}
    }
}
