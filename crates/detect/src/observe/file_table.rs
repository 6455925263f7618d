//! The files that a list of files names: records of a file table joined to paths, or lines of a collector's list.
//!
//! A record names its folder by number, and the folder can stand anywhere in the table, so folders are kept until all
//! records are read. Memory is bounded: of folders and of files those with the smallest numbers are kept, whatever the
//! order in which they come, and how many were passed over is counted.

use std::collections::BTreeMap;

use model::listing::{FileTimes, ListedFile, TableName, TableRecord, TimeBasis};

use super::bounded::Merge;

/// Folders that are kept. Large servers have a few hundred thousand.
pub const FOLDERS_MAX: usize = 1_000_000;
/// Files with a telling name that are kept before it is known where they lie.
pub const FILES_MAX: usize = 100_000;
/// Files handed on of one list.
pub const LISTED_MAX: usize = 50_000;
/// Content of a single file that is kept; only of pages and their traces. On most volumes no record holds half of it.
const CONTENT_BYTES_MAX: usize = 2_048;
/// Content of all files together that is handed on.
const CONTENTS_BYTES_MAX: usize = 32 << 20;
/// Folders inside each other.
const DEPTH_MAX: usize = 64;
/// Number of the root folder.
const ROOT: u64 = 5;

/// What a list of files tells. Adds up regardless of order.
#[derive(Clone, Debug, Default)]
pub struct FileTable {
    folders: BTreeMap<u64, Folder>,
    files: BTreeMap<u64, TableFile>,
    lines: BTreeMap<u64, ListedFile>,
    /// Folders and files for which there was no room.
    passed_over: u64,
}

#[derive(Clone, Debug)]
struct Folder {
    parent: u64,
    parent_sequence: u16,
    sequence: u16,
    in_use: bool,
    name: Box<str>,
}

/// A file, from its own record and those that continue it.
#[derive(Clone, Debug, Default)]
struct TableFile {
    records: BTreeMap<u64, TableRecord>,
}

impl FileTable {
    /// Takes in a record of a file table.
    pub fn note(&mut self, record: TableRecord) {
        if record.is_folder && record.base.is_none() {
            self.note_folder(&record);
            if record.streams.is_empty() {
                return;
            }
        }
        let number = record.base.unwrap_or(record.number);
        let record = without_needless_content(record);
        self.files.entry(number).or_default().records.insert(record.number, record);
        self.trim();
    }

    /// Takes in a line of a collector's list.
    pub fn note_line(&mut self, file: ListedFile) {
        self.lines.insert(file.record, file);
        self.trim();
    }

    /// Nothing was listed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.files.is_empty() && self.lines.is_empty()
    }

    /// How many folders and files found no room.
    #[must_use]
    pub fn passed_over(&self) -> u64 {
        self.passed_over
    }

    fn note_folder(&mut self, record: &TableRecord) {
        let Some(name) = record.names.first() else { return };
        let folder = Folder {
            parent: name.parent,
            parent_sequence: name.parent_sequence,
            sequence: record.sequence,
            in_use: record.in_use,
            name: name.name.clone(),
        };
        self.folders.insert(record.number, folder);
        self.trim();
    }

    fn trim(&mut self) {
        self.passed_over += trim(&mut self.folders, FOLDERS_MAX);
        self.passed_over += trim(&mut self.files, FILES_MAX);
        self.passed_over += trim(&mut self.lines, LISTED_MAX);
    }

    /// The files that lie where it is asked for, by path. `drive` stands before the paths of the table, `record_bytes`
    /// says where its records stand, `wanted` gets a path in lower case.
    #[must_use]
    pub fn into_files(self, drive: &str, record_bytes: u64, wanted: &dyn Fn(&str) -> bool) -> Vec<ListedFile> {
        let mut listed: Vec<ListedFile> = self.lines.into_values().collect();
        let mut room = CONTENTS_BYTES_MAX;
        for (number, file) in &self.files {
            listed.extend(file.listed(*number, &self.folders, drive, wanted).into_iter().map(|mut one| {
                one.offset = one.record.saturating_mul(record_bytes);
                let length = one.content.as_ref().map_or(0, |content| content.len());
                one.content = one.content.filter(|_| length <= room);
                room = room.saturating_sub(length);
                one
            }));
            if listed.len() >= LISTED_MAX {
                break;
            }
        }
        listed.sort_by(|a, b| (&a.path, a.deleted, a.record).cmp(&(&b.path, b.deleted, b.record)));
        listed.truncate(LISTED_MAX);
        listed
    }
}

