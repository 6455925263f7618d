//! What became of the YARA rules of a folder: how many run, and which do not and why.

use std::collections::BTreeSet;

use detect::yara::{YaraAccount, YaraOutcome};
use report::count;
use report::hostile::{ForCsv, ForTerminal};

use super::YaraSets;
use crate::exit::{Exit, Failure};

/// Refusals that the screen names; all are in the table.
const NAMED_MAX: usize = 10;

/// The outcome of loading YARA sets, in numbers and by name.
#[derive(Debug, Default)]
pub struct Account {
    /// Files that were opened.
    pub files: usize,
    /// Rules that run.
    pub loaded: usize,
    /// Private and global rules, which run for others.
    pub helpers: usize,
    /// Rules, imports, includes and files that cannot be used, with the reason.
    pub refused: Vec<(String, String)>,
    /// Files in which something was refused.
    pub files_with_refusals: usize,
    /// Links, devices and hidden entries.
    pub passed_over: usize,
}

/// Sums up what became of YARA sets.
pub fn account(sets: &YaraSets, accounts: &[YaraAccount]) -> Account {
    let files = sets.sets.iter().map(|set| set.files.len()).sum();
    let mut account = Account { files, passed_over: sets.passed_over.len(), ..Account::default() };
    let mut files = BTreeSet::new();
    for one in accounts {
        match &one.outcome {
            YaraOutcome::Loaded(_) => account.loaded += 1,
            YaraOutcome::Helper => account.helpers += 1,
            YaraOutcome::Refused(why) => {
                files.insert((&one.set, &one.file));
                account.refused.push((place(one), why.clone()));
            }
        }
    }
    account.files_with_refusals = files.len();
    account
}

impl Account {
    /// Ends the run when nothing was loaded: an analyst who asked for rules must not read a result without them.
    pub fn refuse_nothing(&self) -> Result<(), Failure> {
        if self.loaded > 0 {
            return Ok(());
        }
        let why = match self.refused.first() {
            Some((place, why)) => format!(": {}: {}", ForTerminal(place), ForTerminal(why)),
            None => String::new(),
        };
        Err(Failure::new(Exit::Integrity, format!("no rule of --yara runs{why}"))
            .hint("--yara takes files with YARA rules; without -q each is accounted for above"))
    }

    /// The lines for the screen; what comes from files is made harmless.
    pub fn screen(&self) -> Vec<String> {
        let (rules, files) = (count(self.loaded as u64, "rule", "rules"), count(self.files as u64, "file", "files"));
        let mut lines = vec![format!("yara: {rules} loaded from {files}")];
        if self.helpers > 0 {
            lines.push(format!("  {} that only others use", count(self.helpers as u64, "rule", "rules")));
        }
        if !self.refused.is_empty() {
            let refused = count(self.refused.len() as u64, "part", "parts");
            let files = count(self.files_with_refusals as u64, "file", "files");
            lines.push(format!("  {refused} of {files} refused:"));
            let shown = self.refused.iter().take(NAMED_MAX);
            lines.extend(shown.map(|(place, why)| format!("    {}: {}", ForTerminal(place), ForTerminal(why))));
            if self.refused.len() > NAMED_MAX {
                lines.push(format!("    and {} more", self.refused.len() - NAMED_MAX));
            }
        }
        if self.passed_over > 0 {
            let entries =
                count(self.passed_over as u64, "link, device or hidden entry", "links, devices and hidden entries");
            lines.push(format!("  {entries} passed over"));
        }
        lines
    }
}

/// All rules with what became of them: `yara-rules.csv`.
pub fn csv(accounts: &[YaraAccount]) -> String {
    let mut text = String::from("set,file,line,rule,outcome,detail\r\n");
    for one in accounts {
        let (outcome, detail) = match &one.outcome {
            YaraOutcome::Loaded(_) => ("loaded", ""),
            YaraOutcome::Helper => ("used by others", ""),
            YaraOutcome::Refused(why) => ("refused", why.as_str()),
        };
        let cells = [&one.set, &one.file, &one.line.to_string(), &one.rule, outcome, detail];
        let cells: Vec<String> = cells.iter().map(|cell| ForCsv(cell).to_string()).collect();
        text.push_str(&cells.join(","));
        text.push_str("\r\n");
    }
    text
}

/// `sets:folder/file.yar:17 Name`.
fn place(one: &YaraAccount) -> String {
    let mut place = format!("{}:{}", one.set, one.file);
    if one.line > 0 {
        place.push_str(&format!(":{}", one.line));
    }
    if !one.rule.is_empty() {
        place.push_str(&format!(" {}", one.rule));
    }
    place
}
