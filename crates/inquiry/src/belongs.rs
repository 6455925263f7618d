//! Does a file of the web folders belong there? What its name, place, content and times say, each reason in words.
//!
//! None of it says what a page does; that is judged by its content and its use. A page that is not Exchange's is named
//! where nothing else speaks of it, and where its name or its times are odd. A genuine page whose content is not that of
//! the build is one to look at: administrators customise logon pages. Times count only where the evidence brings them
//! from the server: those of the analyst's copy are never read.

use std::collections::{BTreeMap, BTreeSet};

use model::assessment::Evidence;
use model::campaign::{Proves, Stage};
use model::file::{FileRecord, Outcome};
use model::observation::{Belongs, FileSeen, FileState};
use model::{Build, Family, Utc};

use crate::findings::{
    CHANGED_FILE_RULE, FILE_SIGNS_RULE, LATE_FILE_RULE, Material, Said, Seen, TRACE_GONE_RULE, UNKNOWN_FILE_RULE,
    VANISHED_FILE_RULE, file_key, own_finding,
};
use crate::paths;
use crate::product::Place;

/// Fewer files of the same folder do not show when the folder came to be.
const NEIGHBOURS_MIN: usize = 3;
/// A page that is so much newer than its neighbours came by itself.
const LATE_SECS: i64 = 30 * 86_400;
/// What one update brings, it brings within this time.
const UPDATE_SECS: i64 = 86_400;

/// The pages of a server, and all that its evidence says of each.
struct Pages<'a> {
    by_key: BTreeMap<String, Vec<&'a FileSeen>>,
    /// When genuine pages came to be, by folder, sorted.
    folders: BTreeMap<&'a str, Vec<Utc>>,
    /// The same of all folders.
    all: Vec<Utc>,
    build: Option<Build>,
}

/// What is said of files by themselves. `told`: pages of which other findings speak.
pub(crate) fn findings(material: &Material<'_>, told: &BTreeSet<String>) -> Vec<Seen> {
    let pages = Pages::of(material);
    let mut seen: Vec<Seen> = Vec::new();
    for (key, files) in &pages.by_key {
        seen.extend(pages.strange(material, key, files, told.contains(key)));
        seen.extend(pages.genuine(material, key, files));
    }
    seen.extend(pages.gone(material));
    seen.extend(vanished(material));
    seen
}

impl<'a> Pages<'a> {
    fn of(material: &Material<'a>) -> Self {
        let server = material.server;
        let mut by_key: BTreeMap<String, Vec<&FileSeen>> = BTreeMap::new();
        for file in server.files.iter().filter(|file| file.trace.is_none()) {
            if let Some(key) = file_key(material.product, file) {
                by_key.entry(key).or_default().push(file);
            }
        }
        by_key.values_mut().for_each(|files| files.sort_by_key(|file| file.state));
        let mut folders: BTreeMap<&str, Vec<Utc>> = BTreeMap::new();
        for file in server.files.iter().filter(|file| file.belongs != Belongs::Unknown && file.url.is_some()) {
            let named = file.times.and_then(|times| times.named).filter(|_| file.state == FileState::Listed);
            folders.entry(folder(&file.path)).or_default().extend(named);
        }
        folders.values_mut().for_each(|times| times.sort_unstable());
        let mut all: Vec<Utc> = folders.values().flatten().copied().collect();
        all.sort_unstable();
        let strong = server.builds.iter().filter(|one| !one.weak);
        let build = strong.max_by_key(|one| (one.last, one.first)).map(|one| one.build);
        Self { by_key, folders, all, build }
    }