/// What will not be looked into is not kept: a forged table is nothing but content.
fn without_needless_content(mut record: TableRecord) -> TableRecord {
    let is_read = |name: &str| exchange::is_page_name(name) || name.to_ascii_lowercase().ends_with(".compiled");
    let is_small = |content: &[u8]| content.len() <= CONTENT_BYTES_MAX;
    let by_name = record.names.iter().any(|name| is_read(&name.name));
    record.content = record.content.filter(|content| by_name && is_small(content));
    for stream in &mut record.streams {
        let is_wanted = is_read(&stream.name);
        stream.content = stream.content.take().filter(|content| is_wanted && is_small(content));
    }
    record
}

fn trim<V>(map: &mut BTreeMap<u64, V>, limit: usize) -> u64 {
    let mut passed_over = 0;
    while map.len() > limit {
        map.pop_last();
        passed_over += 1;
    }
    passed_over
}

impl TableFile {
    fn listed(
        &self,
        number: u64,
        folders: &BTreeMap<u64, Folder>,
        drive: &str,
        wanted: &dyn Fn(&str) -> bool,
    ) -> Vec<ListedFile> {
        // What continues a record knows nothing of its times and state; alone it still names the file.
        let Some(main) = self.records.get(&number).or_else(|| self.records.values().next()) else { return Vec::new() };
        let names = self.records.values().flat_map(|record| &record.names);
        let mut listed = Vec::new();
        for name in names {
            let Some(folder) = path_of(name, folders) else { continue };
            let path = format!("{drive}{folder}{}", name.name);
            let path = path.strip_prefix('\\').map_or_else(|| path.clone(), str::to_owned);
            let size = main.size.unwrap_or(0);
            let one = |path: String, size: u64, content: Option<&[u8]>| ListedFile {
                path,
                deleted: !main.in_use,
                times: times(main, name),
                size,
                content: content.map(Into::into),
                record: number,
                offset: 0,
            };
            if !main.is_folder && wanted(&path.to_lowercase()) {
                listed.push(one(path.clone(), size, main.content.as_deref()));
            }
            for stream in self.records.values().flat_map(|record| &record.streams) {
                let beside = format!("{path}:{}", stream.name);
                if wanted(&beside.to_lowercase()) {
                    listed.push(one(beside, stream.size, stream.content.as_deref()));
                }
            }
        }
        listed
    }
}

fn times(main: &TableRecord, name: &TableName) -> FileTimes {
    let [created, modified, changed] = main.times;
    FileTimes { created, modified, changed, named: name.created, basis: TimeBasis::FileTable }
}

/// `\inetpub\wwwroot\`: the folder of a name. `None` when one of its folders is gone and its number used again, when they
/// turn in a circle, or when the table is cut off before them.
fn path_of(name: &TableName, folders: &BTreeMap<u64, Folder>) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    let (mut number, mut sequence) = (name.parent, name.parent_sequence);
    while number != ROOT {
        let folder = folders.get(&number)?;
        // Deleting a folder counts its sequence on.
        let is_it = folder.sequence == sequence || !folder.in_use && folder.sequence == sequence.wrapping_add(1);
        if !is_it || parts.len() >= DEPTH_MAX {
            return None;
        }
        parts.push(&folder.name);
        (number, sequence) = (folder.parent, folder.parent_sequence);
    }
    let mut path = String::from("\\");
    for part in parts.iter().rev() {
        path.push_str(part);
        path.push('\\');
    }
    Some(path)
}

impl Merge for FileTable {
    fn merge(&mut self, other: Self) {
        self.folders.extend(other.folders);
        for (number, file) in other.files {
            self.files.entry(number).or_default().records.extend(file.records);
        }
        self.lines.extend(other.lines);
        self.passed_over += other.passed_over;
        self.trim();
    }
}

#[cfg(test)]
mod tests {
    use model::listing::{TableName, TableRecord, TableStream};

