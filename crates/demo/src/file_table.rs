//! Writes the table of files of an NTFS volume (`$MFT`): as many records as a story needs, each laid out as the file
//! system lays it out. Shares no code with the reader.

use crate::time::Time;

/// Bytes of a record.
const RECORD: usize = 1_024;
/// Content up to this size lies in the record.
const RESIDENT_MAX: usize = 700;
/// Record number of the root folder.
pub const ROOT: u64 = 5;
/// Records below this are of the file system itself.
const FIRST_FREE: u64 = 24;

/// A file table in the making.
pub struct FileTable {
    records: Vec<Entry>,
}

/// A file or folder to be put into the table. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug, Default)]
pub struct Entry {
    /// Number of the folder it lies in.
    pub parent: u64,
    /// Its name.
    pub name: String,
    /// A second, short name.
    pub short_name: Option<String>,
    /// It is a folder.
    pub folder: bool,
    /// It was deleted.
    pub deleted: bool,
    /// What it says of its creation; also taken for the other times.
    pub created: i64,
    /// When the name was made; `None`: the same.
    pub named: Option<i64>,
    /// Its content.
    pub content: Vec<u8>,
    /// A stream beside it.
    pub stream: Option<(String, Vec<u8>)>,
    /// Its number; given by [`FileTable::add`].
    pub number: u64,
}

impl Default for FileTable {
    fn default() -> Self {
        Self::new()
    }
}

impl FileTable {
    /// A table with the records of the file system itself.
    #[must_use]
    pub fn new() -> Self {
        let own = |number: u64, name: &str, folder: bool| Entry {
            parent: ROOT,
            name: name.to_owned(),
            folder,
            created: Time::day(2019, 6, 1).0,
            number,
            ..Entry::default()
        };
        Self { records: vec![own(0, "$MFT", false), own(1, "$MFTMirr", false), own(ROOT, ".", true)] }
    }

    /// Adds a file or folder and returns its number.
    pub fn add(&mut self, mut entry: Entry) -> u64 {
        entry.number = self.records.iter().map(|one| one.number + 1).max().unwrap_or(0).max(FIRST_FREE);
        self.records.push(entry);
        self.records.last().map_or(0, |entry| entry.number)
    }

    /// The number of a folder by its path (`inetpub\wwwroot`), made where it is missing.
    pub fn folder(&mut self, path: &str, created: i64) -> u64 {
        let mut parent = ROOT;
        for name in path.split('\\').filter(|name| !name.is_empty()) {
            let known = self.records.iter().find(|one| one.folder && one.parent == parent && one.name == name);
            let number = known.map(|one| one.number);
            parent = number.unwrap_or_else(|| {
                self.add(Entry { parent, name: name.to_owned(), folder: true, created, ..Entry::default() })
            });
        }
        parent
    }

    /// The bytes of the table: numbers without a record are empty.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let count = self.records.iter().map(|one| one.number as usize + 1).max().unwrap_or(0);
        let mut bytes = vec![0; count * RECORD];
        for entry in &self.records {
            let at = entry.number as usize * RECORD;
            bytes[at..at + RECORD].copy_from_slice(&record(entry));
        }
        bytes
    }
}

/// One record.
fn record(entry: &Entry) -> Vec<u8> {
    let mut bytes = vec![0; RECORD];
    bytes[..4].copy_from_slice(b"FILE");
    put(&mut bytes, 0x04, &0x30_u16.to_le_bytes());
    put(&mut bytes, 0x06, &3_u16.to_le_bytes());
    // Deleting a file counts its number on.
    put(&mut bytes, 0x10, &(1 + u16::from(entry.deleted)).to_le_bytes());
    put(&mut bytes, 0x12, &1_u16.to_le_bytes());
    put(&mut bytes, 0x14, &0x38_u16.to_le_bytes());
    let flags = u16::from(!entry.deleted) | u16::from(entry.folder) << 1;
    put(&mut bytes, 0x16, &flags.to_le_bytes());
    put(&mut bytes, 0x1C, &(RECORD as u32).to_le_bytes());
    put(&mut bytes, 0x2C, &(entry.number as u32).to_le_bytes());
    let mut at = 0x38;
    let mut add = |attribute: Vec<u8>| {
        put(&mut bytes, at, &attribute);
        at += attribute.len();
    };
    add(resident(0x10, "", &standard_information(entry.created)));
    let long = if entry.short_name.is_some() { 1 } else { 3 };
    entry.short_name.iter().for_each(|short| add(resident(0x30, "", &file_name(entry, short, 2))));
    add(resident(0x30, "", &file_name(entry, &entry.name, long)));
    if !entry.folder {
        add(data("", &entry.content));
        entry.stream.iter().for_each(|(name, content)| add(data(name, content)));
    }
    add(0xFFFF_FFFF_u32.to_le_bytes().to_vec());
    put(&mut bytes, 0x18, &(at as u32 + 4).to_le_bytes());
    protect(&mut bytes);
    bytes
}