    /// A page in a place where only Exchange's own pages belong, that is not one of them.
    fn strange(&self, material: &Material<'_>, key: &str, files: &[&FileSeen], is_told: bool) -> Option<Seen> {
        let place = material.product.place(key);
        let is_strange = files.iter().all(|file| file.belongs == Belongs::Unknown);
        if !is_strange || matches!(place, Place::SiteRoot | Place::Elsewhere) {
            return None;
        }
        let first = files.first()?;
        let signs = self.signs(material, files);
        if is_told && signs.is_empty() {
            return None;
        }
        let is_deleted = first.state == FileState::Deleted;
        let mut reason = if is_told {
            "What the name, the place and the times of this page say:".to_owned()
        } else {
            format!(
                "It {} in a folder where only pages of Exchange belong, and neither its path nor its content is in the \
                 lists of Exchange's files. Nobody is seen using it in this evidence{}",
                if is_deleted { "lay" } else { "lies" },
                if is_deleted { ", and it was deleted." } else { ": look at its content." },
            )
        };
        signs.iter().for_each(|sign| reason.push_str(&format!(" {}", sentence(sign))));
        let said = Said {
            rule: if is_told { FILE_SIGNS_RULE } else { UNKNOWN_FILE_RULE },
            title: match (is_told, is_deleted) {
                (true, _) => "What name, place and times say of this page",
                (false, true) => "A page that was deleted and is not one of Exchange's own",
                (false, false) => "A page on disk that is not one of Exchange's own",
            }
            .to_owned(),
            reason,
            benign: &[
                "a page that an administrator or another product added",
                "a page of a build newer than the lists",
            ],
            attack: if signs.is_empty() { &["T1505.003"] } else { &["T1505.003", "T1036.005"] },
            stage: Stage::Foothold,
            proves: Proves::Context,
        };
        Some(about(material, said, key, files))
    }

    /// What is odd about a page that is not Exchange's, a clause each.
    fn signs(&self, material: &Material<'_>, files: &[&FileSeen]) -> Vec<String> {
        let Some(first) = files.first() else { return Vec::new() };
        let mut signs = material.product.odd_name(&first.path);
        let times = files.iter().filter_map(|file| file.times).find(|times| times.named.is_some());
        if let Some((times, named)) = times.and_then(|times| Some((times, times.named?))) {
            if let Some(created) = times.created.filter(|_| times.is_set_back()) {
                signs.push(format!(
                    "its creation was set back: it says {created}, and its name was made {named}; copying and unpacking do \
                     that too"
                ));
            }
            signs.extend(self.beside(&first.path, named));
        }
        signs
    }

    /// How the time of a page stands to that of the genuine pages beside it.
    fn beside(&self, path: &str, named: Utc) -> Option<String> {
        let median = self.median(path)?;
        let apart = named.secs_since(median);
        match apart {
            LATE_SECS.. => Some(format!(
                "it came {} days after the genuine pages of its folder ({median})",
                apart.div_euclid(86_400)
            )),
            _ if apart.abs() <= UPDATE_SECS => Some(format!(
                "it came with the genuine pages of its folder ({median}), so an update may have brought it"
            )),
            _ => None,
        }
    }

    fn median(&self, path: &str) -> Option<Utc> {
        let times = self.folders.get(folder(path)).filter(|times| times.len() >= NEIGHBOURS_MIN)?;
        times.get(times.len() / 2).copied()
    }

    /// A page at a genuine path: its content against that of the build, its time against that of its neighbours.
    fn genuine(&self, material: &Material<'_>, key: &str, files: &[&FileSeen]) -> Vec<Seen> {
        if files.iter().any(|file| file.belongs != Belongs::PathOnly) {
            return Vec::new();
        }
        let changed = files.iter().find_map(|file| self.changed(material, file));
        let late = files.iter().find_map(|file| self.late(file));
        let kinds = [(CHANGED_FILE_RULE, changed), (LATE_FILE_RULE, late)];
        let said = |(rule, reason): (&'static str, Option<String>)| {
            let reason = reason?;
            Some(Said {
                rule,
                title: if rule == CHANGED_FILE_RULE {
                    "A genuine page whose content was changed: look at it"
                } else {
                    "A genuine page that is newer than its neighbours: look at it"
                }
                .to_owned(),
                reason,
                benign: &[
                    "a logon page that was customised",
                    "an update after the last record that names a build",
                    "a page restored from a backup",
                ],
                attack: &["T1505.003", "T1036.005"],
                stage: Stage::Foothold,
                proves: Proves::Context,
            })
        };
        kinds.into_iter().filter_map(said).map(|said| about(material, said, key, files)).collect()
    }

