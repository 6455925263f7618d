//! The folder of an imported pack: whole or not at all.

#![allow(clippy::disallowed_methods, reason = "packs are no evidence")]

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use detect::pack::{FILE_BYTES_MAX, Pack, PackFiles};
use detect::plan::Plan;
use report::hostile::ForTerminal;
use serde::Serialize;

use super::Source;
use super::gathered::{Gathered, one_line};
use crate::cli::ImportOptions;
use crate::exit::{Exit, Failure};
use crate::packs::open::{PACK_BYTES_MAX, PACK_FILES_MAX, built_in};

/// Rules that do not run can take correlations with them, but not often.
const ROUNDS_MAX: usize = 8;
/// Left out things that the README names.
const NAMED_MAX: usize = 10_000;
/// Files that are named as sources.
const SOURCES_MAX: usize = 200;

/// The folder to write: its last name is that of the pack.
pub fn target(options: &ImportOptions) -> Result<PathBuf, Failure> {
    let folder = &options.output;
    let refuse = |why: &str| {
        Err(Failure::new(Exit::Usage, format!("`{}` {why}", folder.display()))
            .hint("choose an empty or absent folder with -o DIR"))
    };
    match fs::read_dir(folder).map(|mut entries| entries.next().is_none()) {
        Ok(false) => return refuse("is not empty"),
        Ok(true) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && fs::symlink_metadata(folder).is_err() => {}
        Err(error) => return refuse(&format!("cannot be used: {error}")),
    }
    let is_named = folder.file_name().is_some_and(|name| name.to_string_lossy() == options.id);
    Ok(if is_named { folder.clone() } else { folder.join(&options.id) })
}

/// The files of the pack. Rules that do not run are taken out and named.
pub fn pack(options: &ImportOptions, sources: &[Source], gathered: &mut Gathered) -> Result<PackFiles, Failure> {
    leave_out_known_ids(gathered);
    leave_out_refused(options, sources, gathered)?;
    if gathered.indicators.is_empty() && gathered.rules.is_empty() && gathered.yara.is_empty() {
        let first = gathered.left_out.first().map(|left| format!(": {}: {}", left.what, left.why)).unwrap_or_default();
        return Err(Failure::new(Exit::Nothing, format!("nothing of these files could be taken{first:.400}"))
            .hint("docs/packs.md says what can be imported"));
    }
    let pack = files(options, sources, gathered)?;
    let bytes: u64 = pack.files.iter().map(|(_, bytes)| bytes.len() as u64).sum();
    let too_large = pack.files.iter().find(|(_, bytes)| bytes.len() > FILE_BYTES_MAX);
    if bytes > PACK_BYTES_MAX || pack.files.len() > PACK_FILES_MAX || too_large.is_some() {
        let limit = "the pack would be larger than a pack can be; nothing was written";
        return Err(Failure::new(Exit::Usage, limit).hint("import the files into several packs"));
    }
    let (_, refusals) = Pack::read(&pack);
    match refusals.first() {
        None => Ok(pack),
        Some(refusal) => {
            Err(Failure::new(Exit::Fault, format!("the pack would not load: {}: {}", refusal.rule, refusal.reason)))
        }
    }
}

/// Writes the pack beside its place and puts it there by one renaming.
pub fn write(target: &Path, pack: &PackFiles) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("cannot write the pack to `{}`: {error}", target.display()))
    };
    let above = target.parent().filter(|above| !above.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let part = above.join(format!(".{}.part", pack.id));
    let write_all = || {
        fs::create_dir_all(above)?;
        fs::create_dir(&part)?;
        for (path, bytes) in &pack.files {
            let file = part.join(path);
            fs::create_dir_all(file.parent().unwrap_or(&part))?;
            fs::write(&file, bytes)?;
        }
        // An empty folder may be there; elsewhere than on Unix it is in the way.
        if target.is_dir() {
            fs::remove_dir(target)?;
        }
        fs::rename(&part, target)
    };
    write_all().map_err(|error| {
        if error.kind() != std::io::ErrorKind::AlreadyExists {
            // Half a pack helps nobody.
            _ = fs::remove_dir_all(&part);
        }
        failed(error)
    })
}

