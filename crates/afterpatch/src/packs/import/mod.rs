//! `packs import`: a pack from files of others. Everything is read before the first file is written.
//!
//! One file per format. What a format says and a pack cannot is left out by name, never guessed. docs/packs.md has the
//! table of what becomes of what.

mod gathered;
mod lenient;
mod misp;
mod pattern;
mod sigma;
mod stix;
mod table;
mod written;

use std::path::{Path, PathBuf};

use report::count;
use report::hostile::ForTerminal;
use sha2::{Digest, Sha256};

use self::gathered::Gathered;
use super::open;
use super::yara::is_yara;
use crate::cli::ImportOptions;
use crate::console::Console;
use crate::exit::{Exit, Failure};

/// Upper bound of a file that is imported.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Upper bound of the files of an import.
const FILES_MAX: usize = 20_000;
/// Upper bound of folders inside each other.
const DEPTH_MAX: usize = 16;
/// Lines about what was left out on the screen; all of them stand in the README of the pack.
const SHOWN_MAX: usize = 20;

/// A file that was read.
struct Source {
    name: String,
    sha256: String,
}

/// Runs the verb.
pub fn run(options: &ImportOptions, console: &Console) -> Result<Exit, Failure> {
    let target = written::target(options)?;
    let mut paths = Vec::new();
    for path in &options.files {
        collect(path, 0, &mut paths)?;
    }
    let (mut gathered, mut sources) = (Gathered::default(), Vec::new());
    for path in &paths {
        let bytes = open::read_whole(path, FILE_BYTES_MAX)?;
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        read(path, &name, bytes, &mut gathered)?;
        sources.push(Source { name, sha256 });
    }
    let pack = written::pack(options, &sources, &mut gathered)?;
    written::write(&target, &pack)?;
    console.result(&summary(&target, &gathered));
    Ok(Exit::Done)
}

/// The files below a folder that are rules; a file as it is.
fn collect(path: &Path, depth: usize, paths: &mut Vec<PathBuf>) -> Result<(), Failure> {
    if depth > DEPTH_MAX || paths.len() > FILES_MAX {
        let limit =
            format!("`{}`: more than {FILES_MAX} files or {DEPTH_MAX} folders inside each other", path.display());
        return Err(Failure::new(Exit::Usage, limit).hint("import a part of it"));
    }
    if !path.is_dir() {
        paths.push(path.to_owned());
        return Ok(());
    }
    for inner in open::sorted_entries(path)? {
        let name = inner.to_string_lossy().to_ascii_lowercase();
        // Links could lead in a circle, or out of what the analyst named.
        let is_link = inner.symlink_metadata().is_ok_and(|metadata| metadata.is_symlink());
        if !is_link && (inner.is_dir() || is_sigma(&name) || is_yara(&name)) {
            collect(&inner, depth + 1, paths)?;
        }
    }
    Ok(())
}

fn is_sigma(name: &str) -> bool {
    name.ends_with(".yml") || name.ends_with(".yaml")
}

/// Reads one file by what it is called and how it begins.
fn read(path: &Path, name: &str, bytes: Vec<u8>, gathered: &mut Gathered) -> Result<(), Failure> {
    let refuse = |why: String| {
        Failure::new(Exit::Integrity, format!("`{}`: {why}; nothing was written", path.display())).hint(
            "files can be STIX 2.1 bundles and MISP events (.json), tables with type and value (.csv), \
             Sigma rules (.yml) and YARA rules (.yar)",
        )
    };
    let lower = name.to_ascii_lowercase();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    if is_yara(&lower) {
        gathered.add_yara(stem, bytes);
        return Ok(());
    }
    let text = String::from_utf8(bytes)
        .map_err(|error| refuse(format!("no text in UTF-8 from byte {} on", error.utf8_error().valid_up_to())))?;
    let text = text.trim_start_matches('\u{feff}');
    if is_sigma(&lower) {
        // What cannot be read is listed like a rule that cannot run.
        sigma::gather_text(name, stem, text, gathered);
        return Ok(());
    }
    match text.trim_start().chars().next() {
        None => Err(refuse("the file is empty".to_owned())),
        Some('{' | '[') => json(name, text, gathered).map_err(refuse),
        Some(_) if lower.ends_with(".json") => {
            let blank = text.len() - text.trim_start().len();
            let line = 1 + text.bytes().take(blank).filter(|byte| *byte == b'\n').count();
            Err(refuse(format!("the JSON is broken, line {line}: it begins with neither `{{` nor `[`")))
        }
        _ => table::gather(name, text, gathered).map_err(refuse),
    }
}

/// STIX and MISP tell themselves apart by their first keys.
fn json(name: &str, text: &str, gathered: &mut Gathered) -> Result<(), String> {
    let at = |error: serde_json::Error| match error.classify() {
        serde_json::error::Category::Data => format!("no JSON of a kind that is read: {error}"),
        _ => format!("the JSON is broken, line {}: {error}", error.line()),
    };
    if text.trim_start().starts_with('[') {
        let events: Vec<misp::Envelope> = serde_json::from_str(text).map_err(at)?;
        events.into_iter().for_each(|event| misp::gather(name, event, gathered));
        return Ok(());
    }
    let shape: Shape = serde_json::from_str(text).map_err(at)?;
    if shape.event.is_some() || shape.response.is_some() {
        misp::gather(name, serde_json::from_str(text).map_err(at)?, gathered);
        return Ok(());
    }
    if shape.kind.0 == "bundle" && shape.objects.is_some() {
        stix::gather(name, serde_json::from_str(text).map_err(at)?, gathered);
        return Ok(());
    }
    Err("neither a STIX bundle (`type` is `bundle`, with `objects`) nor a MISP event (`Event`, `response`)".into())
}

/// The keys by which files are told.
#[derive(Default, serde::Deserialize)]
#[serde(default)]
struct Shape {
    #[serde(rename = "type")]
    kind: lenient::Text,
    objects: Option<serde::de::IgnoredAny>,
    #[serde(rename = "Event")]
    event: Option<serde::de::IgnoredAny>,
    response: Option<serde::de::IgnoredAny>,
}

fn summary(target: &Path, gathered: &Gathered) -> String {
    let mut text = format!("{}: {}\n", super::shown(target), gathered.held().join(", "));
    if gathered.joined > 0 {
        let joined = count(gathered.joined, "indicator that was", "indicators that were");
        text.push_str(&format!("joined: {joined} there already\n"));
    }
    for (what, count) in &gathered.ignored {
        text.push_str(&format!("not read: {count} × {}\n", ForTerminal(what)));
    }
    let left_out = gathered.left_out.len() as u64 + gathered.left_out_more;
    for left in gathered.left_out.iter().take(SHOWN_MAX) {
        text.push_str(&format!("left out: {:.100}: {:.200}\n", ForTerminal(&left.what), ForTerminal(&left.why)));
    }
    if left_out > SHOWN_MAX as u64 {
        text.push_str(&format!("left out: {} more; README.md in the pack names them\n", left_out - SHOWN_MAX as u64));
    }
    text
}