    fn changed(&self, material: &Material<'_>, file: &FileSeen) -> Option<String> {
        let build = self.build?;
        let is_own = material.product.is_of_build(&file.path, file.sha256.as_deref()?, build)?;
        (!is_own && file.state == FileState::Read).then(|| {
            format!(
                "Its path is one of Exchange's. The files of build {build}, the last that this evidence names, are \
                 known, and this content is none of them: somebody replaced or changed the page. What its content does \
                 is judged apart."
            )
        })
    }

    fn late(&self, file: &FileSeen) -> Option<String> {
        let named = file.times?.named.filter(|_| file.state == FileState::Listed)?;
        let median = self.median(&file.path)?;
        let apart = named.secs_since(median);
        // An update that brings one page brings others, if only to other folders.
        let near = |other: &&Utc| named.secs_since(**other).abs() <= UPDATE_SECS;
        let came_alone = self.all.iter().filter(near).count() <= 1;
        (apart >= LATE_SECS && came_alone).then(|| {
            format!(
                "Its path is one of Exchange's, and its content is in no list. It came {named}, {} days after the \
                 genuine pages beside it ({median}), and no other page of Exchange came within a day of it.",
                apart.div_euclid(86_400)
            )
        })
    }

    /// Traces of compilation whose page is not there: it ran, and is gone.
    fn gone(&self, material: &Material<'_>) -> Vec<Seen> {
        if !material.server.web_folders_present {
            return Vec::new();
        }
        let traces = material.server.files.iter().filter_map(|file| Some((file, file.trace.as_ref()?.page.as_ref()?)));
        let mut by_page: BTreeMap<String, Vec<&FileSeen>> = BTreeMap::new();
        for (file, page) in traces {
            if let Some(key) = paths::page_key(material.product, page).filter(|key| self.is_gone(material, key)) {
                by_page.entry(key).or_default().push(file);
            }
        }
        let finding = |(page, traces): (String, Vec<&FileSeen>)| {
            let deleted = self.by_key.contains_key(&page);
            let telling =
                matches!(material.product.place(&page), Place::AspNetClient | Place::OwaAuth | Place::EcpAuth);
            let said = Said {
                rule: TRACE_GONE_RULE,
                title: "A page that ran and is gone".to_owned(),
                reason: format!(
                    "ASP.NET compiled {page}, which is not one of Exchange's own, so it was asked for at least once. {}",
                    if deleted {
                        "The table of files says that it was deleted."
                    } else {
                        "The web folders of this evidence do not hold it."
                    }
                ),
                benign: &["a page of another application that was removed", "web folders collected only in part"],
                attack: &["T1505.003", "T1070.004"],
                stage: Stage::Foothold,
                proves: if telling { Proves::Persistence } else { Proves::Context },
            };
            about(material, said, &page, &traces)
        };
        by_page.into_iter().map(finding).collect()
    }

    fn is_gone(&self, material: &Material<'_>, key: &str) -> bool {
        let place = material.product.place(key);
        let is_there = |files: &Vec<&FileSeen>| files.iter().any(|file| file.state != FileState::Deleted);
        // Of folders of other applications nobody knows whether they were collected.
        !matches!(place, Place::Elsewhere | Place::SiteRoot)
            && !material.product.is_known_page(key)
            && !self.by_key.get(key).is_some_and(is_there)
    }
}

