//! Where evidence lies on a server, how long it lives there and what it answers. Data: `knowledge/sources.csv`.
//!
//! The one table behind three things: what an assessment asks for where something is missing, what a recipe collects, and
//! what is read on a running server. Ages and sizes are defaults: an administrator can change every one of them, so they
//! explain a gap and never prove one.

mod places;

use std::sync::OnceLock;

use model::Utc;
use model::collecting::{Copying, Root, Row, Since, Take};

use crate::table;

pub use places::{Folders, live_folders};

/// One row of the table. They stand in order: the most perishable and most telling first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceSource {
    /// `httpproxy`, `event-security`.
    pub id: &'static str,
    /// The log family, as [`model::Family::name`] spells it.
    pub family: &'static str,
    /// Parts of the family that the row holds, each with its other names: protocols, sites, channels.
    pub parts: Vec<Vec<&'static str>>,
    /// What a part is on the disk.
    pub parts_are: PartsAre,
    /// Kinds of files, as the manifest spells them.
    pub kinds: Vec<&'static str>,
    /// `HttpProxy logs`.
    pub title: &'static str,
    /// What the folder hangs on.
    pub root: Root,
    /// Below the root.
    pub folder: &'static str,
    /// Names of files, with `*`.
    pub masks: Vec<&'static str>,
    /// Folders below it that are looked into; `None`: all.
    pub depth: Option<u32>,
    /// What is taken.
    pub take: Take,
    /// How it can be copied.
    pub copying: Copying,
    /// A file holds only the time until its last change, so old files can be left where they are.
    pub dated: bool,
    /// How long the server keeps it.
    pub retention: Retention,
    /// Keys of the questions that it answers.
    pub answers: Vec<&'static str>,
    /// What it shows.
    pub why: &'static str,
    /// What in it is nobody else's business.
    pub sensitive: &'static str,
}

/// What a part of a family is on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartsAre {
    /// The family has no parts here, or they do not show.
    Nothing,
    /// A folder of its own.
    Folders,
    /// A file of its own, an event log.
    Files,
}

/// How long something is kept unless somebody changed it. Age or size, whichever comes first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `None`: kept until somebody deletes it, or circular by size alone, or not known.
    pub age_days_max: Option<u64>,
    /// `None`: no limit is known.
    pub folder_bytes_max: Option<u64>,
    /// `None`: no limit is known.
    pub file_bytes_max: Option<u64>,
    /// What the folder limit counts for: `folder`, `protocol folder`, `file prefix`, `channel`.
    pub per: &'static str,
    /// What else is known.
    pub note: &'static str,
}

/// Where evidence lies, the most perishable and most telling first.
#[must_use]
pub fn sources() -> &'static [EvidenceSource] {
    static SHIPPED: OnceLock<Vec<EvidenceSource>> = OnceLock::new();
    SHIPPED.get_or_init(|| {
        let text = include_str!("../../../../knowledge/sources.csv");
        // Read once and kept as long as the program runs.
        table::rows(text).map(|row| read(Vec::leak(row.iter().map(str::to_owned).collect()))).collect()
    })
}

/// A row by its id.
#[must_use]
pub fn source(id: &str) -> Option<&'static EvidenceSource> {
    sources().iter().find(|source| source.id == id)
}

/// Where a source such as `httpproxy/Ecp` or `windows/Security` lies on a server with default paths, in words.
#[must_use]
pub fn place_of_source(source: &str) -> Option<String> {
    let (family, part) = source.split_once('/').unwrap_or((source, ""));
    let rows = || sources().iter().filter(|row| row.family == family && row.root != Root::None && row.is_asked());
    let holding = rows().find(|row| row.part(part).is_some());
    let row = holding.or_else(|| rows().find(|row| row.parts_are != PartsAre::Files && row.parts.is_empty()));
    match row.or_else(|| rows().next())? {
        row if row.parts_are == PartsAre::Files && part.is_empty() => None,
        row => Some(row.place(part)),
    }
}

