//! The list of web shells: what requests, records of writing and files say about one page, put together.

use std::collections::{BTreeMap, BTreeSet};

use model::assessment::{WebShell, WrittenBasis};
use model::campaign::{Proves, Stage};
use model::listing::TimeBasis;
use model::observation::{FileSeen, FileState, PageUse};
use model::{Family, Utc};

use crate::findings::{FILE_SIGNS_RULE, Material, Seen, UNKNOWN_FILE_RULE, file_key};
use crate::pages::{drives, scanners};
use crate::persistence::is_changed_logon_page;

/// All web shells of a server, by path.
pub(crate) fn list(material: &Material<'_>, seen: &[Seen]) -> Vec<WebShell> {
    let known = Known::of(material);
    let mut pages: BTreeMap<&str, Vec<&Seen>> = BTreeMap::new();
    for one in seen.iter().filter(|one| speaks_of_a_shell(one)) {
        for page in &one.pages {
            pages.entry(page).or_default().push(one);
        }
    }
    let mut shells: Vec<WebShell> = pages
        .into_iter()
        .filter(|(_, seen)| seen.iter().any(|one| one.is_compromise() || one.finding.rule == UNKNOWN_FILE_RULE))
        .map(|(page, seen)| web_shell(material, &known, page, &seen))
        .collect();
    shells.sort_by(|a, b| a.path.cmp(&b.path));
    shells
}

/// Something left, driven or removed; not what is mere background.
fn speaks_of_a_shell(one: &Seen) -> bool {
    let by_file = matches!(one.finding.rule.as_str(), UNKNOWN_FILE_RULE | FILE_SIGNS_RULE);
    let telling = one.proves() != Proves::Context || by_file;
    telling
        && !is_changed_logon_page(one)
        && matches!(one.finding.stage, Stage::Foothold | Stage::Control | Stage::Cleanup)
}

/// What the server's pages and files say, by page.
struct Known<'a> {
    /// What is in the evidence first, then what is listed, then what was deleted.
    files: BTreeMap<String, Vec<&'a FileSeen>>,
    /// When pages were compiled.
    compiled: BTreeMap<String, Utc>,
    uses: BTreeMap<&'a str, Vec<&'a PageUse>>,
    scanners: BTreeSet<&'a str>,
}

impl<'a> Known<'a> {
    fn of(material: &Material<'a>) -> Self {
        let server = material.server;
        let mut files: BTreeMap<String, Vec<&FileSeen>> = BTreeMap::new();
        for file in server.files.iter().filter(|file| file.trace.is_none()) {
            if let Some(key) = file_key(material.product, file) {
                files.entry(key).or_default().push(file);
            }
        }
        files.values_mut().for_each(|files| files.sort_by_key(|file| (file.state, file.sha256.is_none())));
        let mut uses: BTreeMap<&str, Vec<&PageUse>> = BTreeMap::new();
        for one in server.pages.iter().filter(|one| one.answered > 0) {
            uses.entry(&one.page).or_default().push(one);
        }
        Self { files, compiled: compiled(material), uses, scanners: scanners(&server.pages) }
    }
}

fn web_shell(material: &Material<'_>, known: &Known<'_>, page: &str, seen: &[&Seen]) -> WebShell {
    let server = material.server;
    let files: &[&FileSeen] = known.files.get(page).map(Vec::as_slice).unwrap_or_default();
    let file = files.first().copied();
    let (written, written_basis) = written(seen, files).unzip();
    let uses: &[&PageUse] = known.uses.get(page).map(Vec::as_slice).unwrap_or_default();
    let requests: Vec<&&Seen> = seen.iter().filter(|one| is_request(one)).collect();
    let (uses_count, first_use, last_use) = if uses.is_empty() {
        let total = requests.iter().map(|one| one.finding.count).fold(0, u64::saturating_add);
        let first = requests.iter().filter_map(|one| one.finding.time).min();
        (total, first, requests.iter().filter_map(|one| one.finding.last.or(one.finding.time)).max())
    } else {
        let total = uses.iter().map(|one| one.answered).fold(0, u64::saturating_add);
        let first = uses.iter().map(|one| one.first_answered.unwrap_or(one.first)).min();
        (total, first, uses.iter().map(|one| one.last_answered.unwrap_or(one.last)).max())
    };
    let is_url = page.starts_with('/');
    WebShell {
        path: file
            .map(|file| as_written(file, material))
            .or_else(|| written_path(material, seen, page))
            .unwrap_or(page.to_owned()),
        url: is_url.then(|| page.to_owned()),
        sha256: files.iter().find_map(|file| file.sha256.clone()),
        written,
        written_basis,
        compiled: known.compiled.get(page).copied(),
        uses: uses_count,
        first_use,
        last_use,
        present: match file.map(|file| file.state) {
            Some(FileState::Read | FileState::Listed) => Some(true),
            Some(FileState::Deleted) => Some(false),
            None => server.web_folders_present.then_some(false),
        },
        file: file.map(|file| file.state),
        clients: clients(&requests, uses, &known.scanners),
        findings: seen.iter().map(|one| one.finding.id.clone()).collect(),
    }
}