    use super::{FileTable, Merge};

    fn record(number: u64, parent: u64, name: &str) -> TableRecord {
        TableRecord {
            number,
            sequence: 1,
            in_use: true,
            names: vec![TableName { parent, parent_sequence: 1, created: None, name: name.into() }],
            ..TableRecord::default()
        }
    }

    fn folder(number: u64, parent: u64, name: &str) -> TableRecord {
        TableRecord { is_folder: true, ..record(number, parent, name) }
    }

    fn paths(records: Vec<TableRecord>) -> Vec<String> {
        let mut whole = FileTable::default();
        records.iter().cloned().for_each(|record| whole.note(record));
        // In any order, and in pieces, the same.
        let mut pieces = FileTable::default();
        for record in records.into_iter().rev() {
            let mut piece = FileTable::default();
            piece.note(record);
            pieces.merge(piece);
        }
        let told = |table: FileTable| table.into_files("c:", 1_024, &|_| true);
        let files = told(whole);
        assert_eq!(told(pieces), files);
        files.into_iter().map(|file| format!("{}{}", file.path, if file.deleted { " deleted" } else { "" })).collect()
    }

    #[test]
    fn names_become_paths_wherever_the_folder_stands() {
        let records = vec![record(30, 99, "x.aspx"), folder(99, 40, "wwwroot"), folder(40, 5, "inetpub")];
        assert_eq!(paths(records), [r"c:\inetpub\wwwroot\x.aspx"]);
    }

    #[test]
    fn circles_and_missing_folders_end() {
        let circle = vec![record(30, 40, "x.aspx"), folder(40, 41, "a"), folder(41, 40, "b")];
        assert!(paths(circle).is_empty());
        assert!(paths(vec![record(30, 40, "x.aspx"), folder(40, 40, "a")]).is_empty());
        assert!(paths(vec![record(30, 40, "x.aspx")]).is_empty());
    }

    #[test]
    fn a_folder_that_was_deleted_is_known_until_its_number_is_used_again() {
        let deleted = |in_use: bool| {
            let file = TableRecord { in_use: false, ..record(30, 40, "x.aspx") };
            vec![file, TableRecord { in_use, sequence: 2, ..folder(40, 5, "com1") }]
        };
        assert_eq!(paths(deleted(false)), [r"c:\com1\x.aspx deleted"]);
        assert!(paths(deleted(true)).is_empty(), "another folder has its number");
    }

    #[test]
    fn links_streams_and_records_that_continue_are_told() {
        let mut linked = record(30, 5, "a.aspx");
        linked.names.push(TableName { parent: 40, ..linked.names[0].clone() });
        let stream = TableStream { name: "s.aspx".into(), size: 3, content: None };
        let text = TableRecord { streams: vec![stream], ..record(31, 40, "t.txt") };
        let continued = TableRecord { base: Some(30), ..record(50, 5, "b.aspx") };
        let told = paths(vec![linked, text, continued, folder(40, 5, "d")]);
        assert_eq!(told, [r"c:\a.aspx", r"c:\b.aspx", r"c:\d\a.aspx", r"c:\d\t.txt", r"c:\d\t.txt:s.aspx"]);
    }

    #[test]
    fn content_is_kept_of_small_pages_alone() {
        let content = |name: &str, length: usize| {
            let mut table = FileTable::default();
            table.note(TableRecord { content: Some(vec![7; length].into()), ..record(30, 5, name) });
            table.into_files("c:", 1_024, &|_| true).remove(0).content.map(|content| content.len())
        };
        assert_eq!(content("x.aspx", 700), Some(700));
        assert_eq!(content("x.aspx.1.compiled", 700), Some(700));
        assert_eq!(content("x.aspx", 3_000), None);
        assert_eq!(content("x.zip", 700), None);
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let mut table = FileTable::default();
        let files = u64::try_from(super::FILES_MAX).unwrap() + 3;
        (0..files).rev().for_each(|number| table.note(record(number + 30, 5, "x.aspx")));
        assert_eq!((table.passed_over(), table.files.len()), (3, super::FILES_MAX));
        assert_eq!(table.files.keys().next(), Some(&30));
    }
}