/// An id that a built-in rule has would keep both from loading.
fn leave_out_known_ids(gathered: &mut Gathered) {
    let mut known: BTreeMap<String, String> = BTreeMap::new();
    for opened in built_in() {
        let (Some(pack), _) = Pack::read(&opened.files) else { continue };
        for rule in pack.rules() {
            known.extend(rule.uuid.map(|uuid| (uuid.to_ascii_lowercase(), rule.facts.id.clone())));
        }
    }
    let rules = std::mem::take(&mut gathered.rules);
    for rule in rules {
        let collection = rsigma_parser::parse_sigma_yaml(&rule.text).ok();
        let uuid = collection.and_then(|mut collection| match collection.rules.pop() {
            Some(rule) => rule.id,
            None => collection.correlations.pop().and_then(|rule| rule.id),
        });
        let uuid = uuid.map(|uuid| uuid.to_ascii_lowercase());
        match uuid.as_ref().and_then(|uuid| known.get(uuid).cloned()) {
            Some(other) => gathered.leave_out(&rule.from, format!("`{other}` has the same id")),
            None => {
                known.extend(uuid.map(|uuid| (uuid, rule.from.clone())));
                gathered.rules.push(rule);
            }
        }
    }
}

fn leave_out_refused(options: &ImportOptions, sources: &[Source], gathered: &mut Gathered) -> Result<(), Failure> {
    for _ in 0..ROUNDS_MAX {
        let refusals = Plan::compile(&[files(options, sources, gathered)?]).refusals;
        let prefix = format!("{}/", options.id);
        let refused: BTreeMap<&str, &str> = refusals
            .iter()
            .filter_map(|refusal| Some((refusal.rule.strip_prefix(&prefix)?, refusal.reason.as_str())))
            .collect();
        let (kept, out) = std::mem::take(&mut gathered.rules)
            .into_iter()
            .partition::<Vec<_>, _>(|rule| !refused.contains_key(rule.name.as_str()));
        gathered.rules = kept;
        if out.is_empty() {
            return Ok(());
        }
        for rule in out {
            let why = refused.get(rule.name.as_str()).copied().unwrap_or_default();
            gathered.leave_out(&rule.from, one_line(why));
        }
    }
    Err(Failure::new(Exit::Integrity, "the rules depend on each other in a way that cannot be loaded"))
}

#[derive(Serialize)]
struct Manifest<'a> {
    id: &'a str,
    name: String,
    version: &'a str,
    imported: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    general: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cves: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entry_cves: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_use: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_use_basis: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    public: Option<String>,
    sources: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    needs: Vec<Need<'a>>,
}

#[derive(Serialize)]
struct Need<'a> {
    any_of: [&'a str; 1],
    settle: &'a str,
}

