//! Which files there are.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};

use model::file::Outcome;

use crate::place::{Place, place};

/// More folders inside each other than this are a loop or an attack.
pub const FOLDER_DEPTH_MAX: usize = 128;

/// One file of the evidence, or something in its place that is not read.
#[derive(Clone, Debug)]
pub struct Input {
    /// As in the evidence, relative to its root, with `/`.
    pub path: String,
    /// Bytes, as the file system says.
    pub size: u64,
    /// Host and path on the server.
    pub place: Place,
    /// `None`: a regular file to be read. Otherwise why it is not.
    pub passed_over: Option<Outcome>,
    pub(crate) location: PathBuf,
}

/// All inputs, in the order of their evidence paths.
#[derive(Clone, Debug, Default)]
pub struct Inventory {
    /// Sorted by path; the index is the file number in origins.
    pub inputs: Vec<Input>,
}

/// A root that cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum WalkError {
    /// It is not there.
    #[error("no such file or folder: `{0}`")]
    Missing(PathBuf),
    /// The output folder lies inside it.
    #[error("output folder `{output}` lies inside evidence `{root}`; nothing is ever written beside evidence")]
    OutputInside {
        /// The evidence.
        root: PathBuf,
        /// Where the results were to go.
        output: PathBuf,
    },
}

impl Inventory {
    /// Lists everything below the roots. Links, devices, pipes and sockets are listed, never followed.
    ///
    /// # Errors
    /// When a root does not exist.
    pub fn walk(roots: &[PathBuf]) -> Result<Self, WalkError> {
        let mut inputs = Vec::new();
        let prefixes = prefixes(roots);
        for (root, prefix) in roots.iter().zip(&prefixes) {
            // The root itself is what the analyst typed: a link there is meant.
            let metadata = fs::metadata(root).map_err(|_| WalkError::Missing(root.clone()))?;
            if metadata.is_dir() {
                list(root, prefix, 0, &mut inputs);
            } else {
                let name = root.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
                inputs.push(input(root.clone(), join(prefix, &name), &metadata));
            }
        }
        inputs.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(Self { inputs })
    }

    /// Refuses an output folder inside a root.
    ///
    /// # Errors
    /// When it lies inside.
    pub fn refuse_output_inside(roots: &[PathBuf], output: &Path) -> Result<(), WalkError> {
        let output_real = real_path(output);
        for root in roots {
            let root_real = real_path(root);
            if output_real.starts_with(&root_real) {
                return Err(WalkError::OutputInside { root: root.clone(), output: output.to_owned() });
            }
        }
        Ok(())
    }
}

/// The path without links, as far as it exists.
fn real_path(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        if let Ok(real) = fs::canonicalize(existing) {
            return missing.iter().rev().fold(real, |path, part| path.join(part));
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                missing.push(name.to_owned());
                existing = parent;
            }
            _ => return absolute,
        }
    }
}

/// Several roots are told apart by a leading folder name; equal names get a number.
fn prefixes(roots: &[PathBuf]) -> Vec<String> {
    if roots.len() < 2 {
        return roots.iter().map(|_| String::new()).collect();
    }
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let name = |root: &PathBuf| {
        let real = real_path(root);
        let folder = if real.is_dir() { real.as_path() } else { real.parent().unwrap_or(&real) };
        folder.file_name().map_or_else(|| "root".to_owned(), |name| name.to_string_lossy().into_owned())
    };
    roots
        .iter()
        .map(|root| {
            let name = name(root);
            let count = seen.entry(name.clone()).or_default();
            *count += 1;
            if *count == 1 { name } else { format!("{name}-{count}") }
        })
        .collect()
}

fn join(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") }
}

fn list(folder: &Path, prefix: &str, depth: usize, inputs: &mut Vec<Input>) {
    let entries = match fs::read_dir(folder) {
        Ok(entries) if depth < FOLDER_DEPTH_MAX => entries,
        Ok(_) => {
            return inputs.push(passed_over(folder, prefix, Outcome::Unreadable("folders nested too deeply".into())));
        }
        Err(error) => return inputs.push(passed_over(folder, prefix, Outcome::Unreadable(reason(&error)))),
    };
    for entry in entries {
        let Ok(entry) = entry else {
            inputs.push(passed_over(
                folder,
                prefix,
                Outcome::Unreadable("folder could not be listed to its end".into()),
            ));
            break;
        };
        let path = join(prefix, &entry.file_name().to_string_lossy());
        match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => list(&entry.path(), &path, depth + 1, inputs),
            Ok(metadata) => inputs.push(input(entry.path(), path, &metadata)),
            Err(error) => inputs.push(passed_over(&entry.path(), &path, Outcome::Unreadable(reason(&error)))),
        }
    }
}

/// The operating system's reason without its number, which differs between systems.
pub(crate) fn reason(error: &std::io::Error) -> String {
    error.kind().to_string()
}

fn input(location: PathBuf, path: String, metadata: &Metadata) -> Input {
    let passed_over = (!metadata.is_file()).then_some(Outcome::NotRegular);
    let size = if metadata.is_file() { metadata.len() } else { 0 };
    Input { place: place(&path), path, size, passed_over, location }
}

fn passed_over(location: &Path, path: &str, outcome: Outcome) -> Input {
    let path = if path.is_empty() { "." } else { path };
    Input {
        path: path.to_owned(),
        size: 0,
        place: place(path),
        passed_over: Some(outcome),
        location: location.to_owned(),
    }
}
