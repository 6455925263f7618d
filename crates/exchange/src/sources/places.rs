//! Whether a path of a server lies where the table says, and where the table points on a running server.

use std::collections::BTreeMap;

use model::collecting::{Copying, Root, Take};

use super::{EvidenceSource, sources};

/// The folders of one server, each with a backslash at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folders {
    roots: BTreeMap<Root, String>,
}

impl Default for Folders {
    /// A server with default paths.
    fn default() -> Self {
        let all =
            [Root::Exchange, Root::IisLogs, Root::SystemRoot, Root::ProgramData, Root::SystemDrive, Root::Volumes];
        Self { roots: all.into_iter().map(|root| (root, root.usual().to_owned())).collect() }
    }
}

impl Folders {
    /// What the environment of a server says; names without regard to case. Where it is silent, or says no full path, the
    /// default stands.
    #[must_use]
    pub fn of_environment(variables: &BTreeMap<String, String>) -> Self {
        let mut folders = Self::default();
        let said = |name: &str| {
            let value =
                variables.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())?;
            let value = value.trim_end_matches('\\');
            let is_full = matches!(value.as_bytes(), [letter, b':', rest @ ..]
                if letter.is_ascii_alphabetic() && (rest.is_empty() || rest.starts_with(b"\\")));
            (is_full && !value.contains('\0')).then(|| format!("{value}\\"))
        };
        let mut put = |root: Root, folder: Option<String>| {
            if let Some(folder) = folder {
                folders.roots.insert(root, folder);
            }
        };
        let drive = said("SystemDrive");
        put(Root::IisLogs, drive.as_ref().map(|drive| format!(r"{drive}inetpub\logs\LogFiles\")));
        put(Root::Volumes, drive.clone());
        put(Root::SystemDrive, drive);
        put(Root::Exchange, said("ExchangeInstallPath"));
        put(Root::SystemRoot, said("SystemRoot"));
        put(Root::ProgramData, said("ProgramData"));
        folders
    }

    /// The folder of a row, without a backslash at its end but for the root of a drive.
    fn of(&self, source: &EvidenceSource) -> Option<String> {
        let folder = format!("{}{}", self.roots.get(&source.root)?, source.folder);
        let bare = folder.trim_end_matches('\\');
        Some(if bare.ends_with(':') { format!("{bare}\\") } else { bare.to_owned() })
    }
}

impl EvidenceSource {
    /// A file lies where this row says, on a server with these folders. `path` is on the server, in any case.
    #[must_use]
    pub fn has_file(&self, path: &str, folders: &Folders) -> bool {
        let Some(folder) = folders.of(self) else { return false };
        let (path, folder) = (path.to_lowercase(), folder.to_lowercase());
        let folder = format!("{}\\", folder.trim_end_matches('\\'));
        let below = path.strip_prefix(&folder);
        below.is_some_and(|below| self.has_below(below))
    }

    /// The same wherever Exchange and IIS stand: the folder of the row occurs in the path.
    #[must_use]
    pub fn may_have_file(&self, path: &str) -> bool {
        let path = path.to_lowercase();
        if self.folder.is_empty() || self.root == Root::IisLogs {
            return self.has_file(&path, &Folders::default());
        }
        let folder = format!("{}\\", self.folder.to_lowercase());
        let at_start = path.strip_prefix(&folder);
        let inside = || path.split_once(&format!("\\{folder}")).map(|(_, below)| below);
        at_start.or_else(inside).is_some_and(|below| self.has_below(below))
    }

    fn has_below(&self, below: &str) -> bool {
        let (folders, name) =
            below.rsplit_once('\\').map_or((0, below), |(above, name)| (above.split('\\').count(), name));
        let within = self.depth.is_none_or(|depth| folders <= depth as usize);
        within && self.masks.iter().any(|mask| is_like(name, &mask.to_lowercase()))
    }
}

/// A name fits a mask, in which `*` stands for anything. Both in lower case.
fn is_like(name: &str, mask: &str) -> bool {
    let Some((start, rest)) = mask.split_once('*') else { return name == mask };
    let Some(mut name) = name.strip_prefix(start) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let end = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = name.find(part) else { return false };
        name = name.get(at + part.len()..).unwrap_or_default();
    }
    name.ends_with(end)
}

/// What is read on a running server: rows with their folders. Files that Windows holds and rows of which only names are
/// taken are left out.
#[must_use]
pub fn live_folders(folders: &Folders) -> Vec<(&'static EvidenceSource, String)> {
    let is_read = |row: &&EvidenceSource| row.take == Take::Content && row.copying != Copying::Raw;
    sources().iter().filter(is_read).filter_map(|row| Some((row, folders.of(row)?))).collect()
}
