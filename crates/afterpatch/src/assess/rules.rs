//! The rules of a run: packs and rule sets of others, read, compiled, and accounted for.

use std::path::PathBuf;

use detect::plan::{Compiled, Plan};
use report::hostile::ForTerminal;

use super::crew::RuleFiles;
use crate::cli::PackOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};
use crate::{packs, sigma, yara};

/// Folders with rules of others.
#[derive(Clone, Copy, Debug, Default)]
pub struct RuleFolders<'f> {
    /// Of `--sigma`.
    pub sigma: &'f [PathBuf],
    /// Of `--yara`.
    pub yara: &'f [PathBuf],
}

/// Packs and rule sets of others, read and not yet compiled.
pub struct Rules {
    opened: Vec<packs::Opened>,
    sigma: sigma::RuleSets,
    yara: yara::YaraSets,
}

impl Rules {
    /// Reads them.
    pub fn open(packs: Option<&PackOptions>, folders: RuleFolders<'_>) -> Result<Self, Failure> {
        if let Some(options) = packs {
            packs::refuse_unsigned(options, folders.sigma)?;
            packs::refuse_unsigned(options, folders.yara)?;
        }
        let opened = packs.map(packs::load).transpose()?.unwrap_or_default();
        Ok(Self { opened, sigma: sigma::open(folders.sigma)?, yara: yara::open(folders.yara)? })
    }

    /// As they were read, for another process.
    pub fn files(&self) -> RuleFiles {
        RuleFiles {
            packs: self.opened.iter().map(|opened| opened.files.clone()).collect(),
            sigma: self.sigma.sets.clone(),
            yara: self.yara.sets.clone(),
        }
    }

    /// Compiles the packs; a rule that does not load ends the run before it can be silent. Only in a folder of packs that
    /// stands in for the built-in ones it is said, and the rest runs. Rule sets of others come beside them, with their account
    /// on the screen; `packs` is `None` where they run alone.
    pub fn compile(&self, packs: Option<&PackOptions>, console: &Console) -> Result<Compiled, Failure> {
        let files = self.files();
        let compiled = Plan::compile_with_yara(&files.packs, &files.sigma, &files.yara);
        if !self.sigma.sets.is_empty() {
            let account = sigma::account(&self.sigma, &compiled);
            account.screen().iter().for_each(|line| console.say(line));
            account.refuse_nothing()?;
        }
        if !self.yara.sets.is_empty() {
            let account = yara::account(&self.yara, &compiled.yara);
            account.screen().iter().for_each(|line| console.say(line));
            account.refuse_nothing()?;
        }
        if compiled.plan.rules().is_empty() {
            return Err(Failure::new(Exit::Integrity, "no rule loaded: nothing could be found, so nothing is said")
                .hint("a folder of packs holds a folder per campaign with pack.toml and rules/*.yml"));
        }
        if packs.is_some_and(|options| options.packs.is_none() || !options.add_packs.is_empty()) {
            packs::refuse_refusals(&self.opened, &compiled.refusals)?;
        }
        for refusal in &compiled.refusals {
            console.say(&format!("refused: {}: {}", ForTerminal(&refusal.rule), ForTerminal(&refusal.reason)));
        }
        Ok(compiled)
    }
}