/// The path of a file on its server, in the letters of the evidence.
pub(crate) fn as_written(file: &FileSeen, material: &Material<'_>) -> String {
    let Some(record) = material.files.get(file.file as usize) else { return file.path.clone() };
    let written: Vec<&str> = record.path.split(['/', '!']).collect();
    let mut parts: Vec<&str> = file.path.split('\\').collect();
    for (part, written) in parts.iter_mut().rev().zip(written.iter().rev()) {
        // What is spelt otherwise (the drive, an escaped name) stays as it is.
        if part.to_lowercase() == written.to_lowercase() {
            *part = written;
        }
    }
    parts.join("\\")
}

/// The path on disk as a record of writing names it.
fn written_path(material: &Material<'_>, seen: &[&Seen], page: &str) -> Option<String> {
    let subjects = seen.iter().filter_map(|one| one.finding.subject.as_deref());
    let texts = seen.iter().flat_map(|one| &one.finding.evidence).flat_map(|one| crate::paths::scripts_in(&one.text));
    subjects
        .map(str::to_owned)
        .chain(texts)
        .filter(|path| crate::paths::page_key(material.product, path).as_deref() == Some(page))
        .find_map(|path| crate::paths::disk_path(&path))
}

/// When the page was written, and what says so. A record of the file itself is exact, and so is the table of files; a
/// cmdlet that had it written (export, reset of a virtual directory) comes a little before; what a collector noted is
/// what the file said of itself.
fn written(seen: &[&Seen], files: &[&FileSeen]) -> Option<(Utc, WrittenBasis)> {
    let writes = |one: &&&Seen| {
        let is_record = !is_web_log(one.family) && one.family != Family::File;
        // Antivirus finds what was written before.
        one.finding.stage == Stage::Foothold && is_record && !one.is_by_antivirus()
    };
    let first = |exact: bool| {
        // Sysmon records the creation of files, at the time of the file system.
        let of_file = |one: &&&Seen| one.finding.source.contains("Sysmon") == exact;
        seen.iter().filter(writes).filter(of_file).filter_map(|one| one.finding.time).min()
    };
    let times = |basis: TimeBasis| files.iter().filter_map(move |file| file.times.filter(|times| times.basis == basis));
    let named = times(TimeBasis::FileTable).filter_map(|times| times.came()).min();
    let noted = times(TimeBasis::Collector).filter_map(|times| times.came()).min();
    let ways = [
        (first(true), WrittenBasis::FileRecord),
        (named, WrittenBasis::FileTable),
        (first(false), WrittenBasis::CommandRecord),
        (noted, WrittenBasis::CollectorList),
    ];
    ways.into_iter().find_map(|(time, basis)| Some((time?, basis)))
}

/// When ASP.NET compiled the pages: the header of the library that came of it says so, else the table of files says when
/// the trace was made.
fn compiled(material: &Material<'_>) -> BTreeMap<String, Utc> {
    let traces = || material.server.files.iter().filter_map(|file| Some((file, file.trace.as_ref()?)));
    let libraries: BTreeMap<&str, Utc> =
        traces().filter_map(|(_, trace)| Some((trace.assembly.as_deref()?, trace.compiled?))).collect();
    let mut compiled: BTreeMap<String, Utc> = BTreeMap::new();
    for (file, trace) in traces() {
        let page = trace.page.as_deref().and_then(|page| crate::paths::page_key(material.product, page));
        let by_library = trace.assembly.as_deref().and_then(|library| libraries.get(library)).copied();
        let time = by_library.or_else(|| file.times.and_then(|times| times.named));
        if let Some((page, time)) = page.zip(time) {
            compiled.entry(page).and_modify(|known| *known = time.min(*known)).or_insert(time);
        }
    }
    compiled
}

fn is_request(one: &Seen) -> bool {
    one.finding.stage == Stage::Control && is_web_log(one.family)
}

fn is_web_log(family: Family) -> bool {
    matches!(family, Family::Iis | Family::HttpProxy | Family::HttpErr)
}

/// Clients that drive the page, and those that were answered and are no scanners.
fn clients(requests: &[&&Seen], uses: &[&PageUse], scanners: &BTreeSet<&str>) -> Vec<String> {
    let driving = requests.iter().filter_map(|one| one.finding.client.as_deref());
    let by_hand = uses.iter().filter(|one| drives(one) || !scanners.contains(one.client.as_str()));
    let fetching = by_hand.map(|one| one.client.as_str());
    let named = |client: &&str| !client.starts_with('(');
    driving.chain(fetching).filter(named).collect::<BTreeSet<&str>>().into_iter().map(str::to_owned).collect()
}
