//! `afterpatch survey import`: the output of other scanners, judged like our own.
//!
//! Every file gets an account: how many of its records were read, how many were not, and why the first of those were not.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use ::survey::import::{Account, ImportOptions, import};
use evidence::Inventory;
use report::hostile::ForTerminal;

use super::gathering::Gathering;
use crate::cli::SurveyImportOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 256 * 1024;
/// Refused records that are named for each file.
const REJECTS_SHOWN_MAX: usize = 5;

/// Runs the verb.
pub fn run(options: &SurveyImportOptions, console: &Console) -> Result<Exit, Failure> {
    let is_stdin = |path: &&PathBuf| path.as_path() == Path::new("-");
    let files: Vec<PathBuf> = options.files.iter().filter(|path| !is_stdin(path)).cloned().collect();
    let usage = |error: evidence::WalkError| Failure::new(Exit::Usage, error.to_string());
    Inventory::refuse_missing(&files).map_err(usage)?;
    let inventory = Inventory::walk(&files).map_err(usage)?;
    let mut run = Run { options, console, gathering: None, failed: None, read: 0 };
    if options.files.iter().any(|path| is_stdin(&path)) {
        run.file("standard input", &mut BufReader::with_capacity(BUFFER_BYTES, std::io::stdin().lock()));
    }
    for unit in inventory.units() {
        inventory.open_unit(&unit, &mut |number, opened| {
            let Some(input) = inventory.inputs.get(number) else { return false };
            match opened {
                Ok(opened) => run.file(&input.path, &mut BufReader::with_capacity(BUFFER_BYTES, opened.stream)),
                Err(outcome) => run.refused(&input.path, &format!("{outcome:?}").to_lowercase()),
            }
            run.failed.is_none()
        });
    }
    if let Some(failure) = run.failed {
        return Err(failure);
    }
    if run.read == 0 {
        return Err(Failure::new(Exit::Nothing, "none of the files is the output of a known scanner")
            .hint("name the format with --as where a file begins unusually"));
    }
    run.gathering.map_or_else(|| Gathering::begin(&options.output), Ok)?.finish(console)
}

fn begun<'g>(
    gathering: &'g mut Option<Gathering>,
    options: &SurveyImportOptions,
) -> Result<&'g mut Gathering, Failure> {
    match gathering {
        Some(begun) => Ok(begun),
        None => Ok(gathering.insert(Gathering::begin(&options.output)?)),
    }
}

struct Run<'o> {
    options: &'o SurveyImportOptions,
    console: &'o Console,
    /// Begun with the first observation: where nothing is recognised, nothing is left behind.
    gathering: Option<Gathering>,
    /// Writing the results failed.
    failed: Option<Failure>,
    /// Files that were read.
    read: u64,
}

impl Run<'_> {
    fn file(&mut self, name: &str, input: &mut dyn BufRead) {
        let options = ImportOptions { format: self.options.format, observed_at: self.options.seen_on };
        let (gathering, failed) = (&mut self.gathering, &mut self.failed);
        let account = import(input, &options, &mut |observation| {
            *failed = begun(gathering, self.options).and_then(|gathering| gathering.take(&observation)).err();
            failed.is_none()
        });
        match account {
            Ok(account) => {
                self.read += 1;
                self.tell(name, &account);
            }
            Err(error) => self.refused(name, &error.to_string()),
        }
    }

    fn tell(&self, name: &str, account: &Account) {
        let mut words = format!(
            "{}: {}, {} records: {} read, {} not, {} without content; {} observations",
            ForTerminal(name),
            account.format,
            account.records,
            account.read,
            account.rejected,
            account.blank,
            account.observations
        );
        if account.cut {
            words.push_str("; the end is missing");
        }
        self.console.say(&words);
        for reject in account.rejects.iter().take(REJECTS_SHOWN_MAX) {
            self.console.say(&format!("  record {}: {}", reject.record, ForTerminal(&reject.why)));
        }
        let more = account.rejected.saturating_sub(account.rejects.len().min(REJECTS_SHOWN_MAX) as u64);
        if more > 0 {
            self.console.say(&format!("  and {more} more"));
        }
    }

    fn refused(&self, name: &str, why: &str) {
        self.console.say(&format!("{}: not read: {}", ForTerminal(name), ForTerminal(why)));
    }
}
