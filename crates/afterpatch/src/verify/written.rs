//! The folder of a report: is every file what was written, and do they agree on the evidence.

#![allow(clippy::disallowed_methods, reason = "a report is no evidence")]

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

use model::assessment::ManifestChain;
use report::custody::{self, CUSTODY, Custody};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::exit::{Exit, Failure};

/// The list of the evidence.
pub const MANIFEST: &str = "manifest.jsonl";
const ASSESSMENT: &str = "assessment.json";
const PAGE: &str = crate::assess::outputs::REPORT;
/// What the signature is called.
const SIGNATURE: &str = "custody.json.minisig";
/// `custody.json` has a line or two for each of a handful of files.
const CUSTODY_BYTES_MAX: u64 = 4 << 20;
/// A manifest is read whole: half a kilobyte for each of a few million files.
const MANIFEST_BYTES_MAX: u64 = 2 << 30;
/// The page is bounded by what it shows.
const PAGE_BYTES_MAX: u64 = 512 << 20;
/// Names of other files that are told.
const BESIDE_MAX: usize = 20;

/// What was found in the folder.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// SHA-256 of `custody.json`: it stands for everything.
    pub custody_sha256: Option<String>,
    /// Its text.
    #[serde(skip)]
    pub custody_text: Option<Vec<u8>>,
    /// Version of afterpatch that says it wrote the report.
    pub version: Option<String>,
    /// The run was interrupted.
    pub incomplete: bool,
    /// Lines of the manifest.
    pub lines: u64,
    /// SHA-256 of its last line, where its chain holds.
    pub head: Option<String>,
    /// The files that `custody.json` names.
    pub files: Vec<State>,
    /// Other files in the folder.
    pub beside: Vec<String>,
}

/// One file of a report.
#[derive(Debug, Serialize)]
pub struct State {
    /// Its name.
    pub name: String,
    /// Whether it is what was written.
    pub state: Fit,
    /// What was written.
    pub expected: String,
    /// What is there.
    pub found: Option<String>,
}

/// Whether something is what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fit {
    /// It is.
    Same,
    /// It has another content.
    Altered,
    /// It is not there.
    Missing,
    /// It is there and cannot be read.
    Unreadable,
}

/// Looks at the folder. Handed back are what was found, the manifest as it is, and what does not fit.
pub fn check(folder: &Path) -> Result<(Report, Vec<u8>, Vec<String>), Failure> {
    let is_there = |name: &str| folder.join(name).symlink_metadata().is_ok();
    if ![CUSTODY, MANIFEST, ASSESSMENT].into_iter().any(is_there) {
        let message = format!("there is no report in `{}`", folder.display());
        return Err(Failure::new(Exit::Nothing, message)
            .hint("give the folder into which `afterpatch assess` wrote with -o DIR: it holds custody.json"));
    }
    let mut problems = Vec::new();
    let (mut report, custody) = read_custody(folder, &mut problems);
    for file in custody.iter().flat_map(|custody| &custody.files) {
        report.files.push(state(folder, file, &mut problems));
    }
    let is_named = |name: &str| custody.iter().any(|custody| custody.files.iter().any(|file| file.name == name));
    for needed in [ASSESSMENT, MANIFEST, PAGE].into_iter().filter(|name| custody.is_some() && !is_named(name)) {
        problems.push(format!("{CUSTODY} does not name {needed}"));
    }
    report.beside = beside(folder, &is_named);
    let manifest = read_manifest(folder, &mut report, &mut problems);
    compare_heads(folder, &report, custody.as_ref(), &mut problems);
    Ok((report, manifest, problems))
}

fn read_custody(folder: &Path, problems: &mut Vec<String>) -> (Report, Option<Custody>) {
    let text = match read(&folder.join(CUSTODY), CUSTODY_BYTES_MAX) {
        Ok(text) => text,
        Err(error) => {
            problems.push(match error.kind() {
                ErrorKind::NotFound => format!("{CUSTODY} is missing: nothing says what the files of the report were"),
                kind => format!("{CUSTODY} cannot be read: {kind}"),
            });
            return (Report::default(), None);
        }
    };
    let mut report = Report { custody_sha256: Some(hex(&Sha256::digest(&text))), ..Report::default() };
    let custody = match custody::read(&text) {
        Ok(custody) => custody,
        Err(reason) => {
            problems.push(format!("{CUSTODY} was altered: it {reason}"));
            return (report, None);
        }
    };
    report.custody_text = Some(text);
    report.version = Some(custody.afterpatch.version.clone());
    report.incomplete = custody.incomplete;
    (report, Some(custody))
}