fn files(options: &ImportOptions, sources: &[Source], gathered: &Gathered) -> Result<PackFiles, Failure> {
    let mut files: Vec<(String, Cow<'static, [u8]>)> = Vec::new();
    let mut add = |path: String, bytes: Vec<u8>| files.push((path, Cow::Owned(bytes)));
    add("pack.toml".into(), manifest(options, sources)?.into_bytes());
    add("README.md".into(), readme(options, sources, gathered).into_bytes());
    if !gathered.indicators.is_empty() {
        add("indicators.csv".into(), indicators(gathered)?);
    }
    for rule in &gathered.rules {
        add(format!("rules/{}.yml", rule.name), rule.text.clone().into_bytes());
    }
    for (name, bytes) in &gathered.yara {
        add(format!("yara/{name}"), bytes.clone());
    }
    Ok(PackFiles { id: options.id.clone(), files })
}

fn manifest(options: &ImportOptions, sources: &[Source]) -> Result<String, Failure> {
    let is_campaign = options.campaign.is_some();
    let day = |time: Option<model::Utc>| time.map(|time| time.to_string());
    let cves: Vec<String> = options.cves.iter().map(|cve| cve.to_ascii_uppercase()).collect();
    // What is known of no hole: both logs of the way in, so that silence is no all-clear.
    let needs = [
        ("httpproxy", "the HttpProxy logs (Logging\\HttpProxy)"),
        ("iis/front-end", "the IIS logs of the default web site (W3SVC1)"),
    ];
    let manifest = Manifest {
        id: &options.id,
        name: options.campaign.clone().unwrap_or_else(|| format!("{} (imported)", options.id)),
        version: "1",
        imported: true,
        general: !is_campaign,
        entry_cves: cves.clone(),
        cves,
        first_use: day(options.first_use),
        first_use_basis: is_campaign.then_some("as given on import"),
        public: day(options.public),
        sources: sources.iter().take(SOURCES_MAX).map(|source| one_line(&source.name)).collect(),
        needs: needs
            .into_iter()
            .filter(|_| is_campaign)
            .map(|(any_of, settle)| Need { any_of: [any_of], settle })
            .collect(),
    };
    toml::to_string(&manifest).map_err(|error| Failure::new(Exit::Fault, format!("cannot write pack.toml: {error}")))
}

fn indicators(gathered: &Gathered) -> Result<Vec<u8>, Failure> {
    let failed = |error: String| Failure::new(Exit::Fault, format!("cannot write indicators.csv: {error}"));
    let mut writer = csv::Writer::from_writer(Vec::new());
    let header = ["type", "value", "confidence", "from", "until", "note", "source"];
    writer.write_record(header).map_err(|error| failed(error.to_string()))?;
    for found in gathered.indicators.values() {
        let time = |time: Option<model::Utc>| time.map(|time| time.to_string()).unwrap_or_default();
        let (kind, confidence) = (found.kind.word(), found.confidence.word());
        let (from, until) = (time(found.from), time(found.until));
        let row = [kind, &found.value, confidence, &from, &until, &found.note, &found.source];
        writer.write_record(row).map_err(|error| failed(error.to_string()))?;
    }
    writer.into_inner().map_err(|error| failed(error.to_string()))
}

/// Where it came from and what is lost. Names in it were chosen by others.
fn readme(options: &ImportOptions, sources: &[Source], gathered: &Gathered) -> String {
    let code = |text: &str| format!("`{}`", format!("{:.200}", ForTerminal(text)).replace('`', "'"));
    let name = options.campaign.as_deref().unwrap_or(&options.id);
    let mut text = format!("# {name:.80}\n\nMade by `afterpatch packs import` from:\n\n");
    for source in sources.iter().take(SOURCES_MAX) {
        text.push_str(&format!("* {}, SHA-256 `{}`\n", code(&source.name), source.sha256));
    }
    if sources.len() > SOURCES_MAX {
        text.push_str(&format!("* and {} more files\n", sources.len() - SOURCES_MAX));
    }
    let [indicators, rules, yara] = gathered.held();
    text.push_str(&format!(
        "\nIt holds {indicators}, {rules} and {yara}. The rules are those of their authors: ids, licences and\n\
         references are kept, and tags for the stage and for what a hit proves (context) were added. Nobody has run cases\n\
         of them here, and nothing in this pack proves anything by itself.\n"
    ));
    if !gathered.ignored.is_empty() {
        text.push_str("\n## Not read\n\n");
        gathered.ignored.iter().for_each(|(what, count)| text.push_str(&format!("* {count} × {}\n", code(what))));
    }
    if !gathered.left_out.is_empty() {
        text.push_str("\n## Left out\n\n");
        for left in gathered.left_out.iter().take(NAMED_MAX) {
            text.push_str(&format!("* {}: {}\n", code(&left.what), code(&left.why)));
        }
    }
    if gathered.left_out_more > 0 {
        text.push_str(&format!("* and {} more\n", gathered.left_out_more));
    }
    text
}
