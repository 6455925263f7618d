//! Opens folders of YARA files.

use std::path::PathBuf;

use detect::yara::{RULE_FILE_BYTES_MAX, YaraSet};

use crate::exit::Failure;
use crate::rule_folders::{self, Wanted};

const WANTED: Wanted = Wanted {
    extensions: [".yar", ".yara"],
    file_bytes_max: RULE_FILE_BYTES_MAX,
    name: "yara",
    hint: "--yara takes a folder with YARA rules, such as a checkout of Neo23x0/signature-base, or one file of them",
};

/// YARA sets in memory, and what of their folders was not opened.
#[derive(Debug, Default)]
pub struct YaraSets {
    /// For [`detect::plan::Plan::compile_with_yara`].
    pub sets: Vec<YaraSet>,
    /// Links, devices, and files and folders whose name begins with a dot.
    pub passed_over: Vec<String>,
}

/// Opens folders, or single files, of YARA rules. What a file includes is looked for in its folder alone.
pub fn open(paths: &[PathBuf]) -> Result<YaraSets, Failure> {
    let folders = rule_folders::open(paths, &WANTED)?;
    let sets = folders.all.into_iter().map(|folder| YaraSet { name: folder.name, files: folder.files }).collect();
    Ok(YaraSets { sets, passed_over: folders.passed_over })
}