/// Files that were listed, and were gone or held back when they were to be read.
fn vanished(material: &Material<'_>) -> Vec<Seen> {
    let is_ours = |file: &&FileRecord| file.server.as_deref().is_none_or(|server| server == material.name);
    let is_refused =
        |file: &FileRecord| matches!(&file.outcome, Outcome::Unreadable(why) if why == "permission denied");
    let of_pages = material.files.iter().filter(is_ours).filter_map(|file| {
        let url = material.product.url_of_path(&file.path)?;
        let key = paths::page_key(material.product, &url)?;
        (file.outcome == Outcome::Vanished || is_refused(file)).then_some((file, key))
    });
    let finding = |(file, key): (&FileRecord, String)| {
        let is_gone = file.outcome == Outcome::Vanished;
        let said = Said {
            rule: VANISHED_FILE_RULE,
            title: if is_gone { "A page that vanished while it was read" } else { "A page that could not be opened" }
                .to_owned(),
            reason: format!(
                "It was listed in a web folder and {} when it was to be read. An antivirus program does that with a web \
                 shell: look at its quarantine and its log, and at the rights of the file.",
                if is_gone { "was gone or held back" } else { "access to it was denied" }
            ),
            benign: &["a copy of the evidence that was still going on", "missing rights of whoever ran this"],
            attack: &["T1505.003"],
            stage: Stage::Foothold,
            proves: Proves::Context,
        };
        let mut finding = own_finding(material.name, said);
        finding.subject = Some(file.path.clone());
        finding.source = Family::File.name().to_owned();
        finding.evidence =
            vec![line(file.path.clone(), format!("{} ({} bytes when it was listed)", file.path, file.size))];
        of_file(finding, vec![key])
    };
    of_pages.map(finding).collect()
}

/// A finding about a page, with a line of evidence for each file that tells of it.
fn about(material: &Material<'_>, said: Said, key: &str, files: &[&FileSeen]) -> Seen {
    let mut finding = own_finding(material.name, said);
    finding.subject = files.first().map(|file| file.path.clone());
    finding.source = Family::File.name().to_owned();
    finding.evidence = files.iter().map(|file| told(material, file)).collect();
    of_file(finding, vec![key.to_owned()])
}

fn told(material: &Material<'_>, file: &FileSeen) -> Evidence {
    let path = material.files.get(file.file as usize).map(|record| record.path.clone()).unwrap_or_default();
    let state = match file.state {
        FileState::Read => "",
        FileState::Listed => ", listed",
        FileState::Deleted => ", deleted",
    };
    let named = file.times.and_then(|times| times.came()).map(|time| format!(", came {time}")).unwrap_or_default();
    let hash = file.sha256.as_deref().unwrap_or("unknown");
    line(path, format!("{} ({} bytes, SHA-256 {hash}{state}{named})", file.path, file.size))
}

fn line(path: String, text: String) -> Evidence {
    Evidence { path, record: 0, offset: 0, time: None, text, encoding: None }
}

fn of_file(finding: model::assessment::Finding, pages: Vec<String>) -> Seen {
    Seen {
        finding,
        family: Family::File,
        indicator: false,
        foreign: false,
        request_ids: Vec::new(),
        pages,
        last_driven: None,
        follows: None,
    }
}

/// Gives findings about files the time at which the table of files says that they came to be. What a file says of
/// itself, and what a collector noted of that, can be set by anybody: it dates no finding.
pub(crate) fn settle_times(seen: &mut [Seen], files: &[FileSeen]) {
    let mut named: BTreeMap<&str, Utc> = BTreeMap::new();
    for file in files {
        if let Some(time) = file.times.and_then(|times| times.named) {
            named.entry(&file.path).and_modify(|known| *known = time.max(*known)).or_insert(time);
        }
    }
    for one in seen.iter_mut().filter(|one| one.family == Family::File && one.finding.time.is_none()) {
        let time = one.finding.subject.as_deref().and_then(|path| named.get(path)).copied();
        (one.finding.time, one.finding.last) = (time, time);
    }
}

fn folder(path: &str) -> &str {
    path.rsplit_once('\\').map_or("", |(folder, _)| folder)
}

/// `its name …` to `Its name ….`
fn sentence(clause: &str) -> String {
    let mut letters = clause.chars();
    letters.next().map(|first| format!("{}{}.", first.to_uppercase(), letters.as_str())).unwrap_or_default()
}

#[cfg(test)]
mod tests;
