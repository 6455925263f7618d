//! Files as a list names them: a record of a file table (`$MFT`), or a line of what a collector wrote down.
//!
//! Such a list tells of files that are not in the evidence, and when they came to be. Times of the analyst's own copy
//! are never among these: they say when somebody copied.

use serde::{Deserialize, Serialize};

use crate::Utc;

/// Times of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTimes {
    /// Created. Any program can set it.
    pub created: Option<Utc>,
    /// Content written last. Any program can set it.
    pub modified: Option<Utc>,
    /// Record of the file changed last.
    pub changed: Option<Utc>,
    /// When the name came to be in its folder. Only the file system sets it.
    pub named: Option<Utc>,
    /// Where the times are from.
    pub basis: TimeBasis,
}

/// Where times of a file are from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TimeBasis {
    /// The file table of the volume.
    #[default]
    FileTable,
    /// What a collector wrote down when it copied the file.
    Collector,
}

impl FileTimes {
    /// Seconds by which `created` may lie before `named` without anybody having set it: both are taken from the clock
    /// within one operation.
    const APART_SECS_MAX: i64 = 60;

    /// When the file came to be: by its name, which cannot easily be set, else as it says.
    #[must_use]
    pub fn came(&self) -> Option<Utc> {
        self.named.or(self.created)
    }

    /// Somebody set the time of creation back: it lies before the name came to be there.
    #[must_use]
    pub fn is_set_back(&self) -> bool {
        let apart = self.named.zip(self.created).map(|(named, created)| named.secs_since(created));
        apart.is_some_and(|secs| secs > Self::APART_SECS_MAX)
    }
}

/// One record of a file table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableRecord {
    /// Its number: its place in the table.
    pub number: u64,
    /// How often the number was used.
    pub sequence: u16,
    /// The record continues that of another number.
    pub base: Option<u64>,
    /// The file exists.
    pub in_use: bool,
    /// It is a folder.
    pub is_folder: bool,
    /// Created, modified, record changed: `$STANDARD_INFORMATION`.
    pub times: [Option<Utc>; 3],
    /// Its names, short ones left out where there is a long one.
    pub names: Vec<TableName>,
    /// Bytes of its content, where the record says so.
    pub size: Option<u64>,
    /// Its content, where that is so small that it lies in the record.
    pub content: Option<Box<[u8]>>,
    /// Streams beside its content.
    pub streams: Vec<TableStream>,
}

/// A name of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableName {
    /// Number of the folder.
    pub parent: u64,
    /// The folder's sequence when the name was made.
    pub parent_sequence: u16,
    /// When the name was made: `$FILE_NAME`.
    pub created: Option<Utc>,
    /// As written.
    pub name: Box<str>,
}

/// A stream of a file beside its content.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TableStream {
    /// As written.
    pub name: Box<str>,
    /// Bytes.
    pub size: u64,
    /// Its content, where that lies in the record.
    pub content: Option<Box<[u8]>>,
}

/// A file that a list names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedFile {
    /// Path on the server, as written, with backslashes, from the drive on where that is known.
    pub path: String,
    /// It was deleted; the record is left over.
    pub deleted: bool,
    /// Its times.
    pub times: FileTimes,
    /// Bytes.
    pub size: u64,
    /// Its content, where the list holds it.
    pub content: Option<Box<[u8]>>,
    /// Number of the record, or of the line.
    pub record: u64,
    /// Where that begins.
    pub offset: u64,
}

/// What a list says of the content of a file: the hash that the collector took when it copied it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListedHash {
    /// Path on the server, as written, with backslashes.
    pub path: String,
    /// Where the copy was put, as written; empty where the list does not say so.
    pub copy: String,
    /// Bytes.
    pub size: Option<u64>,
    /// Lower-case hex.
    pub sha256: Option<String>,
    /// Lower-case hex.
    pub sha1: Option<String>,
    /// Lower-case hex.
    pub md5: Option<String>,
    /// Number of the line.
    pub record: u64,
}

#[cfg(test)]
mod tests {
    use super::FileTimes;
    use crate::Utc;

    #[test]
    fn times_that_were_set_back() {
        let at = |text: &str| Utc::parse(text.as_bytes());
        let times =
            |created: &str, named: &str| FileTimes { created: at(created), named: at(named), ..FileTimes::default() };
        let back = times("2019-05-01", "2021-03-03T05:00:00Z");
        assert!(back.is_set_back());
        assert_eq!(back.came(), at("2021-03-03T05:00:00Z"));
        assert!(!times("2021-03-03T05:00:00Z", "2021-03-03T05:00:30Z").is_set_back());
        assert!(!times("2021-03-03T06:00:00Z", "2021-03-03T05:00:00Z").is_set_back());
        let only = FileTimes { created: at("2021-03-03"), ..FileTimes::default() };
        assert_eq!((only.came(), only.is_set_back()), (at("2021-03-03"), false));
    }
}
