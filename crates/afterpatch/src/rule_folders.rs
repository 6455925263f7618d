//! Opens folders of rule files, Sigma or YARA. They are the analyst's own and no evidence; still they are bounded, and no link
//! in them is followed and no device opened. What the files say is read elsewhere.

#![allow(clippy::disallowed_methods, reason = "rules are no evidence")]

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure};
use crate::packs::sorted_entries;

/// Upper bound of the rule files of a set.
const FILES_MAX: usize = 50_000;
/// Upper bound of the rule files of a set together, in bytes.
const BYTES_MAX: usize = 256 << 20;
/// Upper bound of folders inside each other.
const DEPTH_MAX: usize = 32;

/// What of a folder is a rule file.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Ends of names, in lower case, with their dots; the first is named where there is none.
    pub extensions: [&'static str; 2],
    /// Upper bound of one file, in bytes. A larger one is read to one byte more, so that it can be refused and not cut.
    pub file_bytes_max: usize,
    /// For a folder without a name.
    pub name: &'static str,
    /// The next step where there is no such file.
    pub hint: &'static str,
}

/// A folder, or a file by itself.
#[derive(Debug)]
pub struct Folder {
    /// Its name; no two have the same.
    pub name: String,
    /// Paths relative to it, with `/`, and contents.
    pub files: Vec<(String, Cow<'static, [u8]>)>,
}

/// Folders of rule files in memory, and what of them was not opened.
#[derive(Debug, Default)]
pub struct Folders {
    /// In the order in which they were named.
    pub all: Vec<Folder>,
    /// Links, devices, and files and folders whose name begins with a dot.
    pub passed_over: Vec<String>,
}

/// Opens folders, or single files.
pub fn open(paths: &[PathBuf], wanted: &Wanted) -> Result<Folders, Failure> {
    let mut folders = Folders::default();
    let mut names = BTreeSet::new();
    for path in paths {
        let name = name_of(path, wanted, &mut names)?;
        let passed_over = &mut folders.passed_over;
        let mut collector = Collector { root: path, name: &name, wanted, files: Vec::new(), bytes: 0, passed_over };
        if path.is_dir() {
            collector.collect(path, "", 0)?;
        } else {
            let file = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            collector.add(path, file)?;
        }
        let files = collector.files;
        if files.is_empty() {
            let message = format!("there is no {} file in `{}`", wanted.extensions[0], path.display());
            return Err(Failure::new(Exit::Integrity, message).hint(wanted.hint));
        }
        folders.all.push(Folder { name, files });
    }
    Ok(folders)
}

/// The folder's own name, or one beside it where that is taken.
fn name_of(path: &Path, wanted: &Wanted, taken: &mut BTreeSet<String>) -> Result<String, Failure> {
    let whole = std::fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
    let name = whole.file_stem().filter(|_| whole.is_file()).or(whole.file_name());
    let name = name.map_or_else(|| wanted.name.to_owned(), |name| name.to_string_lossy().into_owned());
    let numbered = std::iter::once(name.clone()).chain((2..).map(|number| format!("{name}-{number}")));
    let free = numbered.into_iter().find(|name| !taken.contains(name)).unwrap_or(name);
    taken.insert(free.clone());
    Ok(free)
}

impl Wanted {
    fn is_called_like_it(&self, name: &str) -> bool {
        let lower = name.to_ascii_lowercase();
        self.extensions.iter().any(|extension| lower.ends_with(extension))
    }
}

struct Collector<'a> {
    root: &'a Path,
    name: &'a str,
    wanted: &'a Wanted,
    files: Vec<(String, Cow<'static, [u8]>)>,
    bytes: usize,
    passed_over: &'a mut Vec<String>,
}

impl Collector<'_> {
    fn collect(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        if depth > DEPTH_MAX {
            return Err(self.unfit(&format!("has folders deeper than {DEPTH_MAX} inside each other")));
        }
        for path in sorted_entries(folder)? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let place = format!("{prefix}{name}");
            let kind = std::fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?.file_type();
            if name.starts_with('.') || !(kind.is_dir() || kind.is_file()) {
                self.passed_over.push(format!("{}:{place}", self.name));
            } else if kind.is_dir() {
                self.collect(&path, &format!("{place}/"), depth + 1)?;
            } else if self.wanted.is_called_like_it(&name) {
                self.add(&path, place)?;
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, place: String) -> Result<(), Failure> {
        let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
        if !file.metadata().is_ok_and(|metadata| metadata.is_file()) {
            return Err(Failure::new(Exit::Usage, format!("`{}` is no file and no folder", path.display())));
        }
        // One byte more than a rule may have, so that a larger file is refused and told, and not cut.
        let mut bytes = Vec::new();
        let most = self.wanted.file_bytes_max as u64 + 1;
        file.take(most).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
        self.bytes = self.bytes.saturating_add(bytes.len());
        self.files.push((place, Cow::Owned(bytes)));
        if self.files.len() > FILES_MAX || self.bytes > BYTES_MAX {
            return Err(self.unfit(&format!("holds more than {FILES_MAX} rule files or {} MiB", BYTES_MAX >> 20)));
        }
        Ok(())
    }

    fn unfit(&self, why: &str) -> Failure {
        Failure::new(Exit::Integrity, format!("`{}` {why}; nothing was loaded", self.root.display()))
            .hint("name the folder of the rules, or several smaller ones")
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display()))
        .hint("check the path, and whether you may read it")
}