/// The last two bytes of every sector go to the front, and a number takes their places.
fn protect(bytes: &mut [u8]) {
    put(bytes, 0x30, &7_u16.to_le_bytes());
    for sector in 0..RECORD / 512 {
        let end = (sector + 1) * 512;
        let own = [bytes[end - 2], bytes[end - 1]];
        put(bytes, 0x32 + sector * 2, &own);
        put(bytes, end - 2, &7_u16.to_le_bytes());
    }
}

fn standard_information(created: i64) -> Vec<u8> {
    let mut content = vec![0; 0x48];
    for at in [0, 8, 16, 24] {
        put(&mut content, at, &ticks(created));
    }
    content
}

fn file_name(entry: &Entry, name: &str, space: u8) -> Vec<u8> {
    let mut content = vec![0; 0x42];
    put(&mut content, 0, &(entry.parent | 1 << 48).to_le_bytes());
    for at in [8, 16, 24, 32] {
        put(&mut content, at, &ticks(entry.named.unwrap_or(entry.created)));
    }
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    content[0x40] = (units.len() / 2) as u8;
    content[0x41] = space;
    content.extend(units);
    content
}

fn data(name: &str, content: &[u8]) -> Vec<u8> {
    if content.len() <= RESIDENT_MAX { resident(0x80, name, content) } else { elsewhere(content.len() as u64) }
}

/// An attribute whose content lies in the record.
fn resident(kind: u32, name: &str, content: &[u8]) -> Vec<u8> {
    let units: Vec<u8> = name.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let at = (0x18 + units.len()).next_multiple_of(8);
    let mut bytes = vec![0; (at + content.len()).next_multiple_of(8)];
    let length = bytes.len() as u32;
    put(&mut bytes, 0x00, &kind.to_le_bytes());
    put(&mut bytes, 0x04, &length.to_le_bytes());
    bytes[0x09] = (units.len() / 2) as u8;
    put(&mut bytes, 0x0A, &0x18_u16.to_le_bytes());
    put(&mut bytes, 0x10, &(content.len() as u32).to_le_bytes());
    put(&mut bytes, 0x14, &(at as u16).to_le_bytes());
    put(&mut bytes, 0x18, &units);
    put(&mut bytes, at, content);
    bytes
}

/// An attribute whose content lies in one run of clusters.
fn elsewhere(size: u64) -> Vec<u8> {
    let mut bytes = vec![0; 0x48];
    let clusters = size.div_ceil(4_096);
    put(&mut bytes, 0x00, &0x80_u32.to_le_bytes());
    put(&mut bytes, 0x04, &0x48_u32.to_le_bytes());
    bytes[0x08] = 1;
    put(&mut bytes, 0x18, &(clusters - 1).to_le_bytes());
    put(&mut bytes, 0x20, &0x40_u16.to_le_bytes());
    put(&mut bytes, 0x28, &(clusters * 4_096).to_le_bytes());
    put(&mut bytes, 0x30, &size.to_le_bytes());
    put(&mut bytes, 0x38, &size.to_le_bytes());
    put(&mut bytes, 0x40, &[0x11, clusters.min(255) as u8, 0x20, 0]);
    bytes
}

/// Tenths of microseconds since 1601.
fn ticks(milliseconds: i64) -> [u8; 8] {
    ((milliseconds + 11_644_473_600_000) * 10_000).to_le_bytes()
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes[at..at + value.len()].copy_from_slice(value);
}
