//! Packs from wherever they are: built into the program, a folder, a pack file.
//!
//! Packs are not evidence: they are the analyst's own files. They are still bounded, and nothing in them is followed:
//! no links, no devices. All of a pack is in memory before anybody looks at it.

#![allow(clippy::disallowed_methods, reason = "packs are no evidence")]

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use detect::pack::{FILE_BYTES_MAX, PackFiles};
use include_dir::{Dir, include_dir};

use super::{archive, signature};
use crate::cli::PackOptions;
use crate::exit::{Exit, Failure};

static BUILT_IN: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../../packs");

/// Upper bound of all files of a pack together.
pub const PACK_BYTES_MAX: u64 = 128 << 20;
/// Upper bound of the files of a pack.
pub const PACK_FILES_MAX: usize = 20_000;
/// Upper bound of folders inside each other.
pub const PACK_DEPTH_MAX: usize = 8;
/// Upper bound of the packs in one folder.
const PACKS_MAX: usize = 1_000;

/// Path inside the pack, and bytes.
type PackFile = (String, Cow<'static, [u8]>);

/// A pack in memory, and where it came from.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Its files.
    pub files: PackFiles,
    /// For messages: `packs/proxylogon`, `/mnt/usb/x.afterpack!x`.
    pub place: String,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a pack came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Part of the program.
    BuiltIn,
    /// A folder.
    Folder,
    /// A pack file; with the id of the key that signed it, if somebody did, and whether that was verified.
    File(Signed),
}

/// What is known of the signature of a pack file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// There is none beside it.
    No,
    /// There is one by this key id; nobody has verified it.
    NotVerified(String),
    /// Verified with the key of this id.
    By(String),
}

impl Opened {
    /// A file of the pack.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        self.files.files.iter().find(|(known, _)| known == path).map(|(_, bytes)| &**bytes)
    }

    /// A file of the pack as text.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.file(path).and_then(|bytes| std::str::from_utf8(bytes).ok())
    }
}

/// The packs that are part of the program.
pub fn built_in() -> Vec<Opened> {
    let pack = |folder: &Dir<'static>| {
        let id = folder.path().to_string_lossy().into_owned();
        let mut files = Vec::new();
        collect_built_in(folder, &id, &mut files);
        Opened { place: format!("packs/{id}"), files: PackFiles { id, files }, origin: Origin::BuiltIn }
    };
    BUILT_IN.dirs().map(pack).collect()
}

fn collect_built_in(folder: &Dir<'static>, id: &str, files: &mut Vec<PackFile>) {
    for file in folder.files() {
        let path = file.path().strip_prefix(id).unwrap_or(file.path());
        files.push((path.to_string_lossy().replace('\\', "/"), Cow::Borrowed(file.contents())));
    }
    folder.dirs().for_each(|inner| collect_built_in(inner, id, files));
}

/// The packs that options ask for. Nothing is returned unless all of them could be opened, and verified where that is
/// asked for.
pub fn load(options: &PackOptions) -> Result<Vec<Opened>, Failure> {
    let key = options.require_signature.as_deref().map(signature::public_key).transpose()?;
    let mut packs = match &options.packs {
        Some(folder) if key.is_some() => return Err(unsigned_folder(folder)),
        Some(folder) => in_folder(folder)?,
        None => built_in(),
    };
    for path in &options.add_packs {
        packs.extend(at(path, key.as_ref())?);
    }
    packs.sort_by(|first, second| first.files.id.cmp(&second.files.id));
    match packs.windows(2).find(|pair| pair[0].files.id == pair[1].files.id) {
        Some(pair) => Err(twice(&pair[0], &pair[1])),
        None => Ok(packs),
    }
}

/// The packs at paths, as `check` and `test` look at them. Where nothing lies, a word may name a built-in pack.
pub fn at_all(paths: &[PathBuf]) -> Result<Vec<Opened>, Failure> {
    let mut packs = Vec::new();
    for path in paths {
        match named(path) {
            Some(word) => packs.push(built_in_of(word)?),
            None => packs.extend(at(path, None)?),
        }
    }
    packs.sort_by(|first, second| first.files.id.cmp(&second.files.id));
    match packs.windows(2).find(|pair| pair[0].files.id == pair[1].files.id) {
        Some(pair) => Err(twice(&pair[0], &pair[1])),
        None => Ok(packs),
    }
}

/// A word that can be the name of a pack, and no file or folder that is there.
fn named(path: &Path) -> Option<&str> {
    path.to_str().filter(|word| super::is_id(word) && path.symlink_metadata().is_err())
}

fn built_in_of(word: &str) -> Result<Opened, Failure> {
    let mut all = built_in();
    match all.iter().position(|pack| pack.files.id == word) {
        Some(place) => Ok(all.swap_remove(place)),
        None => {
            let ids: Vec<&str> = all.iter().map(|pack| pack.files.id.as_str()).collect();
            let message = format!("`{word}` is no file or folder, and no built-in pack");
            Err(Failure::new(Exit::Usage, message).hint(format!("built in are: {}", ids.join(", "))))
        }
    }
}

/// One pack folder.
pub fn folder(path: &Path) -> Result<Opened, Failure> {
    let whole = std::fs::canonicalize(path).map_err(|error| unreadable(path, &error))?;
    let id = whole.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let mut collector = Collector { files: Vec::new(), bytes: 0 };
    collector.collect(path, "", 0)?;
    let place = path.display().to_string();
    Ok(Opened { files: PackFiles { id, files: collector.files }, place, origin: Origin::Folder })
}