fn state(folder: &Path, file: &custody::Written, problems: &mut Vec<String>) -> State {
    let (state, found, problem) = match digest(&folder.join(&file.name)) {
        Ok((size, sha256)) if size == file.size && sha256 == file.sha256 => (Fit::Same, Some(sha256), None),
        Ok((size, sha256)) => {
            let problem = format!(
                "{} was altered: {size} bytes, SHA-256 {sha256}; written were {} bytes, SHA-256 {}",
                file.name, file.size, file.sha256
            );
            (Fit::Altered, Some(sha256), Some(problem))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            (Fit::Missing, None, Some(format!("{} is missing", file.name)))
        }
        Err(error) => (Fit::Unreadable, None, Some(format!("{} cannot be read: {}", file.name, error.kind()))),
    };
    problems.extend(problem);
    State { name: file.name.clone(), state, expected: file.sha256.clone(), found }
}

/// What else lies in the folder, by name.
fn beside(folder: &Path, is_named: &dyn Fn(&str) -> bool) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut beside: Vec<String> =
        names.filter(|name| !is_named(name) && ![CUSTODY, SIGNATURE].contains(&name.as_str())).collect();
    beside.sort();
    if beside.len() > BESIDE_MAX {
        let more = beside.len() - BESIDE_MAX;
        beside.truncate(BESIDE_MAX);
        beside.push(format!("and {more} more"));
    }
    beside
}

fn read_manifest(folder: &Path, report: &mut Report, problems: &mut Vec<String>) -> Vec<u8> {
    let manifest = match read(&folder.join(MANIFEST), MANIFEST_BYTES_MAX) {
        Ok(manifest) => manifest,
        // That it is missing was said where the files were compared.
        Err(error) => {
            if report.files.is_empty() {
                problems.push(format!("{MANIFEST} cannot be read: {}", error.kind()));
            }
            return Vec::new();
        }
    };
    match report::manifest::verify(&manifest) {
        Ok(chain) => (report.lines, report.head) = (chain.lines, Some(chain.head)),
        Err(broken) => problems.push(format!("the chain of the manifest is broken: {broken}")),
    }
    manifest
}

/// All that name the head of the manifest must name the same.
fn compare_heads(folder: &Path, report: &Report, custody: Option<&Custody>, problems: &mut Vec<String>) {
    let Some(head) = &report.head else { return };
    let is = ManifestChain { lines: report.lines, head: head.clone() };
    let mut compare = |name: &str, says: &ManifestChain| {
        if *says != is {
            problems.push(format!(
                "{name} speaks of a manifest of {} lines with the head {}, and there is one of {} lines with the head {}",
                says.lines, says.head, is.lines, is.head
            ));
        }
    };
    if let Some(custody) = custody {
        compare(CUSTODY, &custody.manifest);
    }
    match assessment_chain(&folder.join(ASSESSMENT)) {
        Ok(chain) => compare(ASSESSMENT, &chain),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(_) => problems.push(format!("{ASSESSMENT} does not say on which manifest it rests")),
    }
    if let Ok(page) = read(&folder.join(PAGE), PAGE_BYTES_MAX)
        && memchr::memmem::find(&page, head.as_bytes()).is_none()
    {
        problems.push(format!("{PAGE} does not show the head {head} of the manifest"));
    }
}

/// The chain that `assessment.json` names. All else in it is passed over.
fn assessment_chain(path: &Path) -> io::Result<ManifestChain> {
    #[derive(Deserialize)]
    struct Assessment {
        custody: Held,
    }
    #[derive(Deserialize)]
    struct Held {
        manifest: ManifestChain,
    }
    let read: Assessment = serde_json::from_reader(BufReader::new(regular(path)?))?;
    Ok(read.custody.manifest)
}

/// Only regular files are opened: a link may lead anywhere, and a pipe never ends.
fn regular(path: &Path) -> io::Result<File> {
    if !path.symlink_metadata()?.is_file() {
        return Err(io::Error::new(ErrorKind::InvalidInput, "no regular file"));
    }
    File::open(path)
}

fn read(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    regular(path)?.take(bytes_max + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > bytes_max { Err(ErrorKind::FileTooLarge.into()) } else { Ok(bytes) }
}

fn digest(path: &Path) -> io::Result<(u64, String)> {
    let (mut file, mut hash, mut size) = (regular(path)?, Sha256::new(), 0);
    let mut buffer = vec![0; 256 << 10];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok((size, hex(&hash.finalize()))),
            count => {
                hash.update(buffer.get(..count).unwrap_or_default());
                size += count as u64;
            }
        }
    }
}

fn hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
