//! Evidence trees: stories of the demo, copies of them, and folders that a test fills by itself.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use demo::Scenario;
use tempfile::TempDir;

/// Where Exchange stands below a server's folder.
pub const EXCHANGE: &str = "C/Program Files/Microsoft/Exchange Server/V15";

/// A folder that is removed when the test ends.
pub struct Tree {
    folder: TempDir,
}

impl Tree {
    /// Nothing yet.
    pub fn empty() -> Self {
        Self { folder: TempDir::new().expect("a temporary folder") }
    }

    /// A story with its usual days and little traffic.
    pub fn story(scenario: Scenario) -> Self {
        Self::demo(&demo::Options { size: Some(400_000), ..demo::Options::new(scenario) })
    }

    /// A story with no more days than it needs.
    pub fn short_story(scenario: Scenario) -> Self {
        Self::demo(&demo::Options { size: Some(400_000), days: 1, ..demo::Options::new(scenario) })
    }

    /// What the demo writes for these options.
    pub fn demo(options: &demo::Options) -> Self {
        let tree = Self::empty();
        demo::write(options, tree.path()).expect("the demo is written");
        tree
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file and the folders above it.
    pub fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        put(self.path(), path, content.as_ref());
    }

    /// All files: path with slashes and content.
    pub fn files(&self) -> BTreeMap<String, Vec<u8>> {
        files(self.path())
    }
}

/// Writes a file below a folder.
pub fn put(folder: &Path, path: &str, content: &[u8]) {
    let target = folder.join(path);
    fs::create_dir_all(target.parent().expect("a folder above")).expect("folders");
    fs::write(target, content).expect("a file");
}

/// All files below a folder.
pub fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut open: Vec<(PathBuf, String)> = vec![(folder.to_owned(), String::new())];
    while let Some((folder, prefix)) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let entry = entry.expect("an entry");
            let path = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().expect("a type").is_dir() {
                open.push((entry.path(), format!("{path}/")));
            } else {
                files.insert(path, fs::read(entry.path()).expect("a file"));
            }
        }
    }
    files
}

/// Small generated logs have lines that tests can count.
pub fn line_count(content: &[u8]) -> u64 {
    let ends = content.iter().filter(|byte| **byte == b'\n').count() as u64;
    let open_end = !content.is_empty() && !content.ends_with(b"\n");
    ends + u64::from(open_end)
}