fn at(path: &Path, key: Option<&minisign::PublicKey>) -> Result<Vec<Opened>, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_dir() {
        return Ok(vec![pack_file(path, key)?]);
    }
    if key.is_some() {
        return Err(unsigned_folder(path));
    }
    if path.join("pack.toml").exists() {
        return Ok(vec![folder(path)?]);
    }
    let packs = in_folder(path)?;
    if packs.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("there is no pack in `{}`", path.display()))
            .hint("a pack is a folder with a pack.toml, or a file made by `afterpatch packs pack`"));
    }
    Ok(packs)
}

/// Each sub-folder with a `pack.toml`.
fn in_folder(path: &Path) -> Result<Vec<Opened>, Failure> {
    let mut packs = Vec::new();
    for inner in sorted_entries(path)? {
        if inner.is_dir() && inner.join("pack.toml").exists() {
            packs.push(folder(&inner)?);
        }
        if packs.len() > PACKS_MAX {
            return Err(unfit(path, &format!("holds more than {PACKS_MAX} packs")));
        }
    }
    Ok(packs)
}

/// A pack file: read once, so that what is verified is what is used.
fn pack_file(path: &Path, key: Option<&minisign::PublicKey>) -> Result<Opened, Failure> {
    let bytes = read_whole(path, archive::ARCHIVE_BYTES_MAX)?;
    let signed = match key {
        Some(key) => match signature::verify_beside(path, &bytes, key) {
            Ok(verified) => Signed::By(verified.key_id),
            Err(failure) => {
                let message = format!("{}; nothing was loaded", failure.message);
                return Err(Failure { message, ..failure });
            }
        },
        None => signature::key_id_beside(path).map_or(Signed::No, Signed::NotVerified),
    };
    let files = archive::read(&bytes).map_err(|reason| {
        unfit(path, &reason)
            .hint("make pack files with `afterpatch packs pack DIR -o FILE.afterpack`; copy this one again")
    })?;
    let place = format!("{}!{}", path.display(), files.id);
    Ok(Opened { files, place, origin: Origin::File(signed) })
}

/// A regular file of at most so many bytes.
pub fn read_whole(path: &Path, bytes_max: u64) -> Result<Vec<u8>, Failure> {
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
    if !metadata.is_file() {
        return Err(Failure::new(Exit::Usage, format!("`{}` is no file", path.display())));
    }
    let too_large = || {
        let limit = format!("`{}` is larger than {} MiB, the most that is read", path.display(), bytes_max >> 20);
        Failure::new(Exit::Usage, limit).hint("is it the right file? if so, split it")
    };
    if metadata.len() > bytes_max {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    file.take(bytes_max + 1).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    // It may have grown.
    if bytes.len() as u64 > bytes_max { Err(too_large()) } else { Ok(bytes) }
}

/// The entries of a folder by name.
pub fn sorted_entries(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let read = || {
        let entries = std::fs::read_dir(folder)?.map(|entry| Ok(entry?.path()));
        entries.collect::<std::io::Result<Vec<_>>>()
    };
    let mut paths = read().map_err(|error| unreadable(folder, &error))?;
    paths.sort();
    Ok(paths)
}

struct Collector {
    files: Vec<PackFile>,
    bytes: u64,
}

impl Collector {
    fn collect(&mut self, folder: &Path, prefix: &str, depth: usize) -> Result<(), Failure> {
        if depth > PACK_DEPTH_MAX {
            return Err(unfit(folder, &format!("lies deeper than {PACK_DEPTH_MAX} folders in its pack")));
        }
        for path in sorted_entries(folder)? {
            let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
            let metadata = std::fs::symlink_metadata(&path).map_err(|error| unreadable(&path, &error))?;
            if metadata.is_dir() {
                self.collect(&path, &format!("{prefix}{name}/"), depth + 1)?;
            } else if metadata.is_file() {
                self.add(&path, format!("{prefix}{name}"))?;
            } else {
                return Err(unfit(&path, "is a link or device; a pack holds files and folders"));
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, name: String) -> Result<(), Failure> {
        let bytes = read_whole(path, FILE_BYTES_MAX as u64)?;
        self.bytes += bytes.len() as u64;
        self.files.push((name, Cow::Owned(bytes)));
        if self.bytes > PACK_BYTES_MAX || self.files.len() > PACK_FILES_MAX {
            let limit = format!("takes its pack over {PACK_FILES_MAX} files or {} MiB", PACK_BYTES_MAX >> 20);
            return Err(unfit(path, &limit));
        }
        Ok(())
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(Exit::Usage, format!("cannot read `{}`: {error}", path.display()))
        .hint("check the path, and whether you may read it")
}

fn unfit(path: &Path, reason: &str) -> Failure {
    Failure::new(Exit::Integrity, format!("`{}` {reason}; nothing was loaded", path.display()))
}

/// Refuses a folder of rules where signatures are demanded.
pub fn refuse_unsigned(options: &PackOptions, folders: &[PathBuf]) -> Result<(), Failure> {
    match folders.first() {
        Some(folder) if options.require_signature.is_some() => Err(unsigned_folder(folder)),
        _ => Ok(()),
    }
}

fn unsigned_folder(path: &Path) -> Failure {
    unfit(path, "is a folder, and signatures are demanded: a folder cannot be signed")
        .hint("make a pack file with `afterpatch packs pack`, sign it with `afterpatch packs sign`")
}

fn twice(first: &Opened, second: &Opened) -> Failure {
    let message = format!("there are two packs `{}`: `{}` and `{}`", first.files.id, first.place, second.place);
    Failure::new(Exit::Integrity, format!("{message}; nothing was loaded"))
        .hint("give one of them another id, or use --packs with a folder that holds all packs that you want")
}
