//! The packs: built in, or from a folder of the analyst's.

use std::borrow::Cow;
use std::path::Path;

use detect::pack::PackFiles;
use include_dir::{Dir, include_dir};

use crate::exit::{Exit, Failure};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../packs");

/// Path inside the pack, and bytes.
type PackFile = (String, Cow<'static, [u8]>);

/// A pack file larger than this is no pack file.
const PACK_FILE_BYTES_MAX: u64 = 16 << 20;

/// The packs that are part of the program.
pub fn built_in() -> Vec<PackFiles> {
    BUILT_IN
        .dirs()
        .map(|folder| {
            let id = folder.path().to_string_lossy().into_owned();
            let mut files = Vec::new();
            collect_built_in(folder, &id, &mut files);
            PackFiles { id, files }
        })
        .collect()
}

fn collect_built_in(folder: &Dir<'static>, id: &str, files: &mut Vec<PackFile>) {
    for file in folder.files() {
        let path = file.path().strip_prefix(id).unwrap_or(file.path());
        files.push((path.to_string_lossy().replace('\\', "/"), Cow::Borrowed(file.contents())));
    }
    folder.dirs().for_each(|inner| collect_built_in(inner, id, files));
}

/// The packs in a folder: each sub-folder with a `pack.toml`.
pub fn from_folder(folder: &Path) -> Result<Vec<PackFiles>, Failure> {
    let failed = |error: &std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot read packs from `{}`: {error}", folder.display()))
    };
    let mut packs = Vec::new();
    for path in sorted_entries(folder).map_err(|error| failed(&error))? {
        if path.is_dir() {
            let mut files = Vec::new();
            collect(&path, "", &mut files).map_err(|error| failed(&error))?;
            let id = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            if files.iter().any(|(name, _)| name == "pack.toml") {
                packs.push(PackFiles { id, files });
            }
        }
    }
    Ok(packs)
}

// Packs are not evidence: they are the analyst's own files.
#[allow(clippy::disallowed_methods)]
fn sorted_entries(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut paths = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

#[allow(clippy::disallowed_methods)]
fn collect(folder: &Path, prefix: &str, files: &mut Vec<PackFile>) -> std::io::Result<()> {
    for path in sorted_entries(folder)? {
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let metadata = std::fs::symlink_metadata(&path)?;
        if metadata.is_dir() && prefix.len() < 256 {
            collect(&path, &format!("{prefix}{name}/"), files)?;
        } else if metadata.is_file() && metadata.len() <= PACK_FILE_BYTES_MAX {
            files.push((format!("{prefix}{name}"), Cow::Owned(std::fs::read(&path)?)));
        }
    }
    Ok(())
}