/// The places of several rows in one phrase; rows of one folder share it.
///
/// # Panics
/// When a row is not in the table: ids are ours.
#[must_use]
pub fn places(ids: &[&str]) -> String {
    let row = |id: &&str| source(id).expect("ids stand in sources.csv");
    let mut by_folder: Vec<(String, Vec<&str>)> = Vec::new();
    for row in ids.iter().map(row) {
        let folder = row.shown_folder();
        let names: Vec<&str> = match row.parts_are {
            PartsAre::Files => row.parts.iter().filter_map(|part| part.first().copied()).collect(),
            _ if row.depth == Some(0) && !row.masks.contains(&"*") => row.masks.clone(),
            _ => Vec::new(),
        };
        match by_folder.iter_mut().find(|(known, _)| *known == folder) {
            Some((_, known)) => known.extend(names),
            None => by_folder.push((folder, names)),
        }
    }
    let shown = |(folder, names): (String, Vec<&str>)| match names.as_slice() {
        [] => folder,
        [one] if !one.contains('*') && !one.contains('/') && one.contains('.') => format!(r"{folder}\{one}"),
        names => format!("{folder} ({})", listed(names)),
    };
    let folders: Vec<String> = by_folder.into_iter().map(shown).collect();
    listed(&folders.iter().map(String::as_str).collect::<Vec<_>>())
}

/// `a, b and c`.
fn listed(names: &[&str]) -> String {
    match names {
        [before @ .., last] if !before.is_empty() => format!("{} and {last}", before.join(", ")),
        names => names.concat(),
    }
}

impl EvidenceSource {
    /// Recipes take it.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.take != Take::NotAsked
    }

    /// The row holds a source of the coverage list: `httpproxy/Ecp`, `windows/Security`, `ews`.
    #[must_use]
    pub fn holds_source(&self, source: &str) -> bool {
        let (family, part) = source.split_once('/').unwrap_or((source, ""));
        family.eq_ignore_ascii_case(self.family)
            && (part.is_empty()
                || self.parts_are == PartsAre::Folders
                || self.part(part).is_some()
                || self.parts.is_empty())
    }

    /// The name on the disk of a part that is known here, by any of its names.
    #[must_use]
    pub fn part(&self, part: &str) -> Option<&'static str> {
        let of = |names: &&Vec<&'static str>| names.iter().any(|name| name.eq_ignore_ascii_case(part));
        self.parts.iter().find(of).and_then(|names| names.first().copied())
    }

    /// The folder in words, without a backslash at its end.
    #[must_use]
    pub fn shown_folder(&self) -> String {
        match self.root {
            Root::Volumes => "the root of each volume".to_owned(),
            root => format!("{}{}", root.words(), self.folder).trim_end_matches('\\').to_owned(),
        }
    }

    /// Where a part of it lies, in words. The part may be one that the table does not know.
    #[must_use]
    pub fn place(&self, part: &str) -> String {
        let folder = self.shown_folder();
        let part_named = self.part(part).unwrap_or(part);
        match self.parts_are {
            PartsAre::Folders if !part.is_empty() => format!(r"{folder}\{part_named}"),
            PartsAre::Files if !part.is_empty() => format!(r"{folder}\{}", file_of_channel(part_named)),
            _ => folder,
        }
    }

    /// The line of a recipe for all of it.
    #[must_use]
    pub fn row(&self, since: Since) -> Row {
        Row {
            id: self.id,
            title: self.title,
            root: self.root,
            folder: self.folder.to_owned(),
            masks: self.masks.clone(),
            depth: self.depth,
            take: self.take,
            copying: self.copying,
            since: if self.dated { since } else { Since::Ever },
            until: None,
            kept: self.retention.words(),
            answers: self.answers.clone(),
            why: self.why,
            sensitive: self.sensitive,
        }
    }

    /// The lines of a recipe for some parts of it, by their names on the disk; for all of it where there are none.
    #[must_use]
    pub fn rows_of(&self, parts: &[&'static str], since: Since, until: Option<Utc>) -> Vec<Row> {
        let whole = Row { until, ..self.row(since) };
        if parts.is_empty() {
            return vec![whole];
        }
        let below = |part: &&str| {
            if whole.folder.is_empty() { (*part).to_owned() } else { format!(r"{}\{part}", whole.folder) }
        };
        match self.parts_are {
            PartsAre::Folders => parts.iter().map(|part| Row { folder: below(part), ..whole.clone() }).collect(),
            PartsAre::Files => {
                let is_asked = |mask: &&'static str| parts.iter().any(|part| is_file_of_channel(mask, part));
                let masks = self.masks.iter().copied().filter(is_asked).collect();
                vec![Row { masks, ..whole }]
            }
            PartsAre::Nothing => vec![whole],
        }
    }
}

