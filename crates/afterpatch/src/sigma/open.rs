//! Opens folders of Sigma files.

use std::path::PathBuf;

use detect::pack::{RULE_FILE_BYTES_MAX, RuleSet};

use crate::exit::Failure;
use crate::rule_folders::{self, Wanted};

const WANTED: Wanted = Wanted {
    extensions: [".yml", ".yaml"],
    file_bytes_max: RULE_FILE_BYTES_MAX,
    name: "sigma",
    hint: "--sigma takes a folder with Sigma rules, such as a checkout of SigmaHQ/sigma",
};

/// Rule sets in memory, and what of their folders was not opened.
#[derive(Debug, Default)]
pub struct RuleSets {
    /// For [`detect::plan::Plan::compile_all`].
    pub sets: Vec<RuleSet>,
    /// Links, devices, and files and folders whose name begins with a dot.
    pub passed_over: Vec<String>,
}

/// Opens folders, or single files, of Sigma rules; the order of the paths decides which of two rules with one id counts.
pub fn open(paths: &[PathBuf]) -> Result<RuleSets, Failure> {
    let folders = rule_folders::open(paths, &WANTED)?;
    let sets = folders.all.into_iter().map(|folder| RuleSet { name: folder.name, files: folder.files }).collect();
    Ok(RuleSets { sets, passed_over: folders.passed_over })
}