/// `Microsoft-Windows-Sysmon%4Operational.evtx`.
fn file_of_channel(channel: &str) -> String {
    format!("{}.evtx", channel.replace('/', "%4"))
}

/// The file of a channel, or what Windows kept of it when it was full.
fn is_file_of_channel(mask: &str, channel: &str) -> bool {
    let file = file_of_channel(channel);
    mask == file || mask.strip_prefix("Archive-").is_some_and(|rest| file.starts_with(rest.trim_end_matches("-*.evtx")))
}

impl Retention {
    /// `30 days or 1 GB per folder, whichever comes first; …`.
    #[must_use]
    pub fn words(&self) -> String {
        let age = self.age_days_max.map(|days| format!("{days} days"));
        let per = if self.per.is_empty() { String::new() } else { format!(" per {}", self.per) };
        let folder = self.folder_bytes_max.map(|bytes| format!("{} MB{per}", bytes >> 20));
        let limits: Vec<String> = age.into_iter().chain(folder).collect();
        let limits = limits.join(" or ");
        let file = self.file_bytes_max.filter(|_| limits.is_empty()).map(|bytes| format!("{} MB", bytes >> 20));
        let parts = [limits, file.unwrap_or_default(), self.note.to_owned()];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("; ")
    }
}

fn read(cells: &'static mut [String]) -> EvidenceSource {
    let cells: &'static [String] = cells;
    let [
        id,
        family,
        parts,
        parts_are,
        kinds,
        title,
        root,
        folder,
        masks,
        depth,
        take,
        copying,
        dated,
        age,
        cap,
        file,
        per,
        answers,
        why,
        sensitive,
        note,
        ..,
    ] = cells
    else {
        panic!("sources.csv has 22 columns");
    };
    let several = |cell: &'static str, at: char| cell.split(at).filter(|part| !part.is_empty()).collect::<Vec<_>>();
    EvidenceSource {
        id,
        family,
        parts: several(parts, '|').into_iter().map(|part| several(part, '=')).collect(),
        parts_are: match parts_are.as_str() {
            "folder" => PartsAre::Folders,
            "file" => PartsAre::Files,
            _ => PartsAre::Nothing,
        },
        kinds: several(kinds, '|'),
        title,
        root: root_of(root),
        folder,
        masks: several(masks, '|'),
        depth: (depth != "any").then(|| depth.parse().expect("depths in sources.csv are numbers or `any`")),
        take: take_of(take),
        copying: match copying.as_str() {
            "free" => Copying::Free,
            "open" => Copying::Open,
            "raw" => Copying::Raw,
            other => panic!("sources.csv: nobody can copy `{other}`"),
        },
        dated: dated == "yes",
        retention: Retention {
            age_days_max: table::number(age),
            folder_bytes_max: table::number(cap),
            file_bytes_max: table::number(file),
            per,
            note,
        },
        answers: several(answers, ' '),
        why,
        sensitive,
    }
}

fn root_of(cell: &str) -> Root {
    match cell {
        "exchange" => Root::Exchange,
        "iis-logs" => Root::IisLogs,
        "system-root" => Root::SystemRoot,
        "program-data" => Root::ProgramData,
        "system-drive" => Root::SystemDrive,
        "volumes" => Root::Volumes,
        "none" => Root::None,
        other => panic!("sources.csv: no root is called `{other}`"),
    }
}

fn take_of(cell: &str) -> Take {
    match cell {
        "content" => Take::Content,
        "names" => Take::Names,
        "by-hand" => Take::ByHand,
        "not-asked" => Take::NotAsked,
        other => panic!("sources.csv: nobody can take `{other}`"),
    }
}

#[cfg(test)]
mod tests;
